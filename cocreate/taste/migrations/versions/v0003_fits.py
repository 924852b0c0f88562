"""What was learned of other listeners' histories, kept until they have changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "fits",
        sa.Column(
            "profile",
            sa.Integer,
            sa.ForeignKey("profiles.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("stamp", sa.String, nullable=False),
        sa.Column("listeners", sa.Integer, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("fits")
