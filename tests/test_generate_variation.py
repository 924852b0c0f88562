"""Other bars in a tune: what was not named stays, what is kept is kept, and the more is asked for the more is new."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cocreate.errors import InputError, UnmetError
from cocreate.generate.melody import Draft
from cocreate.generate.tune import TuneRequest, bars_of, find_tune, parse_bars
from cocreate.generate.variation import continue_bars, fill_bars, vary_bars
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.model.gap_rules import Anchor, Gap, GapScribe
from cocreate.music.song import Chord, Key, Meter, Note, Part, Section, Song, Syllable, Tempo
from cocreate.music.theory import chord_pitch_classes, parse_progression

FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TUNE = Song(
    (
        Part(
            tuple(Note(480 * n, 62 + (0, 2, 4, 7, 5, 4, 2, 0)[n % 8], 480, 60 + n % 30) for n in range(64)),
            name="Lead",
            syllables=tuple(Syllable(960 * n, f"la{n}") for n in range(32)),
        ),
        Part(tuple(Note(1920 * n, 38, 1920) for n in range(16)), name="Bass", role="bass"),
        Part(tuple(Note(480 * n, 36, 100) for n in range(64)), name="Drums", role="drums"),
    ),
    keys=(Key(0, 2),),
    tempos=(Tempo(0, 90.0), Tempo(1920 * 6, 120.0)),
    sections=(Section(0, "A"), Section(1920 * 8, "B")),
    title="Tune",
)


@pytest.fixture(scope="module")
def net(tiny_checkpoint: Path) -> Decoder:
    return Decoder(open_checkpoint(tiny_checkpoint))


@pytest.fixture(scope="module")
def table(tiny_checkpoint: Path) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((tiny_checkpoint / "styles.json").read_text())["styles"]
    return rows


@st.composite
def songs(draw: st.DrawFn) -> Song:
    """Whatever people bring: metre changes, pickups, played unevenly, chords in one hand, other tracks."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    names = draw(st.lists(st.sampled_from(["4/4", "3/4", "6/8", "5/4", "2/2", "7/8"]), min_size=1, max_size=3))
    meters, edges = [], [0]
    for name in names:
        numerator, denominator = map(int, name.split("/"))
        meters.append(Meter(edges[-1], numerator, denominator))
        for _ in range(draw(st.integers(1, 4))):
            edges.append(edges[-1] + meters[-1].bar_ticks)
    end, tick = edges[-1], draw(st.sampled_from([0, 240, 1200]))
    is_uneven, has_chords, is_legato = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    centre = draw(st.sampled_from([30, 55, 67, 100]))
    notes: list[Note] = []
    while tick < end - 480:
        length = int(rng.choice([120, 240, 480, 960, 1440]))
        start = tick + int(rng.integers(0, 35)) * is_uneven
        top = centre + int(rng.integers(-7, 8))
        sounds = max(20, min(length + 50 * is_legato, end - start - 1))
        notes.append(Note(start, top, sounds, int(rng.integers(20, 120))))
        if has_chords and rng.random() < 0.4:
            notes += [Note(start, top - step, int(rng.integers(100, 1500)), 50) for step in (4, 9)]
        tick += length + int(rng.choice([0, 0, 0, 240, 1920]))
    bass = Part(tuple(Note(edge, 36, 400) for edge in edges[:-1]), name="Bass", role="bass")
    chords = tuple(Chord(edge, 480, int(rng.integers(12)), "m7") for edge in edges[:-1] if draw(st.booleans()))
    notes.append(Note(end - 300, centre, 200))
    return Song(
        (Part(tuple(notes), syllables=(Syllable(notes[0].start_ticks, "la"),)), bass),
        meters=tuple(meters),
        tempos=(Tempo(0, 100.0), Tempo(edges[-2] + 100, 60.0)),
        keys=(Key(0, int(rng.integers(12)), "minor"),) if draw(st.booleans()) else (),
        chords=chords,
        pickup_ticks=600 if notes[0].start_ticks >= 1200 and meters[0].bar_ticks - 600 <= 1200 else 0,
    )


