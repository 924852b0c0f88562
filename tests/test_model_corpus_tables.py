"""Weimar jazz solos: bar, beat and tatum become ticks."""

import json
import os
from itertools import islice
from pathlib import Path

import pytest

from cocreate.model.corpus.tables import place_notes, read_wjazzd
from cocreate.music.song import Note

DATA = Path(os.environ.get("COCREATE_DATA") or Path(__file__).parents[1] / ".data")
NOTE_HEAD = "bar,beat,beatdur,denom,division,duration,num,onset,period,pitch,subtatum,tatum\n"
BEAT_HEAD = "bar,bass_pitch,beat,chord,chorus_id,form,onset,signature\n"


def note(bar, beat, tatum, division, pitch, *, beats=0.9, num=4):
    return f"{bar},{beat},0.5,4,{division},{beats * 0.5},{num},0,4,{pitch}.0,0,{tatum}\n"


def write_set(folder, notes, beats, *, title="Blues For Two-2"):
    for name in ("melody", "beats"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "manifest.csv").write_text(
        f"file,beats,performer,title,n_notes\nmelody/x.csv,beats/x.csv,Art Pepper,{title},1\n", encoding="utf-8"
    )
    (folder / "melody" / "x.csv").write_text(NOTE_HEAD + "".join(notes), encoding="utf-8")
    (folder / "beats" / "x.csv").write_text(BEAT_HEAD + "".join(beats), encoding="utf-8")
    (folder / "wjd_maj_blues_metadata.json").write_text("[]", encoding="utf-8")
    return folder


def beat_rows(first, last, *, size=4, chords=None):
    chords = chords or {}
    return [
        f"{bar},,{beat},{chords.get((bar, beat), '')},1,{'A1' if (bar, beat) == (1, 1) else ''},0,4/4\n"
        for bar in range(first, last + 1)
        for beat in range(1, size + 1)
    ]


def test_a_solo_sits_on_its_written_beats(tmp_path):
    notes = [note(1, 1, 1, 2, 60), note(1, 2, 2, 3, 62, beats=0.3), note(2, 3, 3, 4, 64, beats=1.9)]
    beats = beat_rows(1, 3, chords={(1, 1): "C-7", (1, 3): "F79b", (3, 1): "Bbj7"})
    (piece,) = read_wjazzd(write_set(tmp_path, notes, beats))
    song = piece.song
    assert [(n.start_ticks, n.pitch, n.length_ticks) for n in song.melody.notes] == [
        (0, 60, 440),
        (640, 62, 160),
        (1920 + 960 + 240, 64, 920),
    ]
    assert [(c.start_ticks, c.root, c.quality) for c in song.chords] == [
        (0, 0, "m7"),
        (960, 5, "7b9"),
        (3840, 10, "maj7"),
    ]
    assert song.tempo_bpm == 120
    assert [(s.start_ticks, s.label) for s in song.sections] == [(0, "A1")]
    assert (piece.work, piece.styles, piece.tier) == ("blues for two", ("jazz", "cool"), "A*")


def test_a_pickup_bar_comes_before_bar_one(tmp_path):
    beats = beat_rows(0, 2, chords={(1, 1): "C"})[2:]  # the count-in bar has only beats 3 and 4
    (piece,) = read_wjazzd(write_set(tmp_path, [note(0, 4, 1, 1, 67), note(1, 1, 1, 1, 72)], beats))
    assert [n.start_ticks for n in piece.song.melody.notes] == [1440, 1920]
    assert piece.song.chords[0].start_ticks == 1920


def test_the_bass_walks_on_the_beats_that_have_one(tmp_path):
    beats = [row.replace(",,", f",{40 + place},", 1) for place, row in enumerate(beat_rows(0, 1))]
    beats[6] = beats[6].replace(",46,", ",,")
    (piece,) = read_wjazzd(write_set(tmp_path, [note(1, 1, 1, 1, 60)], beats))
    assert [part.role for part in piece.song.parts] == ["melody", "bass"]
    assert piece.song.parts[1].notes == (Note(0, 44, 480), Note(480, 45, 480), Note(1440, 47, 480))


def test_a_chord_from_before_the_first_bar_still_holds_in_it(tmp_path):
    beats = beat_rows(1, 12, chords={(1, 1): "C", (7, 1): "F", (11, 1): "G7"})
    (piece,) = read_wjazzd(write_set(tmp_path, [note(9, 1, 1, 1, 60)], beats))
    assert piece.song.melody.notes[0].start_ticks == 0
    assert [(c.start_ticks, c.root) for c in piece.song.chords] == [(0, 5), (3840, 7)]


def test_an_odd_bar_in_the_middle_changes_the_metre(tmp_path):
    beats = [*beat_rows(1, 1), *beat_rows(2, 2, size=3), *beat_rows(3, 4)]
    (piece,) = read_wjazzd(write_set(tmp_path, [note(1, 1, 1, 1, 60), note(3, 1, 1, 1, 62)], beats))
    assert [(m.start_ticks, str(m)) for m in piece.song.meters] == [(0, "4/4"), (1920, "3/4"), (3360, "4/4")]
    assert piece.song.melody.notes[1].start_ticks == 3360


def test_a_solo_in_free_time_is_left_out(tmp_path):
    folder = write_set(tmp_path, [note(1, 1, 1, 1, 60, num=1)], beat_rows(1, 4, size=1))
    assert list(read_wjazzd(folder)) == []


def test_a_broken_file_is_named_and_skipped(tmp_path, caplog):
    folder = write_set(tmp_path, ["x,y,z\n"], beat_rows(1, 1))
    assert list(read_wjazzd(folder)) == []
    assert "melody/x.csv" in caplog.text


def test_metadata_gives_key_style_and_blues(tmp_path):
    folder = write_set(tmp_path, [note(1, 1, 1, 1, 60)], beat_rows(1, 1))
    row = {"performer": "Art Pepper", "title": "Blues for Two", "style": "HARDBOP", "key": "Eb-maj", "instrument": "as"}
    (folder / "wjd_maj_blues_metadata.json").write_text(json.dumps([row]), encoding="utf-8")
    (piece,) = read_wjazzd(folder)
    assert piece.styles == ("jazz", "hard bop", "blues")
    assert (piece.song.key.tonic, piece.song.key.mode) == (3, "major")
    assert piece.song.melody.program == 65


def test_a_titles_missing_spaces_are_put_back(tmp_path):
    folder = write_set(tmp_path, [note(1, 1, 1, 1, 60)], beat_rows(1, 1), title="You Stepped Out Of ADream-2")
    (piece,) = read_wjazzd(folder)
    assert piece.song.title == "You Stepped Out Of A Dream"


def test_crowded_onsets_move_on_and_lines_stay_monophonic():
    line = place_notes([Note(0, 60, 400), Note(0, 62, 100), Note(200, 64, 40), Note(320, 65, 40)])
    assert [(n.start_ticks, n.length_ticks) for n in line] == [(0, 20), (20, 180), (200, 120), (320, 40)]


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "wjazzd").is_dir(), reason="needs the wjazzd folder")
def test_so_what_opens_as_miles_played_it():
    solo = next(p for p in read_wjazzd(DATA / "wjazzd") if p.name == "So What (solo by Miles Davis)")
    assert [(n.start_ticks, n.pitch) for n in islice(solo.song.melody.notes, 3)] == [(960, 74), (1680, 72), (1920, 62)]
    assert (solo.song.chords[0].root, solo.song.melody.is_monophonic) == (2, True)
