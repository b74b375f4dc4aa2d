"""Our keys, what waits to be sent, what was set aside, and alarms that somebody must look into."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy import select

from ecolink.console.administration.sections import sections_for
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.errors import NotFoundError
from ecolink.federation import queues
from ecolink.federation.models import Alarm
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.card import fingerprint
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.federation_schemas import AlarmOut, KeyOut, ReasonIn, RetryIn, RevokeIn

KeyReader = Annotated[Principal, requires(Permission.KEY_READ)]
KeyManager = Annotated[Principal, requires(Permission.KEY_MANAGE)]
QueueReader = Annotated[Principal, requires(Permission.QUEUE_READ)]
InboxManager = Annotated[Principal, requires(Permission.INBOX_MANAGE)]
AlarmId = Annotated[int, Path(ge=1, lt=2**31)]

KEYS, QUEUES = "/administration/keys", "/administration/queues"
MOST_ALARMS = 100


def add(pages: APIRouter, console: Console) -> None:
    """Add these to the administration."""
    _add_keys(pages, console)
    _add_queues(pages, console)


def _add_keys(pages: APIRouter, console: Console) -> None:
    exchange = console.rooms.exchange

    @pages.get("/keys")
    def list_keys(page: PageDep, session: SessionDep, by: KeyReader) -> Response:
        head = exchange.keystore.head(session, exchange.us)
        return page.show(
            "administration/keys.html",
            sections=sections_for(by),
            keys=[KeyOut.of(key) for key in head.keys],
            fingerprint=fingerprint(exchange.us, head.digest),
        )

    @pages.post("/keys/rotate")
    def rotate(page: PageDep, session: SessionDep, now: NowDep, by: KeyManager) -> Response:
        exchange.keystore.rotate(session, now)
        exchange.note(session, "key-rotate", exchange.us, by, now)
        return page.go(KEYS, page.text("The signing key is changed; the partners learn of it within ten minutes."))

    @pages.post("/keys/revoke")
    def revoke(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: KeyManager) -> Response:
        why = form.read(RevokeIn)
        exchange.keystore.revoke(session, now, compromised_since=why.compromised_since)
        exchange.note(session, "key-revoke", exchange.us, by, now, why.reason)
        return page.go(KEYS, page.text("The signing key is revoked, and a new one is in force."))


def _add_queues(pages: APIRouter, console: Console) -> None:
    exchange = console.rooms.exchange

    @pages.get("/queues")
    def show_queues(page: PageDep, session: SessionDep, by: QueueReader) -> Response:
        alarms = select(Alarm).where(Alarm.closed_at.is_(None)).order_by(Alarm.id.desc()).limit(MOST_ALARMS)
        return page.show(
            "administration/queues.html",
            sections=sections_for(by),
            queues=queues.status(session),
            parked=exchange.applier.parked(session) if by.may(Permission.INBOX_MANAGE) else [],
            alarms=[AlarmOut.of(alarm) for alarm in session.scalars(alarms)],
            names=exchange.peers.names(session),
        )

    @pages.post("/queues/retry")
    def retry(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: InboxManager) -> Response:
        wanted = form.read(RetryIn)
        count = exchange.applier.retry(session, wanted.statement)
        exchange.note(session, "inbox-retry", wanted.statement or "all", by, now)
        return page.go(QUEUES, page.text("{count} are tried again.", count=count))

    @pages.post("/queues/alarms/{alarm_id}")
    def close_alarm(
        alarm_id: AlarmId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: InboxManager
    ) -> Response:
        why = form.read(ReasonIn).reason
        alarm = session.get(Alarm, alarm_id, with_for_update=True)
        if alarm is None:
            raise NotFoundError
        alarm.closed_at = alarm.closed_at or now
        exchange.note(session, "alarm-close", str(alarm_id), by, now, why)
        return page.go(QUEUES, page.text("The alarm is closed."))
