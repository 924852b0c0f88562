"""``cocreate melody`` and ``rank``: what a musician types, sees and finds in the folder."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import cocreate
from cocreate.cli import main
from cocreate.cli.ideas import SEEDS

Shell = Callable[..., subprocess.CompletedProcess[bytes]]
HEAVY = ("torch", "transformers", "miditok", "music21", "matplotlib", "sqlalchemy")


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_melody_writes_ranked_files_with_sidecars(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["melody", "--style", "jazz", "-n", "3", "--seed", "7"]) == 0
    out, err = capsys.readouterr()
    names = sorted(path.name for path in (home / "ideas").glob("*.mid"))
    assert [name[:3] for name in names] == ["01_", "02_", "03_"]
    assert all(name.endswith("_8bars_seed7.mid") and "_jazz_melody_" in name for name in names)
    assert all(name in out for name in names)
    assert f"cocreate keep {Path('ideas') / names[0]}" in err
    for path in (home / "ideas").glob("*.mid"):
        sidecar = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert sidecar["path"] == path.name
        assert sidecar["request"]["seed"] == 7


def test_json_is_the_only_thing_on_stdout(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["melody", "--json", "-n", "2", "--bars", "2", "--seed", "1"]) == 0
    out, _ = capsys.readouterr()
    found = json.loads(out)
    assert found["seed"] == 1
    assert found["seconds"] >= 0
    assert [one["rank"] for one in found["candidates"]] == [1, 2]
    needed = {
        "rank",
        "path",
        "score",
        "parts",
        "reason",
        "style",
        "key",
        "meter",
        "tempo_bpm",
        "bars",
        "seed",
        "novelty",
    }
    for one in found["candidates"]:
        assert needed <= one.keys()
        assert Path(one["path"]).is_file()
        assert sum(one["parts"].values()) == pytest.approx(one["score"], abs=1e-3)


def test_every_option_reaches_the_ideas(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "melody --style folk --meter 6/8 --tempo 96 --bars 4 --range D4-A5 --density 0.4 --mood calm -n 2 --seed 7"
    more = [
        "--key",
        "D minor",
        "--temperature",
        "0.9",
        "--profile",
        "me",
        "--checkpoint",
        "music",
        "--json",
        "--out",
        "x y",
    ]
    assert main([*words.split(), *more]) == 0
    for one in json.loads(capsys.readouterr().out)["candidates"]:
        assert (one["style"], one["key"], one["meter"], one["tempo_bpm"], one["bars"]) == (
            "folk",
            "D minor",
            "6/8",
            96,
            4,
        )
        song = cocreate.read_song(Path(one["path"]))
        assert Path(one["path"]).parent == Path("x y")
        assert all(62 <= note.pitch <= 81 for note in song.melody.notes)


def test_chords_are_kept_in_the_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chords = "Dm7 | G7 | Cmaj7 | A7"
    assert (
        main(["melody", "--style", "jazz", "--chords", chords, "--bars", "4", "-n", "1", "--seed", "2", "--json"]) == 0
    )
    (one,) = json.loads(capsys.readouterr().out)["candidates"]
    sidecar = json.loads(Path(one["path"]).with_suffix(".json").read_text(encoding="utf-8"))
    assert sidecar["chords"] == ["Dm7", "G7", "Cmaj7", "A7"]
    assert len(cocreate.read_song(Path(one["path"])).chords) == 4


def test_from_goes_on_from_the_bars_of_a_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["melody", "-n", "1", "--bars", "2", "--seed", "3", "--json"]) == 0
    (riff,) = json.loads(capsys.readouterr().out)["candidates"]
    assert main(["melody", "--from", riff["path"], "-n", "1", "--bars", "2", "--seed", "4", "--json"]) == 0
    (more,) = json.loads(capsys.readouterr().out)["candidates"]
    old, new = (cocreate.read_song(Path(one["path"])).melody.notes for one in (riff, more))
    assert [(n.start_ticks, n.pitch) for n in new[: len(old)]] == [(n.start_ticks, n.pitch) for n in old]
    assert len(new) > len(old)


def test_the_same_seed_gives_the_same_files_in_two_processes(home: Path, shell: Shell) -> None:
    for out in ("one", "two"):
        assert shell(["melody", "--style", "jazz", "-n", "2", "--seed", "7", "--out", out]).returncode == 0
    one, two = written(home / "one"), written(home / "two")
    assert one.keys() == two.keys()
    assert [data for name, data in one.items() if name.endswith(".mid")] == [
        data for name, data in two.items() if name.endswith(".mid")
    ]


def test_without_a_seed_new_ones_are_drawn_and_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = set()
    for _ in range(3):
        assert main(["melody", "-n", "1", "--bars", "1", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert 0 <= found["seed"] < SEEDS
        assert f"_seed{found['seed']}.mid" in found["candidates"][0]["path"]
        seeds.add(found["seed"])
    assert len(seeds) > 1


def test_the_python_twin_gives_the_same_candidates(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["melody", "--style", "jazz", "-n", "3", "--seed", "7", "--json"]) == 0
    typed = json.loads(capsys.readouterr().out)["candidates"]
    called = [one.as_dict() for one in cocreate.Studio().melody(style="jazz", bars=8, n=3, seed=7)]
    assert [one | {"path": None} for one in typed] == called


def test_nothing_is_overwritten_without_force(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["melody", "-n", "2", "--bars", "2", "--seed", "1"]
    assert main(words) == 0
    first = sorted((home / "ideas").glob("*.mid"))[0]
    first.write_bytes(b"mine")
    before = written(home / "ideas")
    assert main(words) == 1
    assert "--force" in capsys.readouterr().err
    assert written(home / "ideas") == before
    assert main([*words, "--force"]) == 0
    assert first.read_bytes() != b"mine"


def test_a_sidecar_that_is_there_already_is_not_overwritten(home: Path) -> None:
    words = ["melody", "-n", "1", "--bars", "2", "--seed", "1"]
    assert main(words) == 0
    (file,) = (home / "ideas").glob("*.mid")
    file.unlink()
    file.with_suffix(".json").write_text("mine")
    assert main(words) == 1
    assert written(home / "ideas") == {file.with_suffix(".json").name: b"mine"}


def test_rank_lists_every_file_best_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["melody", "-n", "4", "--bars", "4", "--seed", "5"]) == 0
    files = sorted(str(path) for path in Path("ideas").glob("*.mid"))
    capsys.readouterr()
    assert main(["rank", *files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["candidates"]
    assert sorted(one["path"] for one in found) == files
    assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)
    assert main(["rank", *files, "--style", "jazz"]) == 0
    out = capsys.readouterr().out
    assert all(file in out for file in files)


def test_a_melody_loads_no_heavy_library(home: Path, python: Shell) -> None:
    code = (
        "import sys; from cocreate.cli import main;"
        "code = main(['melody', '--style', 'jazz', '-n', '2', '--bars', '2', '--seed', '1']);"
        f"print('LOADED', [name for name in {HEAVY} if name in sys.modules]); sys.exit(code)"
    )
    done = python(["-c", code])
    assert done.returncode == 0, done.stderr.decode()
    assert b"LOADED []" in done.stdout


def test_help_loads_not_even_numpy(python: Shell) -> None:
    code = (
        "import sys; from cocreate.cli import main; main(['--help']);"
        f"print('LOADED', [name for name in {(*HEAVY, 'numpy', 'rich', 'mido')} if name in sys.modules])"
    )
    assert b"LOADED []" in python(["-c", code]).stdout


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    for command in ("melody", "rank", "keep", "skip", "profile", "styles", "info", "doctor", "train", "evaluate"):
        assert f"\n  {command} " in out


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"cocreate {cocreate.__version__}\n"


def test_chinese_prints_in_any_locale(home: Path, shell: Shell) -> None:
    folder = "旋律"
    words = ["melody", "-n", "1", "--bars", "1", "--seed", "1", "--out", folder]
    assert folder in shell(words, PYTHONIOENCODING="utf-8").stderr.decode()
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = shell([*words, "--force", "--json"], **ascii_only)
    assert done.returncode == 0, done.stderr.decode()
    assert os.fsencode(json.loads(done.stdout)["out"]).decode() == folder
    done = shell(["rank", f"{folder}/{next((home / folder).glob('*.mid')).name}"], **ascii_only)
    assert done.returncode == 0, done.stderr.decode()
