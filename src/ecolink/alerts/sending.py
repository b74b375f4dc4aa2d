"""The worker's part: lease a contact point, send what waits there as one message, record what came of it.

No transaction is open while a service is called. A lease carries a fencing number: a worker that hangs past its lease
finds another number when it comes back, and what it has to say is ignored; the message is then sent again, under the
same id. A channel that fails is tried by one worker at a time, and everything that has another way goes there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from sqlalchemy import ColumnElement, Row, case, func, not_, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from ecolink.alerts import links
from ecolink.alerts.channel_secrets import Opened, open_code, open_settings
from ecolink.alerts.channels.catalogue import CODECS
from ecolink.alerts.channels.letter import Letter
from ecolink.alerts.channels.wire import Failed, Outcome, Sent
from ecolink.alerts.detours import (
    ALONE,
    AT_A_POINT,
    GONE,
    KEPT,
    LOUD,
    end,
    evacuate,
    forget_old,
    lead_on,
    make_way,
    move,
)
from ecolink.alerts.dispatch_models import Channel, ContactPoint, Dispatch, DispatchState, DispatchTry
from ecolink.alerts.dispatches import NOWHERE, Message
from ecolink.alerts.letters import Reader, write
from ecolink.alerts.pacing import count
from ecolink.alerts.patience import CHANNEL_CAP_S, DISPATCH_CAP_S, pause
from ecolink.alerts.postman import Postman
from ecolink.alerts.routes import next_stop, usable_of
from ecolink.egress import Unreachable
from ecolink.errors import InvalidError, UnavailableError
from ecolink.kit.events import structlog
from ecolink.kit.meters import ALERT_MESSAGES
from ecolink.kit.vault import Vault, VaultError
from ecolink.storage.bells import Bell, ring
from ecolink.storage.engine import Database, after_commit

LEASE: Final = timedelta(seconds=30)
"""Longer than any try may take (`postman.DEADLINE_S`)."""

PACE: Final = timedelta(seconds=2)
"""What comes so soon after a message to the same address waits, and is sent together."""

MOST_TOGETHER: Final = 200
"""Dispatches in one message."""

_STANDING: Final = (*AT_A_POINT, not_(GONE))
_ROOM_AT: Final = case((LOUD, Channel.full_until), else_=Channel.calm_until)
"""When its channel takes a message of its kind again; null: now."""

OnUnreached = Callable[[Session, str, datetime], None]
"""Told of an alert, by id, of which somebody could not be told: every way to them has failed."""

OnHealth = Callable[[Session, Channel, datetime], None]
"""Told of a channel whenever a try failed, and when one succeeded after that."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Leased:
    """A contact point this worker has taken up, and the letter that goes there."""

    point_id: str
    fence: int
    address: str = field(repr=False)
    channel_id: str
    channel: Opened | None = field(compare=False)
    """None: its settings and secrets cannot be read."""
    letter: Letter = field(compare=False, repr=False)
    others_wait: bool


