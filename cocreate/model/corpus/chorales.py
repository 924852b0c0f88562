"""Readers for four-voice chorales kept as grids of 16ths: Bach's (JSB) and machine-made ones (JS Fakes).

Conventions:
    A step is a 16th (120 ticks), tick 0 is taken as a bar line of 4/4: the grids know neither pickups nor metre.
    Held and repeated notes look alike in them, so equal neighbours become one held note, also across bar lines.
    Chords are named from the sounding voices, one look a quarter beat, equal neighbours merged.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cocreate.errors import CocreateError
from cocreate.model.corpus.piece import Piece, split_of
from cocreate.model.corpus.symbols import NO_CHORD, Reading, hold_chords
from cocreate.music.song import TICKS_PER_QUARTER, Chord, Note, Part, Song, Tempo
from cocreate.music.theory import name_chord, with_key

_LOG = logging.getLogger(__name__)

_STEP_TICKS = TICKS_PER_QUARTER // 4
_VOICES = (("Soprano", "melody"), ("Alto", "voice"), ("Tenor", "voice"), ("Bass", "voice"))
_CHOIR_PROGRAM = 52  # General MIDI "choir aahs"
_TEMPO_BPM = 72.0  # an ordinary chorale tempo; the sets give none
_SYNTHETIC_WEIGHT = 0.2
_SPLITS = {"train": "train", "valid": "validation", "test": "test"}

Grid = Sequence[Sequence[int | float]]


def read_jsb_chorales(folder: Path) -> Iterator[Piece]:
    """Bach's chorales in the standard split (Boulanger-Lewandowski 2012); the key is estimated.

    A work is named by its set and number, since the grid has no titles.
    """
    groups: dict[str, list[Grid]] = json.loads((folder / "Jsb16thSeparated.json").read_text(encoding="utf-8"))
    for group, grids in groups.items():
        for index, grid in enumerate(grids):
            title = f"Bach chorale, JSB {group} {index}"
            song = _song_or_none(grid, title=title)
            if song is not None:
                styles = ("chorale", "baroque")
                yield Piece(song, "jsb_chorales", title, title, "public domain", "A", styles, _SPLITS[group])


def read_js_fakes(folder: Path) -> Iterator[Piece]:
    """Machine-made chorales in Bach's manner: synthetic, so their weight is low. The key is estimated."""
    grids: list[Grid] = json.loads((folder / "js_fakes_16th.json").read_text(encoding="utf-8"))["pitches"]
    for index, grid in enumerate(grids):
        title = f"JS Fake {index} (synthetic chorale)"
        song = _song_or_none(grid, title=title)
        if song is not None:
            work = f"js fake {index}"
            split = split_of(work)
            yield Piece(song, "js_fakes", work, title, "CC BY 4.0", "A", ("chorale",), split, weight=_SYNTHETIC_WEIGHT)


def grid_song(grid: Grid, *, title: str) -> Song:
    """A song from one row of four pitches (soprano to bass, -1 is silence) a 16th, with chords and an estimated key.

    Raises:
        InputError: if a row names an impossible pitch.
    """
    voices = tuple(
        Part(tuple(_held([int(row[place]) for row in grid])), name=name, role=role, program=_CHOIR_PROGRAM)
        for place, (name, role) in enumerate(_VOICES)
    )
    chords = chords_of_steps(([int(p) for p in row if p >= 0] for row in grid[::4]), end_ticks=len(grid) * _STEP_TICKS)
    song = Song(parts=voices, tempos=(Tempo(0, _TEMPO_BPM),), chords=chords, title=title, style="chorale")
    return with_key(song)


def chords_of_steps(sounding: Iterable[Sequence[int]], *, end_ticks: int) -> tuple[Chord, ...]:
    """Chords from the pitches that sound on each quarter; where they name none, the chord before goes on."""
    changes: list[tuple[int, Reading]] = []
    for beat, pitches in enumerate(sounding):
        named = name_chord(pitches)
        if named is not None:
            bass = min(pitches) % 12
            changes.append((beat * TICKS_PER_QUARTER, (*named, None if bass == named[0] else bass)))
        elif not pitches:
            changes.append((beat * TICKS_PER_QUARTER, NO_CHORD))
    return hold_chords(changes, end_ticks=end_ticks)


def _song_or_none(grid: Grid, *, title: str) -> Song | None:
    try:
        return grid_song(grid, title=title)
    except (CocreateError, ValueError, TypeError, IndexError) as error:
        _LOG.warning("left out %s: %s", title, error)
        return None


def _held(pitches: Sequence[int]) -> Iterator[Note]:
    begin = 0
    for step in range(1, len(pitches) + 1):
        if step == len(pitches) or pitches[step] != pitches[begin]:
            if pitches[begin] >= 0:
                yield Note(begin * _STEP_TICKS, pitches[begin], (step - begin) * _STEP_TICKS)
            begin = step
