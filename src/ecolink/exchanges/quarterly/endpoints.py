"""`/api/v1/exchanges`: the quarterly exchanges, our package from draft to approval, and our words on the others'."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response, status
from pydantic import BaseModel, Field
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ecolink.errors import NotFoundError
from ecolink.exchanges.quarterly import ledger
from ecolink.exchanges.quarterly.models import Exchange, Package
from ecolink.exchanges.quarterly.schemas import (
    ExchangeIn,
    PackageCorrectionIn,
    PackageDraftIn,
    PackageFeedbackIn,
    PackageReadIn,
    SignOffIn,
)
from ecolink.exchanges.quarterly.service import QuarterlyService
from ecolink.exchanges.quarterly.views import ExchangeLineOut, ExchangeOut, PackageDraftOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.agreements import Slug
from ecolink.surface import printing
from ecolink.surface.auth import requires
from ecolink.surface.etags import IfMatch, etag
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep, TransactionalRoute

ExchangeId = Annotated[str, Path(max_length=36, examples=["019a0000-0000-7000-8000-000000000001"])]
PackageDigest = Annotated[str, Path(max_length=64, examples=["9f86d081884c7d659a2feaa0c55ad015"])]
Reader = Annotated[Principal, requires(Permission.OBLIGATION_READ)]
Handler = Annotated[Principal, requires(Permission.OBLIGATION_HANDLE)]
Approver = Annotated[Principal, requires(Permission.PACKAGE_APPROVE)]


class ExchangeFilters(BaseModel):
    """Which exchanges to list."""

    agreement: Slug | None = None
    period: Annotated[str, Field(max_length=7, examples=["2026-Q3"])] | None = None
    state: Literal["open", "partial", "complete", "signed_off"] | None = None

    def select(self) -> Select[Exchange]:
        """Return the exchanges that agree with all of it."""
        wanted = self.model_dump(exclude_none=True)
        return select(Exchange).where(*(getattr(Exchange, name) == value for name, value in wanted.items()))


def router(service: QuarterlyService) -> APIRouter:
    """Return the operations on exchanges."""
    api = APIRouter(prefix="/exchanges", tags=["exchanges"], route_class=TransactionalRoute)
    _add_reading(api, service)
    _add_writing(api, service)
    _add_answering(api, service)
    _add_printing(api, service)
    return api


def _shown(session: Session, service: QuarterlyService, exchange: Exchange, by: Principal, now: NowDep) -> ExchangeOut:
    return service.views.show(session, exchange, service.due(session, exchange), by, now)


def _add_reading(api: APIRouter, service: QuarterlyService) -> None:
    @api.get("", operation_id="list_exchanges", summary="List exchanges / 季度通报交流列表")
    def list_exchanges(
        session: SessionDep,
        paging: Paging,
        now: NowDep,
        wanted: Annotated[ExchangeFilters, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Page[ExchangeLineOut]:
        """The exchanges that are due or were held, the latest period first. What is due opens by itself."""
        return paging.read(
            session,
            wanted.select(),
            order=(Exchange.period, Exchange.id),
            shape=lambda exchange: service.views.line(session, exchange, service.due(session, exchange), now),
        )

    @api.get("/{exchange_id}", operation_id="get_exchange", summary="Show an exchange / 查看季度通报交流")
    def get_exchange(exchange_id: ExchangeId, session: SessionDep, now: NowDep, by: Reader) -> ExchangeOut:
        """Every party's package, who read it and what was fed back, and how far it is signed off."""
        return _shown(session, service, ledger.find(session, exchange_id), by, now)


