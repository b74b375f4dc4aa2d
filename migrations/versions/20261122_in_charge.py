"""In charge."""

from alembic import op

revision = "20261122_in_charge"
down_revision = "20261122_paced_channels"
branch_labels = None
depends_on = None

KINDS = ("emergency", "news", "task", "lead", "notice", "channel")


def upgrade() -> None:
    allow((*KINDS, "in_charge"))


def downgrade() -> None:
    op.execute("UPDATE alerts SET kind = 'task' WHERE kind = 'in_charge'")
    allow(KINDS)


def allow(kinds: tuple[str, ...]) -> None:
    """Let alerts be of these kinds."""
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_alerts_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_alerts_kind"), f"kind IN {kinds}")
