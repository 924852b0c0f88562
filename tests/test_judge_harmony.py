"""The metrics of harmony, on chords and notes small enough to count by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.judge.harmony import (
    METRICS,
    chord_coverage,
    chord_histogram_entropy,
    chord_tonal_distance,
    chord_tone_rate,
    chord_tone_ratio,
    harmony_metrics,
    melody_chord_distance,
    pitch_consonance,
)
from cocreate.music.song import Chord, Note, Part, Song

Q = 480


def song(chords: str, *pitches: int) -> Song:
    """A quarter a note, a bar of four quarters a chord; "-" is N.C."""
    roots = {"C": (0, "maj"), "Am": (9, "m"), "F": (5, "maj"), "G7": (7, "7"), "-": (None, "")}
    written = tuple(Chord(4 * Q * place, 4 * Q, *roots[name]) for place, name in enumerate(chords.split()))
    return Song((Part(tuple(Note(Q * place, pitch, Q) for place, pitch in enumerate(pitches))),), chords=written)


def test_entropy_and_coverage_count_symbols_not_time() -> None:
    assert chord_histogram_entropy(song("C C C C", 60)) == 0
    assert chord_coverage(song("C C C C", 60)) == 1
    assert chord_histogram_entropy(song("C F C F", 60)) == pytest.approx(math.log(2))
    assert chord_histogram_entropy(song("C F G7 Am", 60)) == pytest.approx(math.log(4))
    assert chord_coverage(song("C F - C", 60)) == 2


def test_tonal_distance_of_equal_neighbours_is_none_and_of_a_fifth_less_than_of_a_tritone() -> None:
    def distance(root: int) -> float:
        return chord_tonal_distance(Song((Part(()),), chords=(Chord(0, Q, 0), Chord(Q, Q, root))))

    assert chord_tonal_distance(song("C", 60)) == chord_tonal_distance(song("C C", 60)) == 0
    assert distance(7) < distance(2) < distance(6)
    assert distance(5) == pytest.approx(distance(7))


def test_centroids_lie_where_harte_draws_them() -> None:
    """C and E share a place on the circle of minor thirds (folded by 3/2 pi) and are 4 fifths apart."""
    fifths = 2 * math.sin(4 * math.pi / 12)  # chord of 4/12 of the unit circle
    thirds = 0.5 * 2 * math.sin(math.pi * 4 / 3)  # 4 steps of a third of the circle of radius 1/2
    one_tone = Song(
        (Part((Note(0, 64, Q),)),),
        chords=(Chord(0, Q, 0, "5"),),
    )
    assert melody_chord_distance(one_tone) > 0
    from cocreate.judge.harmony import _centroid

    assert float(((_centroid((0,)) - _centroid((4,))) ** 2).sum()) == pytest.approx(fifths**2 + thirds**2)


def test_chord_tones_are_weighed_by_length() -> None:
    assert chord_tone_rate(song("C", 60, 64, 67, 62)) == 0.75
    long = Song((Part((Note(0, 60, 3 * Q), Note(3 * Q, 62, Q), Note(4 * Q, 61, 9 * Q))),), chords=(Chord(0, 4 * Q, 0),))
    assert chord_tone_rate(long) == 0.75  # the last note sounds after the chord


def test_a_passing_tone_is_proper_and_a_leap_from_a_strange_note_is_not() -> None:
    assert chord_tone_ratio(song("C", 60, 62, 64, 67)) == 1
    assert chord_tone_ratio(song("C", 60, 62, 67, 64)) == 0.75
    assert chord_tone_ratio(song("C", 60, 64, 67, 62)) == 0.75  # nothing follows the last


def test_a_note_over_two_chords_is_judged_with_each() -> None:
    held = Song((Part((Note(0, 60, 8 * Q),)),), chords=(Chord(0, 4 * Q, 0), Chord(4 * Q, 4 * Q, 7)))
    assert chord_tone_rate(held) == 0.5


def test_consonance_takes_the_melody_to_lie_above() -> None:
    # C over C E G: unison 1, minor sixth 1, fourth 0; C# over them: -1, major sixth 1, tritone -1
    assert pitch_consonance(song("C", 60)) == pytest.approx(2 / 3)
    assert pitch_consonance(song("C", 61)) == pytest.approx(-1 / 3)


def test_a_song_without_chords_or_without_notes_over_them_is_refused() -> None:
    for metric in METRICS.values():
        with pytest.raises(InputError, match="at least one chord"):
            metric(song("-", 60))
    for metric in (chord_tone_rate, chord_tone_ratio, pitch_consonance, melody_chord_distance):
        with pytest.raises(InputError, match="melody note"):
            metric(Song((Part((Note(9 * Q, 60, Q),)),), chords=(Chord(0, Q, 0),)))


@given(
    st.lists(st.tuples(st.integers(0, 11), st.sampled_from(["maj", "m", "7", "dim7"])), min_size=1, max_size=6),
    st.lists(st.integers(48, 84), min_size=4, max_size=12),
    st.integers(-12, 12),
)
def test_transposing_changes_no_metric(chords: list[tuple[int, str]], pitches: list[int], semitones: int) -> None:
    here = Song(
        (Part(tuple(Note(Q * place, pitch, Q) for place, pitch in enumerate(pitches))),),
        chords=tuple(Chord(2 * Q * place, 2 * Q, *chord) for place, chord in enumerate(chords)),
    )
    values = harmony_metrics(here)
    assert harmony_metrics(here.transpose(semitones)) == pytest.approx(values)
    assert 0 <= values["CTnCTR"] <= 1
    assert -1 <= values["PCS"] <= 1
    assert 0 <= values["CTD"] <= 2.4
    assert 0.8 <= values["MCTD"] <= 2.6
