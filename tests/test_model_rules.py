"""The rule machine: whatever is chosen among what it allows, the melody ends and has the form asked for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocreate.errors import UnmetError
from cocreate.model.rules import Form, Scribe, Span
from cocreate.model.tokens import read_melody
from cocreate.model.vocabulary import Vocabulary, nearest_meter
from cocreate.music.song import Meter
from cocreate.music.theory import QUALITIES, SCALES

WORDS = Vocabulary()
METERS = (
    "4/4",
    "3/4",
    "6/8",
    "5/4",
    "7/8",
    "9/8",
    "12/8",
    "3/2",
    "11/8",
    "1/4",
    "3/8",
    "2/2",
    "1/32",
    "9/32",
    "15/16",
    "8/4",
)


@st.composite
def forms(draw: st.DrawFn) -> Form:
    numerator, denominator = (int(n) for n in draw(st.sampled_from(METERS)).split("/"))
    meter = Meter(0, numerator, denominator)
    bars = draw(st.integers(1, 6))
    low = draw(st.integers(21, 108 - 7))
    steps = meter.bar_ticks // 20
    chords: list[tuple[Span, ...]] = []
    if draw(st.booleans()):
        for _ in range(bars):
            cut = draw(st.integers(1, steps))
            halves = [(0, cut)] + ([(cut, steps)] if cut < steps else [])
            chords.append(tuple(Span(a, b, draw(chord_tones)) for a, b in halves))
    scale = frozenset(SCALES[draw(st.sampled_from(sorted(SCALES)))])
    return Form(
        bars=bars,
        meter=meter,
        meter_word=nearest_meter(meter),
        low=low,
        high=draw(st.integers(low + 7, min(108, low + 30))),
        scale=scale,
        ending=frozenset(sorted(scale)[0:5:2]),
        chromatic_share=draw(st.sampled_from([0.0, 0.02, 0.3])),
        chords=tuple(chords),
    )


chord_tones = st.builds(
    lambda root, quality, is_silent: (
        frozenset() if is_silent else frozenset((root + s) % 12 for s in QUALITIES[quality])
    ),
    st.integers(0, 11),
    st.sampled_from(sorted(QUALITIES)),
    st.booleans(),
)


def written(form: Form, seed: int, *, eager: bool = False) -> list[tuple[int, int, int]]:
    """(step in the piece, pitch, length) of a melody whose every id was drawn among the allowed ones."""
    rng = np.random.default_rng(seed)
    scribe = Scribe(form, WORDS)
    for _ in range(40_000):
        allowed = np.flatnonzero(scribe.allowed())
        assert len(allowed), "a dead end"
        scribe.push(int(allowed[0] if eager and rng.random() < 0.9 else rng.choice(allowed)))
        if scribe.done:
            break
    else:
        raise AssertionError("it never ends")
    assert len(scribe.bars) == form.bars
    return [
        (place * form.bar_steps + onset, pitch, length)
        for place, bar in enumerate(scribe.bars)
        for onset, pitch, length in read_melody(bar.melody, WORDS)
    ]


@settings(max_examples=120, deadline=None)
@given(forms(), st.integers(0, 10**6))
def test_every_choice_among_allowed_ids_meets_the_form(form: Form, seed: int) -> None:
    notes = written(form, seed)
    steps = form.bar_steps
    assert notes
    assert all(form.low <= pitch <= form.high for _, pitch, _ in notes)
    assert all(a + length <= b for (a, _, length), (b, _, _) in itertools.pairwise(notes))
    outside = sum(p % 12 not in form.scale | form.tones_at(0, on) for on, p, _ in notes)
    assert outside <= (form.chromatic_share * len(notes) + 1 if form.chromatic_share else 0)
    for bar in range(form.bars):
        for strong in form.strong_steps():
            tones = form.tones_at(bar, strong)
            tick = bar * steps + strong
            sounding = [p for on, p, length in notes if on <= tick < on + length]
            assert not tones or all(p % 12 in tones for p in sounding)
    onset, pitch, length = notes[-1]
    tones = form.tones_at(0, onset)
    assert onset // steps == form.bars - 1
    assert onset % steps % form.beat_steps == 0
    assert pitch % 12 in (tones or form.ending)
    assert length >= form.beat_steps or onset + length == form.bars * steps
    assert onset + length <= form.bars * steps


@settings(max_examples=30, deadline=None)
@given(forms(), st.integers(0, 10**6))
def test_the_first_allowed_id_nearly_always_still_leads_to_an_end(form: Form, seed: int) -> None:
    assert written(form, seed, eager=True)


def test_no_idea_rests_for_two_bars_or_begins_with_a_silent_one() -> None:
    form = Form(8, Meter(0, 3, 4), "3/4", 60, 79, frozenset(SCALES["major"]), 0.0)
    for seed in range(40):
        notes = written(form, seed)
        assert notes[0][0] < form.bar_steps
        ends = [on + length for on, _, length in notes]
        gaps = [b[0] - end for end, b in zip(ends, notes[1:], strict=False)]
        assert max(gaps, default=0) < 3 * form.bar_steps


def test_a_final_chord_without_a_reachable_tonic_tone_ends_on_another_chord_tone() -> None:
    # D4..A4 holds no C, the one tone that F minor shares with the tonic triad of C
    span = (Span(0, 96, frozenset({5, 8, 0})),)
    form = Form(1, Meter(0, 4, 4), "4/4", 62, 69, frozenset(SCALES["major"]), 0.0, (span,))
    assert {written(form, seed)[-1][1] % 12 for seed in range(20)} <= {5, 8}


def test_no_note_is_shorter_than_anybody_plays() -> None:
    form = Form(4, Meter(0, 4, 4), "4/4", 60, 79, frozenset(SCALES["major"]), 0.0)
    assert min(length for seed in range(30) for _, _, length in written(form, seed)) >= 2


@pytest.mark.parametrize("meter", [Meter(0, 9, 4), Meter(0, 4, 64), Meter(0, 17, 8)])
def test_a_metre_that_does_not_fit_the_grid_is_refused(meter: Meter) -> None:
    with pytest.raises(UnmetError, match="8 quarters"):
        Form(4, meter, "4/4", 60, 79, frozenset(SCALES["major"]), 0.0)


def test_a_range_below_a_fifth_is_refused() -> None:
    with pytest.raises(UnmetError, match="widen --range"):
        Form(4, Meter(0, 4, 4), "4/4", 60, 66, frozenset(SCALES["major"]), 0.0)
