"""Language models without a network: what a transformer must beat before its numbers mean anything.

Conventions:
    A piece is a one-dimensional array of token ids, 0..vocab_size - 1; every token is predicted from all before it
    in its piece and nothing else. ``mask`` says which positions count, and ``nats`` is minus the sum of the natural
    logarithms of their probabilities; divide by the notes. Every id has a probability above 0 in every context,
    and they sum to 1.

    ``types`` (vocab_size,) gives each id its word type (pitch, duration, position ...). Uniform and Unigram use it as
    given knowledge: they are told the type of the token to come and choose among its ids only. CachedNgram uses
    it for contexts, and only of tokens that are already past.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError
from cocreate.model.ngrams import (
    Evidence,
    Level,
    corpus_evidence,
    count_chain,
    default_shares,
    earlier_pairs,
    find_contexts,
    fit_shares,
    fit_weights,
    normalised,
    piece_evidence,
)

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
SingleArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

MAX_VOCAB = 4096
_CACHE_ORDERS = 16  # longest run of tokens looked for earlier in the piece
_HISTORY = 6  # tokens of one type looked back on, whatever stands between them
_PAIRED = 8  # elements of the history with the tokens before that are looked up in the corpus
_AFTER_NAMED = 3  # tokens just before that go with the last token of many names
_EM_POSITIONS = 40_000  # every second, third ... position of more
_BLEND_POSITIONS = 12_000  # enough for a few hundred weights; keeps tuning in memory
_FLOOR = 1e-12
_MATCH_TIERS = (1, 4, 8)  # cache orders from which the blend has weights of its own


def _checked(ids: npt.ArrayLike, vocab_size: int) -> IntArray:
    array = np.asarray(ids, dtype=np.int64)
    if array.ndim != 1:
        raise InputError(f"a piece must be one row of ids, got an array of {array.ndim} dimensions")
    if len(array) and (array.min() < 0 or array.max() >= vocab_size):
        raise InputError(f"ids must be in 0..{vocab_size - 1}, got {array.min()}..{array.max()}")
    return array


def _checked_size(vocab_size: int) -> int:
    if not 1 <= vocab_size <= MAX_VOCAB:
        raise InputError(f"vocabulary must have 1..{MAX_VOCAB} ids, got {vocab_size}")
    return vocab_size


def _checked_types(types: npt.ArrayLike | None, vocab_size: int) -> IntArray | None:
    if types is None:
        return None
    array = np.asarray(types, dtype=np.int64)
    if array.shape != (vocab_size,) or array.min() < 0:
        raise InputError(f"types must give each of {vocab_size} ids a number from 0, got shape {array.shape}")
    return array


def _total(probabilities: npt.NDArray[np.floating], mask: npt.ArrayLike | None) -> float:
    keep = slice(None) if mask is None else np.asarray(mask, dtype=bool)
    return float(-np.log(probabilities[keep].astype(np.float64)).sum())


class Unigram:
    """Each id as often as in training (plus one half each), whatever came before."""

    def __init__(self, counts: npt.ArrayLike, *, types: npt.ArrayLike | None = None) -> None:
        """``counts`` (V,) above 0. With ``types``, probabilities are within the type of the token to come."""
        weights = np.asarray(counts, dtype=np.float64)
        size = _checked_size(len(weights))
        kinds = _checked_types(types, size)
        self.vocab_size = size
        self.types = kinds
        groups = np.zeros(size, dtype=np.int64) if kinds is None else kinds
        self._given_type = weights / np.bincount(groups, weights=weights)[groups]

    @classmethod
    def fit(cls, pieces: Sequence[npt.ArrayLike], vocab_size: int, *, types: npt.ArrayLike | None = None) -> Unigram:
        """Count ``pieces``.

        Raises:
            InputError: if an id is outside the vocabulary.
        """
        counts = np.full(_checked_size(vocab_size), 0.5)
        for piece in pieces:
            counts += np.bincount(_checked(piece, vocab_size), minlength=vocab_size)
        return cls(counts, types=types)

    def distribution(self, prefix: npt.ArrayLike, *, kind: int | None = None) -> FloatArray:
        """Probability of every id after ``prefix``, (V,); ``kind`` is the type to come where the model has types."""
        _checked(prefix, self.vocab_size)
        if self.types is None:
            return self._given_type.copy()
        if kind is None:
            raise InputError("a model with types must be told the type to come, got none; pass kind")
        return np.where(self.types == kind, self._given_type, 0.0)

    def nats(self, ids: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
        """Total nats of the positions in ``mask`` (all when None)."""
        return _total(self._given_type[_checked(ids, self.vocab_size)], mask)


class Uniform(Unigram):
    """Every id alike, or, with ``types``, every id of the type to come."""

    def __init__(self, vocab_size: int, *, types: npt.ArrayLike | None = None) -> None:
        super().__init__(np.ones(_checked_size(vocab_size)), types=types)


class CachedNgram:
    """N-grams of the corpus and of the piece so far, blended: the strongest model here.

    Chains of contexts, from none to long: the tokens just before; with ``types`` also the last tokens that stood in
    the same place of the grammar (the last pitches, the last durations ...), alone and each with the token before it;
    with ``alike`` also the last token of many names (the bar before) with the tokens just before.
    In a chain each context's followers in the corpus (modified Kneser-Ney), then its followers earlier in this piece,
    take a share of the probability that depends on how often the context was seen and how many ways it went on.
    The chains are multiplied with weights, which depend on the place and on the longest run repeated in the piece.
    ``tune`` learns the shares (EM) and the weights (Newton) from validation pieces; nothing is learned from the piece
    that is measured but its own past.

    Source:
        Chen and Goodman, An Empirical Study of Smoothing Techniques, 1999 (discounts; shares by class of count as in
        Jelinek-Mercer); Pearce and Wiggins 2004 (long- and short-term models, multiplied). We differ: one chain
        holds both terms, and the classes count continuations too.
    """

    def __init__(
        self,
        levels: Sequence[Sequence[Level]],
        *,
        vocab_size: int,
        order: int,
        types: IntArray | None,
        alike: IntArray,
    ) -> None:
        """Use :meth:`fit`."""
        self.vocab_size = vocab_size
        self.order = order
        self._levels = levels
        self._types = types
        self._alike = alike
        self._renamed = np.bincount(alike, minlength=vocab_size)[alike] > 1  # (V,) shares its name with another id
        places = 1 if types is None else int(types.max()) + 2
        self._base = max(vocab_size, places)
        self._chains = {"recent": order}  # name -> longest context that is counted in the corpus
        if types is not None:
            self._chains |= {"alone": 1 + _HISTORY, "paired": _PAIRED}
        if self._renamed.any():
            self._chains["named"] = 1 + _AFTER_NAMED
        default = np.tile(
            default_shares(), (2 * (_CACHE_ORDERS + 1), 1)
        )  # (levels, classes): corpus, piece, corpus ...
        self._shares = [default.copy() for _ in self._chains]
        self._weights = np.full(((len(_MATCH_TIERS) + 1) * places, len(self._chains)), 1.0 / len(self._chains))

    @classmethod
    def fit(
        cls,
        pieces: Sequence[npt.ArrayLike],
        vocab_size: int,
        *,
        order: int = 8,
        types: npt.ArrayLike | None = None,
        alike: npt.ArrayLike | None = None,
    ) -> CachedNgram:
        """Count ``pieces``; about a minute for 6 million tokens, and 1.5 GB.

        Args:
            pieces: ids of each training piece.
            vocab_size: ids are 0..vocab_size - 1.
            order: longest run of tokens looked up in the corpus, 0..16.
            types: (V,) word type of each id; adds the chains of tokens in the same place of the grammar.
            alike: (V,) name of each id as a context, ids alike share one: a bar line that counts down would otherwise
                make every context new. Only what has been seen is renamed, never what is predicted.

        Raises:
            InputError: if an id is outside the vocabulary, or there is no token.
        """
        size = _checked_size(vocab_size)
        if not 0 <= order <= _CACHE_ORDERS:
            raise InputError(f"order must be in 0..{_CACHE_ORDERS}, got {order}")
        kinds = _checked_types(types, size)
        names = np.arange(size) if alike is None else _checked(alike, size)
        if len(names) != size:
            raise InputError(f"alike must name each of {size} ids, got {len(names)} names")
        checked = [_checked(piece, size) for piece in pieces]
        if not sum(map(len, checked)):
            raise InputError("an n-gram needs training tokens, got none")
        model = cls([], vocab_size=size, order=order, types=kinds, alike=names)
        tokens = np.concatenate(checked)
        model._levels = [
            count_chain(elements, tokens, vocab_size=size, base=model._base) for elements in model._training(checked)
        ]
        return model

    def _training(self, pieces: Sequence[IntArray]) -> Iterator[list[npt.NDArray[np.int16]]]:
        """The elements of each chain over all pieces, as far as the corpus is counted."""
        for chain, depth in self._chains.items():
            per_piece = [[e.astype(np.int16) for e in self._elements(p, chain)[:depth]] for p in pieces]
            yield [np.concatenate([one[k] for one in per_piece]) for k in range(depth)]

    def _places(self, ids: IntArray) -> IntArray:
        """Type of the token just before each position, from 1; 0 at the beginning and without types."""
        place = np.zeros(len(ids), dtype=np.int64)
        if self._types is not None:
            place[1:] = self._types[ids[:-1]] + 1
        return place

    def _elements(self, ids: IntArray, chain: str) -> list[IntArray]:
        """What each longer context of ``chain`` adds at every position, (T,) each; -1 where there is nothing."""
        seen = self._alike[ids]
        if chain == "recent":
            return [_shifted(seen, k) for k in range(1, _CACHE_ORDERS + 1)]
        if chain == "named":
            places = np.maximum.accumulate(np.where(self._renamed[ids], np.arange(len(ids)), -1))
            last = _shifted(places, 1)
            named = np.where(last >= 0, ids[last], -1)
            return [named, *(_shifted(seen, k) for k in range(1, _AFTER_NAMED + 1))]
        place = self._places(ids)
        order = np.argsort(place.astype(np.int16), kind="stable")
        history = [_same_place(seen, place, order, k) for k in range(1, _HISTORY + 1)]
        if chain == "alone":
            return [np.where(place > 0, place, -1), *history]
        before = _shifted(seen, 1)
        befores = [before, *(_same_place(before, place, order, k) for k in range(1, _HISTORY))]
        return [element for pair in zip(befores, history, strict=True) for element in pair]

    def distribution(self, prefix: npt.ArrayLike) -> FloatArray:
        """Probability of every id after ``prefix``, (V,)."""
        ids = np.append(_checked(prefix, self.vocab_size), 0)
        at = np.array([len(ids) - 1])
        chances: FloatArray = np.exp(self._blend(*self._opinions(ids, at))[0].astype(np.float64))
        return chances

    def nats(self, ids: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
        """Total nats of the positions in ``mask`` (all when None)."""
        piece = _checked(ids, self.vocab_size)
        at = np.arange(len(piece)) if mask is None else np.flatnonzero(np.asarray(mask, dtype=bool))
        return float(self._each(piece, at).sum())

    def nats_each(self, ids: npt.ArrayLike) -> FloatArray:
        """Nats of every position, (T,)."""
        piece = _checked(ids, self.vocab_size)
        return self._each(piece, np.arange(len(piece)))

    def _each(self, piece: IntArray, at: IntArray) -> FloatArray:
        if not len(at):
            return np.zeros(0)
        blended = self._blend(*self._opinions(piece, at))
        return -blended[np.arange(len(at)), piece[at]].astype(np.float64)

    def tune(self, pieces: Sequence[npt.ArrayLike], masks: Sequence[npt.ArrayLike] | None = None) -> None:
        """Learn shares and weights from validation ``pieces``, at the positions of ``masks`` (all when None)."""
        checked = [_checked(piece, self.vocab_size) for piece in pieces]
        places = [
            np.arange(len(p)) if masks is None else np.flatnonzero(np.asarray(masks[k], dtype=bool))
            for k, p in enumerate(checked)
        ]
        every = max(1, -(-sum(map(len, places)) // _EM_POSITIONS))
        for chain in range(len(self._levels)):
            given = [self._given(chain, p, at[::every]) for p, at in zip(checked, places, strict=True)]
            trust = np.concatenate([g[0] for g in given])
            likely = np.concatenate([g[1] for g in given])
            self._shares[chain] = fit_shares(trust, likely, self._shares[chain], floor=1 / self.vocab_size)
        self._tune_weights(checked, places)

    def _tune_weights(self, pieces: Sequence[IntArray], places: Sequence[IntArray]) -> None:
        total = sum(map(len, places))
        every = max(1, -(-total // _BLEND_POSITIONS))
        opinions, tiers, targets = [], [], []
        for piece, at in zip(pieces, places, strict=True):
            some = at[::every]
            if len(some):
                one, tier = self._opinions(piece, some)
                opinions.append(one)
                tiers.append(tier)
                targets.append(piece[some])
        if not opinions:
            return
        logs, tier, target = np.concatenate(opinions), np.concatenate(tiers), np.concatenate(targets)
        self._weights[:] = fit_weights(logs, target, self._weights[0])
        for row in range(len(self._weights)):
            here = tier == row
            if here.any():
                self._weights[row] = fit_weights(logs[here], target[here], self._weights[row])

    def _evidence(self, chain: int, ids: IntArray, at: IntArray) -> Iterator[tuple[int, Evidence]]:
        """Each level of a chain that knows something, from no context to long: (row of its shares, evidence)."""
        elements = self._elements(ids, list(self._chains)[chain])
        levels = self._levels[chain]
        context = np.zeros(len(at), dtype=np.int64)
        later, earlier = earlier_pairs(at)
        for depth in range(len(elements) + 1):
            if depth:
                element = elements[depth - 1]
                keep = (element[at[later]] == element[earlier]) & (element[earlier] >= 0)
                later, earlier = later[keep], earlier[keep]
            if depth < len(levels):
                if depth:
                    context = find_contexts(levels[depth].keys, context, elements[depth - 1][at], self._base)
                if (context >= 0).any():
                    yield 2 * depth, corpus_evidence(levels[depth], context)
            if not len(later):
                if depth >= len(levels):
                    return
                continue
            yield 2 * depth + 1, piece_evidence(later, ids[earlier], len(at), self.vocab_size)

    def _given(self, chain: int, ids: IntArray, at: IntArray) -> tuple[npt.NDArray[np.int16], SingleArray]:
        """For each position and level: class of the context (-1 none) and share of the token that came."""
        rows = len(self._shares[chain])
        trust = np.full((len(at), rows), -1, dtype=np.int16)
        likely = np.zeros((len(at), rows), dtype=np.float32)
        for row, evidence in self._evidence(chain, ids, at):
            trust[:, row] = evidence.trust
            hit = evidence.tokens == ids[at][evidence.rows]
            likely[evidence.rows[hit], row] = evidence.shares[hit]
        return trust, likely

    def _opinions(self, ids: IntArray, at: IntArray) -> tuple[SingleArray, IntArray]:
        """Log probabilities of every chain, (positions, chains, V), and the tier of the longest run repeated."""
        logs = np.empty((len(at), len(self._levels), self.vocab_size), dtype=np.float32)
        tier = np.zeros(len(at), dtype=np.int64)
        for chain in range(len(self._levels)):
            spread = np.full((len(at), self.vocab_size), 1 / self.vocab_size, dtype=np.float32)
            for row, evidence in self._evidence(chain, ids, at):
                share = np.where(evidence.trust >= 0, self._shares[chain][row, evidence.trust], 0).astype(np.float32)
                spread *= (1 - share)[:, None]
                spread[evidence.rows, evidence.tokens] += share[evidence.rows] * evidence.shares
                if chain == 0 and row % 2 and row // 2 in _MATCH_TIERS:
                    tier[evidence.trust >= 0] = _MATCH_TIERS.index(row // 2) + 1
            logs[:, chain] = np.log(np.maximum(spread, _FLOOR))
        return logs, tier + self._places(ids)[at] * (len(_MATCH_TIERS) + 1)

    def _blend(self, logs: SingleArray, tier: IntArray) -> SingleArray:
        return normalised(np.einsum("tcv,tc->tv", logs, self._weights[tier].astype(np.float32)))


def _shifted(values: IntArray, places: int) -> IntArray:
    """What stood ``places`` before each position, -1 before the beginning."""
    out = np.full(len(values), -1, dtype=np.int64)
    out[places:] = values[: max(0, len(values) - places)]
    return out


def _same_place(seen: IntArray, place: IntArray, order: IntArray, back: int) -> IntArray:
    """What ``seen`` was ``back`` times ago in the same ``place``, -1 where there was none; ``order`` sorts by place."""
    out = np.full(len(seen), -1, dtype=np.int64)
    now, then = order[back:], order[: max(0, len(order) - back)]
    same = (place[now] == place[then]) & (place[now] > 0)
    out[now[same]] = seen[then[same]]
    return out
