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
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
SingleArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

MAX_VOCAB = 4096
_CACHE_ORDERS = 16  # longest run of tokens looked for earlier in the piece
_HISTORY = 6  # tokens of one type looked back on, whatever stands between them
_N_CLASSES, _KIND_CLASSES = 12, 6  # classes of how often a context was seen, and of how many tokens followed it
_EM_ROUNDS = 25
_EM_PRIOR = 4.0  # pseudo-observations that hold a rarely seen weight at its default
_NEWTON_ROUNDS = 12
_RIDGE = 3.0  # pull of the blend's weights towards equal shares, in observations
_BLEND_POSITIONS = 12_000  # enough for a few hundred weights; keeps tuning in memory
_FLOOR = 1e-12
_MATCH_TIERS = (1, 4, 8)  # cache orders from which the blend has weights of its own


def _checked(ids: npt.ArrayLike, vocab_size: int) -> IntArray:
    array = np.asarray(ids, dtype=np.int64)
    if array.ndim != 1:
        raise InputError(f"a piece must be one row of ids, got an array of {array.ndim} dimensions")
    if len(array) and not (0 <= array.min() and array.max() < vocab_size):
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


@dataclass(frozen=True, slots=True)
class _Level:
    """What followed each context of one kind in training.

    Contexts are numbered in the order of ``keys`` (parent context * base + element); the followers of context c are
    ``tokens[starts[c]:starts[c + 1]]`` with ``shares`` that sum to 1, discounted as in modified Kneser-Ney.
    """

    keys: IntArray
    starts: IntArray
    tokens: npt.NDArray[np.int16]
    shares: SingleArray
    trust: npt.NDArray[np.uint8]  # class of each context, 0.._N_CLASSES * _KIND_CLASSES - 1


@dataclass(frozen=True, slots=True)
class _Evidence:
    """One level's opinion on the positions of a piece, sparse: ``shares`` of ``tokens`` at ``rows``.

    ``trust`` (T,) is the class of the context at each position, -1 where there is none.
    """

    rows: IntArray
    tokens: IntArray
    shares: SingleArray
    trust: IntArray