@st.composite
def requests(draw: st.DrawFn) -> TuneRequest:
    song = draw(songs())
    lowest = 0 if song.pickup_ticks else 1
    first = draw(st.integers(lowest, len(song.bars()) - 1 + lowest))
    last = draw(st.integers(first, len(song.bars()) - 1 + lowest))
    return TuneRequest(
        song,
        bars=draw(st.sampled_from([(first, last), None])),
        amount=draw(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0, None])),
        keep=draw(st.sampled_from([None, "rhythm", "contour", "harmony"])),
        n=2,
        seed=draw(st.integers(0, 1000)),
    )


def edges_of(request: TuneRequest) -> tuple[int, int]:
    grid = request.song.bars()
    gap = range(len(grid)) if request.bars is None else bars_of(request.song, request.bars)
    return grid[gap.start].start_ticks, grid[gap.stop - 1].end_ticks


def assert_all_else_stays(request: TuneRequest, draft: Draft) -> None:
    start, end = edges_of(request)
    old, new = request.song, draft.whole
    assert new is not None
    tune = find_tune(old)
    inside = {note for note in tune.notes if start <= note.start_ticks < end}
    assert len(new.bars()) == len(old.bars())
    assert replace(new, parts=()) == replace(old, parts=())
    before, after = old.parts[tune.place], new.parts[tune.place]
    assert (
        new.parts[: tune.place] + new.parts[tune.place + 1 :] == old.parts[: tune.place] + old.parts[tune.place + 1 :]
    )
    fresh = set(draft.fresh)
    assert {note for note in after.notes if note not in fresh} >= {note for note in before.notes if note not in inside}
    assert all(start <= note.start_ticks < end for note in set(after.notes) - set(before.notes))
    assert len(after.notes) == len(before.notes) - len(inside) + len(draft.fresh)
    assert [s for s in after.syllables if not start <= s.start_ticks < end] == [
        s for s in before.syllables if not start <= s.start_ticks < end
    ]
    assert_no_new_clash(before, after)


def assert_no_new_clash(before: Part, after: Part) -> None:
    old = set(before.notes)
    for first, second in pairwise(sorted(after.notes, key=lambda note: (note.pitch, note.start_ticks))):
        if first.pitch == second.pitch and not {first, second} <= old:
            assert first.end_ticks <= second.start_ticks, (first, second)


def moves(notes: tuple[Note, ...]) -> list[int]:
    return [(b.pitch > a.pitch) - (b.pitch < a.pitch) for a, b in pairwise(notes)]


def notes_in_bars(song: Song) -> list[int]:
    return [sum(bar.start_ticks <= n.start_ticks < bar.end_ticks for n in song.melody.notes) for bar in song.bars()]


@FEW
@given(requests())
def test_whatever_is_varied_all_else_stays(net: Decoder, table: dict[str, Any], request: TuneRequest) -> None:
    start, end = edges_of(request)
    own = [note for note in find_tune(request.song).notes if start <= note.start_ticks < end]
    if not own:
        with pytest.raises(UnmetError):
            vary_bars(net, table, request)
        return
    for draft in vary_bars(net, table, request):
        assert_all_else_stays(request, draft)
        if request.amount == 0:
            assert draft.whole == request.song
        if request.keep == "rhythm":
            assert [(n.start_ticks, n.length_ticks, n.velocity) for n in draft.fresh] == [
                (n.start_ticks, n.length_ticks, n.velocity) for n in own
            ]


@FEW
@given(requests())
def test_whatever_is_filled_all_else_stays(net: Decoder, table: dict[str, Any], request: TuneRequest) -> None:
    if request.bars is None:
        return
    try:
        drafts = fill_bars(net, table, request)
    except UnmetError:  # no tune around the gap, or a note is held all through it
        return
    for draft in drafts:
        assert_all_else_stays(request, draft)
        assert draft.fresh


@FEW
@given(requests(), st.integers(1, 4))
def test_going_on_leaves_every_note(net: Decoder, table: dict[str, Any], request: TuneRequest, more: int) -> None:
    for draft in continue_bars(net, table, replace(request, more=more)):
        old, new = request.song, draft.whole
        assert new is not None
        place = find_tune(old).place
        assert len(new.bars()) == len(old.bars()) + more
        assert new.parts[:place] + new.parts[place + 1 :] == old.parts[:place] + old.parts[place + 1 :]
        assert set(new.parts[place].notes) == {*old.parts[place].notes, *draft.fresh}
        assert all(note.start_ticks >= old.bars()[-1].end_ticks for note in draft.fresh)
        assert (new.chords, new.tempos, new.meters) == (old.chords, old.tempos, old.meters)


