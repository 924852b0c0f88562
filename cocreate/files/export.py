"""One song, any file: what the name ends in decides what is written.

Conventions:
    MIDI, MusicXML, ABC, kern, DAWproject, a printed page, sound, or a sung line; ``KINDS`` says which ending is what.
    Stems are one MIDI file a part in the folder ``NAME_stems`` beside the full one: a DAW takes them together, and
    ``*.mid`` does not.
"""

from __future__ import annotations

import re
from pathlib import Path

from cocreate.errors import FileError, InputError
from cocreate.files.midi import stem_bytes, write_midi
from cocreate.files.output import write_bytes
from cocreate.music.song import Song

KINDS = {
    ".mid": "MIDI", ".midi": "MIDI", ".musicxml": "MusicXML", ".xml": "MusicXML", ".abc": "ABC", ".krn": "kern",
    ".dawproject": "DAWproject", ".pdf": "page", ".png": "page", ".svg": "page", ".wav": "sound", ".ogg": "sound",
    ".flac": "sound", ".ustx": "OpenUtau", ".svp": "Synthesizer V", ".lrc": "LRC",
}  # fmt: skip


def check_kind(path: Path) -> str:
    """What is written to ``path``.

    Raises:
        InputError: if nothing is known of its ending.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"a file to export must end in one of {', '.join(KINDS)}, got {path.name}")
    return kind


def export(song: Song, path: str | Path, *, force: bool = False, repeats: bool = False) -> tuple[Path, ...]:
    """Write ``song`` as what ``path`` ends in (``KINDS``). Returns the files, more than one for several PNG pages.

    Args:
        repeats: in MusicXML a section that comes twice in a row is written once with repeat signs, as on pages.

    Raises:
        InputError: if the ending is unknown, or the song cannot be such a file (LRC without words).
        FileError: if a file exists and ``force`` is false, or cannot be written; nothing is written then.
    """
    path = Path(path)
    kind = check_kind(path)
    if path.exists() and not force:
        raise FileError(f"{path} exists already; choose another name or give --force")
    if kind == "page":
        from cocreate.files.page import write_page

        return write_page(song, path, force=force)
    if kind == "sound":
        from cocreate.files.audio import render, write_audio

        write_audio(render(song), path, force=force)
    elif kind == "MIDI":
        write_midi(song, path, force=force)
    elif kind == "DAWproject":
        from cocreate.files.dawproject import write_dawproject

        write_dawproject(song, path, force=force)
    elif kind in ("OpenUtau", "Synthesizer V", "LRC"):
        from cocreate.files import vocal

        {"OpenUtau": vocal.write_ustx, "Synthesizer V": vocal.write_svp, "LRC": vocal.write_lrc}[kind](
            song, path, force=force
        )
    elif kind == "MusicXML":
        from cocreate.files.notation import write_musicxml

        write_musicxml(song, path, force=force, repeats=repeats)
    else:
        from cocreate.files import notation

        {"ABC": notation.write_abc, "kern": notation.write_kern}[kind](song, path, force=force)
    return (path,)


def stem_files(song: Song, path: Path) -> dict[Path, bytes]:
    """The stems of the song whose full file is ``path``: each track alone in the frame of the whole.

    Chords that no part plays have a stem too.
    """
    folder = path.with_name(f"{path.stem}_stems")
    named = enumerate(stem_bytes(song), start=1)
    return {folder / f"{number:02d}_{_safe(name)}.mid": data for number, (name, data) in named}


def write_stems(song: Song, path: Path, *, force: bool = False) -> tuple[Path, ...]:
    """Write the stems beside ``path``; returns them.

    Raises:
        InputError: if the song has neither notes nor chords.
        FileError: if one exists and ``force`` is false, or cannot be written; none is written then.
    """
    stems = stem_files(song, path)
    for place in stems:
        if place.exists() and not force:
            raise FileError(f"{place} exists already; choose another --out or give --force")
    for place, data in stems.items():
        write_bytes(place, data, force=force)
    return tuple(stems)


def _safe(name: str) -> str:
    return "-".join(re.findall(r"[A-Za-z0-9]+", name)) or "Part"
