"""What is learned from a profile: slopes on features, heard items to be near to, words that are liked.

Conventions:
    All results are log-odds of keeping, in 32-bit columns over an `ItemTable`. `CALIBRATION` turns raw taste into
    chances; it was fitted on listeners made of training pieces and is measured on others (`cocreate evaluate taste`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from types import MappingProxyType

import numpy as np

from cocreate.music.measures import Floats
from cocreate.taste.content import WIDE, WIDE_INDEX, raw_row, wide_rows
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale
from cocreate.taste.profile import Preference, Profile
from cocreate.taste.relevance import RELEVANCE
from cocreate.taste.table import BLOCKS, FAMILY, ItemTable, Singles, facts_of, known_blocks

HALF_TRUST_EVIDENCE = 3.0  # clear verdicts at which taste has half its weight
OTHER_STYLE_SHARE = 0.5  # a verdict on another style says half as much about this one
# slope and offset on the raw log-odds of taste: with verdicts on both sides, with one side only
CALIBRATION: Mapping[str, tuple[float, float]] = MappingProxyType({"both": (1.374, -0.589), "one": (1.503, -0.926)})
MOST_REFERENCES = 150  # heard items a side that the kernel looks at; the strongest
_RIDGE = 10.0  # strong: ten pieces must not decide eighty features
_PIECE = 2_048  # rows
_WIDTHS = [block.stop - block.start for block in BLOCKS]
_NEWTON_STEPS = 30
_CONVERGED = 1e-6
_KERNEL_GAIN = 8.0  # logits for one unit of similarity difference
_PRIOR_PIECES = 3.0  # pieces' worth of belief in the ordinary
_BESIDE = 0.5  # of the likelihood's say where there are dislikes too
_PULL_GAIN = 0.6  # logits for one spread of a feature that a comment asks for with strength 1
_WORD_GAIN = 1.2  # logits for an item all of whose words are liked
_WORD_PRIOR = 2.0  # pieces' worth of doubt about a word
_BASE_PRIOR = 10.0  # verdicts' worth of belief that half is kept


@dataclass(frozen=True, slots=True)
class Side:
    """The liked or the disliked items that were heard: rows of the wide space, what is known, weights above 0."""

    items: Sequence[Preference]
    rows: Floats  # (n, D)
    known: Floats  # (n, blocks)
    weights: Floats  # (n,)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Taste:
    """What a profile taught; ``slopes`` is None when there is one side only, ``quadratic`` when nothing was heard."""

    liked: Side
    disliked: Side
    slopes: Floats | None
    bias: float
    quadratic: tuple[Floats, Floats, Floats] | None  # of value squared, of value, constant: each (D,)
    pulls: Floats  # (D,)
    words: Mapping[str, float]
    base: float
    evidence: float

    @classmethod
    def learn(cls, profile: Profile, *, style: str | None, scale: FeatureScale = DEFAULT_SCALE) -> Taste:
        """Learn from a profile that is not empty."""
        liked, disliked = (_side(p, style, scale) for p in (profile.liked, profile.disliked))
        slopes, bias, quadratic = None, 0.0, None
        if len(liked) and len(disliked):
            slopes, bias = _ridge_logistic(liked, disliked)
        if len(liked):
            quadratic = _likelier(liked, 1.0)
        elif len(disliked):
            quadratic = _likelier(disliked, -1.0)
        pulls = np.zeros(len(WIDE))
        for name, pull in profile.pulls.items():
            pulls[WIDE_INDEX[name]] = _PULL_GAIN * pull
        kept, skipped = (sum(abs(p.weight) for p in side) for side in (profile.liked, profile.disliked))
        # without a skip nothing is known of how often one would come
        share = (kept + _BASE_PRIOR / 2) / (kept + skipped + _BASE_PRIOR) if kept and skipped else 0.5
        evidence = float(liked.weights.sum() + disliked.weights.sum())
        return cls(liked, disliked, slopes, bias, quadratic, pulls, _words(profile), log(share / (1 - share)), evidence)

    @property
    def trust(self) -> float:
        """How much the verdicts are worth, in [0, 1)."""
        return self.evidence / (self.evidence + HALF_TRUST_EVIDENCE)

    def log_odds(self, table: ItemTable) -> dict[str, Singles]:
        """Taste, comments and words, each (n,)."""
        slope, offset = CALIBRATION["both" if self.slopes is not None else "one"]
        heard = table.heard if self.evidence > 0 else np.float32(0)
        return {
            "taste": (self.raw(table) * np.float32(self.trust * slope) + np.float32(self.trust * offset)) * heard,
            "comments": _masked(table, self.pulls),
            "words": self._words(table),
        }

    def effects(self, table: ItemTable, place: int) -> Floats:
        """What each wide feature adds to the raw taste of a row, before the kernel, and what comments add. (D,)."""
        values = table.wide[place].astype(np.float64)
        mask = _spread(table.known[place])
        found = self.pulls * values
        if self.slopes is not None:
            found = found + self.slopes * FAMILY * values
        if self.quadratic is not None:
            square, line, constant = self.quadratic
            found = found + self._likelihood_share * (square * values**2 + line * values + constant)
        effects: Floats = found * mask
        return effects

    def nearest(self, table: ItemTable, place: int) -> tuple[Preference, float] | None:
        """The kept item that a row is most like, and how like."""
        some = [i for i, preference in enumerate(self.liked.items) if preference.item.id != table.ids[place]]
        if not some:
            return None
        alike = _alike(table.wide[place], table.known[place], self.liked.rows[some], self.liked.known[some])
        best = int(np.argmax(alike))
        return self.liked.items[some[best]], float(alike[best])

    def raw(self, table: ItemTable) -> Singles:
        """Taste before its calibration, (n,)."""
        nothing = np.zeros(len(WIDE))
        slopes = nothing if self.slopes is None else self.slopes * FAMILY
        square, line, constant = (
            (self._likelihood_share * one for one in self.quadratic) if self.quadratic else (nothing,) * 3
        )
        linear, total = _scan(table, slopes, square, line, constant)
        if self.slopes is not None:
            near = _closeness(self.liked, table) - _closeness(self.disliked, table)
            chance = (_logistic(linear + np.float32(self.bias)) + _logistic(np.float32(_KERNEL_GAIN) * near)) / 2
            total += np.log(chance / (1 - chance)) * table.heard
        return total

    @property
    def _likelihood_share(self) -> float:
        return 1.0 if self.slopes is None else _BESIDE

    def _words(self, table: ItemTable) -> Singles:
        liking = np.zeros(table.words.shape[1], dtype=np.float32)
        for word, value in self.words.items():
            if word in table.vocabulary:
                liking[table.vocabulary[word]] = value
        found: Singles = (table.words @ liking).astype(np.float32) * np.float32(_WORD_GAIN)
        return found


def _side(preferences: Sequence[Preference], style: str | None, scale: FeatureScale) -> Side:
    def trust(preference: Preference) -> float:
        other = style is not None and preference.item.style not in ("", style)
        return abs(preference.weight) * (OTHER_STYLE_SHARE if other else 1.0)

    heard = [p for p in preferences if p.item.is_heard or p.item.traits]
    heard = sorted(heard, key=lambda p: -abs(p.weight))[: 4 * MOST_REFERENCES]
    raw = np.array([raw_row(p.item.features, p.item.traits) for p in heard], dtype=np.float64).reshape(-1, len(WIDE))
    known = np.array([known_blocks(p.item.is_heard, dict(p.item.traits)) for p in heard]).reshape(-1, len(BLOCKS))
    return Side(heard, wide_rows(raw, scale), known, np.array([trust(p) for p in heard], dtype=np.float64))


def _words(profile: Profile) -> dict[str, float]:
    """Liking of each word, -1 to 1: how steadily it comes with likes rather than dislikes."""
    for_it: dict[str, float] = defaultdict(float)
    against: dict[str, float] = defaultdict(float)
    for preference in profile.preferences:
        for word in facts_of(preference.item):
            (for_it if preference.weight > 0 else against)[word] += abs(preference.weight)
    kept, skipped = (sum(abs(p.weight) for p in side) for side in (profile.liked, profile.disliked))
    usual = kept / (kept + skipped) if kept and skipped else 0.5  # a word that is everywhere says nothing
    rates = {
        word: (for_it[word] + usual * _WORD_PRIOR) / (for_it[word] + against[word] + _WORD_PRIOR)
        for word in {**for_it, **against}
    }
    return {word: 2.0 * (rate - usual) for word, rate in rates.items()}


def _masked(table: ItemTable, slopes: Floats) -> Singles:
    total = np.zeros(len(table), dtype=np.float32)
    for place, block in enumerate(BLOCKS):
        columns = block.start + np.flatnonzero(slopes[block])  # comments speak of few features
        if columns.size:
            total += table.known[:, place] * (table.wide[:, columns] @ slopes[columns].astype(np.float32))
    return total


def _scan(table: ItemTable, slopes: Floats, square: Floats, line: Floats, constant: Floats) -> tuple[Singles, Singles]:
    """Over what is known of each row, the sums of ``slopes`` x and of ``square`` x² + ``line`` x + ``constant``.

    In pieces that fit a processor's cache, since reading the table is what takes the time.
    """
    found = np.zeros((2, len(table)), dtype=np.float32)
    for place, block in enumerate(BLOCKS):
        if not table.known[:, place].any():
            continue
        lines = np.stack([slopes[block], line[block]], axis=1).astype(np.float32)
        squares, base = square[block].astype(np.float32), np.float32(constant[block].sum())
        for first in range(0, len(table), _PIECE):
            part = slice(first, first + _PIECE)
            rows, known = table.wide[part, block], table.known[part, place]
            sums = rows @ lines
            found[0, part] += known * sums[:, 0]
            found[1, part] += known * (sums[:, 1] + (rows * rows) @ squares + base)
    return found[0], found[1]


def _closeness(side: Side, table: ItemTable) -> Singles:
    """Weighted mean likeness of each row to the side's strongest items, in [0, 1]."""
    total = np.zeros(len(table), dtype=np.float32)
    some = min(len(side), MOST_REFERENCES)
    columns = table.likenesses(side.rows[:some].astype(np.float32), side.known[:some].astype(np.float32))
    for weight, column in zip(side.weights[:some], columns, strict=True):
        total += np.float32(weight) * column
    found: Singles = total / np.float32(side.weights[:some].sum())
    return found


