"""`/api/v1/obligations` and `/api/v1/notices`: what is due, by what it was met, and who was told."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response, status

from ecolink.exchanges.obligations import report_forms
from ecolink.exchanges.obligations.filters import NoticeFilters, ObligationFilters
from ecolink.exchanges.obligations.models import Notice
from ecolink.exchanges.obligations.report import compile_report
from ecolink.exchanges.obligations.report_forms import Form
from ecolink.exchanges.obligations.schemas import NoticeOut, ObligationLineOut, ObligationOut, ReasonIn, ReportOut
from ecolink.exchanges.obligations.service import ObligationService
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.agreements import Slug
from ecolink.protocol.kinds.common import UnitCode
from ecolink.surface.auth import requires
from ecolink.surface.paging import Page, Paging
from ecolink.surface.route import add_routes
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep, TransactionalRoute

AgreementCode = Annotated[str, Path(max_length=40, examples=["sn-qy-151"])]
DutyCode = Annotated[str, Path(max_length=40, examples=["liaison"])]
PeriodLabel = Annotated[str, Path(max_length=8, examples=["2026-07"])]


def _key(agreement: AgreementCode, duty: DutyCode, period: PeriodLabel) -> str:
    return f"{agreement}/{duty}/{period}"


ObligationKey = Annotated[str, Depends(_key)]
"""The obligation that the three parts of the address name."""
WaiverDigest = Annotated[str, Path(max_length=64, examples=["5" * 64])]
NoticeId = Annotated[str, Path(max_length=36, examples=["019ab000-0000-7000-8000-000000000001"])]
Reader = Annotated[Principal, requires(Permission.OBLIGATION_READ)]
Handler = Annotated[Principal, requires(Permission.OBLIGATION_HANDLE)]
Waiver = Annotated[Principal, requires(Permission.OBLIGATION_WAIVE)]

_ONE = "/{agreement}/{duty}/{period}"


def router(service: ObligationService) -> APIRouter:
    """Return the operations on obligations and notices."""
    api = APIRouter(route_class=TransactionalRoute)
    obligations = APIRouter(prefix="/obligations", tags=["obligations"], route_class=TransactionalRoute)
    notices = APIRouter(prefix="/notices", tags=["notices"], route_class=TransactionalRoute)
    _add_reading(obligations, service)
    _add_waiving(obligations, service)
    _add_notices(notices, service)
    add_routes(api, [obligations, notices])
    return api


def _add_reading(api: APIRouter, service: ObligationService) -> None:
    @api.get("", operation_id="list_obligations", summary="What is due under our agreements / 协作义务列表")
    def list_obligations(
        session: SessionDep,
        paging: Paging,
        wanted: Annotated[ObligationFilters, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Page[ObligationLineOut]:
        """Every obligation of ours that was ever written down, up to some thirteen months ahead, by due day."""
        page = paging.read(
            session,
            wanted.select(),
            order=wanted.order,
            shape=lambda row: row,
            descending=wanted.sort.startswith("-"),
        )
        return Page(items=service.views.lines(session, page.items), next=page.next)

    @api.get(
        "/report",
        operation_id="get_compliance_report",
        summary="Compliance by partner, duty and year / 履约情况统计",
        response_model=ReportOut,
        responses=report_forms.ANSWERS,
    )
    def get_compliance_report(
        database: DatabaseDep,
        now: NowDep,
        by: Reader,  # noqa: ARG001
        year: Annotated[int, Query(ge=2000, le=2200, description="That in which the periods begin.", examples=[2026])],
        partner: UnitCode | None = None,
        agreement: Slug | None = None,
        form: Annotated[Form, Query(alias="format", description="JSON, a table, or a document in Chinese.")] = "json",
    ) -> Response | ReportOut:
        """Of what was due: met in time, made up late, waived, missing, and on which side it was late.

        Any format but JSON comes as a file with the media type of its own.
        Only what all parties signed counts as met; what was made up stays late for ever.
        """
        with database.read() as session:
            report = compile_report(session, service.us, year, now, partner=partner, agreement=agreement)
            names = service.views.names(session)
        if form == "json":
            return report_forms.show(report, names)
        return report_forms.filed(report, names, service.views.home, form)

    @api.get(_ONE, operation_id="get_obligation", summary="One obligation with its evidence / 查看协作义务")
    def get_obligation(
        key: ObligationKey,
        session: SessionDep,
        by: Reader,  # noqa: ARG001
    ) -> ObligationOut:
        """How it stands, by which signed records; whom we told of it, and what each side's node told the other."""
        row = service.book.find(session, key)
        return service.views.show(session, row)