@dataclass(frozen=True, repr=False)
class Sending:
    """Sends; any number of workers may do so at once."""

    database: Database
    vault: Vault
    postman: Postman
    console_url: str | None
    random: Random
    on_unreached: list[OnUnreached] = field(default_factory=list)
    on_health: list[OnHealth] = field(default_factory=list)
    _out: set[Leased] = field(default_factory=set)
    """What this process is sending just now."""
    _unrecorded: set[Leased] = field(default_factory=set)
    """What it could not write down because the database was away: these leases are given back first."""

    def take_over(self) -> None:
        """Believe no lease from before this start: whoever held it is dead, or is fenced off and does no harm."""
        with self.database.begin() as session:
            _end_leases(session, ContactPoint.leased_until.is_not(None))

    def step(self, clock: Callable[[], datetime]) -> bool:
        """Send what waits longest; tell whether there was anything."""
        leased = self.take(clock())
        if leased is not None:
            self.carry(leased, clock)
        return leased is not None

    def due(self) -> datetime | None:
        """Return when something may be sent, or might have been; None when nothing waits."""
        latest: ColumnElement[datetime] | InstrumentedAttribute[datetime] = Dispatch.next_try_at
        for moment in (ContactPoint.leased_until, ContactPoint.not_before, Channel.next_try_at, _ROOM_AT):
            latest = case((moment > latest, moment), else_=latest)
        with self.database.read() as session:
            return session.scalar(select(func.min(latest, type_=Dispatch.next_try_at.type)).where(*_STANDING))

    def take(self, now: datetime) -> Leased | None:
        """Lease the contact point where the most urgent message waits; None when nothing is to be sent."""
        self._free(self._unrecorded)
        ready = (*_STANDING, *_free_at(now))
        self._make_way(now)
        with self.database.read() as session:
            waiting = len(session.scalars(select(ContactPoint.id).where(*ready).distinct().limit(2)).all())
        if not waiting:
            return None
        urgent_first = (case((LOUD, 0), else_=1), Dispatch.next_try_at, Dispatch.id)
        first = select(ContactPoint, Channel).where(*ready).order_by(*urgent_first).limit(1)
        with self.database.begin(urgent=True) as session:
            found = session.execute(first.with_for_update(of=ContactPoint, skip_locked=True)).first()
            if found is None or not _may_try(session, found[1], now) or not _has_room(session, *found, now):
                return None
            return self._lease(session, found, now, others_wait=waiting > 1)

    def _make_way(self, now: datetime) -> None:
        """Let nothing urgent that has another way stand at a channel with little room left."""
        held = select(Dispatch.id).where(*_STANDING, LOUD, Dispatch.next_try_at <= now, Channel.calm_until > now)
        with self.database.read() as session:
            if session.scalar(held.limit(1)) is None:
                return
        with self.database.begin(urgent=True) as session:
            make_way(session, now)

    def _lease(
        self, session: Session, found: Row[ContactPoint, Channel], now: datetime, *, others_wait: bool
    ) -> Leased | None:
        point, channel = found
        together = _together(session, point.id, now)
        if not together:
            return None  # it was cancelled since we looked
        for dispatch in together:
            dispatch.taken_by = point.lease_fence + 1
        point.lease_fence += 1
        point.leased_until = now + LEASE
        session.flush()
        try:
            opened = open_settings(channel, self.vault)
        except (VaultError, InvalidError):
            opened = None
        reader = Reader(
            own=channel.own, language="en" if together[0].language == "en" else "zh", console_url=self.console_url
        )
        letter = write([(dispatch.id, self._said(session, dispatch, point, now)) for dispatch in together], reader)
        return Leased(point.id, point.lease_fence, point.address, channel.id, opened, letter, others_wait)

    def _said(self, session: Session, dispatch: Dispatch, point: ContactPoint, now: datetime) -> Message:
        """Return what is said; a one-time link is made here, so that its secret stands in no row."""
        message = Message.of(dispatch)
        if dispatch.kind == "code":
            return message.with_number(open_code(point, self.vault))
        link = links.make(session, dispatch.alert_id, dispatch.account_id, now)
        return replace(message, link=link) if link else message

    def carry(self, leased: Leased, clock: Callable[[], datetime]) -> None:
        """Call the service, and write down what it said."""
        self._out.add(leased)
        try:
            self._record(leased, self._call(leased, clock()), clock())
        except UnavailableError:
            self._unrecorded.add(leased)
            raise
        finally:
            self._out.discard(leased)

    def give_back(self) -> None:
        """End the leases of what is out still: this process stops, and nobody need wait for them to run out."""
        self._free(self._out | self._unrecorded)

    def sweep(self, now: datetime) -> None:
        """Lead on what waits where nothing is sent any more, and forget what ended long ago."""
        with self.database.begin() as session:
            lead_on(session, now)
            forget_old(session, now - KEPT)

    def _free(self, leases: set[Leased]) -> None:
        for leased in tuple(leases):
            with self.database.begin() as session:
                _end_leases(session, ContactPoint.id == leased.point_id, ContactPoint.lease_fence == leased.fence)
            self._unrecorded.discard(leased)

    def _call(self, leased: Leased, now: datetime) -> Outcome:
        if leased.channel is None:
            return Failed(
                "the channel's settings do not open: enter its secrets again / 渠道设置无法打开，请重新填写密钥"
            )
        codec, settings = CODECS[leased.channel.kind], leased.channel.settings
        try:
            answer = self.postman.carry(codec.compose(leased.letter, settings, leased.address, now))
        except Unreachable as silence:
            return Failed(leased.channel.masked(str(silence), leased.address))
        outcome = codec.understand(answer, settings, leased.letter)
        masked = leased.channel.masked(outcome.answer, leased.address)
        return Sent(masked) if isinstance(outcome, Sent) else Failed(masked, outcome.of_address)

    def _record(self, leased: Leased, outcome: Outcome, now: datetime) -> None:
        with self.database.begin(urgent=True) as session:
            held = select(ContactPoint).where(ContactPoint.id == leased.point_id).with_for_update()
            point = session.scalars(held.execution_options(populate_existing=True)).one()
            if point.lease_fence != leased.fence:
                return  # the lease ran out, and another worker has taken it up since
            point.leased_until = None
            taken = _taken_up(session, leased)
            session.add_all(_try_of(dispatch, leased, outcome, len(taken), now) for dispatch in taken)
            if isinstance(outcome, Sent):
                point.not_before = now + PACE
                self._note_success(session, leased.channel_id, now)
                for dispatch in taken:
                    end(dispatch, DispatchState.SENT, outcome.answer, now)
            else:
                if not outcome.of_address:
                    self._note_failure(session, leased.channel_id, outcome, now)
                self._go_on(session, taken, outcome, now)
                evacuate(session, leased.channel_id)
            ring(session, Bell.ALERT)
            kind = leased.channel.kind if leased.channel else "unknown"
            counter = ALERT_MESSAGES.labels(kind, "sent" if isinstance(outcome, Sent) else "failed")
            after_commit(session, counter.inc)
        _log.info("alert.tried", channel=leased.channel_id, outcome=type(outcome).__name__, dispatches=len(taken))

    def _note_failure(self, session: Session, channel_id: str, failed: Failed, now: datetime) -> None:
        channel = session.get_one(Channel, channel_id)
        failures = channel.failures + 1
        _note(
            session,
            channel_id,
            failures=failures,
            failing_since=channel.failing_since or now,
            last_failure_at=now,
            last_error=failed.answer,
            next_try_at=now + pause(failures, CHANNEL_CAP_S, self.random),
        )
        self._tell_health(session, channel, now)

    def _note_success(self, session: Session, channel_id: str, now: datetime) -> None:
        channel = session.get_one(Channel, channel_id)
        was_failing = channel.failing_since is not None
        healthy = {"failures": 0, "failing_since": None, "next_try_at": None, "last_error": None}
        _note(session, channel_id, last_success_at=now, **healthy)
        if was_failing:
            self._tell_health(session, channel, now)

    def _tell_health(self, session: Session, channel: Channel, now: datetime) -> None:
        session.refresh(channel)
        for listener in self.on_health:
            listener(session, channel, now)

    def _go_on(self, session: Session, failed: Sequence[Dispatch], outcome: Failed, now: datetime) -> None:
        usable = usable_of(session, {point for dispatch in failed for point in dispatch.route})
        for dispatch in failed:
            if dispatch.state != DispatchState.WAITING.value:
                continue  # it was cancelled meanwhile
            dispatch.tries += 1
            dispatch.result = outcome.answer
            stop = next_stop(dispatch.route, str(dispatch.point_id), usable)
            if stop is None or now >= dispatch.give_up_at:
                end(dispatch, DispatchState.GIVEN_UP, outcome.answer if stop else NOWHERE, now)
            else:
                wait = pause(dispatch.tries, DISPATCH_CAP_S, self.random) if stop.again else timedelta(0)
                move(dispatch, stop.point_id, now + wait)
        session.flush()
        for alert_id in {dispatch.alert_id for dispatch in failed if dispatch.alert_id and _is_lost(dispatch)}:
            for listener in self.on_unreached:
                listener(session, alert_id, now)


