"""The bodies of the statements about a consultation (会商研判): a meeting of bureaus, planned or called for ad hoc.

A consultation is a thread. Its convener invites with times to choose from, sets the date and may move or call it off;
everybody else answers. The chair writes the minutes, each other bureau confirms or objects to them, and they count once
all have confirmed the same ones. Whoever owns a task in them tells how it goes. All of it is told to all.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ecolink.protocol.kinds.agreements import Slug
from ecolink.protocol.kinds.common import Day, Digest, Frozen, Id, Kind, Line, Moment, Name, Note, Prose, UnitCode
from ecolink.protocol.kinds.leads import Officer, SignedPrivateV1
from ecolink.protocol.statement import Lane

MAX_TIMES = 5
MAX_TASKS = 50

Duration = Annotated[int, Field(strict=True, ge=10, le=3 * 24 * 60)]
"""Minutes."""
Agenda = Annotated[tuple[Line, ...], Field(max_length=30)]
Times = Annotated[tuple[Moment, ...], Field(max_length=MAX_TIMES)]
TaskCode = Annotated[str, Field(pattern=r"^T[1-9][0-9]?$")]
"""How the minutes number their tasks: `T1`."""


class TriggerV1(Frozen):
    """The matter it was called for: a thread that everybody invited can see."""

    kind: Literal["lead", "bulletin", "emergency"]
    thread: Id


class ConsultationInvitedV1(Frozen):
    """A bureau invites others to confer. Planned ones meet the yearly duty; so do ad hoc ones that were minuted."""

    title: Name
    planned: bool
    agreement: Slug | None = None
    """The agreement under which it is planned."""
    trigger: TriggerV1 | None = None
    chair: UnitCode
    times: Annotated[Times, Field(min_length=1)]
    """When it could begin: the convener's proposals."""
    duration_minutes: Duration
    where: Line
    """A place, or how to join from afar."""
    agenda: Agenda = ()


class ConsultationAnsweredV1(Frozen):
    """A bureau says which of the times suit it, proposes others, or stays away and says why."""

    answer: Literal["accepts", "proposes", "declines"]
    times: Times = ()
    note: Note | None = None

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if (self.answer == "declines") == bool(self.times):
            raise ValueError("name the times that suit you, or decline and name none")
        if self.answer == "declines" and self.note is None:
            raise ValueError("say why you decline")
        return self


class ConsultationSetV1(Frozen):
    """The convener sets the date, or moves it: the last one counts."""

    at: Moment
    duration_minutes: Duration
    where: Line
    agenda: Agenda = ()


class ConsultationCancelledV1(Frozen):
    """The convener calls it off."""

    reason: Note


class TaskV1(Frozen):
    """What a bureau took upon itself."""

    code: TaskCode
    text: Line
    owner: UnitCode
    due_on: Day


class ConsultationMinutedV1(Frozen):
    """The chair writes down what was said. Written anew, the minutes take the place of the ones before, unsigned."""

    held_at: Moment
    method: Literal["meeting", "video", "call", "shared_station"]
    minutes: Prose
    conclusions: Prose
    tasks: Annotated[tuple[TaskV1, ...], Field(max_length=MAX_TASKS)] = ()

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if len({task.code for task in self.tasks}) < len(self.tasks):
            raise ValueError("two tasks have the same code")
        return self


class ConsultationConfirmedV1(Frozen):
    """A bureau confirms the minutes, and with them its tasks."""

    minutes: Digest
    """The digest of the statement that carries them."""


class ConsultationObjectedV1(Frozen):
    """A bureau does not confirm the minutes, and says why."""

    minutes: Digest
    reason: Note


class TaskUpdatedV1(Frozen):
    """The owner of a task tells how it goes."""

    task: TaskCode
    status: Literal["under_way", "done", "not_possible"]
    note: Note | None = None

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.status == "not_possible" and self.note is None:
            raise ValueError("say why it is not possible")
        return self


class MinutesPrivateV1(SignedPrivateV1):
    """Who took part, by name: the private part of the minutes."""

    participants: Annotated[tuple[Officer, ...], Field(max_length=60)] = ()


KINDS: tuple[Kind, ...] = tuple(
    Kind(type=f"consultation.{name}.v1", body=body, private=private, lane=Lane.BULK, many=True)
    for name, body, private in (
        ("invited", ConsultationInvitedV1, SignedPrivateV1),
        ("answered", ConsultationAnsweredV1, SignedPrivateV1),
        ("set", ConsultationSetV1, SignedPrivateV1),
        ("cancelled", ConsultationCancelledV1, SignedPrivateV1),
        ("minuted", ConsultationMinutedV1, MinutesPrivateV1),
        ("confirmed", ConsultationConfirmedV1, SignedPrivateV1),
        ("objected", ConsultationObjectedV1, SignedPrivateV1),
        ("task_updated", TaskUpdatedV1, SignedPrivateV1),
    )
)
