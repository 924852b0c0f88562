"""Does `vary --amount` do what it says? The more is asked for, the farther a variation lies from the tune.

Conventions:
    Of each held-out piece the tune is varied in the middle half of its first bars, with amounts from 0 to 1. A distance
    is the edit distance of the two lines, notes as (onset, pitch), as a share of the tune's notes there. *Spearman* is
    the rank correlation of amount and distance in one piece; *untouched* the share of variations in which every note
    outside the bars is the same to the tick and the velocity.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from cocreate.errors import InputError, UnmetError
from cocreate.evaluate.partner_requests import usable
from cocreate.generate.tune import TuneRequest, find_tune
from cocreate.generate.variation import vary_bars
from cocreate.model.corpus.piece import Piece
from cocreate.model.decoder import Decoder
from cocreate.music.measures import Floats
from cocreate.music.song import Note, Song

AMOUNTS = tuple(round(0.1 * step, 1) for step in range(11))
BARS = 16


@dataclass(frozen=True, slots=True)
class VaryReport:
    """``spearman`` by style; ``distances`` by amount, means over all pieces; ``untouched`` is a share in [0, 1]."""

    pieces: int
    spearman: Mapping[str, float]
    distances: Mapping[float, float]
    untouched: float
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def evaluate_vary(
    net: Decoder,
    table: Mapping[str, Any],
    pieces: Sequence[Piece],
    *,
    each: int = 1,
    seed: int = 0,
    watch: Callable[[str], None] = lambda _doing: None,
) -> VaryReport:
    """Vary held-out tunes by every amount.

    Args:
        table: the checkpoint's ``styles.json``.
        each: at most so many pieces of a style, evenly spread.

    Raises:
        InputError: if no piece is long enough.
    """
    began = time.monotonic()
    groups: dict[str, list[Piece]] = {}
    excerpts = (replace(piece, song=piece.song.slice_bars(0, min(BARS, len(piece.song.bars())))) for piece in pieces)
    for piece in usable(excerpts):
        groups.setdefault(piece.styles[0], []).append(piece)
    if not groups:
        raise InputError("variations need held-out pieces of some bars, got none")
    spearman: dict[str, float] = {}
    curves: list[Floats] = []
    same: list[bool] = []
    for style, group in sorted(groups.items()):
        watch(f"varying {style}")
        found: list[float] = []
        for piece in group[:: max(1, -(-len(group) // each))]:
            try:
                curve, stays = _curve(net, table, piece, seed=seed)
            except UnmetError:
                continue
            curves.append(curve)
            same += stays
            found.append(rank_correlation(np.array(AMOUNTS), curve))
        if found:
            spearman[style] = round(float(np.mean(found)), 3)
    if not curves:
        raise InputError("variations need held-out pieces whose tune can be varied, got none")
    means = np.mean(curves, axis=0)
    return VaryReport(
        len(curves),
        spearman,
        {amount: round(float(value), 3) for amount, value in zip(AMOUNTS, means, strict=True)},
        float(np.mean(same)),
        round(time.monotonic() - began, 1),
    )


def format_vary(report: VaryReport) -> str:
    """The report as plain text."""
    lines = [
        (
            f"Variations of {report.pieces} held-out tunes: notes outside the bars untouched in {report.untouched:.1%},"
            f" {report.seconds:.0f} s"
        ),
        "amount      " + "".join(f"{amount:>7.1f}" for amount in report.distances),
        "distance    " + "".join(f"{value:>7.3f}" for value in report.distances.values()),
        "Spearman    " + ", ".join(f"{style} {value:.2f}" for style, value in report.spearman.items()),
    ]
    return "\n".join(lines)


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's rank correlation, in [-1, 1]; ties share their mean rank; 0.0 where one side is constant."""
    a, b = (_ranks(values) - (len(values) - 1) / 2 for values in (first, second))
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale else 0.0


def edit_distance(first: Sequence[object], second: Sequence[object]) -> int:
    """Fewest insertions, deletions and replacements that lead from one to the other."""
    row = list(range(len(second) + 1))
    for place, one in enumerate(first, start=1):
        before, row[0] = row[0], place
        for at, other in enumerate(second, start=1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (one != other))
    return row[-1]


def _curve(net: Decoder, table: Mapping[str, Any], piece: Piece, *, seed: int) -> tuple[Floats, list[bool]]:
    """The distance at each amount, and whether all else stayed."""
    song = piece.song
    lowest, count = 0 if song.pickup_ticks else 1, len(song.bars())
    first, last = count // 4, max(count // 4, count - count // 4 - 1)
    start, end = song.bars()[first].start_ticks, song.bars()[last].end_ticks
    own = _inside(find_tune(song).notes, start, end)
    distances: list[float] = []
    same: list[bool] = []
    for amount in AMOUNTS:
        request = TuneRequest(song, bars=(first + lowest, last + lowest), amount=amount, n=1, seed=seed)
        (draft,) = vary_bars(net, table, request)
        whole = draft.whole or draft.song
        distances.append(edit_distance(own, _inside(draft.fresh, start, end)) / len(own))
        same.append(_outside(whole, start, end) == _outside(song, start, end))
    return np.array(distances), same


def _inside(notes: Sequence[Note], start: int, end: int) -> list[tuple[int, int]]:
    return sorted((note.start_ticks, note.pitch) for note in notes if start <= note.start_ticks < end)


def _outside(song: Song, start: int, end: int) -> list[tuple[Note, ...]]:
    return [
        tuple(note for note in part.notes if number or not start <= note.start_ticks < end)
        for number, part in enumerate(sorted(song.parts, key=lambda part: part is not song.melody))
    ]


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    lowest = np.cumsum(counts) - counts
    return np.asarray((lowest + (counts - 1) / 2)[place], dtype=np.float64)
