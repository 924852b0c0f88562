from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from subprocess import run

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cocreate.errors import FileError, InputError
from cocreate.files.abc import read_abc, read_tune, split_tunes
from cocreate.files.notation import read_notation, write_abc, write_musicxml
from cocreate.music.song import Chord, Key, Meter, Note, Part, Section, Song, Syllable, Tempo

BAD_NOTE = "<note><duration>x</duration></note>"
BAD_NUMBER = f"<score-partwise><part><measure>{BAD_NOTE}</measure></part></score-partwise>"
HEAD = "X:1\nT:Tune\nM:4/4\nL:1/8\nK:{key}\n"


def tune(body: str, *, key: str = "C", **options: bool) -> Song:
    return read_tune(HEAD.format(key=key) + body + "\n", **options).song


def pitches(song: Song) -> list[int]:
    return [note.pitch for note in song.melody.notes]


def lengths(song: Song) -> list[int]:
    return [note.length_ticks for note in song.melody.notes]


# --- ABC, worked examples --------------------------------------------------------------------------------------------


def test_octave_marks_move_by_octaves():
    assert pitches(tune("C, C c c' z4|")) == [48, 60, 72, 84]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("D", [66, 61]), ("Dm", [65, 60]), ("Ador", [66, 60]), ("Dmix", [66, 60]), ("E Minor", [66, 60]),
        ("HP", [66, 61]), ("Eb", [65, 60]), ("A Mixolydian % comment", [66, 61]), ("none", [65, 60]),
    ],
)  # fmt: skip
def test_key_signatures_of_modes_alter_notes(key: str, expected: list[int]):
    assert pitches(tune("F4 C4|", key=key)) == expected


def test_an_accidental_holds_to_the_end_of_its_bar_in_every_octave():
    assert pitches(tune("^F2 F2 f2 G2|F4 f4|")) == [66, 66, 78, 67, 65, 77]


def test_lengths_broken_rhythm_and_triplets():
    song = tune("C/ C// C// C3/2 C/ C>D E<F|(3CDE C6|")
    assert lengths(song) == [120, 60, 60, 360, 120, 360, 120, 120, 360, 160, 160, 160, 1440]


def test_a_staccato_dot_does_not_break_a_broken_rhythm():
    assert lengths(tune("C>.D E2 F4|")) == [360, 120, 480, 960]


def test_a_tie_makes_one_note_across_the_bar():
    assert lengths(tune("C6 D2-|D4 E4|")) == [1440, 1440, 960]


def test_grace_notes_ornaments_and_fingerings_are_left_out():
    assert pitches(tune('{ga}vC2 "4"D2 !trill!E2 ~F2|')) == [60, 62, 64, 65]


def test_quotes_that_read_as_chords_are_chords_and_the_rest_is_not():
    song = tune('"Am"A4 "4""D.C."B4|"G7/B"c8|')
    assert song.chords == (Chord(0, 1920, 9, "m"), Chord(1920, 1920, 7, "7", 11))


def test_of_a_chord_of_notes_the_highest_is_kept_where_asked():
    assert pitches(tune("[CEG]4 C4|", top_only=True)) == [67, 60]
    assert pitches(tune("[CEG]4 C4|")) == [60, 64, 67, 60]


def test_a_pickup_is_a_padded_bar():
    song = tune("G2|C8|D8|")
    assert song.pickup_ticks == 480
    assert [n.start_ticks for n in song.melody.notes] == [1440, 1920, 3840]


def test_a_bar_cut_by_a_repeat_is_joined():
    found = read_tune(HEAD.format(key="C") + "G2|C8|C6:|:A2|D8|D6:|\n")
    assert found.irregular_bars == 0
    assert found.bar_count == 5  # pickup, C, C6+A2, D, D6 and its rest
    halves = read_tune(HEAD.format(key="C") + "C8|D4||E4|F8|\n")
    assert halves.irregular_bars == 0
    assert [n.start_ticks for n in halves.song.melody.notes] == [0, 1920, 2880, 3840]


def test_a_section_pickup_takes_its_time_from_the_bar_before():
    song = tune("C8|D8:|:A2|E8|F6:|")
    assert [(n.start_ticks, n.length_ticks) for n in song.melody.notes][:3] == [(0, 1920), (1920, 1440), (3360, 480)]


def test_each_section_comes_once_with_its_last_ending():
    text = "C8|D8|1E8:|2F8||G8:|"
    assert pitches(tune(text)) == [60, 62, 65, 67]
    assert pitches(tune(text, expand=True)) == [60, 62, 64, 60, 62, 65, 67, 67]
    both_close = "C8:|D8|1E8:|2F8:|G8|"
    assert pitches(tune(both_close)) == [60, 62, 65, 67]
    assert pitches(tune(both_close, expand=True)) == [60, 60, 62, 64, 62, 65, 67]


def test_irregular_bars_are_counted():
    assert read_tune(HEAD.format(key="C") + "C8|C3|C8|C8 C|C8|\n").irregular_bars == 2


