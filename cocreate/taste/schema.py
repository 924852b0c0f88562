"""The tables of the listeners' memory, as the newest migration leaves them.

Conventions:
    ``migrations/versions`` makes these tables step by step in any database, old or new; a test holds the two equal.
    JSON columns are text, so that SQLite and PostgreSQL keep the same. Times are UTC, ISO 8601.
"""

from __future__ import annotations

import sqlalchemy as sa

HEAD = "0004"  # the newest migration

META = sa.MetaData()
PROFILES = sa.Table(
    "profiles",
    META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
    sa.Column("created", sa.String, nullable=False),
)
ITEMS = sa.Table(
    "items",
    META,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("style", sa.String, nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("features", sa.Text, nullable=False),  # JSON: feature name -> value or null; {} where nothing was heard
    sa.Column("artist", sa.String, nullable=False, server_default=""),
    sa.Column("album", sa.String, nullable=False, server_default=""),
    sa.Column("year", sa.Integer),
    sa.Column("tags", sa.Text, nullable=False, server_default="[]"),  # JSON: words, also instruments
    sa.Column("traits", sa.Text, nullable=False, server_default="{}"),  # JSON: texture, audio, mood: name -> number
    sa.Column("words", sa.Text, nullable=False, server_default=""),  # lyrics
    sa.Column("work", sa.String, nullable=False, server_default=""),  # artist and title, folded: links history to files
    sa.Column("listed", sa.String),  # when it came into the catalogue; null: only met by a listener
    sa.Index("items_by_work", "work"),
    sa.Index("items_by_listing", "listed", "id"),
)
EVENTS = sa.Table(
    "events",
    META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("profile", sa.ForeignKey("profiles.id"), nullable=False),
    sa.Column("item", sa.ForeignKey("items.id"), nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("rating", sa.Integer),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("count", sa.Integer, nullable=False, server_default="1"),  # plays
    sa.Column("seconds", sa.Float),  # heard, of one play
    sa.Column("place", sa.String, nullable=False, server_default=""),  # device, country or scene
    sa.Column("print", sa.String),  # of an imported row: the same row twice is one event
    sa.Index("events_by_profile", "profile"),
    sa.Index("events_by_print", "profile", "print", unique=True),
)
FITS = sa.Table(
    "fits",  # what was learned of a listener's neighbours (`crowd`): theirs too, so that forgetting empties it
    META,
    sa.Column("profile", sa.ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("stamp", sa.String, nullable=False),  # names the fit; a new one for each
    sa.Column("listeners", sa.Integer, nullable=False),  # whose histories it has learned from, and of how many events
    sa.Column("events", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary),  # .npz; null while it is being learned
)
STAMPS = sa.Table(
    "stamps",  # one row; another value whenever what the catalogue says has changed
    META,
    sa.Column("stamp", sa.String, primary_key=True),
)
PACKED = sa.Table(
    "packed",  # what ranking reads of a track of the catalogue (`packed`); none for a track that has changed since
    META,
    sa.Column("item", sa.ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("layout", sa.String, nullable=False),  # names the features, in order, that it was packed with
    sa.Column("style", sa.Text, nullable=False),
    sa.Column("artist", sa.Text, nullable=False),
    sa.Column("album", sa.Text, nullable=False),
    sa.Column("work", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),  # one a line (`table.facts_of`)
    sa.Column("melody", sa.LargeBinary),  # 64-bit numbers, nan where not known; null where none is
    sa.Column("parts", sa.LargeBinary),
    sa.Column("recording", sa.LargeBinary),
    sa.Column("about", sa.LargeBinary),
    sa.Column("judged", sa.LargeBinary),
)
