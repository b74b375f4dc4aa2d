"""What is to be said to whom: one row for each person and step, kept until a service took it.

Whoever raises an alert posts, in its own transaction; the worker sends (`sending`). A dispatch goes along the person's
contact points: where one fails, the next is tried at once, and after the last the first again, later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Self

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import Channel, Dispatch, DispatchState, DispatchTry
from ecolink.alerts.routes import Usable, first_stop, usable_of
from ecolink.kit.ids import new_id
from ecolink.kit.times import from_text, to_text
from ecolink.storage.bells import Bell, ring
from ecolink.storage.upsert import insert_new

GIVE_UP_AFTER: Final = timedelta(hours=24)
"""How long a message is tried; who is still to be told then has been told again meanwhile, by another step."""

NOWHERE: Final = "这个人没有可用的联系方式 / this person has no usable contact point"

Urgency = Literal["urgent", "normal"]
Status = Literal["actual", "exercise", "test"]
Kind = Literal["new", "repeat", "escalation", "ended", "retraction", "test", "code"]
"""Of these the lower half posts `test` (of a channel) and `code` (to confirm a contact point) itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be said of an alert at one step. Titles, texts and the time leave by own channels only."""

    alert_id: str | None
    step: str
    number: str
    """Short enough to be said aloud, and without content."""
    urgency: Urgency
    status: Status
    kind: Kind
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    link: str
    """A path of the console, such as /emergencies/ID."""
    occurred_at: datetime
    count: int = 1
    """How often the same was raised."""

    @classmethod
    def of(cls, dispatch: Dispatch) -> Self:
        """Return what a dispatch says."""
        said = {**dispatch.message, "occurred_at": from_text(dispatch.message["occurred_at"])}
        return cls(**{name: getattr(dispatch, name) for name in _COLUMNS}, **said)

    @classmethod
    def of_service(
        cls, kind: Literal["test", "code"], step: str, at: datetime, *, number: str = "", status: Status = "actual"
    ) -> Self:
        """Return a message that is about no alert: it tries a channel or a contact point."""
        return cls(
            alert_id=None,
            step=step,
            number=number,
            urgency="normal",
            status=status,
            kind=kind,
            title_zh="",
            title_en="",
            text_zh="",
            text_en="",
            link="/",
            occurred_at=at,
        )

    def with_number(self, number: str) -> Self:
        """Return the same with another number."""
        return replace(self, number=number)


_COLUMNS: Final = ("alert_id", "step", "number", "urgency", "status", "kind")
"""Members of a message that are columns of a dispatch."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is to be told, and where: contact points by id, first choice first."""

    account_id: str | None
    name: str
    language: Literal["zh", "en"]
    channels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Told:
    """One dispatch and what came of it, oldest try first; the channels by id."""

    dispatch: Dispatch
    tries: Sequence[DispatchTry]
    channels: Mapping[str, Channel]

    @property
    def channel(self) -> Channel | None:
        """The channel by which it was sent, or tried last."""
        return self.channels[self.tries[-1].channel_id] if self.tries else None


@dataclass(frozen=True)
class Dispatches:
    """Posts, stops and shows."""

    def post(
        self,
        session: Session,
        message: Message,
        to: Sequence[Recipient],
        now: datetime,
        *,
        give_up_after: timedelta = GIVE_UP_AFTER,
    ) -> None:
        """Have everybody told, each once for a step of an alert; nothing leaves before the caller's commit.

        Whoever cannot be reached at all gets a dispatch too, which says so.
        """
        usable = usable_of(session, {point for person in to for point in person.channels})
        insert_new(session, Dispatch, [_row(message, person, usable, now, give_up_after) for person in to])
        ring(session, Bell.ALERT)

    def cancel(self, session: Session, alert_id: str, now: datetime) -> None:
        """Stop whatever still waits for an alert. What a worker is sending at this moment may still arrive."""
        waiting = (Dispatch.alert_id == alert_id, Dispatch.state == DispatchState.WAITING.value)
        # Locked in the order in which the worker locks them, so that neither waits for the other.
        session.execute(select(Dispatch.id).where(*waiting).order_by(Dispatch.posted_at, Dispatch.id).with_for_update())
        ended = {"state": DispatchState.CANCELLED.value, "ended_at": now, "message": {}}
        session.execute(update(Dispatch).where(*waiting).values(ended))

    def of(self, session: Session, alert_id: str) -> Sequence[Told]:
        """Return who was told what of an alert, by which channel and with what result, in order of posting."""
        ordered = select(Dispatch).where(Dispatch.alert_id == alert_id).order_by(Dispatch.posted_at, Dispatch.id)
        return self.told(session, session.scalars(ordered).all())

    def told(self, session: Session, dispatches: Sequence[Dispatch]) -> Sequence[Told]:
        """Return what came of `dispatches`, in the same order."""
        wanted = [dispatch.id for dispatch in dispatches]
        tries: dict[str, list[DispatchTry]] = {each: [] for each in wanted}
        channels: dict[str, Channel] = {}
        made = (
            select(DispatchTry, Channel)
            .join(Channel, Channel.id == DispatchTry.channel_id)
            .where(DispatchTry.dispatch_id.in_(wanted))
            .order_by(DispatchTry.n)
        )
        for one, channel in session.execute(made):
            tries[one.dispatch_id].append(one)
            channels[channel.id] = channel
        return [Told(dispatch, tries[dispatch.id], channels) for dispatch in dispatches]


def _row(
    message: Message, person: Recipient, usable: Usable, now: datetime, give_up_after: timedelta
) -> dict[str, Any]:
    route = [point for point in person.channels if point in usable]
    first = first_stop(route, usable)
    said = asdict(message)
    columns = {name: said.pop(name) for name in _COLUMNS}
    return {
        **columns,
        "id": new_id(now),
        "account_id": person.account_id,
        "name": person.name,
        "language": person.language,
        "message": {**said, "occurred_at": to_text(message.occurred_at)},
        "route": route,
        "point_id": first,
        "state": (DispatchState.WAITING if route else DispatchState.GIVEN_UP).value,
        "tries": 0,
        "posted_at": now,
        "next_try_at": now,
        "give_up_at": now + give_up_after,
        "ended_at": None if route else now,
        "result": None if route else NOWHERE,
    }
