"""How the database of listeners is reached: the URL that names it, and how a connection to SQLite is set up.

Conventions:
    SQLite keeps a write-ahead log; a writer waits for up to `BUSY_TIMEOUT_S` for another. Connections are closed after
    each use: a pool would hold files open, and a profile is opened a few times a session.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from cocreate.errors import FileError, InputError
from cocreate.taste.home import DATABASE_NAME, database_url, home_folder

BUSY_TIMEOUT_S = 10.0


def connect(home: Path | None) -> sa.Engine:
    """The engine of the database in a folder; of None that of ``COCREATE_DB``, else the user's.

    Raises:
        InputError: if ``COCREATE_DB`` is no URL that we know.
        FileError: if the folder cannot be written.
    """
    given = database_url() if home is None else None
    url = _checked(given) if given else _file_url(home)
    lite = url.get_backend_name() == "sqlite"
    engine = sa.create_engine(
        url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S} if lite else {"connect_timeout": 10}
    )
    if lite:
        sa.event.listen(engine, "connect", _set_up_connection)
        sa.event.listen(engine, "begin", _begin)
    return engine


def _file_url(home: Path | None) -> sa.URL:
    folder = home_folder() if home is None else home
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"the profile folder {folder} cannot be made: {error.strerror}; set COCREATE_HOME to another"
        ) from error
    return sa.URL.create("sqlite", database=str(folder / DATABASE_NAME))


def _checked(text: str) -> sa.URL:
    way_out = "must be a URL such as sqlite:////home/me/taste.db or postgresql://me:secret@server/music"
    try:
        url = sa.make_url(text)
        kind = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise InputError(f"COCREATE_DB {way_out}, got {text!r}") from error
    if kind not in ("sqlite", "postgresql") or (kind == "sqlite" and not url.database):
        raise InputError(f"COCREATE_DB {way_out}, got {kind}")
    if kind == "sqlite":
        return url
    try:
        import psycopg  # noqa: F401 - is the driver there?
    except ImportError as error:
        raise InputError("PostgreSQL needs its driver: pip install 'cocreate[postgres]'") from error
    return url.set(drivername="postgresql+psycopg")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up_connection(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves: tables are made inside one, too
    _write_ahead(connection)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten
    connection.execute("PRAGMA synchronous=FULL")  # what was reported as stored outlives a power cut


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
