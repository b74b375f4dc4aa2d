"""`/api/v1/alerts`, one-time links, and what people say of how they want to be told."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from sqlalchemy import Select, func
from sqlalchemy.orm import Session

from ecolink.alerts import links, preferences
from ecolink.alerts.models import Alert, AlertKind, AlertState
from ecolink.alerts.people import names_of
from ecolink.alerts.personal_models import AlertPin
from ecolink.alerts.pins import check_pin
from ecolink.alerts.preferences import Preference, Rule
from ecolink.alerts.rules import Quiet, Urgency
from ecolink.alerts.service import AlertService, Signing, select_alerts
from ecolink.errors import InvalidError
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.identity.service import Identity
from ecolink.surface.auth import caller_of, requires
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import DatabaseDep, NowDep, RecordingSessionDep, SessionDep, TransactionalRoute
from ecolink.web.alert_schemas import (
    AlertLineOut,
    AlertOut,
    AlertSignIn,
    CountsOut,
    LinkOut,
    LinkSignIn,
    PersonOut,
    PinIn,
    PreferenceIn,
    PreferenceOut,
    RuleModel,
    SentOut,
    StepOut,
    TellingOut,
)

AlertId = Annotated[str, Path(max_length=36, examples=["019ab000-0000-7000-8000-000000000001"])]
Secret = Annotated[str, Path(min_length=20, max_length=64, examples=["kX3v9QmPz0aL7wRtB2nE6gkX3v9QmPz0aL7wRtB2nE6"])]
Reader = Annotated[Principal, requires(Permission.ALERT_READ)]
Myself = Annotated[Principal, requires(Permission.PROFILE_SELF)]


class AlertFilters(BaseModel):
    """Which alerts to list: the newest first."""

    state: AlertState | None = None
    kind: AlertKind | None = None
    urgency: Urgency | None = None
    drills: bool = False
    """List exercises and tests in place of the real thing."""

    def select(self, by: Principal) -> Select[Alert]:
        """Return the alerts the caller may see."""
        wanted = select_alerts(by)
        wanted = wanted.where(Alert.status.in_(_DRILLS if self.drills else ("actual",)))
        for column, value in ((Alert.state, self.state), (Alert.kind, self.kind), (Alert.urgency, self.urgency)):
            wanted = wanted if value is None else wanted.where(column == value.value)
        return wanted


def router(alerts: AlertService, identity: Identity) -> APIRouter:
    """Return the operations on alerts."""
    api = APIRouter(tags=["alerts"], route_class=TransactionalRoute)
    _add_alerts(api, alerts)
    _add_links(api, alerts)
    _add_preferences(api)
    _add_pin(api, alerts, identity)
    return api


def _add_alerts(api: APIRouter, alerts: AlertService) -> None:
    @api.get("/alerts", operation_id="list_alerts", summary="What our people are told of / 提醒列表")
    def list_alerts(
        session: SessionDep, paging: Paging, wanted: Annotated[AlertFilters, Query()], by: Reader
    ) -> Page[AlertLineOut]:
        """Alerts about what the caller may read. Only the real thing is listed unless drills are asked for."""
        return paging.read(session, wanted.select(by), order=(Alert.raised_at, Alert.id), shape=AlertLineOut.of)

    @api.get("/alerts/counts", operation_id="count_alerts", summary="How many are open / 未签收提醒数")
    def count_alerts(session: SessionDep, by: Reader) -> CountsOut:
        """Open alerts; exercises and tests are counted apart."""
        opened = select_alerts(by).where(Alert.state == AlertState.OPEN.value)
        counted = opened.with_only_columns(Alert.status, Alert.urgency, func.count())
        found = {(status, urgency): count for status, urgency, count in session.execute(_grouped(counted))}
        drills = {name: sum(count for (status, _), count in found.items() if status == name) for name in _DRILLS}
        return CountsOut(
            urgent=found.get(("actual", Urgency.URGENT), 0),
            normal=found.get(("actual", Urgency.NORMAL), 0),
            exercises=drills["exercise"],
            tests=drills["test"],
        )

    @api.get("/alerts/{alert_id}", operation_id="get_alert", summary="One alert: who was told, when, how / 查看提醒")
    def get_alert(alert_id: AlertId, session: RecordingSessionDep, now: NowDep, by: Reader) -> AlertOut:
        """Every step, everybody who was told, and every message with what the service said. Opening it is noted."""
        alert = alerts.shown(session, alert_id, by)
        alerts.note_read(session, alert, by, now)
        return show_alert(alerts, session, alert)

    @api.post("/alerts/{alert_id}/acknowledge", operation_id="acknowledge_alert", summary="Take it on / 签收提醒")
    def acknowledge_alert(
        alert_id: AlertId, entry: AlertSignIn, session: SessionDep, now: NowDep, by: Reader
    ) -> AlertOut:
        """Acknowledging an alert about an emergency or a request is signing for it, and needs the right to do that."""
        alert = alerts.acknowledge(session, alert_id, _signing(entry), by=by, now=now)
        return show_alert(alerts, session, alert)


def _add_links(api: APIRouter, alerts: AlertService) -> None:
    @api.get("/alert-links/{secret}", operation_id="open_alert_link", summary="Open a one-time link / 打开一次性链接")
    def open_alert_link(secret: Secret, session: RecordingSessionDep, now: NowDep) -> LinkOut:
        """Shows number and urgency, and nothing of what it is about. The link is good for half an hour."""
        opened = links.open_link(session, secret, now)
        links.note_opened(session, opened, now)
        return LinkOut.model_validate(
            {
                **{name: getattr(opened.alert, name) for name in ("number", "kind", "urgency", "status", "state")},
                "expires_at": opened.link.expires_at,
            }
        )

    def prove(request: Request, secret: Secret, entry: LinkSignIn, database: DatabaseDep, now: NowDep) -> Principal:
        return alerts.pins.prove(database, secret, entry.pin, _source(request), now)

    @api.post(
        "/alert-links/{secret}/acknowledge",
        operation_id="acknowledge_by_link",
        summary="Take it on by phone, with the PIN / 凭 PIN 码签收",
    )
    def acknowledge_by_link(
        secret: Secret,
        entry: LinkSignIn,
        session: SessionDep,
        now: NowDep,
        by: Annotated[Principal, Depends(prove)],
    ) -> LinkOut:
        """The link's own person signs with their PIN. After five wrong ones the link is good for nothing."""
        opened = links.open_link(session, secret, now, lock=True)
        alert = alerts.acknowledge(session, opened.alert.id, _signing(entry), by=by, now=now)
        opened.link.spent_at = now
        return LinkOut.model_validate(
            {
                **{name: getattr(alert, name) for name in ("number", "kind", "urgency", "status", "state")},
                "expires_at": now,
            }
        )


