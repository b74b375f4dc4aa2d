"""What was: every alert there is, also those that were signed for or ended, and who handed over to whom."""

from typing import Annotated, Final

from fastapi import APIRouter, Response
from sqlalchemy import select

from ecolink.alerts.models import Alert, AlertState
from ecolink.alerts.personal_models import Handover
from ecolink.console.language import mark as _
from ecolink.console.page import PageDep
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.paging import Paging
from ecolink.surface.unit import SessionDep
from ecolink.web.alert_schemas import AlertLineOut, HandoverOut
from ecolink.web.alerts import AlertFilters

Reader = Annotated[Principal, requires(Permission.DUTY_READ)]
Listener = Annotated[Principal, requires(Permission.ALERT_READ)]

STATES: Final = (
    ("", _("All")),
    (AlertState.OPEN.value, _("Not signed for")),
    (AlertState.ACKNOWLEDGED.value, _("Acknowledged")),
    (AlertState.ENDED.value, _("Has ended")),
)


def add(pages: APIRouter) -> None:
    """Add the lists to the pages about duty."""

    @pages.get("/alerts")
    def list_alerts(page: PageDep, session: SessionDep, paging: Paging, by: Listener) -> Response:
        wanted = page.asked(AlertFilters)
        order = (Alert.raised_at, Alert.id)
        found = paging.read(session, wanted.select(by), order=order, shape=AlertLineOut.of)
        return page.show(
            "duty/alerts.html", found=found, wanted=wanted, states=[(state, page.text(name)) for state, name in STATES]
        )

    @pages.get("/handovers")
    def list_handovers(page: PageDep, session: SessionDep, paging: Paging, by: Reader) -> Response:  # noqa: ARG001
        order = (Handover.at, Handover.id)
        found = paging.read(session, select(Handover), order=order, shape=HandoverOut.of)
        return page.show("duty/handovers.html", found=found)
