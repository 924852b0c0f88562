"""Blends: a tune between two others, in the first one's key, metre and bars.

Conventions:
    The second tune is moved to the first one's tonic, repeated or cut to its bars; bars must be of equal length. The
    bars are cut into cells of half a bar (a whole one where it has no half). Each cell has its own moment in 0..1,
    spread evenly over the tune, at which it goes over from the first tune to the second: well before it the cell
    holds the first tune's notes, well after it the second's, and around it the network writes what joins them (task
    ``fill``). So at 0 a blend is the first tune and at 1 the second, note for note, and on the way cells only ever go
    over in one direction. A blend is a lead sheet: tune and chords, no other parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cocreate.errors import InputError, UnmetError
from cocreate.generate.melody import Draft
from cocreate.generate.plan import key_at_end
from cocreate.generate.request import ANY, MAX_CANDIDATES, Leaning, check_style
from cocreate.generate.tune import TuneRequest, find_tune
from cocreate.generate.variation import vary_bars
from cocreate.model.decoder import Decoder
from cocreate.model.sample import Sampling
from cocreate.model.tokens import merge_chords
from cocreate.music.measures import skyline
from cocreate.music.song import Bar, Chord, Note, Part, Song
from cocreate.music.theory import estimate_key

BAND = 0.16  # of the way on each side of a cell's moment, at most, in which the network writes it


@dataclass(frozen=True, slots=True)
class BlendRequest:
    """What is asked for.

    Args:
        first, second: the songs; their tunes are found, or named by ``part`` and ``second_part`` (from 1).
        at: 0 is the first, 1 the second.
        style: None is the first song's own.
        n: candidates, 1..64.
        leanings: tastes to write near to; candidates take them in turn.
    """

    first: Song
    second: Song
    at: float = 0.5
    part: int | None = None
    second_part: int | None = None
    style: str | None = None
    n: int = 8
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    leanings: tuple[Leaning, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.at <= 1:
            raise InputError(f"at must be in 0..1, got {self.at:g}")
        if not 1 <= self.n <= MAX_CANDIDATES:
            raise InputError(f"n must be in 1..{MAX_CANDIDATES}, got {self.n}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")


def write_blends(net: Decoder, table: Mapping[str, Any], request: BlendRequest) -> tuple[Draft, ...]:
    """``request.n`` blends, in the order they were drawn; at 0 and 1 there is but one.

    Raises:
        InputError: if the style is unknown or a song has no tune.
        UnmetError: if the songs' bars are not of equal length, or do not fit the grid.
    """
    own = request.first.style if request.first.style in table else None
    style = check_style(request.style or own, table)
    one = lead_sheet(request.first, part=request.part)
    other = in_frame_of(lead_sheet(request.second, part=request.second_part), one)
    mixed, runs = mixture(one, other, request.at)
    name = request.first.style or ("" if style == ANY else style)
    if not runs:
        song = replace(mixed, style=name)
        return (Draft(song, style, 0.0, fresh=song.melody.notes, own=song.melody.notes),)
    asked = TuneRequest(
        mixed, runs=runs, style=None if style == ANY else style, n=request.n, seed=request.seed,
        sampling=request.sampling, leanings=request.leanings,
    )  # fmt: skip
    end = mixed.bars()[-1].end_ticks  # one tune after the other: neither makes the blend a copy of what it is itself
    both = (*one.melody.notes, *(replace(n, start_ticks=n.start_ticks + end) for n in other.melody.notes))
    return tuple(
        replace(draft, song=replace(draft.song, style=name), whole=None, fresh=draft.song.melody.notes, own=both)
        for draft in vary_bars(net, table, asked)
    )


def lead_sheet(song: Song, *, part: int | None = None) -> Song:
    """The tune and the chords of a song, its key named.

    Raises:
        InputError: if it has no tune, or no such part.
    """
    tune = find_tune(song, part=part)
    lead = Part(skyline(tune.notes), name="Melody", role="melody", program=tune.part.program)
    end = song.bars()[-1].end_ticks
    alone = replace(song, parts=(lead,), sections=())
    key = replace(alone.key or estimate_key(alone), start_ticks=0)
    chords = tuple(replace(c, length_ticks=min(c.end_ticks, end) - c.start_ticks) for c in song.chords)
    return replace(alone, keys=alone.keys or (key,), chords=chords)


def in_frame_of(song: Song, frame: Song) -> Song:
    """A lead sheet in the key, metre, tempo and bars of another; shorter ones come again, longer ones are cut.

    Raises:
        UnmetError: if a bar is not as long as the one of the frame that it falls on.
    """
    keys = [key_at_end(one) for one in (frame, song)]
    moved = song.transpose(_nearest(song, frame, (keys[0].tonic - keys[1].tonic) % 12))
    here, there = frame.bars(), song.bars()
    end = here[-1].end_ticks
    notes: list[Note] = []
    chords: list[Chord] = []
    for place, bar in enumerate(here):
        source = _facing(place, there, frame_has_pickup=frame.pickup_ticks > 0, has_pickup=song.pickup_ticks > 0)
        if source is None:
            continue
        if source.length_ticks != bar.length_ticks:
            raise UnmetError(
                f"two songs must have bars of equal length to be blended, got {bar.meter} and {source.meter} in bar"
                f" {place + 1}; give songs of one metre"
            )
        shift = bar.start_ticks - source.start_ticks
        notes += [
            replace(n, start_ticks=n.start_ticks + shift, length_ticks=min(n.length_ticks, end - n.start_ticks - shift))
            for n in moved.melody.notes
            if source.start_ticks <= n.start_ticks < source.end_ticks
        ]
        chords += [
            replace(
                c,
                start_ticks=max(c.start_ticks, source.start_ticks) + shift,
                length_ticks=min(c.end_ticks, source.end_ticks) - max(c.start_ticks, source.start_ticks),
            )
            for c in moved.chords
            if c.start_ticks < source.end_ticks and c.end_ticks > source.start_ticks
        ]
    part = replace(moved.melody, notes=_one_voiced(notes))
    return replace(frame, parts=(part,), chords=tuple(chords))


def mixture(one: Song, other: Song, at: float) -> tuple[Song, tuple[tuple[int, int], ...]]:
    """The notes and chords of both at a point of the way, and the runs of ticks that are written anew.

    In these stand the notes of the one that is nearer, for what is written in their place to have their measure.
    """
    if at in (0, 1):
        return replace(
            one, parts=(one.parts if at == 0 else other.parts), chords=(one if at == 0 else other).chords
        ), ()
    cells = _cells(one.bars())
    moments = _moments(len(cells))
    band = min(BAND, at, 1 - at)
    notes: list[Note] = []
    chords: list[Chord] = []
    runs: list[tuple[int, int]] = []
    has_chords = bool(one.chords) and bool(other.chords)
    for (start, end), moment in zip(cells, moments, strict=True):
        source = one if moment > at else other
        notes += [note for note in source.melody.notes if start <= note.start_ticks < end]
        if has_chords:
            chords += _chords_in(source, start, end)
        if abs(moment - at) < band:
            runs.append((start, end))
    part = replace(one.melody, notes=_one_voiced(notes))
    return replace(one, parts=(part,), chords=merge_chords(chords)), tuple(runs)


def _facing(place: int, there: Sequence[Bar], *, frame_has_pickup: bool, has_pickup: bool) -> Bar | None:
    """The bar that falls on bar ``place`` of the frame, full bars on full bars; None on a pickup that it has not."""
    if frame_has_pickup and place == 0:
        return there[0] if has_pickup else None
    full = there[1:] if has_pickup and len(there) > 1 else there
    return full[(place - frame_has_pickup) % len(full)]


def _nearest(song: Song, frame: Song, up: int) -> int:
    """Semitones, ``up`` and some octaves, that bring a tune nearest to where the frame's lies."""
    goal, here = (sum(n.pitch for n in one.melody.notes) / len(one.melody.notes) for one in (frame, song))
    lowest, highest = (f(n.pitch for n in song.melody.notes) for f in (min, max))
    moves = [up + 12 * octaves for octaves in range(-6, 7)]
    fits = [move for move in moves if lowest + move >= 0 and highest + move <= 127]  # noqa: PLR2004 - MIDI's pitches
    return min(fits, key=lambda move: (abs(here + move - goal), abs(move)))


