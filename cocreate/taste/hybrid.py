"""The default recommender: what was heard together, where an item was heard; what it is like, where it was not.

Conventions:
    As in `recommenders`. Each part is put on one scale for each listener (mean 0, spread 1 over the items they have not
    heard). The collaborative blend is the mean of its voices: implicit ALS of several sizes and beginnings.
    An item with k listeners is scored by it with weight k / (k + `TRUST`), by content with the rest. Content is the
    kernel regression and, while little is known of the listener, likeness to what they heard. Where there are listeners
    enough to rehearse on, a small network (`neural`) orders the best of the blend anew, by all that the voices say.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cocreate.taste.factors import ImplicitALS
from cocreate.taste.kernel import ContentKernel
from cocreate.taste.neural import Rehearsal, learn_order, order_values, reordered
from cocreate.taste.recommenders import (
    ContentCosine,
    Ease,
    ItemNeighbours,
    Places,
    Recommender,
    Sparse,
    UserNeighbours,
    best,
)
from cocreate.taste.table import Singles

TRUST = 0.5  # listeners at which an item's histories say as much as its content
SIZES = (96, 128, 192)  # factors of each implicit ALS of the blend
CONTENT_IN_WARM = 0.3  # of the content's say where an item was heard
FEW = 10.0  # heard items over which the weight of likeness falls e-fold
NEWCOMER = 3.5  # weight of likeness beside the regression for a newcomer
FEWEST_TO_REHEARSE = 200  # listeners; of fewer the network would learn by heart
FEWEST_HEARD = 10  # items of a listener whose best are ordered by the network
CANDIDATES = 300  # of a listener, which it orders


class Hybrid(Recommender):
    """Implicit ALS, kernel regression on content and content likeness, blended by what is known.

    Args:
        warm: collaborative voices.
        cold: the regression on content.
        neural: whether a network orders the best anew, given `FEWEST_TO_REHEARSE` listeners; doubles the time of a fit.
        witnesses: further voices that the network alone listens to.
        rehearsal: what it learns from; None holds out a fifth of each history. To be given where the content tells who
            heard what (tags), so that it can be described without what is held out.
    """

    name: ClassVar[str] = "hybrid"
    needs_content: ClassVar[bool] = True

    def __init__(
        self,
        *,
        warm: Sequence[Recommender] | None = None,
        cold: ContentKernel | None = None,
        neural: bool = True,
        witnesses: Sequence[Recommender] | None = None,
        rehearsal: Rehearsal | None = None,
    ) -> None:
        super().__init__()
        self.neural, self.rehearsal = neural, rehearsal
        self.warm = [ImplicitALS(factors=size, seed=seed) for seed, size in enumerate(SIZES)] if warm is None else warm
        self.cold = ContentKernel() if cold is None else cold
        self.witnesses = _witnesses() if witnesses is None else witnesses
        self.like = ContentCosine()

    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        assert content is not None
        order = {}
        if self.neural and plays.shape[0] >= FEWEST_TO_REHEARSE:
            order = self._rehearsed(self.rehearsal or Rehearsal.of(plays, content))
        self._fit_voices(plays, content, witnesses=bool(order))
        return {
            "items": np.array(plays.shape[1]), "listeners": np.asarray((plays > 0).sum(axis=0)).ravel(),
            "described": np.log1p(np.asarray(content.sum(axis=1), dtype=np.float32).ravel()),
            **{f"order_{name}": value for name, value in order.items()},
            **{f"{name}{k}": v for name, part in self._parts() for k, v in part.state.items()},
        }  # fmt: skip

    def _fit_voices(self, plays: Sparse, content: Sparse, *, witnesses: bool) -> None:
        self.cold.fit(plays, content)
        self.like.fit(plays, self.cold.facts(sp.csr_matrix(content)))
        for model in (*self.warm, *(self.witnesses if witnesses else ())):
            model.fit(plays)

    def load(self, path: Path) -> Recommender:
        """Read what `save` wrote, all parts."""
        super().load(path)
        for name, part in self._parts():
            part.state = {k.removeprefix(name): v for k, v in self.state.items() if k.startswith(name)}
        self.cold.open_inner()
        return self

    @staticmethod
    def blended(cold: Singles, like: Singles, histories: Sparse) -> Singles:
        """The regression's and the likeness' scores as one; of the items in question alone, which are on one scale."""
        few = _few(histories)[:, None]
        found: Singles = (_on_one_scale(cold) + few * _on_one_scale(like)).astype(np.float32)
        return found

    def _scores(self, histories: Sparse) -> Singles:
        found, voices = self._blend(histories)
        rows = np.flatnonzero(np.diff(histories.indptr) >= FEWEST_HEARD)
        if "order_mean" in self.state and rows.size:
            voices = [voice[rows] for voice in voices]
            candidates, evidence = self._evidence(found[rows], voices, histories[rows])
            heard = histories[rows][np.arange(rows.size)[:, None], candidates].toarray() > 0
            state = {name.removeprefix("order_"): v for name, v in self.state.items() if name.startswith("order_")}
            values = np.where(heard, -np.inf, order_values(state, evidence)).astype(np.float32)
            found[rows] = reordered(found[rows], candidates, values)
        return found

    def _blend(self, histories: Sparse) -> tuple[Singles, list[Singles]]:
        """The blend, and what each voice says: the collaborative ones, the regression, the likeness."""
        warm = [standard(model.score(histories), histories) for model in self.warm]
        cold, like = self.cold.score(histories), self.like.score(histories)
        unheard = standard(self.blended(cold, like, histories), histories)
        heard = np.mean(warm, axis=0, dtype=np.float32)
        listeners = self.state["listeners"].astype(np.float32)
        known = (listeners / (listeners + np.float32(TRUST))).astype(np.float32)
        found: Singles = known * (heard + CONTENT_IN_WARM * unheard) + (1 - known) * unheard
        return found, [*warm, standard(cold, histories), standard(like, histories)]

    def _evidence(self, blend: Singles, voices: Sequence[Singles], histories: Sparse) -> tuple[Places, Singles]:
        """Each listener's best by the blend, (n, C), and what is known of them, witnesses' voices too, (n, C, E)."""
        shown = blend.copy()
        shown[histories.nonzero()] = -np.inf
        counts = np.diff(histories.indptr)
        candidates = best(shown, max(1, min(CANDIDATES, self.items // 2)))
        ranks = np.log1p(np.arange(candidates.shape[1], dtype=np.float32))
        columns = [np.take_along_axis(one, candidates, axis=1) for one in (*voices, blend)]
        columns += [
            np.take_along_axis(standard(model.score(histories), histories), candidates, axis=1)
            for model in self.witnesses
        ]
        columns += [np.log1p(self.state["listeners"])[candidates], self.state["described"][candidates]]
        columns += [np.broadcast_to(some, candidates.shape) for some in (np.log1p(counts)[:, None], ranks)]
        return candidates, np.stack(columns, axis=-1, dtype=np.float32)

    def _rehearsed(self, rehearsal: Rehearsal) -> dict[str, npt.NDArray[Any]]:
        """The network, learned on what models say that were fitted without what was held out."""
        warm, cold, witnesses = deepcopy((self.warm, self.cold, self.witnesses))
        twin = Hybrid(warm=warm, cold=cold, witnesses=witnesses, neural=False)
        twin.fit(rehearsal.left, rehearsal.content)
        for model in witnesses:
            model.fit(rehearsal.left)
        blend, voices = twin._blend(rehearsal.left)
        candidates, evidence = twin._evidence(blend, voices, rehearsal.left)
        long_enough = np.diff(rehearsal.left.indptr) >= FEWEST_HEARD
        wanted = np.array([np.isin(candidates[row], held) for row, held in enumerate(rehearsal.held)])
        return learn_order(evidence, wanted & long_enough[:, None])

    def _contributions(self, history: Sparse, item: int) -> dict[int, float]:
        """Every part is linear but for its scale, which is that of the whole history."""
        known = float(self.state["listeners"][item] / (self.state["listeners"][item] + TRUST))
        cold_share = known * CONTENT_IN_WARM + (1 - known)
        cold, like, few = self.cold.score(history), self.like.score(history), float(_few(history)[0])
        both = self.blended(cold, like, history)
        outer = _spread_of(both, history)
        total: dict[int, float] = dict.fromkeys(map(int, history.indices), 0.0)
        shares: list[tuple[Recommender, float]] = [
            (model, known / len(self.warm) / _spread_of(model.score(history), history)) for model in self.warm
        ]
        shares.append((self.cold, cold_share / outer / _plain_spread(cold)))
        shares.append((self.like, cold_share * few / outer / _plain_spread(like)))
        for part, weight in shares:
            for column, value in part._contributions(history, item).items():  # noqa: SLF001 - our own parts
                total[column] += weight * value
        return total

    def _parts(self) -> list[tuple[str, Recommender]]:
        """Every model with the start of its names in the state."""
        return [*((f"warm{place}_", model) for place, model in enumerate(self.warm)),
                *((f"witness{place}_", model) for place, model in enumerate(self.witnesses)),
                ("cold_", self.cold), ("like_", self.like)]  # fmt: skip


def _witnesses() -> list[Recommender]:
    """Voices that err otherwise than the blend's: bolder and shyer factors, two kinds of EASE, neighbours."""
    bold, shy = ImplicitALS(unheard=0.02, seed=len(SIZES)), ImplicitALS(factors=64, unheard=0.3, seed=len(SIZES) + 1)
    eases = (Ease(ridge=300.0, damping=0.5), Ease(ridge=10.0, damping=0.0))
    return [bold, shy, *eases, ItemNeighbours(), UserNeighbours()]


