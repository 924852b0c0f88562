"""Feel: a quantised song played as by a person, a little early or late and with the metre's accents.

Conventions:
    An onset moves at most ``MOST_TICKS``, which still engraves clean; notes struck together in a part stay together,
    and words and chord symbols move with their note. What is on tick 0 stays there. Lines stay lines: a note that
    ended before the next began still does.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import replace

from cocreate.music.song import Bar, Note, Part, Song

MOST_TICKS = 20
_SPREAD_TICKS = 7.0  # standard deviation, about 7 ms at 120 bpm
_DOWNBEAT, _BEAT, _OFF = 8, 2, -5  # added to the velocity
_UNEVEN = 3  # how much a velocity wavers, either way


def humanise(song: Song, *, seed: int = 0) -> Song:
    """``song`` with feel; the same seed gives the same feel."""
    rng = random.Random(seed)
    bars = song.bars(at_least=1)
    starts = [bar.start_ticks for bar in bars]
    parts: list[Part] = []
    moved: dict[int, int] = {}
    for part in song.parts:
        shifts = {tick: _shift(tick, rng) for tick in sorted({note.start_ticks for note in part.notes})}
        moved = {**shifts, **moved}  # chords go with the first part that has a note there
        notes = tuple(_played(note, shifts, _bar_of(note.start_ticks, bars, starts), rng) for note in part.notes)
        words = tuple(
            replace(word, start_ticks=word.start_ticks + shifts.get(word.start_ticks, 0)) for word in part.syllables
        )
        parts.append(replace(part, notes=_no_new_overlaps(part, notes), syllables=words))
    chords = []
    for chord in song.chords:
        start = chord.start_ticks + moved.get(chord.start_ticks, 0)
        end = max(start + 1, chord.end_ticks + moved.get(chord.end_ticks, 0))
        chords.append(replace(chord, start_ticks=start, length_ticks=end - start))
    return replace(song, parts=tuple(parts), chords=tuple(chords))


def _shift(tick: int, rng: random.Random) -> int:
    return 0 if tick == 0 else max(-min(MOST_TICKS, tick), min(MOST_TICKS, round(rng.gauss(0, _SPREAD_TICKS))))


def _bar_of(tick: int, bars: tuple[Bar, ...], starts: list[int]) -> Bar:
    return bars[max(0, bisect_right(starts, tick) - 1)]


def _played(note: Note, shifts: dict[int, int], bar: Bar, rng: random.Random) -> Note:
    place = note.start_ticks - bar.start_ticks
    accent = _DOWNBEAT if place == 0 else _BEAT if place % bar.meter.beat_ticks == 0 else _OFF
    velocity = max(1, min(127, note.velocity + accent + rng.randint(-_UNEVEN, _UNEVEN)))
    return replace(note, start_ticks=note.start_ticks + shifts[note.start_ticks], velocity=velocity)


def _no_new_overlaps(part: Part, notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """Each note ends before the next onset if it did before; ``notes`` are those of ``part``, one for one."""
    onsets = sorted({(old.start_ticks, new.start_ticks) for old, new in zip(part.notes, notes, strict=True)})
    old_starts = [old for old, _ in onsets]
    found = []
    for old, new in zip(part.notes, notes, strict=True):
        place = bisect_right(old_starts, old.start_ticks)
        length = new.length_ticks
        if place < len(onsets) and old.end_ticks <= old_starts[place]:
            length = max(1, min(length, onsets[place][1] - new.start_ticks))
        found.append(replace(new, length_ticks=length))
    return tuple(found)
