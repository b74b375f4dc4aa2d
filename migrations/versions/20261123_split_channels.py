"""Split channels."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_split_channels"
down_revision = "20261123_signing_kids"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("out_channels", schema=None) as batch_op:
        batch_op.add_column(sa.Column("split_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("out_channels", schema=None) as batch_op:
        batch_op.drop_column("split_at")
