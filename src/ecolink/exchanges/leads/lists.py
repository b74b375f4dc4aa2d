"""Finding leads: filters, search, and how many want something of us now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.cadence.deadlines import end_of_day
from ecolink.exchanges.leads import views
from ecolink.exchanges.leads.casebook import KIND
from ecolink.exchanges.leads.clocks import NEVER
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.table import ENDED, State
from ecolink.protocol.kinds.liaison import OpenMatterV1, Topic
from ecolink.search.index import SearchIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which leads are wanted; None means any. Drills are shown only when asked for."""

    direction: str | None = None
    states: Sequence[str] = ()
    kind: str | None = None
    urgency: str | None = None
    peer: str | None = None
    case_number: str | None = None
    overdue: bool | None = None
    due_before: datetime | None = None
    ours_to_do: bool | None = None
    awaiting_approval: bool | None = None
    exercise: bool = False
    query: str | None = None


@dataclass(frozen=True, repr=False, kw_only=True)
class Lists:
    """Finds leads."""

    search: SearchIndex

    def select(self, wanted: Filter, now: datetime) -> Select[Lead]:
        """Select the leads that agree with everything wanted.

        Raises:
            InvalidError: the query is too long.

        """
        found = select(Lead).where(*_conditions(wanted, now))
        if wanted.query is not None:
            found = found.where(Lead.id.in_(self.search.matching_ids(KIND, wanted.query)))
        return found

    def counts(self, session: Session, now: datetime) -> views.CountsOut:
        """Count the leads that want something of us now, drills aside."""

        def count(*conditions: ColumnElement[bool]) -> int:
            return session.scalar(select(func.count()).where(*conditions)) or 0

        real = Lead.is_exercise.is_not(True)  # looked up by the other condition: no index helps with this one
        owed = and_(Lead.is_exercise.is_(False), Lead.direction == "in", Lead.next_due != NEVER)
        return views.CountsOut(
            to_acknowledge=count(real, Lead.direction == "in", Lead.state == State.DELIVERED),
            due_today=count(owed, Lead.next_due >= now, Lead.next_due <= end_of_day(china_day(now))),
            overdue=count(owed, Lead.next_due < now),
            awaiting_approval=count(real, _awaits_approval()),
        )


def open_with(session: Session, us: str, partner: str) -> list[OpenMatterV1]:
    """Return the leads between two bureaus on which one of them waits for the other, drills aside."""
    leads = select(Lead).where(
        Lead.peer == partner, Lead.is_exercise.is_not(True), Lead.sent_at.is_not(None), Lead.state.not_in(ENDED)
    )
    waiting: dict[tuple[Topic, str], list[str]] = {}
    for lead in session.scalars(leads.order_by(Lead.created_at, Lead.id)):
        owing = us if views.turn(lead) == "us" else partner
        waiting.setdefault(("lead-feedback" if lead.state == State.REPLIED else "lead", owing), []).append(lead.id)
    return [OpenMatterV1.of(partner, topic, ids, owing=owing) for (topic, owing), ids in sorted(waiting.items())]


def _conditions(wanted: Filter, now: datetime) -> Iterator[ColumnElement[bool]]:
    few = [*_few(wanted, now)]
    if few:
        yield Lead.id.in_(select(Lead.id).where(*few).correlate(None))
    if few or wanted.query is not None or wanted.case_number is not None:
        # No index helps with "is not": were it "is", they would be searched for through all there are, in their order.
        yield Lead.is_exercise.is_not(not wanted.exercise)
    else:
        yield Lead.is_exercise.is_(wanted.exercise)
    for column in (Lead.direction, Lead.kind, Lead.urgency, Lead.peer, Lead.case_number):
        value = getattr(wanted, column.key)
        if value is not None:
            yield column == value
    if {*ENDED} & {*wanted.states}:
        # Most have ended: by "in" they would be looked up, and all of them put in order for a page.
        yield Lead.state.not_in([state.value for state in State if state not in wanted.states])
    if wanted.overdue is False:
        yield Lead.next_due >= now
    if wanted.awaiting_approval is False:
        yield ~_awaits_approval()
    if wanted.ours_to_do is False:
        yield ~_ours_to_do()


def _few(wanted: Filter, now: datetime) -> Iterator[ColumnElement[bool]]:
    """Return what few leads are: under way, due, ours to do. They are looked up, and then put in the list's order."""
    if wanted.states and not {*ENDED} & {*wanted.states}:
        yield Lead.state.in_(wanted.states)
    if wanted.due_before is not None:
        yield and_(Lead.is_exercise.is_(wanted.exercise), Lead.next_due < wanted.due_before)
    if wanted.overdue:
        yield and_(Lead.is_exercise.is_(wanted.exercise), Lead.next_due < now)
    if wanted.awaiting_approval:
        yield _awaits_approval()
    if wanted.ours_to_do:
        yield _ours_to_do()


def _awaits_approval() -> ColumnElement[bool]:
    return or_(Lead.state == State.AWAITING_APPROVAL, Lead.proposal_count > 0)


def _ours_to_do() -> ColumnElement[bool]:
    return or_(
        *(
            and_(Lead.direction == direction, Lead.state.in_(views.states_with_turn(direction)))
            for direction in ("in", "out")
        )
    )
