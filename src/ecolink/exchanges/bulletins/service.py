"""Bulletins as people and peers use them, once they are told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments
from ecolink.audit.access import AccessLog
from ecolink.errors import IllegalMoveError
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.exchanges.bulletins.drafting import Drafting
from ecolink.exchanges.bulletins.duties import Duties
from ecolink.exchanges.bulletins.files import Files
from ecolink.exchanges.bulletins.models import FOR_EVER
from ecolink.exchanges.bulletins.onward import OnwardSharing
from ecolink.exchanges.bulletins.reading import Keyring, ThreadReader
from ecolink.exchanges.bulletins.receiving import Receiving
from ecolink.exchanges.bulletins.record import Dossier, Record
from ecolink.exchanges.bulletins.rules.tables import Act, State
from ecolink.exchanges.bulletins.schemas import BulletinFeedbackIn, BulletinRecallIn, BulletinUseIn
from ecolink.exchanges.bulletins.speaking import Saying, Speaker, Under
from ecolink.exchanges.bulletins.traces import Traces
from ecolink.exchanges.governance import Terms, refuse_same_person
from ecolink.federation.handling import Handlers
from ecolink.federation.outbox import Outbox
from ecolink.federation.peers import Peer, Peers
from ecolink.federation.statements import Stored
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.bulletins import (
    BulletinFeedbackV1,
    BulletinPrivate,
    BulletinReadV1,
    BulletinRecalledV1,
    BulletinUsedV1,
)
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.statement import Handling, HandlingCode, Lane, Onward
from ecolink.search.index import SearchIndex

TERMS = Terms(
    classification="internal",
    handling=Handling(code=HandlingCode.H0, onward=Onward.NONE),
    legal_basis="警务协作协议书·情报共享机制",
)
"""The defaults of a bulletin's terms (P)."""


