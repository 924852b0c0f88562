"""The melody metrics on tunes small enough to count by hand."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.judge import melody as judge
from cocreate.music.measures import lag_similarity, line_of, metric_level, skyline
from cocreate.music.song import Chord, Key, Meter, Note, Part, Song
from cocreate.music.theory import parse_pitch

C_MAJOR = (Key(0, 0),)
COMMON = Meter(0, 4, 4)


def tune(text: str, *, meter: Meter = COMMON, chords: tuple[Chord, ...] = (), keys: tuple[Key, ...] = C_MAJOR) -> Song:
    """A song from "C4:1 D4:0.5 -:1" (pitch or rest: quarters)."""
    notes, ticks = [], 0
    for word in text.split():
        name, _, length = word.partition(":")
        span = round(float(length or 1) * 480)
        if name != "-":
            notes.append(Note(ticks, parse_pitch(name), span))
        ticks += span
    return Song((Part(tuple(notes)),), meters=(meter,), chords=chords, keys=keys)


SCALE = tune("C4 D4 E4 F4 G4 A4 B4 C5")
DUPLE_PHRASE = "C4 D4 E4 C4 "
songs = st.lists(
    st.tuples(st.integers(36, 90), st.integers(1, 16), st.integers(0, 4)),
    min_size=1,
    max_size=40,
).map(lambda rows: _song(rows))  # noqa: PLW0108 - defined below


def _song(rows: list[tuple[int, int, int]]) -> Song:
    notes, ticks = [], 0
    for pitch, length, rest in rows:
        notes.append(Note(ticks + 60 * rest, pitch, 60 * length))
        ticks += 60 * (rest + length)
    return Song((Part(tuple(notes)),))


def test_a_scale_is_all_steps_in_key_and_never_repeats():
    found = judge.measure(SCALE)
    assert found["stepwise_rate"] == 1.0
    assert found["leap_rate"] == found["repeated_note_rate"] == 0.0
    assert found["in_key_share"] == found["scale_consistency"] == 1.0
    assert found["pitch_range"] == 12
    assert found["mean_interval"] == pytest.approx(12 / 7)
    assert found["rhythm_variety"] == 1
    assert found["rest_share"] == found["off_beat_share"] == found["syncopation"] == 0.0
    assert found["note_density"] == 1.0
    assert found["climax_position"] == 1.0
    assert found["ends_on_tonic"] == 1.0
    assert found["ends_on_strong_beat"] == 0.0
    assert "strong_chord_tone_rate" not in found


def test_intervals_are_counted_as_the_docstring_says():
    song = tune("C4 D4 E4 G4")
    assert judge.stepwise_rate(song) == pytest.approx(2 / 3)
    assert judge.stepwise_rate(song, max_step=3) == 1.0
    assert judge.leap_rate(tune("C4 C4 G4 C5")) == pytest.approx(2 / 3)
    assert judge.repeated_note_rate(tune("C4 C4 G4")) == 0.5


def test_pitch_class_entropy_of_four_equal_classes_is_two_bits():
    assert judge.pitch_class_entropy(tune("C4 D4 E4 F4 C5 D5 E5 F5")) == pytest.approx(2.0)


def test_chromatic_notes_are_those_outside_the_key():
    song = tune("C4 C#4 D4 Eb4")
    assert judge.chromatic_share(song) == 0.5
    assert judge.in_key_share(song) == 0.5
    assert judge.scale_consistency(tune("C4 C#4 D4 D#4 E4")) == 0.6


def test_rests_and_density_are_taken_over_whole_bars():
    song = tune("C4:1 -:1 C4:1 -:1")
    assert judge.rest_share(song) == 0.5
    assert judge.note_density(song) == 0.5
    assert judge.note_density(tune("C4:1.5 D4:1.5", meter=Meter(0, 6, 8))) == 1.0


def test_a_note_tied_over_the_half_bar_is_syncopated_and_one_on_it_is_not():
    assert judge.syncopation(tune("C4:1 D4:1 E4:1 F4:1")) == 0.0
    tied = judge.syncopation(tune("C4:1.5 D4:1 E4:1.5"))
    # D4 on the half beat (-3) sounds over the half bar (-1): 2 for one of two spans
    assert tied == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("ticks", "meter", "level"),
    [
        (0, Meter(0, 4, 4), 0), (960, Meter(0, 4, 4), -1), (480, Meter(0, 4, 4), -2), (240, Meter(0, 4, 4), -3),
        (120, Meter(0, 4, 4), -4), (160, Meter(0, 4, 4), -5), (720, Meter(0, 6, 8), -1), (240, Meter(0, 6, 8), -3),
        (120, Meter(0, 6, 8), -4), (480, Meter(0, 3, 4), -2),
    ],
)  # fmt: skip
def test_metric_levels_follow_the_tree(ticks, meter, level):
    assert metric_level(ticks, meter.bar_ticks, meter.beat_ticks) == level


def test_repeated_bars_and_phrases_are_found():
    four = "C4 D4 E4 C4 E4 F4 G4:2 G4 A4 B4 G4 C5:4 "
    assert judge.phrase_repetition(tune(four * 2)) == 1.0
    assert judge.phrase_repetition(tune(four)) == 0.0
    assert judge.phrase_repetition(tune(four * 4), lag_bars=8) == 1.0
    assert judge.bar_repetition(tune(DUPLE_PHRASE * 3)) == 1.0
    assert judge.bar_repetition(tune(four * 2)) == pytest.approx(4 / 7)
    assert judge.rhythm_repetition(tune("C4 D4 E4 F4 G4 A4 B4 C5")) == 1.0
    assert judge.motif_repetition(tune("C4 D4 E4 F#4 G#4 A#4 C5"), n=2) == 1.0


def test_empty_bars_do_not_count_as_repeats():
    assert judge.bar_repetition(tune("C4:1 -:11 D4:1")) == 0.0
    assert lag_similarity(line_of(tune("C4:1 -:11 D4:1")), lag_bars=1) == 0.0


def test_an_arch_is_positive_and_a_bowl_negative():
    assert judge.contour_arc(tune("C4 G4 C4")) == 7
    assert judge.contour_arc(tune("G4 C4 G4")) == -7
    assert judge.climax_position(tune("C4 G4 C4")) == 0.5


def test_endings_are_read():
    song = tune("G4 F4 E4 D4 C4:6")
    assert judge.ends_on_tonic(song) == judge.ends_on_strong_beat(song) == 1.0
    assert judge.final_note_beats(song) == 4.0
    assert judge.ends_on_tonic(tune("C4 D4")) == 0.0


def test_chord_tones_are_counted_on_beats_only():
    chords = (Chord(0, 1920, 0, "maj"),)
    assert judge.strong_chord_tone_rate(tune("C4:0.5 D4:0.5 E4 F4 G4", chords=chords)) == 0.75
    assert judge.strong_chord_tone_rate(tune("C4", chords=(Chord(0, 1920, None),))) is None


def test_a_piano_part_gives_its_top_voice():
    right = [Note(0, 72, 480), Note(480, 74, 480)]
    left = [Note(0, 48, 960), Note(240, 55, 240), Note(480, 52, 480)]
    assert [n.pitch for n in skyline(right + left)] == [72, 74]


def test_legato_overlap_keeps_a_falling_line():
    assert [n.pitch for n in skyline([Note(0, 72, 500), Note(480, 71, 500), Note(960, 69, 480)])] == [72, 71, 69]


def test_one_note_is_a_melody_and_none_is_an_error():
    assert set(judge.measure(tune("C4"))) == set(judge.METRICS) - {"strong_chord_tone_rate"}
    with pytest.raises(InputError, match="at least one note"):
        judge.measure(Song((Part(()),)))


@pytest.mark.parametrize(
    "call",
    [
        lambda: judge.stepwise_rate(SCALE, max_step=0),
        lambda: judge.leap_rate(SCALE, min_leap=0),
        lambda: judge.motif_repetition(SCALE, n=0),
        lambda: judge.phrase_repetition(SCALE, lag_bars=0),
    ],
)
def test_impossible_options_are_refused(call):
    with pytest.raises(InputError, match="or more, got 0"):
        call()


@settings(max_examples=60, deadline=None)
@given(songs)
def test_shares_stay_between_zero_and_one(song):
    found = judge.measure(song)
    for name, value in found.items():
        if name.endswith(("_share", "_rate", "_position", "repetition")) or name.startswith(("ends_", "phrase_")):
            assert 0.0 <= value <= 1.0, name
    value, near = judge.quality(song)
    assert 0.0 <= value <= 1.0
    assert all(0.0 <= one <= 1.0 for one in near.values())


@settings(max_examples=40, deadline=None)
@given(songs, st.integers(-12, 12))
def test_transposing_changes_no_metric(song, semitones):
    keyed = replace(song, keys=C_MAJOR)
    before, after = judge.measure(keyed), judge.measure(keyed.transpose(semitones))
    assert after == pytest.approx(before)


def test_a_reference_comes_from_songs_and_judges_them_well():
    reference = judge.summarise([SCALE, tune("C4 E4 G4 C5 G4 E4 C4:2")])
    assert reference["pitch_range"] == (12.0, 0.0)
    value, near = judge.quality(SCALE, reference=reference)
    assert value > 0.9
    assert near["pitch_range"] == 1.0
    with pytest.raises(InputError, match="at least one song"):
        judge.summarise([])
    with pytest.raises(InputError, match="a reference must name"):
        judge.quality(SCALE, reference={"beauty": (1.0, 1.0)})


def test_random_pitches_and_a_single_pitch_are_worse_than_a_tune():
    opening = "G4:1 G4:0.5 A4:0.5 G4:1 E4:1 F4:1 G4:0.5 F4:0.5 E4:2 "
    first, last = "D4:1 D4:0.5 E4:0.5 F4:1 A4:1 G4:1 F4:1 E4:1 D4:1 ", "D4:1 E4:0.5 D4:0.5 G4:1 F4:1 E4:1 D4:1 C4:2"
    song = tune(opening + first + opening + last)
    rng = random.Random(1)

    def with_pitches(pick) -> Song:
        return replace(song, parts=(Part(tuple(replace(n, pitch=pick()) for n in song.melody.notes)),))

    good = judge.quality(song)[0]
    assert judge.quality(with_pitches(lambda: rng.randint(48, 84)))[0] < good - 0.2
    assert judge.quality(with_pitches(lambda: 60))[0] < good - 0.2
