"""The rules of a drum part: points, hands and feet, ghost notes, fills and the end."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cocreate.model.bar_rules import BarLine, BarScribe
from cocreate.model.drum_rules import FEET, STRAIGHT, SWUNG, Beat, DrumPen, Hit, velocity_of
from cocreate.model.vocabulary import DRUMS, Vocabulary

WORDS = Vocabulary()


def lines(count: int, steps: int = 96) -> tuple[BarLine, ...]:
    return tuple(BarLine(steps * n, steps, 24, (0, 48), "4/4") for n in range(count))


def beat(**asked: object) -> Beat:
    found = {
        "unit": STRAIGHT, "keys": frozenset(DRUMS), "fills": frozenset({1}), "crashes": frozenset({0, 3}),
        "last_onset": 3 * 96 + 24,
    } | asked  # fmt: skip
    return Beat(**found)  # type: ignore[arg-type]


def written(seed: int, asked: Beat, bars: tuple[BarLine, ...]) -> DrumPen:
    """A part drawn at random from what is allowed."""
    pen = DrumPen(asked, bars, WORDS)
    scribe, rng = BarScribe(bars, [pen], WORDS, meter="4/4"), np.random.default_rng(seed)
    while not scribe.done:
        scribe.push(int(rng.choice(np.flatnonzero(scribe.allowed()))))
    return pen


@pytest.mark.parametrize("unit", [STRAIGHT, SWUNG])
def test_whatever_is_drawn_can_be_played_and_ends(unit: int) -> None:
    bars = lines(4)
    for seed in range(20):
        pen = written(seed, beat(unit=unit), bars)
        by_point: dict[int, list[Hit]] = {}
        for hit in pen.hits:
            by_point.setdefault(hit.onset, []).append(hit)
        for point, hits in by_point.items():
            assert point % unit == 0
            assert len({hit.key for hit in hits}) == len(hits)
            assert sum(hit.key not in FEET for hit in hits) <= 2
        assert {0, 3 * 96} <= set(by_point)
        assert max(by_point) <= 3 * 96 + 24
        assert all(hit.onset in (0, 3 * 96) for hit in pen.hits if hit.key == 49)
        assert all(96 + 48 <= hit.onset < 192 for hit in pen.hits if hit.key in (45, 48, 50))
        silent = [not any(bar.start <= point < bar.end for point in by_point) for bar in bars]
        assert not any(a and b for a, b in pairwise(silent))


def test_a_soft_hit_is_a_step_late_on_paper_and_on_its_point_in_the_part() -> None:
    bars = lines(1)
    pen = DrumPen(beat(crashes=frozenset(), last_onset=96), bars, WORDS)
    scribe = BarScribe(bars, [pen], WORDS, meter="4/4")
    row = [scribe.bar_id(0), WORDS.id("Track", "drums"), WORDS.id("Position", 0), WORDS.id("Drum", 36)]
    row += [WORDS.id("Position", 6), WORDS.id("Drum", 42), WORDS.id("Position", 7), WORDS.id("Drum", 38)]
    for token in row:
        assert scribe.allowed()[token]
        scribe.push(token)
    assert not scribe.allowed()[WORDS.id("Drum", 42)]  # it has been hit there
    assert pen.hits == [Hit(0, 36), Hit(6, 42), Hit(6, 38, is_soft=True)]


@pytest.mark.parametrize("unit", [STRAIGHT, SWUNG])
def test_a_backbeat_comes_in_every_bar_and_a_fill_may_take_its_second(unit: int) -> None:
    bars = lines(4)
    for seed in range(20):
        pen = written(seed, beat(unit=unit, has_backbeat=True), bars)
        snares = {hit.onset for hit in pen.hits if hit.key in (37, 38, 39) and not hit.is_soft}
        assert {24, 72, 96 + 24, 192 + 24, 192 + 72} <= snares
        struck = [(hit.onset, hit.key) for hit in pen.hits]
        assert len(set(struck)) == len(struck)


def test_a_kit_is_kept() -> None:
    pen = written(3, beat(keys=frozenset({36, 42})), lines(4))
    assert {hit.key for hit in pen.hits} <= {36, 42}


def test_drummers_accent_the_backbeat_and_whisper_ghosts() -> None:
    bar = lines(1)[0]
    assert velocity_of(Hit(24, 38), bar) > velocity_of(Hit(0, 38), bar) > velocity_of(Hit(30, 38), bar)
    assert velocity_of(Hit(30, 38, is_soft=True), bar) < 40
    assert velocity_of(Hit(16, 51), bar) == velocity_of(Hit(12, 51), bar)
