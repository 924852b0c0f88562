"""One battery for every recommender: a world whose right answer is known, folding in, explaining, saving."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from cocreate.errors import FileError, InputError
from cocreate.taste.factors import ImplicitALS, RatingFactors
from cocreate.taste.hybrid import Hybrid
from cocreate.taste.kernel import ContentKernel
from cocreate.taste.recommenders import (
    ContentCosine,
    Ease,
    ItemNeighbours,
    Popularity,
    Recommender,
    UserNeighbours,
)

SIZE = 12
MAKERS = {
    "popularity": Popularity,
    "cosine": ContentCosine,
    "item-kNN": lambda: ItemNeighbours(shrink=0.0),
    "item-kNN, Pearson": lambda: ItemNeighbours(shrink=0.0, pearson=True),
    "user-kNN": UserNeighbours,
    "user-kNN, Pearson": lambda: UserNeighbours(pearson=True),
    "EASE": lambda: Ease(ridge=1.0),
    "iALS": lambda: ImplicitALS(factors=4),
    "SGD": lambda: RatingFactors(factors=4, epochs=60),
    "kernel": ContentKernel,
    "hybrid": lambda: Hybrid(
        warm=[ImplicitALS(factors=4), Ease(ridge=1.0)], cold=ContentKernel(inner=[Ease(ridge=1.0)])
    ),
}
SEES_TASTE = [name for name in MAKERS if name not in ("popularity", "SGD")]


def world() -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """A checker board: even listeners hear even items, odd ones odd items, each but the one of their own number.

    Facts tell even from odd, and nothing else; the last two items nobody has heard.
    """
    plays = np.zeros((SIZE, SIZE + 2), dtype=np.float32)
    for listener in range(SIZE):
        plays[listener, listener % 2 : SIZE : 2] = 1 + np.arange(SIZE // 2) % 3
        plays[listener, listener] = 0
    facts = np.zeros((SIZE + 2, 3), dtype=np.float32)
    facts[::2, 0] = facts[1::2, 1] = 3
    facts[:, 2] = 1
    return sp.csr_matrix(plays), sp.csr_matrix(facts)


@pytest.fixture(params=list(MAKERS))
def fitted(request: pytest.FixtureRequest) -> Recommender:
    model = MAKERS[request.param]().fit(*world())
    model.again = MAKERS[request.param]
    return model


@pytest.mark.parametrize("name", SEES_TASTE)
def test_the_missing_square_of_the_board_comes_first(name):
    plays, facts = world()
    model = MAKERS[name]().fit(plays, facts)
    found = model.recommend(plays, 2)
    for listener in range(SIZE):
        assert found[listener, 0] % 2 == listener % 2, f"{name}: listener {listener}"


@pytest.mark.parametrize("name", SEES_TASTE)
def test_a_listener_who_was_never_met_is_folded_in(name):
    model = MAKERS[name]().fit(*world())
    stranger = sp.csr_matrix((np.ones(2, np.float32), ([0, 0], [1, 3])), shape=(1, SIZE + 2))
    assert model.recommend(stranger, 1)[0, 0] % 2 == 1
    assert model.similar(2, 1)[0] % 2 == 0


@pytest.mark.parametrize("name", ["cosine", "kernel", "hybrid"])
def test_items_that_nobody_heard_are_ranked_by_their_content(name):
    plays, facts = world()
    scores = MAKERS[name]().fit(plays, facts).score(plays)[:, SIZE:]
    for listener in range(SIZE):
        assert scores[listener, listener % 2] > scores[listener, 1 - listener % 2]


def test_what_each_heard_item_adds_adds_up(fitted):
    plays, _ = world()
    for listener, item in ((0, 0), (3, 5), (4, SIZE)):
        history = plays[listener]
        found = fitted.explain(history, item)
        assert set(found) <= {*history.indices.tolist(), -1}
        assert sum(found.values()) == pytest.approx(float(fitted.score(history)[0, item]), abs=1e-4)


def test_what_was_saved_scores_the_same(fitted, tmp_path):
    plays, _ = world()
    fitted.save(tmp_path / "model.npz")
    again = fitted.again().load(tmp_path / "model.npz")
    assert np.allclose(again.score(plays), fitted.score(plays), atol=1e-4)
    if fitted.name != "popularity":
        with pytest.raises(FileError, match="another recommender"):
            Popularity().load(tmp_path / "model.npz")


def test_scores_are_finite_for_an_empty_history_and_the_heard_are_not_shown_again(fitted):
    plays, _ = world()
    empty = sp.csr_matrix((1, SIZE + 2), dtype=np.float32)
    assert np.isfinite(fitted.score(empty)).all()
    found = fitted.recommend(plays, 4)
    for listener in range(SIZE):
        assert not set(found[listener].tolist()) & set(plays[listener].indices.tolist())


def test_what_cannot_be_fitted_or_asked_is_refused(fitted):
    with pytest.raises(InputError, match="must have"):
        fitted.score(sp.csr_matrix((1, 3), dtype=np.float32))
    with pytest.raises(InputError, match="at least one listener"):
        type(fitted)().fit(sp.csr_matrix((3, 3), dtype=np.float32))
    with pytest.raises(InputError, match="before it scores"):
        type(fitted)().score(world()[0])


def test_a_linear_kernel_scores_by_weights_of_facts_as_by_its_matrix():
    plays, facts = world()
    model = ContentKernel(power=1, inner=[Ease(ridge=1.0)])
    model.fit(plays, facts)
    weights = model.weights(plays[:3])
    rows = model.facts(facts)
    by_matrix = (model._kernel(rows, rows[model.state["heard"]]) @ weights).T
    assert model.score(plays[:3]) == pytest.approx(by_matrix, abs=1e-5)
    by_facts = (rows @ model.fact_weights(weights)).T
    assert np.ptp(by_matrix - by_facts, axis=1) == pytest.approx(0.0, abs=1e-5)  # one number for all
    with pytest.raises(InputError, match="linear"):
        ContentKernel(power=2).fit(plays, facts).fact_weights(weights)


@pytest.mark.parametrize("broken", [b"", b"noise", None])
def test_a_file_that_is_broken_is_one_line(tmp_path, broken):
    path = tmp_path / "model.npz"
    Popularity().fit(world()[0]).save(path)
    path.write_bytes(path.read_bytes()[:-30] if broken is None else broken)
    with pytest.raises(FileError, match="cannot be read as a recommender"):
        Popularity().load(path)


def test_sgd_knows_a_good_item_from_a_bad_one():
    rng = np.random.default_rng(0)
    good = rng.permutation(10)[:5]
    ratings = np.where(np.isin(np.arange(10), good), 5, 2)[None, :] + rng.integers(-1, 1, (20, 10))
    ratings[rng.random((20, 10)) < 0.3] = 0
    plays = sp.csr_matrix(np.maximum(ratings, 0).astype(np.float32))
    scores = RatingFactors(factors=4, epochs=60).fit(plays).score(plays)
    assert scores[:, good].mean() > scores[:, np.setdiff1d(np.arange(10), good)].mean() + 1
