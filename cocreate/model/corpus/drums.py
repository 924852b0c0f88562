"""Reader for the Groove MIDI Dataset: drummers on an electronic kit, played to a metronome.

Conventions:
    Performed ticks are kept, rescaled to 480 a quarter: the swing is the point. Tick 0 is the first beat of the click.
    The split is the set's own.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from pathlib import Path

from cocreate.errors import CocreateError, FileError
from cocreate.model.corpus.piece import Piece
from cocreate.music.song import TICKS_PER_QUARTER, Note, Part, Song, Tempo
from cocreate.music.theory import parse_meter

_LOG = logging.getLogger(__name__)
_BROKEN = (CocreateError, OSError, ValueError, TypeError, KeyError, IndexError, RuntimeError)


def read_groove_midi(folder: Path) -> Iterator[Piece]:
    """Drum performances with style and tempo; fills count as pieces of their own.

    A work is one performance: the same drummer plays many in one style, and no two are the same.
    """
    with (folder / "info.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        try:
            song = _song(folder / row["midi_filename"], row)
        except _BROKEN as error:
            _LOG.warning("groove_midi: left out %s: %s", row.get("midi_filename"), error)
            continue
        styles = tuple(word for word in row["style"].split("/") if not word.startswith("groove"))
        name = f"{row['style']} {row['beat_type']} at {row['bpm']} bpm by {row['drummer']}"
        work = f"groove {row['id']}"
        yield Piece(song, "groove_midi", work, name, "CC BY 4.0", "A", styles, row["split"])


def _song(path: Path, row: dict[str, str]) -> Song:
    import symusic  # the same C++ reader as for POP909

    score = symusic.Score(path)
    rate = TICKS_PER_QUARTER / score.ticks_per_quarter
    notes = tuple(
        Note(round(note.time * rate), note.pitch, max(1, round(note.duration * rate)), max(1, note.velocity))
        for track in score.tracks
        for note in track.notes
    )
    if not notes:
        raise FileError(f"a groove must have notes, got none in {path.name}")
    return Song(
        parts=(Part(notes, name="Drums", role="drums"),),
        meters=(parse_meter(row["time_signature"].replace("-", "/")),),
        tempos=(Tempo(0, float(row["bpm"])),),
        title=f"{row['style']} {row['beat_type']}",
        style=row["style"].partition("/")[0],
    )
