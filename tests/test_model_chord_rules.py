"""The rules of chord symbols: whatever is chosen among what they allow, the chart has the form asked for."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.model.bar_rules import BarLine, bar_lines
from cocreate.model.chord_clues import ABSENT, HOLD, KINDS, NO_CHORD, PRESENT, UNKNOWN, class_of, clues_of
from cocreate.model.chord_rules import (
    RHYTHMS,
    TRIADS,
    Chart,
    ChordRules,
    chart_bars,
    closing_chords,
    qualities_at,
    slots,
)
from cocreate.model.vocabulary import STEP_TICKS
from cocreate.music.song import Chord, Meter, Note, Part, Song
from cocreate.music.theory import QUALITIES

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


def written(chart: Chart, song: Song, seed: int = 0) -> list[tuple[int, int, int, str, int]]:
    """(bar, step, root, quality, bass above the root) of each chord, drawn among what the rules allow."""
    rng, lines = np.random.default_rng(seed), bar_lines(song)
    points = [
        (line.start + step) * STEP_TICKS
        for line, bar in zip(lines, chart.bars, strict=True)
        for step in (*bar.open, *bar.kept)
    ]
    clues = clues_of(song, chords=(), points=points)
    rules = ChordRules(chart, lines, clues)
    found: list[tuple[int, int, int, str, int]] = []
    now, low = HOLD, 0
    for place in range(len(clues)):
        if place in rules.kept:
            chord, bass = rules.kept[place]
        else:
            allowed = np.flatnonzero(rules.allowed(place, now, low))
            assert len(allowed), "a dead end"
            chord = int(rng.choice(allowed))
            bass = 0 if chord == HOLD else int(rng.choice(np.flatnonzero(rules.basses(place, chord))))
        if chord != HOLD and (chord, bass) != (now, low):
            now, low = chord, bass
            bar = int(clues.bars[place])
            step = int(clues.starts[place]) // STEP_TICKS - lines[bar].start
            root, kind = (-1, "") if chord == NO_CHORD else (chord // len(KINDS), KINDS[chord % len(KINDS)])
            found.append((bar, step, root, kind, bass))
    return found


def chart_of(
    lines: tuple[BarLine, ...],
    rhythm: str = "free",
    complexity: float | None = None,
    kept: Mapping[int, Mapping[int, tuple[int, int]]] | None = None,
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
    song = song_of_bars(*meters)
    lines = bar_lines(song)
    stays = {
        place: {0: class_of(Chord(0, 1, root, "7", (root + 4) % 12), 0)}
        for place, root in kept.items()
        if place < len(lines)
    }
    chart = chart_of(lines, rhythm, complexity, stays)
    chords = written(chart, song, seed)
    assert chords[0][:2] == (0, 0)
    for place, line in enumerate(lines):
        here = [chord for chord in chords if chord[0] == place]
        if place in stays:
            sounding = [chord for chord in chords if chord[0] <= place][-1]
            assert sounding[2:] == (kept[place], "7", 4)
            assert len(here) <= 1
            continue
        steps = {step for _, step, *_ in here}
        assert steps <= (set(line.beats) if rhythm == "free" else set(slots(line, rhythm)))
        if rhythm != "free":
            assert steps | {0} == set(slots(line, rhythm))  # on the first beat the chord before may go on
        assert {quality for _, _, _, quality, _ in here} <= qualities_at(complexity)
        assert all(before[2:] != after[2:] for before, after in pairwise(here))
    if len(lines) - 1 not in stays:
        assert chords[-1][2:4] in chart.closing
        assert chords[-1][4] == 0


def test_a_pickup_may_have_no_chord() -> None:
    song = song_of_bars("4/4", "4/4", pickup_ticks=480)
    lines = bar_lines(song)
    assert chart_bars(lines, {}, rhythm="bar")[0].due == frozenset()
    clues = clues_of(song, chords=())
    rules = ChordRules(chart_of(lines), lines, clues)
    assert [bool(rules.allowed(place, HOLD, 0)[HOLD]) for place in (0, 4)] == [True, False]


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


def test_what_is_known_of_symbols_is_what_the_rules_fix() -> None:
    song = song_of_bars("4/4", "4/4")
    lines = bar_lines(song)
    chart = chart_of(lines, "half", kept={1: {48: (5, 0)}})
    clues = clues_of(song, chords=(), points=[(96 + 48) * STEP_TICKS])
    symbols = ChordRules(chart, lines, clues).symbols(len(clues))
    assert symbols.tolist() == [UNKNOWN, ABSENT, PRESENT, ABSENT, UNKNOWN, ABSENT, PRESENT, ABSENT]
