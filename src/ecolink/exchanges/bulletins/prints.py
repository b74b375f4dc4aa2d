"""Printing a bulletin as a letter: masked for who may read it; in full for who may and says why, which is recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy.orm import Session

from ecolink.documents.document import Document
from ecolink.errors import IllegalMoveError
from ecolink.exchanges.bulletins.letter import BulletinLetter
from ecolink.exchanges.bulletins.record import Dossier
from ecolink.exchanges.bulletins.schemas import BulletinRevealIn
from ecolink.exchanges.bulletins.service import BulletinService
from ecolink.exchanges.bulletins.views import BulletinOut
from ecolink.federation.peers import Peer
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface import printing
from ecolink.surface.auth import requires
from ecolink.surface.unit import DatabaseDep, NowDep

BulletinId = Annotated[str, Path(max_length=36, examples=["019ab5d2-7c00-7000-8000-0123456789ab"])]
Reader = Annotated[Principal, requires(Permission.BULLETIN_READ)]
Revealer = Annotated[Principal, requires(Permission.PERSON_REVEAL)]


@dataclass(frozen=True)
class Prints:
    """Makes letters of bulletins. Whoever prints one has read it; whoever prints it in full has seen its persons."""

    service: BulletinService
    home_zh: str
    """Chinese name of this bureau."""

    def letter(
        self, session: Session, bulletin_id: str, *, by: Principal, now: datetime, reason: str | None = None
    ) -> Document:
        """Return what stands, or the first draft, as a letter; with a `reason`, its persons in full.

        Raises:
            NotFoundError: there is no such bulletin.
            IllegalMoveError: it was recalled.

        """
        dossier = self.service.read(session, bulletin_id, by=by, now=now)
        names = self.service.names(session)
        shown = BulletinOut.of_dossier(dossier, self.service.files(session, dossier), names, now)
        said = shown if shown.content else shown.draft
        if said is None or said.content is None:
            raise IllegalMoveError("What was recalled is not printed.", "已撤回的通报不能打印。")
        if reason is None:
            persons = [person.model_dump(exclude_none=True) for person in said.persons]
            items = [item.model_dump(exclude_none=True) for item in said.items]
        else:
            private = self.service.reveal(session, bulletin_id, reason=reason, by=by, now=now).to_wire()
            persons, items = private["persons"], private["items"]
        self.service.traces.leave(session, dossier.row, "printed", by=by, now=now, reason=reason)
        letter = BulletinLetter(
            bulletin=shown,
            content=said.content,
            files=said.attachments,
            terms=said.governance,
            author=self._name(dossier.row.author, names),
            addressee=self._addressee(dossier, names),
            made_at=now,
            is_masked=reason is None,
        )
        return letter.document(persons, items)

    def _addressee(self, dossier: Dossier, names: Mapping[str, Peer]) -> str:
        """Return whom it is told to: the alliance as a whole, or the bureaus one by one."""
        current, draft = dossier.matter.current, dossier.draft
        content: Any = current.content if current else None
        if content is not None and content.alliance is not None:
            return f"{content.alliance.name_zh}各成员单位"
        told = current.aud if current else draft.recipients if draft else ()
        return "、".join(self._name(unit, names) for unit in told)

    def _name(self, unit: str, names: Mapping[str, Peer]) -> str:
        if unit == self.service.us:
            return self.home_zh
        return names[unit].name_zh if unit in names else unit


def add(api: APIRouter, prints: Prints) -> None:
    """Add the letter to the router of bulletins."""

    @api.get(
        "/{bulletin_id}/letter",
        operation_id="print_bulletin",
        summary="Print it as a letter, persons masked / 打印通报",
        response_class=Response,
        responses=printing.ANSWERS,
    )
    def print_bulletin(
        bulletin_id: BulletinId, database: DatabaseDep, now: NowDep, by: Reader, form: printing.Form = "html"
    ) -> Response:
        """The bulletin as an official letter; a draft says that it is one. Who printed it is recorded."""
        with database.begin() as session:
            document = prints.letter(session, bulletin_id, by=by, now=now)
        return printing.printed(document, form, f"bulletin-{bulletin_id}")

    @api.post(
        "/{bulletin_id}/letter",
        operation_id="print_bulletin_in_full",
        summary="Print it with persons in full / 打印含完整人员信息的通报",
        response_class=Response,
        responses=printing.ANSWERS,
        dependencies=[Depends(printing.take_key)],
    )
    def print_bulletin_in_full(
        bulletin_id: BulletinId,
        why: BulletinRevealIn,
        database: DatabaseDep,
        now: NowDep,
        by: Revealer,
        form: printing.Form = "html",
    ) -> Response:
        """The same with every person and item in full. Who printed it, when and why stands in the access log."""
        with database.begin() as session:
            document = prints.letter(session, bulletin_id, by=by, now=now, reason=why.reason)
        return printing.printed(document, form, f"bulletin-{bulletin_id}")
