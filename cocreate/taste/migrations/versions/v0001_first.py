"""Profiles, items and events, as the first version made them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "profiles",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("created", sa.String, nullable=False),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("style", sa.String, nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("features", sa.Text, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("profile", sa.Integer, sa.ForeignKey("profiles.id"), nullable=False),
        sa.Column("item", sa.String, sa.ForeignKey("items.id"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("rating", sa.Integer),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )
    op.create_index("events_by_profile", "events", ["profile"])


def downgrade() -> None:
    """Drop them."""
    for name in ("events", "items", "profiles"):
        op.drop_table(name)