def _add_writing(api: APIRouter, service: QuarterlyService) -> None:
    def answer(response: Response, session: Session, exchange_id: str) -> PackageDraftOut:
        draft = service.draft(session, exchange_id)
        response.headers["ETag"] = etag(draft.version)
        return service.views.draft(draft)

    @api.post(
        "",
        operation_id="compile_exchange",
        summary="Draw up our package now / 立即生成季度材料",
        status_code=status.HTTP_201_CREATED,
    )
    def compile_exchange(
        wanted: ExchangeIn, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> ExchangeOut:
        """Only for what the node did not open by itself: one missed long ago. Doing it again changes nothing."""
        exchange = service.compile(session, wanted.obligation, now=now)
        response.headers["Location"] = f"/api/v1/exchanges/{exchange.id}"
        return _shown(session, service, exchange, by, now)

    @api.get("/{exchange_id}/draft", operation_id="get_package_draft", summary="Show our draft / 查看本局草稿")
    def get_package_draft(
        exchange_id: ExchangeId,
        session: SessionDep,
        response: Response,
        by: Reader,  # noqa: ARG001
    ) -> PackageDraftOut:
        """Our package as far as it is written; 404 when nothing is being written."""
        return answer(response, session, exchange_id)

    @api.put("/{exchange_id}/draft", operation_id="edit_package_draft", summary="Write into our draft / 编辑本局草稿")
    def edit_package_draft(
        exchange_id: ExchangeId,
        entry: PackageDraftIn,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Handler,
    ) -> PackageDraftOut:
        """Highlights, outlook, the letter's number, what is not to be listed; or a nil package."""
        service.edit(session, exchange_id, entry, version=version, by=by, now=now)
        return answer(response, session, exchange_id)

    @api.post(
        "/{exchange_id}/draft/renew", operation_id="renew_package_draft", summary="Take its figures anew / 重新统计"
    )
    def renew_package_draft(
        exchange_id: ExchangeId, version: IfMatch, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> PackageDraftOut:
        """Figures and lists as they are now; what officers wrote stays."""
        service.renew(session, exchange_id, version=version, by=by, now=now)
        return answer(response, session, exchange_id)

    @api.delete(
        "/{exchange_id}/draft",
        operation_id="discard_package_draft",
        summary="Drop a correction / 放弃更正稿",
        status_code=status.HTTP_204_NO_CONTENT,
    )
    def discard_package_draft(
        exchange_id: ExchangeId,
        version: IfMatch,
        session: SessionDep,
        by: Handler,  # noqa: ARG001
    ) -> None:
        """The package that was sent stands. A first package is due, and cannot be dropped."""
        service.discard(session, exchange_id, version=version)

    @api.post("/{exchange_id}/draft/approve", operation_id="approve_package", summary="Approve and send / 审批并提交")
    def approve_package(
        exchange_id: ExchangeId, version: IfMatch, session: SessionDep, now: NowDep, by: Approver
    ) -> ExchangeOut:
        """A second person's word: the package is signed and goes to all parties as it was read."""
        service.approve(session, exchange_id, version=version, by=by, now=now)
        return _shown(session, service, ledger.find(session, exchange_id), by, now)

    @api.post("/{exchange_id}/correct", operation_id="correct_package", summary="Correct our package / 更正本局材料")
    def correct_package(
        exchange_id: ExchangeId,
        entry: PackageCorrectionIn,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Handler,
    ) -> PackageDraftOut:
        """Begins a draft that takes the place of what we sent, once it is approved; all sign off anew then."""
        service.correct(session, exchange_id, entry.correction, by=by, now=now)
        return answer(response, session, exchange_id)


def _add_answering(api: APIRouter, service: QuarterlyService) -> None:
    @api.post("/{exchange_id}/read", operation_id="read_package", summary="Say we have read it / 确认已阅")
    def read_package(
        exchange_id: ExchangeId, entry: PackageReadIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ExchangeOut:
        """Tells all parties that a person of the caller's role has read a party's package."""
        exchange = service.read(session, exchange_id, entry.package, by=by, now=now)
        return _shown(session, service, exchange, by, now)

    @api.post("/{exchange_id}/feedback", operation_id="feed_back_package", summary="Feed back / 反馈")
    def feed_back_package(
        exchange_id: ExchangeId, entry: PackageFeedbackIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ExchangeOut:
        """What a party's package was good for, and what should be corrected; the last word counts."""
        exchange = service.feed_back(session, exchange_id, entry, by=by, now=now)
        return _shown(session, service, exchange, by, now)

    @api.post("/{exchange_id}/sign-off", operation_id="sign_off_exchange", summary="Sign it off / 确认季度交流")
    def sign_off_exchange(
        exchange_id: ExchangeId, entry: SignOffIn, session: SessionDep, now: NowDep, by: Approver
    ) -> ExchangeOut:
        """Our signature over the packages that stand; the exchange is done when all parties signed the same ones."""
        exchange = service.sign_off(session, exchange_id, entry.digest, by=by, now=now)
        return _shown(session, service, exchange, by, now)


def _add_printing(api: APIRouter, service: QuarterlyService) -> None:
    @api.get(
        "/{exchange_id}/draft/document",
        operation_id="print_package_draft",
        summary="Print our draft / 打印草稿",
        response_class=Response,
        responses=printing.ANSWERS,
    )
    def print_package_draft(
        exchange_id: ExchangeId,
        database: DatabaseDep,
        by: Reader,  # noqa: ARG001
        form: printing.Form = "html",
    ) -> Response:
        """Our package as it would look, marked as a draft."""
        with database.read() as session:
            exchange = ledger.find(session, exchange_id)
            document = service.views.letter_of_draft(session, exchange, service.draft(session, exchange_id))
        return printing.printed(document, form, f"exchange-{exchange.period}-draft")

    @api.get(
        "/{exchange_id}/packages/{digest}/document",
        operation_id="print_package",
        summary="Print a package / 打印季度材料",
        response_class=Response,
        responses=printing.ANSWERS,
    )
    def print_package(
        exchange_id: ExchangeId,
        digest: PackageDigest,
        database: DatabaseDep,
        by: Reader,  # noqa: ARG001
        form: printing.Form = "html",
    ) -> Response:
        """A party's package as an official letter, its figures drawn, with who has signed off."""
        with database.read() as session:
            exchange, row = ledger.find(session, exchange_id), session.get(Package, digest)
            if row is None or row.exchange_id != exchange.id:
                raise NotFoundError
            document = service.views.letter(session, exchange, row)
        return printing.printed(document, form, f"exchange-{exchange.period}-{row.author}")
