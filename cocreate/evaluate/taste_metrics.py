"""Ranking metrics: of each listener's list, and their means with 95 % intervals.

Conventions:
    Full ranking at ``k``: every item that the listener has not heard is ranked. NDCG has binary gains and the ideal
    list of as many hits as there are; recall is over all held-out items. Novelty is the mean bits of the items shown
    (minus log2 of the share of listeners who have them), diversity one minus the mean cosine of the content of two
    items of a list, coverage the share of rankable items that anybody is shown. Calibration is the mean distance of a
    list's main tags from those of what the listener heard (0 is the same shares). Intervals are 1.96 standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cocreate.taste.recommenders import best, unit_rows
from cocreate.taste.table import Singles

K = 20
_Z = 1.96
_MAIN_TAGS = 50


@dataclass(frozen=True, slots=True)
class Measured:
    """Per-listener values of each metric; coverage is of all lists."""

    values: dict[str, npt.NDArray[np.float64]]
    coverage: float

    def mean(self, name: str) -> float:
        """Mean over the listeners."""
        return self.coverage if name == "coverage" else float(self.values[name].mean())

    def half_width(self, name: str) -> float:
        """Half the 95 % interval of the mean; 0 for coverage."""
        if name == "coverage":
            return 0.0
        found = self.values[name]
        return float(_Z * found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else 0.0


METRICS = (
    "ndcg", "recall", "precision", "f1", "map", "hit", "coverage", "novelty", "diversity", "calibration",
)  # fmt: skip


def measure(
    scores: Singles,
    held: Sequence[npt.NDArray[np.int64]],
    *,
    heard: sp.csr_matrix,
    content: sp.csr_matrix,
    k: int = K,
    spread: bool = False,
) -> Measured:
    """Measure lists by score.

    Args:
        scores: (listeners, items); -inf is never shown.
        held: of each listener the items that are right; listeners with none are left out.
        heard: histories, (listeners, items); for novelty and calibration.
        content: counts of tags, (items, tags).
        spread: give each list's last place to the best item that nobody was shown yet (`with_exposure`).
    """
    lists = best(scores, k)
    if spread:
        lists = with_exposure(scores, lists)
    gains = 1 / np.log2(np.arange(2, k + 2))
    common = -np.log2(np.maximum(1, np.asarray((heard > 0).sum(axis=0)).ravel()) / heard.shape[0])
    facts = unit_rows(content)
    main = np.argsort(-np.asarray(content.sum(axis=0)).ravel(), kind="stable")[:_MAIN_TAGS]
    shares = sp.csr_matrix(content[:, main], dtype=np.float64)
    rows: dict[str, list[float]] = {name: [] for name in METRICS if name != "coverage"}
    for listener, right in enumerate(held):
        if not len(right):
            continue
        shown = lists[listener]
        hits = np.isin(shown, right)
        found, precision = int(hits.sum()), float(hits.mean())
        recall = found / len(right)
        rows["ndcg"].append(float((hits * gains).sum() / gains[: min(k, len(right))].sum()))
        rows["recall"].append(recall)
        rows["precision"].append(precision)
        rows["f1"].append(2 * precision * recall / (precision + recall) if found else 0.0)
        ranks = np.flatnonzero(hits) + 1
        rows["map"].append(float((np.arange(1, found + 1) / ranks).sum() / min(k, len(right))))
        rows["hit"].append(float(found > 0))
        rows["novelty"].append(float(common[shown].mean()))
        alike = np.asarray((facts[shown] @ facts[shown].T).todense())
        rows["diversity"].append(float(1 - (alike.sum() - np.trace(alike)) / (k * (k - 1))))
        own = _shares(shares[heard.indices[heard.indptr[listener] : heard.indptr[listener + 1]]])
        rows["calibration"].append(float(np.abs(_shares(shares[shown]) - own).sum() / 2))
    rankable = int(np.isfinite(scores).any(axis=0).sum())
    return Measured({name: np.array(values) for name, values in rows.items()}, len(np.unique(lists)) / max(1, rankable))


def with_exposure(scores: Singles, lists: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The same lists, but the last place of each goes to the best item for this listener that no list shows yet.

    So that an item nobody has heard is heard by somebody: the price is a twentieth of a list.
    """
    found = lists.copy()
    shown = np.zeros(scores.shape[1], dtype=bool)
    shown[lists[:, :-1]] = True
    for row in range(len(found)):
        open_scores = np.where(shown, -np.inf, scores[row])
        open_scores[found[row, :-1]] = -np.inf
        candidate = int(np.argmax(open_scores))
        if np.isfinite(open_scores[candidate]):
            found[row, -1] = candidate
        shown[found[row, -1]] = True
    return found


def _shares(rows: sp.csr_matrix) -> npt.NDArray[np.float64]:
    total = np.asarray(rows.sum(axis=0)).ravel()
    whole = float(total.sum())
    found: npt.NDArray[np.float64] = total / whole if whole else np.full(total.size, 1 / total.size)
    return found
