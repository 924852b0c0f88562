"""Notation files: MusicXML, ABC and Humdrum kern, in and out.

Conventions:
    MusicXML (.musicxml, .xml, .mxl) and ABC (.abc, the first tune) are read by our own lean readers; kern goes through
    music21, which is imported only then. Each section comes once, with its last
    ending. Tick 0 is a bar line: a pickup is padded on the left. The first part is the melody.
    What a format cannot say is lost: velocities in ABC and kern, drums in kern, and a change of tempo or key moves to
    the bar line before it.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from cocreate.errors import FileError, InputError
from cocreate.files.abc import read_tune, split_tunes
from cocreate.files.abc_write import abc_text
from cocreate.files.kern_write import kern_text
from cocreate.files.letters import decoded, encoding_of
from cocreate.files.musicxml import load_score, score_song
from cocreate.files.musicxml_write import musicxml_bytes
from cocreate.files.output import write_bytes, write_text
from cocreate.music.song import Song

MUSICXML_ENDINGS = (".musicxml", ".xml", ".mxl")
NOTATION_ENDINGS = (*MUSICXML_ENDINGS, ".abc", ".krn")
MAX_FILE_BYTES = 20_000_000  # scores of whole operas are smaller
MAX_KERN_TOKENS = 4_000  # seconds of music21; a chorale has five hundred
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
    if ending == ".krn":
        return _through_music21(path)
    if ending == ".abc":
        return _read_abc(path)
    return score_song(load_score(path))[0]


def _read_abc(path: Path) -> Song:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror}); check the path") from error
    text = decoded(data, encoding_of(data)).removeprefix("\ufeff")
    tunes = split_tunes(text)
    if not tunes:
        raise FileError(f"{path.name} has no ABC tune; a tune needs a K: line")
    return read_tune(tunes[0]).song


def _through_music21(path: Path) -> Song:
    """Read by music21, handed over as MusicXML."""
    _check_kern(path)
    import music21

    talk = io.StringIO()  # it reports what it cannot read on standard error and goes on
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.redirect_stderr(talk):
        warnings.simplefilter("ignore")  # music21 warns about its own internals
        target = Path(folder) / "score.musicxml"
        try:
            score = music21.converter.parse(path, forceSource=True, storePickle=False)
            score.write("musicxml", fp=target)
        except (music21.exceptions21.Music21Exception, *_MUSIC21_SLIPS) as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise FileError(f"{path.name} cannot be read as {path.suffix[1:]}: {reason}") from error
        return replace(score_song(load_score(target))[0], title=_own_title(score))


def _check_kern(path: Path) -> None:
    """Refuse what would keep music21 busy for minutes: it takes a millisecond and more for each token."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror}); check the path") from error
    tokens = data.count(b"\t") + data.count(b"\n")
    if tokens > MAX_KERN_TOKENS:
        raise FileError(f"a kern file must have at most {MAX_KERN_TOKENS} tokens, {path.name} has {tokens}; split it")
    if b"**kern" not in data or data.count(b"**kern\n") > 1:
        raise FileError(f"{path.name} is no kern file: it must begin its spines with **kern, once; export it again")


def _own_title(score: Any) -> str:
    metadata = score.metadata
    return (metadata.title or "") if metadata is not None else ""


# what music21 lets slip from inside when a file is broken
_MUSIC21_SLIPS = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError, OSError)
