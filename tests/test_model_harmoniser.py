"""Chords by the chord network: slots, kept chords, long songs, rules; and that clues survive what is done to them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cocreate.errors import CheckpointError, InputError
from cocreate.model import harmoniser
from cocreate.model.bar_rules import bar_lines
from cocreate.model.chord_clues import (
    ABSENT,
    HOLD,
    NO_CHORD,
    PRESENT,
    UNKNOWN_RICHNESS,
    chord_of,
    class_of,
    clues_of,
    richness_at,
)
from cocreate.model.chord_rules import Chart, ChordRules, chart_bars, qualities_at
from cocreate.model.chord_writer import WEIGHTS, WINDOW, ChordWriter, open_writer
from cocreate.model.harmoniser import Manner, Slot, draw_chords, harmonise_slots, slots_of
from cocreate.model.sample import Sampling
from cocreate.model.vocabulary import STEP_TICKS
from cocreate.music.song import Chord, Key, Meter, Note, Part, Song

Q = 480
BAR = 4 * Q
ARPEGGIO = {"maj": (0, 4, 7, 4), "m": (0, 3, 7, 3), "7": (0, 4, 10, 4)}
CADENCE = [(0, "maj"), (5, "maj"), (7, "7"), (0, "maj")]


def tune(names: list[tuple[int, str]], *, key: int = 0) -> Song:
    """Each chord broken over its bar, in the key of ``key``."""
    chords = tuple(Chord(BAR * place, BAR, (root + key) % 12, quality) for place, (root, quality) in enumerate(names))
    notes = tuple(
        Note(chord.start_ticks + Q * place, 60 + (chord.root or 0) + step, Q)
        for chord in chords
        for place, step in enumerate(ARPEGGIO[chord.quality])
    )
    return Song((Part(notes),), keys=(Key(0, key),), chords=chords)


@pytest.fixture(scope="module")
def net(tiny_harmony: Path) -> ChordWriter:
    return open_writer(tiny_harmony)


def rules_of(song: Song, *, kept: dict[int, dict[int, tuple[int, int]]] | None = None, rhythm: str = "free"):
    lines = bar_lines(song)
    chart = Chart(chart_bars(lines, kept or {}, rhythm=rhythm), qualities_at(None))
    points = [
        (line.start + step) * STEP_TICKS for line, bar in zip(lines, chart.bars, strict=True) for step in bar.kept
    ]
    clues = clues_of(song, chords=(), points=points)
    return clues, ChordRules(chart, lines, clues)


def test_places_are_beats_and_where_chords_begin() -> None:
    song = replace(tune(CADENCE), chords=(Chord(0, BAR + 240, 0), Chord(BAR + 240, BAR, 7, "7", 11)))
    clues = clues_of(song)
    assert clues.starts[4:7].tolist() == [BAR, BAR + 240, BAR + Q]
    assert clues.symbol.tolist().count(PRESENT) == 2
    assert clues.symbol[4] == ABSENT
    assert clues.bass[5] == 4
    jig = replace(song, meters=(Meter(0, 6, 8),), chords=())
    assert np.diff(clues_of(jig).starts[:3]).tolist() == [720, 720]


def test_clues_are_the_same_in_every_key() -> None:
    here, there = clues_of(tune(CADENCE)), clues_of(tune(CADENCE, key=4))
    assert np.array_equal(here.tones, there.tones)
    assert np.array_equal(here.chord, there.chord)
    moved = here.moved(5)
    assert [chord_of(int(c), 0, 0, 1, moved.shift) for c in moved.chord if c != HOLD] == [
        chord_of(int(c), 0, 0, 1, here.shift) for c in here.chord if c != HOLD
    ]


def test_a_chord_that_is_said_again_is_held() -> None:
    clues = clues_of(tune([(0, "maj")] * 3))
    assert (clues.chord != HOLD).sum() == 1
    assert (clues.symbol == PRESENT).sum() == 3


def test_what_sounds_before_a_place_is_known() -> None:
    chord, bass, age = clues_of(replace(tune(CADENCE), chords=(Chord(Q, BAR, 7, "7", 11),))).state()
    assert chord[:3].tolist() == [HOLD, HOLD, class_of(Chord(0, 1, 7, "7"), 0)[0]]
    assert (bass[2], age[:4].tolist()) == (4, [0, 0, 2, 3])


def test_a_span_goes_to_the_next_symbol_or_the_bar_line() -> None:
    clues = clues_of(tune(CADENCE))
    symbol = clues.symbol.copy()
    spans = clues.spans(symbol)
    assert spans[0, [0, 4, 7]].tolist() == [0.25, 0.5, 0.25]
    symbol[2] = PRESENT
    assert clues.spans(symbol)[0, [0, 4, 7]].tolist() == [0.5, 0.5, 0.0]


def test_richness_is_counted_as_complexity_is_asked() -> None:
    assert clues_of(tune([(0, "maj")] * 4)).richness == richness_at(0.0) == 0
    assert clues_of(tune([(0, "7"), (2, "7")])).richness == richness_at(1.0) == 3
    assert richness_at(None) == UNKNOWN_RICHNESS


def test_every_slot_gets_a_chord_and_what_is_kept_is_kept(net: ChordWriter) -> None:
    song = tune(CADENCE, key=2)
    kept = Chord(BAR, BAR, 4, "m7", 7)
    places = [Slot(0, BAR), kept, Slot(2 * BAR, BAR // 2), Slot(2 * BAR + BAR // 2, BAR + BAR // 2)]
    found = harmonise_slots(net, song, places)
    assert [(c.start_ticks, c.length_ticks) for c in found] == [(p.start_ticks, p.length_ticks) for p in places]
    assert found[1] == kept
    assert all(chord.root is not None for chord in found)
    assert found == harmonise_slots(net, replace(song, chords=()), places)


def test_slots_may_lie_off_the_beat_and_past_the_tune(net: ChordWriter) -> None:
    places = [Slot(100, 500), Slot(601, 7), Slot(5 * BAR, BAR)]
    found = harmonise_slots(net, tune(CADENCE), places)
    assert [(c.start_ticks, c.length_ticks) for c in found] == [(100, 500), (601, 7), (5 * BAR, BAR)]


def test_the_shipped_network_hears_a_cadence() -> None:
    song = tune(CADENCE, key=7)
    found = harmonise_slots(open_writer(), song, slots_of(song), styles=("folk",))
    assert [chord.root for chord in found] == [chord.root for chord in song.chords]


def test_a_wider_beam_finds_chords_no_less_likely(net: ChordWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[float] = []
    choose = harmoniser._choose

    def note(*args: Any) -> Any:
        found = choose(*args)
        costs.append(float(found.min()))
        return found

    monkeypatch.setattr(harmoniser, "_choose", note)
    song = tune(CADENCE)
    for beam in (1, 16):
        harmonise_slots(net, song, slots_of(song), beam=beam)
    assert costs[7] <= costs[3] + 1e-6


def test_a_song_longer_than_a_window_is_written_to_its_end_and_what_is_kept_far_on_is_kept(net: ChordWriter) -> None:
    song = replace(tune(CADENCE * (WINDOW // 4)), chords=())
    last = len(song.bars()) - 1
    kept = class_of(Chord(0, 1, 1, "m7b5", 4), 0)
    clues, rules = rules_of(song, kept={last: {0: kept}, 100: {0: kept}})
    assert len(clues) > 3 * WINDOW
    (chords, nats), *_ = draw_chords(net, clues, rules, n=2, seed=1)
    assert chords[0].start_ticks == 0
    assert all(a.end_ticks == b.start_ticks for a, b in pairwise(chords))
    assert chords[-1].end_ticks == (last + 1) * BAR
    at = {chord.start_ticks: chord for chord in chords}
    for bar in (100, last):
        assert (at[bar * BAR].root, at[bar * BAR].quality, at[bar * BAR].bass) == (1, "m7b5", 4)
    assert nats > 0


def test_the_same_seed_gives_the_same_chords_whatever_stands_beside(net: ChordWriter) -> None:
    clues, rules = rules_of(replace(tune(CADENCE * 2), chords=()))
    few = draw_chords(net, clues, rules, n=2, seed=3)
    many = draw_chords(net, clues, rules, n=4, seed=3)
    assert [chords for chords, _ in few] == [chords for chords, _ in many[:2]]
    assert few[0][0] != few[1][0]


def test_guidance_makes_what_is_asked_count_for_more(net: ChordWriter) -> None:
    clues, rules = rules_of(replace(tune(CADENCE * 2), chords=()))
    manner = Manner(styles=("jazz",), tastes=((0.5,) * 84,))
    plain, led = (
        draw_chords(net, clues, rules, n=1, seed=3, manner=manner, sampling=Sampling(guidance=guidance))[0][0]
        for guidance in (1.0, 5.0)
    )
    assert plain != led


def test_no_chord_may_be_kept(net: ChordWriter) -> None:
    song = replace(tune(CADENCE), chords=())
    clues, rules = rules_of(song, kept={1: {0: (NO_CHORD, 0)}})
    (chords, _), *_ = draw_chords(net, clues, rules, n=1, seed=0)
    assert [c.root for c in chords if c.start_ticks == BAR] == [None]


@pytest.mark.parametrize(
    ("places", "options", "message"),
    [
        ([Slot(0, BAR), Slot(Q, BAR)], {}, "without overlap"),
        ([Slot(BAR, BAR), Slot(0, BAR)], {}, "in order"),
        ([Slot(0, BAR)], {"beam": 0}, "beam"),
    ],
)
def test_slots_that_make_no_sense_are_refused(
    net: ChordWriter, places: list[Slot], options: dict[str, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        harmonise_slots(net, tune(CADENCE), places, **options)  # type: ignore[arg-type]


def test_an_empty_slot_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1 tick"):
        Slot(0, 0)


def test_a_broken_network_is_refused_in_one_line(tmp_path: Path, tiny_checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match="readable"):
        ChordWriter(tmp_path / WEIGHTS)
    (tmp_path / WEIGHTS).write_bytes(b"\x05\0\0\0\0\0\0\0hello")
    with pytest.raises(CheckpointError, match="whole safetensors"):
        ChordWriter(tmp_path / WEIGHTS)
    with pytest.raises(CheckpointError, match="chord network"):
        ChordWriter(tiny_checkpoint / "model.safetensors")
