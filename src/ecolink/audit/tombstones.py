"""What is left of an erased private part: who erased it, when and why, as a leaf of the evidence log.

Erasing takes the private part with its salt out of the database, so that nobody can guess personal data from
the digest that stays in the signed statement. The tombstone tells a verifier that this was done openly.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.audit.models import Tombstone
from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.times import to_text
from ecolink.protocol.leaves import LeafKind
from ecolink.storage.upsert import insert_new

FORM = "ecolink.tombstone/1"


def bury(
    log: EvidenceLog, session: Session, *, statement: str, private: str, by: str, reason: str, now: datetime
) -> str:
    """Write the tombstone of the private part with digest `private` of `statement` (a digest); return its digest.

    `by` is a username or a unit code, `reason` a sentence without personal data: neither is ever erased.
    A part is buried once; the caller deletes its bytes in the same transaction.
    """
    document = {
        "form": FORM,
        "unit_code": log.unit_code,
        "statement": statement,
        "private": private,
        "by": by,
        "reason": reason,
        "at": to_text(now),
    }
    digest = sha256_hex(dumps(document))
    row = {"statement": statement, "digest": digest, "document": document, "at": now}
    if insert_new(session, Tombstone, [row]):
        log.append(session, LeafKind.ERASURE, digest, statement)
    return digest


def of(session: Session, statements: Collection[str]) -> dict[str, Tombstone]:
    """Return the tombstones of these statements (digests), by statement."""
    rows = session.scalars(select(Tombstone).where(Tombstone.statement.in_(statements)))
    return {row.statement: row for row in rows}
