"""Raising an emergency: weighed, and sent at once or by a second person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments
from ecolink.cadence.calendars import china_day
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.emergencies.arrivals import Arrivals
from ecolink.exchanges.emergencies.dispatch import Dispatch, Signature
from ecolink.exchanges.emergencies.drafting import (
    Weighed,
    draft,
    named_in,
    refuse_unaddressed,
    refuse_unconfirmed,
)
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.exchanges.emergencies.register import Register
from ecolink.exchanges.emergencies.rules import EmergencyState
from ecolink.exchanges.emergencies.schemas import EmergencyIn
from ecolink.exchanges.emergencies.tasks import TaskBoard
from ecolink.exchanges.enclosures import refer
from ecolink.exchanges.governance import Terms, refuse_same_person
from ecolink.exchanges.personal_data import refuse_in_text, texts_in
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.emergencies import EmergencyAlertV1, Status
from ecolink.protocol.kinds.rosters import RosterV1
from ecolink.protocol.statement import AttachmentRef
from ecolink.surface.versions import check_version


@dataclass(frozen=True, repr=False, kw_only=True)
class Raising:
    """Raises emergencies: until the alert is out, nobody outside hears of them."""

    register: Register
    dispatch: Dispatch
    tasks: TaskBoard
    arrivals: Arrivals
    attachments: Attachments
    approval_required: bool
    """Always, for the real thing."""
    terms: Terms
    agreed: Agreed

    def weigh(self, session: Session, entry: EmergencyIn, *, by: Principal, now: datetime) -> Weighed:
        """Say what raising `entry` would come to; nothing is kept and nobody is told.

        Raises:
            InvalidError: it breaks a rule of the domain.
            ConflictError: a recipient is no active peer.
            SharingError: no agreement lets us tell emergencies to a recipient.

        """
        refuse_unaddressed(entry)
        facts = entry.facts()
        refuse_in_text(texts_in(facts))
        audience = self._audience(session, entry.recipients, entry.alliance_id, now)[0]
        usual = self.agreed.terms_with(session, self.terms, audience, china_day(now))
        row = draft(entry, usual, author=self.register.us, by=by, now=now)
        self.register.describe(row, EmergencyAlertV1.model_validate(self.register.measure(facts)))
        waits = entry.status is Status.ACTUAL and (
            self.approval_required or not by.may(Permission.EMERGENCY_APPROVE) or by.kind != "user"
        )
        return Weighed(row, audience, waits)

    def raise_alert(self, session: Session, entry: EmergencyIn, *, by: Principal, now: datetime) -> Emergency:
        """Raise an emergency: send it at once, or leave it waiting for a second person.

        A drill or test is sent at once. A real one is, when the caller may approve emergencies, the bureau does
        not insist on two people, and the title was typed again.

        Raises:
            ConfirmationError: it would be sent at once, but the title was not typed again.
            InvalidError: it breaks a rule of the domain.
            ConflictError: a recipient is no active peer.
            SharingError: no agreement lets us tell emergencies to a recipient.

        """
        weighed = self.weigh(session, entry, by=by, now=now)
        row = weighed.row
        if entry.status is Status.ACTUAL and not weighed.waits:
            refuse_unconfirmed(entry.title, entry.confirm)

        session.add(row)
        session.flush()
        if weighed.waits:
            self._enclosures(session, row)
        else:
            self._send_alert(session, row, Signature.of(by), now, approver=None)
        return row

    def approve(
        self, session: Session, emergency_id: str, *, version: int, confirm: str, by: Principal, now: datetime
    ) -> Emergency:
        """Send what another person raised.

        Raises:
            NotFoundError: there is no such emergency.
            IllegalMoveError: it does not wait for approval.
            StaleError: it is not at `version` any more.
            SecondPersonError: the caller raised it.
            ConfirmationError: the title was not typed again.

        """
        row = self.register.take(session, emergency_id, "alert")
        check_version(version, row.version)
        refuse_same_person(row.raised_by or "", by)
        refuse_unconfirmed(row.title, confirm)
        row.approved_by_name = by.name
        raiser = Signature(row.raised_by_name or "", row.raised_by_role or "", by.username)
        self._send_alert(session, row, raiser, now, approver=by)
        return row

    def discard(self, session: Session, emergency_id: str, *, version: int) -> Emergency:
        """Drop what waits for approval; nothing is sent.

        Raises:
            NotFoundError: there is no such emergency.
            IllegalMoveError: it does not wait for approval.
            StaleError: it is not at `version` any more.

        """
        row = self.register.take(session, emergency_id, "discard")
        check_version(version, row.version)
        row.state = EmergencyState.DISCARDED
        session.flush()
        return row

    def _send_alert(
        self, session: Session, row: Emergency, by: Signature, now: datetime, *, approver: Principal | None
    ) -> None:
        audience, roster = self._audience(session, row.recipients, row.alliance_id, now)
        refs = self._enclosures(session, row)
        body = EmergencyAlertV1.model_validate(row.situation).model_copy(update={"alliance": roster})
        sent = self.dispatch.send(
            session, row, "alert", body, audience, by=by, now=now, approver=approver, attachments=refs
        )
        self.register.refresh(session, row)
        self.arrivals.note_drill(session, row, now)
        self.tasks.expect_answers(session, row, sent.statement.jti, audience, now)

    def _audience(
        self, session: Session, recipients: Sequence[str], alliance_id: str | None, now: datetime
    ) -> tuple[list[str], RosterV1 | None]:
        audience, roster = self.dispatch.audience(session, recipients, alliance_id)
        self.agreed.refuse_unshared(session, "emergency", audience, china_day(now))
        return audience, roster

    def _enclosures(self, session: Session, row: Emergency) -> list[AttachmentRef]:
        return refer(session, self.attachments, named_in(row))
