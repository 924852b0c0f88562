"""Sung lines for other programs: each word on its note, held syllables held, times in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cocreate.errors import FileError, InputError
from cocreate.files.vocal import lrc_text, sung_notes, svp_text, ustx_text, write_lrc, write_svp, write_ustx
from cocreate.music.clock import clock_of
from cocreate.music.song import Meter, Note, Part, Section, Song, Syllable, Tempo

BLICKS = 1_470_000


def harbour() -> Song:
    """Bar 1 at 90 bpm, bar 2 (3/4) at 120: "The harbour sings. 雨夜", with "bour" held over two notes."""
    words = (
        Syllable(0, "The"), Syllable(480, "har", joins_next=True), Syllable(960, "bour"), Syllable(1920, "sings."),
        Syllable(2880, "雨"), Syllable(3360, "夜"),
    )  # fmt: skip
    notes = [(0, 60), (480, 62), (960, 64), (1440, 65), (1920, 67), (2880, 60), (3360, 62)]
    tune = Part(tuple(Note(tick, pitch, 480) for tick, pitch in notes), "Voice", "melody", syllables=words)
    return Song(
        (tune,),
        meters=(Meter(0, 4, 4), Meter(1920, 3, 4)),
        tempos=(Tempo(0, 90.0), Tempo(1920, 120.0)),
        title="Harbour 雨",
    )


def test_the_clock_follows_every_tempo() -> None:
    clock = clock_of(harbour())
    assert [round(clock.at(t), 3) for t in (0, 480, 1920, 2400)] == [0.0, 0.667, 2.667, 3.167]


def test_lrc_has_a_time_before_each_line_and_word_and_no_spaces_between_han() -> None:
    assert lrc_text(harbour()).splitlines() == [
        "[ti:Harbour 雨]",
        "[length:00:04]",
        "[re:cocreate]",
        "[00:00.00]<00:00.00>The <00:00.67>harbour <00:02.67>sings.",
        "[00:03.67]<00:03.67>雨<00:04.17>夜",
    ]


def test_a_section_and_a_long_rest_begin_a_new_line() -> None:
    words = tuple(Syllable(960 * i, f"w{i}") for i in range(4))
    part = Part(tuple(Note(960 * i, 60, 240 if i == 1 else 960) for i in range(4)), syllables=words)
    lines = lrc_text(Song((part,), sections=(Section(2880, "B"),))).splitlines()[2:]
    assert [line.count("<") for line in lines] == [2, 1, 1]


def test_openutau_has_whole_words_then_plus_and_holds_with_plus_tilde() -> None:
    project = yaml.safe_load(ustx_text(harbour()))
    notes = project["voice_parts"][0]["notes"]
    assert [note["lyric"] for note in notes] == ["The", "harbour", "+", "+~", "sings", "雨", "夜"]
    assert [(n["position"], n["duration"], n["tone"]) for n in notes[:2]] == [(0, 480, 60), (480, 480, 62)]
    assert [(t["position"], t["bpm"]) for t in project["tempos"]] == [(0, 90.0), (1920, 120.0)]
    assert [(m["bar_position"], m["beat_per_bar"]) for m in project["time_signatures"]] == [(0, 4), (1, 3)]
    assert (project["ustx_version"], project["resolution"]) == ("0.6", 480)


def test_synthesizer_v_counts_in_blicks_and_holds_with_a_hyphen() -> None:
    project = json.loads(svp_text(harbour()))
    track = project["tracks"][0]
    notes = track["mainGroup"]["notes"]
    assert [note["lyrics"] for note in notes] == ["The", "harbour", "+", "-", "sings", "雨", "夜"]
    assert [note["onset"] // BLICKS for note in notes] == [0, 480, 960, 1440, 1920, 2880, 3360]
    assert track["mainGroup"]["uuid"] == track["mainRef"]["groupID"]
    assert project["time"]["meter"][1] == {"index": 1, "numerator": 3, "denominator": 4}
    assert svp_text(harbour()) == svp_text(harbour())


def test_a_tune_without_words_sings_la_and_of_chords_the_top() -> None:
    part = Part((Note(0, 60, 480), Note(0, 64, 480), Note(240, 67, 480)))
    assert [(n.note.pitch, n.note.length_ticks, n.word) for n in sung_notes(Song((part,)))] == [
        (64, 240, ""),
        (67, 480, ""),
    ]
    project = yaml.safe_load(ustx_text(Song((part,))))
    assert [note["lyric"] for note in project["voice_parts"][0]["notes"]] == ["la", "la"]


def test_the_part_with_words_sings_even_when_it_is_not_the_melody() -> None:
    tune = Part((Note(0, 60, 480),))
    voice = Part((Note(0, 48, 480),), "Tenor", "voice", syllables=(Syllable(0, "hey"),))
    assert sung_notes(Song((tune, voice)))[0].word == "hey"


def test_without_words_there_is_no_lrc(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="LRC needs words"):
        write_lrc(Song((Part((Note(0, 60, 480),)),)), tmp_path / "a.lrc")
    with pytest.raises(InputError, match="at least one note"):
        write_ustx(Song((Part(()),)), tmp_path / "a.ustx")
    assert not list(tmp_path.iterdir())


def test_files_are_utf_8_and_never_overwritten_unasked(tmp_path: Path) -> None:
    for write, name in ((write_lrc, "a.lrc"), (write_ustx, "a.ustx"), (write_svp, "a.svp")):
        write(harbour(), tmp_path / name)
        assert "雨" in (tmp_path / name).read_text(encoding="utf-8")
        with pytest.raises(FileError, match="exists"):
            write(harbour(), tmp_path / name)
