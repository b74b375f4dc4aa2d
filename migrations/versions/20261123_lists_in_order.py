"""Lists in order: each page is read along an index that has the list's order."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_lists_in_order"
down_revision = "20261123_turns_of_forms"
branch_labels = None
depends_on = None

NEW = {
    "alerts": [["status", "raised_at", "id"], ["state", "status", "raised_at", "id"]],
    "bulletins": [
        ["is_exercise", "told_at", "id"],
        ["is_exercise", "updated_at", "id"],
        ["is_exercise", "valid_until", "id"],
    ],
    "consultations": [["awaits_us", "id"]],
    "dispatches": [["posted_at", "id"], ["state", "posted_at", "id"]],
    "emergencies": [["status", "occurred_at", "id"], ["state", "status", "raised_at", "id"]],
    "leads": [
        ["is_exercise", "created_at", "id"],
        ["is_exercise", "next_due", "id"],
        ["is_exercise", "updated_at", "id"],
        ["peer", "is_exercise", "updated_at", "id"],
    ],
    "liaison_records": [["state", "held_at", "digest"]],
    "notices": [["state", "id"]],
    "obligations": [["state", "due_at", "key"]],
}
OLD = {
    "alerts": [["state", "raised_at", "id"]],
    "bulletins": [["told_at", "id"], ["updated_at"], ["valid_until", "id"]],
    "consultations": [["awaits_us"]],
    "dispatches": [["posted_at"]],
    "leads": [["created_at"], ["next_due", "id"], ["updated_at", "id"], ["peer", "updated_at"]],
    "notices": [["role", "state", "id"]],
    "obligations": [["state", "due_at"]],
}
UNREAD = "ix_bulletins_unread"


def upgrade() -> None:
    exchange(OLD, NEW)
    unread = sa.text("direction = 'in' AND opened_at IS NULL")
    op.create_index(UNREAD, "bulletins", ["told_at", "id"], sqlite_where=unread, postgresql_where=unread)


def downgrade() -> None:
    op.drop_index(UNREAD, "bulletins")
    exchange(NEW, OLD)


def exchange(gone: dict[str, list[list[str]]], made: dict[str, list[list[str]]]) -> None:
    """Drop indexes and create others."""
    for table, indexes in gone.items():
        for columns in indexes:
            op.drop_index(name_of(table, columns), table)
    for table, indexes in made.items():
        for columns in indexes:
            op.create_index(name_of(table, columns), table, columns)


def name_of(table: str, columns: list[str]) -> str:
    """Return what an index is called."""
    return f"ix_{table}_{'_'.join(columns)}"
