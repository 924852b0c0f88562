"""Old databases become new ones: Alembic's steps, run only where the newest has not been.

Conventions:
    Who opens a database while another program changes it waits: SQLite for its write lock, PostgreSQL for an advisory
    lock. All steps are one transaction. A database from before Alembic is known by its tables and taken as step 0001.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from cocreate.errors import FileError
from cocreate.taste.schema import HEAD

_LOCK = 7_260_001  # any number, the same for all of us
_VERSIONS = "alembic_version"


def is_current(connection: sa.Connection) -> bool:
    """Whether the newest step has run.

    Raises:
        FileError: if a newer version of cocreate made the database.
    """
    if not sa.inspect(connection).has_table(_VERSIONS):
        return False
    found = connection.execute(sa.text(f"SELECT version_num FROM {_VERSIONS}")).scalar()  # noqa: S608 - our constant
    if found is not None and found > HEAD:
        raise FileError(f"the profile database is of version {found}, newer than {HEAD}; use a newer cocreate with it")
    return bool(found == HEAD)


def upgrade(connection: sa.Connection) -> None:
    """Run the steps that are missing, in the caller's transaction, which must hold the write lock on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if is_current(connection):  # another program was faster
        return
    from alembic import command
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    settings.attributes["connection"] = connection
    tables = sa.inspect(connection).get_table_names()
    if "profiles" in tables and _VERSIONS not in tables:
        command.stamp(settings, "0001")
    command.upgrade(settings, "head")
