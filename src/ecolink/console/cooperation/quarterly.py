"""The quarterly exchange: our package from draft to approval, the others' packages, and what is said of them."""

from fastapi import APIRouter, Response

from ecolink.console.form import FormDep
from ecolink.console.page import Page, PageDep
from ecolink.console.route import PageRoute
from ecolink.errors import NotFoundError
from ecolink.exchanges.letters import BULLETIN_KINDS
from ecolink.exchanges.quarterly import ledger
from ecolink.exchanges.quarterly.endpoints import (
    Approver,
    ExchangeFilters,
    ExchangeId,
    Handler,
    PackageDigest,
    Reader,
)
from ecolink.exchanges.quarterly.letter import LEAD_KINDS_ZH, STATISTICS_ZH
from ecolink.exchanges.quarterly.models import Exchange, Package
from ecolink.exchanges.quarterly.schemas import (
    ExchangeIn,
    PackageCorrectionIn,
    PackageDraftIn,
    PackageFeedbackIn,
    PackageReadIn,
    SignOffIn,
)
from ecolink.surface import printing
from ecolink.surface.paging import Paging
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep
from ecolink.web.cooperation import Cooperation

_HOME = "/cooperation/exchanges"


def router(rooms: Cooperation) -> APIRouter:
    """Return the pages of exchanges."""
    pages = APIRouter(prefix=_HOME, route_class=PageRoute)
    _add_reading(pages, rooms)
    _add_writing(pages, rooms)
    _add_answering(pages, rooms)
    _add_printing(pages, rooms)
    return pages