def test_words_go_under_notes_by_verse():
    song = tune("C2 D2 E2 F2|\nw: A-ma- * zing\nw: 2.~Through ma-ny~a dan-gers")
    assert song.melody.syllables == (
        Syllable(0, "A", joins_next=True), Syllable(0, "Through", verse=2), Syllable(480, "ma", joins_next=True),
        Syllable(480, "ma", joins_next=True, verse=2), Syllable(960, "ny a", verse=2), Syllable(1440, "zing"),
        Syllable(1440, "dan", joins_next=True, verse=2),
    )  # fmt: skip


def test_voices_keep_their_own_key_changes():
    text = "X:1\nM:4/4\nL:1/4\nV:1\nV:2\nK:C\n[V:1] F4 | [K:D] F4 |\n[V:2] F,4 | [K:D] F,4 |\n"
    song = read_tune(text).song
    assert [[n.pitch for n in part.notes] for part in song.parts] == [[65, 66], [53, 54]]


def test_a_metre_that_no_bar_has_gives_way_to_the_bars():
    song = read_tune("X:1\nM:9/8\nL:1/8\nK:C\n" + "CDE FGA|" * 8).song
    assert str(song.meter) == "6/8"


def test_a_metre_may_change_on_a_bar_line():
    song = tune("C8|[M:3/4]D6|E6|")
    assert song.meters == (Meter(0, 4, 4), Meter(1920, 3, 4))


def test_tunes_are_split_and_a_files_own_fields_hold_for_all():
    text = "M:6/8\nL:1/8\n\nX:1\nK:C\nCDE FGA|\n\nX:2\nM:3/4\nK:C\nCDE FGA|\n"
    assert len(split_tunes(text)) == 2
    assert [str(t.song.meter) for t in read_abc(text)] == ["6/8", "3/4"]


def test_tempo_counts_quarters():
    assert read_tune("X:1\nM:6/8\nL:1/8\nQ:3/8=120\nK:C\nCDEFGA|\n").song.tempo_bpm == 180
    assert read_tune("X:1\nM:4/4\nL:1/8\nQ:100\nK:C\nC8|\n").song.tempo_bpm == 50


# --- round trips -----------------------------------------------------------------------------------------------------

_METERS = st.sampled_from([(4, 4), (3, 4), (6, 8), (2, 2), (5, 8)])
_KEYS = st.sampled_from([Key(0, 0), Key(0, 3), Key(0, 4), Key(0, 6), Key(0, 2, "minor"), Key(0, 10, "mixolydian")])
_STEPS = st.sampled_from([60, 120, 240, 480, 720, 160, 80, 1080])
_QUALITIES = st.sampled_from(["maj", "m7", "7b9", "maj7#11", "m7b5", "7alt", "13sus4", "69", "dim7", "5"])


