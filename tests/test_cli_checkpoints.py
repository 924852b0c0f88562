"""``styles``, ``info``, ``doctor`` and ``train``: what is installed, what it knows, and how a new one is asked for."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

import cocreate.evaluate.make
from cocreate.cli import doctor, main
from cocreate.evaluate import music, suite
from cocreate.model.train import Plan, Progress

Capture = pytest.CaptureFixture[str]
REPO = Path(__file__).resolve().parent.parent


def test_styles_are_those_of_the_checkpoint(home: Path, capsys: Capture) -> None:
    assert main(["styles", "--json"]) == 0
    assert [row["style"] for row in json.loads(capsys.readouterr().out)["styles"]] == ["folk", "jazz"]
    assert main(["styles"]) == 0
    assert re.search(r"^jazz .* 120 .*4/4", capsys.readouterr().out, re.MULTILINE)


def test_info_shows_sets_with_licence_and_share(home: Path, capsys: Capture) -> None:
    assert main(["info", "music"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^toy .*CC0-1\.0.* A .*100\.0%", out, re.MULTILINE)
    assert "parameters" in out
    assert main(["info", "music", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sets"]["toy"]["licence"] == "CC0-1.0"


def test_info_shows_sets_of_verse_too(capsys: Capture) -> None:
    assert main(["info", "lyrics"]) == 0
    assert re.search(r"^verse_en .*public domain .* 34364 .*83\.7%", capsys.readouterr().out, re.MULTILINE)


def test_doctor_finds_all_well(home: Path, capsys: Capture) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert {"packages", "checkpoint music", "profiles", "test melody"} <= {row["name"] for row in found["checks"]}
    assert list(home.iterdir()) == []


def test_doctor_fails_when_a_checkpoint_is_broken(
    home: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, home / "mine" / "music"))
    (folder / "model.safetensors").write_bytes(b"")
    monkeypatch.setenv("COCREATE_CHECKPOINTS", str(folder.parent))
    assert main(["doctor", "--json"]) == 1
    (row,) = [row for row in json.loads(capsys.readouterr().out)["checks"] if row["name"] == "test melody"]
    assert not row["ok"]
    assert "model.safetensors" in row["seen"]


def test_doctor_fails_when_profiles_cannot_be_written(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (home / "file").write_text("in the way")
    monkeypatch.setenv("COCREATE_HOME", str(home / "file"))
    assert main(["doctor", "--json"]) == 1
    (row,) = [row for row in json.loads(capsys.readouterr().out)["checks"] if row["name"] == "profiles"]
    assert not row["ok"]
    assert "COCREATE_HOME" in row["seen"]


def test_doctor_fails_when_a_package_is_missing(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", (*doctor.PACKAGES, "no-such-package-at-all"))
    assert main(["doctor"]) == 1
    assert "missing: no-such-package-at-all" in capsys.readouterr().out


def test_doctor_asks_for_every_package_that_an_install_brings() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {re.split(r"[<>=!~\[ ]", line)[0] for line in project["dependencies"]} == set(doctor.PACKAGES)


def test_train_hands_on_what_was_asked_and_shows_progress(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    asked: dict[str, Any] = {}

    def make(corpora: list[str], out: Path, plan: Plan, **options: Any) -> dict[str, Any]:
        asked.update(options, corpora=corpora, out=out, plan=plan)
        options["watch_reading"]("wjazzd", 3)
        options["watch_training"](Progress(step=5, share=1.0, loss=1.25, tokens_per_s=9000.0, check=None))
        return {"parameters": 400_000, "pieces": {"train": 3, "validation": 1}, "training": {"steps": 5}}

    monkeypatch.setattr(cocreate.evaluate.make, "make_checkpoint", make)
    words = (
        "train music --corpus here --corpus music21 --preset tiny --steps 5 --out mine --tier A --seed 3 --threads 1"
    )
    assert main([*words.split(), "--from", "music", "--batch-tokens", "512"]) == 0
    assert asked["corpora"] == ["here", "music21"]
    assert asked["plan"] == Plan("tiny", None, 5, 512, seed=3, threads=1)
    assert (asked["out"], asked["tier"], asked["resume"]) == (Path("mine"), "A", False)
    assert asked["start"].name == "music"
    err = capsys.readouterr().err
    assert "wjazzd" in err
    assert "loss 1.250" in err
    assert "cocreate melody --checkpoint mine" in err


def test_evaluate_prints_a_table_or_the_same_as_json(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    asked: dict[str, Any] = {}
    row = music.Row("melody", "jazz", 3, 100, 200, 3.0, 3.5, None, 4.5, 6.0, beats_all=True)

    def measure(data: Path, **options: Any) -> music.Report:
        asked.update(options, data=data)
        tokens = {"melody": 1000}
        return music.Report(
            "music", 40_992, "2026-01-31", "test", 5, ("A",), {"cores": 2}, (row,), (), 1.0, 0, tokens, tokens, 1.0
        )

    monkeypatch.setattr(suite, "evaluate_music", measure)
    words = ["evaluate", "music", "--data", "here", "--part", "likelihood", "--tier", "A", "--seed", "5"]
    assert main(words) == 0
    assert re.search(r"^jazz .*3\.000 .*3\.500 .*4\.500 .*6\.000 +yes", capsys.readouterr().out, re.MULTILINE)
    assert (asked["data"], asked["checkpoint"], asked["tiers"], asked["seed"]) == (Path("here"), "music", ("A",), 5)
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["likelihood"]["rows"][0]["checkpoint"] == 3.0