def _alike(a: Singles, a_known: Singles, b: Floats, b_known: Floats) -> Floats:
    """How like an item is to others, in [0, 1]; 0 where they were heard in nothing alike. Shape (n,)."""
    mask = _spread(a_known * b_known)
    sizes = mask.sum(axis=1)
    gaps = (((a - b) * FAMILY) ** 2 * mask).sum(axis=1)
    return np.where(sizes > 0, np.exp(-gaps / np.maximum(sizes, 1.0)), 0.0)


def _spread(known: Singles | Floats) -> Floats:
    """What is known of each block, for each of its features. Shape (..., D)."""
    found: Floats = np.repeat(known.astype(np.float64), _WIDTHS, axis=-1)
    return found


def _ridge_logistic(liked: Side, disliked: Side) -> tuple[Floats, float]:
    """Slopes (D,) and bias of a class-balanced logistic regression with a ridge on the slopes, by Newton.

    With fewer pieces than features it is solved in the space of the pieces, where it has the same answer.
    """
    count = (liked.weights.sum() + disliked.weights.sum()) / 2
    trust = np.concatenate([side.weights / side.weights.sum() for side in (liked, disliked)]) * count
    wanted = np.concatenate([np.ones(len(liked)), np.zeros(len(disliked))])
    rows = np.concatenate([liked.rows, disliked.rows]) * FAMILY
    small = len(rows) < rows.shape[1]
    basis = np.linalg.qr(rows.T)[0] if small else None  # (D, n)
    points = rows @ basis if basis is not None else rows
    points = np.concatenate([points, np.ones((len(points), 1))], axis=1)  # the last column is the bias
    ridge = np.full(points.shape[1], _RIDGE)
    ridge[-1] = 1e-3
    slopes = np.zeros(points.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(points @ slopes, -30, 30)))
        gradient = points.T @ (trust * (chance - wanted)) + ridge * slopes
        curvature = (points.T * (trust * chance * (1 - chance))) @ points + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        slopes -= step
        if float(np.abs(step).max()) < _CONVERGED:
            break
    found: Floats = basis @ slopes[:-1] if basis is not None else slopes[:-1]
    return found, float(slopes[-1])


