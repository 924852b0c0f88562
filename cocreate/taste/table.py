"""Items as columns, so that a hundred thousand tracks are scored in one stroke, and one idea by the same arithmetic.

Conventions:
    One row an item, 32-bit. ``wide`` holds the wide vectors (`content.WIDE`), 0 where nothing is known; ``known`` says
    for each block of them (`BLOCKS`) whether the item was heard in it: 1 or 0. ``words`` are an item's facts: its
    style, artist, tags, instruments and decade, each one word with its kind ("style:jazz"). A table is never changed;
    what was computed of it and one heard item is kept for the next ranking.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cocreate.errors import InputError
from cocreate.taste.content import AUDIO, TEXT, TRAITS, WIDE, wide
from cocreate.taste.events import HeardItem
from cocreate.taste.feature_table import FEATURES
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, FeatureVector

Singles: TypeAlias = npt.NDArray[np.float32]
T = TypeVar("T")

_TRAIT_BLOCKS = (TRAITS, AUDIO, TEXT)
_EDGES = (0, *accumulate(map(len, (FEATURES, *_TRAIT_BLOCKS))))
BLOCKS = tuple(slice(a, b) for a, b in pairwise(_EDGES))  # melody, the other parts, the recording, what words are about
KERNEL_WIDTH = 1.0  # squared spreads a feature
_MOST_COLUMNS = 512  # remembered likenesses to heard items
_PIECE = 2_048  # rows that fit a processor's cache
# a family of many features (twelve degrees, twelve intervals) must not drown one of few: fourth root of its size, mean
# square 1. Measured best of sizes to the power 0, -1/4, -1/2; whitening by the background's covariance was worse.
_GROUPS = [f.group for f in FEATURES], [f.group for f in WIDE[len(FEATURES) :]]
FAMILY = np.array([groups.count(group) ** -0.25 for groups in _GROUPS for group in groups])
for _block in BLOCKS:
    FAMILY[_block] /= np.sqrt((FAMILY[_block] ** 2).mean())


@dataclass(frozen=True, slots=True)
class Item:
    """Something to rank. ``style_fit``, ``quality``, ``novelty`` and ``scene`` lie in [0, 1]; None is not known.
    ``scene`` is how well its mood suits the moment.
    """

    id: str
    features: FeatureVector | None
    style_fit: float | None = None
    quality: float | None = None
    novelty: float | None = None
    title: str = ""
    traits: tuple[tuple[str, float], ...] = ()
    words: tuple[str, ...] = ()
    scene: float | None = None

    def __post_init__(self) -> None:
        for name in ("style_fit", "quality", "novelty", "scene"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise InputError(f"{name} must be in 0..1 or None, got {value}")

    @classmethod
    def of(cls, item: HeardItem, **more: float | None) -> Item:
        """The item of a heard one or of the catalogue."""
        heard = item.features if item.is_heard else None
        return cls(item.id, heard, title=item.title, traits=tuple(item.traits.items()), words=facts_of(item), **more)


@dataclass(frozen=True, slots=True)
class ItemTable:
    """Items as columns; see the module. ``nan`` in a column of parts is not known."""

    ids: Sequence[str]
    wide: Singles  # (n, D)
    known: Singles  # (n, blocks)
    vocabulary: dict[str, int]
    words: sp.csr_matrix  # (n, words), rows of length 1
    parts: dict[str, Singles]  # style, quality, novelty, scene: (n,)
    heard: Singles  # 1 where anything is known in any block: (n,)
    _squares: Singles
    _likeness: OrderedDict[bytes, Singles] = field(default_factory=OrderedDict)
    _once: dict[str, Any] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)  # of the columns of words; filled at need

    @classmethod
    def of(cls, items: Sequence[Item], scale: FeatureScale = DEFAULT_SCALE) -> ItemTable:
        """The table of some items."""
        rows = np.zeros((len(items), len(WIDE)), dtype=np.float32)
        known = np.zeros((len(items), len(BLOCKS)), dtype=np.float32)
        for place, item in enumerate(items):
            rows[place] = wide(item.features or _NOTHING, dict(item.traits), scale)
            known[place] = known_blocks(item.features is not None, dict(item.traits))
        vocabulary, words = words_of(["\n".join(item.words) for item in items])
        parts = {
            name: np.array([np.nan if (v := getattr(item, key)) is None else v for item in items], dtype=np.float32)
            for name, key in _PARTS.items()
        }
        return cls.of_arrays([item.id for item in items], rows, known, vocabulary, words, parts)

    @classmethod
    def of_arrays(  # noqa: PLR0917 - the columns, in the order of the class
        cls,
        ids: Sequence[str],
        rows: Singles,
        known: Singles,
        vocabulary: dict[str, int],
        words: sp.csr_matrix,
        parts: dict[str, Singles],
    ) -> ItemTable:
        """A table of columns that are there already (``rows`` as ``wide``)."""
        squares = np.stack([((rows[:, b] * FAMILY[b].astype(np.float32)) ** 2).sum(axis=1) for b in BLOCKS], axis=1)
        heard = (known.sum(axis=1) > 0).astype(np.float32)
        return cls(ids, rows, known, vocabulary, words, parts, heard, squares)

    def __len__(self) -> int:
        return len(self.ids)

    def words_at(self, place: int) -> list[str]:
        """The facts of a row, in the order in which the table met them."""
        if not self._names:
            self._names.extend(self.vocabulary)
        first, end = self.words.indptr[place : place + 2]
        return [self._names[column] for column in sorted(self.words.indices[first:end])]

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What ``make`` computes of this table, kept for the next ranking until something of another name is."""
        if name not in self._once:
            found = make()
            self._once.clear()
            self._once[name] = found
        kept: T = self._once[name]
        return kept

    def likenesses(self, values: Singles, known: Singles) -> list[Singles]:
        """How like each row is to each of some heard items, (k, D) and (k, blocks): as `some_alike`, remembered."""
        names = [one.tobytes() + flags.tobytes() for one, flags in zip(values, known, strict=True)]
        new = {name: place for place, name in enumerate(names) if name not in self._likeness}
        columns = {name: np.empty(len(self), dtype=np.float32) for name in new}
        for first in range(0, len(self) if new else 0, _PIECE):
            part = slice(first, first + _PIECE)
            for name, place in new.items():
                columns[name][part] = self.some_alike(values[place], known[place], part)
        self._likeness.update(columns)
        for name in names:
            self._likeness.move_to_end(name)
        found = [self._likeness[name] for name in names]
        while len(self._likeness) > _MOST_COLUMNS:
            self._likeness.popitem(last=False)
        return found

    def some_alike(self, values: Singles, known: Singles, rows: npt.NDArray[np.int64] | slice | None = None) -> Singles:
        """How like some rows (None: all) are to a wide vector, in [0, 1]; 0 where nothing was heard alike."""
        own, flags, squares = (
            (self.wide, self.known, self._squares)
            if rows is None
            else (self.wide[rows], self.known[rows], self._squares[rows])
        )
        gaps, sizes = np.zeros(len(own), dtype=np.float32), np.zeros(len(own), dtype=np.float32)
        for place, block in enumerate(BLOCKS):
            if not known[place]:
                continue
            weights = FAMILY[block].astype(np.float32)
            point = values[block] * weights
            square = squares[:, place] - 2.0 * (own[:, block] @ (point * weights)) + point @ point
            gaps += flags[:, place] * np.maximum(square, 0.0)
            sizes += flags[:, place] * np.float32(len(weights))
        found: Singles = np.where(sizes > 0, np.exp(-gaps / np.maximum(sizes, 1.0) / KERNEL_WIDTH), 0.0)
        return found.astype(np.float32)


