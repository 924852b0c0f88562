"""Ideas beside real music: distances known by hand, a judge that tells two worlds apart, listeners who are nearer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cocreate.errors import InputError
from cocreate.evaluate.classifier import StyleClassifier, format_style_accuracy, style_accuracy
from cocreate.evaluate.distance import frechet_distance, overlap_and_divergence
from cocreate.evaluate.generated import (
    REAL,
    bar_repeats,
    checkpoint_writer,
    compare_generated,
    cuts,
    format_comparison,
    ngram_writer,
)
from cocreate.evaluate.reference import excerpt, excerpts
from cocreate.evaluate.steering import ALL, LIKES, format_steering, taste_steering
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.corpus.pack import Entry
from cocreate.model.tokens import sheet_of
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Chord, Key, Note, Part, Song
from cocreate.taste.features import features, scaled

WORDS = Vocabulary()
BAR = 1920


def tune(number: int, style: str, *, bars: int = 12) -> Song:
    """Folk walks in quarters on the scale, jazz leaps in off-beat eighths."""
    rng = np.random.default_rng(number)
    length = 480 if style == "folk" else 240
    walk = np.cumsum(rng.integers(-2, 3, bars * BAR // length) if style == "folk" else rng.integers(-7, 8, bars * 8))
    scale = [0, 2, 4, 5, 7, 9, 11]
    pitches = [60 + scale[int(step) % 7] if style == "folk" else 60 + int(step) % 19 for step in walk]
    offset = 0 if style == "folk" else 120
    notes = tuple(Note(offset + length * i, pitch, length) for i, pitch in enumerate(pitches[:-1]))
    return Song((Part(notes),), keys=(Key(0, 0),), chords=(Chord(0, bars * BAR, 0),), style=style)


def entry(number: int, split: str, style: str, *, weight: float = 1.0) -> Entry:
    name = f"{style} {number}"
    sheet = sheet_of(tune(number, style), WORDS)
    return Entry(sheet, "toy", name, name, "CC0-1.0", "A", (style,), split, weight, "happy")


@pytest.fixture(scope="module")
def corpus() -> list[Entry]:
    styles = ("folk", "jazz")
    found = [entry(number, "validation", style) for number in range(14) for style in styles]
    found += [entry(100 + number, "test", style) for number in range(32) for style in styles]
    return found


def copier(style: str, n: int, bars: int, seed: int) -> list[Song]:
    return [tune(1000 + seed + number, style, bars=bars) for number in range(n)]


# --- distances


def test_equal_sets_overlap_whole_and_far_ones_not_at_all() -> None:
    rng = np.random.default_rng(0)
    one, same, far = rng.normal(0, 1, 200), rng.normal(0, 1, 200), rng.normal(30, 1, 200)
    overlap, divergence = overlap_and_divergence(one, same)
    assert overlap > 0.95
    assert 0 <= divergence < 0.02
    overlap, divergence = overlap_and_divergence(one, far)
    assert overlap < 0.01
    assert divergence > 5
    assert overlap_and_divergence(np.zeros(9), np.zeros(9)) == pytest.approx((1.0, 0.0))


def test_frechet_distance_of_gaussians_known_in_closed_form() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.normal(0, 1, (20_000, 3)), rng.normal(0, 2, (20_000, 3)) + np.array([3.0, 0.0, 0.0])
    # gap 3^2, and (2 - 1)^2 for each of three spreads
    assert frechet_distance(one, two) == pytest.approx(12, rel=0.03)
    assert frechet_distance(two, one) == pytest.approx(frechet_distance(one, two))
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


def test_fewer_points_than_dimensions_still_compare() -> None:
    rng = np.random.default_rng(2)
    near, far = (frechet_distance(rng.normal(0, 1, (10, 40)), rng.normal(shift, 1, (10, 40))) for shift in (0, 2))
    assert 0 < near < far


def test_a_bar_repeats_the_one_four_before_in_rhythm_or_in_full() -> None:
    bar = [Note(480 * beat, 60 + beat, 480) for beat in range(4)]
    moved = [replace(note, pitch=note.pitch + (2 if number == 5 else 0)) for number in range(8) for note in bar]
    notes = tuple(replace(note, start_ticks=note.start_ticks + BAR * (i // 4)) for i, note in enumerate(moved))
    song = Song((Part(notes),), keys=(Key(0, 0),))
    assert bar_repeats(song, lag_bars=4, pitched=True) == 0.75
    assert bar_repeats(song, lag_bars=4, pitched=False) == 1.0
    assert bar_repeats(song, lag_bars=8, pitched=True) is None


# --- excerpts


def test_an_excerpt_begins_on_every_fourth_bar_and_a_short_piece_is_taken_whole() -> None:
    piece, rng = entry(1, "test", "folk"), np.random.default_rng(0)
    whole = [(n.start_ticks, n.pitch) for n in tune(1, "folk").melody.notes]
    starts = set()
    for _ in range(20):
        song = excerpt(piece, WORDS, rng)
        assert song is not None
        assert len(song.bars()) == 8
        found = [(n.start_ticks, n.pitch) for n in song.melody.notes]
        starts |= {
            first
            for first in range(5)
            if found == [(t - first * BAR, p) for t, p in whole if 0 <= t - first * BAR < 8 * BAR]
        }
    assert starts == {0, 4}
    long = excerpt(piece, WORDS, rng, bars=16)
    assert long is not None
    assert len(long.bars()) == 12
    assert len(excerpts([piece] * 9, WORDS, rng, most=3)) == 3


def test_cuts_of_a_piece_differ_and_have_no_chords() -> None:
    found = cuts(entry(1, "test", "folk"), WORDS, np.random.default_rng(0), most=8)
    assert len(found) == 2
    assert not any(song.chords for song in found)


# --- ideas beside real music


def test_the_same_music_is_as_near_as_real_and_other_music_is_far(tiny_checkpoint: Path, corpus: list[Entry]) -> None:
    checkpoint = open_checkpoint(tiny_checkpoint)
    writers = {"same": copier, "other": lambda style, n, bars, seed: copier("jazz", n, bars, seed)}
    held_out = [piece for piece in corpus if piece.split == "test"]
    report = compare_generated(checkpoint, held_out, styles=["folk"], n=24, writers=writers)
    real, same, other = report.rows
    assert [row.who for row in report.rows] == [REAL, "same", "other"]
    assert same.overlap == pytest.approx(real.overlap, abs=0.05)
    assert same.frechet < 1.4 * real.frechet < 3 * real.frechet < other.frechet
    assert other.overlap < real.overlap - 0.2
    assert other.divergence > 2 * real.divergence
    assert real.repeats_8 is None
    assert "chromatic_share" not in real.metrics
    assert report == replace(
        compare_generated(checkpoint, held_out, styles=["folk"], n=24, writers=writers), seconds=report.seconds
    )
    assert json.loads(json.dumps(report.as_dict()))["rows"][0]["who"] == REAL
    assert "other" in format_comparison(report)


def test_checkpoint_and_ngram_write_what_was_asked(tiny_checkpoint: Path, corpus: list[Entry]) -> None:
    checkpoint = open_checkpoint(tiny_checkpoint)
    for write in (checkpoint_writer(checkpoint), ngram_writer(checkpoint, corpus[:12], corpus[12:16])):
        songs = write("folk", 2, 4, 5)
        assert [len(song.bars()) for song in songs] == [4, 4]
        assert songs == write("folk", 2, 4, 5)
        assert songs[0].melody != songs[1].melody


def test_a_style_without_enough_pieces_is_refused_when_named_and_else_told(
    tiny_checkpoint: Path, corpus: list[Entry]
) -> None:
    checkpoint = open_checkpoint(tiny_checkpoint)
    few = [piece for piece in corpus if piece.split == "test"][:26]
    few = [piece for piece in few if piece.style == "folk"] + few[1:4:2]
    few.append(entry(7, "test", "jazz", weight=0.5))  # no real music
    with pytest.raises(InputError, match=r"12 held-out pieces.*'jazz': 2"):
        compare_generated(checkpoint, few, styles=["jazz"], writers={"same": copier})
    report = compare_generated(checkpoint, few, n=8, writers={"same": copier})
    assert {row.style for row in report.rows} == {"folk"}
    assert report.left_out["jazz"] == 2
    assert "jazz 2" in format_comparison(report)
    with pytest.raises(InputError, match="n must be 8"):
        compare_generated(checkpoint, few, n=7, writers={"same": copier})


# --- the judge of styles


def test_the_judge_tells_two_styles_apart_and_hears_which_one_an_idea_is(corpus: list[Entry]) -> None:
    report = style_accuracy(copier, corpus, words=WORDS, n=10)
    assert report.classes == ("folk", "jazz")
    assert report.real == report.ideas == 1.0
    assert report.idea_confusion == ((10, 0), (0, 10))
    assert report.pieces == {"folk": (14, 32), "jazz": (14, 32)}
    assert report.left_out["hymn"] == (0, 0)
    swapped = style_accuracy(
        lambda style, n, bars, seed: copier({"folk": "jazz", "jazz": "folk"}[style], n, bars, seed),
        corpus,
        words=WORDS,
        n=10,
    )
    assert (swapped.real, swapped.ideas) == (1.0, 0.0)
    assert "100.0%" in format_style_accuracy(report)
    assert json.loads(json.dumps(report.as_dict()))["ideas"] == 1.0


def test_the_ideas_of_a_class_are_shared_among_its_styles(corpus: list[Entry]) -> None:
    asked: list[tuple[str, int]] = []

    def write(style: str, n: int, bars: int, seed: int) -> list[Song]:
        asked.append((style, n))
        return copier("folk" if style == "air" else style, n, bars, seed)

    style_accuracy(write, corpus, words=WORDS, classes={"tunes": ("folk", "air"), "jazz": ("jazz",)}, n=5)
    assert asked == [("jazz", 5), ("folk", 3), ("air", 2)]


def test_one_style_is_nothing_to_tell_apart(corpus: list[Entry]) -> None:
    with pytest.raises(InputError, match="two classes must have 12"):
        style_accuracy(copier, corpus, words=WORDS, classes={"folk": ("folk",)})
    with pytest.raises(InputError, match="two styles or more, got folk"):
        StyleClassifier.fit([tune(1, "folk")], ["folk"])


# --- taste


def test_an_idea_from_the_taste_vector_is_nearer_and_one_at_random_is_not(corpus: list[Entry]) -> None:
    bank = [replace(tune(number, style), chords=()) for number in range(500, 540) for style in ("folk", "jazz")]
    points = np.array([scaled(features(song)) for song in bank])
    calls: list[int] = []

    def steered(vectors: list[np.ndarray], seed: int) -> list[Song]:
        calls.append(len(vectors))
        return [bank[int(((points - vector) ** 2).sum(axis=1).argmin())] for vector in vectors]

    def deaf(vectors: list[np.ndarray], seed: int) -> list[Song]:
        rng = np.random.default_rng(seed)
        return [bank[int(place)] for place in rng.integers(0, len(bank), len(vectors))]

    held_out = [piece for piece in corpus if piece.split == "test"]
    report = taste_steering(steered, held_out, words=WORDS, pairs=40)
    rows = {row.kind: row for row in report.rows}
    assert calls == [80]
    assert rows["place"].pairs + rows["trait"].pairs == rows[ALL].pairs == 40
    assert rows[ALL].nearer > 0.7
    assert rows[ALL].nearer_by_angle > 0.7
    assert 0.3 < taste_steering(deaf, held_out, words=WORDS, pairs=40).rows[-1].nearer < 0.7
    assert replace(taste_steering(steered, held_out, words=WORDS, pairs=40), seconds=report.seconds) == report
    assert "trait" in format_steering(report)
    assert json.loads(json.dumps(report.as_dict()))["pieces"] == 64


def test_ideas_that_are_all_the_same_win_half(corpus: list[Entry]) -> None:
    held_out = [piece for piece in corpus if piece.split == "test"]
    report = taste_steering(lambda vectors, _: [tune(1, "folk")] * len(vectors), held_out, words=WORDS, pairs=4)
    assert {row.nearer for row in report.rows} == {0.5}


def test_listeners_need_pieces_and_a_writer_that_answers(corpus: list[Entry]) -> None:
    held_out = [piece for piece in corpus if piece.split == "test"]
    with pytest.raises(InputError, match="pairs must be 2"):
        taste_steering(lambda _vectors, _seed: [], held_out, words=WORDS, pairs=1)
    with pytest.raises(InputError, match="an idea for each of 4 vectors, got 0"):
        taste_steering(lambda _vectors, _seed: [], held_out, words=WORDS, pairs=2)
    with pytest.raises(InputError, match=f"need {6 * LIKES} held-out pieces"):
        taste_steering(lambda _vectors, _seed: [], held_out[:10], words=WORDS)