@dataclass(frozen=True, repr=False)
class BulletinService:
    """The bulletins of the bureau `us`."""

    us: str
    record: Record
    speaker: Speaker
    drafting: Drafting
    onward: OnwardSharing
    receiving: Receiving
    traces: Traces
    attachments: Attachments

    @classmethod
    def build(
        cls,
        *,
        outbox: Outbox,
        peers: Peers,
        keyring: Keyring,
        search: SearchIndex,
        access: AccessLog,
        alliances: AllianceService,
        agreed: Agreed,
        attachments: Attachments,
        terms: Terms = TERMS,
    ) -> Self:
        """Put the parts together."""
        us = outbox.us
        record = Record(us, ThreadReader(us, keyring), search)
        speaker, traces = Speaker(outbox, peers, record), Traces(access)
        return cls(
            us=us,
            record=record,
            speaker=speaker,
            drafting=Drafting(us, record, speaker, alliances, traces, agreed, terms, attachments),
            onward=OnwardSharing(us, record, speaker, traces, agreed, attachments),
            receiving=Receiving(us, record, Duties(us, speaker, attachments), traces),
            traces=traces,
            attachments=attachments,
        )

    def names(self, session: Session) -> dict[str, Peer]:
        """Return the peers by unit code."""
        return self.speaker.peers.names(session)

    def files(self, session: Session, dossier: Dossier) -> Files:
        """Return the files that go with a bulletin."""
        return Files.of(session, self.attachments, dossier)

    # What the author does --------------------------------------------------------------------------------

    def recall(
        self, session: Session, bulletin_id: str, wanted: BulletinRecallIn, *, by: Principal, now: datetime
    ) -> Dossier:
        """Take a bulletin back, at once and everywhere. One person may decide it, but a person must.

        Raises:
            NotFoundError: there is no such bulletin.
            IllegalMoveError: it is not ours, not told, or recalled already.
            SecondPersonError: a program tries to recall.

        """
        dossier = self.record.open(session, bulletin_id)
        self._refuse_unless_ours(dossier)
        dossier.refuse_unless_open(Act.RECALLED)
        refuse_same_person("", by)
        versions, current = dossier.matter.versions, dossier.current()

        told = {unit for version in versions for unit in version.aud}
        saying = Saying(
            body=BulletinRecalledV1(
                bulletin=versions[0].digest,
                version=current.digest,
                reason_code=wanted.reason_code,
                reason=wanted.reason,
            ),
            to=self.speaker.reachable(session, told, Lane.CONTROL),
            under=Under.of_statement(current),
            by=by,
            approver=by,
            recalls=versions[0].jti,
        )
        if dossier.draft is not None:
            session.delete(dossier.draft)
        dossier.row.version += 1
        self.traces.leave(session, dossier.row, "recalled", by=by, now=now, reason=wanted.reason)
        return self.speaker.say(session, dossier.row, saying, now)

    # What a holder does ----------------------------------------------------------------------------------

    def read(self, session: Session, bulletin_id: str, *, by: Principal, now: datetime) -> Dossier:
        """Note that a person here opened a peer's bulletin; the first time, its author is told.

        Raises:
            NotFoundError: there is no such bulletin.

        """
        dossier = self.record.open(session, bulletin_id)
        if not dossier.is_unread:
            return dossier
        row, current = dossier.row, dossier.current()
        row.opened_at, row.opened_by = now, by.username
        row.version += 1
        self.traces.leave(
            session,
            row,
            "opened",
            by=by,
            now=now,
            private=dossier.thread.private(current.digest),
        )
        session.flush()
        if not self.speaker.reachable(session, [row.author], Lane.BULK):
            # The author cannot be told now. That somebody read it stands here; reading is not held up by it.
            return dossier
        return self._answer(session, dossier, BulletinReadV1(version=current.digest, opened_at=now), by, now)

    def use(
        self, session: Session, bulletin_id: str, wanted: BulletinUseIn, *, by: Principal, now: datetime
    ) -> Dossier:
        """Record what a peer's bulletin was used for, and tell its author.

        Raises:
            NotFoundError: there is no such bulletin.
            IllegalMoveError: it is our own, or was never held here.
            ConflictError: the author cannot be told just now.

        """
        dossier = self._held(session, bulletin_id, Act.USED)
        body = BulletinUsedV1(version=dossier.current().digest, used_on=wanted.used_on, used_for=wanted.used_for)
        self.traces.leave(session, dossier.row, "used", by=by, now=now)
        return self._answer(session, dossier, body, by, now)

    def give_feedback(
        self, session: Session, bulletin_id: str, wanted: BulletinFeedbackIn, *, by: Principal, now: datetime
    ) -> Dossier:
        """Tell the author of a peer's bulletin, and nobody else, what it was worth here.

        Raises:
            NotFoundError: there is no such bulletin.
            IllegalMoveError: it is our own, or was never held here.
            ConflictError: the author cannot be told just now.

        """
        dossier = self._held(session, bulletin_id, Act.FEEDBACK)
        body = BulletinFeedbackV1(
            version=dossier.current().digest,
            used_for=wanted.used_for,
            usefulness=wanted.usefulness,
            outcomes=wanted.outcomes,
            correction_requested=wanted.correction_requested,
        )
        self.traces.leave(session, dossier.row, "feedback given", by=by, now=now)
        return self._answer(session, dossier, body, by, now)

    def reveal(
        self, session: Session, bulletin_id: str, *, reason: str, by: Principal, now: datetime
    ) -> BulletinPrivate:
        """Return the persons and items in full, leaving a mark with the reason. Of a draft, those of the draft.

        Raises:
            NotFoundError: there is no such bulletin, or it names nobody.
            IllegalMoveError: it was recalled.

        """
        dossier = self.record.open(session, bulletin_id)
        if dossier.state is State.RECALLED:
            raise IllegalMoveError("This bulletin was recalled; it is not shown.", "该通报已撤回，不再显示。")
        private = private_of(dossier)
        case_number = case_number_of(dossier)
        self.traces.leave(
            session,
            dossier.row,
            "persons revealed",
            by=by,
            now=now,
            case_number=case_number,
            private=private,
            reason=reason,
        )
        return private

    # What peers do ---------------------------------------------------------------------------------------

    def handlers(self) -> Handlers:
        """Return what applies peers' statements about bulletins, by type."""
        return self.receiving.handlers()

    def on_rejected(self, session: Session, stored: Stored, now: datetime) -> None:
        """Take note that a peer found a statement of ours illegal."""
        self.receiving.renew_thread(session, stored.statement.thread, now)

    def is_under_way(self, session: Session, thread: str, now: datetime) -> bool:
        """Tell whether a bulletin of this thread is good until a day to come, or is being corrected just now."""
        return any(
            (row.recalled_at is None and now < row.valid_until < FOR_EVER)
            or self.record.view(session, row.id).draft is not None
            for row in self.record.of_thread(session, thread)
        )

    def erase(self, session: Session, thread: str, now: datetime) -> None:
        """Drop the persons that stand outside statements: in drafts of this thread's bulletins."""
        for row in self.record.of_thread(session, thread):
            draft = self.record.view(session, row.id).draft
            if draft is not None:
                draft.private = {}
                row.version += 1
            row.updated_at = now

    def _held(self, session: Session, bulletin_id: str, move: Act) -> Dossier:
        dossier = self.record.open(session, bulletin_id)
        if dossier.is_ours:
            raise IllegalMoveError("This bulletin is our own.", "这是本单位发布的通报。")
        dossier.refuse_unless_open(move)
        self.speaker.refuse_unless_reachable(session, dossier.row.author)
        return dossier

    def _answer(self, session: Session, dossier: Dossier, body: Frozen, by: Principal, now: datetime) -> Dossier:
        saying = Saying(body=body, to=[dossier.row.author], under=Under.of_statement(dossier.current()), by=by)
        return self.speaker.say(session, dossier.row, saying, now)

    def _refuse_unless_ours(self, dossier: Dossier) -> None:
        if not dossier.is_ours:
            raise IllegalMoveError("Only the author recalls a bulletin.", "只有发布方可以撤回通报。")


def private_of(dossier: Dossier) -> BulletinPrivate:
    """Return the persons and items that go with what is shown: the version that stands, or the first draft."""
    if dossier.matter.current is not None:
        return dossier.thread.private(dossier.matter.current.digest)
    return BulletinPrivate() if dossier.draft is None else BulletinPrivate.model_validate(dossier.draft.private)


def case_number_of(dossier: Dossier) -> str | None:
    """Return the case number that goes with them."""
    current = dossier.matter.current
    if current is not None and current.content is not None:
        return current.content.case_number
    return None if dossier.draft is None else dossier.draft.content.get("case_number")
