"""The memory of listeners: profiles, items and events in a database. SQLAlchemy lives here and in its schema.

Conventions:
    SQLite, one file in the user's data folder, or what the URL in ``COCREATE_DB`` names: ``sqlite:///FILE`` or
    ``postgresql://...``. Events are append-only but for `forget`, which erases. Deleting a profile erases its events
    and the items that nobody else met and that are not in the catalogue. What was learned of histories (`crowd`) is
    kept here too, and thrown away whole when anything is forgotten. Several programs may write at once: SQLite
    keeps a write-ahead log and a writer waits for up to ten seconds. What a call has returned from is on the disk.
    Import this module only where a profile is read or written: `home.has_profile` answers without it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as into_file
from sqlalchemy.exc import DBAPIError

from cocreate.errors import FileError, InputError
from cocreate.taste.connect import connect
from cocreate.taste.events import Event, HeardItem, check_profile_name, utc_now
from cocreate.taste.features import FeatureVector
from cocreate.taste.home import database_url
from cocreate.taste.migrate import is_current, upgrade
from cocreate.taste.schema import EVENTS, FITS, ITEMS, PACKED, PROFILES, STAMPS

_MANY = 500  # names in one question: SQLite takes no more than 999 on old builds
_ITEM_COLUMNS = tuple(column for column in ITEMS.c if column.name not in ("id", "listed", "work"))


@dataclass(frozen=True, slots=True)
class KeptFit:
    """A fit by its ``stamp``, and of how many ``listeners`` and ``events`` it was learned."""

    stamp: str
    listeners: int
    events: int


class Store:
    """The profile database in folder ``home`` (None: that of ``COCREATE_DB``, else the user's); made if not there.

    Raises:
        InputError: if ``COCREATE_DB`` is no URL that we know.
        FileError: if the folder cannot be written, the file is no database of ours, or the server does not answer.
    """

    def __init__(self, home: Path | None = None) -> None:
        self._engine = connect(home)
        url, given = self._engine.url, home is None and database_url() is not None
        self.place = url.render_as_string(hide_password=True) if given else url.database
        with self.transaction(writes=False) as connection:
            current = is_current(connection)
        if not current:
            with self.transaction() as connection:
                upgrade(connection)

    def make_profile(self, name: str) -> bool:
        """Make an empty profile; False when there is one of that name.

        Raises:
            InputError: if the profile name is not allowed.
        """
        check_profile_name(name)
        with self.transaction() as connection:
            return self._insert(connection, PROFILES, {"name": name, "created": utc_now()}, nothing=True) > 0

    def add_event(self, profile: str, event: Event) -> None:
        """Append an event; the profile is made at its first event.

        Raises:
            InputError: if the profile name is not allowed.
            FileError: if the database is broken or stays locked.
        """
        self.add_events(profile, [event])

    def add_events(self, profile: str, events: Sequence[Event], prints: Sequence[str | None] = ()) -> int:
        """Append events in one transaction: all or none. Returns how many were new.

        Args:
            profile: whose; made where there is none.
            events: what happened.
            prints: of each event a name of the row it came from, or None; a row of that name is stored once.

        Raises:
            InputError: if the profile name is not allowed.
            FileError: if the database is broken or stays locked.
        """
        check_profile_name(profile)
        named = [*prints, *[None] * (len(events) - len(prints))]
        with self.transaction() as connection:
            # written before anything is read, so that two writers queue and none meets an old state
            self._insert(connection, PROFILES, {"name": profile, "created": utc_now()}, nothing=True)
            self._put_items(connection, [event.item for event in events])
            owner = connection.execute(sa.select(PROFILES.c.id).where(PROFILES.c.name == profile)).scalar_one()
            rows = [
                {
                    "profile": owner, "item": e.item.id, "kind": e.kind, "rating": e.rating, "text": e.text, "at": e.at,
                    "count": e.count, "seconds": e.seconds, "place": e.place, "print": name,
                }
                for e, name in zip(events, named, strict=True)
            ]  # fmt: skip
            before = self._count(connection, owner)
            if rows:
                self._insert(connection, EVENTS, rows, nothing=True)
            return self._count(connection, owner) - before

    def events(self, profile: str) -> tuple[Event, ...]:
        """The events of a profile in the order they were added; empty when nobody has that name.

        An item that has a name only is joined to the catalogue's file of that artist and title.

        Raises:
            InputError: if the profile name is not allowed.
            FileError: if the database is broken.
        """
        check_profile_name(profile)
        joined = EVENTS.join(PROFILES, EVENTS.c.profile == PROFILES.c.id).join(ITEMS, EVENTS.c.item == ITEMS.c.id)
        query = (
            sa.select(EVENTS, *_ITEM_COLUMNS, ITEMS.c.id.label("item_id"), ITEMS.c.work)
            .select_from(joined)
            .where(PROFILES.c.name == profile)
            .order_by(EVENTS.c.id)
        )
        with self.transaction(writes=False) as connection:
            rows = connection.execute(query).all()
            bare = {row.work for row in rows if row.work and row.features == "{}"}
            files = self._files_of(connection, sorted(bare))
        items: dict[str, HeardItem] = {}
        try:
            for row in rows:
                if row.item_id not in items:
                    items[row.item_id] = files.get(row.work) or item_of(row, row.item_id)
            return tuple(_event_of(row, items[row.item_id]) for row in rows)
        except (ValueError, TypeError, AttributeError) as error:  # InputError is a ValueError
            raise self._broken(str(error)) from error

    def profiles(self) -> tuple[str, ...]:
        """Names of all profiles, sorted.

        Raises:
            FileError: if the database is broken.
        """
        with self.transaction(writes=False) as connection:
            return tuple(sorted(connection.execute(sa.select(PROFILES.c.name)).scalars()))

    def forget(self, profile: str, event: int) -> None:
        """Erase one event by its number, and its item where nobody else met it.

        Raises:
            InputError: if the profile has no such event.
            FileError: if the database is broken or stays locked.
        """
        check_profile_name(profile)
        owner = sa.select(PROFILES.c.id).where(PROFILES.c.name == profile).scalar_subquery()
        with self.transaction() as connection:
            where = (EVENTS.c.profile == owner) & (EVENTS.c.id == event)
            connection.execute(sa.delete(FITS))
            gone = connection.execute(sa.delete(EVENTS).where(where)).rowcount
            self._sweep(connection)
        self._drop_fits()
        if gone == 0:
            raise InputError(
                f"profile {profile!r} must have event {event} for it to be forgotten; see `profile export`"
            )

    def delete_profile(self, name: str) -> None:
        """Erase a profile, its events, and the items that no other profile met and the catalogue does not list.

        Raises:
            InputError: if there is no such profile.
            FileError: if the database is broken or stays locked.
        """
        check_profile_name(name)
        owner = sa.select(PROFILES.c.id).where(PROFILES.c.name == name).scalar_subquery()
        with self.transaction() as connection:
            connection.execute(sa.delete(FITS))
            connection.execute(sa.delete(EVENTS).where(EVENTS.c.profile == owner))
            gone = connection.execute(sa.delete(PROFILES).where(PROFILES.c.name == name)).rowcount
            self._sweep(connection)
        self._drop_fits()
        if gone == 0:
            known = ", ".join(self.profiles()) or "none yet"
            raise InputError(f"a profile must exist to be deleted, got {name!r}; there are: {known}")

    def list_items(self, items: Sequence[HeardItem]) -> int:
        """Put items into the catalogue, in one transaction. Returns how many were not in it before.

        Raises:
            FileError: if the database is broken or stays locked.
        """
        with self.transaction() as connection:
            self._put_items(connection, items)
            new = 0
            for ids in pieces([item.id for item in items]):
                where = ITEMS.c.id.in_(ids) & ITEMS.c.listed.is_(None)
                new += connection.execute(sa.update(ITEMS).where(where).values(listed=utc_now())).rowcount
            if new:  # a file may be what a name in somebody's history stands for
                connection.execute(sa.delete(FITS))
                connection.execute(sa.update(STAMPS).values(stamp=secrets.token_hex(8)))
            return new

    def catalogue(self, *, most: int | None = None) -> tuple[HeardItem, ...]:
        """The items of the catalogue, in a fixed order; with ``most`` so many from all over it, the same each time.

        Raises:
            FileError: if the database is broken.
        """
        query = sa.select(*_ITEM_COLUMNS, ITEMS.c.id.label("item_id")).where(ITEMS.c.listed.is_not(None))
        query = query.order_by(ITEMS.c.listed, ITEMS.c.id)
        if most is not None:  # an id is a hash after its first letter
            ids = sa.select(ITEMS.c.id).where(ITEMS.c.listed.is_not(None))
            query = query.where(ITEMS.c.id.in_(ids.order_by(sa.func.substr(ITEMS.c.id, 2), ITEMS.c.id).limit(most)))
        with self.transaction(writes=False) as connection:
            rows = connection.execute(query).all()
        return self._items(rows)

    def items(self, names: Sequence[str]) -> tuple[HeardItem, ...]:
        """Items by their ids, in the order of their ids; none for an id that is not known.

        Raises:
            FileError: if the database is broken.
        """
        with self.transaction(writes=False) as connection:
            return self.items_of(connection, names)

    def completed(self, items: Sequence[HeardItem]) -> tuple[HeardItem, ...]:
        """Items, in order, with all that is known here of the same music.

        Raises:
            FileError: if the database is broken.
        """
        known = {item.id: item for item in self.items([item.id for item in items])}
        return tuple(item.completed(known[item.id]) if item.id in known else item for item in items)

    def items_of(
        self, connection: sa.Connection, names: Sequence[str], *, locked: bool = False
    ) -> tuple[HeardItem, ...]:
        """The same in a transaction; with ``locked`` nobody else changes them before it ends."""
        rows: list[Any] = []
        for some in pieces(sorted(names)):
            query = sa.select(*_ITEM_COLUMNS, ITEMS.c.id.label("item_id")).where(ITEMS.c.id.in_(some))
            query = query.order_by(ITEMS.c.id)
            rows += connection.execute(query.with_for_update() if locked else query)
        return self._items(rows)

    def _items(self, rows: Iterable[Any]) -> tuple[HeardItem, ...]:
        try:
            return tuple(item_of(row, row.item_id) for row in rows)
        except (ValueError, TypeError, AttributeError) as error:
            raise self._broken(str(error)) from error

    def told(self) -> Mapping[str, int]:
        """How many events each profile has: a count, nothing is read.

        Raises:
            FileError: if the database is broken.
        """
        query = sa.select(PROFILES.c.name, sa.func.count(EVENTS.c.id)).join_from(PROFILES, EVENTS, isouter=True)
        with self.transaction(writes=False) as connection:
            rows = connection.execute(query.group_by(PROFILES.c.name)).all()
        return {name: int(count) for name, count in rows}

    def begin_fit(self, profile: str, *, listeners: int, events: int) -> str:
        """Say that a fit for a profile will be learned of so much; to be called before histories are read.

        Returns:
            Its stamp, for `keep_fit`: a fit that was begun before anything was forgotten cannot be kept.

        Raises:
            FileError: if the database is broken or stays locked.
        """
        stamp = secrets.token_hex(8)
        row = {"stamp": stamp, "listeners": listeners, "events": events, "body": None}
        values = [sa.literal(value, FITS.c[name].type) for name, value in row.items()]
        owner = sa.select(PROFILES.c.id, *values).where(PROFILES.c.name == profile)
        with self.transaction() as connection:
            query = self._insertion(connection, FITS).from_select(["profile", *row], owner)
            connection.execute(query.on_conflict_do_update(index_elements=["profile"], set_=row))
        return stamp

    def keep_fit(self, stamp: str, body: bytes) -> bool:
        """Keep what was learned; False where it must not be: something was forgotten meanwhile, or a newer was begun.

        Raises:
            FileError: if the database is broken or stays locked.
        """
        with self.transaction() as connection:
            query = sa.update(FITS).where(FITS.c.stamp == stamp).values(body=body)
            return connection.execute(query).rowcount > 0

    def kept_fit(self, profile: str) -> KeptFit | None:
        """What is kept for a profile, if anything is.

        Raises:
            FileError: if the database is broken.
        """
        query = sa.select(FITS.c.stamp, FITS.c.listeners, FITS.c.events).join_from(FITS, PROFILES)
        with self.transaction(writes=False) as connection:
            row = connection.execute(query.where(PROFILES.c.name == profile, FITS.c.body.is_not(None))).one_or_none()
        return None if row is None else KeptFit(*row)

    def fit_body(self, stamp: str) -> bytes | None:
        """What was kept by this stamp; None where it is gone.

        Raises:
            FileError: if the database is broken.
        """
        with self.transaction(writes=False) as connection:
            found: bytes | None = connection.execute(sa.select(FITS.c.body).where(FITS.c.stamp == stamp)).scalar()
        return found

    def _drop_fits(self) -> None:
        """Once more after forgetting: of a fit that was begun on a server before the other programs could see it."""
        with self.transaction() as connection:
            connection.execute(sa.delete(FITS))

    def _files_of(self, connection: sa.Connection, works: Sequence[str]) -> Mapping[str, HeardItem]:
        found: dict[str, HeardItem] = {}
        for some in pieces(works):
            query = sa.select(*_ITEM_COLUMNS, ITEMS.c.work, ITEMS.c.id.label("item_id")).where(
                ITEMS.c.work.in_(some), ITEMS.c.listed.is_not(None), ITEMS.c.features != "{}"
            )
            for row in connection.execute(query.order_by(ITEMS.c.id)):
                found.setdefault(row.work, item_of(row, row.item_id))
        return found

    def _put_items(self, connection: sa.Connection, items: Iterable[HeardItem]) -> None:
        """Write items; what an item does not know keeps what was known of it. What is written already is left alone."""
        rows = {item.id: _row_of(item) for item in items}
        for some in pieces(sorted(rows)):
            query = sa.select(*_ITEM_COLUMNS, ITEMS.c.id.label("item_id")).where(ITEMS.c.id.in_(some))
            for row in connection.execute(query.order_by(ITEMS.c.id).with_for_update()).all():
                known, new = row._mapping, rows[row.item_id]  # noqa: SLF001 - a row's names
                for name in (column.name for column in _ITEM_COLUMNS):
                    if new[name] in ("", "{}", "[]", None):
                        new[name] = known[name]
                if all(new[column.name] == known[column.name] for column in _ITEM_COLUMNS):
                    del rows[row.item_id]
        if rows:
            values = [{"id": name, **rows[name]} for name in sorted(rows)]  # one order: two writers cannot dead-lock
            self._insert(connection, ITEMS, values, nothing=False)
            self._unpack(connection, sorted(rows))

    def _unpack(self, connection: sa.Connection, names: Sequence[str]) -> None:
        """Items were written: what is packed of those in the catalogue is old, and so is its stamp."""
        for some in pieces(names):
            known = connection.execute(sa.select(ITEMS.c.id).where(ITEMS.c.id.in_(some), ITEMS.c.listed.is_not(None)))
            if listed := known.scalars().all():
                connection.execute(sa.delete(PACKED).where(PACKED.c.item.in_(listed)))
                connection.execute(sa.update(STAMPS).values(stamp=secrets.token_hex(8)))

    def _insert(
        self, connection: sa.Connection, table: sa.Table, rows: dict[str, Any] | list[dict[str, Any]], *, nothing: bool
    ) -> int:
        """Insert; where a row is there already do nothing, or (with ``nothing`` off) write it anew by its id."""
        query = self._insertion(connection, table)
        if nothing:
            query = query.on_conflict_do_nothing()
        else:
            names = [column.name for column in table.c if column.name not in ("id", "listed")]
            query = query.on_conflict_do_update(
                index_elements=["id"], set_={name: query.excluded[name] for name in names}
            )
        return connection.execute(query, rows).rowcount

    @staticmethod
    def _insertion(connection: sa.Connection, table: sa.Table) -> Any:
        if connection.dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import insert as into_server  # slow to import

            return into_server(table)
        return into_file(table)

    @staticmethod
    def _count(connection: sa.Connection, owner: int) -> int:
        query = sa.select(sa.func.count()).select_from(EVENTS).where(EVENTS.c.profile == owner)
        return int(connection.execute(query).scalar_one())

    @staticmethod
    def _sweep(connection: sa.Connection) -> None:
        met = sa.exists().where(EVENTS.c.item == ITEMS.c.id)
        connection.execute(sa.delete(ITEMS).where(ITEMS.c.listed.is_(None) & ~met))

    @contextmanager
    def transaction(self, *, writes: bool = True) -> Iterator[sa.Connection]:
        """A connection whose work is kept whole or not at all.

        Raises:
            FileError: if the database is broken or stays locked.
        """
        try:
            with self._engine.execution_options(writes=writes).begin() as connection:
                yield connection
        except DBAPIError as error:
            raise self._broken(str(error.orig)) from error

    def _broken(self, why: str) -> FileError:
        reason = " ".join(why.split())
        if "locked" in reason:
            return FileError(f"the profile database {self.place} is busy: {reason}; try again when the others are done")
        way_out = "move it away to begin a new one" if database_url() is None else "check the server and COCREATE_DB"
        return FileError(f"the profile database {self.place} cannot be used: {reason}; {way_out}")


def item_of(row: sa.Row[*tuple[Any, ...]], name: str) -> HeardItem:
    """The item of a row of the table ``items``."""
    return HeardItem(
        name, _heard(row.features), row.title, row.style, row.path, row.artist, row.album,
        row.year, tuple(json.loads(row.tags)), MappingProxyType(json.loads(row.traits)), row.words,
    )  # fmt: skip


@lru_cache(maxsize=1_000)  # a listener's own items are read for each ranking
def _heard(text: str) -> FeatureVector:
    return FeatureVector.from_dict(json.loads(text))


def _row_of(item: HeardItem) -> dict[str, Any]:
    heard = item.features.as_dict() if item.is_heard else {}
    return {
        "title": item.title, "style": item.style, "path": item.path, "artist": item.artist, "album": item.album,
        "year": item.year, "features": json.dumps(heard, allow_nan=False),
        "tags": json.dumps(list(item.tags), ensure_ascii=False),
        "traits": json.dumps(dict(item.traits), allow_nan=False), "words": item.words, "work": item.work,
    }  # fmt: skip


def _event_of(row: sa.Row[*tuple[Any, ...]], item: HeardItem) -> Event:
    plays = row._mapping["count"]  # noqa: SLF001 - a row's own method has the name
    return Event(row.kind, item, row.rating, row.text, row.at, plays, row.seconds, row.place, row.id)


def pieces(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Names in so many as one question may have."""
    for first in range(0, len(names), _MANY):
        yield names[first : first + _MANY]
