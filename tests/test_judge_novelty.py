"""The originality guard finds planted copies in any key and at any speed, and lets plain runs pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocreate.errors import FileError, InputError
from cocreate.judge.novelty import DEFAULT_LIMIT_NOTES, RATIOS, Match, NoveltyIndex, is_plain, symbols_of
from cocreate.music.song import Note

SCALE = (0, 2, 4, 5, 7, 9, 11)


def line(pitches: Sequence[int], lengths: Sequence[int] | int = 240) -> list[Note]:
    spans = [lengths] * len(pitches) if isinstance(lengths, int) else list(lengths)
    starts = np.cumsum([0, *spans[:-1]])
    return [Note(int(s), p, n) for s, p, n in zip(starts, pitches, spans, strict=True)]


def tune(seed: int, notes: int = 60) -> list[Note]:
    rng = np.random.default_rng(seed)
    degrees = np.clip(np.cumsum(rng.integers(-4, 5, notes)), -8, 8)
    pitches = [60 + 12 * (int(d) // 7) + SCALE[int(d) % 7] for d in degrees]
    return line(pitches, [int(x) for x in rng.choice([120, 240, 480, 720], notes)])


def moved(notes: Sequence[Note], *, semitones: int = 0, times: int = 1, later: int = 0) -> list[Note]:
    return [
        replace(
            n,
            pitch=n.pitch + semitones,
            start_ticks=n.start_ticks * times + later,
            length_ticks=n.length_ticks * times,
        )
        for n in notes
    ]


def after(first: Sequence[Note], second: Sequence[Note]) -> list[Note]:
    return [*first, *moved(second, later=max(n.end_ticks for n in first))]


TUNES = [(f"tune {seed}", tune(seed)) for seed in range(40)]
INDEX = NoveltyIndex.build(TUNES)


def brute_force(notes: Sequence[Note]) -> int:
    """The same definition, by trying everything."""
    best = 0
    query = symbols_of(notes)
    for _, melody in TUNES:
        known = symbols_of(melody)
        for a in range(len(query)):
            for b in range(len(known)):
                n = 0
                while a + n < len(query) and b + n < len(known):
                    if (query[a + n] - 1) // len(RATIOS) != (known[b + n] - 1) // len(RATIOS):
                        break
                    n += 1
                    if query[a + n - 1] != known[b + n - 1]:
                        break
                while n and is_plain(notes[a : a + n + 1]):
                    n -= 1
                best = max(best, n + 1 if n else 0)
    return best


def test_planted_copy_is_found_though_it_is_transposed_and_twice_as_slow() -> None:
    stolen = moved(TUNES[7][1][10:34], semitones=5, times=2)
    idea = after(after(tune(900, 12), stolen), tune(901, 12))
    match = INDEX.longest_match(idea)
    assert match.name == "tune 7"
    assert match.notes in range(24, 27)  # a neighbour may fit by chance
    assert match.start_note in range(10, 13)
    assert match.share == pytest.approx(match.notes / 48)
    assert INDEX.is_copy(match, len(idea))


def test_new_melody_is_no_copy() -> None:
    ideas = [tune(seed, 48) for seed in range(1000, 1030)]
    assert not any(INDEX.is_copy(INDEX.longest_match(idea), len(idea)) for idea in ideas)


@pytest.mark.parametrize(
    "idea",
    [
        line([60] * 16),
        line([60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79]),
        line([60, 62, 64, 65, 67, 65, 64, 62] * 3),
        line([67, 69] * 10),
        line([48, 55, 52, 55] * 8),
        line([60] * 16, [360, 120] * 8),
    ],
    ids=["repeated", "scale", "scale up and down", "trill", "alberti", "dotted on one pitch"],
)
def test_plain_run_is_not_a_copy_even_of_itself(idea: list[Note]) -> None:
    assert is_plain(idea)
    index = NoveltyIndex.build([("exercise", idea)])
    assert index.longest_match(idea) == Match(notes=0, name="", start_note=0, share=0.0)


def test_copy_behind_a_plain_run_is_still_found() -> None:
    idea = after(line([60] * 40), TUNES[3][1][:30])
    index = NoveltyIndex.build([*TUNES, ("pedal", line([50] * 60))])
    match = index.longest_match(idea)
    assert match.name == "tune 3"
    assert match.notes >= 30


def test_same_pitches_in_another_rhythm_are_no_match() -> None:
    notes = TUNES[0][1]
    other = line([n.pitch for n in notes], [120, 480, 240, 720, 240, 120] * 10)
    assert INDEX.longest_match(other).notes < 16


def test_longest_match_agrees_with_trying_everything() -> None:
    for seed in range(4):
        stolen = TUNES[seed][1][5 : 14 + seed]
        idea = after(after(tune(500 + seed, 6), stolen), tune(600 + seed, 8))
        assert INDEX.longest_match(idea).notes == brute_force(idea)


def test_match_does_not_run_from_one_melody_into_the_next() -> None:
    joined = [*TUNES[0][1][-15:], *moved(TUNES[1][1][:15], later=TUNES[0][1][-1].end_ticks)]
    assert INDEX.longest_match(joined).notes < 20


@given(st.integers(0, 39), st.integers(0, 59), st.integers(2, 60))
def test_slice_of_a_training_melody_matches_from_end_to_end_or_is_plain(which: int, first: int, length: int) -> None:
    idea = TUNES[which][1][first : first + length]
    match = INDEX.longest_match(idea)
    assert match.notes == len(idea) or is_plain(idea)
    assert is_plain(idea) or match.share == 1.0


@given(st.integers(0, 200), st.integers(-20, 20), st.integers(1, 8), st.integers(0, 5000))
def test_key_speed_and_place_do_not_matter(seed: int, semitones: int, times: int, later: int) -> None:
    idea = after(tune(seed, 10), TUNES[seed % 40][1][3:18])
    assert INDEX.longest_match(moved(idea, semitones=semitones, times=times, later=later)) == INDEX.longest_match(idea)


def test_right_one_of_many_tunes_with_the_same_opening_is_found() -> None:
    tunes = [(f"variant {seed}", after(tune(0, 25), tune(seed, 25))) for seed in range(300, 360)]
    index = NoveltyIndex.build(tunes)
    assert [index.longest_match(notes) for _, notes in tunes] == [Match(50, name, 0, 1.0) for name, _ in tunes]


def test_only_the_top_of_notes_that_begin_together_counts() -> None:
    chords = [Note(n.start_ticks, n.pitch - 12, n.length_ticks) for n in TUNES[2][1]]
    assert INDEX.longest_match([*chords, *TUNES[2][1]]).share == 1.0


def test_saved_index_answers_as_before(tmp_path: Path) -> None:
    index = NoveltyIndex.build([*TUNES, ("茉莉花\n(song)", tune(77))], human_matches=[(16, 9)] * 30)
    index.save(tmp_path / "novelty.npz")
    again = NoveltyIndex.load(tmp_path / "novelty.npz")
    assert again.names[-1] == "茉莉花 (song)"
    assert again.notes == index.notes == 41 * 60
    assert again.limit(16) == index.limit(16) == 9
    for seed in (5, 77, 1234):
        assert again.longest_match(tune(seed)) == index.longest_match(tune(seed))
    assert [p.name for p in tmp_path.iterdir()] == ["novelty.npz"]


def test_limit_is_what_human_ideas_of_that_length_stay_under() -> None:
    human = [(16, n) for n in range(1, 16)] * 4 + [(40, 20)] * 30 + [(70, 60)] * 3
    index = NoveltyIndex.build(TUNES, human_matches=human)
    assert index.limit(17) == 15
    assert index.limit(45) == index.limit(90) == 20  # three human ideas of 70 notes are too few to go by
    assert index.limit(13) == 12  # a whole idea is never borrowing
    assert index.is_copy(Match(21, "x", 0, 0.5), 40)
    assert not index.is_copy(Match(20, "x", 0, 0.5), 40)
    assert INDEX.limit(64) == DEFAULT_LIMIT_NOTES


def test_calibration_leaves_out_variants_of_training_melodies() -> None:
    fresh = [tune(seed, 64) for seed in range(2000, 2030)]
    strict = INDEX.calibrated(fresh)
    with_variants = INDEX.calibrated([*fresh, *(moved(notes, semitones=2) for _, notes in TUNES)])
    assert strict.limit(16) == with_variants.limit(16) < 14


def test_build_and_load_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 2 notes"):
        NoveltyIndex.build([("one note", line([60]))])
    with pytest.raises(InputError, match="human match"):
        NoveltyIndex.build(TUNES, human_matches=[(8, 9)])
    with pytest.raises(FileError, match="cannot read"):
        NoveltyIndex.load(tmp_path / "absent.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(FileError, match="broken"):
        NoveltyIndex.load(tmp_path / "broken.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(FileError, match="broken"):
        NoveltyIndex.load(tmp_path / "array.npy")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(FileError, match="broken"):
        NoveltyIndex.load(tmp_path / "text.npz")


def test_ideas_too_short_to_say_anything_match_nothing() -> None:
    for notes in (0, 1, 2, 6):
        assert INDEX.longest_match(TUNES[0][1][:notes]).notes == 0
