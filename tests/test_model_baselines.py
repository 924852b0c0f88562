"""The models without a network give proper probabilities, learn what they should, and never look ahead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.model.baselines import CachedNgram, Uniform, Unigram

V = 12
TYPES = np.array([0] * 4 + [1] * 6 + [2] * 2)
ALIKE = np.array([*range(10), 10, 10])


def grammar_piece(seed: int, length: int = 90) -> np.ndarray:
    """Place (0..3), pitch (4..9), and now and then a bar (10 or 11, in turn)."""
    rng = np.random.default_rng(seed)
    ids: list[int] = []
    pitch, bar = 6, 0
    while len(ids) < length:
        if len(ids) % 9 == 0:
            bar = 1 - bar
            ids.append(10 + bar)
        else:
            pitch = int(np.clip(pitch + rng.integers(-1, 2), 4, 9))
            ids += [int(rng.integers(0, 4)), pitch]
    return np.array(ids[:length])


PIECES = [grammar_piece(seed) for seed in range(30)]
VALIDATION = [grammar_piece(seed) for seed in range(100, 106)]
PLAIN = CachedNgram.fit(PIECES, V, order=4)
TYPED = CachedNgram.fit(PIECES, V, order=4, types=TYPES, alike=ALIKE)
TUNED = CachedNgram.fit(PIECES, V, order=4, types=TYPES, alike=ALIKE)
TUNED.tune(VALIDATION)
NGRAMS = {"plain": PLAIN, "typed": TYPED, "tuned": TUNED}
MODELS = {**NGRAMS, "uniform": Uniform(V), "unigram": Unigram.fit(PIECES, V)}

prefixes = st.lists(st.integers(0, V - 1), max_size=40)


def test_uniform_costs_log_of_the_vocabulary_or_of_the_type() -> None:
    assert Uniform(8).nats([1, 2, 3]) == pytest.approx(3 * np.log(8))
    assert Uniform(8).nats([1, 2, 3], [True, False, True]) == pytest.approx(2 * np.log(8))
    assert Uniform(V, types=TYPES).nats([0, 4, 10]) == pytest.approx(np.log(4) + np.log(6) + np.log(2))


def test_unigram_costs_what_was_counted() -> None:
    model = Unigram.fit([[0, 0, 1], [0]], 3)  # 3.5, 1.5 and 0.5 of 5.5
    assert model.distribution([]) == pytest.approx(np.array([3.5, 1.5, 0.5]) / 5.5)
    assert model.nats([0, 2]) == pytest.approx(-np.log(3.5 / 5.5) - np.log(0.5 / 5.5))
    within = Unigram.fit([[0, 0, 1], [0]], 3, types=[0, 0, 1])
    assert within.nats([0, 2]) == pytest.approx(-np.log(3.5 / 5))
    assert within.distribution([], kind=0) == pytest.approx([0.7, 0.3, 0.0])
    with pytest.raises(InputError, match="type to come"):
        within.distribution([])


@pytest.mark.parametrize("name", MODELS)
@given(prefix=prefixes)
@settings(max_examples=25)
def test_every_id_is_possible_and_all_sum_to_one(name: str, prefix: list[int]) -> None:
    chances = MODELS[name].distribution(prefix)
    assert chances.shape == (V,)
    assert chances.min() > 0
    assert chances.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_nats_are_those_of_the_distribution_after_each_prefix(name: str) -> None:
    piece = grammar_piece(7, 40)
    one_by_one = [-np.log(MODELS[name].distribution(piece[:i])[piece[i]]) for i in range(len(piece))]
    assert MODELS[name].nats(piece) == pytest.approx(sum(one_by_one), rel=1e-4)
    mask = np.arange(len(piece)) % 3 == 1
    assert MODELS[name].nats(piece, mask) == pytest.approx(np.array(one_by_one)[mask].sum(), rel=1e-4)


@pytest.mark.parametrize("name", NGRAMS)
@given(piece=st.lists(st.integers(0, V - 1), min_size=4, max_size=40), data=st.data())
@settings(max_examples=25)
def test_what_comes_later_changes_nothing(name: str, piece: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(piece) - 1))
    other = piece[:cut] + [(x + 5) % V for x in piece[cut:]]
    mask = np.arange(len(piece)) < cut
    assert NGRAMS[name].nats(piece, mask) == pytest.approx(NGRAMS[name].nats(other, mask), rel=1e-5)


def test_ngram_learns_a_rule_of_the_corpus() -> None:
    rng = np.random.default_rng(0)
    pieces = []
    for _ in range(60):  # after 0 always 1, after 2 three times in four 3, else 4
        pairs = [(0, 1) if rng.random() < 0.5 else (2, 3 if rng.random() < 0.75 else 4) for _ in range(50)]
        pieces.append(np.array(pairs).ravel())
    model = CachedNgram.fit(pieces[:30], V, order=1)
    model.tune(pieces[30:55])
    assert model.distribution([2, 3, 0])[1] > 0.99
    assert model.distribution([0])[1] > 0.99
    test = pieces[55:]
    entropy = np.log(2) - 0.5 * (0.75 * np.log(0.75) + 0.25 * np.log(0.25))  # of one pair of tokens
    cost = sum(model.nats(piece) for piece in test) / (50 * len(test))
    assert entropy - 0.1 < cost < entropy + 0.1


@pytest.mark.parametrize("name", ["plain", "tuned"])
def test_piece_that_repeats_itself_becomes_nearly_free(name: str) -> None:
    rng = np.random.default_rng(5)
    period = rng.permutation(V)
    model = CachedNgram.fit([rng.integers(0, V, 200) for _ in range(10)], V, order=3)
    if name == "tuned":
        model.tune([np.tile(rng.permutation(V), 6) for _ in range(4)])
    piece = np.tile(period, 8)
    later = np.arange(len(piece)) >= 4 * V
    first = np.arange(len(piece)) < V
    assert model.nats(piece, first) / V > 1.5
    assert model.nats(piece, later) / later.sum() < 0.05


def test_tuned_ngram_beats_the_simpler_models() -> None:
    test = [grammar_piece(seed) for seed in range(200, 206)]

    def cost(model: Unigram | CachedNgram) -> float:
        return sum(model.nats(piece) for piece in test)

    assert cost(TUNED) < cost(TYPED) < cost(MODELS["unigram"]) < cost(Uniform(V))
    assert cost(TUNED) < cost(PLAIN)


def test_last_bar_is_known_though_bars_are_alike_as_contexts() -> None:
    piece = grammar_piece(300, 81)
    for at in range(27, 81, 9):
        chances = TUNED.distribution(piece[:at])
        assert chances[piece[at]] > 5 * chances[21 - piece[at]]  # bars 10 and 11 take turns


def test_empty_mask_and_empty_piece_cost_nothing() -> None:
    assert TUNED.nats([1, 2], [False, False]) == 0
    assert TUNED.nats([]) == 0


def test_unseen_ids_and_pieces_without_types_are_refused_or_carried() -> None:
    model = CachedNgram.fit([[0, 1, 0, 1]], V)
    assert np.isfinite(model.nats([11, 11, 5]))
    with pytest.raises(InputError, match=r"0\.\.11"):
        model.nats([12])
    with pytest.raises(InputError, match="training tokens"):
        CachedNgram.fit([], V)
    with pytest.raises(InputError, match="types must give"):
        CachedNgram.fit([[0]], V, types=[0, 1])
    with pytest.raises(InputError, match="order"):
        CachedNgram.fit([[0]], V, order=17)
    with pytest.raises(InputError, match="vocabulary"):
        Uniform(0)
    with pytest.raises(InputError, match="one row"):
        model.nats([[1, 2]])