@st.composite
def songs(draw: st.DrawFn) -> Song:
    """Songs that notation can say exactly: chords without gaps, velocities 80, changes on bar lines."""
    meter = Meter(0, *draw(_METERS))
    bars = draw(st.integers(2, 5))
    end = bars * meter.bar_ticks
    pickup = draw(st.sampled_from([0, meter.bar_ticks // 4 if meter.bar_ticks % 4 == 0 else 240]))
    begin = meter.bar_ticks - pickup if pickup else 0
    parts = []
    for index in range(draw(st.integers(1, 2))):
        notes, at = [], begin
        while at < end:
            length = min(draw(_STEPS), end - at)
            notes += [Note(at, p, length) for p in draw(st.sets(st.integers(45, 84), max_size=2 if index else 1))]
            at += length
        if not any(note.start_ticks >= end - meter.bar_ticks for note in notes):
            notes.append(Note(end - 240, 60, 240))  # the last bar is not empty
        words = tuple(
            Syllable(t, "la", joins_next=i % 2 == 0) for i, t in enumerate(sorted({n.start_ticks for n in notes}))
        )
        name, role = ("Bass", "voice") if index else ("Melody", "melody")
        parts.append(Part(tuple(notes), name, role, syllables=() if index else words))
    starts = [begin, *(meter.bar_ticks * i for i in range(1, bars)), end]
    chords = [Chord(a, b - a, draw(st.integers(0, 11)), draw(_QUALITIES)) for a, b in pairwise(starts) if b > a]
    return Song(
        tuple(parts), meters=(meter,), tempos=(Tempo(0, draw(st.sampled_from([60.0, 93.5, 120.0]))),),
        keys=(draw(_KEYS),), chords=tuple(chords) if draw(st.booleans()) else (), title="A Song",
        sections=(Section(0, "A"), Section(meter.bar_ticks, "B")), pickup_ticks=pickup,
    )  # fmt: skip


_QUICK = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_QUICK
@given(songs())
def test_musicxml_round_trip_is_no_change(tmp_path: Path, song: Song):
    path = tmp_path / "song.musicxml"
    write_musicxml(song, path, force=True)
    assert read_notation(path) == song


@_QUICK
@given(songs())
def test_abc_round_trip_is_no_change(tmp_path: Path, song: Song):
    path = tmp_path / "song.abc"
    write_abc(song, path, force=True)
    assert read_notation(path) == song


def test_notes_that_overlap_survive_as_ties(tmp_path: Path):
    song = Song((Part((Note(0, 60, 1920), Note(240, 64, 480), Note(480, 67, 2400))),), title="x")
    for write, name in ((write_musicxml, "a.musicxml"), (write_abc, "a.abc")):
        write(song, tmp_path / name)
        assert read_notation(tmp_path / name) == song


def test_a_gap_between_chords_is_written_as_no_chord(tmp_path: Path):
    song = Song((Part((Note(0, 60, 1920),)),), chords=(Chord(0, 960, 0),), title="x")
    write_musicxml(song, tmp_path / "a.musicxml")
    assert read_notation(tmp_path / "a.musicxml").chords == (Chord(0, 960, 0), Chord(960, 960, None))


def test_verses_drums_and_instruments_survive_in_musicxml(tmp_path: Path):
    melody = Part((Note(0, 60, 480),), syllables=(Syllable(0, "one"), Syllable(0, "two", verse=2)), program=40)
    song = Song((melody, Part((Note(0, 36, 240),), "Drums", "drums")), title="x")
    write_musicxml(song, tmp_path / "a.musicxml")
    assert read_notation(tmp_path / "a.musicxml") == song


def test_abc_without_a_part_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="needs a part"):
        write_abc(Song(()), tmp_path / "a.abc")
    assert not (tmp_path / "a.abc").exists()


def test_nothing_is_overwritten_without_force(tmp_path: Path):
    song = Song((Part((Note(0, 60, 480),)),))
    write_musicxml(song, tmp_path / "a.musicxml")
    with pytest.raises(FileError, match="exists"):
        write_musicxml(song, tmp_path / "a.musicxml")
    write_musicxml(song, tmp_path / "a.musicxml", force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.musicxml"]


# --- what is broken --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.musicxml", ""), ("a.musicxml", "<score-partwise>"), ("a.xml", "<html/>"), ("a.xml", "not xml"),
        ("a.musicxml", "<score-partwise><part><measure/></part></score-partwise>"), ("a.mxl", "PK\x03\x04 broken"),
        ("a.musicxml", '<!DOCTYPE x [<!ENTITY a "b">]><score-partwise/>'), ("a.abc", "no tune"),
        ("a.abc", "X:1\nK:C\n"),
        ("a.abc", "X:1\nM:5/0\nK:C\nCDEF|\n"), ("a.pdf", "x"),
        ("a.xml", BAD_NUMBER),
    ],
)  # fmt: skip
def test_a_broken_file_is_a_one_line_file_error(tmp_path: Path, name: str, text: str):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        read_notation(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_a_file_error(tmp_path: Path):
    with pytest.raises(FileError, match="cannot be read"):
        read_notation(tmp_path / "none.abc")


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ABCdefg|:[]()<>{}\"12/^_=,'-z& \\\nKMLVw!+.~%", max_size=80))
def test_any_abc_text_is_a_song_or_a_file_error(body: str):
    try:
        song = tune(body)
    except FileError:
        return
    assert song.parts


def test_abc_and_musicxml_need_no_music21(tmp_path: Path):
    write_abc(Song((Part((Note(0, 60, 480),)),)), tmp_path / "a.abc")
    code = (
        "import sys, pathlib; from cocreate.files.notation import read_notation; "
        f"read_notation(pathlib.Path({str(tmp_path / 'a.abc')!r})); print('music21' in sys.modules)"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- music21 ---------------------------------------------------------------------------------------------------------


def test_kern_is_read_and_music21_reads_what_we_write(tmp_path: Path):
    rows = [
        "**kern **kern",
        "*M3/4 *M3/4",
        "*k[b-] *k[b-]",
        "4FF 4f",
        "=1 =1",
        "2.F 4a",
        ". 4g",
        ". 4f",
        "=2 =2",
        "2.C 2.e",
    ]
    kern = "\n".join([*rows, "*- *-", ""]).replace(" ", "\t")
    (tmp_path / "a.krn").write_text(kern, encoding="utf-8")
    song = read_notation(tmp_path / "a.krn")
    assert [n.pitch for n in song.melody.notes] == [65, 69, 67, 65, 64]
    assert song.pickup_ticks == 480
    assert (song.meter.numerator, song.title) == (3, "a")
    import music21

    write_musicxml(song, tmp_path / "a.musicxml")
    score = music21.converter.parse(tmp_path / "a.musicxml", forceSource=True, storePickle=False)
    assert [n.pitch.midi for n in score.parts[0].recurse().notes] == [65, 69, 67, 65, 64]
    (tmp_path / "b.krn").write_text("garbage", encoding="utf-8")
    with pytest.raises(FileError, match="krn"):
        read_notation(tmp_path / "b.krn")