def _add_preferences(api: APIRouter) -> None:
    @api.get("/me/alerts", operation_id="get_my_alerts", summary="How I am told / 我的提醒方式")
    def get_my_alerts(session: SessionDep, by: Myself) -> PreferenceOut:
        """Language, quiet hours, and which matters come by which of my contact points."""
        return show_preference(session, by)

    @api.put("/me/alerts", operation_id="set_my_alerts", summary="Say how I want to be told / 设置提醒方式")
    def set_my_alerts(entry: PreferenceIn, session: SessionDep, now: NowDep, by: Myself) -> PreferenceOut:
        """Quiet hours never hold an emergency back, and no rule can leave what is urgent without a way."""
        preferences.change(session, by.id, preference_of(entry), now)
        return show_preference(session, by)


def _add_pin(api: APIRouter, alerts: AlertService, identity: Identity) -> None:
    def hash_pin(request: Request, entry: PinIn, database: DatabaseDep, now: NowDep) -> str:
        by = caller_of(request)
        check_pin(entry.pin)
        if not identity.logins.prove(database, by, entry.current_password, _source(request), now):
            raise InvalidError("The current password is not right.", "当前密码不正确。", pointer="/current_password")
        return identity.passwords.hash(entry.pin)

    @api.put("/me/pin", operation_id="set_my_pin", summary="Set my PIN / 设置 PIN 码", status_code=204)
    def set_my_pin(session: SessionDep, now: NowDep, by: Myself, pin_hash: Annotated[str, Depends(hash_pin)]) -> None:
        """Six to twelve digits, good only together with a one-time link."""
        alerts.pins.set(session, pin_hash, by=by, now=now)

    @api.delete("/me/pin", operation_id="remove_my_pin", summary="Forget my PIN / 取消 PIN 码", status_code=204)
    def remove_my_pin(session: SessionDep, now: NowDep, by: Myself) -> None:
        """From then on one acknowledges after a login only."""
        alerts.pins.remove(session, by=by, now=now)