def _is_lost(dispatch: Dispatch) -> bool:
    """Tell whether every way to a person has failed."""
    return dispatch.state == DispatchState.GIVEN_UP.value or dispatch.tries >= len(dispatch.route)


def _together(session: Session, point_id: str, now: datetime) -> Sequence[Dispatch]:
    """Return what goes in one message: the most urgent, and whatever else waits here that is as real as that."""
    due = select(Dispatch).where(
        Dispatch.point_id == point_id, Dispatch.state == DispatchState.WAITING.value, Dispatch.next_try_at <= now
    )
    waiting = session.scalars(
        due.order_by(Dispatch.posted_at, Dispatch.id).with_for_update().limit(MOST_TOGETHER)
    ).all()
    first = min(waiting, key=lambda dispatch: (dispatch.urgency, dispatch.status) != ("urgent", "actual"))
    if first.kind in ALONE:
        return [first]
    return [each for each in waiting if each.status == first.status and each.kind not in ALONE]


def _taken_up(session: Session, leased: Leased) -> Sequence[Dispatch]:
    """Return what the letter carried, also what was cancelled since."""
    carried = select(Dispatch).where(Dispatch.point_id == leased.point_id, Dispatch.taken_by == leased.fence)
    return session.scalars(carried.order_by(Dispatch.posted_at, Dispatch.id).with_for_update()).all()


