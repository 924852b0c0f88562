"""In and out: one format family, one file, one outside library."""

from __future__ import annotations

from pathlib import Path

from cocreate.errors import FileError, InputError
from cocreate.music.song import Song

MIDI_SUFFIXES = (".mid", ".midi")
NOTATION_SUFFIXES = (".musicxml", ".xml", ".mxl", ".abc", ".krn")
SUFFIXES = MIDI_SUFFIXES + NOTATION_SUFFIXES


def read_song(path: Path) -> Song:
    """The song in a file, read by what its suffix says (one of ``SUFFIXES``, in any case).

    Raises:
        InputError: if the suffix is unknown.
        FileError: if the file is missing or broken.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"a song file must end in one of {', '.join(SUFFIXES)}, got {path}")
    if not path.is_file():
        raise FileError(f"a song file must exist, but there is no file {path}; check the path")
    if suffix in MIDI_SUFFIXES:
        from cocreate.files.midi import read_midi

        return read_midi(path)
    from cocreate.files.notation import read_notation

    return read_notation(path)
