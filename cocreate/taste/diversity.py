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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError
from cocreate.taste.events import HeardItem
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import Scorer
from cocreate.taste.table import ItemTable, Singles

if TYPE_CHECKING:
    from cocreate.taste.catalogue import Catalogue

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
    catalogue: Catalogue,
    profile: Profile,
    *,
    left_out: Sequence[int] = (),
    n: int,
    kind: str = "tracks",
    diversity: float = 0.2,
) -> tuple[Choice, ...]:
    """The ``n`` places of a list.

    Args:
        table: that of the catalogue, or another of the same tracks.
        left_out: rows that are not listed.
        kind: tracks, or what is grouped: artists, styles, albums.
        diversity: the dial.

    Raises:
        InputError: if the dial is outside 0..1.
    """
    if not 0.0 <= diversity <= 1.0:
        raise InputError(f"diversity must be in 0..1, got {diversity}")
    values = scorer.values(table)
    values[list(left_out)] = -np.inf
    if kind != "tracks":
        found = _groups(catalogue, values, kind=kind)[:n]
    else:
        pool = _best(values, min(max(_LEAST_POOL, _POOL * n), len(table) - len(left_out)))
        order = _ordered(table, catalogue, values, pool.tolist(), _style_shares(profile), n=n, diversity=diversity)
        found = [_Place(row) for row in order]
    rows = [place.row for place in found]
    told = zip(found, catalogue.items(rows), scorer.explained(table, rows), strict=True)
    return tuple(
        Choice(
            rank,
            item,
            one.value if place.value is None else place.value,
            one.parts,
            one.reason,
            place.name,
            place.tracks,
        )
        for rank, (place, item, one) in enumerate(told, start=1)
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """The track of a place; of a group its best, with the group's own value, name and number of tracks."""

    row: int
    value: float | None = None
    name: str = ""
    tracks: int = 1


def _best(values: Singles, count: int) -> npt.NDArray[np.int64]:
    """The rows of the ``count`` largest values, largest first, equal ones in their order."""
    least = np.partition(values, len(values) - count)[len(values) - count]
    rows = np.flatnonzero(values >= least)
    return rows[np.argsort(-values[rows], kind="stable")[:count]]


def _ordered(
    table: ItemTable,
    catalogue: Catalogue,
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
        nearer = _nearer(shares, styles, {catalogue.styles[row] for row in left})

        def worth(row: int, nearer: Mapping[str, float] = nearer) -> float:
            if not diversity:
                return float(values[row])
            better = nearer[catalogue.styles[row]]
            return float((1 - diversity) * values[row] + diversity * (0.5 * better - 0.5 * nearest[row]))

        best = max(left, key=worth)
        left.remove(best)
        work = catalogue.works[best]
        if nearest[best] >= SAME or (work and catalogue.artists[best] and work in works):
            continue
        chosen.append(best)
        works.add(work)
        styles[catalogue.styles[best]] += 1
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


def _nearer(shares: Mapping[str, float], styles: Counter[str], asked: Iterable[str]) -> dict[str, float]:
    """How much nearer one more track of each style brings a list's styles to the listener's, in shares of the most."""
    size = styles.total()
    terms = {style: _divergence(share, styles[style], size) for style, share in shares.items()}
    before = sum(terms.values())
    terms = {style: _divergence(share, styles[style], size + 1) for style, share in shares.items()}
    found = {}
    for style in asked:
        more = {style: _divergence(shares[style], styles[style] + 1, size + 1)} if style in shares else {}
        found[style] = (before - sum((terms | more).values())) / log(1 / _SMOOTHING)
    return found


def _divergence(share: float, count: int, size: int) -> float:
    """What one style adds to how far a list's styles are from the listener's."""
    own = (1 - _SMOOTHING) * (count / size if size else 0.0) + _SMOOTHING * share
    return share * log(share / own)


def _groups(catalogue: Catalogue, values: Singles, *, kind: str) -> list[_Place]:
    members: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(
        {"artists": catalogue.artists, "styles": catalogue.styles, "albums": catalogue.albums}[kind]
    ):
        if name and values[row] > -np.inf:
            members[name].append(row)
    if not members:
        raise InputError(f"no track of the catalogue says its {kind}; `catalog add --metadata tracks.csv` can")
    ranked = []
    for name, rows in members.items():
        best = sorted(rows, key=lambda row: -values[row])[:_GROUP_TRACKS]
        ranked.append(_Place(best[0], float(np.mean(values[best])), name, len(rows)))
    return sorted(ranked, key=lambda one: (-(one.value or 0.0), one.name))