def _try_of(dispatch: Dispatch, leased: Leased, outcome: Outcome, together: int, now: datetime) -> DispatchTry:
    return DispatchTry(
        dispatch_id=dispatch.id,
        channel_id=leased.channel_id,
        at=now,
        succeeded=isinstance(outcome, Sent),
        answer=outcome.answer,
        together=together,
    )


def _may_try(session: Session, channel: Channel, now: datetime) -> bool:
    """Tell whether we may call a channel's service: one that fails is tried by one worker at a time."""
    if channel.failing_since is None:
        return True
    free = or_(Channel.next_try_at.is_(None), Channel.next_try_at <= now)
    ours = update(Channel).where(Channel.id == channel.id, free).values(next_try_at=now + LEASE)
    return session.connection().execute(ours).rowcount == 1


def _has_room(session: Session, point: ContactPoint, channel: Channel, now: datetime) -> bool:
    """Tell whether a channel takes one more message for a contact point, and count it; one worker at a time."""
    rates = CODECS[channel.kind].RATES
    if not rates:
        return True
    locked = select(Channel).where(Channel.id == channel.id).with_for_update()
    session.scalars(locked.execution_options(populate_existing=True)).one()
    here = (Dispatch.point_id == point.id, Dispatch.state == DispatchState.WAITING.value, Dispatch.next_try_at <= now)
    is_loud = session.scalar(select(Dispatch.id).where(*here, LOUD).limit(1)) is not None
    room_at = channel.full_until if is_loud else channel.calm_until
    if room_at is not None and room_at > now:
        return False
    pace = count(rates, channel.calls, now)
    _note(session, channel.id, calls=pace.written(), calm_until=pace.calm_until, full_until=pace.full_until)
    return True


def _note(session: Session, channel_id: str, **health: object) -> None:
    """Write down how a channel fares: no change of an administrator's, and so no new version."""
    session.connection().execute(update(Channel).where(Channel.id == channel_id).values(health))


def stalled(session: Session, since: datetime) -> int:
    """Count the contact points that somebody took on and never gave back, and nobody took over although they might."""
    held = select(ContactPoint.id).where(*_STANDING, *_free_at(since), ContactPoint.leased_until.is_not(None))
    return session.scalar(select(func.count()).select_from(held.distinct().subquery())) or 0


def _end_leases(session: Session, *which: ColumnElement[bool]) -> None:
    freed = update(ContactPoint).where(*which)
    session.execute(freed.values(leased_until=None, lease_fence=ContactPoint.lease_fence + 1))
    ring(session, Bell.ALERT)


def _free_at(now: datetime) -> tuple[ColumnElement[bool], ...]:
    moments = (ContactPoint.leased_until, ContactPoint.not_before, Channel.next_try_at, _ROOM_AT)
    return (Dispatch.next_try_at <= now, *(or_(moment.is_(None), moment <= now) for moment in moments))
