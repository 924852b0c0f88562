"""The rules of chord symbols: whatever is chosen among what they allow, the chart has the form asked for."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.model.bar_rules import BarLine, BarScribe, bar_lines
from cocreate.model.chord_rules import (
    RHYTHMS,
    TRIADS,
    Chart,
    ChordPen,
    chart_bars,
    closing_chords,
    qualities_at,
    slots,
)
from cocreate.model.harmoniser import kept_ids
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Chord, Meter, Note, Part, Song
from cocreate.music.theory import QUALITIES, chord_symbol

WORDS = Vocabulary()
WALTZ = BarLine(0, 72, 24, (0,), "3/4")


def song_of_bars(*meters: str, pickup_ticks: int = 0) -> Song:
    """A song with one bar of each metre, a note on each downbeat."""
    found: list[Meter] = []
    start = 0
    notes = []
    for text in meters:
        numerator, denominator = (int(n) for n in text.split("/"))
        meter = Meter(start, numerator, denominator)
        notes.append(Note(start, 60, meter.bar_ticks))
        if not found or str(found[-1]) != text:
            found.append(meter)
        start += meter.bar_ticks
    return Song((Part(tuple(notes)),), meters=tuple(found), pickup_ticks=pickup_ticks)


def written(chart: Chart, lines: tuple[BarLine, ...], seed: int, *, meter: str | None = None) -> ChordPen:
    """The chart's pen after every id was drawn among the allowed ones."""
    rng = np.random.default_rng(seed)
    pen = ChordPen(chart, lines, WORDS)
    scribe = BarScribe(lines, [pen], WORDS, meter=meter or lines[0].meter, names_tracks=False)
    for _ in range(10_000):
        allowed = np.flatnonzero(scribe.allowed())
        assert len(allowed), "a dead end"
        scribe.push(int(rng.choice(allowed)))
        if scribe.done:
            assert len(scribe.written) == len(lines)
            return pen
    raise AssertionError("it never ends")


def chart_of(
    lines: tuple[BarLine, ...],
    rhythm: str = "free",
    complexity: float | None = None,
    kept: Mapping[int, Mapping[int, tuple[int, ...]]] | None = None,
) -> Chart:
    qualities = qualities_at(complexity)
    return Chart(chart_bars(lines, kept or {}, rhythm=rhythm), qualities, closing=closing_chords("major", 7, qualities))


@settings(max_examples=60, deadline=None)
@given(
    meters=st.lists(st.sampled_from(("4/4", "3/4", "6/8", "5/4", "7/8", "1/4", "3/2")), min_size=1, max_size=6),
    rhythm=st.sampled_from(RHYTHMS),
    complexity=st.sampled_from((None, 0.0, 0.3, 0.6, 1.0)),
    kept=st.dictionaries(st.integers(0, 5), st.integers(0, 11), max_size=3),
    seed=st.integers(0, 99),
)
def test_every_chart_has_the_form_asked_for(
    meters: list[str], rhythm: str, complexity: float | None, kept: dict[int, int], seed: int
) -> None:
    lines = bar_lines(song_of_bars(*meters))
    stays = {
        place: {0: kept_ids(Chord(0, 1, root, "7", (root + 4) % 12), 0, WORDS)}
        for place, root in kept.items()
        if place < len(lines)
    }
    pen = written(chart_of(lines, rhythm, complexity, stays), lines, seed)
    for place, line in enumerate(lines):
        here = [chord for chord in pen.chords if chord.bar == place]
        assert here[0].step == 0
        if place in stays:
            assert [(chord.root, chord.quality, chord.bass) for chord in here] == [
                (kept[place], "7", (kept[place] + 4) % 12)
            ]
            continue
        if rhythm != "free":
            assert tuple(chord.step for chord in here) == slots(line, rhythm)
        assert {chord.step for chord in here} <= set(line.beats)
        assert {chord.quality for chord in here} <= qualities_at(complexity)
        assert all((before.root, before.quality) != (after.root, after.quality) for before, after in pairwise(here))
    if len(lines) - 1 not in stays:
        assert (pen.chords[-1].root, pen.chords[-1].quality) in chart_of(lines, complexity=complexity).closing


