"""Passing a bulletin on: asking its author, deciding on a request, and doing it."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.exchanges.bulletins.schemas import BulletinShareIn, ShareGrantIn, ShareRefusalIn, ShareRequestIn
from ecolink.exchanges.bulletins.service import BulletinService
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep

BulletinId = Annotated[str, Path(max_length=36)]
RequestDigest = Annotated[str, Path(max_length=64)]
Drafter = Annotated[Principal, requires(Permission.BULLETIN_DRAFT)]
Approver = Annotated[Principal, requires(Permission.BULLETIN_APPROVE)]


def add(pages: APIRouter, service: BulletinService) -> None:
    """Add what is done here to the pages about bulletins."""

    @pages.post("/{bulletin_id}/share")
    def share_bulletin(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Approver
    ) -> Response:
        service.onward.share(session, bulletin_id, form.read(BulletinShareIn), by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("The bulletin is passed on, and its author is told."))

    @pages.post("/{bulletin_id}/permissions")
    def ask_permission(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Drafter
    ) -> Response:
        service.onward.ask(session, bulletin_id, form.read(ShareRequestIn), by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("The author is asked."))

    @pages.post("/{bulletin_id}/permissions/{request}/grant")
    def grant_permission(
        bulletin_id: BulletinId,
        request: RequestDigest,
        page: PageDep,
        form: FormDep,
        session: SessionDep,
        now: NowDep,
        by: Approver,
    ) -> Response:
        service.onward.grant(session, bulletin_id, request, form.read(ShareGrantIn), by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("You allowed it."))

    @pages.post("/{bulletin_id}/permissions/{request}/refuse")
    def refuse_permission(
        bulletin_id: BulletinId,
        request: RequestDigest,
        page: PageDep,
        form: FormDep,
        session: SessionDep,
        now: NowDep,
        by: Approver,
    ) -> Response:
        why = form.read(ShareRefusalIn)
        service.onward.refuse(session, bulletin_id, request, reason=why.reason, by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("You did not allow it."))
