"""Does taste steer the pen? Pairs of simulated listeners, and whether each one's idea is nearer to what they like.

Conventions:
    A listener likes ten held-out pieces and is of one of two kinds. "place": the ten nearest to a piece drawn at
    random, every style as likely. "trait": of two styles, the ten that have most, or least, of one feature. The two of
    a pair like no piece in common. Half of the likes, drawn at random, gives the taste vector, the mean of their scaled
    features; the other half is kept back. A writer gets the vectors and nothing else of the listeners; that all else it
    asks for is the same for every vector is its maker's duty. Pieces are eight bars without chords, so features of
    chords are 0.

Metrics:
    *Nearer*: share of pairs in which the idea for the first listener is nearer to the mean of their kept-back likes
    than the idea for the second is, a tie counting half; chance is 0.5. Distance is Euclidean in the scaled features of
    ``taste.features``, all weighing alike; *nearer by angle* takes the cosine. *Nearer, likes*: the same for one piece
    of each steering half in the idea's place, which is what a writer gets that hands back what it was told of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from cocreate.errors import InputError
from cocreate.evaluate.generated import cuts, real_pieces
from cocreate.model.corpus.pack import Entry
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.measures import Floats, Ints
from cocreate.music.song import Song
from cocreate.taste.feature_table import FEATURES
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, features, scaled

SteeredWriter = Callable[[list[Floats], int], list[Song]]  # (taste vectors, seed) -> an idea for each

KINDS = ("place", "trait")
LIKES = 10
ALL = "all"
# what requests fix, or styles: no listener is told apart by them
_GIVEN = frozenset({"minor_key", "duple_metre", "triple_metre", "compound_metre"})
_TRAITS = tuple(
    place
    for place, feature in enumerate(FEATURES)
    if feature.group not in ("chords", "tempo", "register") and feature.name not in _GIVEN
)


@dataclass(frozen=True, slots=True)
class SteeringRow:
    """Shares in [0, 1] over the pairs of one kind, or of all; ``error`` is the standard error of ``nearer``."""

    kind: str
    pairs: int
    nearer: float
    error: float
    nearer_by_angle: float
    nearer_likes: float


@dataclass(frozen=True, slots=True)
class Steering:
    """A row for each kind of listener and one for all; ``pieces`` is how many the likes were chosen from."""

    rows: tuple[SteeringRow, ...]
    pieces: int
    seed: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class _Listener:
    """Rows of the pool that steer, and rows that are kept back."""

    steering: Ints
    kept_back: Ints


def taste_steering(
    write: SteeredWriter,
    entries: Sequence[Entry],
    *,
    words: Vocabulary,
    pairs: int = 200,
    seed: int = 0,
    scale: FeatureScale = DEFAULT_SCALE,
    watch: Callable[[str], None] = lambda _doing: None,
) -> Steering:
    """Draw pairs of listeners, let ``write`` write for each, and count.

    Args:
        write: gets ``2 * pairs`` vectors (features,) at once, the two of a pair side by side.
        entries: pieces that nothing was trained on.
        pairs: half of each kind, >= 2.
        scale: how features compare; the one the writer was trained with.
        watch: told what is being done.

    Raises:
        InputError: if there are fewer than two pairs or too few pieces, or ``write`` gives another number of ideas.
    """
    began = time.monotonic()
    if pairs < len(KINDS):
        raise InputError(f"pairs must be {len(KINDS)} or more, got {pairs}")
    rng = np.random.default_rng(seed)
    watch("reading held-out pieces")
    drawn = [(entry.style, cuts(entry, words, rng, most=1)) for entry in real_pieces(entries)]
    styles = np.array([style for style, songs in drawn if songs])
    pool = np.array([scaled(features(songs[0]), scale) for _, songs in drawn if songs])
    if len(pool) < 6 * LIKES:
        raise InputError(f"listeners need {6 * LIKES} held-out pieces to like some of, got {len(pool)}")
    kinds = np.array([KINDS[pair % len(KINDS)] for pair in range(pairs)])
    listeners = [_pair(str(kind), pool, styles, rng) for kind in kinds]
    vectors = [pool[listener.steering].mean(axis=0) for pair in listeners for listener in pair]
    watch(f"writing {len(vectors)} ideas")
    songs = write(vectors, seed)
    if len(songs) != len(vectors):
        raise InputError(f"a writer must give an idea for each of {len(vectors)} vectors, got {len(songs)}")
    ideas = np.array([scaled(features(replace(song, chords=())), scale) for song in songs]).reshape(pairs, 2, -1)
    likes = np.array([[pool[rng.choice(one.steering)] for one in pair] for pair in listeners])  # (pairs, 2, features)
    goals = np.array([pool[first.kept_back].mean(axis=0) for first, _ in listeners])
    near, near_likes = (_wins(-np.linalg.norm(found - goals[:, None], axis=2)) for found in (ideas, likes))
    near_by_angle = _wins(
        np.array([[_cosine(idea, goal) for idea in pair] for pair, goal in zip(ideas, goals, strict=True)])
    )
    rows = []
    for kind in (*KINDS, ALL):
        here = (kinds == kind) | (kind == ALL)
        share = float(near[here].mean())
        rows.append(
            SteeringRow(
                kind=kind,
                pairs=int(here.sum()),
                nearer=round(share, 4),
                error=round(float(np.sqrt(share * (1 - share) / here.sum())), 4),
                nearer_by_angle=round(float(near_by_angle[here].mean()), 4),
                nearer_likes=round(float(near_likes[here].mean()), 4),
            )
        )
    return Steering(tuple(rows), len(pool), seed, round(time.monotonic() - began, 1))


def format_steering(report: Steering) -> str:
    """The shares as plain text."""
    lines = [
        f"Taste steers, likes among {report.pieces} held-out pieces, seed {report.seed}, {report.seconds:.0f} s",
        f"{'listeners':<12}{'pairs':>7}{'nearer':>9}{'+-':>7}{'by angle':>10}{'a like itself':>15}",
    ]
    lines += [
        f"{row.kind:<12}{row.pairs:>7}{row.nearer:>9.1%}{row.error:>7.1%}{row.nearer_by_angle:>10.1%}"
        f"{row.nearer_likes:>15.1%}"
        for row in report.rows
    ]
    return "\n".join(lines)


def _pair(
    kind: str, pool: Floats, styles: np.ndarray[Any, Any], rng: np.random.Generator
) -> tuple[_Listener, _Listener]:
    """Two listeners who like no piece in common."""
    first = _likes(kind, np.arange(len(pool)), pool, styles, rng)
    second = _likes(kind, np.setdiff1d(np.arange(len(pool)), first), pool, styles, rng)
    halves = [np.split(rng.permutation(likes), 2) for likes in (first, second)]
    one, other = (_Listener(steering, kept_back) for steering, kept_back in halves)
    return one, other


def _likes(kind: str, free: Ints, pool: Floats, styles: np.ndarray[Any, Any], rng: np.random.Generator) -> Ints:
    """``LIKES`` rows of ``free``."""
    names, counts = np.unique(styles[free], return_counts=True)
    if kind == "place":
        centre = pool[rng.choice(free[styles[free] == rng.choice(names)])]
        order = np.argsort(((pool[free] - centre) ** 2).sum(axis=1), kind="stable")
        return np.asarray(free[order[:LIKES]])
    large = names[counts >= LIKES]
    chosen = rng.choice(large if len(large) > 1 else names, size=min(2, len(names)), replace=False)
    among = free[np.isin(styles[free], chosen)]
    if len(among) < LIKES:
        among = free
    trait, side = rng.choice(_TRAITS), rng.choice((-1, 1))
    order = np.argsort(-side * pool[among][:, trait], kind="stable")
    return np.asarray(among[order[:LIKES]])


def _wins(nearness: Floats) -> Floats:
    """1 where the first of a pair (pairs, 2) is nearer, 0 where the second is, else 1/2."""
    gap = nearness[:, 0] - nearness[:, 1]
    wins: Floats = (np.sign(gap) + 1) / 2
    return wins


def _cosine(one: Floats, other: Floats) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size > 0 else 0.0
