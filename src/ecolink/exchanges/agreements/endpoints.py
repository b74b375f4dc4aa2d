"""`/api/v1/agreements`: check, propose, sign, decline, take back, end, and see what is in force."""

from typing import Annotated

from fastapi import APIRouter, Path, Response, status
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import calendar_of, published_days, read_table
from ecolink.cadence.findings import Severity
from ecolink.errors import InvalidError
from ecolink.exchanges.agreements.models import AgreementRow
from ecolink.exchanges.agreements.schemas import (
    AgreementLineOut,
    AgreementOut,
    AgreementProposalFullOut,
    AgreementReasonIn,
    CalendarIn,
    CheckOut,
    EndingIn,
    TermsTextIn,
)
from ecolink.exchanges.agreements.service import AgreementService
from ecolink.exchanges.agreements.views import Views, show_check
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1
from ecolink.surface.auth import requires
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import NowDep, SessionDep, TransactionalRoute

Code = Annotated[str, Path(max_length=40, examples=["sn-qy-151"])]
Digest = Annotated[
    str, Path(pattern="^[0-9a-f]{64}$", examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
]
Reader = Annotated[Principal, requires(Permission.AGREEMENT_READ)]
Preparer = Annotated[Principal, requires(Permission.AGREEMENT_PROPOSE)]
Signatory = Annotated[Principal, requires(Permission.AGREEMENT_SIGN)]


def router(service: AgreementService) -> APIRouter:
    """Return the operations on agreements."""
    api = APIRouter(prefix="/agreements", tags=["agreements"], route_class=TransactionalRoute)
    views = Views(service)
    _add_reading(api, service, views)
    _add_proposing(api, service, views)
    _add_answering(api, service, views)
    return api


def _add_reading(api: APIRouter, service: AgreementService, views: Views) -> None:
    @api.get("", operation_id="list_agreements", summary="List the agreements / 协议列表")
    def list_agreements(
        session: SessionDep,
        paging: Paging,
        now: NowDep,
        by: Reader,  # noqa: ARG001
    ) -> Page[AgreementLineOut]:
        """List every agreement this bureau proposed or was asked to sign, by code."""
        return paging.read(
            session,
            service.all(),
            order=(AgreementRow.code,),
            shape=lambda row: views.line(session, row, now),
            descending=False,
        )

    @api.get("/{code}", operation_id="get_agreement", summary="Show an agreement / 查看协议")
    def get_agreement(code: Code, session: SessionDep, now: NowDep, by: Reader) -> AgreementOut:  # noqa: ARG001
        """Show an agreement: its terms in force, and all that was proposed of it, with every party's word."""
        return views.whole(session, service.get(session, code), now)

    @api.get("/{code}/proposals/{digest}", operation_id="get_agreement_proposal", summary="Show a proposal / 查看提议")
    def get_proposal(
        code: Code,
        digest: Digest,
        session: SessionDep,
        now: NowDep,
        by: Reader,  # noqa: ARG001
    ) -> AgreementProposalFullOut:
        """Show terms, an ending or a calendar word for word, with the file they were read from."""
        return views.proposal(session, *service.subject(session, code, digest), now)


def _add_proposing(api: APIRouter, service: AgreementService, views: Views) -> None:
    def answer(session: Session, row: AgreementRow, now: NowDep, response: Response) -> AgreementOut:
        response.headers["Location"] = f"/api/v1/agreements/{row.code}"
        return views.whole(session, row, now)

    @api.post("/check", operation_id="check_agreement", summary="Check an agreement's file / 检查协议文件")
    def check_agreement(wanted: TermsTextIn, session: SessionDep, by: Preparer) -> CheckOut:  # noqa: ARG001
        """Read a file and say all that is wrong with it, each on its line and with the mend; nothing is proposed."""
        return show_check(service.examine(session, wanted.text))

    @api.post(
        "",
        operation_id="propose_agreement",
        summary="Propose an agreement or its next version / 提议协议或修订",
        status_code=status.HTTP_201_CREATED,
    )
    def propose_agreement(
        wanted: TermsTextIn, session: SessionDep, now: NowDep, response: Response, by: Signatory
    ) -> AgreementOut:
        """Propose the terms of a file to all parties. Proposing is signing: this bureau is bound once all have signed.

        A file whose `version` is higher than 1 amends the agreement in force.
        """
        reading = service.examine(session, wanted.text)
        if reading.terms is None:
            wrong = next(each for each in reading.findings if each.severity is Severity.ERROR)
            raise InvalidError(
                f"Line {wrong.line}: {wrong.text_en}.", f"第 {wrong.line} 行：{wrong.text_zh}。", pointer="/text"
            )
        row = service.propose(session, reading.terms, text=wanted.text, by=by, now=now)
        return answer(session, row, now, response)

    @api.post(
        "/{code}/endings",
        operation_id="end_agreement",
        summary="Propose to end an agreement / 提议终止协议",
        status_code=status.HTTP_201_CREATED,
    )
    def end_agreement(
        code: Code, wanted: EndingIn, session: SessionDep, now: NowDep, response: Response, by: Signatory
    ) -> AgreementOut:
        """Propose that the agreement ends on a day before its own last one; it does once all parties have signed."""
        ending = EndingV1(ends=service.newest_digest(session, code), last_day=wanted.last_day, reason=wanted.reason)
        return answer(session, service.end(session, code, ending, by=by, now=now), now, response)

    @api.post(
        "/{code}/calendars",
        operation_id="propose_calendar",
        summary="Propose a year's working days / 提议某年的工作日历",
        status_code=status.HTTP_201_CREATED,
    )
    def propose_calendar(
        code: Code, wanted: CalendarIn, session: SessionDep, now: NowDep, response: Response, by: Signatory
    ) -> AgreementOut:
        """Propose the working days of one more year; they count from the day after all parties have signed them."""
        calendar = calendar_wanted(wanted)
        return answer(session, service.add_calendar(session, code, calendar, by=by, now=now), now, response)


def _add_answering(api: APIRouter, service: AgreementService, views: Views) -> None:
    @api.post("/{code}/proposals/{digest}/sign", operation_id="sign_agreement", summary="Sign a proposal / 签署")
    def sign_agreement(code: Code, digest: Digest, session: SessionDep, now: NowDep, by: Signatory) -> AgreementOut:
        """Sign what another party proposed: exactly the document of this digest."""
        return views.whole(session, service.sign(session, code, digest, by=by, now=now), now)

    @api.post("/{code}/proposals/{digest}/decline", operation_id="decline_agreement", summary="Decline / 不予签署")
    def decline_agreement(
        code: Code, digest: Digest, wanted: AgreementReasonIn, session: SessionDep, now: NowDep, by: Signatory
    ) -> AgreementOut:
        """Tell all parties that this bureau will not sign it, and why. It may still sign later."""
        return views.whole(session, service.decline(session, code, digest, wanted.reason, by=by, now=now), now)

    @api.post("/{code}/proposals/{digest}/withdraw", operation_id="withdraw_agreement", summary="Take back / 撤回提议")
    def withdraw_agreement(
        code: Code, digest: Digest, wanted: AgreementReasonIn, session: SessionDep, now: NowDep, by: Signatory
    ) -> AgreementOut:
        """Take our own proposal back, as long as not all parties have signed it."""
        return views.whole(session, service.withdraw(session, code, digest, wanted.reason, by=by, now=now), now)


def calendar_wanted(wanted: CalendarIn) -> CalendarV1:
    """Return the calendar that is wanted.

    Raises:
        InvalidError: the table is wrong, or this node's software does not know the year.

    """
    try:
        table = published_days(wanted.year) if wanted.table is None else read_table(wanted.table)
        return calendar_of(wanted.year, table, wanted.source)
    except ValueError as wrong:
        where = "/year" if wanted.table is None else "/table"
        raise InvalidError(f"The calendar is wrong: {wrong}", f"工作日历有误：{wrong}", pointer=where) from None
