"""Signing kids."""

import base64
import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_signing_kids"
down_revision = "20261123_lists_in_order"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give up the kids that a bureau had only listed, for its log or for sealing: nobody had proven to hold them."""
    tokens = sa.column("tokens", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"))
    manifests = sa.table("manifests", sa.column("unit_code"), tokens)
    held = sa.table("peer_keys", sa.column("kid"), sa.column("unit_code"))
    connection = op.get_bind()
    for unit_code, chained in connection.execute(sa.select(manifests.c.unit_code, tokens)).all():
        ours = held.c.unit_code == unit_code
        connection.execute(held.delete().where(ours, held.c.kid.in_(_only_listed(chained))))


def _only_listed(chained: Any) -> list[str]:  # noqa: ANN401 - whatever stands there
    """Return the kids of a manifest's keys that do not sign; none of one that is damaged: the upgrade goes on."""
    try:
        payload = chained[0].split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return [key["kid"] for key in said["keys"] if key["use"] != "sign"]
    except (AttributeError, LookupError, TypeError, ValueError):
        return []


def downgrade() -> None:
    """Leave it: the version before holds them again with the bureau's next manifest, and asks for none of them."""
