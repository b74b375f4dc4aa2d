"""The duty rota: who is on duty when, who handed over to whom, and where nobody is.

Whoever stands in the first place is told first. A gap is no fault: then all liaison officers are told. Times are UTC;
days and weekly patterns are those of Asia/Shanghai.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from ecolink.alerts.models import Alert, AlertState
from ecolink.alerts.personal_models import Handover, Shift
from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.errors import ConflictError, InvalidError, NotFoundError
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission, permissions
from ecolink.kit.ids import new_id
from ecolink.kit.times import CHINA
from ecolink.storage.bells import Bell, ring

Position = Literal["first", "second"]

LOOKED_AHEAD: Final = timedelta(days=14)
"""How far ahead gaps are looked for."""

LONGEST_SHIFT: Final = timedelta(days=31)
FARTHEST: Final = timedelta(days=400)
"""How far ahead a shift may begin, and how long a weekly pattern may go on."""

NEXT_WITHIN: Final = timedelta(hours=24)
"""Who comes on duty later than that is not 'the next on the rota'."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody stands in the first place."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Somebody's duty, as it is entered."""

    account_id: str
    position: Position
    begins: datetime
    ends: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """One line of a weekly pattern: from a time of a weekday (1 is Monday) until clocks next show `ends`."""

    account_id: str
    position: Position
    weekday: int
    begins: time
    ends: time

    def turns(self, first: date, last: date) -> Iterator[Turn]:
        """Return the turns that begin on the days from `first` to `last`."""
        day = first + timedelta(days=(self.weekday - first.isoweekday()) % 7)
        while day <= last:
            begins = datetime.combine(day, self.begins, CHINA)
            ends = datetime.combine(day, self.ends, CHINA)
            over = ends if ends > begins else ends + timedelta(days=1)
            yield Turn(account_id=self.account_id, position=self.position, begins=begins, ends=over)
            day += timedelta(days=7)


@dataclass(frozen=True, repr=False)
class Rota:
    """Keeps the rota."""

    access: AccessLog

    def add(self, session: Session, turns: Iterable[Turn], *, by: Principal, now: datetime) -> Sequence[Shift]:
        """Write shifts down; one that stands already, the same in all, is left as it is.

        Raises:
            InvalidError: a shift lasts no time or too long, or its person could not sign for an emergency.
            ConflictError: its person has another shift then, in the same place.

        """
        made = []
        for turn in turns:
            _refuse_times(turn, now)
            self._refuse_person(session, turn.account_id)
            others = _overlapping(session, turn)
            if any(each.starts_at == turn.begins and each.ends_at == turn.ends for each in others):
                continue
            _refuse_overlap(others)
            shift = Shift(
                id=new_id(now),
                account_id=turn.account_id,
                position=turn.position,
                starts_at=turn.begins,
                ends_at=turn.ends,
                note=turn.note,
            )
            session.add(shift)
            session.flush()
            made.append(shift)
        if made:
            self._record(session, "shifts added", by, now, count=len(made))
            _stir(session, now)
        return made

    def change(self, session: Session, shift: Shift, turn: Turn, *, by: Principal, now: datetime) -> None:
        """Write a shift anew.

        Raises:
            InvalidError: as for `add`.
            ConflictError: as for `add`.

        """
        _refuse_times(turn, now)
        self._refuse_person(session, turn.account_id)
        _refuse_overlap([each for each in _overlapping(session, turn) if each.id != shift.id])
        shift.account_id, shift.position, shift.note = turn.account_id, turn.position, turn.note
        shift.starts_at, shift.ends_at = turn.begins, turn.ends
        self._record(session, "shift changed", by, now, shift=shift.id)
        _stir(session, now)

    def remove(self, session: Session, shift: Shift, *, by: Principal, now: datetime) -> None:
        """Take a shift off the rota."""
        session.delete(shift)
        self._record(session, "shift removed", by, now, shift=shift.id)
        _stir(session, now)

    def hand_over(
        self,
        session: Session,
        *,
        to: str,
        position: Position,
        until: datetime | None,
        note: str | None,
        by: Principal,
        now: datetime,
    ) -> Handover:
        """Let somebody take over from whoever stands in `position`, until `until` or for the rest of that shift.

        Raises:
            InvalidError: nobody is on duty and no end is given, the end has passed, or the person cannot sign.
            ConflictError: the person is on duty there already.

        """
        taking = self._refuse_person(session, to)
        present = [shift for shift in on_duty(session, now, lock=True) if shift.position == position]
        if any(shift.account_id == to for shift in present):
            raise ConflictError(f"{taking.name} is on duty already.", f"{taking.name}已在值班。", pointer="/to")
        ends = until or max((shift.ends_at for shift in present), default=None)
        if ends is None:
            raise InvalidError(
                "Nobody is on duty: say until when.", "当前无人值班，请填写值班截止时间。", pointer="/until"
            )
        turn = Turn(account_id=to, position=position, begins=now, ends=ends, note=note)
        _refuse_times(turn, now)

        giving = session.get(Account, present[0].account_id) if present else None
        for shift in present:
            if shift.starts_at < now:
                shift.ends_at = now
            else:
                session.delete(shift)
        for shift in _overlapping(session, turn):  # theirs that begins while they are on duty in any case
            session.delete(shift)
            turn = Turn(account_id=to, position=position, begins=now, ends=max(turn.ends, shift.ends_at), note=note)
        session.flush()
        session.add(
            Shift(
                id=new_id(now),
                account_id=to,
                position=position,
                starts_at=now,
                ends_at=turn.ends,
                note=note,
            )
        )
        handover = Handover(
            id=new_id(now),
            position=position,
            at=now,
            from_account=giving.id if giving else None,
            from_name=giving.name if giving else None,
            to_account=taking.id,
            to_name=taking.name,
            note=note,
            open_alerts=_count_open(session),
            by=by.username,
        )
        session.add(handover)
        self._record(session, "duty handed over", by, now, to=taking.username)
        _stir(session, now)
        return handover

    def shift(self, session: Session, shift_id: str, *, lock: bool = True) -> Shift:
        """Return one shift, locked unless it is only looked at.

        Raises:
            NotFoundError: there is none.

        """
        shift = session.get(Shift, shift_id, with_for_update=lock or None, populate_existing=lock)
        if shift is None:
            raise NotFoundError
        return shift

    def _refuse_person(self, session: Session, account_id: str) -> Account:
        account = session.get(Account, account_id)
        able = account is not None and account.kind == AccountKind.USER.value and account.disabled_at is None
        if account is None or not able or Permission.EMERGENCY_ACKNOWLEDGE not in permissions(account.held_roles()):
            raise InvalidError(
                "On duty is a person who may sign for an emergency.",
                "值班人员须为有权签收紧急通报的在用账号。",
                pointer="/account_id",
            )
        return account

    def _record(self, session: Session, what: str, by: Principal, now: datetime, **details: object) -> None:
        session.flush()
        entry = AccessEntry(
            at=now,
            actor=by.username,
            role=by.lead_role,
            action=AccessAction.ADMINISTER,
            object_type="duty",
            object_id="rota",
            reason=what,
            details={name: str(value) for name, value in details.items()},
        )
        self.access.record(session, entry)


