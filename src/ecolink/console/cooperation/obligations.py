"""Obligations: all of them in a list, and each with the evidence by which it stands and what was told of it."""

from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.console.cooperation.bureaus import choices
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.consultations.models import Consultation
from ecolink.exchanges.liaison.models import LiaisonRecord
from ecolink.exchanges.obligations.endpoints import ObligationKey, Reader, Waiver, WaiverDigest
from ecolink.exchanges.obligations.filters import ObligationFilters
from ecolink.exchanges.obligations.schemas import ObligationOut, ReasonIn
from ecolink.exchanges.quarterly.models import Exchange
from ecolink.federation.models import StatementRow
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.cooperation import Cooperation

_ONE = "/{agreement}/{duty}/{period}"


def router(rooms: Cooperation) -> APIRouter:
    """Return the list, one obligation, and what may be said of letting it go."""
    pages = APIRouter(prefix="/cooperation", route_class=PageRoute)
    _add_reading(pages, rooms)
    _add_waiving(pages, rooms)
    return pages


def _add_reading(pages: APIRouter, rooms: Cooperation) -> None:
    views = rooms.obligations.views

    @pages.get("/obligations")
    def list_obligations(page: PageDep, session: SessionDep, paging: Paging, by: Reader) -> Response:  # noqa: ARG001
        wanted = page.asked(ObligationFilters)
        found = paging.read(
            session,
            wanted.select(),
            order=wanted.order,
            shape=lambda row: row,
            descending=wanted.sort.startswith("-"),
        )
        return page.show(
            "cooperation/obligations.html",
            wanted=wanted,
            lines=views.lines(session, found.items),
            next=found.next,
            partners=choices(page, rooms, session),
            agreements=[(row.code, row.code) for row in session.scalars(rooms.agreements.all())],
        )

    @pages.get(_ONE)
    def show_obligation(page: PageDep, key: ObligationKey, session: SessionDep, by: Reader) -> Response:  # noqa: ARG001
        duty = views.show(session, rooms.obligations.book.find(session, key))
        return page.show(
            "cooperation/obligation.html",
            duty=duty,
            bureau=views.names(session),
            us=rooms.obligations.us,
            places=_places(session, duty),
        )


def _add_waiving(pages: APIRouter, rooms: Cooperation) -> None:
    waivers = rooms.obligations.waivers
    answers = {"accept": waivers.accept, "decline": waivers.decline, "withdraw": waivers.withdraw}

    @pages.post(_ONE + "/waivers")
    def propose_waiver(
        page: PageDep, key: ObligationKey, form: FormDep, session: SessionDep, now: NowDep, by: Waiver
    ) -> Response:
        waivers.propose(session, key, form.read(ReasonIn).reason, by=by, now=now)
        return page.go(f"/cooperation/{key}", page.text("Proposed; it stands until all others have agreed."))

    @pages.post(_ONE + "/waivers/{waiver}/{word}")
    def answer_waiver(
        page: PageDep,
        key: ObligationKey,
        waiver: WaiverDigest,
        word: Literal["accept", "decline", "withdraw"],
        form: FormDep,
        session: SessionDep,
        now: NowDep,
        by: Waiver,
    ) -> Response:
        answers[word](session, key, waiver, form.read(ReasonIn).reason, by=by, now=now)
        return page.go(f"/cooperation/{key}", page.text("Said to all parties."))


def _places(session: Session, duty: ObligationOut) -> Mapping[str, str]:
    """Return where each record, or under its key the obligation, is seen to."""
    digests = [record.digest for record in duty.records]
    match duty.kind:
        case "liaison":
            held = select(LiaisonRecord).where(LiaisonRecord.digest.in_(digests))
            return {row.digest: f"/cooperation/contacts/{row.contact}" for row in session.scalars(held)}
        case "consultation":
            minuted = select(Consultation).where(Consultation.minutes.in_(digests))
            return {str(row.minutes): f"/cooperation/consultations/{row.id}" for row in session.scalars(minuted)}
        case "exchange":
            exchange = session.scalar(select(Exchange.id).where(Exchange.obligation == duty.key))
            return dict.fromkeys((duty.key, *digests), f"/cooperation/exchanges/{exchange}") if exchange else {}
        case "drill":
            told = select(StatementRow.digest, StatementRow.thread).where(StatementRow.digest.in_(digests))
            return {digest: f"/emergencies/{thread}" for digest, thread in session.execute(told)}
