"""Where the weights and the calibration of taste come from: listeners made of training pieces.

Conventions:
    `learn_relevance` gives `cocreate.taste.relevance` its table: listeners are made as `taste_listeners` makes them,
    but the trait that they like may be any feature, so that the eight that are measured have no privilege. `calibrate`
    gives `cocreate.taste.learned.CALIBRATION`. Held-out pieces take no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import minimize

from cocreate.evaluate.taste_listeners import LIKES, RANKED, TRAITS, Labelled, draw_listeners, profile_of
from cocreate.music.measures import Floats
from cocreate.taste.content import WIDE_NAMES
from cocreate.taste.feature_table import FEATURE_NAMES
from cocreate.taste.learned import Taste, likelihoods
from cocreate.taste.relevance import USUAL
from cocreate.taste.table import Item, ItemTable

LEAST = 0.02  # nothing that somebody can like goes unheard
_RIDGE = 20.0  # towards the usual weight; chosen on half of the training pieces
_SAME = 1e-3
_HEARD = tuple(name for name in FEATURE_NAMES if not name.startswith("words_"))


def learn_relevance(pieces: Sequence[Labelled], *, listeners: int = 1200, seed: int = 0) -> dict[str, float]:
    """The weight of each feature, at least `LEAST`, for telling likes from the rest after five likes."""
    table = ItemTable.of([Item.of(piece.item) for piece in pieces])
    rows, wanted = [], []
    for good, bad in draw_listeners(pieces, listeners, np.random.default_rng(seed), traits=_HEARD):
        size = min(RANKED, len(good) - LIKES, len(bad))
        shown = np.concatenate([good[LIKES : LIKES + size], bad[:size]])
        taste = Taste.learn(profile_of(pieces, good[:LIKES], ()), style=None)
        found = likelihoods(taste.liked, table)[shown]
        rows.append(found - found.mean(axis=0))
        wanted.append(np.arange(2 * size) < size)
    points, liked = np.concatenate(rows), np.concatenate(wanted).astype(np.float64)

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = points @ weights
        gap = 1.0 / (1.0 + np.exp(-odds)) - liked
        away = weights - USUAL
        value = float(np.logaddexp(0.0, odds).sum() - liked @ odds + _RIDGE * (away**2).sum())
        return value, points.T @ gap + 2 * _RIDGE * away

    start = np.full(points.shape[1], USUAL)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(LEAST, None)] * len(start)).x
    return {name: round(float(one), 3) for name, one in zip(WIDE_NAMES, found, strict=True) if abs(one - USUAL) > _SAME}


def calibrate(pieces: Sequence[Labelled], *, listeners: int = 300, seed: int = 1) -> Mapping[str, tuple[float, float]]:
    """Slope and offset from raw taste to log-odds, after likes and skips and after likes alone."""
    table = ItemTable.of([Item.of(piece.item) for piece in pieces])
    found = {}
    for name, skips in (("both", LIKES), ("one", 0)):
        raw, trusts, wanted = [], [], []
        for good, bad in draw_listeners(pieces, listeners, np.random.default_rng(seed), traits=TRAITS):
            size = min(RANKED, len(good) - LIKES, len(bad) - LIKES)
            shown = np.concatenate([good[LIKES : LIKES + size], bad[LIKES : LIKES + size]])
            taste = Taste.learn(profile_of(pieces, good[:LIKES], bad[:skips]), style=None)
            raw.append(taste.raw(table)[shown])
            trusts.append(np.full(2 * size, taste.trust))
            wanted.append(np.arange(2 * size) < size)
        found[name] = _platt(np.concatenate(raw), np.concatenate(trusts), np.concatenate(wanted).astype(np.float64))
    return found


def _platt(raw: Floats, trust: Floats, liked: Floats) -> tuple[float, float]:
    points = np.stack([raw * trust, trust], axis=1)

    def loss(place: Floats) -> tuple[float, Floats]:
        odds = points @ place
        return float(np.logaddexp(0.0, odds).sum() - liked @ odds), points.T @ (1.0 / (1.0 + np.exp(-odds)) - liked)

    slope, offset = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x
    return round(float(slope), 3), round(float(offset), 3)
