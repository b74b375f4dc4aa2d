"""Telling the partner that something is overdue, and keeping what the partner tells.

Each side says it once for each obligation, in its own node's name, in the transaction that finds it overdue: never
after it was met, and never twice. Both words stand side by side, so that two nodes which do not see the same day, the
same terms or the same missing part show it.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.exchanges.cosigned import register
from ecolink.exchanges.obligations.models import LatenessNotice, ObligationRow
from ecolink.exchanges.voice import Voice
from ecolink.federation.handling import Reject
from ecolink.federation.peers import PeerState
from ecolink.federation.statements import Stored
from ecolink.kit.events import structlog
from ecolink.protocol.kinds.obligations import ObligationLateV1
from ecolink.storage.upsert import insert_new

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, repr=False)
class Lateness:
    """Says and hears that obligations are overdue."""

    voice: Voice

    def tell(self, session: Session, row: ObligationRow, now: datetime) -> None:
        """Tell the other parties that an obligation is overdue; those that are no active peers hear nothing."""
        others = self._reachable(session, row)
        if not others:
            _log.warning("obligations.nobody_to_tell", key=row.key)
            return
        word = ObligationLateV1(
            key=row.key,
            due_on=row.due_on,
            owing=tuple(row.owing),
            done=self.voice.us not in row.owing,
            terms=row.terms,
        )
        said = self.voice.say(session, word, to=others, purpose="告知协作义务逾期", now=now)
        _keep(session, word, said)

    def hear(self, session: Session, stored: Stored, now: datetime) -> None:  # noqa: ARG002 - a handler
        """Keep a peer's word that an obligation is overdue; of several on one obligation the first."""
        said = stored.statement
        try:
            word = ObligationLateV1.model_validate(said.body)
        except ValidationError:
            raise Reject("invalid-body", f"the body is not that of {said.type}") from None
        refuse_strangers(session, word.key, {said.iss, self.voice.us})
        _keep(session, word, stored)

    def take_back(self, session: Session, stored: Stored) -> None:
        """Know again what we said before a restore."""
        _keep(session, ObligationLateV1.model_validate(stored.statement.body), stored)

    def note_rejection(self, session: Session, digest: str, by: str, why: str) -> None:
        """A peer's node would not take our word, and said why."""
        row = session.scalar(select(LatenessNotice).where(LatenessNotice.digest == digest))
        if row is not None:
            row.rejected = {**row.rejected, by: why}

    def _reachable(self, session: Session, row: ObligationRow) -> list[str]:
        known = self.voice.outbox.peers.names(session)
        return [
            code
            for code in row.parties
            if code != self.voice.us and (peer := known.get(code)) is not None and peer.state is PeerState.ACTIVE
        ]


def refuse_strangers(session: Session, key: str, bureaus: set[str]) -> None:
    """Refuse what is said of an obligation under an agreement that these bureaus have nothing to do with.

    Raises:
        Reject: no terms of that agreement with all these parties are known here.

    """
    agreement = key.partition("/")[0]
    if not any(bureaus <= {*terms.parties} for terms in session.scalars(register.about("terms", [agreement]))):
        raise Reject("unknown-agreement", f"no agreement {agreement} between these bureaus is known here")


def _keep(session: Session, word: ObligationLateV1, stored: Stored) -> None:
    row = {
        "key": word.key,
        "author": stored.statement.iss,
        "digest": stored.statement.digest,
        "said_at": stored.statement.iat,
        "due_on": word.due_on,
        "terms": word.terms,
        "owing": sorted(word.owing),
        "done": word.done,
        "rejected": {},
    }
    insert_new(session, LatenessNotice, [row])
