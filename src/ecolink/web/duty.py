"""`/api/v1/duty`: the rota, its gaps, and handing the duty over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, status
from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.alerts import duty
from ecolink.alerts.duty import FARTHEST, Rota, Turn, Weekly
from ecolink.alerts.people import names_of
from ecolink.alerts.personal_models import Handover, Shift
from ecolink.alerts.service import AlertService
from ecolink.cadence.calendars import china_day
from ecolink.errors import ForbiddenError, InvalidError
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission, permissions
from ecolink.protocol.kinds.common import Moment
from ecolink.surface.auth import requires
from ecolink.surface.etags import IfMatch, etag
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import NowDep, SessionDep, TransactionalRoute
from ecolink.surface.versions import check_version
from ecolink.web.alert_schemas import (
    DutyOut,
    GapOut,
    HandoverIn,
    HandoverOut,
    PersonOut,
    ShiftIn,
    ShiftOut,
    WeeklyIn,
)

ShiftId = Annotated[str, Path(max_length=36, examples=["019ab000-0000-7000-8000-000000000001"])]
Reader = Annotated[Principal, requires(Permission.DUTY_READ)]
Keeper = Annotated[Principal, requires(Permission.DUTY_MANAGE)]

SHOWN = timedelta(days=14)
"""How much of the rota is listed unless more is asked for."""


def router(alerts: AlertService) -> APIRouter:
    """Return the operations on the rota."""
    api = APIRouter(prefix="/duty", tags=["duty"], route_class=TransactionalRoute)
    _add_reading(api)
    _add_keeping(api, alerts.rota)
    _add_handing_over(api, alerts.rota)
    return api


def _add_reading(api: APIRouter) -> None:
    @api.get("", operation_id="get_duty", summary="Who is on duty now / 当前值班")
    def get_duty(session: SessionDep, now: NowDep, by: Reader) -> DutyOut:  # noqa: ARG001
        """Who is on duty, who comes next, when nobody is in the next 14 days, and the last handover."""
        return show_duty(session, now)

    @api.get("/people", operation_id="list_duty_people", summary="Who may be on duty / 可值班人员")
    def list_duty_people(session: SessionDep, by: Reader) -> list[PersonOut]:  # noqa: ARG001
        """Our people who may sign for an emergency, by name."""
        return show_people(session)

    @api.get("/shifts", operation_id="list_shifts", summary="The rota / 值班表")
    def list_shifts(
        session: SessionDep,
        now: NowDep,
        paging: Paging,
        by: Reader,  # noqa: ARG001
        since: Annotated[Moment | None, Query(description="Left out: now.")] = None,
        until: Annotated[Moment | None, Query(description="Left out: 14 days later.")] = None,
    ) -> Page[ShiftOut]:
        """Shifts of which some part lies between two moments, in order of time."""
        begins = since or now
        ends = until or min(begins, now + FARTHEST) + SHOWN
        page = paging.read(
            session,
            duty.select_shifts(begins, ends),
            order=(Shift.starts_at, Shift.id),
            shape=lambda shift: shift,
            descending=False,
        )
        return Page(items=show_shifts(session, page.items), next=page.next)

    @api.get("/handovers", operation_id="list_handovers", summary="Who handed over to whom / 交接班记录")
    def list_handovers(session: SessionDep, paging: Paging, by: Reader) -> Page[HandoverOut]:  # noqa: ARG001
        """The newest first."""
        return paging.read(session, select(Handover), order=(Handover.at, Handover.id), shape=HandoverOut.of)


def _add_keeping(api: APIRouter, rota: Rota) -> None:
    @api.post(
        "/shifts", operation_id="add_shift", summary="Add a shift / 新增值班", status_code=status.HTTP_201_CREATED
    )
    def add_shift(entry: ShiftIn, session: SessionDep, now: NowDep, by: Keeper) -> list[ShiftOut]:
        """Whoever is on duty then hears of open alerts. A shift that stands already, the same in all, is left alone."""
        return show_shifts(session, rota.add(session, [turn_of(entry)], by=by, now=now))

    @api.post(
        "/shifts/weekly",
        operation_id="add_weekly_shifts",
        summary="Write a weekly pattern down / 按周排班",
        status_code=status.HTTP_201_CREATED,
    )
    def add_weekly_shifts(entry: WeeklyIn, session: SessionDep, now: NowDep, by: Keeper) -> list[ShiftOut]:
        """Each line becomes a shift in every week. Sent again, only what is missing is added."""
        return show_shifts(session, rota.add(session, weekly_turns(entry, now), by=by, now=now))

    @api.put("/shifts/{shift_id}", operation_id="change_shift", summary="Change a shift / 调整值班")
    def change_shift(
        shift_id: ShiftId,
        entry: ShiftIn,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Keeper,
    ) -> ShiftOut:
        """Another person, place or time."""
        shift = rota.shift(session, shift_id)
        check_version(version, shift.version)
        rota.change(session, shift, turn_of(entry), by=by, now=now)
        response.headers["ETag"] = etag(shift.version)
        return show_shifts(session, [shift])[0]

    @api.delete("/shifts/{shift_id}", operation_id="remove_shift", summary="Remove a shift / 取消值班", status_code=204)
    def remove_shift(shift_id: ShiftId, session: SessionDep, now: NowDep, by: Keeper) -> None:
        """Where nobody is left on duty, all liaison officers are told."""
        rota.remove(session, rota.shift(session, shift_id), by=by, now=now)


def _add_handing_over(api: APIRouter, rota: Rota) -> None:
    @api.post(
        "/handovers",
        operation_id="hand_over_duty",
        summary="Hand the duty over, now / 交接班",
        status_code=status.HTTP_201_CREATED,
    )
    def hand_over_duty(entry: HandoverIn, session: SessionDep, now: NowDep, by: Reader) -> HandoverOut:
        """By whoever is on duty, or keeps the rota. Who takes over is told of open alerts at once."""
        refuse_handing_over(session, by, now)
        made = rota.hand_over(
            session,
            to=entry.account_id,
            position=entry.position,
            until=entry.until,
            note=entry.note,
            by=by,
            now=now,
        )
        return HandoverOut.of(made)


def show_duty(session: Session, now: datetime) -> DutyOut:
    """Return who is on duty, who comes next, and when nobody is."""
    last = session.scalars(select(Handover).order_by(Handover.at.desc(), Handover.id.desc()).limit(1)).first()
    return DutyOut(
        as_of=now,
        on_duty=show_shifts(session, duty.on_duty(session, now)),
        next=show_shifts(session, duty.coming(session, now)),
        gaps=[GapOut(starts_at=gap.begins, ends_at=gap.ends) for gap in duty.gaps(session, now)],
        last_handover=HandoverOut.of(last) if last else None,
    )


def show_people(session: Session) -> list[PersonOut]:
    """Return our people who may sign for an emergency, by name."""
    wanted = select(Account).where(Account.kind == AccountKind.USER.value, Account.disabled_at.is_(None))
    return [
        PersonOut(id=account.id, name=account.name)
        for account in session.scalars(wanted.order_by(Account.name, Account.id))
        if Permission.EMERGENCY_ACKNOWLEDGE in permissions(account.held_roles())
    ]


def refuse_handing_over(session: Session, by: Principal, now: datetime) -> None:
    """Return if the caller may hand the duty over: whoever is on duty, or keeps the rota.

    Raises:
        ForbiddenError: the caller is neither.

    """
    is_on_duty = any(shift.account_id == by.id for shift in duty.on_duty(session, now))
    if not is_on_duty and not by.may(Permission.DUTY_MANAGE):
        raise ForbiddenError(
            "Whoever is on duty hands it over, or who keeps the rota.", "仅当班人员或值班表管理人员可以交接班。"
        )


def turn_of(entry: ShiftIn) -> Turn:
    """Return a shift as it was entered."""
    return Turn(
        account_id=entry.account_id,
        position=entry.position,
        begins=entry.starts_at,
        ends=entry.ends_at,
        note=entry.note,
    )


def weekly_turns(entry: WeeklyIn, now: datetime) -> Sequence[Turn]:
    """Return the turns of a weekly pattern that are not over, in order of time.

    Raises:
        InvalidError: the last day is before the first, or one of them is long past or too far off.

    """
    today = china_day(now)
    if not today - SHOWN <= entry.first_day <= entry.last_day <= today + FARTHEST:
        raise InvalidError(
            f"The last day is not before the first; neither is long past or more than {FARTHEST.days} days off.",
            f"截止日期不得早于开始日期，且均不得早于两周前或晚于 {FARTHEST.days} 天后。",
            pointer="/last_day",
        )
    lines = [Weekly(**line.model_dump()) for line in entry.lines]
    turns = [turn for line in lines for turn in line.turns(entry.first_day, entry.last_day)]
    return sorted((turn for turn in turns if turn.ends > now), key=lambda turn: turn.begins)


def show_shifts(session: Session, shifts: Sequence[Shift]) -> list[ShiftOut]:
    """Return shifts as people see them."""
    names = names_of(session, [shift.account_id for shift in shifts])
    return [
        ShiftOut.model_validate(
            {
                "id": shift.id,
                "person": PersonOut(id=shift.account_id, name=names[shift.account_id]),
                "position": shift.position,
                "starts_at": shift.starts_at,
                "ends_at": shift.ends_at,
                "note": shift.note,
                "version": shift.version,
            }
        )
        for shift in shifts
    ]
