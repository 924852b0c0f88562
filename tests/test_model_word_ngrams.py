"""The n-gram model of words: chances that add up, a baseline that learns, and what words gain by those after them."""

from __future__ import annotations

import numpy as np
import pytest

from cocreate.model.word_ngrams import Bonds, WordNgrams

SIZE = 12


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    return [(np.cumsum(rng.integers(1, 3, 300)) % SIZE).tolist() for _ in range(4)]


@pytest.fixture(scope="module", params=[0, 1])
def model(texts, request):
    return WordNgrams.fit(texts, size=SIZE, order=4, prune=request.param)


@pytest.mark.parametrize("before", [[], [3], [3, 5], [3, 5, 6], [11, 0, 11, 0, 11]])
def test_chances_after_any_words_add_up_to_one(model, before):
    chances = model.distribution(before)
    assert chances.sum() == pytest.approx(1)
    assert (chances > 0).all()


def test_each_word_costs_what_the_distribution_after_the_words_before_it_says(model):
    text = [3, 5, 6, 8, 9, 0, 7]
    one_by_one = [-np.log(model.distribution(text[:place])[word]) for place, word in enumerate(text)]
    assert model.nats_each(text) == pytest.approx(one_by_one)


def test_more_context_makes_a_text_of_the_same_kind_likelier(texts):
    rng = np.random.default_rng(1)
    unseen = (np.cumsum(rng.integers(1, 3, 300)) % SIZE).tolist()
    by_order = [WordNgrams.fit(texts, size=SIZE, order=n).nats_each(unseen).mean() for n in (1, 2)]
    assert by_order[1] < 0.4 * by_order[0]


def test_what_was_saved_says_the_same(model, tmp_path):
    model.save(tmp_path / "words.npz")
    again = WordNgrams.load(tmp_path / "words.npz")
    assert again.nats_each([3, 5, 6, 8, 2]) == pytest.approx(model.nats_each([3, 5, 6, 8, 2]), rel=1e-5)


def test_a_word_gains_what_those_after_it_lose_in_nats(model):
    bonds, rng = Bonds(model), np.random.default_rng(2)
    for _ in range(40):
        after = rng.integers(0, SIZE, rng.integers(1, 6)).tolist()
        gains = bonds.nats(np.arange(SIZE), after)
        for word in range(SIZE):
            seen = range(min(3, len(after)))
            lost = sum(model.nats_each(after[: n + 1])[-1] - model.nats_each([word, *after[: n + 1]])[-1] for n in seen)
            assert gains[word] == pytest.approx(lost, abs=1e-5)


def test_words_that_somebody_brought_neither_gain_nor_give(model):
    bonds = Bonds(model)
    assert bonds.nats(np.array([SIZE, SIZE + 3]), [3, 5]).tolist() == [0, 0]
    assert bonds.nats(np.arange(SIZE), [SIZE + 1, 5]).tolist() == [0] * SIZE
    assert bonds.nats(np.arange(SIZE), [3, SIZE + 1]).tolist() == bonds.nats(np.arange(SIZE), [3]).tolist()


def test_the_share_of_places_after_given_words():
    model = WordNgrams.fit([[0, 1, 2, 1, 3, 1, 0, 4, 0, 1]], size=5, order=2)
    share = model.share_after([0])
    assert share[1] == pytest.approx(2 / 4)  # after 0, 2, 3, 0
    assert share[4] == 1
    assert share[3] == 0
