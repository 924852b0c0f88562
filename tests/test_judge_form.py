"""Form, judged: how much of a section is another one's, and how sections close."""

from __future__ import annotations

from dataclasses import replace

from cocreate.judge.form import cadence, same_material, same_notes, spans
from cocreate.music.song import Chord, Key, Note, Part, Section, Song

PHRASE = (60, 62, 64, 67)
OTHER = (72, 71, 69, 67)
NOTES = tuple(Note(480 * n, pitch, 480) for n, pitch in enumerate((*PHRASE, *PHRASE, *OTHER, *PHRASE[:3], 60)))
SONG = Song(
    (Part(NOTES),),
    keys=(Key(0, 0),),
    chords=(Chord(0, 1920, 0), Chord(1920, 1920, 7), Chord(3840, 1920, 7, "7"), Chord(5760, 1920, 0)),
    sections=tuple(Section(1920 * n, label) for n, label in enumerate("AABA")),
)


def test_sections_last_to_the_next() -> None:
    assert [(s.label, s.start_ticks, s.end_ticks) for s in spans(SONG)][2:] == [("B", 3840, 5760), ("A", 5760, 7680)]
    assert spans(replace(SONG, sections=())) == ()


def test_the_same_notes_are_counted_wherever_a_section_begins() -> None:
    first, second, third, last = spans(SONG)
    assert same_notes(SONG, first, second) == 1.0
    assert same_notes(SONG, first, third) == 0.25  # the last note alone
    assert same_notes(SONG, first, last) == 0.75
    assert same_material(SONG) == ((1.0 + 0.75 + 0.75) / 3, (0.25 + 0.25 + 0.0) / 3)
    assert same_material(replace(SONG, sections=SONG.sections[:1])) == (None, None)


def test_how_sections_close() -> None:
    assert [cadence(SONG, span) for span in spans(SONG)] == ["full", "half", "half", "full"]
    sung = replace(SONG, parts=(Part((*NOTES[:-1], replace(NOTES[-1], pitch=62))),))
    assert cadence(sung, spans(sung)[-1]) == "other"
    assert cadence(replace(SONG, chords=()), spans(SONG)[-1]) == "other"
