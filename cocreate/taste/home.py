"""Where a listener's profile lives, and whether there is one: no database library needed to ask.

Conventions:
    The home folder is the user's data folder for "cocreate", or what ``COCREATE_HOME`` says. The database is one file
    in it, ``taste.db``. A URL in ``COCREATE_DB`` names another database, then shared by all who have it.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

DATABASE_NAME = "taste.db"
HOME_VARIABLE = "COCREATE_HOME"
URL_VARIABLE = "COCREATE_DB"


def home_folder() -> Path:
    """The folder for profiles: ``COCREATE_HOME``, else the user's data folder. It need not exist yet."""
    given = os.environ.get(HOME_VARIABLE, "").strip()
    if given:
        return Path(given).expanduser()
    from platformdirs import user_data_dir

    return Path(user_data_dir("cocreate", appauthor=False))


def database_url() -> str | None:
    """The URL of another database than the home folder's, if there is one."""
    return os.environ.get(URL_VARIABLE, "").strip() or None


def has_profile(home: Path | None = None, name: str | None = None) -> bool:
    """Whether profile ``name`` (or any, for None) is stored; a few milliseconds, without SQLAlchemy.

    True also for a file that cannot be read: opening the store then says what is wrong with it.
    """
    if home is None and database_url() is not None:
        from cocreate.taste.store import Store

        names = Store().profiles()
        return bool(names) if name is None else name in names
    path = (home_folder() if home is None else home) / DATABASE_NAME
    if not path.is_file() or path.stat().st_size == 0:
        return False
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            query = "SELECT 1 FROM profiles WHERE ? IS NULL OR name = ? LIMIT 1"
            return connection.execute(query, (name, name)).fetchone() is not None
        finally:
            connection.close()
    except sqlite3.Error:
        return True
