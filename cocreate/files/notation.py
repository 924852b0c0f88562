"""Notation files: MusicXML, ABC and Humdrum kern, in and out.

Conventions:
    MusicXML (.musicxml, .xml, .mxl), ABC (.abc, the first tune) and kern are read by our own lean readers. Each section
    comes once, with its last ending. Tick 0 is a bar line: a pickup is padded on the left. The first part is the
    melody.
    What a format cannot say is lost: velocities in ABC and kern, drums in kern, and a change of tempo or key moves to
    the bar line before it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cocreate.errors import FileError, InputError
from cocreate.files.abc import read_tune, split_tunes
from cocreate.files.abc_write import abc_text
from cocreate.files.kern import kern_song
from cocreate.files.kern_write import kern_text
from cocreate.files.letters import decoded, encoding_of
from cocreate.files.musicxml import load_score, score_song
from cocreate.files.musicxml_write import musicxml_bytes
from cocreate.files.output import write_bytes, write_text
from cocreate.music.song import Song

MUSICXML_ENDINGS = (".musicxml", ".xml", ".mxl")
NOTATION_ENDINGS = (*MUSICXML_ENDINGS, ".abc", ".krn")
MAX_FILE_BYTES = 20_000_000  # scores of whole operas are smaller
MAX_TEXT_BYTES = 2_000_000  # of ABC and kern: ten times the longest tune book that we know


def read_notation(path: Path) -> Song:
    """The song of a notation file, all parts, with chords, words, keys, metres, tempo, sections and pickup.

    Raises:
        FileError: if the file is missing, empty, broken, of another kind, or has no notes.
    """
    ending = path.suffix.lower()
    if ending not in NOTATION_ENDINGS:
        raise FileError(f"a notation file must end in {', '.join(NOTATION_ENDINGS)}, got {path.name}")
    _check(path)
    try:
        song = _read(path, ending)
    except InputError as error:
        raise FileError(f"{path.name} has music that cannot stand: {error}") from error
    except FileError as error:
        if path.name in str(error):
            raise
        raise FileError(f"{path.name} cannot be read: {error}") from error
    return song if song.title else replace(song, title=path.stem)


def write_musicxml(song: Song, path: Path, *, force: bool = False, repeats: bool = False) -> None:
    """Write ``song`` as a plain MusicXML file, whole or not at all; with ``repeats`` what comes twice stands once.

    Raises:
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    write_bytes(path, musicxml_bytes(song, repeats=repeats), force=force)


def write_abc(song: Song, path: Path, *, force: bool = False) -> None:
    """Write ``song`` as an ABC file, whole or not at all.

    Raises:
        FileError: if the file exists and ``force`` is false, or cannot be written.
        InputError: if there is no part.
    """
    write_text(path, abc_text(song), force=force)


def write_kern(song: Song, path: Path, *, force: bool = False) -> None:
    """Write ``song`` as a Humdrum kern file, whole or not at all.

    Raises:
        FileError: if the file exists and ``force`` is false, or cannot be written.
        InputError: if there is no pitched part, or a length is no sum of note values.
    """
    write_text(path, kern_text(song), force=force)


def _check(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror}); check the path") from error
    if path.is_dir():
        raise FileError(f"{path} is a folder; give a file in it")
    most = MAX_FILE_BYTES if path.suffix.lower() in MUSICXML_ENDINGS else MAX_TEXT_BYTES
    if not 0 < size <= most:
        raise FileError(f"a notation file must have 1..{most} bytes, {path.name} has {size}")


def _read(path: Path, ending: str) -> Song:
    if ending in MUSICXML_ENDINGS:
        return score_song(load_score(path))[0]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror}); check the path") from error
    text = decoded(data, encoding_of(data)).removeprefix("\ufeff")
    if ending == ".krn":
        return kern_song(text)
    tunes = split_tunes(text)
    if not tunes:
        raise FileError(f"{path.name} has no ABC tune; a tune needs a K: line")
    return read_tune(tunes[0]).song
