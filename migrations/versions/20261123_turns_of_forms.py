"""Turns of forms."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_turns_of_forms"
down_revision = "20261122_in_charge"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("unfinished_forms", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_sent", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("page", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("turn", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.execute("DELETE FROM unfinished_forms WHERE is_sent")
    with op.batch_alter_table("unfinished_forms", schema=None) as batch_op:
        batch_op.drop_column("turn")
        batch_op.drop_column("page")
        batch_op.drop_column("is_sent")
