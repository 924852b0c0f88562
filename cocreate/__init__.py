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
    from cocreate.files.audio import render as render
    from cocreate.files.export import export as export
    from cocreate.files.midi import write_midi as write_midi
    from cocreate.files.notebook import song_html as song_html
    from cocreate.files.picture import plot as plot
    from cocreate.files.player import play as play
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
    "export": "cocreate.files.export",
    "CocreateError": "cocreate.errors",
    "InputError": "cocreate.errors",
    "FileError": "cocreate.errors",
    "CheckpointError": "cocreate.errors",
    "UnmetError": "cocreate.errors",
}

# what `song.plot()`, `song.play()` and a notebook ask the door for, so that a song need not know how it is shown
_VIEWS = {
    "render": "cocreate.files.audio",
    "plot": "cocreate.files.picture",
    "play": "cocreate.files.player",
    "song_html": "cocreate.files.notebook",
}

__all__ = ["__version__", *_ROOMS]  # noqa: PLE0604 - the keys are the names


def __getattr__(name: str) -> object:
    room = _ROOMS.get(name) or _VIEWS.get(name)
    if room is None:
        raise AttributeError(f"module 'cocreate' has no attribute {name!r}; it has {', '.join(_ROOMS)}")
    value: object = getattr(import_module(room), name)
    globals()[name] = value  # the next use does not come through here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
