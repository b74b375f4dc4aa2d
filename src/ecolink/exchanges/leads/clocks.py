"""What is due in a lead, and whether it is late: computed alike on both sides from signed times.

Clocks run from the recipient's signed word of receipt; before that the lead is 'undelivered' and nothing
is due. A return stops the answer clock; the corrected request starts it anew. While more information is
needed the clock rests. An interim reply sets the new due time it names. A due time in the request counts
only when it is later than its class of urgency gives: urgency, not a date, is what shortens a term. The terms
are those agreed between the two bureaus on the day of the request.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ecolink.cadence.calendars import WorkingDays
from ecolink.cadence.deadlines import DeadlinePolicy, is_overdue
from ecolink.exchanges.leads.rules import Matter, Move
from ecolink.protocol.kinds.leads import LeadRepliedV1, LeadRequestedV1

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Sorts after every due time: nothing is due."""

IDENTITY_CHECKS = ("household_registration", "records")
"""Kinds whose answer has the term of identity, age and criminal-history checks (Procedure Rules, art. 353)."""


@dataclass(frozen=True, slots=True)
class Due:
    """One thing due: when, and when it was done. All times UTC."""

    at: datetime
    met_at: datetime | None = None

    def overdue(self, now: datetime) -> bool:
        """Tell whether it was done late, or is not done and late by now."""
        return is_overdue(self.at, now, done_at=self.met_at)


@dataclass(frozen=True, slots=True)
class Dues:
    """What is or was due in one lead; None where nothing is, or the clock stands still."""

    receipt: Due | None = None
    """A person at the intake desk signs."""
    interim: Due | None = None
    """A first word, where the final answer may take long."""
    answer: Due | None = None
    transfer: Due | None = None
    """Passed on within 24 hours (art. 175); known only once it was transferred."""
    rests_since: datetime | None = None
    """Since when the recipient waits for information and the answer clock stands still."""

    @property
    def next(self) -> datetime | None:
        """The earliest due time the recipient has not met yet."""
        owed = (self.receipt, self.interim, self.answer)
        return min((due.at for due in owed if due and due.met_at is None), default=None)

    def overdue(self, now: datetime) -> bool:
        """Tell whether the recipient owes something that was due before `now`."""
        return self.next is not None and self.next < now


@dataclass(frozen=True)
class Clocks:
    """The terms in force for one lead, and the calendar they count working days by."""

    policy: DeadlinePolicy
    calendar: WorkingDays

    def read(self, matter: Matter) -> Dues:
        """Return what is due after the moves that count."""
        dues = Dues()
        for move in matter.applied:
            dues = self._after(move, dues, matter)
        # While the clock rests nobody is late; the term shows again, later, when the information is there.
        return replace(dues, interim=_dropped(dues.interim), answer=None) if dues.rests_since else dues

    def _after(self, move: Move, dues: Dues, matter: Matter) -> Dues:
        match move.name:
            case "requested" | "resubmitted":
                dues = self._start(dues, move)
            case "acknowledged":
                dues = replace(dues, receipt=_met(dues.receipt, move))
            case "returned":
                dues = replace(dues, interim=_dropped(dues.interim), answer=None)
            case "information_requested":
                dues = replace(dues, rests_since=move.at)
            case "information_provided":
                dues = _go_on(dues, move.received_at)
            case "interim_reply":
                dues = replace(dues, interim=_met(dues.interim, move), answer=_put_off(dues.answer, move))
            case "replied":
                dues = _go_on(dues, move.at)
                dues = replace(dues, interim=_met(dues.interim, move), answer=_met(dues.answer, move))
            case "transferred":
                dues = replace(_given_up(dues), transfer=self._passed_on(matter, move))
            case "withdrawn":
                dues = _given_up(dues)
        return dues

    def _start(self, dues: Dues, move: Move) -> Dues:
        received_at = move.received_at
        if received_at is None or not isinstance(move.body, LeadRequestedV1):
            return dues
        body = move.body
        is_identity_check = body.kind in IDENTITY_CHECKS
        interim = self.policy.interim_due(body.urgency, received_at, identity_check=is_identity_check)
        answer = self.policy.answer_due(
            body.urgency, received_at, identity_check=is_identity_check, remote_area=body.remote_area
        )
        receipt = Due(self.policy.person_receipt_due(body.urgency, received_at, self.calendar))
        return Dues(
            receipt=receipt if move.name == "requested" else dues.receipt,
            interim=Due(interim) if interim else None,
            answer=Due(max(answer, body.due_at or answer)),
        )

    def _passed_on(self, matter: Matter, move: Move) -> Due | None:
        came = matter.last("requested")
        if came is None or came.received_at is None:
            return None
        return Due(self.policy.transfer_due(came.received_at), met_at=move.at)


def _given_up(dues: Dues) -> Dues:
    return Dues(_dropped(dues.receipt), _dropped(dues.interim), _dropped(dues.answer))


def _met(due: Due | None, move: Move) -> Due | None:
    return replace(due, met_at=move.at) if due and due.met_at is None else due


def _dropped(due: Due | None) -> Due | None:
    """Keep what was done; forget what nobody wants any more."""
    return due if due and due.met_at else None


def _put_off(due: Due | None, move: Move) -> Due | None:
    body = move.body
    if due is None or not isinstance(body, LeadRepliedV1) or body.new_due_at is None:
        return due
    return replace(due, at=body.new_due_at)


def _go_on(dues: Dues, until: datetime | None) -> Dues:
    """Let the clock run again, all terms longer by the time it rested."""
    if dues.rests_since is None or until is None:
        return dues
    rested = max(until - dues.rests_since, timedelta())
    return replace(dues, interim=_longer(dues.interim, rested), answer=_longer(dues.answer, rested), rests_since=None)


def _longer(due: Due | None, rested: timedelta) -> Due | None:
    return replace(due, at=due.at + rested) if due and due.met_at is None else due
