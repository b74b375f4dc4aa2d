"""Find batches by their end and leads by their proposals, however many there are."""

from alembic import op

revision = "20261122_found_by_index"
down_revision = "20261122_given_back"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_leads_proposal_count", "leads", ["proposal_count"])
    op.create_index("ix_out_batches_channel_id_last_seq", "out_batches", ["channel_id", "last_seq"])
    op.drop_index("ix_out_batches_channel_id", "out_batches")


def downgrade() -> None:
    op.create_index("ix_out_batches_channel_id", "out_batches", ["channel_id"])
    op.drop_index("ix_out_batches_channel_id_last_seq", "out_batches")
    op.drop_index("ix_leads_proposal_count", "leads")