@pytest.mark.parametrize("bars", [None, (5, 8), (16, 16)])
@pytest.mark.parametrize("amount", [None, 0.6])
def test_a_kept_contour_goes_up_and_down_as_the_tune_does(
    net: Decoder, table: dict[str, Any], bars: tuple[int, int] | None, amount: float | None
) -> None:
    for draft in vary_bars(net, table, TuneRequest(TUNE, bars=bars, amount=amount, keep="contour", n=3, seed=1)):
        assert moves(draft.song.melody.notes) == moves(TUNE.melody.notes)
        assert notes_in_bars(draft.song) == notes_in_bars(TUNE)
        assert draft.fresh != draft.own


def test_kept_harmony_puts_chord_tones_on_strong_beats(net: Decoder, table: dict[str, Any]) -> None:
    song = replace(TUNE, chords=parse_progression("D | G | A7 | D", meter=TUNE.meter, bars=16))
    for draft in vary_bars(net, table, TuneRequest(song, keep="harmony", n=3, seed=1)):
        for note in draft.fresh:
            for strong in (tick for tick in range(0, 16 * 1920, 960) if note.start_ticks <= tick < note.end_ticks):
                chord = song.chord_at(strong)
                assert chord is not None
                assert note.pitch % 12 in chord_pitch_classes(chord)


def test_without_chords_they_are_heard_and_not_written(net: Decoder, table: dict[str, Any]) -> None:
    (draft,) = vary_bars(net, table, TuneRequest(TUNE, bars=(3, 4), keep="harmony", n=1))
    assert draft.whole is not None
    assert draft.whole.chords == ()


def test_the_more_is_asked_for_the_fewer_notes_stay(net: Decoder, table: dict[str, Any]) -> None:
    distance = []
    for amount in np.linspace(0, 1, 6):
        (draft,) = vary_bars(net, table, TuneRequest(TUNE, bars=(5, 12), amount=float(amount), n=1, seed=3))
        asked = ceil(32 * amount - 1e-9)
        kept = {note for note in draft.own if note in draft.fresh}
        assert len(kept) >= 32 - asked
        distance.append(32 - len(kept))
    assert distance[0] == 0
    assert distance[-1] > 24
    assert distance == sorted(distance)


def test_the_strongest_notes_stay_longest(net: Decoder, table: dict[str, Any]) -> None:
    (draft,) = vary_bars(net, table, TuneRequest(TUNE, bars=(5, 8), amount=0.5, n=1))
    downbeats = [note for note in draft.own if note.start_ticks % 1920 == 0]
    assert len(downbeats) == 4
    assert set(downbeats) <= set(draft.fresh)


def test_a_long_gap_is_filled_whole_and_the_tune_ends_at_home(net: Decoder, table: dict[str, Any]) -> None:
    for draft in fill_bars(net, table, TuneRequest(TUNE, bars=(3, 16), n=2, seed=5)):
        assert all(a.end_ticks <= b.start_ticks for a, b in pairwise(draft.song.melody.notes))
        counts = notes_in_bars(draft.song)
        assert all(sum(pair) for pair in pairwise(counts))
        assert draft.fresh[-1].pitch % 12 in (2, 6, 9)


def test_the_line_of_a_piano_is_found_and_what_lies_under_it_stays(net: Decoder, table: dict[str, Any]) -> None:
    hands = Part((*TUNE.melody.notes, *(Note(960 * n, 50, 900) for n in range(32))), name="Piano", role="other")
    tune = find_tune(Song((hands,), keys=TUNE.keys))
    assert tune.notes == TUNE.melody.notes
    (draft,) = fill_bars(net, table, TuneRequest(tune.song, bars=(5, 8), n=1))
    assert draft.whole is not None
    assert set(tune.rest) <= set(draft.whole.parts[0].notes)
    assert all(note.pitch > 50 for note in draft.fresh)