def _add_reading(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.quarterly

    @pages.get("")
    def list_exchanges(page: PageDep, session: SessionDep, now: NowDep, paging: Paging, by: Reader) -> Response:  # noqa: ARG001
        wanted = page.asked(ExchangeFilters)
        found = paging.read(
            session,
            wanted.select(),
            order=(Exchange.period, Exchange.id),
            shape=lambda exchange: service.views.line(session, exchange, service.due(session, exchange), now),
        )
        return page.show("cooperation/exchanges.html", wanted=wanted, found=found)

    @pages.get("/{exchange_id}")
    def show_exchange(page: PageDep, exchange_id: ExchangeId, session: SessionDep, now: NowDep, by: Reader) -> Response:
        exchange = ledger.find(session, exchange_id)
        shown = service.views.show(session, exchange, service.due(session, exchange), by, now)
        return page.show(
            "cooperation/exchange.html",
            exchange=shown,
            us=service.us,
            bureau=rooms.obligations.views.names(session),
            words=_words(page),
        )

    @pages.get("/{exchange_id}/draft")
    def show_draft(page: PageDep, exchange_id: ExchangeId, session: SessionDep, now: NowDep, by: Reader) -> Response:
        exchange = ledger.find(session, exchange_id)
        return page.show(
            "cooperation/draft.html",
            exchange=service.views.show(session, exchange, service.due(session, exchange), by, now),
            draft=service.views.draft(service.draft(session, exchange_id)),
            bureau=rooms.obligations.views.names(session),
            words=_words(page),
        )


def _add_writing(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.quarterly

    @pages.post("")
    def compile_exchange(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Handler) -> Response:  # noqa: ARG001
        exchange = service.compile(session, form.read(ExchangeIn).obligation, now=now)
        return page.go(f"{_HOME}/{exchange.id}", page.text("Our package is drawn up."))

    @pages.post("/{exchange_id}/draft")
    def edit_draft(
        page: PageDep, exchange_id: ExchangeId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.edit(session, exchange_id, form.read(PackageDraftIn), version=form.version, by=by, now=now)
        return page.go(f"{_HOME}/{exchange_id}/draft", page.text("Saved; another person may approve and send it."))

    @pages.post("/{exchange_id}/draft/renew")
    def renew_draft(
        page: PageDep, exchange_id: ExchangeId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.renew(session, exchange_id, version=form.version, by=by, now=now)
        return page.go(f"{_HOME}/{exchange_id}/draft", page.text("The figures were taken anew."))

    @pages.post("/{exchange_id}/draft/discard")
    def discard_draft(
        page: PageDep,
        exchange_id: ExchangeId,
        form: FormDep,
        session: SessionDep,
        by: Handler,  # noqa: ARG001
    ) -> Response:
        service.discard(session, exchange_id, version=form.version)
        return page.go(f"{_HOME}/{exchange_id}", page.text("The correction is dropped; what was sent stands."))

    @pages.post("/{exchange_id}/draft/approve")
    def approve_package(
        page: PageDep, exchange_id: ExchangeId, form: FormDep, session: SessionDep, now: NowDep, by: Approver
    ) -> Response:
        service.approve(session, exchange_id, version=form.version, by=by, now=now)
        return page.go(f"{_HOME}/{exchange_id}", page.text("Approved, signed and sent to all parties."))

    @pages.post("/{exchange_id}/correct")
    def correct_package(
        page: PageDep, exchange_id: ExchangeId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.correct(session, exchange_id, form.read(PackageCorrectionIn).correction, by=by, now=now)
        return page.go(f"{_HOME}/{exchange_id}/draft", page.text("A correction is begun."))


def _add_answering(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.quarterly

    @pages.post("/{exchange_id}/read")
    def read_package(
        page: PageDep, exchange_id: ExchangeId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.read(session, exchange_id, form.read(PackageReadIn).package, by=by, now=now)
        return page.go(f"{_HOME}/{exchange_id}", page.text("Said to all parties."))

    @pages.post("/{exchange_id}/feedback")
    def feed_back_package(
        page: PageDep, exchange_id: ExchangeId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.feed_back(session, exchange_id, form.read(PackageFeedbackIn), by=by, now=now)
        return page.go(f"{_HOME}/{exchange_id}", page.text("Said to all parties."))

    @pages.post("/{exchange_id}/sign-off")
    def sign_off_exchange(
        page: PageDep, exchange_id: ExchangeId, form: FormDep, session: SessionDep, now: NowDep, by: Approver
    ) -> Response:
        service.sign_off(session, exchange_id, form.read(SignOffIn).digest, by=by, now=now)
        return page.go(f"{_HOME}/{exchange_id}", page.text("Signed off."))


def _add_printing(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.quarterly

    @pages.get("/{exchange_id}/draft/document")
    def print_draft(
        exchange_id: ExchangeId,
        database: DatabaseDep,
        by: Reader,  # noqa: ARG001
        form: printing.Form = "html",
    ) -> Response:
        with database.read() as session:
            exchange = ledger.find(session, exchange_id)
            document = service.views.letter_of_draft(session, exchange, service.draft(session, exchange_id))
        return printing.printed(document, form, f"exchange-{exchange.period}-draft")

    @pages.get("/{exchange_id}/packages/{digest}/document")
    def print_package(
        exchange_id: ExchangeId,
        digest: PackageDigest,
        database: DatabaseDep,
        by: Reader,  # noqa: ARG001
        form: printing.Form = "html",
    ) -> Response:
        with database.read() as session:
            exchange, row = ledger.find(session, exchange_id), session.get(Package, digest)
            if row is None or row.exchange_id != exchange.id:
                raise NotFoundError
            document = service.views.letter(session, exchange, row)
        return printing.printed(document, form, f"exchange-{exchange.period}-{row.author}")


def _words(page: Page) -> dict[str, str]:
    """Return the Chinese of the codes a package counts and lists; in English a code is read as it is."""
    if page.either("zh", "en") == "en":
        return {}
    counted = {code: f"{group}：{name}" for group, named in STATISTICS_ZH.items() for code, name in named.items()}
    return counted | {**BULLETIN_KINDS} | {**LEAD_KINDS_ZH}
