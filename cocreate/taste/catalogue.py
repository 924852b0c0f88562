"""The catalogue as a ranking reads it: a table of its tracks, their names, their moods; made once, for every listener.

Conventions:
    One row a track, in the order of `Store.catalogue`. What is known of a track as a whole (`HeardItem`) is read when
    it is shown. A catalogue is never changed: where its stamp is no longer the database's, another is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from cocreate.music.measures import Floats
from cocreate.taste import packed
from cocreate.taste.content import JUDGED, WIDE, WIDE_INDEX, mood_fits, mood_place, wide_rows
from cocreate.taste.events import HeardItem
from cocreate.taste.example import example_items
from cocreate.taste.feature_table import FEATURES
from cocreate.taste.features import FeatureScale
from cocreate.taste.scorer import style_fits
from cocreate.taste.store import Store
from cocreate.taste.table import BLOCKS, ItemTable, words_of

_MOOD_NAMES = ("minor_key", "notes_per_second", "mean_pitch", "audio_onsets", "audio_loudness", "audio_minor")
_MOOD_PLACES = [WIDE_INDEX[name] for name in _MOOD_NAMES]


@dataclass(frozen=True)
class Catalogue:
    """See the module. ``works`` are artists and titles, folded."""

    stamp: str
    read: Callable[[Sequence[str]], Sequence[HeardItem]]  # tracks by their ids, in any order
    table: ItemTable
    artists: Sequence[str]
    styles: Sequence[str]
    albums: Sequence[str]
    works: Sequence[str]
    raw_moods: Floats  # (n, 6), nan where not known

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The row of each id."""
        return {name: place for place, name in enumerate(self.table.ids)}

    @cached_property
    def moods(self) -> Floats:
        """Valence and energy of each track, (n, 2); nan where not known."""
        found = np.full((len(self), 2), np.nan)
        for place, row in enumerate(self.raw_moods.tolist()):
            raw = {name: None if isnan(value) else value for name, value in zip(_MOOD_NAMES, row, strict=True)}
            found[place] = mood_place(raw, {name: value for name, value in raw.items() if value is not None}) or np.nan
        return found

    def items(self, rows: Sequence[int]) -> Sequence[HeardItem]:
        """What is known of the tracks of some rows."""
        names = [self.table.ids[row] for row in rows]
        found = {item.id: item for item in self.read(names)}
        return [found[name] for name in names]

    def suited(self, *, scene: str | None, mood: str | None) -> ItemTable:
        """The table with how well each mood suits a scene and a named mood; as it is where neither is asked for."""
        if scene is None and mood is None:
            return self.table
        fits = mood_fits(self.moods, scene=scene, mood=mood).astype(np.float32)
        return replace(self.table, parts=self.table.parts | {"scene": fits})


class DamagedError(Exception):
    """What is packed is not what it should be."""


class Builder:
    """Fills the rows of a catalogue as they are read.

    Args:
        ids: of the tracks, in order.
        scale: how features compare.
        row: of the checkpoint's ``styles.json``, what is usual; may be empty.
    """

    def __init__(self, ids: Sequence[str], scale: FeatureScale, row: Mapping[str, Sequence[float]]) -> None:
        count = len(ids)
        self._ids, self._scale, self._row = ids, scale, row
        self._places = {name: place for place, name in enumerate(ids)}
        self._seen: npt.NDArray[np.bool_] = np.zeros(count, dtype=bool)
        self._wide = np.zeros((count, len(WIDE)), dtype=np.float32)
        self._known = np.zeros((count, len(BLOCKS)), dtype=np.float32)
        self._parts = {name: np.full(count, np.nan, dtype=np.float32) for name in ("style", *JUDGED, "scene")}
        self._styles, self._artists, self._albums, self._works, self._facts = ([""] * count for _ in range(5))
        self._moods = np.full((count, len(_MOOD_PLACES)), np.nan)

    @property
    def missing(self) -> Sequence[str]:
        """The ids of which nothing was read yet."""
        return [self._ids[place] for place in np.flatnonzero(~self._seen).tolist()]

    def take(self, rows: Sequence[Sequence[Any]]) -> None:
        """Fill in rows of `packed.Packed`; of ids that are not ours nothing.

        Raises:
            DamagedError: if a column has not as many numbers as it should.
        """
        rows = [row for row in rows if row[0] in self._places]
        if not rows:
            return
        ids, styles, artists, albums, works, facts, *columns = zip(*rows, strict=True)
        order = [self._places[name] for name in ids]
        told = zip(
            (self._styles, self._artists, self._albums, self._works, self._facts),
            (styles, artists, albums, works, facts),
            strict=True,
        )
        for into, column in told:
            for place, text in zip(order, column, strict=True):
                into[place] = text
        places = np.array(order)
        raw = np.full((len(rows), len(WIDE)), np.nan)
        for block, (names, column) in enumerate(zip(packed.NUMBERS, columns, strict=True)):
            where, values = _numbers(column, len(names))
            if block < len(BLOCKS):
                raw[where, BLOCKS[block]] = values
                self._known[places[where], block] = 1
            else:
                for name, one in zip(JUDGED, values.T, strict=True):
                    self._parts[name][places[where]] = one
        heard = np.flatnonzero(self._known[places, 0])
        if "feature_mean" in self._row and heard.size:
            fits = style_fits(raw[heard, : len(FEATURES)], self._row["feature_mean"], self._row["feature_sd"])
            self._parts["style"][places[heard]] = fits
        self._wide[places] = wide_rows(raw, self._scale)
        self._moods[places] = raw[:, _MOOD_PLACES]
        self._seen[places] = True

    def built(self, stamp: str, read: Callable[[Sequence[str]], Sequence[HeardItem]]) -> Catalogue:
        """The catalogue."""
        table = ItemTable.of_arrays(self._ids, self._wide, self._known, *words_of(self._facts), self._parts)
        names = self._artists, self._styles, self._albums, self._works
        return Catalogue(stamp, read, table, *names, self._moods)


def read_catalogue(store: Store, *, scale: FeatureScale, row: Mapping[str, Sequence[float]]) -> Catalogue:
    """The catalogue of the database; the samples' where it is empty, so that there is always something to hear.

    Raises:
        FileError: if the database is broken.
    """
    stamp, ids = packed.listed(store)
    if not ids:
        samples = {item.id: item for item in example_items()}
        builder = Builder(list(samples), scale, row)
        builder.take([packed.packed(item) for item in samples.values()])
        return builder.built(stamp, lambda names: [samples[name] for name in names])
    try:
        builder = _filled(store, Builder(ids, scale, row))
    except DamagedError:
        packed.forget_all(store)
        builder = _filled(store, Builder(ids, scale, row))
    return builder.built(stamp, store.items)


def _filled(store: Store, builder: Builder) -> Builder:
    for rows in packed.kept(store):
        builder.take(rows)
    for rows in packed.anew(store, builder.missing):
        builder.take(rows)
    return builder


def _numbers(column: Sequence[bytes | None], width: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """The rows that have numbers, and these. Shapes (k,), (k, width)."""
    bodies = {place: body for place, body in enumerate(column) if body is not None}
    if not {len(body) for body in bodies.values()} <= {width * packed.NUMBER.itemsize}:
        raise DamagedError(f"a column must have {width} numbers")
    values = np.frombuffer(b"".join(bodies.values()), packed.NUMBER).reshape(-1, width)
    return np.fromiter(bodies, np.int64, len(bodies)), values