def test_a_part_may_be_named(net: Decoder, table: dict[str, Any]) -> None:
    (draft,) = vary_bars(net, table, TuneRequest(TUNE, part=2, bars=(5, 8), n=1))
    assert draft.whole is not None
    assert draft.whole.parts[0] == TUNE.parts[0]
    assert draft.whole.parts[1] != TUNE.parts[1]


def test_the_same_seed_writes_the_same_and_more_begin_alike(net: Decoder, table: dict[str, Any]) -> None:
    request = TuneRequest(TUNE, bars=(5, 8), n=3, seed=9)
    again = vary_bars(net, table, request)
    assert again == vary_bars(net, table, request)
    assert again[:2] == vary_bars(net, table, replace(request, n=2))
    assert again != vary_bars(net, table, replace(request, seed=10))


def test_bars_count_from_the_pickup() -> None:
    late = replace(TUNE, pickup_ticks=480)
    assert bars_of(TUNE, (1, 16)) == bars_of(late, (0, 15)) == range(16)
    for song, bars in ((TUNE, (0, 1)), (TUNE, (15, 17)), (late, (16, 16))):
        with pytest.raises(UnmetError, match="continue"):
            bars_of(song, bars)
    assert (parse_bars("5-8"), parse_bars(" 5 ")) == ((5, 8), (5, 5))
    for text in ("", "5-", "8-5", "a", "1.5"):
        with pytest.raises(InputError, match="bars"):
            parse_bars(text)


def test_what_cannot_be_done_is_said(net: Decoder, table: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="part"):
        vary_bars(net, table, TuneRequest(TUNE, part=3))
    with pytest.raises(InputError, match="melody"):
        vary_bars(net, table, TuneRequest(replace(TUNE, parts=TUNE.parts[2:])))
    with pytest.raises(UnmetError, match="around"):
        fill_bars(net, table, TuneRequest(TUNE, bars=(1, 16)))
    held = replace(TUNE, parts=(Part((Note(0, 60, 7680), Note(7680, 62, 480))),))
    with pytest.raises(UnmetError, match="held"):
        fill_bars(net, table, TuneRequest(held, bars=(2, 3)))
    with pytest.raises(UnmetError, match="notes of the tune"):
        vary_bars(net, table, TuneRequest(held, bars=(2, 3)))
    with pytest.raises(UnmetError, match="8 quarters"):
        vary_bars(net, table, TuneRequest(replace(TUNE, meters=(Meter(0, 16, 4),))))
    for wrong in ({"amount": 1.5}, {"keep": "mood"}, {"n": 0}, {"seed": -1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            TuneRequest(TUNE, **wrong)


def test_runs_are_written_anew_and_an_end_in_them_ends_in_the_last_bar(net: Decoder, table: dict[str, Any]) -> None:
    notes = tuple(Note(480 * n, 60 + n * 5 % 12, 480) for n in range(16))
    song = Song((Part(notes),), keys=(Key(0, 0),), chords=parse_progression("C | F | G7 | C", meter=Meter(0, 4, 4)))
    for draft in vary_bars(net, table, TuneRequest(song, runs=((5760, 7680),), n=16, seed=3)):
        assert draft.song.melody.notes[:12] == notes[:12]
        last = draft.song.melody.notes[-1]
        assert last.start_ticks >= 5760
        assert last.pitch % 12 in (0, 4, 7)


def test_a_note_that_stays_before_the_last_bar_is_no_end(net: Decoder) -> None:
    words = net.words
    anchor = Anchor(0, onset=0, length=48, pitches=frozenset({60}))
    marks = (words.id("Bar", 1), words.id("Bar", 0), words.id("EOS"))
    gap = Gap(
        (Meter(0, 4, 4), Meter(0, 4, 4)), marks, 55, 80, frozenset({0, 2, 4, 5, 7, 9, 11}), 0.0,
        free=((96, 192),), anchors=(anchor,), ending=frozenset({0, 4, 7}),
    )  # fmt: skip
    scribe = GapScribe(gap, words)
    for token in (marks[0], words.id("Position", 0), words.id("Pitch", 60), words.id("Duration", 48), marks[1]):
        scribe.push(token)
    assert not scribe.allowed()[marks[2]]
    for token in (words.id("Position", 0), words.id("Pitch", 64), words.id("Duration", 96)):
        scribe.push(token)
    assert scribe.allowed()[marks[2]]
