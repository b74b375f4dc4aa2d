"""The liaison room as the rest of the node knows it: officers record, correct, confirm, object, take back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.cadence.calendars import china_day
from ecolink.cadence.obligations import Obligation
from ecolink.cadence.standing import Evidence
from ecolink.errors import ConflictError, IllegalMoveError, InvalidError
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.liaison import duties, ledger
from ecolink.exchanges.liaison.arrivals import Arrivals
from ecolink.exchanges.liaison.forms import Forms
from ecolink.exchanges.liaison.models import LiaisonRecord
from ecolink.exchanges.liaison.schemas import ContactIn, CorrectionIn
from ecolink.exchanges.liaison.views import Views
from ecolink.exchanges.personal_data import refuse_in_text, texts_in
from ecolink.exchanges.voice import Voice
from ecolink.federation.statements import Stored
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.leads import Officer
from ecolink.protocol.kinds.liaison import (
    ContactV1,
    LiaisonConfirmedV1,
    LiaisonObjectedV1,
    LiaisonRecordedV1,
    LiaisonRecordPrivateV1,
    LiaisonWithdrawnV1,
    LiaisonWordPrivateV1,
)

PURPOSE = "警务协作月联系"


@dataclass(frozen=True, repr=False, kw_only=True)
class LiaisonService:
    """All moves on contacts."""

    voice: Voice
    access: AccessLog
    arrivals: Arrivals
    forms: Forms
    views: Views

    @property
    def us(self) -> str:
        """Our unit code."""
        return self.voice.us

    def record(self, session: Session, entry: ContactIn, *, by: Principal, now: datetime) -> LiaisonRecord:
        """Record a contact; it is ours as signed, and the others are asked to confirm it.

        Raises:
            InvalidError: it was not held yet, a text names a person, or the partner, the agreement or the missed duty
                is not known.
            ConflictError: a partner is no active peer.

        """
        partners = frozenset(entry.partners)
        self._refuse_strangers(session, partners)
        body = self._body(session, entry, partners, now)
        return self._tell_record(session, entry, body, partners, "", by, now)

    def correct(
        self, session: Session, contact: str, entry: CorrectionIn, *, by: Principal, now: datetime
    ) -> LiaisonRecord:
        """Put another record of ours in the place of one; the others are asked to confirm it anew.

        Raises:
            NotFoundError: there is no such contact.
            ConflictError: the record is not the one that stands, or a partner is no active peer.
            IllegalMoveError: another bureau wrote it, or it was taken back.
            InvalidError: as for a new record.

        """
        row = self._standing(session, contact, entry.record)
        self._refuse_unless_ours(row)
        partners = row.members - {self.us}
        newest = ledger.records(session, contact)[-1].digest
        body = self._body(session, entry, partners, now).model_copy(update={"supersedes": newest})
        return self._tell_record(session, entry, body, partners, contact, by, now)

    def confirm(self, session: Session, contact: str, record: str, *, by: Principal, now: datetime) -> LiaisonRecord:
        """Sign a record another bureau wrote.

        Raises:
            NotFoundError: there is no such contact.
            ConflictError: the record is not the one that stands.
            IllegalMoveError: it is our own, we signed it before, or it was taken back.

        """
        row = self._standing(session, contact, record)
        self._refuse_unless_theirs(session, row)
        return self._tell_word(session, row, LiaisonConfirmedV1(record=record), by, now)

    def object_to(
        self, session: Session, contact: str, record: str, *, reason: str, by: Principal, now: datetime
    ) -> LiaisonRecord:
        """Say why we do not sign a record as it stands. We may sign it later all the same.

        Raises:
            NotFoundError: there is no such contact.
            ConflictError: the record is not the one that stands.
            IllegalMoveError: it is our own, we signed it before, or it was taken back.
            InvalidError: the reason names a person by number.

        """
        row = self._standing(session, contact, record)
        self._refuse_unless_theirs(session, row)
        refuse_in_text([("/reason", reason)])
        return self._tell_word(session, row, LiaisonObjectedV1(record=record, reason=reason), by, now)

    def withdraw(
        self, session: Session, contact: str, record: str, *, reason: str, by: Principal, now: datetime
    ) -> LiaisonRecord:
        """Take back a record of ours that not all have signed.

        Raises:
            NotFoundError: there is no such contact.
            ConflictError: the record is not the one that stands.
            IllegalMoveError: another bureau wrote it, all signed it, or it was taken back before.
            InvalidError: the reason names a person by number.

        """
        row = self._standing(session, contact, record)
        self._refuse_unless_ours(row)
        if row.state == "confirmed":
            raise IllegalMoveError(
                "All have signed this record; correct it instead.", "各方均已确认本记录，不能撤回，可作更正。"
            )
        refuse_in_text([("/reason", reason)])
        return self._tell_word(session, row, LiaisonWithdrawnV1(record=record, reason=reason), by, now)

    # What the rest of the node asks ---------------------------------------------------------------------------

    def evidence_of(self, session: Session, obligation: Obligation) -> Evidence:
        """Return what signed records say of one obligation of monthly liaison."""
        return ledger.evidence_of(session, obligation)

    def is_under_way(self, session: Session, thread: str, now: datetime) -> bool:
        """Tell whether this thread is a contact that still waits for somebody's word."""
        del now
        state = session.scalar(
            select(LiaisonRecord.state).where(LiaisonRecord.contact == thread, LiaisonRecord.is_current)
        )
        return state == "awaiting"

    # Within ---------------------------------------------------------------------------------------------------

    def _body(
        self, session: Session, entry: ContactIn | CorrectionIn, partners: Collection[str], now: datetime
    ) -> LiaisonRecordedV1:
        if entry.held_at > now:
            raise InvalidError(
                "A contact is recorded after it was held.", "联系完成后方可记录，时间不能在将来。", pointer="/held_at"
            )
        self._refuse_unfit_duty(session, entry, {self.us, *partners})
        facts = {name: getattr(entry, name) for name in ContactV1.model_fields}
        matters = entry.open_matters if entry.open_matters is not None else self.forms.matters(session, partners)
        body = LiaisonRecordedV1(
            **facts,
            open_matters=tuple(matters),
            footing=self.forms.standing(session, partners),
            checkpoint=self.forms.checkpoint(session),
        )
        refuse_in_text(texts_in(body.to_wire()), [person.name for person in entry.participants])
        return body

    def _refuse_strangers(self, session: Session, partners: Collection[str]) -> None:
        strangers = sorted(set(partners) - self.views.peers.names(session).keys())
        if strangers:
            raise InvalidError(
                f"{strangers[0]} is no other bureau known here.",
                f"{strangers[0]} 不是本节点已知的对方单位。",
                pointer="/partners",
            )

    def _refuse_unfit_duty(self, session: Session, entry: ContactIn | CorrectionIn, parties: Collection[str]) -> None:
        agreements = list(self.forms.in_force(session))
        if entry.agreement is not None and not any(
            each.code == entry.agreement and set(parties) <= each.members for each in agreements
        ):
            raise InvalidError(
                f"These bureaus have no agreement {entry.agreement} in force.",
                f"各方之间没有生效的协议 {entry.agreement}。",
                pointer="/agreement",
            )
        if entry.makes_up is None:
            return
        missed = duties.named(agreements, entry.makes_up)
        if missed is None or not missed.parties <= set(parties) or china_day(entry.held_at) <= missed.period.last:
            raise InvalidError(
                f"{entry.makes_up} is no missed monthly contact of these bureaus.",
                f"{entry.makes_up} 不是各方之间漏办的月联系。",
                pointer="/makes_up",
            )

    def _tell_record(
        self,
        session: Session,
        entry: ContactIn | CorrectionIn,
        body: LiaisonRecordedV1,
        partners: Collection[str],
        contact: str,
        by: Principal,
        now: datetime,
    ) -> LiaisonRecord:
        private = LiaisonRecordPrivateV1(by=_signer(by), participants=tuple(entry.participants))
        told = self._say(session, body, private, partners, contact, by, now)
        for recipient in told.statement.aud:
            disclosed = AccessEntry(
                at=now,
                actor=by.username,
                role=by.lead_role,
                action=AccessAction.DISCLOSE,
                object_type=ledger.KIND,
                object_id=told.statement.thread,
                recipient=recipient,
                reason=PURPOSE,
                details={"statement": told.statement.digest, "participants": str(len(entry.participants))},
            )
            self.access.record(session, disclosed)
        return session.get_one(LiaisonRecord, told.statement.digest)

    def _tell_word(
        self, session: Session, row: LiaisonRecord, word: Frozen, by: Principal, now: datetime
    ) -> LiaisonRecord:
        private = LiaisonWordPrivateV1(by=_signer(by))
        self._say(session, word, private, row.members - {self.us}, row.contact, by, now)
        return row

    def _say(
        self,
        session: Session,
        body: Frozen,
        private: Frozen,
        to: Collection[str],
        contact: str,
        by: Principal,
        now: datetime,
    ) -> Stored:
        told = self.voice.say(session, body, to=to, purpose=PURPOSE, now=now, thread=contact, by=by, private=private)
        self.arrivals.apply(session, told, now)
        return told

    def _standing(self, session: Session, contact: str, record: str) -> LiaisonRecord:
        """Return the record of a contact that stands, if it is the one the caller read, locked."""
        row = ledger.current(session, contact, lock=True)
        if row.digest != record:
            raise ConflictError(
                "This is not the record that stands: read the contact again, it was corrected.",
                "该记录已被更正或不属于本次联系，请重新查看后再办理。",
                pointer="/record",
            )
        if row.state == "withdrawn":
            raise IllegalMoveError("This record was taken back.", "该记录已撤回。")
        return row

    def _refuse_unless_ours(self, row: LiaisonRecord) -> None:
        if row.author != self.us:
            raise IllegalMoveError(
                "Another bureau wrote this record; object to it, and say why.", "本记录由对方填写，如有异议请提出异议。"
            )

    def _refuse_unless_theirs(self, session: Session, row: LiaisonRecord) -> None:
        if row.author == self.us:
            raise IllegalMoveError(
                "This is our own record: recording it was signing it.", "本记录由本局填写，填写即视为确认。"
            )
        documents = ledger.documents(session, [row])
        if self.us in register.read(session, documents.values())[row.digest].signatures:
            raise IllegalMoveError("We have signed this record already.", "本局已确认本记录。")


def _signer(by: Principal) -> Officer:
    return Officer(name=by.name.strip() or by.username)