def on_duty(session: Session, now: datetime, *, lock: bool = False) -> Sequence[Shift]:
    """Return the shifts that are running, those that began first before the others."""
    running = select(Shift).where(Shift.starts_at <= now, Shift.ends_at > now).order_by(Shift.starts_at, Shift.id)
    return session.scalars(running.with_for_update() if lock else running).all()


def coming(session: Session, now: datetime) -> Sequence[Shift]:
    """Return the shifts in the first place that begin next, if they begin soon."""
    first = select(func.min(Shift.starts_at)).where(Shift.starts_at > now, Shift.position == "first")
    begins = session.scalar(first)
    if begins is None or begins > now + NEXT_WITHIN:
        return []
    following = select(Shift).where(Shift.starts_at == begins, Shift.position == "first")
    return session.scalars(following.order_by(Shift.id)).all()


def gaps(session: Session, now: datetime, ahead: timedelta = LOOKED_AHEAD) -> Sequence[Gap]:
    """Return when nobody stands in the first place, from now on."""
    ends = now + ahead
    kept = (
        select(Shift.starts_at, Shift.ends_at)
        .where(Shift.position == "first", Shift.ends_at > now, Shift.starts_at < ends)
        .order_by(Shift.starts_at)
    )
    found, covered = [], now
    for begins, over in session.execute(kept):
        if begins > covered:
            found.append(Gap(covered, begins))
        covered = max(covered, over)
    return [*found, Gap(covered, ends)] if covered < ends else found


def select_shifts(since: datetime, until: datetime) -> Select[Shift]:
    """Select the shifts of which some part lies between two moments."""
    return select(Shift).where(Shift.ends_at > since, Shift.starts_at < until)


def _overlapping(session: Session, turn: Turn) -> Sequence[Shift]:
    wanted = select_shifts(turn.begins, turn.ends)
    same = wanted.where(Shift.account_id == turn.account_id, Shift.position == turn.position)
    return session.scalars(same.order_by(Shift.starts_at)).all()


def _refuse_times(turn: Turn, now: datetime) -> None:
    if not now < turn.ends or turn.begins > now + FARTHEST or not _lasts(turn):
        raise InvalidError(
            f"A shift ends after it begins and after now, lasts at most {LONGEST_SHIFT.days} days and begins within "
            f"{FARTHEST.days} days.",
            f"值班时段须晚于当前时间结束，最长 {LONGEST_SHIFT.days} 天，且须在 {FARTHEST.days} 天内开始。",
            pointer="/ends_at",
        )


def _lasts(turn: Turn) -> bool:
    return timedelta() < turn.ends - turn.begins <= LONGEST_SHIFT


def _refuse_overlap(others: Sequence[Shift]) -> None:
    if others:
        raise ConflictError(
            "This person is on the rota then already.", "该人员在此时段已有值班安排。", pointer="/starts_at"
        )


def _count_open(session: Session) -> int:
    return session.scalar(select(func.count()).where(Alert.state == AlertState.OPEN.value)) or 0


def _stir(session: Session, now: datetime) -> None:
    """Look anew whom each open alert is told to: whoever is on duty now hears of it at once."""
    waiting = update(Alert).where(Alert.state == AlertState.OPEN.value, Alert.next_at.is_not(None))
    session.execute(waiting.values(next_at=now))
    ring(session, Bell.STEP)
