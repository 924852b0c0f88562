"""``cocreate arrange``, ``song`` and ``blend``: files that drop into a DAW, or one line and nothing written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cocreate import Studio, read_song, write_midi
from cocreate.cli import main
from cocreate.files.notation import write_abc, write_musicxml
from cocreate.music.song import Key, Meter, Note, Part, Song
from cocreate.music.theory import parse_progression

NOTES = tuple(Note(480 * n, 60 + (n * 5) % 12, 480) for n in range(16))
LEAD = Song(
    (Part(NOTES, name="Lead"),), keys=(Key(0, 0),), chords=parse_progression("C | F | G7 | C", meter=Meter(0, 4, 4))
)


@pytest.fixture
def lead(home: Path) -> Path:
    path = home / "lead.mid"
    write_midi(LEAD, path)
    return path


def test_an_arrangement_is_saved_with_everything_it_came_from(lead: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["arrange", str(lead), "--style", "bossa", "-n", "2", "--seed", "3", "--out", "out", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["candidates"]) == 2
    path = Path(found["candidates"][0]["path"])
    assert path.name.startswith("01_bossa_arrange_C_")
    song = read_song(path)
    assert [part.name for part in song.parts] == ["Lead", "Bass", "Piano comp", "Drums"]
    assert [part.role for part in song.parts] == ["melody", "bass", "comping", "drums"]
    assert [(n.start_ticks, n.pitch) for n in song.parts[0].notes] == [(n.start_ticks, n.pitch) for n in NOTES]
    sidecar = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert sidecar["art"] == "arrange"
    assert sidecar["request"]["parts"] == ["bass", "piano", "drums"]
    assert sidecar["reason"]


def test_notation_is_arranged_too(home: Path) -> None:
    for suffix, write in ((".musicxml", write_musicxml), (".abc", write_abc)):
        write(replace(LEAD, title="Lead"), home / f"lead{suffix}")
        ideas = Studio(home=home).arrange(home / f"lead{suffix}", parts="drums", style="rock", n=1)
        assert ideas[0].song.parts[-1].role == "drums"


def test_a_song_has_its_sections_as_markers(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["song", "--style", "jazz", "--form", "ABA", "--bars-per-section", "4", "--key", "G", "--meter", "4/4"]
    assert main([*command, "-n", "1", "--seed", "2", "--out", "out", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["candidates"]
    song = read_song(Path(found[0]["path"]))
    assert [(s.label, s.start_ticks // 1920) for s in song.sections] == [("A", 0), ("B", 4), ("A", 8)]
    assert [part.name for part in song.parts] == ["Melody", "Bass", "Piano comp", "Drums"]
    assert len(song.bars()) == 12
    assert song.chords
    assert found[0]["key"] == "G major"


def test_humanised_songs_differ_only_in_feel(home: Path) -> None:
    studio = Studio(home=home)
    asked = {"style": "jazz", "form": "AB", "bars_per_section": 4, "n": 1, "seed": 4}
    plain, played = studio.song(**asked)[0].song, studio.song(**asked, humanise=True)[0].song  # type: ignore[arg-type]
    assert plain.melody.notes != played.melody.notes
    assert [n.pitch for n in plain.melody.notes] == [n.pitch for n in played.melody.notes]
    lead = studio.arrange(LEAD, parts="bass", style="jazz", n=1, humanise=True)[0].song
    assert lead.parts[0] == LEAD.parts[0]


def test_a_lead_sheet_alone(home: Path) -> None:
    found = Studio(home=home).song(form="AA", bars_per_section=4, parts="none", n=1, chords="C | Am | F | G")
    assert len(found[0].song.parts) == 1


def test_a_blend_lies_between_two_files(lead: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = home / "other.mid"
    write_midi(replace(LEAD, parts=(Part(tuple(replace(n, pitch=84 - n.pitch + 60) for n in NOTES)),)), other)
    assert main(["blend", str(lead), str(other), "--at", "0.5", "-n", "2", "--seed", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["candidates"]
    assert {Path(one["path"]).name[:14] for one in found} == {"01_any_blend_C", "02_any_blend_C"}
    assert main(["blend", str(lead), str(other), "--at", "0", "--out", "end", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["candidates"]
    assert len(found) == 1
    got = read_song(Path(found[0]["path"])).melody.notes
    assert [(n.start_ticks, n.pitch) for n in got] == [(n.start_ticks, n.pitch) for n in NOTES]


@pytest.mark.parametrize(
    ("command", "code", "rule"),
    [
        (["arrange", "lead.mid", "--style", "bosa"], 2, "did you mean 'bossa'"),
        (["arrange", "lead.mid", "--parts", "kazoo"], 2, "parts must be among"),
        (["arrange", "lead.mid", "--part", "3"], 2, "part must be one with pitched notes"),
        (["arrange", "lead.mid", "--keep", "9:G7"], 3, "within the song's 1-4"),
        (["arrange", "gone.mid"], 1, "gone.mid"),
        (["song", "--form", "AXB"], 2, "form must be letters"),
        (["song", "--bars-per-section", "40"], 2, "bars per section must be in 4..16"),
        (["song", "--meter", "9/4"], 3, "at most 8 quarters"),
        (["song", "--range", "C4-D4"], 2, "range"),
        (["blend", "lead.mid", "waltz.mid"], 3, "bars of equal length"),
        (["blend", "lead.mid", "waltz.mid", "--at", "2"], 2, "at must be in 0..1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    command: list[str], code: int, rule: str, lead: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = lead.parent
    write_midi(replace(LEAD, meters=(Meter(0, 3, 4),), chords=()), home / "waltz.mid")
    assert main([*command, "--out", "nothing"]) == code
    message = capsys.readouterr().err.strip()
    assert rule in message
    assert "\n" not in message
    assert not (home / "nothing").exists()


def test_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in ("arrange", "song", "blend"))
