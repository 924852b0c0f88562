"""A catalogue of items with artist, tags and what was heard in them; plays with count, length and place; imports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns; what is stored stays as it is."""
    for column in (
        sa.Column("artist", sa.String, nullable=False, server_default=""),
        sa.Column("album", sa.String, nullable=False, server_default=""),
        sa.Column("year", sa.Integer),
        sa.Column("tags", sa.Text, nullable=False, server_default="[]"),
        sa.Column("traits", sa.Text, nullable=False, server_default="{}"),
        sa.Column("words", sa.Text, nullable=False, server_default=""),
        sa.Column("work", sa.String, nullable=False, server_default=""),
        sa.Column("listed", sa.String),
    ):
        op.add_column("items", column)
    op.create_index("items_by_work", "items", ["work"])
    for column in (
        sa.Column("count", sa.Integer, nullable=False, server_default="1"),
        sa.Column("seconds", sa.Float),
        sa.Column("place", sa.String, nullable=False, server_default=""),
        sa.Column("print", sa.String),
    ):
        op.add_column("events", column)
    op.create_index("events_by_print", "events", ["profile", "print"], unique=True)


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("events_by_print", "events")
    op.drop_index("items_by_work", "items")
    with op.batch_alter_table("events") as events:
        for name in ("count", "seconds", "place", "print"):
            events.drop_column(name)
    with op.batch_alter_table("items") as items:
        for name in ("artist", "album", "year", "tags", "traits", "words", "work", "listed"):
            items.drop_column(name)
