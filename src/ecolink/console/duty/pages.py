"""`/duty`: who is on duty, open alerts, handing over, the rota, week by week too; one alert with all who were told."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from ecolink.alerts.dispatches import NOWHERE
from ecolink.alerts.duty import LOOKED_AHEAD, on_duty, select_shifts
from ecolink.alerts.models import Alert, AlertKind, AlertState
from ecolink.alerts.personal_models import Shift
from ecolink.alerts.service import Signing, may_sign, select_alerts
from ecolink.cadence.calendars import china_day
from ecolink.console.console import Console
from ecolink.console.duty import records
from ecolink.console.form import FormDep
from ecolink.console.language import mark as _
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, RecordingSessionDep, SessionDep
from ecolink.surface.versions import check_version
from ecolink.web.alert_schemas import AlertLineOut, AlertSignIn, HandoverIn, ShiftIn, WeeklyIn
from ecolink.web.alerts import show_alert
from ecolink.web.duty import refuse_handing_over, show_duty, show_people, show_shifts, turn_of, weekly_turns

MOST: Final = 50
"""Alerts that the page shows: the newest."""

WEEKLY_AHEAD: Final = timedelta(days=90)
"""How far a weekly pattern goes on unless somebody says otherwise."""

WEEKDAYS: Final = (
    _("Monday"),
    _("Tuesday"),
    _("Wednesday"),
    _("Thursday"),
    _("Friday"),
    _("Saturday"),
    _("Sunday"),
)

Id = Annotated[str, Path(max_length=36)]
Reader = Annotated[Principal, requires(Permission.DUTY_READ)]
Keeper = Annotated[Principal, requires(Permission.DUTY_MANAGE)]
Listener = Annotated[Principal, requires(Permission.ALERT_READ)]


def router(console: Console) -> APIRouter:
    """Return the pages."""
    pages = APIRouter(prefix="/duty", route_class=PageRoute)
    _add_rota(pages, console)
    _add_alerts(pages, console)
    records.add(pages)
    return pages


def _add_rota(pages: APIRouter, console: Console) -> None:
    rota = console.rooms.alerts.rota

    @pages.get("")
    def show_rota(page: PageDep, session: SessionDep, now: NowDep, by: Reader) -> Response:
        opened = (
            select_alerts(by).where(Alert.state == AlertState.OPEN.value).order_by(Alert.raised_at.desc(), Alert.id)
        )
        shifts = session.scalars(select_shifts(now, now + LOOKED_AHEAD).order_by(Shift.starts_at, Shift.id)).all()
        return page.show(
            "duty/rota.html",
            duty=show_duty(session, now),
            shifts=show_shifts(session, shifts),
            people=[(person.id, person.name) for person in show_people(session)],
            alerts=[AlertLineOut.of(alert) for alert in session.scalars(opened.limit(MOST))],
            may_hand_over=by.may(Permission.DUTY_MANAGE)
            or any(shift.account_id == by.id for shift in on_duty(session, now)),
        )

    @pages.post("/handover")
    def hand_over(page: PageDep, session: SessionDep, form: FormDep, now: NowDep, by: Reader) -> Response:
        entry = form.read(HandoverIn)
        refuse_handing_over(session, by, now)
        made = rota.hand_over(
            session, to=entry.account_id, position=entry.position, until=entry.until, note=entry.note, by=by, now=now
        )
        return page.go("/duty", page.text("{name} is on duty now.", name=made.to_name))

    @pages.post("/shifts")
    def add_shift(page: PageDep, session: SessionDep, form: FormDep, now: NowDep, by: Keeper) -> Response:
        rota.add(session, [turn_of(form.read(ShiftIn))], by=by, now=now)
        return page.go("/duty", page.text("It stands on the rota."))

    @pages.get("/weekly")
    def show_weekly(page: PageDep, session: SessionDep, now: NowDep, by: Keeper) -> Response:  # noqa: ARG001
        today = china_day(now)
        return page.show(
            "duty/weekly.html",
            people=[("", page.text("nobody")), *((person.id, person.name) for person in show_people(session))],
            weekdays=[page.text(name) for name in WEEKDAYS],
            first_day=today,
            last_day=today + WEEKLY_AHEAD,
        )

    @pages.post("/weekly")
    def add_weekly(page: PageDep, session: SessionDep, form: FormDep, now: NowDep, by: Keeper) -> Response:
        times = {"begins": form.word("begins"), "ends": form.word("ends")}
        lines = form.members().get("lines", [])
        filled = [{**line, **times} for line in lines if isinstance(line, dict) and "account_id" in line]
        made = rota.add(session, weekly_turns(form.read(WeeklyIn, lines=filled), now), by=by, now=now)
        return page.go("/duty", page.text("{count} shifts were put on the rota.", count=len(made)))

    @pages.get("/shifts/{shift_id}")
    def show_shift(shift_id: Id, page: PageDep, session: SessionDep, by: Keeper) -> Response:  # noqa: ARG001
        (shift,) = show_shifts(session, [rota.shift(session, shift_id, lock=False)])
        offered = {person.id: person.name for person in show_people(session)} | {shift.person.id: shift.person.name}
        return page.show("duty/shift.html", shift=shift, people=offered.items())

    @pages.post("/shifts/{shift_id}")
    def change_shift(
        shift_id: Id, page: PageDep, session: SessionDep, form: FormDep, now: NowDep, by: Keeper
    ) -> Response:
        shift, entry = rota.shift(session, shift_id), form.read(ShiftIn)
        check_version(form.version, shift.version)
        turn = turn_of(entry)
        exact = replace(turn, begins=_exact(turn.begins, shift.starts_at), ends=_exact(turn.ends, shift.ends_at))
        rota.change(session, shift, exact, by=by, now=now)
        return page.go("/duty", page.text("The shift is changed."))

    @pages.post("/shifts/{shift_id}/remove")
    def remove_shift(
        shift_id: Id, page: PageDep, session: SessionDep, form: FormDep, now: NowDep, by: Keeper
    ) -> Response:
        shift = rota.shift(session, shift_id)
        check_version(form.version, shift.version)
        rota.remove(session, shift, by=by, now=now)
        return page.go("/duty", page.text("It is off the rota."))


def _exact(typed: datetime, held: datetime) -> datetime:
    """Return a moment that was typed; one left as it stood keeps its seconds, which a form does not show."""
    return held if typed == held.replace(second=0, microsecond=0) else typed


def _add_alerts(pages: APIRouter, console: Console) -> None:
    alerts = console.rooms.alerts

    @pages.get("/alerts/{alert_id}")
    def show_one(alert_id: Id, page: PageDep, session: RecordingSessionDep, now: NowDep, by: Listener) -> Response:
        alert = alerts.shown(session, alert_id, by)
        alerts.note_read(session, alert, by, now)
        return page.show(
            "duty/alert.html",
            alert=show_alert(alerts, session, alert),
            nowhere=NOWHERE,
            asks_decision=alert.kind == AlertKind.EMERGENCY.value,
            may_sign=alert.state == AlertState.OPEN.value and may_sign(alert, by),
        )

    @pages.post("/alerts/{alert_id}")
    def sign(alert_id: Id, page: PageDep, session: SessionDep, form: FormDep, now: NowDep, by: Listener) -> Response:
        entry = form.read(AlertSignIn)
        signing = Signing(decision=entry.decision, estimated_arrival=entry.estimated_arrival, note=entry.note)
        alert = alerts.acknowledge(session, alert_id, signing, by=by, now=now)
        return page.go("/duty", page.text("Acknowledged: number {number}.", number=alert.number))
