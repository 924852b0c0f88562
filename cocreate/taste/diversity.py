"""From scores to a list: nothing twice, not all alike, and styles in the share in which the listener listens.

Conventions:
    One dial, 0 to 1. At 0 the list is sorted by score alone. Above, each place goes to the track with the best sum of
    its score, how unlike it is to the tracks above it (MMR) and how near the list's styles come to the listener's own
    (calibration). Scores themselves never change. A track that is the same as one above it, by its notes or its sound,
    is left out whatever the dial says.

Source:
    Carbonell and Goldstein, MMR, SIGIR 1998. Steck, Calibrated Recommendations, RecSys 2018; we differ: smoothing by
    a tenth of the list's own shares, and the divergence is divided by its largest value.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from cocreate.errors import InputError
from cocreate.taste.events import HeardItem
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import Scorer
from cocreate.taste.table import ItemTable, Singles

SAME = 0.985  # likeness from which two tracks are one
_POOL = 8  # tracks looked at for each place
_LEAST_POOL = 100
_SMOOTHING = 0.1
_GROUP_TRACKS = 3  # an artist is as good as their best three tracks


@dataclass(frozen=True, slots=True)
class Choice:
    """One place of the list; ``item`` is the track, or the best track of an artist, style or album."""

    rank: int
    item: HeardItem
    score: float
    parts: Mapping[str, float]
    reason: str
    group: str = ""
    tracks: int = 1

    def as_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        item = self.item
        found: dict[str, Any] = {
            "rank": self.rank, "title": item.title, "artist": item.artist, "album": item.album, "style": item.style,
            "year": item.year, "path": item.path or None, "id": item.id, "score": round(self.score, 4),
            "parts": {name: round(value, 4) for name, value in self.parts.items()}, "reason": self.reason,
        }  # fmt: skip
        return found | ({"group": self.group, "tracks": self.tracks} if self.group else {})


def choose(
    scorer: Scorer,
    table: ItemTable,
    items: Sequence[HeardItem],
    profile: Profile,
    *,
    n: int,
    kind: str = "tracks",
    diversity: float = 0.2,
) -> tuple[Choice, ...]:
    """The ``n`` places of a list.

    Args:
        table: the columns of ``items``.
        kind: tracks, or what is grouped: artists, styles, albums.
        diversity: the dial.

    Raises:
        InputError: if the dial is outside 0..1.
    """
    if not 0.0 <= diversity <= 1.0:
        raise InputError(f"diversity must be in 0..1, got {diversity}")
    values = scorer.values(table)
    if kind != "tracks":
        return _groups(scorer, table, items, values, kind=kind, n=n)
    pool = np.argsort(-values, kind="stable")[: max(_LEAST_POOL, _POOL * n)]
    order = _ordered(table, items, values, pool.tolist(), _style_shares(profile), n=n, diversity=diversity)
    scores = scorer.explained(table, order)
    return tuple(
        Choice(rank, items[row], one.value, one.parts, one.reason)
        for rank, (row, one) in enumerate(zip(order, scores, strict=True), start=1)
    )


def _ordered(
    table: ItemTable,
    items: Sequence[HeardItem],
    values: Singles,
    pool: list[int],
    shares: Mapping[str, float],
    *,
    n: int,
    diversity: float,
) -> list[int]:
    chosen: list[int] = []
    works: set[str] = set()
    styles: Counter[str] = Counter()
    nearest = dict.fromkeys(pool, 0.0)
    left = list(pool)
    while left and len(chosen) < n:
        gap = _divergence(shares, styles) if shares else 0.0

        def worth(row: int, gap: float = gap) -> float:
            if not diversity:
                return float(values[row])
            better = gap - _divergence(shares, styles + Counter([items[row].style])) if shares else 0.0
            return float((1 - diversity) * values[row] + diversity * (0.5 * better - 0.5 * nearest[row]))

        best = max(left, key=worth)
        left.remove(best)
        if nearest[best] >= SAME or (items[best].work and items[best].artist and items[best].work in works):
            continue
        chosen.append(best)
        works.add(items[best].work)
        styles[items[best].style] += 1
        for row, alike in zip(left, _likeness(table, best, left), strict=True):
            nearest[row] = max(nearest[row], float(alike))
    return chosen


def _likeness(table: ItemTable, row: int, others: Sequence[int]) -> Singles:
    places = np.array(others, dtype=np.int64)
    if not places.size:
        return np.zeros(0, dtype=np.float32)
    return table.some_alike(table.wide[row], table.known[row], places)


def _style_shares(profile: Profile) -> Mapping[str, float]:
    total: dict[str, float] = defaultdict(float)
    for preference in profile.liked:
        if preference.item.style:
            total[preference.item.style] += preference.weight
    whole = sum(total.values())
    return {style: weight / whole for style, weight in total.items()}


def _divergence(shares: Mapping[str, float], styles: Counter[str]) -> float:
    """How far a list's styles are from the listener's, 0 to 1."""
    size = styles.total()
    most = log(1 / _SMOOTHING)
    found = 0.0
    for style, share in shares.items():
        own = (1 - _SMOOTHING) * (styles[style] / size if size else 0.0) + _SMOOTHING * share
        found += share * log(share / own)
    return found / most


def _groups(
    scorer: Scorer, table: ItemTable, items: Sequence[HeardItem], values: Singles, *, kind: str, n: int
) -> tuple[Choice, ...]:
    members: dict[str, list[int]] = defaultdict(list)
    for row, item in enumerate(items):
        name = {"artists": item.artist, "styles": item.style, "albums": item.album}[kind]
        if name:
            members[name].append(row)
    if not members:
        raise InputError(f"no track of the catalogue says its {kind}; `catalog add --metadata tracks.csv` can")
    ranked = []
    for name, rows in members.items():
        best = sorted(rows, key=lambda row: -values[row])[:_GROUP_TRACKS]
        ranked.append((float(np.mean(values[best])), name, best[0], len(rows)))
    ranked.sort(key=lambda one: (-one[0], one[1]))
    scores = scorer.explained(table, [row for _, _, row, _ in ranked[:n]])
    return tuple(
        Choice(rank, items[row], value, one.parts, one.reason, name, tracks)
        for rank, ((value, name, row, tracks), one) in enumerate(zip(ranked[:n], scores, strict=True), start=1)
    )
