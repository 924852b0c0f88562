"""What survives a file format, counted and told to people and programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cocreate.cli import main

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def test_real_files_keep_their_notes_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("03_folk_d_minor.mid", "07_hymn.mid"):
        (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    assert main(["evaluate", "files", "--data", str(tmp_path), "--count", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["files"] == {".mid": 2}
    assert sum(found["unread"].values()) == 1
    for name in (".mid", ".musicxml", ".abc"):
        notes = found["table"][name]["notes"]
        assert notes["kept"] == notes["had"] > 0
