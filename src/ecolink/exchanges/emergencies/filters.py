"""Which emergencies and tasks a list shows. The real thing, exercises and tests never stand in one list."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from ecolink.exchanges.emergencies.models import CallTask, Emergency
from ecolink.exchanges.emergencies.register import KIND
from ecolink.exchanges.emergencies.rules import EmergencyState
from ecolink.exchanges.emergencies.tasks import TaskKind, TaskState
from ecolink.protocol.kinds.emergencies import EmergencyKind, Status
from ecolink.protocol.kinds.liaison import OpenMatterV1
from ecolink.search.index import MAX_QUERY, SearchIndex

STATUS = "actual, exercise or test: one at a time."


class EmergencyFilters(BaseModel):
    """What to list, and in which order."""

    status: Status = Field(default=Status.ACTUAL, description=STATUS)
    kind: EmergencyKind | None = None
    state: EmergencyState | None = None
    open: bool | None = Field(default=None, description="Those still open, or all others.")
    direction: Literal["in", "out"] | None = Field(default=None, description="Peers', or our own.")
    q: str | None = Field(default=None, min_length=1, max_length=MAX_QUERY, examples=["火情"])
    sort: Literal["-raised_at", "raised_at", "-occurred_at", "occurred_at"] = Field(
        default="-raised_at", description="`-` is newest first."
    )

    def select(self, us: str, search: SearchIndex) -> Select[Emergency]:
        """Return the emergencies that agree with all of it; `us` is our unit code."""
        chosen = select(Emergency)
        if self.q is None:
            chosen = chosen.where(Emergency.status == self.status)
        else:  # what is found is looked up, and not searched for through the list
            chosen = chosen.where(Emergency.status.not_in([other for other in Status if other is not self.status]))
        if self.kind is not None:
            chosen = chosen.where(Emergency.kind == self.kind)
        if self.state is not None:
            chosen = chosen.where(self._in_state(self.state))
        if self.open is not None:
            chosen = chosen.where(
                (Emergency.state == EmergencyState.OPEN) if self.open else (Emergency.state != EmergencyState.OPEN)
            )
        if self.direction is not None:
            chosen = chosen.where((Emergency.author == us) if self.direction == "out" else (Emergency.author != us))
        if self.q is not None:
            chosen = chosen.where(Emergency.id.in_(search.matching_ids(KIND, self.q)))
        return chosen

    def _in_state(self, state: EmergencyState) -> ColumnElement[bool]:
        """Look up what is under way; read what is over in the list's order, or all of it would be sorted for a page."""
        if state in {EmergencyState.AWAITING_APPROVAL, EmergencyState.OPEN}:
            return Emergency.state == state
        return Emergency.state.not_in([other for other in EmergencyState if other is not state])

    @property
    def order(self) -> tuple[InstrumentedAttribute[object], ...]:
        """The columns of the order."""
        by = Emergency.raised_at if self.sort.endswith("raised_at") else Emergency.occurred_at
        return by, Emergency.id


class TaskFilters(BaseModel):
    """Which tasks to list: those that fell due, oldest first."""

    status: Status = Field(default=Status.ACTUAL, description=STATUS)
    state: Literal["open", "closed"] = "open"
    kind: TaskKind | None = None

    def select(self) -> Select[CallTask]:
        """Return the tasks that agree with all of it; what became needless before its time is left out."""
        chosen = select(CallTask).where(
            CallTask.status == self.status,
            CallTask.state == TaskState(self.state),
            CallTask.opened_at.is_not(None),
        )
        return chosen if self.kind is None else chosen.where(CallTask.kind == self.kind)


def to_sign(us: str) -> Select[CallTask]:
    """Select what waits for a person of ours to sign for it, drills too: the soonest due first."""
    waiting = (TaskState.PLANNED, TaskState.OPEN)
    return (
        select(CallTask)
        .where(CallTask.status.in_([*Status]), CallTask.state.in_(waiting))  # by their index
        .where(CallTask.bureau == us, CallTask.kind == TaskKind.ACKNOWLEDGE)
        .order_by(CallTask.due_at, CallTask.id)
    )


def since_contact(session: Session, us: str, partner: str, since: datetime) -> list[OpenMatterV1]:
    """Return the real emergencies that one of two bureaus told the other after `since`."""
    told = (
        select(Emergency.id, Emergency.author, Emergency.recipients)
        .where(Emergency.status == Status.ACTUAL, Emergency.sent_at > since, Emergency.author.in_((us, partner)))
        .order_by(Emergency.sent_at, Emergency.id)
    )
    ids = [row.id for row in session.execute(told) if row.author == partner or partner in row.recipients]
    return [OpenMatterV1.of(partner, "emergency", ids)] if ids else []
