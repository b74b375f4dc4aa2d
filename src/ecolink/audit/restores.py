"""A node brought back from a backup has forgotten leaves it already signed for. It says so, and begins anew.

Growing the old log again would show a second past. So the old one is closed where the backup left it, and a
new log opens whose first leaf is a *declaration*: where the old one stopped here, and what the peers hold of
it. A verifier then reports a declared gap, and knows how large it is, where it would report tampering.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog, forget_head, lock_open_head
from ecolink.audit.models import LogHead
from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.times import to_text
from ecolink.protocol.checkpoint import Checkpoint
from ecolink.protocol.leaves import LeafKind

FORM = "ecolink.restore/1"


def is_behind(log: EvidenceLog, session: Session, shown: Checkpoint) -> bool:
    """Tell whether a checkpoint of our own log, `shown` by a peer and verified, is not in the past of our database."""
    head = log.head(session)
    if shown.log_epoch != head.log_epoch:
        return shown.log_epoch > head.log_epoch
    return shown.size > head.tree.size or log.root(session, shown.size) != shown.root


def declare_restore(
    log: EvidenceLog, session: Session, shown: Mapping[str, Iterable[Checkpoint]], now: datetime
) -> str:
    """Close our log and open the next with a declaration as its first leaf; return the declaration's text.

    Do this before anything else is appended in the transaction.

    Args:
        log: our log.
        session: the transaction.
        shown: by unit code, the verified checkpoints of our own log that each peer holds.
        now: the moment (UTC).

    """
    last = log.checkpoint(session)
    closing, _, _ = lock_open_head(session)
    numbers = [closing, *(held.log_epoch for notes in shown.values() for held in notes)]
    opening = max(numbers) + 1
    text = dumps(
        {
            "form": FORM,
            "unit_code": log.unit_code,
            "log_epoch": opening,
            "closed": last,
            "held_by_peers": [
                {"unit_code": peer, "checkpoint": held.text} for peer, notes in sorted(shown.items()) for held in notes
            ],
            "at": to_text(now),
        }
    ).decode()
    session.execute(update(LogHead).where(LogHead.log_epoch == closing).values(closed_at=now))
    session.execute(insert(LogHead).values(log_epoch=opening, size=0, peaks=[], declaration=text))
    forget_head(session)
    log.append(session, LeafKind.RESTORE, sha256_hex(text.encode()), f"log {opening}")
    log.flush(session, now)
    return text


def declarations(session: Session) -> dict[int, str]:
    """Return the text of every restore declaration, by the number of the log it opened."""
    rows = session.execute(select(LogHead.log_epoch, LogHead.declaration).where(LogHead.declaration.is_not(None)))
    return {row.log_epoch: row.declaration for row in rows}
