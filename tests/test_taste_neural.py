"""The network of the hybrid: it learns what no single voice says, and deals scores anew without changing them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from cocreate.taste import hybrid
from cocreate.taste.factors import ImplicitALS
from cocreate.taste.hybrid import Hybrid
from cocreate.taste.kernel import ContentKernel
from cocreate.taste.neural import Rehearsal, learn_order, order_values, reordered
from cocreate.taste.recommenders import Ease


def made(listeners: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Evidence of two voices; wanted is the candidate on which they disagree the least. A line can't tell."""
    evidence = np.random.default_rng(seed).normal(size=(listeners, 20, 2)).astype(np.float32)
    gap = np.abs(evidence[..., 0] - evidence[..., 1])
    return evidence, gap == gap.min(axis=1, keepdims=True)


def first_places(state, evidence, wanted) -> float:
    best = order_values(state, evidence).argmax(axis=1)
    return float(wanted[np.arange(len(best)), best].mean())


def test_it_learns_what_no_line_through_the_voices_tells():
    state = learn_order(*made(600, 0))
    evidence, wanted = made(300, 1)
    assert first_places(state, evidence, wanted) > 0.6  # chance is 1 of 20
    straight = evidence[..., 0].argmax(axis=1)
    assert wanted[np.arange(300), straight].mean() < 0.2


def test_the_same_seed_learns_the_same_network_and_another_another():
    one, again, other = (learn_order(*made(80, 0), seed=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["weight0"], other["weight0"])


def test_its_slopes_are_those_of_its_loss():
    from cocreate.taste import neural

    evidence, wanted = made(5, 2)
    targets = wanted.astype(np.float64)
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) for shape in ((2, 4), (4, 3), (3, 1), (4,), (3,), (1,))]

    def loss() -> float:
        values = neural._through(weights, evidence.astype(np.float64))[-1][..., 0]
        log_shares = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
        return float(-(targets * log_shares).sum(axis=1).mean())

    slopes = neural._slopes(weights, evidence.astype(np.float64), targets, None)
    for place, one in enumerate(weights):
        spot = tuple(0 for _ in one.shape)
        kept, step = one[spot], 1e-5
        one[spot] = kept + step
        above = loss()
        one[spot] = kept - step
        below = loss()
        one[spot] = kept
        assert slopes[place][spot] == pytest.approx((above - below) / (2 * step), abs=1e-6)


def test_nothing_wanted_teaches_nothing():
    evidence, wanted = made(10, 0)
    assert learn_order(evidence, np.zeros_like(wanted)) == {}


def test_scores_are_dealt_anew_and_none_is_changed():
    scores = np.array([[5, 4, 3, 2, 1]], dtype=np.float32)
    found = reordered(scores, np.array([[0, 1, 2]]), np.array([[0.1, 0.9, 0.5]]))
    assert found.tolist() == [[3, 5, 4, 2, 1]]
    assert scores.tolist() == [[5, 4, 3, 2, 1]]


def test_a_rehearsal_holds_out_a_fifth_of_each_history():
    plays = sp.csr_matrix(np.triu(np.ones((30, 30), dtype=np.float32)))
    found = Rehearsal.of(plays, plays)
    assert len(found.held[0]) == 6
    for row, held in enumerate(found.held):
        both = np.sort(np.concatenate([found.left[row].indices, held]))
        assert both.tolist() == plays[row].indices.tolist()


@pytest.fixture(scope="module")
def crowd() -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Listeners of six kinds with one sort of music each, and a sort that everybody plays; facts tell the sort."""
    rng = np.random.default_rng(0)
    sorts = np.arange(140) % 7
    chance = np.where(sorts[None, :] == (np.arange(260) % 6)[:, None], 0.7, 0.04)
    chance[:, sorts == 6] = 0.3
    plays = sp.csr_matrix((rng.random((260, 140)) < chance).astype(np.float32))
    return plays, sp.csr_matrix(np.eye(7, dtype=np.float32)[sorts] * 3)


def small(*, neural: bool) -> Hybrid:
    return Hybrid(warm=[ImplicitALS(factors=8)], cold=ContentKernel(inner=[Ease()]), neural=neural)


def test_a_hybrid_of_many_listeners_is_ordered_by_it_and_scores_stay_the_blends(crowd):
    with_it, without = (small(neural=neural).fit(*crowd) for neural in (True, False))
    assert "order_mean" in with_it.state
    assert "order_mean" not in without.state
    rows = crowd[0][:20]
    asked, plain = with_it.score(rows), without.score(rows)
    assert not np.allclose(asked, plain, atol=1e-3)
    for row in range(20):
        mine = np.setdiff1d(np.arange(140), rows[row].indices)
        assert np.allclose(np.sort(asked[row, mine]), np.sort(plain[row, mine]), atol=1e-4)


def test_a_listener_is_told_the_same_alone_and_beside_one_who_heard_nearly_all(crowd):
    model = small(neural=True).fit(*crowd)
    omnivore = sp.csr_matrix(np.arange(140, dtype=np.float32) > 2, dtype=np.float32)
    both = model.score(sp.csr_matrix(sp.vstack([crowd[0][0], omnivore])))
    assert np.allclose(both[0], model.score(crowd[0][0])[0], atol=1e-5)
    plain = small(neural=False).fit(*crowd).score(omnivore)[0]
    assert np.allclose(np.sort(both[1, :3]), np.sort(plain[:3]), atol=1e-4)  # dealt anew among what is not heard


def test_it_is_saved_with_the_hybrid_and_explained_as_what_is_added_whoever_asks(crowd, tmp_path):
    model = small(neural=True).fit(*crowd)
    model.save(tmp_path / "it.npz")
    again = small(neural=True).load(tmp_path / "it.npz")
    rows = crowd[0][:5]
    assert np.allclose(again.score(rows), model.score(rows), atol=1e-4)
    item = int(model.recommend(rows, 1)[0, 0])
    parts = model.explain(rows[0], item)
    assert sum(parts.values()) == pytest.approx(float(model.score(rows[0])[0, item]), abs=1e-3)


def test_listeners_of_few_items_and_small_crowds_are_left_to_the_blend(crowd):
    plays, facts = crowd
    few = sp.csr_matrix((np.ones(3, np.float32), ([0, 0, 0], [0, 7, 14])), shape=(1, 140))
    with_it, without = (small(neural=neural).fit(plays, facts) for neural in (True, False))
    assert few.nnz < hybrid.FEWEST_HEARD
    assert np.allclose(with_it.score(few), without.score(few), atol=1e-4)
    assert "order_mean" not in small(neural=True).fit(plays[: hybrid.FEWEST_TO_REHEARSE - 1], facts).state
