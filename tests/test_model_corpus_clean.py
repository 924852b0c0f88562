"""What may train."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cocreate.errors import InputError
from cocreate.model.corpus.chorales import read_jsb_chorales
from cocreate.model.corpus.clean import Report, clean, deduplicate, fault, jsb_test_shingles, shingles
from cocreate.model.corpus.piece import Piece, split_of, work_key
from cocreate.music.song import Note, Part, Song


def piece(pitches: list[int], *, name: str = "x", split: str = "train", length: int = 480) -> Piece:
    notes = tuple(Note(length * i, pitch, length) for i, pitch in enumerate(pitches))
    return Piece(Song(parts=(Part(notes),)), "toy", name, name, "CC0", "A", ("folk",), split)


def tune(seed: int, count: int = 40) -> list[int]:
    return [int(p) for p in np.random.default_rng(seed).integers(55, 80, count)]


def test_a_tune_in_another_key_and_speed_is_the_same_tune() -> None:
    report = Report()
    same = [piece(tune(1)), piece([p + 3 for p in tune(1)], name="y", length=240), piece(tune(2), name="z")]
    assert [p.name for p in deduplicate(same, report)] == ["x", "z"]
    assert report.dropped["same tune again"] == 1


def test_what_is_held_out_never_trains() -> None:
    report = Report()
    found = deduplicate([piece(tune(1)), piece(tune(1), name="y", split="test")], report)
    assert [(p.name, p.split) for p in found] == [("y", "test")]
    assert report.dropped["same tune held out (test)"] == 1


def test_a_held_out_set_keeps_its_own_repetitions() -> None:
    found = deduplicate([piece(tune(1), split="test"), piece(tune(1), name="y", split="test")], Report())
    assert len(found) == 2


@pytest.mark.parametrize(
    ("pitches", "reason"),
    [
        ([60] * 40, "too few pitches"),
        (tune(3, 6), "too few notes"),
        (tune(3, 14), None),
        ([30, 100, 60] * 10, "range too wide"),
    ],
)
def test_broken_and_absurd_pieces_are_named(pitches: list[int], reason: str | None) -> None:
    assert fault(piece(pitches)) == reason


def test_a_piece_of_rests_is_left_out_and_counted() -> None:
    report = Report()
    notes = tuple(Note(4800 * i, pitch, 240) for i, pitch in enumerate(tune(4, 20)))
    rests = Piece(Song(parts=(Part(notes),)), "toy", "r", "r", "CC0", "A", ("folk",), "train")
    assert clean([rests, piece(tune(5))], report) == [piece(tune(5))]
    assert report.dropped == {"mostly rests": 1}


def test_one_work_has_one_key_and_one_split() -> None:
    assert work_key("The 7th Regiment -- Reel") == work_key("7th Régiment (Reel)")
    assert work_key("The Reel") == "the reel"
    assert work_key("茉莉花") == "茉莉花"
    shares = [split_of(str(n)) for n in range(4000)]
    assert 0.03 < shares.count("test") / 4000 < 0.07
    assert 0.87 < shares.count("train") / 4000 < 0.93


def test_a_piece_needs_a_known_tier_and_split() -> None:
    with pytest.raises(InputError, match="tier"):
        Piece(Song(parts=()), "toy", "w", "n", "CC0", "C", ("folk",), "train")
    with pytest.raises(InputError, match="split"):
        piece(tune(1), split="exam")


def test_the_shipped_guard_is_the_jsb_test_set(data: Path) -> None:
    found: set[int] = set()
    for chorale in read_jsb_chorales(data / "jsb_chorales"):
        if chorale.split == "test":
            found |= shingles(chorale.song.melody.notes)
    assert jsb_test_shingles() == found


def test_a_jsb_test_tune_never_trains_whoever_prints_it(data: Path) -> None:
    test = next(c for c in read_jsb_chorales(data / "jsb_chorales") if c.split == "test")
    hymn = replace(test, song=test.song.transpose(2), dataset="hymnal", split="train")
    report = Report()
    assert deduplicate([hymn], report) == []
    assert report.dropped == {"a tune of the JSB Chorales test set": 1}
