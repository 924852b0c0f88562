"""What a shared server's other listeners say, how lists are measured, and how listeners are made."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from cocreate.errors import InputError
from cocreate.evaluate.taste_hetrec import split_items
from cocreate.evaluate.taste_listeners import Labelled, draw_listeners, measure_listeners
from cocreate.evaluate.taste_metrics import measure, with_exposure
from cocreate.evaluate.taste_relevance import LEAST, calibrate, learn_relevance
from cocreate.taste.crowd import FEWEST_LISTENERS, crowd_scores
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.factors import ImplicitALS
from cocreate.taste.feature_table import FEATURE_NAMES, FEATURES
from cocreate.taste.features import FeatureVector
from cocreate.taste.recommenders import by_rank
from cocreate.taste.store import Store


def named(style: str, number: int) -> HeardItem:
    return HeardItem.named(f"{style} artist {number}", f"{style} {number}", style=style)


@pytest.fixture
def house(home) -> Store:
    """Three who like jazz, three who like folk; "me" likes two pieces of jazz."""
    store = Store()
    for place in range(6):
        style = ("jazz", "folk")[place % 2]
        liked = [named(style, number) for number in range(6) if number != place // 2]
        store.add_events(f"other{place}", [Event("keep", item) for item in liked])
    store.add_events("me", [Event("keep", named("jazz", number)) for number in (0, 1)])
    return store


def test_the_crowd_says_what_those_with_the_same_likes_like_met_or_not(house):
    items = [named(style, number) for style in ("jazz", "folk") for number in (3, 4, 9)]
    found = crowd_scores(house, "me", items)
    met, unmet = ([found[named(style, n).id] for style in ("jazz", "folk")] for n in (3, 9))
    assert met[0] > 0.5 > met[1]
    assert unmet[0] > 0.5 > unmet[1]
    assert unmet[0] - unmet[1] < met[0] - met[1]  # what nobody met is believed less
    assert HeardItem.named("", "unknown").id not in crowd_scores(house, "me", [HeardItem.named("", "unknown"), *items])


def test_a_crowd_that_is_too_small_or_a_listener_without_likes_says_nothing(house):
    items = [named("jazz", 3)]
    assert crowd_scores(house, "nobody", items) == {}
    for place in range(7 - FEWEST_LISTENERS):
        house.delete_profile(f"other{place}")
    assert crowd_scores(house, "me", items) == {}


def test_strengths_go_by_rank_and_equal_counts_are_equally_strong():
    found = by_rank(
        sp.csr_matrix(np.array([[5, 0, 1, 9], [1, 1, 1, 0], [0, 0, 0, 0]], dtype=np.float32)), 1.0
    ).toarray()
    assert found[0].tolist() == pytest.approx([1.0, 0.0, 2 / 3, 4 / 3])
    assert found[1].tolist() == [1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("factors", [2, 12])
def test_factors_solve_the_equations_of_implicit_als_for_short_rows_and_long(factors):
    rng = np.random.default_rng(0)
    weights = sp.random(9, 30, 0.25, format="csr", random_state=1, dtype=np.float32)
    other = rng.standard_normal((30, factors)).astype(np.float32)
    model = ImplicitALS(factors=factors, unheard=0.1, ridge=0.02)
    found = model._solved(weights, other)
    for row in range(9):
        heard, values = other[weights[row].indices], weights[row].data
        left = 0.1 * other.T @ other + heard.T @ (heard * values[:, None])
        left += 0.02 * (len(values) + 0.1 * 30) * np.eye(factors)
        assert found[row] == pytest.approx(np.linalg.solve(left, heard.T @ (values + 0.1)), abs=1e-3)


def test_lists_are_measured_as_by_hand():
    scores = np.array([[0.9, 0.8, 0.7, -np.inf], [0.1, 0.2, 0.3, -np.inf]], dtype=np.float32)
    heard = sp.csr_matrix(np.array([[0, 0, 0, 1], [0, 0, 0, 1]], dtype=np.float32))
    content = sp.csr_matrix(np.array([[1, 0], [1, 0], [0, 1], [1, 0]], dtype=np.float32))
    found = measure(scores, [np.array([1]), np.array([], np.int64)], heard=heard, content=content, k=2)
    assert found.mean("ndcg") == pytest.approx(1 / np.log2(3))
    assert [found.mean(name) for name in ("recall", "precision", "map", "hit")] == [1.0, 0.5, 0.5, 1.0]
    assert found.mean("diversity") == pytest.approx(0.0)
    assert found.mean("calibration") == pytest.approx(0.0)
    assert found.coverage == pytest.approx(3 / 3)


def test_exposure_shows_what_nobody_was_shown_and_keeps_the_first_place():
    scores = np.tile(np.arange(10, 0, -1, dtype=np.float32), (6, 1))
    lists = np.tile(np.arange(3), (6, 1))
    lists[0, 2] = 9  # shown here alone
    found = with_exposure(scores, lists, least=0.8)
    assert len(np.unique(found)) == 8
    assert 9 in found
    assert (found[:, 0] == 0).all()


def test_held_out_items_have_as_many_listeners_as_was_asked():
    plays = sp.csr_matrix((np.random.default_rng(0).random((20, 50)) < 0.2).astype(np.float32))
    counts = np.asarray(plays.sum(axis=0)).ravel()
    assert counts[split_items(plays, 0, fewest=4)].min() >= 4
    assert len(split_items(plays, 0)) == 10


def made_pieces(count: int = 120) -> list[Labelled]:
    """Three styles that differ in the tempo, and in nothing else."""
    rng = np.random.default_rng(0)
    pieces = []
    for place in range(count):
        style = place % 3
        values = [f.centre + f.spread * rng.normal() for f in FEATURES]
        tempo = FEATURE_NAMES.index("tempo")
        values[tempo] = FEATURES[tempo].centre + FEATURES[tempo].spread * (2.5 * (style - 1) + 0.2 * rng.normal())
        pieces.append(Labelled(HeardItem(f"p{place}", FeatureVector(tuple(values))), (f"style{style}",)))
    return pieces


def test_relevance_and_calibration_are_learned_from_made_listeners():
    pieces = made_pieces()
    found = learn_relevance(pieces, listeners=30)
    assert found["tempo"] > 3 * found.get("arch", 0.15)
    assert min(found.values()) >= LEAST
    slopes = calibrate(pieces, listeners=10)
    assert set(slopes) == {"both", "one"}
    report = measure_listeners(pieces, listeners=10)
    assert report.styles == 3
    assert report.style_accuracy > 1 / 3
    assert "mood: by rule alone" in report.text()
    with pytest.raises(InputError, match="three styles"):
        list(draw_listeners(pieces[:20], 1, np.random.default_rng(0)))
