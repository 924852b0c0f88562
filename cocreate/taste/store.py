"""The memory of listeners: profiles, items and events in one SQLite file. The only home of SQLAlchemy.

Conventions:
    Events are append-only; deleting a profile erases its events and the items that nobody else met. Several
    programs may write at once (write-ahead log; a writer waits for up to ten seconds). Import this module only where a
    profile is read or written: `home.has_profile` answers without it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex, CreateTable

from cocreate.errors import FileError, InputError
from cocreate.taste.events import Event, HeardItem, check_profile_name, utc_now
from cocreate.taste.features import FeatureVector
from cocreate.taste.home import DATABASE_NAME, home_folder

BUSY_TIMEOUT_S = 10.0

_META = sa.MetaData()
_PROFILES = sa.Table(
    "profiles",
    _META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
    sa.Column("created", sa.String, nullable=False),
)
_ITEMS = sa.Table(
    "items",
    _META,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("style", sa.String, nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("features", sa.Text, nullable=False),  # JSON: feature name -> value or null
)
_EVENTS = sa.Table(
    "events",
    _META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("profile", sa.ForeignKey("profiles.id"), nullable=False),
    sa.Column("item", sa.ForeignKey("items.id"), nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("rating", sa.Integer),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.Index("events_by_profile", "profile"),
)


class Store:
    """The profile database in folder ``home`` (None: the user's); made when it is not there.

    Raises:
        FileError: if the folder cannot be written or the file is no database of ours.
    """

    def __init__(self, home: Path | None = None) -> None:
        folder = home_folder() if home is None else home
        self.path = folder / DATABASE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(
                f"the profile folder {folder} cannot be made: {error.strerror}; set COCREATE_HOME to another"
            ) from error
        # a pool would hold files open; a profile is opened a few times a session
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(self.path)),
            poolclass=NullPool,
            connect_args={"timeout": BUSY_TIMEOUT_S},
        )
        sa.event.listen(self._engine, "connect", _set_up_connection)
        with self._transaction() as connection:
            for table in _META.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))

    def add_event(self, profile: str, event: Event) -> None:
        """Append an event; the profile is made at its first event.

        Raises:
            InputError: if the profile name is not allowed.
            FileError: if the database is broken or stays locked.
        """
        check_profile_name(profile)
        item = event.item
        row = {
            "title": item.title,
            "style": item.style,
            "path": item.path,
            "features": json.dumps(item.features.as_dict(), allow_nan=False),
        }
        with self._transaction() as connection:
            # written before anything is read, so that two writers queue and none meets an old state
            connection.execute(insert(_PROFILES).values(name=profile, created=utc_now()).on_conflict_do_nothing())
            connection.execute(
                insert(_ITEMS).values(id=item.id, **row).on_conflict_do_update(index_elements=["id"], set_=row)
            )
            owner = sa.select(_PROFILES.c.id).where(_PROFILES.c.name == profile).scalar_subquery()
            connection.execute(
                sa.insert(_EVENTS).values(
                    profile=owner, item=item.id, kind=event.kind, rating=event.rating, text=event.text, at=event.at
                )
            )

    def events(self, profile: str) -> tuple[Event, ...]:
        """The events of a profile in the order they were added; empty when nobody has that name.

        Raises:
            InputError: if the profile name is not allowed.
            FileError: if the database is broken.
        """
        check_profile_name(profile)
        joined = _EVENTS.join(_PROFILES, _EVENTS.c.profile == _PROFILES.c.id)
        joined = joined.join(_ITEMS, _EVENTS.c.item == _ITEMS.c.id)
        query = (
            sa.select(
                _EVENTS.c.kind,
                _EVENTS.c.rating,
                _EVENTS.c.text,
                _EVENTS.c.at,
                _ITEMS.c.id.label("item"),
                _ITEMS.c.title,
                _ITEMS.c.style,
                _ITEMS.c.path,
                _ITEMS.c.features,
            )
            .select_from(joined)
            .where(_PROFILES.c.name == profile)
            .order_by(_EVENTS.c.id)
        )
        with self._transaction() as connection:
            rows = connection.execute(query).all()
        try:
            return tuple(_event_of(row) for row in rows)
        except (ValueError, TypeError, AttributeError) as error:  # InputError is a ValueError
            raise self._broken(str(error)) from error

    def profiles(self) -> tuple[str, ...]:
        """Names of all profiles, sorted.

        Raises:
            FileError: if the database is broken.
        """
        with self._transaction() as connection:
            return tuple(connection.execute(sa.select(_PROFILES.c.name).order_by(_PROFILES.c.name)).scalars())

    def delete_profile(self, name: str) -> None:
        """Erase a profile, its events, and the items that no other profile met.

        Raises:
            InputError: if there is no such profile.
            FileError: if the database is broken or stays locked.
        """
        check_profile_name(name)
        owner = sa.select(_PROFILES.c.id).where(_PROFILES.c.name == name).scalar_subquery()
        with self._transaction() as connection:
            connection.execute(sa.delete(_EVENTS).where(_EVENTS.c.profile == owner))
            gone = connection.execute(sa.delete(_PROFILES).where(_PROFILES.c.name == name)).rowcount
            connection.execute(sa.delete(_ITEMS).where(_ITEMS.c.id.not_in(sa.select(_EVENTS.c.item))))
        if gone == 0:
            known = ", ".join(self.profiles()) or "none yet"
            raise InputError(f"a profile must exist to be deleted, got {name!r}; there are: {known}")

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise self._broken(str(error.orig)) from error

    def _broken(self, why: str) -> FileError:
        reason = " ".join(why.split())
        if "locked" in reason:
            return FileError(f"the profile database {self.path} is busy: {reason}; try again when the others are done")
        return FileError(f"the profile database {self.path} cannot be used: {reason}; move it away to begin a new one")


def _event_of(row: sa.Row[*tuple[Any, ...]]) -> Event:
    item = HeardItem(row.item, FeatureVector.from_dict(json.loads(row.features)), row.title, row.style, row.path)
    return Event(row.kind, item, row.rating, row.text, row.at)


def _set_up_connection(connection: sqlite3.Connection, _record: object) -> None:
    _write_ahead(connection)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log. The change of mode does not wait for other programs as a write does, so we do."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