def likelihoods(side: Side, table: ItemTable) -> Floats:
    """Log-likelihood ratio of each feature of each row, side against ordinary; 0 where it is not known. (n, D)."""
    square, line, constant = _ratios(side)
    known = _spread(table.known)
    found: Floats = (square * table.wide**2 + line * table.wide + constant) * known
    return found


def _likelier(side: Side, sign: float) -> tuple[Floats, Floats, Floats]:
    """The ratios, each feature as relevant as it is, as coefficients of a square."""
    square, line, constant = _ratios(side)
    weight = sign * RELEVANCE
    return weight * square, weight * line, weight * constant


def _ratios(side: Side) -> tuple[Floats, Floats, Floats]:
    """Of value squared, of value, constant."""
    weights = side.weights[:, None] * _spread(side.known)  # (n, D)
    total = weights.sum(axis=0) + _PRIOR_PIECES
    mean = (weights * side.rows).sum(axis=0) / total
    spread = (_PRIOR_PIECES + (weights * (side.rows - mean) ** 2).sum(axis=0)) / total
    return 0.5 - 1 / (2 * spread), mean / spread, -(mean**2) / (2 * spread) - np.log(spread) / 2


def _logistic(odds: Singles) -> Singles:
    found: Singles = (1.0 / (1.0 + np.exp(-np.clip(odds, -15, 15)))).astype(np.float32)
    return found
