"""From what is known of an item to who will like it: kernel ridge regression on content, for items nobody has heard.

Conventions:
    As in `recommenders`. Content is raw counts, items x facts (how often a tag was given). The regression learns, for
    each listener, their column over the items that were heard; the column is first completed by collaborative models,
    which say of the items they did not hear how much they would have (`smooth`). A listener that was never met is the
    same sum with their own column: nothing is fitted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.linalg as sl
import scipy.sparse as sp

from cocreate.errors import InputError
from cocreate.taste.factors import ImplicitALS
from cocreate.taste.recommenders import Ease, Places, Recommender, Sparse, pack, unit_rows, unpack
from cocreate.taste.table import Singles

MOST_ITEMS = 8_000  # of a kernel matrix of 0.26 GB
_RARE = 0.25  # power of the inverse frequency of a fact
_COUNT_WEIGHT, _ANY_WEIGHT = 0.2, 0.3  # of how much, and whether anything, is known
OWN_TRUST = 15.0  # likes at which a history counts half beside what the collaborative model makes of it
_CHUNK = 2_000


class ContentKernel(Recommender):
    """Kernel ridge regression from facts to listeners, the kernel a polynomial: pairs and triples of facts count too.

    Args:
        power: of the polynomial ((1 + x·y) / 2) ^ power; 1 is linear.
        ridge: added to the kernel's diagonal.
        smooth: spreads of a listener's own column that what completes it is worth, shared evenly among ``inner``.
        most: heard items with content that it learns from; the most heard.
        inner: what completes a column; by default EASE and implicit ALS.
    """

    name: ClassVar[str] = "content kernel"
    needs_content: ClassVar[bool] = True

    def __init__(
        self,
        *,
        power: int = 3,
        ridge: float = 0.5,
        smooth: float = 4.0,
        most: int = MOST_ITEMS,
        inner: Sequence[Recommender] | None = None,
    ) -> None:
        super().__init__()
        self.power, self.ridge, self.smooth, self.most = power, ridge, smooth, most
        self.inner = (Ease(), ImplicitALS()) if inner is None else tuple(inner)

    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        assert content is not None
        listeners = np.asarray((plays > 0).sum(axis=0)).ravel()
        heard = np.flatnonzero((listeners > 0) & (np.diff(sp.csr_matrix(content).indptr) > 0))
        if not heard.size:
            raise InputError("content regression needs at least one heard item with content, got none")
        if heard.size > self.most:
            heard = np.sort(heard[np.argsort(-listeners[heard], kind="stable")[: self.most]])
        counts = np.asarray((content[heard] > 0).sum(axis=0)).ravel()
        useful = np.flatnonzero(counts >= min(2, heard.size))
        rare = (np.log(content.shape[0] / np.maximum(1, counts[useful])) ** _RARE).astype(np.float32)
        state: dict[str, npt.NDArray[Any]] = {
            "items": np.array(plays.shape[1]), "heard": heard, "useful": useful, "rare": rare,
        }  # fmt: skip
        self.state = state  # `facts` looks there
        rows = self.facts(sp.csr_matrix(content))
        state |= pack("facts", rows)
        gram = self._kernel(rows[heard], rows[heard])
        gram[np.arange(len(gram)), np.arange(len(gram))] += self.ridge
        state["factor"] = sl.cholesky(gram, lower=True, overwrite_a=True, check_finite=False)
        if self.smooth:
            some = plays[: min(512, plays.shape[0])]
            own = float(np.asarray(some.todense()).std())
            for place, model in enumerate(self.inner):
                spread = float(model.fit(plays).score(some).std())
                share = self.smooth / len(self.inner) * own / max(spread, 1e-9)
                state |= {f"inner{place}_{name}": value for name, value in model.state.items()}
                state[f"smoothing{place}"] = np.array(share, dtype=np.float32)
        return state

    def load(self, path: Any) -> Recommender:
        """Read what `save` wrote, the inner models too."""
        super().load(path)
        self.open_inner()
        return self

    def open_inner(self) -> None:
        """Hand each inner model its part of the state."""
        for place, model in enumerate(self.inner):
            name = f"inner{place}_"
            model.state = {key.removeprefix(name): v for key, v in self.state.items() if key.startswith(name)}

    def facts(self, content: Sparse) -> Sparse:
        """Counts as the kernel reads them: damped, rare facts more, unit length, and how much is known at all."""
        some = sp.csr_matrix(content[:, self.state["useful"]], dtype=np.float32)
        total = np.asarray(some.sum(axis=1)).ravel()
        some.data = np.log1p(some.data)
        some = unit_rows(sp.csr_matrix(some @ sp.diags(self.state["rare"])))
        more = np.stack([np.log1p(total) * _COUNT_WEIGHT, (total > 0) * _ANY_WEIGHT], axis=1).astype(np.float32)
        return sp.csr_matrix(sp.hstack([some, sp.csr_matrix(more)]), dtype=np.float32)

    def weights(self, histories: Sparse) -> Singles:
        """What each heard item's kernel counts for each listener. Shape (heard, histories)."""
        wanted = np.asarray(histories[:, self.state["heard"]].todense(), dtype=np.float32)
        if self.smooth:
            counts = np.diff(histories.indptr)[:, None].astype(np.float32)
            wanted *= counts / (counts + OWN_TRUST)  # few likes say less than what is completed from them
            for place, model in enumerate(self.inner):
                wanted += float(self.state[f"smoothing{place}"]) * model.score(histories)[:, self.state["heard"]]
        found: Singles = sl.cho_solve(
            (self.state["factor"], True), wanted.T, overwrite_b=True, check_finite=False
        ).astype(np.float32)
        return found

    def score_as(self, weights: Singles, who: Places, content: Sparse) -> Singles:
        """Scores of items described anew: row k of ``content`` for listener ``who[k]`` of ``weights``. Shape (k,)."""
        rows, known = self.facts(content), unpack("facts", self.state)[self.state["heard"]]
        found = np.zeros(len(who), dtype=np.float32)
        for first in range(0, len(who), _CHUNK):
            part = slice(first, first + _CHUNK)
            found[part] = np.einsum("kh,hk->k", self._kernel(rows[part], known), weights[:, who[part]])
        return found

    def reach(self, weights: Singles, items: Places | None = None) -> Singles:
        """Scores by `weights` of some items, in order; None for all. Shape (histories, items)."""
        rows = unpack("facts", self.state)
        known = rows[self.state["heard"]]
        asked = rows if items is None else rows[items]
        if self.power == 1:  # the sums change places: no kernel matrix is made
            plain: Singles = (asked @ self.fact_weights(weights) + 0.5 * weights.sum(axis=0)).T
            return plain
        found = np.empty((weights.shape[1], asked.shape[0]), dtype=np.float32)
        for first in range(0, asked.shape[0], _CHUNK):
            part = slice(first, first + _CHUNK)
            found[:, part] = (self._kernel(asked[part], known) @ weights).T
        return found

    def fact_weights(self, weights: Singles) -> Singles:
        """What each column of `facts` counts by `weights`, where ``power`` is 1. Shape (facts, histories).

        Scores are facts times these, but for what is added to all.

        Raises:
            InputError: if the kernel is not linear.
        """
        if self.power != 1:
            raise InputError(f"only a linear kernel has a weight for each fact, got power {self.power}")
        known = unpack("facts", self.state)[self.state["heard"]]
        found: Singles = 0.5 * (known.T @ weights)
        return found

    def _scores(self, histories: Sparse) -> Singles:
        return self.reach(self.weights(histories))

    def _kernel(self, some: Sparse, others: Sparse) -> Singles:
        found = np.asarray((some @ others.T).todense(), dtype=np.float32)
        found += 1.0
        found *= 0.5
        raised: Singles = found.copy()
        for _ in range(self.power - 1):
            raised *= found
        return raised
