"""A played song as a copyist writes it: onsets and ends on the nearest sixteenths or triplets, small gaps closed.

Conventions:
    For pages only, since it changes when notes sound. A beat whose notes already stand on thirty-seconds or triplet
    sixteenths stays; in any other each part takes the coarsest grid on which its notes stay apart. Words and chord
    symbols move with their notes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from cocreate.music.song import TICKS_PER_QUARTER, Note, Part, Song

_GRIDS = ((120, 160), (60, 80), (30, 40))  # parts of a quarter note in twos and in threes, coarse first
_WRITTEN = (60, 80)  # what is on one of these was meant so
_TOGETHER_TICKS = 24  # onsets so close are one chord, played by a person
_SMALLEST_REST_TICKS = 60  # a silence no longer than this is how the note before was played
_THREES_BY = 0.7  # triplets must fit so much better


def legible(song: Song) -> Song:
    """The song to print."""
    lines = [tick for bar in song.bars(at_least=1) for tick in range(bar.start_ticks, bar.end_ticks, TICKS_PER_QUARTER)]
    moves: dict[int, int] = {}
    parts = []
    for part in song.parts:
        grids = _grids_of(part, lines)
        starts = {note.start_ticks: _snapped(note.start_ticks, grids, lines) for note in part.notes}
        moves = starts | moves
        notes = [
            replace(
                note,
                start_ticks=(begin := starts[note.start_ticks]),
                length_ticks=_end(note, begin, grids, lines) - begin,
            )
            for note in part.notes
        ]
        words = tuple(replace(w, start_ticks=starts.get(w.start_ticks, w.start_ticks)) for w in part.syllables)
        parts.append(replace(part, notes=tuple(_closed(notes)), syllables=words))
    chords = []
    for chord in song.chords:
        start, end = moves.get(chord.start_ticks, chord.start_ticks), moves.get(chord.end_ticks, chord.end_ticks)
        chords.append(replace(chord, start_ticks=start, length_ticks=max(1, end - start)))
    return replace(song, parts=tuple(parts), chords=tuple(chords))


def _grids_of(part: Part, lines: list[int]) -> dict[int, int]:
    """Quarter note (its place in ``lines``) -> the grid of the part there; 0 leaves what is there as it is."""
    onsets: dict[int, set[int]] = {}
    exact: dict[int, bool] = {}
    for note in part.notes:
        for tick in (note.start_ticks, note.end_ticks):
            quarter, offset = _place(tick, lines)
            exact[quarter] = exact.get(quarter, True) and any(offset % grid == 0 for grid in _WRITTEN)
        quarter, offset = _place(note.start_ticks, lines)
        onsets.setdefault(quarter, set()).add(offset)
    return {quarter: 0 if is_exact else _grid(onsets.get(quarter, set())) for quarter, is_exact in exact.items()}


def _grid(offsets: Iterable[int]) -> int:
    """The coarsest grid that keeps the onsets of a quarter note apart, in twos or in threes, whichever is nearer."""
    apart = sorted(offsets)
    played = sum(b - a > _TOGETHER_TICKS for a, b in pairwise(apart)) + bool(apart)
    for twos, threes in _GRIDS:
        wrong = {grid: sum(abs(_nearest(o, grid) - o) for o in apart) for grid in (twos, threes)}
        best = threes if wrong[threes] < _THREES_BY * wrong[twos] else twos
        if len({_nearest(offset, best) for offset in apart}) >= played:
            return best
    return _GRIDS[-1][0]


def _place(tick: int, lines: list[int]) -> tuple[int, int]:
    quarter = max(0, bisect_right(lines, tick) - 1)
    return quarter, tick - lines[quarter]


def _snapped(tick: int, grids: dict[int, int], lines: list[int]) -> int:
    quarter, offset = _place(tick, lines)
    grid = grids.get(quarter, 0)
    return lines[quarter] + _nearest(offset, grid) if grid else tick


def _end(note: Note, begin: int, grids: dict[int, int], lines: list[int]) -> int:
    end = _snapped(note.end_ticks, grids, lines)
    return end if end > begin else begin + (grids.get(_place(begin, lines)[0], 0) or note.length_ticks)


def _nearest(ticks: int, grid: int) -> int:
    return (2 * ticks + grid) // (2 * grid) * grid


def _closed(notes: list[Note]) -> list[Note]:
    """Notes that end shortly before the next onset of their part end there."""
    onsets = sorted({note.start_ticks for note in notes})
    found = []
    for note in notes:
        place = bisect_right(onsets, note.end_ticks)
        gap = onsets[place] - note.end_ticks if place < len(onsets) else 0
        is_played = 0 < gap <= min(_SMALLEST_REST_TICKS, note.length_ticks // 2)
        found.append(replace(note, length_ticks=note.length_ticks + gap) if is_played else note)
    return found
