"""What an engraver looks for: drums on their lines, two staves for a pianist, values that show the beat, triplets."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cocreate.files import read_song
from cocreate.files.drumset import abc_places, mark_of, sound_of, written_pitch
from cocreate.files.export import export
from cocreate.files.legible import legible
from cocreate.files.musicxml_write import musicxml_bytes
from cocreate.files.note_values import LENGTHS
from cocreate.files.page import page_svgs
from cocreate.music.feel import humanise
from cocreate.music.song import Chord, Key, Meter, Note, Part, Song, Syllable

KICK, SNARE, HAT, OPEN_HAT, CRASH = 36, 38, 42, 46, 49
TUNE = Part((Note(0, 62, 1920), Note(1920, 64, 1920)))
BEAT = Part(
    (Note(0, KICK, 60), Note(0, CRASH, 1900), Note(240, HAT, 60), Note(480, SNARE, 60), Note(480, HAT, 60)),
    "Drums", "drums",
)  # fmt: skip


def part_of(song: Song, number: int = -1) -> ET.Element:
    return ET.fromstring(musicxml_bytes(song)).findall("part")[number]


def written(*notes: Note, meter: tuple[int, int] = (4, 4)) -> str:
    """The first bar as lengths in ticks: ``r`` a rest, ``~`` tied on."""
    song = Song((Part(notes),), meters=(Meter(0, *meter),))
    words = []
    for note in part_of(song).findall("measure")[0].findall("note"):
        tied = any(tie.get("type") == "start" for tie in note.findall("tie"))
        rest = "r" if note.find("rest") is not None else ""
        words.append(f"{note.findtext('duration')}{rest}{'~' if tied else ''}")
    return " ".join(words)


# --- drums -----------------------------------------------------------------------------------------------------------


def test_drums_are_unpitched_strokes_on_a_percussion_staff_without_a_signature() -> None:
    root = ET.fromstring(musicxml_bytes(Song((TUNE, BEAT), keys=(Key(0, 2), Key(1920, 9)))))
    drums = root.findall("part")[1]
    assert [key.text for key in drums.iter("fifths")] == ["0", "0"]  # at the change too: Verovio gives it to all parts
    assert drums.findtext("measure/attributes/clef/sign") == "percussion"
    assert root.findall("part")[0].findtext("measure/attributes/key/fifths") == "2"
    assert drums.find(".//pitch") is None
    first = drums.findall("measure/note")[:2]
    shown = [(n.findtext("unpitched/display-step"), n.findtext("unpitched/display-octave")) for n in first]
    assert shown == [("F", "4"), ("A", "5")]
    assert [n.findtext("notehead") for n in first] == ["normal", "x"]
    sounds = {m.get("id"): m.findtext("midi-unpitched") for m in root.iter("midi-instrument")}
    assert [sounds[n.find("instrument").get("id")] for n in first] == ["37", "50"]  # type: ignore[union-attr] # from 1
    names = {i.get("id"): i.findtext("instrument-name") for i in root.iter("score-instrument")}
    assert names[first[0].find("instrument").get("id")] == "Bass Drum"  # type: ignore[union-attr]


def test_a_stroke_is_written_to_the_next_or_to_the_end_of_its_beat_and_never_tied() -> None:
    drums = part_of(Song((TUNE, BEAT)))
    heads = [n for n in drums.findall("measure/note") if n.find("chord") is None]
    assert [n.findtext("duration") for n in heads] == ["240", "240", "480", "960", "1920"]
    assert [n.find("rest") is not None for n in heads] == [False, False, False, True, True]
    assert drums.find(".//tie") is None


@pytest.mark.parametrize("ending", [".musicxml", ".abc"])
def test_drums_come_back_as_the_same_midi_notes(tmp_path: Path, ending: str) -> None:
    every = Part(tuple(Note(120 * i, pitch, 90, 40 + i) for i, pitch in enumerate(range(27, 88))), "Kit", "drums")
    song = Song((TUNE, BEAT, every), keys=(Key(0, 9), Key(3840, 1)), title="x")
    export(song, tmp_path / f"a{ending}")
    again = read_song(tmp_path / f"a{ending}")
    assert [part.role for part in again.parts] == ["melody", "drums", "drums"]
    for mine, theirs in zip(song.parts, again.parts, strict=True):
        assert [(n.start_ticks, n.pitch) for n in theirs.notes] == [(n.start_ticks, n.pitch) for n in mine.notes]
    if ending == ".musicxml":
        assert again == song  # lengths and velocities too
    assert again.keys == song.keys


@pytest.mark.parametrize("ending", [".musicxml", ".abc"])
def test_drums_alone_are_a_file_too(tmp_path: Path, ending: str) -> None:
    for keys in ((), (Key(0, 7, "minor"),)):
        export(Song((BEAT,), keys=keys), tmp_path / f"a{ending}", force=True)
        again = read_song(tmp_path / f"a{ending}")
        assert [(n.start_ticks, n.pitch) for n in again.parts[0].notes] == [
            (n.start_ticks, n.pitch) for n in BEAT.notes
        ]
        assert (again.parts[0].role, again.keys) == ("drums", keys)
    key = part_of(Song((BEAT,), keys=(Key(0, 7),))).find("measure/attributes/key")
    assert key is not None
    assert key.get("print-object") == "no"


def test_abc_drums_have_a_percussion_clef_channel_10_and_a_map(tmp_path: Path) -> None:
    export(Song((TUNE, BEAT), keys=(Key(0, 9),)), tmp_path / "a.abc")
    text = (tmp_path / "a.abc").read_text(encoding="utf-8")
    for line in (
        'V:2 name="Drums" clef=perc',
        "%%MIDI channel 10",
        "%%MIDI drummap F 36 % Bass Drum",
        "[F^a]^g [c2g2] z4 | z8 |]",
    ):
        assert line in text


def test_foreign_drums_without_numbers_are_told_by_their_lines(tmp_path: Path) -> None:
    rows = [("F", 4, "normal"), ("C", 5, "normal"), ("G", 5, "x"), ("G", 5, "circle-x"), ("B", 3, "normal")]
    notes = "".join(
        f"<note><unpitched><display-step>{step}</display-step><display-octave>{octave}</display-octave></unpitched>"
        f"<duration>1</duration><notehead>{head}</notehead></note>"
        for step, octave, head in rows
    )
    head = "<attributes><divisions>1</divisions><time><beats>5</beats><beat-type>4</beat-type></time></attributes>"
    score = f"<score-partwise><part id='P1'><measure>{head}{notes}</measure></part></score-partwise>"
    (tmp_path / "a.musicxml").write_text(score)
    (part,) = read_song(tmp_path / "a.musicxml").parts
    assert (part.role, [note.pitch for note in part.notes]) == ("drums", [KICK, SNARE, HAT, OPEN_HAT, SNARE])
    (tmp_path / "a.abc").write_text("X:1\nM:4/4\nL:1/4\nV:1 clef=perc\nK:C\nV:1\nF c ^g ^^g|\n")
    (part,) = read_song(tmp_path / "a.abc").parts
    assert (part.role, [note.pitch for note in part.notes]) == ("drums", [KICK, SNARE, HAT, OPEN_HAT])


def test_every_sound_has_a_place_of_its_own_in_abc() -> None:
    places = abc_places(range(128))
    assert len({written_pitch(*place) for place in places.values()}) == 128
    assert places[HAT] == ("G", 5, 1)
    assert all(
        sound_of(mark.step, mark.octave, mark.head) == pitch for pitch in range(35, 60) for mark in [mark_of(pitch)]
    )


def test_the_page_has_no_signature_on_drums_where_the_key_changes() -> None:
    keys = (Key(0, 2), Key(1920, 9))  # two sharps, then three
    for parts in ((TUNE,), (TUNE, BEAT), (BEAT, TUNE)):
        svg = "".join(page_svgs(Song(parts, keys=keys)))
        assert svg.count('class="keyAccid"') == 5


# --- staves ----------------------------------------------------------------------------------------------------------


def test_a_pianist_who_needs_both_clefs_has_two_staves_cut_at_middle_c(tmp_path: Path) -> None:
    piano = Part(
        (Note(0, 43, 960), Note(0, 60, 480), Note(0, 67, 480), Note(480, 72, 480), Note(960, 59, 960)),
        "Piano",
        "comping",
    )
    song = Song((TUNE, piano), title="x")
    element = part_of(song)
    assert element.findtext("measure/attributes/staves") == "2"
    clefs = [(c.get("number"), c.findtext("sign"), c.findtext("line")) for c in element.iter("clef")]
    assert clefs == [("1", "G", "2"), ("2", "F", "4")]
    staff = {int(n.findtext("pitch/octave", "0")): n.findtext("staff") for n in element.iter("note") if n.find("pitch")}
    assert staff == {2: "2", 3: "2", 4: "1", 5: "1"}
    export(song, tmp_path / "a.musicxml")
    assert read_song(tmp_path / "a.musicxml").parts[1].notes == piano.notes


def test_one_staff_does_for_singers_lines_and_hands_that_one_clef_holds() -> None:
    wide = (Note(0, 40, 480), Note(0, 72, 480))
    for part in (
        Part(wide, role="voice", program=0, syllables=(Syllable(0, "la"),)),
        Part(wide, program=40),
        Part((Note(0, 40, 480), Note(480, 72, 480))),
        Part((Note(0, 60, 480), Note(0, 72, 480))),
    ):
        assert part_of(Song((part,))).find("measure/attributes/staves") is None


@pytest.mark.parametrize(
    ("pitch", "clef"), [(30, ("F", "-1")), (48, ("F", None)), (70, ("G", None)), (96, ("G", "1"))]
)  # fmt: skip
def test_a_clef_keeps_a_part_near_its_staff(pitch: int, clef: tuple[str, str | None]) -> None:
    element = part_of(Song((Part((Note(0, pitch, 480),)),))).find("measure/attributes/clef")
    assert element is not None
    assert (element.findtext("sign"), element.findtext("clef-octave-change")) == clef


# --- values ----------------------------------------------------------------------------------------------------------


def test_the_middle_of_the_bar_and_the_beats_can_be_seen() -> None:
    assert written(Note(0, 60, 720), Note(720, 62, 1200)) == "720 240~ 960"
    assert written(Note(0, 60, 480), Note(480, 62, 960), Note(1440, 64, 480)) == "480 960 480"  # a syncopation
    assert written(Note(0, 60, 240), Note(240, 62, 480), Note(720, 64, 240)).startswith("240 480 240")
    assert written(Note(120, 60, 480), Note(600, 62, 1320)) == "120r 360~ 120 360~ 960"
    assert written(Note(240, 60, 480), meter=(6, 8)) == "240r 480 720r"
    assert written(Note(480, 60, 480), meter=(6, 8)) == "480r 240~ 240 480r"


def test_rests_show_the_beats() -> None:
    assert written(Note(0, 60, 240)) == "240 240r 480r 960r"
    assert written(Note(1440, 60, 480)) == "960r 480r 480"
    assert written(Note(0, 60, 480), meter=(3, 4)) == "480 480r 480r"
    element = part_of(Song((TUNE, Part((Note(1920, 60, 480),)))))
    (rest,) = element.findall("measure")[0].findall("note/rest")
    assert rest.get("measure") == "yes"


def test_triplets_have_their_number_and_a_bracket_where_no_beam_holds_them() -> None:
    beamed = tuple(Note(160 * i, 60 + i, 160) for i in range(3))
    quarters = tuple(Note(960 + 320 * i, 60 + i, 320) for i in range(3))
    notes = part_of(Song((Part((*beamed, *quarters)),))).findall("measure/note")
    marks = [[(t.get("type"), t.get("bracket")) for t in note.iter("tuplet")] for note in notes]
    start = ("start", "no")
    assert marks == [[start], [], [("stop", None)], [], [("start", "yes")], [], [("stop", None)]]
    assert all(note.find("time-modification") is not None for note in notes if note.find("rest") is None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 31), st.integers(1, 40)), min_size=1, max_size=8),
    st.sampled_from([(4, 4), (3, 4), (6, 8), (12, 8), (5, 4), (7, 8), (2, 2)]),
    st.sampled_from([60, 40, 7]),
)
def test_whatever_the_rhythm_bars_are_full_and_the_notes_come_back(
    tmp_path: Path, spans: list[tuple[int, int]], meter: tuple[int, int], grid: int
) -> None:
    notes = tuple(Note(grid * start, 55 + i, grid * length) for i, (start, length) in enumerate(spans))
    song = Song((Part(notes),), meters=(Meter(0, *meter),), title="x")
    for measure in part_of(song).findall("measure"):
        heads = [n for n in measure.findall("note") if n.find("chord") is None]
        assert sum(int(n.findtext("duration", "0")) for n in heads) == song.meter.bar_ticks
        if grid != 7:
            assert all(int(n.findtext("duration", "0")) in LENGTHS or n.find("rest").get("measure") for n in heads)  # type: ignore[union-attr]
    for ending in (".musicxml", ".abc"):
        export(song, tmp_path / f"a{ending}", force=True)
        assert read_song(tmp_path / f"a{ending}").parts[0].notes == tuple(sorted(notes))


def test_velocities_and_words_on_tied_notes_survive_in_musicxml(tmp_path: Path) -> None:
    tune = Part((Note(0, 60, 1920, 33), Note(1920, 62, 480, 127)), syllables=(Syllable(0, "a"), Syllable(960, "e")))
    for ending in (".musicxml", ".abc"):
        export(Song((tune,)), tmp_path / f"a{ending}")
        assert read_song(tmp_path / f"a{ending}").parts[0].syllables == tune.syllables
    assert read_song(tmp_path / "a.musicxml").parts[0] == tune


def test_instruments_and_awkward_words_survive_in_abc(tmp_path: Path) -> None:
    words = ("1. When", "_*|%\\~", "-\u00a0sé", "tré\u00a0;", "a  b", "re-")
    tune = Part(
        tuple(Note(480 * i, 60, 480) for i in range(6)), program=73,
        syllables=tuple(Syllable(480 * i, word, joins_next=i == 1) for i, word in enumerate(words)),
    )  # fmt: skip
    other = Part((Note(0, 40, 480),), "Bass", "voice", 33)
    song = Song((tune, other), title="x")
    export(song, tmp_path / "a.abc")
    assert read_song(tmp_path / "a.abc") == song


# --- what was played -------------------------------------------------------------------------------------------------


def test_a_played_song_is_printed_as_it_was_written() -> None:
    tune = Part(
        (Note(0, 60, 480), Note(480, 62, 160), Note(640, 64, 160), Note(800, 65, 160), Note(960, 67, 240),
         Note(1200, 69, 720)),
        syllables=(Syllable(640, "la"),),
    )  # fmt: skip
    drums = Part(tuple(Note(240 * i, HAT, 120) for i in range(8)), "Drums", "drums")
    song = Song((tune, drums), chords=(Chord(0, 960, 0), Chord(960, 960, 7)))
    for seed in range(20):
        again = legible(humanise(song, seed=seed))
        assert [[(n.start_ticks, n.pitch) for n in part.notes] for part in again.parts] == [
            [(n.start_ticks, n.pitch) for n in part.notes] for part in song.parts
        ]
        assert [n.length_ticks for n in again.parts[0].notes] == [n.length_ticks for n in tune.notes]
        assert again.parts[0].syllables == tune.syllables
        assert [(c.start_ticks, c.length_ticks) for c in again.chords] == [(0, 960), (960, 960)]


def test_what_was_written_on_thirty_seconds_or_triplets_is_printed_as_it_is() -> None:
    notes = (Note(0, 60, 60), Note(60, 62, 420), Note(480, 64, 80), Note(560, 65, 400), Note(1080, 67, 60))
    song = Song((Part(notes),))
    assert legible(song) == song
    played = replace(song, parts=(Part((Note(0, 60, 440), Note(480, 62, 470))),))
    assert [n.length_ticks for n in legible(played).parts[0].notes] == [480, 480]