_DRILLS = ("exercise", "test")


def _grouped(counted: Select[str, str, int]) -> Select[str, str, int]:
    return counted.group_by(Alert.status, Alert.urgency)


def _signing(entry: AlertSignIn) -> Signing:
    return Signing(decision=entry.decision, estimated_arrival=entry.estimated_arrival, note=entry.note)


def _source(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def show_alert(alerts: AlertService, session: Session, alert: Alert) -> AlertOut:
    """Return an alert with everybody who was told, and how."""
    steps = alerts.ledger.steps(session, alert.id)
    tellings = alerts.ledger.tellings(session, alert.id)
    names = names_of(session, [telling.account_id for telling in tellings])
    told = [
        TellingOut(
            person=PersonOut(id=telling.account_id, name=names[telling.account_id]),
            first_at=telling.first_at,
            last_at=telling.last_at,
            times=telling.times,
            read_at=telling.read_at,
        )
        for telling in tellings
    ]
    return AlertOut.model_validate(
        {
            **AlertLineOut.members(alert),
            "end_zh": alert.end_zh,
            "end_en": alert.end_en,
            "is_retraction": alert.is_retraction,
            "steps": [StepOut.of(step, names) for step in steps],
            "tellings": told,
            "dispatches": [SentOut.of(each) for each in alerts.dispatches.of(session, alert.id)],
        }
    )


def preference_of(entry: PreferenceIn) -> Preference:
    """Return how somebody wants to be told.

    Raises:
        InvalidError: quiet hours have a beginning and no end, or the other way round.

    """
    if (entry.quiet_from is None) is not (entry.quiet_until is None):
        raise InvalidError(
            "Quiet hours have a beginning and an end.", "免打扰时段须同时填写起止时间。", pointer="/quiet_until"
        )
    quiet = (
        Quiet(entry.quiet_from, entry.quiet_until)
        if entry.quiet_from is not None and entry.quiet_until is not None
        else None
    )
    rules = tuple(
        Rule(frozenset(rule.kinds) if rule.kinds else None, rule.urgency, tuple(rule.by)) for rule in entry.rules
    )
    return Preference(entry.language, quiet, rules)


def show_preference(session: Session, by: Principal) -> PreferenceOut:
    """Return how somebody is told, and by what."""
    preference = preferences.of(session, {by.id: by.roles})[by.id]
    quiet = preference.quiet
    return PreferenceOut(
        language=preference.language,
        quiet_from=quiet.begins if quiet else None,
        quiet_until=quiet.ends if quiet else None,
        rules=[
            RuleModel(kinds=sorted(rule.kinds) if rule.kinds else None, urgency=rule.urgency, by=list(rule.by))
            for rule in preference.rules
        ],
        contact_points=preferences.contact_points(session, [by.id])[by.id],
        has_pin=session.get(AlertPin, by.id) is not None,
    )