def _cells(grid: Sequence[Bar]) -> list[tuple[int, int]]:
    """First tick and end of each cell: halves of bars that have an even number of beats, else bars."""
    found: list[tuple[int, int]] = []
    for bar in grid:
        half = bar.length_ticks // 2
        if bar.length_ticks % (2 * bar.meter.beat_ticks) == 0:
            found += [(bar.start_ticks, bar.start_ticks + half), (bar.start_ticks + half, bar.end_ticks)]
        else:
            found.append((bar.start_ticks, bar.end_ticks))
    return found


def _moments(count: int) -> list[float]:
    """A moment in 0..1 for each cell, evenly spread, neighbours far apart: the order of bits reversed."""
    bits = max(1, (count - 1).bit_length())
    order = sorted(range(count), key=lambda n: int(f"{n:0{bits}b}"[::-1], 2))
    found = [0.0] * count
    for rank, cell in enumerate(order):
        found[cell] = (rank + 0.5) / count
    return found


def _one_voiced(notes: Sequence[Note]) -> tuple[Note, ...]:
    """The notes in time order, each cut where the next begins."""
    ordered = sorted(notes)
    following = [note.start_ticks for note in ordered[1:]]
    return tuple(
        replace(note, length_ticks=min(note.length_ticks, after - note.start_ticks))
        for note, after in zip(ordered, [*following, 10**9], strict=True)
        if after > note.start_ticks
    )


def _chords_in(song: Song, start: int, end: int) -> list[Chord]:
    return [
        replace(
            c, start_ticks=max(c.start_ticks, start), length_ticks=min(c.end_ticks, end) - max(c.start_ticks, start)
        )
        for c in song.chords
        if c.start_ticks < end and c.end_ticks > start
    ]
