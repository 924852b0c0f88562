"""``cocreate fill``, ``vary`` and ``continue`` in the shell: files, names, errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cocreate
from cocreate.cli import main
from cocreate.music.song import Key, Note, Part, Song, Tempo


@pytest.fixture
def tune(home: Path) -> Path:
    notes = tuple(Note(480 * n, 62 + (0, 2, 4, 7, 5, 4, 2, 0)[n % 8], 480, 60 + n % 30) for n in range(32))
    bass = Part(tuple(Note(1920 * n, 38, 1920) for n in range(8)), name="Bass", role="bass")
    song = Song((Part(notes), bass), keys=(Key(0, 2),), tempos=(Tempo(0, 90.0),), title="Tune")
    cocreate.write_midi(song, home / "tune.mid")
    return home / "tune.mid"


def read(found: dict[str, object]) -> Song:
    return cocreate.read_song(Path(str(found["path"])))


@pytest.mark.parametrize(
    ("words", "art", "bars"),
    [
        ("fill --bars 5-6", "fill", 8),
        ("vary --bars 5-8 --amount 0.3", "vary", 8),
        ("vary --keep rhythm", "vary", 8),
        ("vary --keep contour", "vary", 8),
        ("vary --keep harmony", "vary", 8),
        ("continue --bars 4", "continue", 12),
    ],
)
def test_every_command_writes_ranked_files_with_sidecars(
    tune: Path, capsys: pytest.CaptureFixture[str], words: str, art: str, bars: int
) -> None:
    command, *options = words.split()
    assert main([command, str(tune), *options, "-n", "2", "--seed", "4", "--json", "--style", "folk"]) == 0
    found = json.loads(capsys.readouterr().out)["candidates"]
    assert [one["rank"] for one in found] == [1, 2]
    for place, one in enumerate(found, start=1):
        assert Path(one["path"]).name == f"{place:02d}_folk_{art}_D_90bpm_{bars}bars_seed4.mid"
        assert one["reason"]
        sidecar = json.loads(Path(one["path"]).with_suffix(".json").read_text(encoding="utf-8"))
        assert (sidecar["art"], sidecar["request"]["song"]) == (art, "Tune")
        old, new = cocreate.read_song(tune), read(one)
        assert new.parts[1] == old.parts[1]
        assert len(new.bars()) == bars


def test_what_was_not_named_is_the_same_in_the_file(tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fill", str(tune), "--bars", "3-4", "-n", "1", "--json"]) == 0
    old, new = cocreate.read_song(tune), read(json.loads(capsys.readouterr().out)["candidates"][0])
    outside = [n for n in old.melody.notes if not 3840 <= n.start_ticks < 7680]
    assert [n for n in new.melody.notes if not 3840 <= n.start_ticks < 7680] == outside
    assert (new.tempos, new.meters, new.keys) == (old.tempos, old.meters, old.keys)


def test_nothing_varied_is_the_song_itself(tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vary", str(tune), "--amount", "0", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["candidates"]
    assert read(one).parts == cocreate.read_song(tune).parts


def test_the_python_twin_gives_the_same_candidates(tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vary", str(tune), "--bars", "5-8", "-n", "2", "--seed", "7", "--json"]) == 0
    typed = json.loads(capsys.readouterr().out)["candidates"]
    called = [one.as_dict() for one in cocreate.Studio().vary(tune, bars="5-8", n=2, seed=7)]
    assert [one | {"path": None} for one in typed] == called


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("fill tune.mid --bars 7-9", 3, "1-8"),
        ("fill tune.mid --bars x", 2, "bars"),
        ("vary tune.mid --part 5", 2, "1 (Melody), 2 (Bass)"),
        ("vary tune.mid --keep tempo", 2, "keep"),
        ("vary tune.mid --amount 2", 2, "amount"),
        ("vary none.mid", 1, "none.mid"),
        ("continue tune.mid --bars 65", 2, "bars"),
        ("continue tune.mid --style polka2", 2, "style"),
    ],
)
def test_an_error_is_one_line_and_nothing_is_written(
    tune: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, said: str
) -> None:
    assert main(words.split()) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert not Path("ideas").exists()
