"""``cocreate export``, ``render``, ``import``, ``play``, ``show`` and ``--stems``: what is typed, and what comes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cocreate.cli import main
from cocreate.files import read_song
from cocreate.files.midi import write_midi
from cocreate.music.song import Key, Note, Part, Song, Syllable, Tempo


@pytest.fixture
def tune(home: Path) -> Path:
    words = (Syllable(0, "月"), Syllable(480, "亮"))
    part = Part(tuple(Note(480 * i, 62 + i % 5, 480) for i in range(16)), syllables=words)
    bass = Part((Note(0, 38, 3840), Note(3840, 43, 3840)), "Bass", "bass", 33)
    write_midi(Song((part, bass), keys=(Key(0, 2),), tempos=(Tempo(0, 120.0),), title="Yueliang"), home / "月.mid")
    return home / "月.mid"


def test_export_writes_what_each_name_ends_in(tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["o.musicxml", "o.abc", "o.dawproject", "o.pdf", "o.svg", "o.ogg", "o.ustx", "o.svp", "o.lrc", "o.mid"]
    assert main(["export", str(tune), *names, "--stems"]) == 0
    printed = capsys.readouterr().out.split()
    assert printed == [*names, "o_stems/01_Melody.mid", "o_stems/02_Bass.mid"]
    assert all((tune.parent / name).stat().st_size > 50 for name in printed)
    assert "月" in (tune.parent / "o.lrc").read_text(encoding="utf-8")
    assert main(["export", str(tune), "o.abc"]) == 1
    assert "exists already" in capsys.readouterr().err


def test_a_kind_that_is_not_known_writes_nothing(tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tune), "a.abc", "b.docx"]) == 2
    assert capsys.readouterr().err.startswith("error: a file to export must end in one of .mid")
    assert not (tune.parent / "a.abc").exists()


def test_humanised_export_is_off_the_grid_and_the_plain_one_is_not(tune: Path) -> None:
    assert main(["export", str(tune), "plain.mid"]) == 0
    assert main(["export", str(tune), "felt.mid", "--humanise", "--seed", "3"]) == 0
    starts = [
        [n.start_ticks % 480 for n in read_song(tune.parent / name).melody.notes] for name in ("plain.mid", "felt.mid")
    ]
    assert set(starts[0]) == {0}
    assert len(set(starts[1])) > 3


def test_render_says_how_long_and_how_loud(tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(tune), "-o", "a.ogg", "--lufs", "-20", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["lufs"] == pytest.approx(-20, abs=0.3)
    assert said["peak_dbfs"] <= -1
    assert 8 < said["length_s"] < 12.1
    assert main(["render", str(tune)]) == 0
    assert (tune.parent / "月.wav").exists()
    assert main(["render", str(tune), "-o", "a.xyz"]) == 2
    assert main(["render", str(tune), "-o", "m.wav", "--engine", "musicgen", "--model", "none"]) == 1
    assert "CC-BY-NC" in capsys.readouterr().err
    assert not (tune.parent / "m.wav").exists()


def test_import_says_what_is_in_a_song_and_measures_sound(tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tune), "-o", "clean.mid", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["song"]
    assert (facts["bars"], facts["key"], facts["metre"]) == (4, "D major", "4/4")
    assert read_song(tune.parent / "clean.mid") == read_song(tune)
    assert main(["render", str(tune), "-o", "a.wav"]) == 0
    capsys.readouterr()
    assert main(["import", "a.wav", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sound"]["length_s"] > 8
    assert main(["import", "a.wav", "-o", "b.mid"]) == 2
    assert main(["import", "a.txt"]) == 2
    assert main(["import", "none.mid"]) == 1


def test_show_draws_in_the_terminal_or_a_picture(tune: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(tune), "--width", "70", "--bars", "2"]) == 0
    shown = capsys.readouterr().out
    assert "Yueliang (D major, 4/4, 120 bpm, 4 bars)" in shown
    assert "█▬▬▬" in shown
    assert max(map(len, shown.splitlines())) <= 70
    assert main(["show", str(tune), "--png", "roll.png"]) == 0
    assert (tune.parent / "roll.png").read_bytes()[:4] == b"\x89PNG"


def test_play_without_a_loudspeaker_or_port_is_one_line(
    tune: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import miniaudio

    def none(**_options: object) -> None:
        raise miniaudio.MiniaudioError("no device")

    monkeypatch.setattr(miniaudio, "PlaybackDevice", none)
    assert main(["play", str(tune)]) == 1
    assert capsys.readouterr().err.startswith("error: no loudspeaker can be opened here (no device)")
    assert main(["play"]) == 2


def test_stems_stand_beside_each_idea(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["melody", "-n", "2", "--bars", "4", "--chords", "C | F | G | C", "--seed", "5", "--stems"]
    assert main([*words, "--out", "ideas", "--json"]) == 0
    for idea in json.loads(capsys.readouterr().out)["candidates"]:
        path = Path(idea["path"])
        stems = sorted(one.name for one in path.with_name(path.stem + "_stems").iterdir())
        assert stems == ["01_Melody.mid", "02_Chords.mid"]
    assert len(list(Path("ideas").glob("*.mid"))) == 2
