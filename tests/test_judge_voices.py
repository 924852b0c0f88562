"""Voice-leading: faults that a teacher would mark, on examples small enough to check by hand."""

from __future__ import annotations

import pytest

from cocreate.errors import InputError
from cocreate.judge.harmony import harmony_quality
from cocreate.judge.voices import KINDS, VoiceLeading, voice_leading, voices_of
from cocreate.music.song import Chord, Key, Meter, Note, Part, Song
from cocreate.music.theory import parse_pitch


def choir(*lines: str, pickup_ticks: int = 0) -> Song:
    """A song in C whose voices sing half notes; a dash is a rest."""
    parts = [
        Part(
            tuple(Note(960 * n, parse_pitch(name), 960) for n, name in enumerate(line.split()) if name != "-"),
            name=f"Voice {place}",
            role="voice",
        )
        for place, line in enumerate(lines)
    ]
    return Song(tuple(parts), keys=(Key(0, 0),), pickup_ticks=pickup_ticks)


def faults(song: Song) -> list[tuple[str, int, tuple[int, ...]]]:
    return [(fault.kind, fault.bar, fault.voices) for fault in voice_leading(song).faults]


def test_parallel_fifths_and_octaves_are_found_with_their_bar_and_voices() -> None:
    song = choir("G4 A4 B4", "E4 F4 D4", "C3 D3 G2")
    assert faults(song) == [("parallel fifths", 1, (1, 3))]
    assert faults(choir("C5 E5 D5", "C4 E4 G4")) == [("parallel octaves", 1, (1, 2))]


def test_a_fifth_that_stays_or_comes_after_a_rest_is_no_parallel() -> None:
    assert faults(choir("G4 G4 A4", "C4 C4 F4")) == []
    assert faults(choir("G4 - A4", "C4 - D4")) == []
    assert faults(choir("G4 A4", "C4 E4")) == []  # a fifth, then a fourth
    assert faults(choir("B4 A4", "F4 D4")) == []  # a diminished fifth before a perfect one


def test_a_leap_of_the_outer_voices_into_a_fifth_is_hidden() -> None:
    assert faults(choir("E4 A4", "C4 D4")) == [("hidden", 1, (1, 2))]
    assert faults(choir("G4 A4", "B3 D4")) == []  # the top voice steps
    assert faults(choir("C5 A4 G4", "E4 A4 E4", "C4 F3 E3")) == []  # down a third, but the inner octave is not outer


def test_crossing_ranges_and_pickups() -> None:
    song = choir("E4 E4 E4", "C4 F4 C4", pickup_ticks=960)
    assert faults(song) == [("crossing", 0, (1, 2))]
    wide = choir("C6 C5", "E4 E4", "C4 B3", "D2 G2")
    assert ("range", 1, (1,)) in faults(wide)
    assert ("range", 1, (4,)) in faults(wide)


def test_a_leading_note_wants_to_rise() -> None:
    assert faults(choir("B4 C5", "D4 E4", "G3 C3")) == []
    assert faults(choir("B4 G4", "D4 E4", "G3 C4")) == [("leading note", 1, (1,))]
    assert faults(choir("D5 C5", "B4 G4", "G3 C4")) == []  # an inner voice may fall a third
    assert faults(choir("B4 B4 C5", "D4 F4 E4", "G3 G3 C3")) == []  # it waits


def test_rates_are_for_a_hundred_sonorities() -> None:
    found = voice_leading(choir("G4 A4 G4 A4", "C4 D4 C4 D4"))
    assert (found.sonorities, found.count(), found.count("crossing")) == (4, 3, 0)
    assert found.per_hundred("parallel fifths") == 75
    assert VoiceLeading((), 0).per_hundred() == 0
    assert {fault.kind for fault in found.faults} <= set(KINDS)


def test_one_voice_leads_nowhere() -> None:
    with pytest.raises(InputError, match="at least two parts of one voice, got 1"):
        voice_leading(choir("C4 D4"))


def test_voices_are_ordered_by_height() -> None:
    song = choir("C3 C3", "C5 C5", "C4 C4")
    assert [part.name for part in voices_of(song)] == ["Voice 1", "Voice 2", "Voice 0"]


def test_quality_is_chord_tones_times_clean_sonorities() -> None:
    song = choir("G4 A4", "C4 D4")
    assert harmony_quality(song) is None
    charted = Song(song.parts, (Meter(0, 4, 4),), keys=song.keys, chords=(Chord(0, 1920, 0),))
    assert harmony_quality(charted) == pytest.approx(0.5)
    assert harmony_quality(charted, charted.parts) == pytest.approx(0.5 * 0.5)
