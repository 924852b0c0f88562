"""What ranking reads of each track of the catalogue, kept in the database as numbers that a new program reads fast.

Conventions:
    A track is packed where it is first ranked, and anew once it has changed: whoever writes it takes its row away. So
    what is packed is never older than what it was packed of. Where it cannot be kept it serves once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from cocreate.errors import FileError
from cocreate.taste.content import AUDIO, JUDGED, TEXT, TRAITS
from cocreate.taste.events import HeardItem
from cocreate.taste.feature_table import FEATURE_NAMES
from cocreate.taste.schema import ITEMS, PACKED, STAMPS
from cocreate.taste.store import Store, pieces
from cocreate.taste.table import facts_of

_TRAITS = tuple(tuple(feature.name for feature in block) for block in (TRAITS, AUDIO, TEXT))
NUMBERS = (FEATURE_NAMES, *_TRAITS, JUDGED)  # what the columns of numbers hold, in order
NUMBER = np.dtype("<f8")
_VERSION = 1  # of how facts are written
LAYOUT = hashlib.sha256(json.dumps([_VERSION, *NUMBERS]).encode()).hexdigest()[:16]
_AT_ONCE = 4_000  # rows


class Packed(NamedTuple):
    """One track; a column of numbers, as `NUMBERS` lists them, is None where none of them is known."""

    item: str
    style: str
    artist: str
    album: str
    work: str
    facts: str
    melody: bytes | None
    parts: bytes | None
    recording: bytes | None
    about: bytes | None
    judged: bytes | None


def packed(item: HeardItem) -> Packed:
    """A track, packed."""
    numbers = [np.array(item.features.values, NUMBER).tobytes() if item.is_heard else None]
    for names in NUMBERS[1:]:
        known = any(name in item.traits for name in names)
        numbers.append(np.array([item.traits.get(name) for name in names], NUMBER).tobytes() if known else None)
    return Packed(item.id, item.style, item.artist, item.album, item.work, "\n".join(facts_of(item)), *numbers)


def stamp_of(store: Store) -> str:
    """Another text whenever what the catalogue says has changed; of one row, whatever the size of the catalogue.

    Raises:
        FileError: if the database is broken.
    """
    with store.transaction(writes=False) as connection:
        return _stamp(connection)


def listed(store: Store) -> tuple[str, list[str]]:
    """The stamp, and the ids of the catalogue in its fixed order.

    Raises:
        FileError: if the database is broken.
    """
    query = sa.select(ITEMS.c.id).where(ITEMS.c.listed.is_not(None)).order_by(ITEMS.c.listed, ITEMS.c.id)
    with store.transaction(writes=False) as connection:
        stamp = _stamp(connection)  # read first: what changes after it is met by the next ranking
        return stamp, list(connection.execute(query).scalars())


def kept(store: Store) -> Iterator[Sequence[Sequence[Any]]]:
    """What is packed already, some rows at a time; each as `Packed`, but plain, since there are many.

    Raises:
        FileError: if the database is broken.
    """
    query = sa.select(*(PACKED.c[name] for name in Packed._fields)).where(PACKED.c.layout == LAYOUT)
    with store.transaction(writes=False) as connection:
        rows = connection.execution_options(stream_results=True).execute(query)
        while some := rows.fetchmany(_AT_ONCE):
            yield some


def anew(store: Store, names: Iterable[str]) -> Iterator[Sequence[Packed]]:
    """Pack tracks by their ids, some at a time, and keep them.

    Raises:
        FileError: if the database is broken.
    """
    keeps = True
    for some in pieces(sorted(names)):
        rows = None
        if keeps:
            try:
                rows = _packed_and_kept(store, some)
            except FileError:  # busy, or for reading only
                keeps = False
        yield [packed(item) for item in store.items(some)] if rows is None else rows


def forget_all(store: Store) -> None:
    """Take away all that is packed: it is made anew when the catalogue is ranked.

    Raises:
        FileError: if the database is broken or stays locked.
    """
    with store.transaction() as connection:
        connection.execute(sa.delete(PACKED))


def _packed_and_kept(store: Store, names: Sequence[str]) -> Sequence[Packed]:
    with store.transaction() as connection:
        # on a server the rows are locked: who changes one meanwhile waits, and then takes away what is kept here
        rows = [packed(item) for item in store.items_of(connection, names, locked=True)]
        values = [{**row._asdict(), "layout": LAYOUT} for row in rows]
        if values:
            connection.execute(sa.delete(PACKED).where(PACKED.c.item.in_(names)))
            connection.execute(sa.insert(PACKED), values)
    return rows


def _stamp(connection: sa.Connection) -> str:
    found: Any = connection.execute(sa.select(STAMPS.c.stamp)).scalar_one()
    return str(found)