def _add_waiving(api: APIRouter, service: ObligationService) -> None:
    @api.post(
        f"{_ONE}/waivers",
        operation_id="propose_waiver",
        summary="Propose that it need not be met / 提议免除",
        status_code=status.HTTP_201_CREATED,
    )
    def propose_waiver(
        key: ObligationKey,
        entry: ReasonIn,
        session: SessionDep,
        now: NowDep,
        by: Waiver,
    ) -> ObligationOut:
        """The obligation stands until every other party has agreed, each with its own reason."""
        return service.views.show(session, service.waivers.propose(session, key, entry.reason, by=by, now=now))

    @api.post(f"{_ONE}/waivers/{{waiver}}/accept", operation_id="accept_waiver", summary="Agree to waive it / 同意免除")
    def accept_waiver(
        key: ObligationKey,
        waiver: WaiverDigest,
        entry: ReasonIn,
        session: SessionDep,
        now: NowDep,
        by: Waiver,
    ) -> ObligationOut:
        """With the last party's word the obligation is waived, and shown as waived with all reasons."""
        return service.views.show(session, service.waivers.accept(session, key, waiver, entry.reason, by=by, now=now))

    @api.post(
        f"{_ONE}/waivers/{{waiver}}/decline",
        operation_id="decline_waiver",
        summary="Do not agree to waive it / 不同意免除",
    )
    def decline_waiver(
        key: ObligationKey,
        waiver: WaiverDigest,
        entry: ReasonIn,
        session: SessionDep,
        now: NowDep,
        by: Waiver,
    ) -> ObligationOut:
        """The obligation stands. We may still agree later, as long as the proposal is not taken back."""
        return service.views.show(session, service.waivers.decline(session, key, waiver, entry.reason, by=by, now=now))

    @api.post(
        f"{_ONE}/waivers/{{waiver}}/withdraw",
        operation_id="withdraw_waiver",
        summary="Take our proposal back / 撤回免除提议",
    )
    def withdraw_waiver(
        key: ObligationKey,
        waiver: WaiverDigest,
        entry: ReasonIn,
        session: SessionDep,
        now: NowDep,
        by: Waiver,
    ) -> ObligationOut:
        """Only our own proposal, and only until all have agreed to it."""
        return service.views.show(session, service.waivers.withdraw(session, key, waiver, entry.reason, by=by, now=now))


def _add_notices(api: APIRouter, service: ObligationService) -> None:
    @api.get("", operation_id="list_notices", summary="What I am reminded of / 我的提醒与督办")
    def list_notices(
        session: SessionDep, paging: Paging, wanted: Annotated[NoticeFilters, Query()], by: Reader
    ) -> Page[NoticeOut]:
        """Reminders and escalations that address one of the caller's roles, newest first.

        A notice closes by itself when its obligation is met or waived.
        """
        page = paging.read(session, wanted.select(by), order=(Notice.id,), shape=lambda row: row)
        return Page(items=service.views.notices(page.items), next=page.next)

    @api.post("/{notice_id}/seen", operation_id="see_notice", summary="I have seen it / 已阅")
    def see_notice(notice_id: NoticeId, session: SessionDep, now: NowDep, by: Handler) -> NoticeOut:
        """Says who saw it first; what is owed stays owed."""
        return service.views.notices([service.notices.see(session, notice_id, by=by, now=now)])[0]
