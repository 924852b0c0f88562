"""The scorer: exact parts, honest reasons, and a listener's taste found from ten verdicts."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from itertools import islice
from math import fsum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.music.song import Meter, Note, Part, Song
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.feature_table import FEATURE_NAMES
from cocreate.taste.features import FeatureVector, features
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import PARTS, WEIGHTS, Item, Score, rerank_diverse, score, style_fit

DATA = Path(os.environ.get("COCREATE_DATA", Path(__file__).parents[1] / ".data"))
DAY = "2026-01-01T12:00:00+00:00"


def smooth(seed: int) -> Song:
    """Eight bars of steady stepwise eighths."""
    rng, pitch, notes = random.Random(seed), 67, []
    for i in range(64):
        notes.append(Note(i * 240, pitch, 240))
        pitch = min(79, max(60, pitch + rng.choice((-2, -1, 1, 2))))
    return Song((Part(tuple(notes)),), title=f"smooth {seed}")


def jumpy(seed: int) -> Song:
    """Eight bars of leaping, dotted 3/4."""
    rng, notes = random.Random(seed), []
    for i in range(24):
        for late, length in ((0, 360), (360, 120)):
            notes.append(Note(i * 480 + late, 67 + rng.choice((-12, -7, -5, 0, 5, 7, 12)), length))
    return Song((Part(tuple(notes)),), meters=(Meter(0, 3, 4),), title=f"jumpy {seed}")


SMOOTH = [features(smooth(i)) for i in range(16)]
JUMPY = [features(jumpy(i)) for i in range(16)]


def verdicts(kept: Sequence[FeatureVector], skipped: Sequence[FeatureVector], *, style: str = "") -> Profile:
    events = [Event("keep", HeardItem(f"k{i}", v, style=style), at=DAY) for i, v in enumerate(kept)]
    events += [Event("skip", HeardItem(f"s{i}", v, style=style), at=DAY) for i, v in enumerate(skipped)]
    return Profile.from_events("ann", events)


def auc(good: Sequence[Score], bad: Sequence[Score]) -> float:
    a, b = np.array([s.value for s in good])[:, None], np.array([s.value for s in bad])
    return float((a > b).mean() + 0.5 * (a == b).mean())


def ranked_auc(profile: Profile, good: Sequence[FeatureVector], bad: Sequence[FeatureVector]) -> float:
    items = [Item(str(i), vector) for i, vector in enumerate([*good, *bad])]
    scores = score(profile, items)
    return auc(scores[: len(good)], scores[len(good) :])


@pytest.mark.parametrize(
    ("kept", "skipped"), [(SMOOTH[:3], JUMPY[:3]), (SMOOTH[:3], []), ([], JUMPY[:3]), (SMOOTH[:1], [])]
)
def test_what_is_like_the_kept_ranks_above_what_is_like_the_skipped(kept, skipped):
    assert ranked_auc(verdicts(kept, skipped), SMOOTH[5:], JUMPY[5:]) == 1.0


def test_turning_every_verdict_round_turns_the_ranking_round():
    items = [Item(str(i), v) for i, v in enumerate([*SMOOTH[5:], *JUMPY[5:]])]
    one = [s.value for s in score(verdicts(SMOOTH[:4], JUMPY[:4]), items)]
    other = [s.value for s in score(verdicts(JUMPY[:4], SMOOTH[:4]), items)]
    half = len(SMOOTH[5:])
    assert min(one[:half]) > max(one[half:])
    assert max(other[:half]) < min(other[half:])


@settings(max_examples=40, deadline=None)
@given(*(st.one_of(st.none(), st.floats(0, 1)) for _ in range(3)), st.integers(0, 3), st.integers(0, 3))
def test_a_score_is_exactly_the_sum_of_its_parts(fit, quality, novelty, kept, skipped):
    profile = verdicts(SMOOTH[:kept], JUMPY[:skipped])
    (found,) = score(profile, [Item("x", SMOOTH[9], fit, quality, novelty)])
    assert found.value == fsum(found.parts.values())
    assert 0.0 <= found.value <= 1.0
    assert set(found.parts) == {"base", *PARTS}


def test_without_a_profile_style_fit_and_quality_rank_and_the_reason_says_so():
    items = [Item("a", SMOOTH[0], style_fit=0.2, quality=0.9), Item("b", SMOOTH[0], style_fit=0.9, quality=0.9)]
    for nobody in (None, Profile.from_events("ann", [])):
        low, high = score(nobody, items)
        assert high.value > low.value
        assert high.reason == "no profile yet: ranked by style fit 90% and quality 90%"
        assert high.parts["taste"] == 0.0
    assert score(None, [Item("a", None)])[0].reason == "no profile yet, and nothing else to rank by"


def test_taste_weighs_more_with_more_evidence():
    def spread(n: int) -> float:
        good, bad = score(verdicts(SMOOTH[:n], JUMPY[:n]), [Item("g", SMOOTH[9]), Item("b", JUMPY[9])])
        return good.parts["taste"] - bad.parts["taste"]

    assert 0 < spread(1) < spread(3) < spread(5)


def test_a_score_does_not_depend_on_the_other_items():
    profile = verdicts(SMOOTH[:3], JUMPY[:3])
    items = [Item(str(i), v, quality=0.5) for i, v in enumerate([*SMOOTH[5:8], *JUMPY[5:8]])]
    alone = [score(profile, [item])[0] for item in items]
    together = [s.value for s in score(profile, items)]
    assert together == pytest.approx([s.value for s in alone], abs=1e-6)  # 32-bit columns


def test_the_reason_names_what_the_listener_can_hear():
    profile = verdicts(SMOOTH[:5], JUMPY[:5])
    good, bad = score(profile, [Item("g", SMOOTH[9]), Item("b", JUMPY[9])])
    assert good.reason.startswith("close to what you kept: ")
    assert any(
        word in good.reason for word in ("steady eighths", "semitone steps", "scale runs", "small steps", "even notes")
    )
    assert "unlike: " in bad.reason
    (other,) = score(verdicts([], JUMPY[:5]), [Item("b", JUMPY[9])])
    assert "close to it: " in other.reason
    (unheard,) = score(profile, [Item("x", None)])
    assert unheard.reason == "nothing known of how it sounds"


def test_verdicts_on_another_style_count_half():
    jazz = verdicts(SMOOTH[:3], JUMPY[:3], style="jazz")
    item = Item("g", SMOOTH[9])
    same, other, any_style = (score(jazz, [item], style=s)[0].parts["taste"] for s in ("jazz", "folk", None))
    assert other < same == any_style


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"taste": 1.0}, "0 or more for each"),
        (dict(WEIGHTS) | {"style": -1.0}, "0 or more for each"),
        (dict.fromkeys(WEIGHTS, 0.0), "above 0"),
    ],
)
def test_impossible_weights_are_refused(weights, message):
    with pytest.raises(InputError, match=message):
        score(None, [Item("a", None)], weights=weights)


def test_an_item_outside_its_range_is_refused():
    with pytest.raises(InputError, match=r"quality must be in 0\.\.1"):
        Item("a", None, quality=1.5)


def test_style_fit_tells_a_style_from_another():
    table = np.array([[0.0 if v is None else v for v in vector.values] for vector in SMOOTH[:12]])
    mean, sd = list(table.mean(axis=0)), list(table.std(axis=0))
    own = [style_fit(v, mean, sd) for v in SMOOTH[12:]]
    foreign = [style_fit(v, mean, sd) for v in JUMPY]
    assert min(own) > max(foreign)
    assert all(0.0 <= fit <= 1.0 for fit in own + foreign)
    with pytest.raises(InputError, match=f"must have {len(FEATURE_NAMES)}"):
        style_fit(SMOOTH[0], [], [])


def test_a_diverse_list_shows_another_idea_before_the_same_one_again():
    vectors = {"a": SMOOTH[0], "a again": SMOOTH[0], "b": JUMPY[0]}
    scores = [Score("a", 0.9, {}, ""), Score("a again", 0.89, {}, ""), Score("b", 0.7, {}, "")]
    assert [s.id for s in rerank_diverse(scores, vectors, strength=0.3)] == ["a", "b", "a again"]
    assert [s.id for s in rerank_diverse(scores, vectors, strength=0.0)] == ["a", "a again", "b"]
    assert sorted(rerank_diverse(scores, {}, strength=1.0), key=lambda s: -s.value) == scores
    with pytest.raises(InputError, match="strength"):
        rerank_diverse(scores, vectors, strength=2.0)


def excerpts(songs: Sequence[Song]) -> list[FeatureVector]:
    """Eight to sixteen bars of the bare melody: no chords, no key, no tempo, no title to tell the styles apart."""
    rng, found = random.Random(7), []
    for song in songs:
        count = len(song.bars())
        length = min(count, rng.choice((8, 12, 16)))
        first = rng.randrange(count - length + 1)
        cut = song.slice_bars(first, first + length)
        if len(cut.melody.notes) >= 12:
            found.append(features(Song((Part(cut.melody.notes),), meters=cut.meters)))
    return found


@pytest.mark.data
def test_five_kept_jazz_solos_and_five_skipped_folk_tunes_tell_the_rest_apart_and_the_other_way_round():
    if not (DATA / "wjazzd").is_dir() or not (DATA / "fiddle_tunes_pd").is_dir():
        pytest.skip("needs the data folder")
    scores_reader = pytest.importorskip("cocreate.model.corpus.scores")
    tables_reader = pytest.importorskip("cocreate.model.corpus.tables")
    jazz = excerpts([p.song for p in islice(tables_reader.read_wjazzd(DATA / "wjazzd"), 40)])
    folk = excerpts([p.song for p in islice(scores_reader.read_fiddle_tunes_pd(DATA / "fiddle_tunes_pd"), 80)])
    rng = np.random.default_rng(0)
    results: dict[str, list[float]] = {"jazz": [], "folk": []}
    for _ in range(8):
        a, b = rng.permutation(len(jazz)), rng.permutation(len(folk))
        jazz_kept, folk_kept = [jazz[i] for i in a[:5]], [folk[i] for i in b[:5]]
        jazz_left, folk_left = [jazz[i] for i in a[5:30]], [folk[i] for i in b[5:30]]
        results["jazz"].append(ranked_auc(verdicts(jazz_kept, folk_kept), jazz_left, folk_left))
        results["folk"].append(ranked_auc(verdicts(folk_kept, jazz_kept), folk_left, jazz_left))
    assert min(results["jazz"] + results["folk"]) >= 0.9
