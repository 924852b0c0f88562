"""Songs on disk: what a person brings, and candidates as MIDI files with what is known of each beside them.

Conventions:
    The sidecar of ``idea.mid`` is ``idea.json``: format, score, reason and recipe, so that it can be made again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cocreate.errors import FileError, InputError
from cocreate.files import read_song
from cocreate.files.export import stem_files, write_stems
from cocreate.files.midi import midi_bytes
from cocreate.files.output import check_folder, idea_name, write_bytes
from cocreate.generate.request import ANY
from cocreate.music.song import Song
from cocreate.music.theory import estimate_key
from cocreate.ranking import Candidate

SIDECAR_FORMAT = 1


def read_tune(path: Path) -> Song:
    """The song of a file, if there is a melody to hear in it."""
    song = read_song(path)
    if all(part.role == "drums" for part in song.parts) or not song.melody.notes:
        raise InputError(f"a song must have a melody, got no notes for one in {path}")
    return song


def read_styled(path: Path) -> Song:
    """A song from a file; the style of one of our own ideas is in its sidecar."""
    song = read_tune(path)
    sidecar = path.with_suffix(".json")
    if song.style or not sidecar.is_file():
        return song
    try:
        style = json.loads(sidecar.read_text(encoding="utf-8")).get("style", "")
    except (OSError, ValueError, AttributeError):
        return song  # a .json of somebody else
    return replace(song, style=style) if isinstance(style, str) else song


def save(
    candidates: Sequence[Candidate], folder: Path, *, force: bool = False, stems: bool = False
) -> tuple[Candidate, ...]:
    """Write each candidate as DAW-ready MIDI with its sidecar; nothing there is overwritten without ``force``.

    With ``stems`` one file a part stands in the folder ``NAME_stems`` beside each.

    Raises:
        FileError: if the folder cannot be written or a file is there already; no file is written then.
    """
    check_folder(folder)
    placed = [
        replace(candidate, path=folder / idea_name(
            candidate.rank, candidate.style or ANY, candidate.recipe.get("art", "melody"),
            candidate.song.key or estimate_key(candidate.song), candidate.tempo_bpm, candidate.bars,
            candidate.seed or 0,
        ))
        for candidate in candidates
    ]  # fmt: skip
    for candidate in placed:
        assert candidate.path is not None
        beside = stem_files(candidate.song, candidate.path) if stems else ()
        for path in (candidate.path, candidate.path.with_suffix(".json"), *beside):
            if not force and path.exists():
                raise FileError(f"{path} exists already; choose another --out, another --seed, or give --force")
    for candidate in placed:
        assert candidate.path is not None
        sidecar = {
            "format": SIDECAR_FORMAT,
            **candidate.as_dict(),
            "path": candidate.path.name,  # the two files stay together wherever they are moved
            **candidate.recipe,
        }
        write_bytes(candidate.path, midi_bytes(candidate.song), force=force)
        text = json.dumps(sidecar, indent=1, ensure_ascii=False) + "\n"
        # a folder's name need not be Unicode; JSON writes such bytes as \udcXX
        data = text.encode("utf-8", "backslashreplace")
        write_bytes(candidate.path.with_suffix(".json"), data, force=force)
        if stems:
            write_stems(candidate.song, candidate.path, force=force)
    return tuple(placed)
