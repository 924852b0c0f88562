"""A human feel: notes a hair early or late, and louder where the metre is.

Conventions:
    Onsets move by at most `MOST_TICKS` (of 480 a quarter), never before tick 0 nor past another note of their part that
    came later; velocities follow metric accent. All notes of a part that begin together move together. Words move with
    their note, chord symbols with the melody's where it begins together with them, else with the first part that does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from cocreate.music.song import Note, Part, Song
from cocreate.music.theory import metric_weight

MOST_TICKS = 20
SPREAD_TICKS = {"drums": 4.0, "bass": 5.0}  # standard deviations; who keeps time is steadier
OTHERS_SPREAD_TICKS = 7.0
ACCENT, ACCENT_SPREAD = 5.0, 4.0  # velocity for each level of metric weight; standard deviation of each note's own
_SEED_STEP = 7_919  # from one part's generator to the next


def humanise(song: Song, *, seed: int, keep: Collection[Part] = ()) -> Song:
    """The song as people would play it; the same seed plays the same.

    Args:
        keep: parts that stay as they are; the chords stay with them.
    """
    moves: dict[int, int] = {}  # tick -> the move of what is heard first there
    parts: list[Part] = []
    ordered = sorted(song.parts, key=lambda part: part is not (song.melody if _is_pitched(song) else None))
    played: dict[int, Part] = {}
    for part in ordered:
        if any(part is one for one in keep) or not part.notes:
            played[id(part)] = part
            moves.update({note.start_ticks: 0 for note in part.notes if note.start_ticks not in moves})
            continue
        place = song.parts.index(part)
        played[id(part)] = _played(song, part, np.random.default_rng([seed, _SEED_STEP * place]), moves)
    parts = [played[id(part)] for part in song.parts]
    chords = []
    for place, chord in enumerate(song.chords):
        start = chord.start_ticks + moves.get(chord.start_ticks, 0)
        stop = chord.end_ticks
        if place + 1 < len(song.chords) and song.chords[place + 1].start_ticks == stop:
            stop += moves.get(stop, 0)
        chords.append(replace(chord, start_ticks=start, length_ticks=stop - start))
    return replace(song, parts=tuple(parts), chords=song.chords if keep else tuple(chords))


def _is_pitched(song: Song) -> bool:
    return any(part.role != "drums" for part in song.parts)


def _played(song: Song, part: Part, rng: np.random.Generator, moves: dict[int, int]) -> Part:
    """A part with its onsets moved; ``moves`` learns of ticks that no other part has yet."""
    spread = SPREAD_TICKS.get(part.role, OTHERS_SPREAD_TICKS)
    onsets = sorted({note.start_ticks for note in part.notes})
    grid = song.bars()
    end = grid[-1].end_ticks
    starts = np.array([bar.start_ticks for bar in grid])
    moved: dict[int, int] = {}
    last = -1
    for place, tick in enumerate(onsets):
        step = int(np.clip(round(rng.normal(0, spread)), -MOST_TICKS, MOST_TICKS))
        following = onsets[place + 1] if place + 1 < len(onsets) else end
        here = min(max(tick + step, 0, last + 1), max(tick, following - 1))
        moved[tick] = last = here
        moves.setdefault(tick, here - tick)
    notes = []
    for note in part.notes:
        bar = grid[int(np.searchsorted(starts, note.start_ticks, side="right")) - 1]
        accent = ACCENT * (metric_weight(note.start_ticks - bar.start_ticks, bar.meter) - 1)
        loud = note.velocity + (0.0 if part.role == "drums" else accent) + rng.normal(0, ACCENT_SPREAD)
        start = moved[note.start_ticks]
        stop = min(end, max(start + 1, note.end_ticks + min(0, start - note.start_ticks)))
        if note.end_ticks in moved:  # what was tied on without a gap stays so
            stop = max(start + 1, min(stop, moved[note.end_ticks]) if moved[note.end_ticks] > start else stop)
        notes.append(Note(start, note.pitch, stop - start, int(np.clip(round(loud), 1, 127))))
    words = tuple(replace(word, start_ticks=moved.get(word.start_ticks, word.start_ticks)) for word in part.syllables)
    return replace(part, notes=tuple(notes), syllables=words)
