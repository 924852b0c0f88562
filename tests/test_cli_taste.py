"""``keep``, ``skip`` and ``profile``: the profile learns, and the next ranking changes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import cocreate
from cocreate.cli import main

Capture = pytest.CaptureFixture[str]


def ranked(capsys: Capture, *files: str) -> list[str]:
    capsys.readouterr()
    assert main(["rank", *files, "--json"]) == 0
    return [one["path"] for one in json.loads(capsys.readouterr().out)["candidates"]]


def tune(path: Path, *, busy: bool, seed: int) -> str:
    """Either sixteenths in thirds high up, or long steps low down."""
    length, base, step = (120, 76, 4) if busy else (960, 52, 2)
    notes = tuple(
        cocreate.Note(place * length, base + (place * (seed + 3) % 5) * step, length)
        for place in range(4 * 1920 // length)
    )
    cocreate.write_midi(cocreate.Song(parts=(cocreate.Part(notes, role="melody"),)), path)
    return str(path)


def test_what_is_kept_ranks_higher_and_what_is_skipped_lower(home: Path, capsys: Capture) -> None:
    busy = [tune(home / f"busy{n}.mid", busy=True, seed=n) for n in range(4)]
    calm = [tune(home / f"calm{n}.mid", busy=False, seed=n) for n in range(4)]
    new = [busy[3], calm[3]]
    assert main(["keep", *busy[:3]]) == 0
    assert main(["skip", *calm[:3]]) == 0
    assert ranked(capsys, *new) == new
    assert main(["skip", *busy[:3]]) == 0
    assert main(["keep", *calm[:3]]) == 0
    assert ranked(capsys, *new) == new[::-1]


def test_keep_says_what_the_profile_now_knows(home: Path, capsys: Capture) -> None:
    files = [tune(home / f"busy{n}.mid", busy=True, seed=n) for n in range(2)]
    assert main(["keep", *files, "--profile", "小明"]) == 0
    out = capsys.readouterr().out
    assert "kept 2 files; profile '小明': 2 kept, 0 skipped in all" in out
    assert "likes: " in out


def test_one_broken_file_stores_nothing(home: Path, capsys: Capture) -> None:
    good = tune(home / "good.mid", busy=True, seed=1)
    (home / "bad.mid").write_bytes(b"no")
    assert main(["keep", good, "bad.mid"]) == 1
    assert main(["profile"]) == 0
    assert "no profile yet" in capsys.readouterr().err


def test_profiles_are_listed_and_shown_apart(home: Path, capsys: Capture) -> None:
    file = tune(home / "tune.mid", busy=True, seed=1)
    assert main(["keep", file]) == 0
    assert main(["skip", file, "--profile", "Ana"]) == 0
    capsys.readouterr()
    assert main(["profile", "--json"]) == 0
    assert [one["profile"] for one in json.loads(capsys.readouterr().out)["profiles"]] == ["Ana", "me"]
    assert main(["profile", "Ana", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["events"]["keep"], shown["events"]["skip"], shown["disliked"]) == (0, 1, 1)
    assert main(["profile", "me"]) == 0
    assert "Ana" not in capsys.readouterr().out


def test_an_unknown_profile_is_an_error_with_the_nearest_name(home: Path, capsys: Capture) -> None:
    assert main(["keep", tune(home / "tune.mid", busy=True, seed=1), "--profile", "Anna"]) == 0
    capsys.readouterr()
    assert main(["profile", "Ana"]) == 2
    assert capsys.readouterr().err == "error: a profile must be one of Anna, got 'Ana'; did you mean 'Anna'?\n"


def test_a_profile_lives_on_in_the_next_process(
    home: Path, shell: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    file = tune(home / "tune.mid", busy=True, seed=1)
    assert shell(["keep", file]).returncode == 0
    assert json.loads(shell(["profile", "me", "--json"]).stdout)["events"]["keep"] == 1
