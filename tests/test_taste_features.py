"""Features: named, of a fixed order, robust for any song."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.music.song import Chord, Key, Meter, Note, Part, Song, Tempo
from cocreate.taste.feature_table import FEATURE_NAMES, FEATURES
from cocreate.taste.features import (
    DEFAULT_SCALE,
    FeatureScale,
    FeatureVector,
    features,
    measure_scale,
    melody_id,
    scaled,
)

COMMON = Meter(0, 4, 4)


def steps(pitches: list[int], *, ticks: int = 240, meter: Meter = COMMON, **more) -> Song:
    notes = tuple(Note(i * ticks, p, ticks) for i, p in enumerate(pitches))
    return Song((Part(notes),), meters=(meter,), **more)


RUN = [60, 62, 64, 65, 67, 69, 71, 72]


def test_names_are_unique_and_every_family_has_words():
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) == 98
    assert all(f.high and f.low and f.high != f.low and f.spread > 0 for f in FEATURES)


def test_the_order_of_the_first_and_last_features_is_fixed():
    # stored profiles depend on it: add to the end only
    assert FEATURE_NAMES[:3] == ("rising", "turns", "climax")
    assert FEATURE_NAMES[76:84] == (
        "ends_long", "minor_chords", "seventh_chords", "dominants", "altered_chords", "open_chords", "chords_per_bar",
        "chord_tones",
    )  # fmt: skip


def test_a_run_of_eighths_is_heard_as_one():
    found = features(steps(RUN))
    assert found["eighths"] == 1.0
    assert found["ratio_equal"] == 1.0
    assert found["scale_runs"] == 1.0
    assert found["rising"] == 1.0
    assert found["half_beat"] == 0.5
    assert found["notes_per_beat"] == 2.0
    assert found["notes_per_second"] == pytest.approx(4.0)
    assert found["tempo"] == pytest.approx(math.log2(120))
    assert found["duple_metre"] == 1.0


def test_swing_dots_and_metre_are_told_apart():
    swung = [Note(i * 480 + late, 60 + i, 160) for i in range(8) for late in (0, 320)]
    found = features(Song((Part(tuple(swung)),)))
    assert found["triplets"] == 0.5
    assert found["ratio_1_to_2"] is not None
    assert found["dotted_eighths"] == 0.0
    dotted = [Note(i * 480 + late, 60 + i, length) for i in range(8) for late, length in ((0, 360), (360, 120))]
    assert features(Song((Part(tuple(dotted)),)))["ratio_3_to_1"] == pytest.approx(0.5, abs=0.05)
    assert features(steps(RUN, meter=Meter(0, 6, 8)))["compound_metre"] == 1.0
    assert features(steps(RUN, meter=Meter(0, 3, 4)))["triple_metre"] == 1.0


def test_chords_are_unknown_where_there_are_none_and_counted_where_there_are():
    assert features(steps(RUN))["seventh_chords"] is None
    chords = (Chord(0, 960, 0, "maj7"), Chord(960, 960, 9, "m7"))
    found = features(steps(RUN, chords=chords))
    assert found["seventh_chords"] == 1.0
    assert found["minor_chords"] == 0.5
    assert found["chords_per_bar"] == 2.0
    # on the beats: C E under Cmaj7, G B under Am7
    assert features(steps(RUN, chords=chords, keys=()))["chord_tones"] == 0.75


def test_one_note_without_key_or_chords_has_features():
    found = features(Song((Part((Note(0, 60, 480),)),)))
    assert np.isfinite(scaled(found)).all()


def test_a_song_without_notes_has_none():
    with pytest.raises(InputError, match="at least one note"):
        features(Song((Part(()),)))


def test_a_tune_and_its_repetition_are_alike_at_any_length():
    short = steps(RUN * 8)  # eight bars
    long = steps(RUN * 64)
    assert np.abs(scaled(features(short)) - scaled(features(long))).max() < 1e-6


def test_transposition_moves_the_register_only():
    song = steps([*RUN, 67, 64, 60, 62, 59, 60], keys=(Key(0, 0),))
    before, after = features(song).as_dict(), features(song.transpose(5)).as_dict()
    changed = {name for name in FEATURE_NAMES if before[name] != pytest.approx(after[name])}
    assert changed == {"mean_pitch"}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 127), st.integers(1, 3000), st.integers(0, 3000)), min_size=1, max_size=30),
    st.sampled_from([(4, 4), (3, 4), (6, 8), (7, 8), (5, 16), (2, 2)]),
    st.floats(5, 1000),
)
def test_any_song_gives_finite_features(rows, meter, bpm):
    notes = tuple(Note(start, pitch, length) for pitch, length, start in rows)
    song = Song((Part(notes),), meters=(Meter(0, *meter),), tempos=(Tempo(0, bpm),))
    values = scaled(features(song))
    assert values.shape == (len(FEATURE_NAMES),)
    assert np.abs(values).max() <= 3.0


def test_vectors_survive_their_dictionary_and_old_dictionaries_are_read():
    found = features(steps(RUN))
    assert FeatureVector.from_dict(found.as_dict()) == found
    assert FeatureVector.from_dict({"rising": 1.0})["turns"] is None
    with pytest.raises(InputError, match="98 values, got 1"):
        FeatureVector((1.0,))
    with pytest.raises(InputError, match="finite"):
        FeatureVector((float("nan"),) * len(FEATURE_NAMES))


def test_unknown_is_ordinary_and_a_measured_scale_centres_its_songs():
    empty = FeatureVector.from_dict({})
    assert (scaled(empty) == 0).all()
    vectors = [features(steps([60 + i, 62 + i, 64 + i])) for i in range(9)]
    scale = FeatureScale.from_mapping(measure_scale(vectors))
    assert abs(np.mean([scaled(v, scale)[FEATURE_NAMES.index("mean_pitch")] for v in vectors])) < 1e-6
    assert scale.spread[FEATURE_NAMES.index("chord_tones")] == DEFAULT_SCALE.spread[FEATURE_NAMES.index("chord_tones")]
    with pytest.raises(InputError, match="at least one song"):
        measure_scale([])


def test_the_id_is_that_of_the_melody_not_of_the_file():
    song = steps(RUN)
    assert melody_id(song) == melody_id(replace(song, title="Other", style="jazz"))
    assert melody_id(song) != melody_id(song.transpose(1))
    assert len(melody_id(song)) == 16
