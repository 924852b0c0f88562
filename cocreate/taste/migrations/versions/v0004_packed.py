"""What ranking reads of the catalogue, packed; and a stamp that says whether the catalogue has changed."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables: nothing is packed yet, it is where a catalogue is first ranked."""
    op.create_index("items_by_listing", "items", ["listed", "id"])
    stamps = op.create_table("stamps", sa.Column("stamp", sa.String, primary_key=True))
    op.bulk_insert(stamps, [{"stamp": secrets.token_hex(8)}])
    op.create_table(
        "packed",
        sa.Column("item", sa.String, sa.ForeignKey("items.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("layout", sa.String, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("style", "artist", "album", "work", "facts")),
        *(sa.Column(name, sa.LargeBinary) for name in ("melody", "parts", "recording", "about", "judged")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("packed")
    op.drop_table("stamps")
    op.drop_index("items_by_listing", "items")