def known_blocks(heard: bool, traits: dict[str, float]) -> tuple[float, ...]:  # noqa: FBT001 - the one fact
    """For each of `BLOCKS`, 1 where an item was heard in it."""
    return (float(heard), *(float(any(f.name in traits for f in block)) for block in _TRAIT_BLOCKS))


def facts_of(item: HeardItem) -> tuple[str, ...]:
    """What is known of an item in words, each with its kind. No word has a line break."""
    found = [("style", item.style), ("artist", item.artist), *(("tag", tag) for tag in item.tags)]
    if item.year is not None:
        found.append(("decade", f"{item.year // 10 * 10}s"))
    return tuple(dict.fromkeys(_fact(kind, word) for kind, word in found if word.strip()))


@lru_cache(maxsize=50_000)  # most styles, artists and tags come many times
def _fact(kind: str, word: str) -> str:
    return f"{kind}:{' '.join(word.casefold().split())}"


_NOTHING = FeatureVector((None,) * len(FEATURES))
_PARTS = {"style": "style_fit", "quality": "quality", "novelty": "novelty", "scene": "scene"}


def words_of(facts: Sequence[str]) -> tuple[dict[str, int], sp.csr_matrix]:
    """A vocabulary, and the matrix of what each item has of it: rows of length 1. ``facts`` are one a line."""
    vocabulary: dict[str, int] = {}
    met: dict[str, list[int]] = {"": []}  # tracks of one artist often share all their facts
    places: list[int] = []
    starts = [0]
    for text in facts:
        own = met.get(text)
        if own is None:
            own = met[text] = [vocabulary.setdefault(word, len(vocabulary)) for word in text.split("\n")]
        places += own
        starts.append(len(places))
    lengths = np.diff(starts)
    values = np.repeat(1.0 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
    shape = (len(facts), max(1, len(vocabulary)))
    return vocabulary, sp.csr_matrix((values, np.array(places, dtype=np.int32), np.array(starts)), shape=shape)
