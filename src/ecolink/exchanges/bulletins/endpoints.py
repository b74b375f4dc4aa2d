"""`/api/v1/bulletins`: intelligence told to other bureaus and by them, from draft to recall."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response, status
from sqlalchemy.orm import Session

from ecolink.exchanges.bulletins import permission_endpoints, prints
from ecolink.exchanges.bulletins.board import AnswersOut, RecipientsOut
from ecolink.exchanges.bulletins.history import BulletinHistoryOut, BulletinVersionsOut
from ecolink.exchanges.bulletins.listing import Sort, Wanted, matching, order_of
from ecolink.exchanges.bulletins.record import Dossier
from ecolink.exchanges.bulletins.rules.tables import State
from ecolink.exchanges.bulletins.schemas import (
    BulletinCorrectionIn,
    BulletinFeedbackIn,
    BulletinIn,
    BulletinRecallIn,
    BulletinRevealIn,
    BulletinSendBackIn,
    BulletinUseIn,
)
from ecolink.exchanges.bulletins.service import BulletinService
from ecolink.exchanges.bulletins.views import (
    BulletinOut,
    BulletinSummary,
    RevealedOut,
)
from ecolink.federation import threads
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.bulletins import BulletinKind, Time
from ecolink.surface.auth import requires
from ecolink.surface.etags import IfMatch, etag
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep, TransactionalRoute

BulletinId = Annotated[str, Path(max_length=36, examples=["019ab5d2-7c00-7000-8000-0123456789ab"])]
Reader = Annotated[Principal, requires(Permission.BULLETIN_READ)]
Drafter = Annotated[Principal, requires(Permission.BULLETIN_DRAFT)]
Approver = Annotated[Principal, requires(Permission.BULLETIN_APPROVE)]
Recaller = Annotated[Principal, requires(Permission.BULLETIN_RECALL)]
Answerer = Annotated[Principal, requires(Permission.BULLETIN_FEEDBACK)]
Revealer = Annotated[Principal, requires(Permission.PERSON_REVEAL)]


def router(service: BulletinService, home_zh: str) -> APIRouter:
    """Return the operations on bulletins; `home_zh` is the Chinese name of this bureau, for letters."""
    api = APIRouter(prefix="/bulletins", tags=["bulletins"], route_class=TransactionalRoute)
    _add_reading(api, service)
    _add_drafting(api, service)
    _add_answering(api, service)
    permission_endpoints.add(api, service)
    prints.add(api, prints.Prints(service, home_zh))
    return api


def shown(session: Session, service: BulletinService, dossier: Dossier, response: Response, now: NowDep) -> BulletinOut:
    """Return one bulletin as the answer, with its `ETag`."""
    response.headers["ETag"] = etag(dossier.row.version)
    return BulletinOut.of_dossier(dossier, service.files(session, dossier), service.names(session), now)


def _add_reading(api: APIRouter, service: BulletinService) -> None:
    @api.get("", operation_id="list_bulletins", summary="List bulletins / 通报列表")
    def list_bulletins(  # noqa: PLR0913, PLR0917 - the filters of a list
        session: SessionDep,
        paging: Paging,
        now: NowDep,
        by: Reader,  # noqa: ARG001
        direction: Annotated[Literal["in", "out"] | None, Query(description="Told to us, or written here.")] = None,
        kind: BulletinKind | None = None,
        state: Annotated[
            list[State] | None, Query(max_length=5, description="Any of these; without it all but recalled ones.")
        ] = None,
        peer: Annotated[
            str | None, Query(pattern=r"^[0-9]{12}$", description="A bureau that wrote it or holds it.")
        ] = None,
        charge: Annotated[
            str | None, Query(max_length=64, description="Article of the Criminal Law, as 345(1).")
        ] = None,
        species: Annotated[str | None, Query(max_length=100, description="Chinese name of a species, exactly.")] = None,
        valid_at: Annotated[Time | None, Query(description="Told and not expired at this time.")] = None,
        unread: Annotated[bool, Query(description="Only what nobody here has opened.")] = False,  # noqa: FBT002
        exercise: Annotated[bool, Query(description="Drills instead of the real thing.")] = False,  # noqa: FBT002
        q: Annotated[str | None, Query(max_length=64, description="Words of title, text, species or number.")] = None,
        sort: Sort = Sort.NEWEST,
    ) -> Page[BulletinSummary]:
        """List bulletins, newest first. Persons cannot be searched for; drills are listed apart."""
        wanted = Wanted(
            direction=direction,
            kind=kind,
            states=state or (),
            peer=peer,
            charge=charge,
            species=species,
            valid_at=valid_at,
            unread=unread,
            is_exercise=exercise,
            q=q,
        )
        names = service.names(session)
        order, descending = order_of(sort)
        return paging.read(
            session,
            matching(wanted, service.record.search),
            order=order,
            descending=descending,
            shape=lambda row: BulletinSummary.of(row, names, now),
        )

    @api.get("/{bulletin_id}", operation_id="get_bulletin", summary="Open a bulletin / 打开通报")
    def get_bulletin(
        bulletin_id: BulletinId, database: DatabaseDep, now: NowDep, response: Response, by: Reader
    ) -> BulletinOut:
        """Show a bulletin. The first time a person here opens one that others told, its author learns of it.

        A program's call does not count: where it shows the bulletin to a person, it calls `read`.
        """
        with database.read() as session:
            dossier = service.record.view(session, bulletin_id)
            if not (by.kind == "user" and dossier.is_unread):
                return shown(session, service, dossier, response, now)
        with database.begin() as session:
            dossier = service.read(session, bulletin_id, by=by, now=now)
            return shown(session, service, dossier, response, now)

    @api.get("/{bulletin_id}/versions", operation_id="list_bulletin_versions", summary="Its versions / 历次版本")
    def list_versions(bulletin_id: BulletinId, session: SessionDep, by: Reader) -> BulletinVersionsOut:  # noqa: ARG001
        """Show what the bulletin said before it was corrected, oldest first."""
        return BulletinVersionsOut.of(service.record.view(session, bulletin_id))

    @api.get("/{bulletin_id}/history", operation_id="get_bulletin_history", summary="Its signed history / 签名历史")
    def get_history(bulletin_id: BulletinId, session: SessionDep, by: Reader) -> BulletinHistoryOut:  # noqa: ARG001
        """Show every signed statement of the thread that this node holds, and what each did."""
        return BulletinHistoryOut.of(service.record.view(session, bulletin_id), service.names(session))

    @api.get("/{bulletin_id}/recipients", operation_id="list_bulletin_recipients", summary="Who was told / 接收情况")
    def list_recipients(
        bulletin_id: BulletinId,
        session: SessionDep,
        now: NowDep,
        by: Reader,  # noqa: ARG001
    ) -> RecipientsOut:
        """Show for each bureau: delivered, read, used, and whether it applied corrections and the recall."""
        dossier = service.record.view(session, bulletin_id)
        deliveries = threads.delivery(session, dossier.row.thread, now)
        return RecipientsOut.of(dossier, deliveries, service.names(session))

    @api.get("/{bulletin_id}/answers", operation_id="list_bulletin_answers", summary="Uses and feedback / 使用与反馈")
    def list_answers(bulletin_id: BulletinId, session: SessionDep, by: Reader) -> AnswersOut:  # noqa: ARG001
        """Show what the bulletin was used for and worth: everywhere for its author, here for a holder."""
        return AnswersOut.of(service.record.view(session, bulletin_id), service.names(session))


def _add_drafting(api: APIRouter, service: BulletinService) -> None:
    @api.post(
        "", operation_id="draft_bulletin", summary="Draft a bulletin / 起草通报", status_code=status.HTTP_201_CREATED
    )
    def draft_bulletin(
        wanted: BulletinIn, session: SessionDep, now: NowDep, response: Response, by: Drafter
    ) -> BulletinOut:
        """Start a bulletin. Nothing leaves before another person approved it."""
        dossier = service.drafting.begin(session, wanted, by=by, now=now)
        response.headers["Location"] = f"/api/v1/bulletins/{dossier.row.id}"
        return shown(session, service, dossier, response, now)

    @api.put("/{bulletin_id}", operation_id="replace_bulletin_draft", summary="Write a draft anew / 修改草稿")
    def replace_draft(
        bulletin_id: BulletinId,
        wanted: BulletinIn,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Drafter,
    ) -> BulletinOut:
        """Write a first draft anew; whoever wrote it last cannot approve it."""
        dossier = service.drafting.replace(session, bulletin_id, wanted, version=version, by=by, now=now)
        return shown(session, service, dossier, response, now)

    @api.put("/{bulletin_id}/correction", operation_id="correct_bulletin", summary="Draft a correction / 起草更正")
    def correct_bulletin(
        bulletin_id: BulletinId,
        wanted: BulletinCorrectionIn,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Drafter,
    ) -> BulletinOut:
        """Write how a told bulletin shall read from now on; once approved, all who were told are told again."""
        dossier = service.drafting.correct(session, bulletin_id, wanted, version=version, by=by, now=now)
        return shown(session, service, dossier, response, now)

    @api.delete(
        "/{bulletin_id}/draft",
        operation_id="discard_bulletin_draft",
        summary="Discard a draft / 放弃草稿",
        status_code=status.HTTP_204_NO_CONTENT,
    )
    def discard_draft(bulletin_id: BulletinId, version: IfMatch, session: SessionDep, now: NowDep, by: Drafter) -> None:
        """Drop a first draft, or the correction being written."""
        service.drafting.discard(session, bulletin_id, version=version, by=by, now=now)

    @api.post("/{bulletin_id}/submit", operation_id="submit_bulletin", summary="Hand in for approval / 提交审批")
    def submit_bulletin(
        bulletin_id: BulletinId,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Drafter,
    ) -> BulletinOut:
        """Hand a draft to whoever approves."""
        dossier = service.drafting.submit(session, bulletin_id, version=version, by=by, now=now)
        return shown(session, service, dossier, response, now)

    @api.post("/{bulletin_id}/send-back", operation_id="send_back_bulletin", summary="Send back to draft / 退回修改")
    def send_back_bulletin(
        bulletin_id: BulletinId,
        wanted: BulletinSendBackIn,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Approver,
    ) -> BulletinOut:
        """Give it back to whoever drafted it, saying what should change."""
        dossier = service.drafting.send_back(
            session, bulletin_id, reason=wanted.reason, version=version, by=by, now=now
        )
        return shown(session, service, dossier, response, now)

    @api.post("/{bulletin_id}/approve", operation_id="approve_bulletin", summary="Approve and tell / 审批并发布")
    def approve_bulletin(
        bulletin_id: BulletinId,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Approver,
    ) -> BulletinOut:
        """Approve a bulletin or a correction exactly as read, and tell it. The drafter cannot."""
        dossier = service.drafting.approve(session, bulletin_id, version=version, by=by, now=now)
        return shown(session, service, dossier, response, now)

    @api.post("/{bulletin_id}/recall", operation_id="recall_bulletin", summary="Take it back / 撤回通报")
    def recall_bulletin(
        bulletin_id: BulletinId,
        wanted: BulletinRecallIn,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Recaller,
    ) -> BulletinOut:
        """Take a told bulletin back, at once: every holder hides it and says so, signed."""
        dossier = service.recall(session, bulletin_id, wanted, by=by, now=now)
        return shown(session, service, dossier, response, now)


def _add_answering(api: APIRouter, service: BulletinService) -> None:
    @api.post("/{bulletin_id}/read", operation_id="read_bulletin", summary="A person opened it / 登记阅知")
    def read_bulletin(
        bulletin_id: BulletinId, session: SessionDep, now: NowDep, response: Response, by: Reader
    ) -> BulletinOut:
        """Record that a person here opened it, for tools that show bulletins outside this API."""
        return shown(session, service, service.read(session, bulletin_id, by=by, now=now), response, now)

    @api.post("/{bulletin_id}/use", operation_id="use_bulletin", summary="Record a use / 登记使用")
    def use_bulletin(
        bulletin_id: BulletinId,
        wanted: BulletinUseIn,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Answerer,
    ) -> BulletinOut:
        """Record what it was used for here; its author is told, nobody else."""
        return shown(session, service, service.use(session, bulletin_id, wanted, by=by, now=now), response, now)

    @api.post("/{bulletin_id}/feedback", operation_id="give_bulletin_feedback", summary="Give feedback / 反馈")
    def give_feedback(
        bulletin_id: BulletinId,
        wanted: BulletinFeedbackIn,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Answerer,
    ) -> BulletinOut:
        """Tell its author what it was worth here, and what should be corrected; nobody else learns of it."""
        dossier = service.give_feedback(session, bulletin_id, wanted, by=by, now=now)
        return shown(session, service, dossier, response, now)

    @api.post(
        "/{bulletin_id}/reveal", operation_id="reveal_bulletin_persons", summary="Show persons in full / 查看个人信息"
    )
    def reveal_persons(
        bulletin_id: BulletinId,
        wanted: BulletinRevealIn,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Revealer,
    ) -> RevealedOut:
        """Show the persons and items unmasked. Who asked, when and why is logged for the auditor."""
        response.headers["Cache-Control"] = "no-store"
        return RevealedOut.of(service.reveal(session, bulletin_id, reason=wanted.reason, by=by, now=now))
