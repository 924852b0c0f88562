"""The public door: its names, opened on first use, and nothing loaded before."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import cocreate


def test_every_public_name_is_what_its_room_defines() -> None:
    names = [name for name in cocreate.__all__ if name != "__version__"]
    assert len(names) <= 16
    for name in names:
        value = getattr(cocreate, name)
        assert getattr(import_module(value.__module__), name) is value
    assert set(names) <= set(dir(cocreate))


def test_an_unknown_name_is_an_attribute_error_that_names_the_known() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'Stdio'; it has Studio"):
        _ = cocreate.Stdio


def test_importing_loads_nothing_else(python: Callable[..., subprocess.CompletedProcess[bytes]]) -> None:
    code = (
        "import sys, cocreate; seen = set(sys.modules);"
        "print(sorted(name for name in seen if name.startswith('cocreate')), 'numpy' in seen)"
    )
    assert python(["-c", code]).stdout.split() == [b"['cocreate']", b"False"]


def test_a_song_goes_out_and_comes_in_by_the_door(tmp_path: Path) -> None:
    melody = cocreate.Part((cocreate.Note(0, 60, 480), cocreate.Note(480, 64, 480)), role="melody")
    cocreate.write_midi(cocreate.Song(parts=(melody,), keys=(cocreate.Key(0, 0, "major"),)), tmp_path / "two.mid")
    assert [note.pitch for note in cocreate.read_song(tmp_path / "two.mid").melody.notes] == [60, 64]


def test_every_error_is_a_cocreate_error() -> None:
    for error in (cocreate.InputError, cocreate.FileError, cocreate.CheckpointError, cocreate.UnmetError):
        assert issubclass(error, cocreate.CocreateError)
    assert issubclass(cocreate.InputError, ValueError)