def test_a_metre_that_changes_is_said() -> None:
    lines = bar_lines(song_of_bars("4/4", "3/4", "3/4", "4/4"))
    scribe = BarScribe(lines, [ChordPen(chart_of(lines), lines, WORDS)], WORDS, meter="4/4", names_tracks=False)
    rng = np.random.default_rng(0)
    while not scribe.done:
        scribe.push(int(rng.choice(np.flatnonzero(scribe.allowed()))))
    said = [[WORDS.words[i] for i in ids if WORDS.types[i] == "TimeSig"] for ids in scribe.written]
    assert said == [[], ["TimeSig_3/4"], [], ["TimeSig_4/4"]]


def test_a_pickup_may_have_no_chord() -> None:
    lines = bar_lines(song_of_bars("4/4", "4/4", pickup_ticks=480))
    assert chart_bars(lines, {}, rhythm="bar")[0].due == frozenset()
    assert WORDS.words[BarScribe(lines, [ChordPen(chart_of(lines), lines, WORDS)], WORDS, meter="4/4").bar_id(0)] == (
        "Bar_pickup"
    )


def test_nothing_follows_a_chord_that_is_kept_in_its_bar() -> None:
    lines = bar_lines(song_of_bars("4/4"))
    bar = chart_bars(lines, {0: {48: (1, 2)}}, rhythm="beat")[0]
    assert bar.open == {0, 24}
    assert set(bar.kept) == {48}


def test_no_chord_begins_after_the_last_note() -> None:
    lines = bar_lines(song_of_bars("4/4", "4/4"))
    assert chart_bars(lines, {}, rhythm="beat", last_onset=96 + 48)[1].open == {0, 24, 48}
    assert chart_bars(lines, {}, rhythm="free", last_onset=90)[1].open == {0}  # it rings from the bar before


def test_half_a_waltz_bar_is_two_beats_and_one() -> None:
    assert slots(WALTZ, "half") == (0, 48)
    assert slots(WALTZ, "beat") == (0, 24, 48)
    with pytest.raises(InputError, match="rhythm must be one of bar, half"):
        slots(WALTZ, "often")


def test_more_complexity_means_richer_chords() -> None:
    assert qualities_at(0) == TRIADS
    assert {"7", "maj"} <= qualities_at(0.4)
    assert "7alt" not in qualities_at(0.4)
    assert {"7alt", "13", "maj"} <= qualities_at(0.6)
    assert not qualities_at(0.7) & TRIADS
    assert qualities_at(None) == set(QUALITIES)


def test_the_last_chord_is_at_home_and_holds_the_last_note() -> None:
    assert closing_chords("major", 4, TRIADS) == {(0, "maj")}
    assert closing_chords("minor", 0, TRIADS) == {(0, "maj"), (0, "m")}
    assert (0, "7") not in closing_chords("major", 4, qualities_at(0.4))
    assert {root for root, _ in closing_chords("major", 2, TRIADS)} == {7}  # an open end
    assert all(1 in {(root + step) % 12 for step in QUALITIES[q]} for root, q in closing_chords("major", 1, TRIADS))


def test_the_chords_come_back_in_the_songs_key_and_ticks() -> None:
    lines = bar_lines(song_of_bars("4/4", "4/4", "4/4"))
    kept = {0: {0: kept_ids(Chord(0, 1, 0, "maj7"), 0, WORDS)}, 1: {0: kept_ids(Chord(0, 1, 0, "maj7"), 0, WORDS)}}
    kept[2] = {0: kept_ids(Chord(0, 1, 7, "7", 11), 0, WORDS), 48: kept_ids(Chord(0, 1, None), 0, WORDS)}
    pen = written(chart_of(lines, kept=kept), lines, 0)
    assert [(chord_symbol(c), c.start_ticks, c.length_ticks) for c in pen.song_chords(-2)] == [
        ("Dmaj7", 0, 3840),
        ("A7/C#", 3840, 960),
        ("N.C.", 4800, 960),
    ]
    mine = Chord(3847, 900, 9, "7", 1)
    assert pen.song_chords(-2, stay={(2, 0): mine})[1] == mine