class CachedNgram:
    """N-grams of the corpus and of the piece so far, blended: the strongest model here.

    Chains of contexts, from none to long: the tokens just before; with ``types`` also the last tokens that stood in
    the same place of the grammar (the last pitches, the last durations ...), with and without the token just before.
    In a chain each context's followers in the corpus (modified Kneser-Ney), then its followers earlier in this piece,
    take a share of the probability that depends on how often the context was seen and how many ways it went on.
    The chains are multiplied with weights, which depend on the longest run repeated in the piece.
    ``tune`` learns the shares (EM) and the weights (Newton) from validation pieces; nothing is learned from the piece
    that is measured but its own past.

    Source:
        Chen and Goodman, An Empirical Study of Smoothing Techniques, 1999 (discounts; shares by class of count as in
        Jelinek-Mercer); Pearce and Wiggins 2004 (long- and short-term models, multiplied). We differ: one chain
        holds both terms, and the classes count continuations too.
    """

    def __init__(
        self,
        levels: Sequence[Sequence[_Level]],
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
        self._base = vocab_size + (0 if types is None else int(types.max()) + 1) + 1
        cells = _N_CLASSES * _KIND_CLASSES
        depths = [len(chain) for chain in self._elements(np.zeros(1, dtype=np.int64))]
        default = np.tile(_default_shares(), 2 * (max(depths) + 1)).reshape(-1, cells)
        self._shares = [default.copy() for _ in depths]
        self._weights = np.full((len(_MATCH_TIERS) + 1, len(depths)), 1.0 / len(depths))

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
        """Count ``pieces``.

        Args:
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
        checked = [_checked(piece, size) for piece in pieces]
        if not sum(map(len, checked)):
            raise InputError("an n-gram needs training tokens, got none")
        model = cls([], vocab_size=size, order=order, types=kinds, alike=names)
        tokens = np.concatenate(checked)
        model._levels = [
            _count(elements, tokens, vocab_size=size, base=model._base) for elements in model._training(checked)
        ]
        return model

    def _training(self, pieces: Sequence[IntArray]) -> Iterator[list[npt.NDArray[np.int16]]]:
        """The elements of each chain over all pieces, as far as the corpus is counted."""
        for chain, depth in enumerate(self._depths()):
            per_piece = [[e.astype(np.int16) for e in self._elements(p)[chain][:depth]] for p in pieces]
            yield [np.concatenate([one[k] for one in per_piece]) for k in range(depth)]

    def _depths(self) -> list[int]:
        return [self.order] if self._types is None else [self.order, 1 + _HISTORY, 1 + _HISTORY]

    def _elements(self, ids: IntArray) -> list[list[IntArray]]:
        """For each chain what each longer context adds at every position, (T,) each; -1 where the piece is too young."""
        seen = self._alike[ids]
        chains = [[_shifted(seen, k) for k in range(1, _CACHE_ORDERS + 1)]]
        if self._types is not None:
            before = _shifted(seen, 1)
            place = np.where(before >= 0, self._types[ids[np.arange(len(ids)) - 1]], -1)
            history = [_same_place(seen, place, k) for k in range(1, _HISTORY + 1)]
            chains.append([before, *history])
            chains.append([np.where(place >= 0, place + self.vocab_size, -1), *history])
        return chains

    def distribution(self, prefix: npt.ArrayLike) -> FloatArray:
        """Probability of every id after ``prefix``, (V,)."""
        ids = np.append(_checked(prefix, self.vocab_size), 0)
        at = np.array([len(ids) - 1])
        return np.exp(self._blend(*self._opinions(ids, at))[0].astype(np.float64))

    def nats(self, ids: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
        """Total nats of the positions in ``mask`` (all when None)."""
        piece = _checked(ids, self.vocab_size)
        at = np.arange(len(piece)) if mask is None else np.flatnonzero(np.asarray(mask, dtype=bool))
        if not len(at):
            return 0.0
        blended = self._blend(*self._opinions(piece, at))
        return -float(blended[np.arange(len(at)), piece[at]].sum(dtype=np.float64))

    def tune(self, pieces: Sequence[npt.ArrayLike], masks: Sequence[npt.ArrayLike] | None = None) -> None:
        """Learn shares and weights from validation ``pieces``, at the positions of ``masks`` (all when None)."""
        checked = [_checked(piece, self.vocab_size) for piece in pieces]
        places = [
            np.arange(len(p)) if masks is None else np.flatnonzero(np.asarray(masks[k], dtype=bool))
            for k, p in enumerate(checked)
        ]
        for chain in range(len(self._levels)):
            given = [self._given(chain, p, at) for p, at in zip(checked, places, strict=True)]
            trust = np.concatenate([g[0] for g in given])
            likely = np.concatenate([g[1] for g in given])
            self._shares[chain] = _expectation_maximisation(
                trust, likely, self._shares[chain], floor=1 / self.vocab_size
            )
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
        for row in range(len(self._weights)):
            here = tier == row
            if here.any():
                self._weights[row] = _newton(logs[here], target[here], self._weights[row])

    def _evidence(self, chain: int, ids: IntArray, at: IntArray) -> Iterator[tuple[int, _Evidence]]:
        """Each level of a chain that knows something, from no context to long: (row of its shares, evidence)."""
        elements = self._elements(ids)[chain]
        levels = self._levels[chain]
        context = np.zeros(len(at), dtype=np.int64)
        later, earlier = _pairs(len(ids), at)
        for depth in range(len(elements) + 1):
            if depth:
                element = elements[depth - 1]
                keep = (element[at[later]] == element[earlier]) & (element[earlier] >= 0)
                later, earlier = later[keep], earlier[keep]
            if depth < len(levels):
                if depth:
                    context = _find(levels[depth].keys, context, elements[depth - 1][at], self._base)
                if (context >= 0).any():
                    yield 2 * depth, _corpus_evidence(levels[depth], context)
            if not len(later):
                if depth >= len(levels):
                    return
                continue
            yield 2 * depth + 1, _piece_evidence(later, ids[earlier], len(at), self.vocab_size)

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
        return logs, tier

    def _blend(self, logs: SingleArray, tier: IntArray) -> SingleArray:
        return _normalised(np.einsum("tcv,tc->tv", logs, self._weights[tier].astype(np.float32)))


def _shifted(values: IntArray, places: int) -> IntArray:
    """What stood ``places`` before each position, -1 before the beginning."""
    out = np.full(len(values), -1, dtype=np.int64)
    out[places:] = values[: max(0, len(values) - places)]
    return out


def _same_place(seen: IntArray, place: IntArray, back: int) -> IntArray:
    """The token that stood ``back`` times ago in the same ``place``, -1 where there was none."""
    order = np.argsort(place, kind="stable")
    out = np.full(len(seen), -1, dtype=np.int64)
    now, then = order[back:], order[: max(0, len(order) - back)]
    same = (place[now] == place[then]) & (place[now] >= 0)
    out[now[same]] = seen[then[same]]
    return out


def _trust(seen: npt.NDArray[np.floating], kinds: IntArray) -> npt.NDArray[np.uint8]:
    """Class of a context seen ``seen`` times with ``kinds`` different followers: both on a log scale."""
    by_seen = np.minimum(np.log2(np.maximum(seen, 1)).astype(np.int64), _N_CLASSES - 1)
    by_kinds = np.minimum(np.ceil(np.log2(np.maximum(kinds, 1))).astype(np.int64), _KIND_CLASSES - 1)
    return (by_seen * _KIND_CLASSES + by_kinds).astype(np.uint8)


def _default_shares() -> FloatArray:
    """Witten and Bell's share, seen / (seen + kinds), for each class."""
    cells = np.arange(_N_CLASSES * _KIND_CLASSES)
    seen, kinds = 1.4 * 2.0 ** (cells // _KIND_CLASSES), 2.0 ** (cells % _KIND_CLASSES)
    return seen / (seen + np.minimum(kinds, seen))


def _ranked(key: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Distinct values in order, the number of each key among them, and where each is first found."""
    values, first, rank = np.unique(key, return_index=True, return_inverse=True)
    return values, rank, first


def _count(elements: Sequence[npt.NDArray[np.int16]], tokens: IntArray, *, vocab_size: int, base: int) -> list[_Level]:
    """The levels of one chain. Counts of all but the longest context are of different longer contexts (Kneser-Ney)."""
    n = len(tokens)
    context = np.zeros(n, dtype=np.int64)
    keys = np.zeros(1, dtype=np.int64)
    found: list[tuple[IntArray, IntArray, IntArray, IntArray]] = []  # keys, codes, entry of each position, first
    for depth in range(len(elements) + 1):
        if depth:
            element = elements[depth - 1]
            alive = np.flatnonzero((context >= 0) & (element >= 0))
            keys, rank, _ = _ranked(context[alive] * base + element[alive])
            context = np.full(n, -1, dtype=np.int64)
            context[alive] = rank
        alive = np.flatnonzero(context >= 0)
        codes, rank, first = _ranked(context[alive] * vocab_size + tokens[alive])
        entry = np.full(n, -1, dtype=np.int64)
        entry[alive] = rank
        found.append((keys, codes, entry, alive[first] if len(alive) else alive))
    levels = []
    for depth, (level_keys, codes, entry, _) in enumerate(found):
        if depth + 1 < len(found):
            _, _, longer, longer_first = found[depth + 1]
            witnesses = np.concatenate([entry[longer_first], entry[(longer < 0) & (entry >= 0)]])
        else:
            witnesses = entry[entry >= 0]
        counts = np.bincount(witnesses, minlength=len(codes))
        levels.append(_level(level_keys, codes, counts, vocab_size))
    return levels


def _level(keys: IntArray, codes: IntArray, counts: IntArray, vocab_size: int) -> _Level:
    owner = codes // vocab_size
    kinds = np.bincount(owner, minlength=len(keys))
    seen = np.bincount(owner, weights=counts, minlength=len(keys))
    ones, twos, threes, fours = (float((counts == k).sum()) + 0.5 for k in (1, 2, 3, 4))
    lean = ones / (ones + 2 * twos)
    cut = np.array([0.0, 1 - 2 * lean * twos / ones, 2 - 3 * lean * threes / twos, 3 - 4 * lean * fours / threes])
    left = np.maximum(counts - np.clip(cut, 0, [0, 0.95, 1.9, 2.85])[np.minimum(counts, 3)], 0.01)
    shares = left / np.bincount(owner, weights=left, minlength=len(keys))[owner]
    return _Level(
        keys=keys,
        starts=np.append(0, np.cumsum(kinds)),
        tokens=(codes % vocab_size).astype(np.int16),
        shares=shares.astype(np.float32),
        trust=_trust(seen, kinds),
    )


def _find(keys: IntArray, parent: IntArray, element: IntArray, base: int) -> IntArray:
    """Number of each longer context, -1 where training never had it."""
    wanted = np.where((parent >= 0) & (element >= 0), parent * base + element, -1)
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)


def _pairs(length: int, at: IntArray) -> tuple[IntArray, IntArray]:
    """Every (row of ``at``, earlier position)."""
    del length
    rows = np.repeat(np.arange(len(at)), at)
    return rows, np.arange(len(rows)) - np.repeat(np.cumsum(at) - at, at)


def _corpus_evidence(level: _Level, context: IntArray) -> _Evidence:
    known = np.flatnonzero(context >= 0)
    first = level.starts[context[known]]
    sizes = level.starts[context[known] + 1] - first
    rows = np.repeat(known, sizes)
    entries = np.arange(len(rows)) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
    trust = np.full(len(context), -1, dtype=np.int64)
    trust[known] = level.trust[context[known]]
    return _Evidence(rows, level.tokens[entries].astype(np.int64), level.shares[entries], trust)


def _piece_evidence(rows: IntArray, tokens: IntArray, positions: int, vocab_size: int) -> _Evidence:
    codes, counts = np.unique(rows * vocab_size + tokens, return_counts=True)
    owner = codes // vocab_size
    seen = np.bincount(owner, weights=counts, minlength=positions)
    kinds = np.bincount(owner, minlength=positions)
    trust = np.where(seen > 0, _trust(seen, kinds).astype(np.int64), -1)
    left = counts - 0.3  # what was seen once in a piece is less likely than its count says
    shares = left / np.bincount(owner, weights=left, minlength=positions)[owner]
    return _Evidence(owner, codes % vocab_size, shares.astype(np.float32), trust)


def _expectation_maximisation(
    trust: npt.NDArray[np.int16], likely: SingleArray, shares: FloatArray, *, floor: float
) -> FloatArray:
    """Shares (levels, classes) that make ``likely`` (positions, levels) most probable, from the given ones."""
    start = shares
    for _ in range(_EM_ROUNDS):
        share = np.where(trust >= 0, shares[np.arange(trust.shape[1]), trust], 0.0)
        below = np.empty((len(trust), trust.shape[1] + 1))
        below[:, 0] = floor
        for level in range(trust.shape[1]):
            below[:, level + 1] = (1 - share[:, level]) * below[:, level] + share[:, level] * likely[:, level]
        reach = 1 / below[:, -1]
        new = np.empty_like(shares)
        for level in reversed(range(trust.shape[1])):
            here = trust[:, level] >= 0
            cells = trust[here, level]
            chosen = np.bincount(
                cells, weights=(reach * share[:, level] * likely[:, level])[here], minlength=shares.shape[1]
            )
            met = np.bincount(cells, weights=(reach * below[:, level + 1])[here], minlength=shares.shape[1])
            new[level] = (chosen + _EM_PRIOR * start[level]) / (met + _EM_PRIOR)
            reach = reach * (1 - share[:, level])
        shares = np.clip(new, 0.0, 0.9999)
    return shares


def _normalised(scores: SingleArray) -> SingleArray:
    scores = scores - scores.max(axis=1, keepdims=True)
    out: SingleArray = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return out


def _newton(logs: SingleArray, targets: IntArray, weights: FloatArray) -> FloatArray:
    """Weights of the chains that make ``targets`` most probable: convex, so Newton's method finds the best."""
    rows = np.arange(len(targets))
    given = logs[rows, :, targets]
    start, best = weights, weights
    lowest = np.inf
    for _ in range(_NEWTON_ROUNDS):
        blended = _normalised(np.einsum("tcv,c->tv", logs, weights.astype(np.float32)))
        loss = -float(blended[rows, targets].sum(dtype=np.float64)) + _RIDGE * float(((weights - start) ** 2).sum())
        if loss >= lowest - 1e-3:
            break
        lowest, best = loss, weights
        chance = np.exp(blended)
        mean = np.einsum("tcv,tv->tc", logs, chance)
        gradient = (mean - given).sum(axis=0, dtype=np.float64) + 2 * _RIDGE * (weights - start)
        spread = np.einsum("tcv,tdv,tv->cd", logs, logs, chance, optimize=True) - mean.T @ mean
        weights = weights - np.linalg.solve(spread.astype(np.float64) + 2 * _RIDGE * np.eye(len(weights)), gradient)
    return best
