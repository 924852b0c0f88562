"""From what is known of an item to who will like it: kernel ridge regression on content, for items nobody has heard.

Conventions:
    As in `recommenders`. Content is raw counts, items x facts (how often a tag was given). The regression learns, for
    each listener, their column over the items that were heard; the column is first completed by a collaborative model,
    which says of the items they did not hear how much they would have (`smooth`). A listener that was never met is the
    same sum with their own column: nothing is fitted again.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.linalg as sl
import scipy.sparse as sp

from cocreate.errors import InputError
from cocreate.taste.recommenders import Ease, Places, Recommender, Sparse, pack, unit_rows, unpack
from cocreate.taste.table import Singles

MOST_ITEMS = 8_000  # heard items with content that a kernel matrix is made of; the most heard
_RARE = 0.5  # power of the inverse frequency of a fact
_COUNT_WEIGHT, _ANY_WEIGHT = 0.2, 0.3  # of how much, and whether anything, is known
OWN_TRUST = 15.0  # likes at which a history counts half beside what the collaborative model makes of it
_CHUNK = 2_000


class ContentKernel(Recommender):
    """Kernel ridge regression from facts to listeners."""

    name: ClassVar[str] = "content kernel"
    needs_content: ClassVar[bool] = True

    def __init__(
        self, *, width: float = 0.8, ridge: float = 0.5, smooth: float = 3.0, inner: Recommender | None = None
    ):
        super().__init__()
        self.width, self.ridge, self.smooth = width, ridge, smooth
        self.inner = Ease() if inner is None else inner

    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        assert content is not None
        listeners = np.asarray((plays > 0).sum(axis=0)).ravel()
        heard = np.flatnonzero((listeners > 0) & (np.diff(sp.csr_matrix(content).indptr) > 0))
        if not heard.size:
            raise InputError("content regression needs at least one heard item with content, got none")
        if heard.size > MOST_ITEMS:
            heard = np.sort(heard[np.argsort(-listeners[heard], kind="stable")[:MOST_ITEMS]])
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
            self.inner.fit(plays)
            spread = float(self.inner.score(plays[: min(512, plays.shape[0])]).std())
            own = float(np.asarray(plays[: min(512, plays.shape[0])].todense()).std())
            state["smoothing"] = np.array(self.smooth * own / max(spread, 1e-9), dtype=np.float32)
            state |= {f"inner_{name}": value for name, value in self.inner.state.items()}
        return state

    def load(self, path: Any) -> Recommender:
        """Read what `save` wrote, the inner model too."""
        super().load(path)
        self.open_inner()
        return self

    def open_inner(self) -> None:
        """Hand the inner model its part of the state."""
        own = {name: value for name, value in self.state.items() if name.startswith("inner_")}
        self.inner.state = {name.removeprefix("inner_"): value for name, value in own.items()}

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
        if "smoothing" in self.state:
            counts = np.diff(histories.indptr)[:, None].astype(np.float32)
            wanted = wanted * (counts / (counts + OWN_TRUST))  # few likes say less than what is completed from them
            wanted = wanted + float(self.state["smoothing"]) * self.inner.score(histories)[:, self.state["heard"]]
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

    def reach(self, weights: Singles) -> Singles:
        """Scores of all items by `weights`. Shape (histories, items)."""
        rows = unpack("facts", self.state)
        known = rows[self.state["heard"]]
        found = np.empty((weights.shape[1], rows.shape[0]), dtype=np.float32)
        for first in range(0, rows.shape[0], _CHUNK):
            part = slice(first, first + _CHUNK)
            found[:, part] = (self._kernel(rows[part], known) @ weights).T
        return found

    def _scores(self, histories: Sparse) -> Singles:
        return self.reach(self.weights(histories))

    def _kernel(self, some: Sparse, others: Sparse) -> Singles:
        squares = [np.asarray(m.multiply(m).sum(axis=1)).ravel().astype(np.float32) for m in (some, others)]
        gaps = np.asarray((some @ others.T).todense(), dtype=np.float32)
        gaps *= -2.0
        gaps += squares[0][:, None]
        gaps += squares[1][None, :]
        gaps *= -self.width
        found: Singles = np.exp(gaps, out=gaps)
        return found
