"""The pages about bulletins: the list, one bulletin with who holds it, and what a person says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from sqlalchemy.orm import Session

from ecolink.console.bulletins import letters, onward, words, writing
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import Page, PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.bulletins.board import AnswersOut, PermissionOut, RecipientsOut
from ecolink.exchanges.bulletins.history import BulletinHistoryOut, BulletinVersionsOut
from ecolink.exchanges.bulletins.listing import Sort, Wanted, matching, order_of
from ecolink.exchanges.bulletins.record import Dossier
from ecolink.exchanges.bulletins.rules.tables import State
from ecolink.exchanges.bulletins.schemas import (
    BulletinFeedbackIn,
    BulletinRecallIn,
    BulletinRevealIn,
    BulletinUseIn,
)
from ecolink.exchanges.bulletins.service import BulletinService
from ecolink.exchanges.bulletins.views import BulletinOut, BulletinSummary, RevealedOut
from ecolink.federation import threads
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.bulletins import BulletinKind
from ecolink.protocol.kinds.common import CHARGES
from ecolink.surface.auth import requires
from ecolink.surface.paging import Paging
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep

_CHARGES = tuple(CHARGES.values())

BulletinId = Annotated[str, Path(max_length=36)]
Reader = Annotated[Principal, requires(Permission.BULLETIN_READ)]
Recaller = Annotated[Principal, requires(Permission.BULLETIN_RECALL)]
Answerer = Annotated[Principal, requires(Permission.BULLETIN_FEEDBACK)]
Revealer = Annotated[Principal, requires(Permission.PERSON_REVEAL)]


@dataclass(frozen=True, slots=True)
class Sought:
    """What a person looks for in the list; empty stands for anything."""

    direction: Annotated[Literal["in", "out", ""], Query()] = ""
    kind: Annotated[BulletinKind | Literal[""], Query()] = ""
    state: Annotated[State | Literal[""], Query()] = ""
    peer: Annotated[str, Query(pattern="^([0-9]{12})?$")] = ""
    charge: Annotated[str, Query(max_length=64)] = ""
    unread: Annotated[bool, Query()] = False
    exercise: Annotated[bool, Query()] = False
    q: Annotated[str, Query(max_length=64)] = ""
    sort: Annotated[Sort, Query()] = Sort.NEWEST

    def wanted(self) -> Wanted:
        """Return it as the room knows it."""
        return Wanted(
            direction=self.direction or None,
            kind=BulletinKind(self.kind) if self.kind else None,
            states=(State(self.state),) if self.state else (),
            peer=self.peer or None,
            charge=self.charge or None,
            unread=self.unread,
            is_exercise=self.exercise,
            q=self.q.strip() or None,
        )


def router(console: Console) -> APIRouter:
    """Return the pages."""
    service = console.rooms.bulletins
    pages = APIRouter(prefix="/bulletins", route_class=PageRoute)
    _add_list(pages, service)
    writing.add(pages, console)
    _add_reading(pages, service)
    _add_answering(pages, service)
    onward.add(pages, service)
    letters.add(pages, console)
    return pages


def _add_list(pages: APIRouter, service: BulletinService) -> None:
    @pages.get("")
    def list_bulletins(
        page: PageDep,
        session: SessionDep,
        now: NowDep,
        paging: Paging,
        by: Reader,  # noqa: ARG001
        sought: Annotated[Sought, Depends()],
    ) -> Response:
        names = service.names(session)
        order, descending = order_of(sought.sort)
        found = paging.read(
            session,
            matching(sought.wanted(), service.record.search),
            order=order,
            descending=descending,
            shape=lambda row: BulletinSummary.of(row, names, now),
        )
        return page.show(
            "bulletins/list.html",
            found=found,
            sought=sought,
            peers=[(peer.unit_code, page.either(peer.name_zh, peer.name_en)) for peer in names.values()],
            charges=[(each.article, f"{each.article} {page.either(each.name_zh, each.name_en)}") for each in _CHARGES],
            words=words.spoken(page),
            tones=words.TONES,
        )


def _add_reading(pages: APIRouter, service: BulletinService) -> None:
    @pages.get("/{bulletin_id}")
    def show_bulletin(
        bulletin_id: BulletinId, page: PageDep, database: DatabaseDep, now: NowDep, by: Reader
    ) -> Response:
        """Show a bulletin. The first time a person here opens one that others told, its author learns of it."""
        with database.read() as session:
            dossier = service.record.view(session, bulletin_id)
            if not dossier.is_unread:
                return show(page, session, service, dossier, now)
        with database.begin() as session:
            dossier = service.read(session, bulletin_id, by=by, now=now)
            return show(page, session, service, dossier, now)

    @pages.get("/{bulletin_id}/board")
    def show_board(bulletin_id: BulletinId, page: PageDep, session: SessionDep, now: NowDep, by: Reader) -> Response:  # noqa: ARG001
        dossier = service.record.view(session, bulletin_id)
        return page.part("bulletins/board.html", **_around(page, session, service, dossier, now))

    @pages.post("/{bulletin_id}/reveal")
    def reveal_persons(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Revealer
    ) -> Response:
        """Show persons in full; who looked, when and why stands in the access log."""
        why = form.read(BulletinRevealIn)
        revealed = RevealedOut.of(service.reveal(session, bulletin_id, reason=why.reason, by=by, now=now))
        return page.part("bulletins/revealed.html", revealed=revealed)


def _add_answering(pages: APIRouter, service: BulletinService) -> None:
    @pages.post("/{bulletin_id}/use")
    def use_bulletin(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Answerer
    ) -> Response:
        service.use(session, bulletin_id, form.read(BulletinUseIn), by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("The use is recorded, and its author is told."))

    @pages.post("/{bulletin_id}/feedback")
    def give_feedback(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Answerer
    ) -> Response:
        service.give_feedback(session, bulletin_id, form.read(BulletinFeedbackIn), by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("Your feedback is on its way to the author."))

    @pages.post("/{bulletin_id}/recall")
    def recall_bulletin(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Recaller
    ) -> Response:
        service.recall(session, bulletin_id, form.read(BulletinRecallIn), by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("The bulletin is recalled; every holder is told."))


def show(page: Page, session: Session, service: BulletinService, dossier: Dossier, now: datetime) -> Response:
    """Return the page of one bulletin."""
    return page.show("bulletins/bulletin.html", **_around(page, session, service, dossier, now))


def _around(page: Page, session: Session, service: BulletinService, dossier: Dossier, now: datetime) -> dict[str, Any]:
    names = service.names(session)
    deliveries = threads.delivery(session, dossier.row.thread, now)
    recipients = RecipientsOut.of(dossier, deliveries, names).items
    return {
        "bulletin": BulletinOut.of_dossier(dossier, service.files(session, dossier), names, now),
        "recipients": [holder for holder in recipients if holder.bureau.unit_code != service.record.us],
        "answers": AnswersOut.of(dossier, names),
        "history": BulletinHistoryOut.of(dossier, names).items,
        "versions": BulletinVersionsOut.of(dossier).items,
        "permissions": [PermissionOut.of(each, names) for each in service.onward.permissions(session, dossier.row.id)],
        "names": names,
        "related": service.record.titles(session, _related_to(dossier)),
        "others": [
            (peer.unit_code, page.either(peer.name_zh, peer.name_en))
            for peer in names.values()
            if peer.state == "active" and peer.unit_code != dossier.row.author
        ],
        "words": words.spoken(page),
        "tones": words.TONES,
        "options": words.options,
        "lists": words,
    }


def _related_to(dossier: Dossier) -> Sequence[str]:
    """Return the threads on the same matter that the version which stands, or the draft, names."""
    current, draft = dossier.matter.current, dossier.draft
    if current is not None and current.content is not None:
        return current.content.related_to
    return draft.content.get("related_to", ()) if draft else ()
