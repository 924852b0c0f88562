"""Blends: at 0 the first tune, at 1 the second, and between them ever less of the one and more of the other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cocreate.errors import InputError, UnmetError
from cocreate.generate.blend import BlendRequest, in_frame_of, lead_sheet, write_blends
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.music.measures import shared_notes
from cocreate.music.song import Key, Meter, Note, Part, Song, Tempo
from cocreate.music.theory import parse_progression

COMMON = Meter(0, 4, 4)


def tune(*, seed: int, tonic: int, bars: int, unit: int, meter: Meter = COMMON, chords: str = "") -> Song:
    rng = np.random.default_rng(seed)
    scale = (0, 2, 4, 5, 7, 9, 11)
    count = bars * meter.bar_ticks // unit
    places = np.clip(10 + np.cumsum(rng.integers(-2, 3, count)), 7, 18)
    notes = tuple(
        Note(unit * n, 48 + tonic + 12 * int(place // 7) + scale[place % 7], unit) for n, place in enumerate(places)
    )
    given = tuple(c for c in parse_progression(chords, meter=meter, bars=bars)) if chords else ()
    return Song((Part(notes, name="Lead"),), (meter,), (Tempo(0, 90.0 + seed),), (Key(0, tonic),), given)


A = tune(seed=1, tonic=0, bars=8, unit=480, chords="C | F | G | C")
B = tune(seed=2, tonic=7, bars=8, unit=240, chords="G | Em | Am | D7")


@pytest.fixture(scope="module")
def net(tiny_checkpoint: Path) -> Decoder:
    return Decoder(open_checkpoint(tiny_checkpoint))


@pytest.fixture(scope="module")
def table(tiny_checkpoint: Path) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((tiny_checkpoint / "styles.json").read_text())["styles"]
    return rows


def test_the_ends_are_the_two_tunes_note_for_note(net: Decoder, table: dict[str, Any]) -> None:
    at_a, at_b = (write_blends(net, table, BlendRequest(A, B, at=at, n=1))[0].song for at in (0.0, 1.0))
    assert at_a.melody.notes == A.melody.notes
    assert at_a.chords == A.chords
    assert [note.pitch - 5 for note in at_b.melody.notes] in (
        [note.pitch - 12 * k for note in B.melody.notes] for k in (0, 1)
    )
    assert [(c.root, c.quality) for c in at_b.chords[:4]] == [(0, "maj"), (9, "m"), (2, "m"), (7, "7")]
    assert (at_b.tempos, at_b.meters, at_b.keys) == (A.tempos, A.meters, A.keys)
    assert len(at_b.bars()) == 8


def test_the_distances_grow_and_fall_on_the_way(net: Decoder, table: dict[str, Any]) -> None:
    framed = in_frame_of(lead_sheet(B), lead_sheet(A))
    way = [n / 10 for n in range(11)]
    blends = [write_blends(net, table, BlendRequest(A, B, at=at, n=1, seed=4))[0].song.melody.notes for at in way]
    to_a = [1 - shared_notes(notes, A.melody.notes) for notes in blends]
    to_b = [1 - shared_notes(notes, framed.melody.notes) for notes in blends]
    assert to_a[0] == 0
    assert to_b[-1] == 0
    assert spearman(way, to_a) >= 0.9
    assert spearman(way, to_b) <= -0.9


def spearman(first: list[float], second: list[float]) -> float:
    ranks = [np.array([np.mean(np.flatnonzero(np.sort(row) == value)) for value in row]) for row in (first, second)]
    return float(np.corrcoef(*ranks)[0, 1])


def test_in_the_middle_stand_notes_of_both_and_new_ones(net: Decoder, table: dict[str, Any]) -> None:
    framed = in_frame_of(lead_sheet(B), lead_sheet(A))
    for draft in write_blends(net, table, BlendRequest(A, B, n=3, seed=1)):
        got = {(note.start_ticks, note.pitch) for note in draft.song.melody.notes}
        ours, theirs = ({(n.start_ticks, n.pitch) for n in one.melody.notes} for one in (A, framed))
        assert len(got & ours) >= 8
        assert len(got & theirs) >= 8
        assert got - ours - theirs
        assert draft.song.melody.is_monophonic
        assert len(draft.song.bars()) == 8
        assert len(draft.song.parts) == 1


def test_a_shorter_tune_comes_again_and_a_longer_one_is_cut(net: Decoder, table: dict[str, Any]) -> None:
    short = tune(seed=5, tonic=2, bars=3, unit=480)
    framed = in_frame_of(lead_sheet(short), lead_sheet(A))
    again = [note.pitch for note in framed.melody.notes]
    assert again[:12] == again[12:24]
    assert len(framed.bars()) == 8
    assert in_frame_of(lead_sheet(A), lead_sheet(short)).end_ticks == 3 * 1920


def test_full_bars_fall_on_full_bars() -> None:
    pickup = replace(A, parts=(replace(A.melody, notes=A.melody.notes[3:]),), pickup_ticks=480)
    framed = in_frame_of(lead_sheet(pickup), lead_sheet(A))
    assert framed.melody.notes[0].start_ticks == 0
    assert framed.melody.notes[0].pitch == A.melody.notes[4].pitch
    back = in_frame_of(lead_sheet(A), lead_sheet(pickup))
    assert back.melody.notes[0].start_ticks == 1920
    assert back.melody.notes[0].pitch == A.melody.notes[0].pitch


def test_bars_of_another_length_are_refused(net: Decoder, table: dict[str, Any]) -> None:
    waltz = tune(seed=3, tonic=0, bars=8, unit=480, meter=Meter(0, 3, 4))
    with pytest.raises(UnmetError, match="bars of equal length to be blended, got 4/4 and 3/4"):
        write_blends(net, table, BlendRequest(A, waltz))


@pytest.mark.parametrize(
    ("asked", "rule"),
    [({"at": 1.5}, r"at must be in 0\.\.1, got 1.5"), ({"n": 0}, "n must be in"), ({"seed": -1}, "seed must be")],
)
def test_a_request_refuses_what_breaks_a_rule(asked: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        BlendRequest(A, B, **asked)


def test_the_same_seed_blends_the_same(net: Decoder, table: dict[str, Any]) -> None:
    first, again = (write_blends(net, table, BlendRequest(A, B, n=2, seed=9)) for _ in range(2))
    assert [draft.song for draft in first] == [draft.song for draft in again]
