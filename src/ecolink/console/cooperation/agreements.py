"""Agreements: who is bound to what since when, and the chief's word on what is proposed."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from ecolink.cadence import terms_file
from ecolink.cadence.findings import Severity
from ecolink.console.cooperation.terms import answers_in_words, duties_in_words, ready, turns
from ecolink.console.form import FormDep
from ecolink.console.page import Page, PageDep
from ecolink.console.route import PageRoute
from ecolink.errors import InvalidError, NotFoundError
from ecolink.exchanges.agreements.endpoints import Code, Digest, Preparer, Reader, Signatory, calendar_wanted
from ecolink.exchanges.agreements.models import AgreementRow
from ecolink.exchanges.agreements.schemas import AgreementReasonIn, CalendarIn, EndingIn, TermsTextIn
from ecolink.exchanges.agreements.views import Views, show_check
from ecolink.protocol.kinds.agreements import EndingV1, TermsV1
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.cooperation import Cooperation

_HOME = "/cooperation/agreements"


def router(rooms: Cooperation) -> APIRouter:
    """Return the pages of agreements."""
    pages = APIRouter(prefix=_HOME, route_class=PageRoute)
    views = Views(rooms.agreements)
    _add_proposing(pages, rooms)
    _add_reading(pages, rooms, views)
    _add_answering(pages, rooms)
    return pages


def _add_reading(pages: APIRouter, rooms: Cooperation, views: Views) -> None:
    service = rooms.agreements

    @pages.get("")
    def list_agreements(page: PageDep, session: SessionDep, now: NowDep, paging: Paging, by: Reader) -> Response:  # noqa: ARG001
        found = paging.read(
            session,
            service.all(),
            order=(AgreementRow.code,),
            shape=lambda row: views.line(session, row, now),
            descending=False,
        )
        return page.show(
            "cooperation/agreements.html", found=found, bureau=rooms.obligations.views.names(session), us=service.us
        )

    @pages.get("/{code}")
    def show_agreement(page: PageDep, code: Code, session: SessionDep, now: NowDep, by: Reader) -> Response:  # noqa: ARG001
        whole = views.whole(session, service.get(session, code), now)
        return page.show(
            "cooperation/agreement.html",
            agreement=whole,
            turns=turns(whole.terms, now) if whole.terms else [],
            **_around(page, rooms, session, whole.terms),
        )

    @pages.get("/{code}/proposals/{digest}")
    def show_proposal(
        page: PageDep,
        code: Code,
        digest: Digest,
        session: SessionDep,
        now: NowDep,
        by: Reader,  # noqa: ARG001
    ) -> Response:
        shown = views.proposal(session, *service.subject(session, code, digest), now)
        terms = TermsV1.model_validate(shown.document) if shown.kind == "terms" else None
        return page.show(
            "cooperation/proposal.html",
            proposal=shown,
            agreement=views.whole(session, service.get(session, code), now),
            terms=terms,
            **_around(page, rooms, session, terms),
        )


def _add_proposing(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.agreements

    @pages.get("/new")
    def show_file(
        page: PageDep,
        session: SessionDep,
        by: Preparer,  # noqa: ARG001
        amend: Annotated[str, Query(max_length=40)] = "",
        begin: Annotated[str, Query(max_length=40)] = "",
    ) -> Response:
        """Show a file to be changed: one that comes with ecolink, or the terms that shall have another version."""
        return page.show(
            "cooperation/file.html",
            text=_next_version(rooms, session, amend) if amend else ready().get(begin, ""),
            ready=list(ready()),
            amends=amend,
        )

    @pages.post("/check")
    def check_agreement(page: PageDep, form: FormDep, session: SessionDep, by: Preparer) -> Response:  # noqa: ARG001
        wanted = form.read(TermsTextIn)
        check = show_check(service.examine(session, wanted.text))
        lines = wanted.text.splitlines()
        return page.part(
            "cooperation/check.html",
            check=check,
            lines=lines,
            **_around(page, rooms, session, check.terms),
        )

    @pages.post("")
    def propose_agreement(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Signatory) -> Response:
        wanted = form.read(TermsTextIn)
        reading = service.examine(session, wanted.text)
        if reading.terms is None:
            wrong = next(each for each in reading.findings if each.severity is Severity.ERROR)
            raise InvalidError(
                f"Line {wrong.line}: {wrong.text_en}.", f"第 {wrong.line} 行：{wrong.text_zh}。", pointer="/text"
            )
        row = service.propose(session, reading.terms, text=wanted.text, by=by, now=now)
        return page.go(f"{_HOME}/{row.code}", page.text("Proposed and signed; it waits for the other parties."))

    @pages.post("/{code}/endings")
    def end_agreement(
        page: PageDep, code: Code, form: FormDep, session: SessionDep, now: NowDep, by: Signatory
    ) -> Response:
        wanted = form.read(EndingIn)
        ending = EndingV1(ends=service.newest_digest(session, code), last_day=wanted.last_day, reason=wanted.reason)
        service.end(session, code, ending, by=by, now=now)
        return page.go(f"{_HOME}/{code}", page.text("Proposed and signed; it waits for the other parties."))

    @pages.post("/{code}/calendars")
    def propose_calendar(
        page: PageDep, code: Code, form: FormDep, session: SessionDep, now: NowDep, by: Signatory
    ) -> Response:
        service.add_calendar(session, code, calendar_wanted(form.read(CalendarIn)), by=by, now=now)
        return page.go(f"{_HOME}/{code}", page.text("Proposed and signed; it waits for the other parties."))


def _add_answering(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.agreements

    @pages.post("/{code}/proposals/{digest}/sign")
    def sign_agreement(
        page: PageDep, code: Code, digest: Digest, session: SessionDep, now: NowDep, by: Signatory
    ) -> Response:
        service.sign(session, code, digest, by=by, now=now)
        return page.go(f"{_HOME}/{code}", page.text("Signed for this bureau."))

    @pages.post("/{code}/proposals/{digest}/{word}")
    def refuse_agreement(
        page: PageDep,
        code: Code,
        digest: Digest,
        word: Literal["decline", "withdraw"],
        form: FormDep,
        session: SessionDep,
        now: NowDep,
        by: Signatory,
    ) -> Response:
        say = service.decline if word == "decline" else service.withdraw
        say(session, code, digest, form.read(AgreementReasonIn).reason, by=by, now=now)
        return page.go(f"{_HOME}/{code}", page.text("Said to all parties."))


def _next_version(rooms: Cooperation, session: Session, code: str) -> str:
    """Return the newest terms of an agreement as a file, numbered as the version after them."""
    held = next((each for each in rooms.agreements.in_force(session) if each.code == code and each.versions), None)
    if held is None:
        raise NotFoundError
    newest = held.versions[-1].terms
    return terms_file.write(newest.model_copy(update={"version": newest.version + 1, "replaces": None}))


def _around(page: Page, rooms: Cooperation, session: Session, terms: TermsV1 | None) -> dict[str, Any]:
    return {
        "bureau": rooms.obligations.views.names(session),
        "us": rooms.agreements.us,
        "duties": duties_in_words(page, terms) if terms else [],
        "answers": answers_in_words(page, terms) if terms else [],
    }
