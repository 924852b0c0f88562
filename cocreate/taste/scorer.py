"""THE scorer: the chance that a listener keeps an item, with the parts of each score and a reason a person can read.

Conventions:
    The same object scores catalogue tracks, files and fresh ideas. A score is a calibrated chance in [0, 1]: the
    logistic of a sum of parts in log-odds, of which "base" is how often the listener keeps at all. Parts are told as
    shares of the chance (Aumann and Shapley: along the straight way from the base each part moves the chance in
    proportion to its log-odds), so they add up to the score exactly. A part that is not known is 0. An item's score
    depends on the listener alone, never on the other items in the call.
    Taste counts as e / (e + 3), e being the evidence (the sum of the profile's absolute weights).

Taste:
    With likes and dislikes: a ridge logistic regression on the wide features (both sides weigh the same) and a kernel
    similarity (to the liked minus to the disliked), half each; beside them, and with likes alone, how much likelier an
    item is under a diagonal Gaussian around the liked, shrunk towards the ordinary, than under the ordinary itself,
    each feature by its relevance (`relevance`). With dislikes alone the same around them, turned round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erf, exp, fsum, log, sqrt
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from cocreate.errors import InputError
from cocreate.music.measures import Floats
from cocreate.taste.feature_table import FEATURE_NAMES, FEATURES
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, FeatureVector, scaled
from cocreate.taste.learned import Taste
from cocreate.taste.profile import Profile
from cocreate.taste.reasons import bare_reason, reason_of
from cocreate.taste.table import KERNEL_WIDTH, Item, ItemTable, Singles

if TYPE_CHECKING:
    from cocreate.taste.crowd import Crowd

__all__ = ["PARTS", "WEIGHTS", "Item", "Score", "Scorer", "rerank_diverse", "score", "style_fit"]

PARTS = ("taste", "comments", "words", "crowd", "scene", "style", "quality", "novelty")
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"taste": 1.0, "comments": 1.0, "words": 1.0, "crowd": 1.0, "scene": 1.0, "style": 0.2, "quality": 0.25,
     "novelty": 0.1}
)  # fmt: skip
BASE = "base"
_ODDS = 4.0  # log-odds from the worst to the best of a part that lies in [0, 1] and has weight 1
# log of the mean squared distance of a style's own held-out excerpts: mean and deviation (four styles, 214 excerpts)
_FIT_CENTRE, _FIT_SPREAD = -0.3, 0.36


@dataclass(frozen=True, slots=True)
class Score:
    """How well an item suits: ``value`` in [0, 1] is exactly the ``fsum`` of ``parts``, "base" and `PARTS`."""

    id: str
    value: float
    parts: Mapping[str, float]
    reason: str


class Scorer:
    """The scorer of one listener.

    Args:
        profile: the listener; None or an empty one ranks by style fit, quality and novelty alone.
        style: the style asked for; verdicts on pieces of other named styles then count half.
        scale: how features compare; a checkpoint may carry its own.
        weights: a weight of at least 0 for each of `PARTS`.
        crowd: what the other listeners say to this one; None: there are too few.

    Raises:
        InputError: if a weight is missing or negative, or all are 0.
    """

    def __init__(
        self,
        profile: Profile | None,
        *,
        style: str | None = None,
        scale: FeatureScale = DEFAULT_SCALE,
        weights: Mapping[str, float] = WEIGHTS,
        crowd: Crowd | None = None,
    ) -> None:
        if set(weights) != set(PARTS) or any(weights[part] < 0 for part in PARTS):
            raise InputError(f"weights must give 0 or more for each of {', '.join(PARTS)}, got {dict(weights)}")
        if not any(weights.values()):
            raise InputError("at least one weight must be above 0, got none")
        self.scale, self._weights, self._crowd = scale, weights, crowd
        self.taste = None if profile is None or profile.is_empty else Taste.learn(profile, style=style, scale=scale)

    def log_odds(self, table: ItemTable) -> dict[str, Singles]:
        """The log-odds of each part for each row, (n,); "base" too."""
        found: dict[str, Singles] = {BASE: np.zeros(len(table), dtype=np.float32)}
        if self.taste is None:
            for name in ("taste", "comments", "words"):
                found[name] = np.zeros(len(table), dtype=np.float32)
        else:
            found[BASE] += np.float32(self.taste.base)
            found |= self.taste.log_odds(table)
        known = dict(table.parts)
        known["crowd"] = np.full(len(table), np.nan, np.float32) if self._crowd is None else self._crowd.values(table)
        for name in ("crowd", "scene", "style", "quality", "novelty"):
            found[name] = np.nan_to_num((known[name] - np.float32(0.5)) * np.float32(_ODDS))
        for name in PARTS:
            found[name] = found[name] * np.float32(self._weights[name])
        return found

    def values(self, table: ItemTable) -> Singles:
        """The scores alone, (n,): what ranks a whole catalogue."""
        total = sum(self.log_odds(table).values(), np.zeros(len(table), dtype=np.float32))
        found: Singles = (1.0 / (1.0 + np.exp(-np.clip(total, -30, 30)))).astype(np.float32)
        return found

    def explained(self, table: ItemTable, rows: Sequence[int]) -> tuple[Score, ...]:
        """Score, parts and reason of some rows, in the order given."""
        some = table if len(rows) == len(table) and list(rows) == list(range(len(table))) else _picked(table, rows)
        odds = self.log_odds(some)
        return tuple(self._score(some, place, odds) for place in range(len(some)))

    def score(self, items: Sequence[Item]) -> tuple[Score, ...]:
        """Score items, in the order given; sort by ``-value`` to rank."""
        return self.explained(ItemTable.of(items, self.scale), range(len(items))) if items else ()

    def _score(self, table: ItemTable, place: int, odds: Mapping[str, Singles]) -> Score:
        known = {name: float(odds[name][place]) for name in (BASE, *PARTS)}
        parts = _shares(known)
        if self.taste is None:
            raw = {name: float(table.parts[name][place]) for name in ("style", "quality", "novelty")}
            reason = bare_reason({name: value for name, value in raw.items() if not np.isnan(value)})
        else:
            reason = reason_of(self.taste, table, place, known)
        return Score(table.ids[place], fsum(parts.values()), MappingProxyType(parts), reason)


def score(
    profile: Profile | None,
    items: Sequence[Item],
    *,
    style: str | None = None,
    scale: FeatureScale = DEFAULT_SCALE,
    weights: Mapping[str, float] = WEIGHTS,
    crowd: Crowd | None = None,
) -> tuple[Score, ...]:
    """Score every item for a listener, in the order given: `Scorer` in one call.

    Raises:
        InputError: if a weight is missing or negative, or all are 0.
    """
    return Scorer(profile, style=style, scale=scale, weights=weights, crowd=crowd).score(items)


def style_fit(vector: FeatureVector, reference_mean: Sequence[float], reference_sd: Sequence[float]) -> float:
    """How well a tune fits a style, in [0, 1]: about the share of the style's own tunes that lie further out.

    The mean squared distance in standard deviations (each feature cut at 3) is set against the usual one of the
    style's own excerpts, as a percentile of a log-normal distribution that we fitted to held-out pieces.

    Args:
        vector: the tune.
        reference_mean: mean of each feature in the style, in the order of ``FEATURE_NAMES``.
        reference_sd: its standard deviation; one below a tenth of the built-in spread is raised to that.

    Raises:
        InputError: if the reference has more features than there are, or none.
    """
    raw = np.array([vector.values], dtype=np.float64)  # None is nan
    return float(style_fits(raw, reference_mean, reference_sd)[0])


def style_fits(raw: Floats, reference_mean: Sequence[float], reference_sd: Sequence[float]) -> Floats:
    """The same for many tunes, (n, F), ``nan`` where not known. Shape (n,)."""
    count = len(reference_mean)  # features are only ever added at the end: an older reference knows the first ones
    if not 0 < count == len(reference_sd) <= len(FEATURE_NAMES):
        raise InputError(f"a style reference must have {len(FEATURE_NAMES)} means and deviations, got {count}")
    spread = np.maximum(np.array(reference_sd), 0.1 * np.array([f.spread for f in FEATURES[:count]]))
    distances = np.clip((raw[:, :count] - np.array(reference_mean)) / spread, -3, 3) ** 2
    known = ~np.isnan(distances)
    means = np.empty(len(raw))
    marks, size = np.packbits(known, axis=1).tobytes(), -(-count // 8)
    kinds: dict[bytes, list[int]] = defaultdict(list)  # those of which the same is known: added up in one order
    for place in range(len(raw)):
        kinds[marks[place * size : (place + 1) * size]].append(place)
    for rows in kinds.values():
        means[rows] = np.ascontiguousarray(distances[rows][:, known[rows[0]]]).mean(axis=1)
    far = [(log(max(1e-6, mean)) - _FIT_CENTRE) / _FIT_SPREAD for mean in means.tolist()]
    root = sqrt(2.0)
    return np.array([0.5 * (1.0 - erf(one / root)) for one in far])


def rerank_diverse(
    scores: Sequence[Score],
    vectors: Mapping[str, FeatureVector],
    *,
    strength: float = 0.3,
    scale: FeatureScale = DEFAULT_SCALE,
) -> tuple[Score, ...]:
    """The same scores in a new order: best first, but what is like an earlier one waits (greedy MMR).

    Each step takes the item with the largest ``(1 - strength) * value - strength * nearness``, nearness in [0, 1]
    being that to the most similar item taken so far. Scores themselves do not change.

    Args:
        scores: what to order.
        vectors: item id to features; an item without is near to nothing.
        strength: 0 sorts by value alone, 1 looks at variety alone.
        scale: how features compare.

    Raises:
        InputError: if ``strength`` is outside 0..1.

    Source:
        Carbonell and Goldstein, The Use of MMR, Diversity-Based Reranking, SIGIR 1998.
    """
    if not 0.0 <= strength <= 1.0:
        raise InputError(f"strength must be in 0..1, got {strength}")
    left = sorted(scores, key=lambda one: -one.value)
    points = {one.id: scaled(vectors[one.id], scale) for one in left if one.id in vectors}
    nearest = dict.fromkeys((one.id for one in left), 0.0)
    chosen: list[Score] = []
    while left:
        best = max(left, key=lambda one: (1 - strength) * one.value - strength * nearest[one.id])
        left.remove(best)
        chosen.append(best)
        if best.id in points:
            for one in left:
                if one.id in points:
                    gap = float(((points[one.id] - points[best.id]) ** 2).mean())
                    nearest[one.id] = max(nearest[one.id], exp(-gap / KERNEL_WIDTH))
    return tuple(chosen)


def _shares(odds: Mapping[str, float]) -> dict[str, float]:
    """Log-odds as shares of the chance that add up to it."""
    start = _logistic(odds[BASE])
    moved = fsum(odds[name] for name in PARTS)
    slope = start * (1 - start) if abs(moved) < 1e-9 else (_logistic(odds[BASE] + moved) - start) / moved  # noqa: PLR2004
    return {BASE: start} | {name: slope * odds[name] for name in PARTS}


def _logistic(odds: float) -> float:
    return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, odds))))


def _picked(table: ItemTable, rows: Sequence[int]) -> ItemTable:
    places = np.array(rows, dtype=np.int64)
    return ItemTable.of_arrays(
        [table.ids[i] for i in rows], table.wide[places], table.known[places], table.vocabulary, table.words[places],
        {name: column[places] for name, column in table.parts.items()},
    )  # fmt: skip
