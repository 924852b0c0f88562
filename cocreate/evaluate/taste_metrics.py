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
LEAST_SHOWN = 0.9  # of the items that can be shown, where exposure is spread
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
        spread: give last places to items that nobody was shown yet (`with_exposure`).
    """
    lists = best(scores, k)
    if spread:
        lists = with_exposure(scores, lists)
    coverage = len(np.unique(lists)) / max(1, int(np.isfinite(scores).any(axis=0).sum()))
    gains = 1 / np.log2(np.arange(2, k + 2))
    common = -np.log2(np.maximum(1, np.asarray((heard > 0).sum(axis=0)).ravel()) / heard.shape[0])
    facts = unit_rows(content)
    main = np.argsort(-np.asarray(content.sum(axis=0)).ravel(), kind="stable")[:_MAIN_TAGS]
    shares = sp.csr_matrix(content[:, main], dtype=np.float64)
    with_right = np.array([place for place, right in enumerate(held) if len(right)], dtype=np.int64)
    lists = lists[with_right]
    shown = sp.csr_matrix(
        (np.ones(lists.size), lists.ravel(), np.arange(0, lists.size + 1, k)), shape=(len(lists), scores.shape[1])
    )
    hits = np.array([np.isin(row, held[place]) for row, place in zip(lists, with_right, strict=True)]).reshape(-1, k)
    rights, found = np.array([len(held[place]) for place in with_right]), hits.sum(axis=1)
    most = np.minimum(k, rights)
    recall, precision, counted = found / rights, found / k, hits.cumsum(axis=1) / np.arange(1, k + 1)
    sums = shown @ facts
    whole = np.asarray(sums.multiply(sums).sum(axis=1)).ravel()  # of all pairs' likeness, each item with itself too
    selves = shown @ np.asarray(facts.multiply(facts).sum(axis=1)).ravel()
    own = _shares(np.asarray(((heard > 0).astype(np.float64)[with_right] @ shares).todense()))
    values = {
        "ndcg": (hits * gains).sum(axis=1) / gains.cumsum()[most - 1],
        "recall": recall,
        "precision": precision,
        "f1": 2 * precision * recall / np.maximum(precision + recall, 1e-12),
        "map": (counted * hits).sum(axis=1) / most,
        "hit": (found > 0).astype(np.float64),
        "novelty": common[lists].mean(axis=1),
        "diversity": 1 - (whole - selves) / (k * (k - 1)),
        "calibration": np.abs(_shares(np.asarray((shown @ shares).todense())) - own).sum(axis=1) / 2,
    }
    return Measured(values, coverage)


def with_exposure(
    scores: Singles, lists: npt.NDArray[np.int64], *, least: float = LEAST_SHOWN
) -> npt.NDArray[np.int64]:
    """The same lists, but places go to the best item for this listener that no list shows yet.

    From the last place of each list upwards, until ``least`` of the items that can be shown are: so that what nobody
    has heard is heard by somebody. The price is a twentieth of a list a round.
    """
    found = lists.copy()
    rankable = np.isfinite(scores).any(axis=0)
    counts = np.bincount(found.ravel(), minlength=scores.shape[1])
    wanted = least * int(rankable.sum())
    for place in range(found.shape[1] - 1, 0, -1):
        for row in range(len(found)):
            if (counts > 0).sum() >= wanted:
                return found
            candidate = int(np.argmax(np.where(counts > 0, -np.inf, scores[row])))
            if np.isfinite(scores[row, candidate]) and counts[found[row, place]] > 1:
                counts[found[row, place]] -= 1
                found[row, place] = candidate
                counts[candidate] += 1
    return found


def _shares(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows as shares of their sums; one that is all 0 has even shares."""
    wholes = rows.sum(axis=1, keepdims=True)
    found: npt.NDArray[np.float64] = np.where(wholes > 0, rows / np.maximum(wholes, 1e-12), 1 / rows.shape[1])
    return found
