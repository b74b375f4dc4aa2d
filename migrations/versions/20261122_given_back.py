"""Mark our own statements that a peer gave back after a restore, and find a peer's by their place in its channel."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_given_back"
down_revision = "20261122_first"
branch_labels = None
depends_on = None

RETURNED = sa.text("returned_at IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("statements") as statements:
        statements.add_column(sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True))
        statements.create_index("ix_statements_place", ["in_channel_id", "in_seq"])
        statements.create_index("ix_statements_returned", ["digest"], sqlite_where=RETURNED, postgresql_where=RETURNED)


def downgrade() -> None:
    with op.batch_alter_table("statements") as statements:
        statements.drop_index("ix_statements_returned", sqlite_where=RETURNED, postgresql_where=RETURNED)
        statements.drop_index("ix_statements_place")
        statements.drop_column("returned_at")
