"""``cocreate harmony``: what a musician types, sees and finds in the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cocreate.cli import main
from cocreate.files import read_song

TUNE = "X:1\nT:Tune\nM:4/4\nL:1/4\nK:G\nG B d B | c A A2 | F A c A | G2 G2 |]\n"


@pytest.fixture
def tune(home: Path) -> Path:
    path = home / "tune.abc"
    path.write_text(TUNE, encoding="utf-8")
    return path


def test_harmony_writes_ranked_files_that_hold_the_tune_and_its_chords(
    tune: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["harmony", str(tune), "--keep", "1:Dm7 3:G7", "-n", "2", "--seed", "7", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["rank"] for one in found["candidates"]] == [1, 2]
    for one in found["candidates"]:
        path = Path(one["path"])
        assert path.name.endswith("_harmony_G_120bpm_4bars_seed7.mid")
        assert one["parts"]["quality"] > 0
        song = read_song(path)
        notes = [(note.start_ticks, note.pitch) for note in song.parts[0].notes]
        assert notes == [(note.start_ticks, note.pitch) for note in read_song(tune).melody.notes]
        assert [(chord.root, chord.quality) for chord in song.chords if chord.start_ticks in (0, 3840)] == [
            (2, "m7"),
            (7, "7"),
        ]
        sidecar = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert (sidecar["art"], sidecar["request"]["keep"]) == ("harmony", "1:Dm7 3:G7")


def test_four_voices_have_no_block_chords_beside_them(tune: Path) -> None:
    assert main(["harmony", str(tune), "--voices", "satb", "-n", "1", "--seed", "1"]) == 0
    song = read_song(next(Path("ideas").glob("*.mid")))
    assert [part.name for part in song.parts] == ["Melody", "Alto", "Tenor", "Bass"]
    assert song.chords


@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        (["--keep", "9:G7"], 3, "error: bars must be within the song's 1-4"),
        (["--keep", "1:C7b9#11"], 3, "to the letter"),
        (["--keep", "1:Hm"], 2, "a chord must begin with A..G"),
        (["--voices", "kazoo"], 2, "voices must be among satb"),
        (["--complexity", "2"], 2, "complexity must be in 0..1, got 2"),
        (["--part", "3"], 2, "part must be one with pitched notes"),
    ],
)
def test_what_cannot_be_is_one_line_and_no_file(
    tune: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, line: str
) -> None:
    assert main(["harmony", str(tune), *options]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert line in err
    assert not Path("ideas").exists()
