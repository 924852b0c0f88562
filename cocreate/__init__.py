"""Co-create music on a laptop: the public door.

Conventions:
    Each name is opened on first use (PEP 562), so that ``import cocreate`` costs a millisecond and loads no library
    that the names used do not need.

Example:
    import cocreate
    ideas = cocreate.Studio(profile="me").melody(style="jazz", bars=8, n=8, seed=7)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cocreate.errors import CheckpointError as CheckpointError
    from cocreate.errors import CocreateError as CocreateError
    from cocreate.errors import FileError as FileError
    from cocreate.errors import InputError as InputError
    from cocreate.errors import UnmetError as UnmetError
    from cocreate.files import read_song as read_song
    from cocreate.files.midi import write_midi as write_midi
    from cocreate.music.song import Chord as Chord
    from cocreate.music.song import Key as Key
    from cocreate.music.song import Meter as Meter
    from cocreate.music.song import Note as Note
    from cocreate.music.song import Part as Part
    from cocreate.music.song import Song as Song
    from cocreate.studio import Candidate as Candidate
    from cocreate.studio import Studio as Studio

__version__ = "0.1.0"

_ROOMS = {
    "Studio": "cocreate.studio",
    "Candidate": "cocreate.studio",
    "Song": "cocreate.music.song",
    "Part": "cocreate.music.song",
    "Note": "cocreate.music.song",
    "Chord": "cocreate.music.song",
    "Key": "cocreate.music.song",
    "Meter": "cocreate.music.song",
    "read_song": "cocreate.files",
    "write_midi": "cocreate.files.midi",
    "CocreateError": "cocreate.errors",
    "InputError": "cocreate.errors",
    "FileError": "cocreate.errors",
    "CheckpointError": "cocreate.errors",
    "UnmetError": "cocreate.errors",
}

__all__ = ["__version__", *_ROOMS]  # noqa: PLE0604 - the keys are the names


def __getattr__(name: str) -> object:
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module 'cocreate' has no attribute {name!r}; it has {', '.join(_ROOMS)}")
    value: object = getattr(import_module(room), name)
    globals()[name] = value  # the next use does not come through here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
