"""Counting what follows what, and weighing the counts: the arithmetic under ``baselines``.

Conventions:
    A *chain* is a row of contexts, each longer by one *element* (an id, or -1 where there is none). A *level* holds the
    followers of every context of one length in the corpus. *Evidence* is what one level says about the positions of
    one piece. A *class* sums up how often a context was seen and how many ways it went on; contexts of one class share
    one weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
SingleArray = npt.NDArray[np.float32]

_N_CLASSES, _KIND_CLASSES = 12, 6  # classes of how often a context was seen, and of how many tokens followed it
CLASSES = _N_CLASSES * _KIND_CLASSES
_EM_ROUNDS = 15
_EM_STRIDE = 1.7  # below 2, where the steps would overshoot for ever
_LEAST_SHARE = 1e-4
_EM_PRIOR = 1.0  # pseudo-observations that hold a rarely seen weight at its default
_NEWTON_ROUNDS = 12
_RIDGE = 3.0  # pull of the blend's weights towards where they began, in observations
_PIECE_DISCOUNT = 0.3  # what was seen once in a piece is less likely than its count says
_MOST_CUT = np.array([0.0, 0.95, 1.9, 2.85])  # no count of 1, 2, 3 or more loses all of itself


@dataclass(frozen=True, slots=True)
class Level:
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
class Evidence:
    """One level's opinion on the positions of a piece, sparse: ``shares`` of ``tokens`` at ``rows``.

    ``trust`` (T,) is the class of the context at each position, -1 where there is none.
    """

    rows: IntArray
    tokens: IntArray
    shares: SingleArray
    trust: IntArray


def trust_of(seen: FloatArray, kinds: IntArray) -> npt.NDArray[np.uint8]:
    """Class of a context seen ``seen`` times with ``kinds`` different followers: both on a log scale."""
    by_seen = np.minimum(np.log2(np.maximum(seen, 1)).astype(np.int64), _N_CLASSES - 1)
    by_kinds = np.minimum(np.ceil(np.log2(np.maximum(kinds, 1))).astype(np.int64), _KIND_CLASSES - 1)
    return (by_seen * _KIND_CLASSES + by_kinds).astype(np.uint8)


def default_shares() -> FloatArray:
    """Witten and Bell's share, seen / (seen + kinds), for each class."""
    cells = np.arange(CLASSES)
    seen, kinds = 1.4 * 2.0 ** (cells // _KIND_CLASSES), 2.0 ** (cells % _KIND_CLASSES)
    shares: FloatArray = seen / (seen + np.minimum(kinds, seen))
    return shares


def _ranked(key: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Distinct values in order, the number of each key among them, and where each is first found."""
    bits = max(1, len(key)).bit_length()
    packed = np.sort((key << bits) | np.arange(len(key)))  # sorting values is ten times as fast as sorting indices
    order, ordered = packed & ((1 << bits) - 1), packed >> bits
    fresh = np.append(np.ones(min(1, len(key)), dtype=bool), ordered[1:] != ordered[:-1])
    rank = np.empty(len(key), dtype=np.int64)
    rank[order] = np.cumsum(fresh) - 1
    return ordered[fresh], rank, order[fresh]


def count_chain(
    elements: Sequence[npt.NDArray[np.int16]], tokens: IntArray, *, vocab_size: int, base: int
) -> list[Level]:
    """The levels of one chain. Counts of all but the longest context are of different longer contexts (Kneser-Ney)."""
    n = len(tokens)
    context = np.zeros(n, dtype=np.int64)
    keys = np.zeros(1, dtype=np.int64)
    found: list[tuple[IntArray, IntArray, IntArray, IntArray]] = []  # keys, codes, entry of each position, first
    for depth in range(len(elements) + 1):
        if depth:
            element = elements[depth - 1]
            alive = np.flatnonzero((context >= 0) & (element >= 0))
            # what was seen once goes on in one way only: a longer context would say the same again
            alive = alive[np.bincount(context[alive])[context[alive]] > 1]
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


def _level(keys: IntArray, codes: IntArray, counts: IntArray, vocab_size: int) -> Level:
    owner = codes // vocab_size
    kinds: IntArray = np.bincount(owner, minlength=len(keys))
    seen = np.bincount(owner, weights=counts, minlength=len(keys)).astype(np.float64)
    ones, twos, threes, fours = (float((counts == k).sum()) + 0.5 for k in (1, 2, 3, 4))
    lean = ones / (ones + 2 * twos)
    cut = np.array([0.0, 1 - 2 * lean * twos / ones, 2 - 3 * lean * threes / twos, 3 - 4 * lean * fours / threes])
    left = np.maximum(counts - np.clip(cut, 0, _MOST_CUT)[np.minimum(counts, 3)], 0.01)
    shares = left / np.bincount(owner, weights=left, minlength=len(keys))[owner]
    return Level(
        keys=keys,
        starts=np.append(0, np.cumsum(kinds)),
        tokens=(codes % vocab_size).astype(np.int16),
        shares=shares.astype(np.float32),
        trust=trust_of(seen, kinds),
    )


def find_contexts(keys: IntArray, parent: IntArray, element: IntArray, base: int) -> IntArray:
    """Number of each longer context, -1 where training never had it."""
    wanted = np.where((parent >= 0) & (element >= 0), parent * base + element, -1)
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)


def earlier_pairs(at: IntArray) -> tuple[IntArray, IntArray]:
    """Every (row of ``at``, position before it)."""
    rows = np.repeat(np.arange(len(at)), at)
    return rows, np.arange(len(rows)) - np.repeat(np.cumsum(at) - at, at)


def corpus_evidence(level: Level, context: IntArray) -> Evidence:
    """What the corpus says at positions of number ``context`` (T,), -1 for a context that it does not know."""
    known = np.flatnonzero(context >= 0)
    first = level.starts[context[known]]
    sizes = level.starts[context[known] + 1] - first
    rows = np.repeat(known, sizes)
    entries = np.arange(len(rows)) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
    trust = np.full(len(context), -1, dtype=np.int64)
    trust[known] = level.trust[context[known]]
    return Evidence(rows, level.tokens[entries].astype(np.int64), level.shares[entries], trust)


def piece_evidence(rows: IntArray, tokens: IntArray, positions: int, vocab_size: int) -> Evidence:
    """What the piece says: ``tokens`` followed the same context earlier, one for each of ``rows`` (ascending)."""
    codes, counts = np.unique(rows * vocab_size + tokens, return_counts=True)
    owner = codes // vocab_size
    seen = np.bincount(owner, weights=counts, minlength=positions).astype(np.float64)
    kinds: IntArray = np.bincount(owner, minlength=positions)
    trust = np.where(seen > 0, trust_of(seen, kinds).astype(np.int64), -1)
    left = counts - _PIECE_DISCOUNT
    shares = left / np.bincount(owner, weights=left, minlength=positions)[owner]
    return Evidence(owner, codes % vocab_size, shares.astype(np.float32), trust)


def fit_shares(trust: npt.NDArray[np.int16], likely: SingleArray, shares: FloatArray, *, floor: float) -> FloatArray:
    """Shares (levels, classes) that make ``likely`` (positions, levels) most probable, from the given ones.

    Expectation-maximisation with steps in the log odds that are ``_EM_STRIDE`` times as long: a share that should be
    nothing shrinks too slowly without.
    """
    here = [np.flatnonzero(column >= 0) for column in trust.T]
    cells = [column[rows] for column, rows in zip(trust.T, here, strict=True)]
    given = [column[rows].astype(np.float64) for column, rows in zip(likely.T, here, strict=True)]
    start = shares
    for _ in range(_EM_ROUNDS):
        chance = np.full(len(trust), floor)
        above: list[FloatArray] = []  # chance at each level's own positions, with all levels up to it
        for level, rows in enumerate(here):
            share = shares[level, cells[level]]
            chance[rows] += share * (given[level] - chance[rows])
            above.append(chance[rows])
        reach = 1 / chance
        shares = shares.copy()
        for level, rows in reversed(list(enumerate(here))):
            share = shares[level, cells[level]]
            reached = reach[rows]
            chosen = np.bincount(cells[level], weights=reached * share * given[level], minlength=CLASSES)
            met = np.bincount(cells[level], weights=reached * above[level], minlength=CLASSES)
            reach[rows] = reached * (1 - share)
            new = (chosen + _EM_PRIOR * start[level]) / (met + _EM_PRIOR)
            shares[level] = _stretched(shares[level], np.clip(new, _LEAST_SHARE, 1 - _LEAST_SHARE))
    return shares


def _stretched(old: FloatArray, new: FloatArray) -> FloatArray:
    odds = np.log(old / (1 - old))
    odds = odds + _EM_STRIDE * (np.log(new / (1 - new)) - odds)
    out: FloatArray = np.clip(1 / (1 + np.exp(-odds)), _LEAST_SHARE, 1 - _LEAST_SHARE)
    return out


def normalised(scores: SingleArray) -> SingleArray:
    """Log probabilities (T, V) in the proportions of ``scores``."""
    scores = scores - scores.max(axis=1, keepdims=True)
    out: SingleArray = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return out


def fit_weights(logs: SingleArray, targets: IntArray, weights: FloatArray) -> FloatArray:
    """Weights of the chains that make ``targets`` most probable: convex, so Newton's method finds the best."""
    rows = np.arange(len(targets))
    given = logs[rows, :, targets]
    start, best = weights, weights
    lowest = np.inf
    for _ in range(_NEWTON_ROUNDS):
        blended = normalised(np.einsum("tcv,c->tv", logs, weights.astype(np.float32)))
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