def standard(scores: Singles, histories: Sparse) -> Singles:
    """Scores with mean 0 and spread 1 over what each listener has not heard."""
    found = np.array(scores, dtype=np.float32)
    for row in range(found.shape[0]):
        own = histories.indices[histories.indptr[row] : histories.indptr[row + 1]]
        mean, spread = _moments(found[row], own)
        found[row] = (found[row] - mean) / spread
    return found


def _on_one_scale(scores: Singles) -> Singles:
    found: Singles = (scores - scores.mean(axis=1, keepdims=True)) / np.maximum(scores.std(axis=1, keepdims=True), 1e-9)
    return found


def _few(histories: Sparse) -> Singles:
    counts = np.diff(histories.indptr).astype(np.float32)
    found: Singles = (NEWCOMER * np.exp(-counts / FEW)).astype(np.float32)
    return found


def _plain_spread(scores: Singles) -> float:
    return max(1e-9, float(scores[0].std()))


def _spread_of(scores: Singles, history: Sparse) -> float:
    return _moments(scores[0], history.indices)[1]


def _moments(row: Singles, own: npt.NDArray[Any]) -> tuple[float, float]:
    count = max(1, row.size - own.size)
    mean = (float(row.sum(dtype=np.float64)) - float(row[own].sum(dtype=np.float64))) / count
    square = (float((row.astype(np.float64) ** 2).sum()) - float((row[own].astype(np.float64) ** 2).sum())) / count
    return mean, max(1e-9, square - mean**2) ** 0.5
