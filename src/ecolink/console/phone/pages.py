"""`/a/…`: acknowledging from the phone, with the PIN in place of a login.

Until somebody has said who they are, the page tells a number and how urgent it is, and nothing of what it is about.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from ecolink.alerts import links
from ecolink.alerts.models import AlertKind, AlertState
from ecolink.alerts.rules import Urgency
from ecolink.alerts.service import Signing
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep, page_of
from ecolink.console.route import PageRoute
from ecolink.errors import InvalidError, NotFoundError
from ecolink.identity.principal import Principal
from ecolink.surface.unit import DatabaseDep, NowDep, RecordingSessionDep, SessionDep
from ecolink.web.alert_schemas import AlertSignIn, LinkSignIn

Secret = Annotated[str, Path(max_length=64)]


def router(console: Console) -> APIRouter:
    """Return the pages behind one-time links; they are open to whoever holds the link."""
    pages, alerts = APIRouter(route_class=PageRoute), console.rooms.alerts

    def prove(request: Request, secret: Secret, form: FormDep, database: DatabaseDep, now: NowDep) -> Principal:
        """Return who signs: the link's own person, by their PIN, unless they are logged in here."""
        by = page_of(request).by
        with database.read() as session:
            opened = links.open_link(session, secret, now)
        if by is not None and by.id == opened.account.id:
            return by
        if not form.word("/pin"):
            raise InvalidError("Type your PIN, or sign in.", "请输入 PIN 码，或登录后办理。", pointer="/pin")
        source = request.client.host if request.client else "unknown"
        return alerts.pins.prove(database, secret, form.read(LinkSignIn).pin, source, now)

    @pages.get("/a/{secret}")
    def show_link(secret: Secret, page: PageDep, session: RecordingSessionDep, now: NowDep) -> Response:
        try:
            opened = links.open_link(session, secret, now)
        except NotFoundError:
            return page.show("phone/over.html", status=404)
        links.note_opened(session, opened, now)
        return page.show(
            "phone/link.html",
            alert=opened.alert,
            at=f"{links.PATH}{secret}",
            is_open=opened.alert.state == AlertState.OPEN.value,
            is_urgent=opened.alert.urgency == Urgency.URGENT.value,
            asks_decision=opened.alert.kind == AlertKind.EMERGENCY.value,
            is_known=page.by is not None and page.by.id == opened.account.id,
        )

    @pages.post("/a/{secret}")
    def sign_by_link(
        secret: Secret,
        page: PageDep,
        form: FormDep,
        session: SessionDep,
        now: NowDep,
        by: Annotated[Principal, Depends(prove)],
    ) -> Response:
        opened = links.open_link(session, secret, now, lock=True)
        entry = AlertSignIn.model_validate({"decision": form.word("/decision") or None})
        alerts.acknowledge(session, opened.alert.id, Signing(decision=entry.decision), by=by, now=now)
        opened.link.spent_at = now
        return page.go("/a", page.text("Acknowledged: number {number}.", number=opened.alert.number))

    @pages.get("/a")
    def show_done(page: PageDep) -> Response:
        return page.show("phone/done.html")

    return pages
