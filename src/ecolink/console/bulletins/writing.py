"""Writing a bulletin or a correction, and having it approved by another person."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.orm import Session

from ecolink.console.bulletins import words
from ecolink.console.console import Console
from ecolink.console.form import Form, FormDep, corners
from ecolink.console.page import Page, PageDep
from ecolink.console.rendering import local_input
from ecolink.exchanges.alliances.models import Alliance
from ecolink.exchanges.bulletins.files import Files
from ecolink.exchanges.bulletins.record import Dossier
from ecolink.exchanges.bulletins.schemas import BulletinCorrectionIn, BulletinIn, BulletinSendBackIn
from ecolink.exchanges.enclosures import EnclosureOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.bulletins import BulletinContent, BulletinPrivate
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep

BulletinId = Annotated[str, Path(max_length=36)]
Drafter = Annotated[Principal, requires(Permission.BULLETIN_DRAFT)]
Approver = Annotated[Principal, requires(Permission.BULLETIN_APPROVE)]


_ROWS = {
    "persons": ("name", "sex", "birth_date", "identity_number", "phone", "address", "note"),
    "items": ("kind", "identifier", "note"),
}
"""What tells that a row of the form was filled in; the rest of it is chosen from the start."""


def add(pages: APIRouter, console: Console) -> None:
    """Add what is written and approved here to the pages about bulletins."""
    _add_writing(pages, console)
    _add_approving(pages, console)


def _add_writing(pages: APIRouter, console: Console) -> None:
    drafting, record = console.rooms.bulletins.drafting, console.rooms.bulletins.record

    @pages.get("/new")
    def begin(
        page: PageDep,
        session: SessionDep,
        by: Drafter,  # noqa: ARG001
        alliance: Annotated[str, Query(max_length=36)] = "",
        related: Annotated[str, Query(max_length=36)] = "",
    ) -> Response:
        """Begin a bulletin, to an `alliance`, or on the matter of one that others were told: `related`."""
        begun = {"alliance_id": alliance, "related_to": [related] if related else []}
        return _show_form(page, session, console, begun, action="/bulletins", version=None)

    @pages.post("")
    def keep_first(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Drafter) -> Response:
        dossier = drafting.begin(session, form.read(BulletinIn, **_answers(form)), by=by, now=now)
        return page.go(f"/bulletins/{dossier.row.id}", page.text("The draft is kept. Nothing has left the bureau."))

    @pages.get("/{bulletin_id}/edit")
    def edit(bulletin_id: BulletinId, page: PageDep, session: SessionDep, now: NowDep, by: Drafter) -> Response:  # noqa: ARG001
        dossier = record.view(session, bulletin_id)
        row, draft = dossier.row, dossier.draft
        is_correction = dossier.matter.current is not None
        action = f"/bulletins/{row.id}/{'correction' if is_correction else 'draft'}"
        files = console.rooms.bulletins.files(session, dossier)
        present = _present(dossier, files) if draft or is_correction else {}
        return _show_form(page, session, console, present, action=action, version=row.version, corrects=is_correction)

    @pages.post("/{bulletin_id}/draft")
    def keep_draft(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Drafter
    ) -> Response:
        written = form.read(BulletinIn, **_answers(form))
        drafting.replace(session, bulletin_id, written, version=form.version, by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("The draft is kept. Nothing has left the bureau."))

    @pages.post("/{bulletin_id}/correction")
    def keep_correction(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Drafter
    ) -> Response:
        written = form.read(BulletinCorrectionIn, **_answers(form))
        drafting.correct(session, bulletin_id, written, version=form.version, by=by, now=now)
        said = page.text("The correction is kept. It is told once another person approved it.")
        return page.go(f"/bulletins/{bulletin_id}", said)

    @pages.post("/{bulletin_id}/discard")
    def discard(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Drafter
    ) -> Response:
        was_told = record.view(session, bulletin_id).matter.current is not None
        drafting.discard(session, bulletin_id, version=form.version, by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}" if was_told else "/bulletins", page.text("The draft is gone."))


def _add_approving(pages: APIRouter, console: Console) -> None:
    drafting = console.rooms.bulletins.drafting

    @pages.post("/{bulletin_id}/submit")
    def submit(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Drafter
    ) -> Response:
        drafting.submit(session, bulletin_id, version=form.version, by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("It lies before whoever approves."))

    @pages.post("/{bulletin_id}/send-back")
    def send_back(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Approver
    ) -> Response:
        why = form.read(BulletinSendBackIn)
        drafting.send_back(session, bulletin_id, reason=why.reason, version=form.version, by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("It is back with whoever wrote it."))

    @pages.post("/{bulletin_id}/approve")
    def approve(
        bulletin_id: BulletinId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Approver
    ) -> Response:
        drafting.approve(session, bulletin_id, version=form.version, by=by, now=now)
        return page.go(f"/bulletins/{bulletin_id}", page.text("Approved and signed; it is on its way."))


def _answers(form: Form) -> Mapping[str, Any]:
    """Return what the form says by what is not in it: a box that was not ticked, a row that was not filled."""
    typed = form.members()
    said: dict[str, Any] = {"sanitised": bool(form.word("/sanitised@yes"))}
    for name, telling in _ROWS.items():
        rows = [row for row in typed.get(name, []) if any(row.get(member) for member in telling)]
        said[name] = rows if rows or form.word(f"no-{name}") else None  # None: as they were
    if "geometry" not in typed.get("area", {}):
        said["area"] = None  # its datum is chosen from the start
    return said


def _present(dossier: Dossier, files: Files) -> dict[str, Any]:
    """Return what stands in the draft or, where a correction is begun, what the bulletin says now."""
    draft, current = dossier.draft, dossier.matter.current
    if draft is not None:
        private = BulletinPrivate.model_validate(draft.private)
        return {
            **_typed(BulletinContent.model_validate(draft.content), files.draft),
            "governance": draft.governance or {},
            "recipients": draft.recipients,
            "alliance_id": draft.alliance_id or "",
            "reason": draft.reason or "",
            "private": len(private.persons) + len(private.items),
        }
    content = current.content if current else None
    return {**_typed(content, files.told), "private": 0} if content else {}


class _Present(dict[str, Any]):
    """What stands in a form already; a member that is not there yet is none."""

    @classmethod
    def of(cls, value: Any) -> Any:  # noqa: ANN401 - any part of a document
        """Return a document of which any member may be asked for."""
        if isinstance(value, Mapping):
            return cls({name: cls.of(member) for name, member in value.items()})
        return [cls.of(member) for member in value] if isinstance(value, list) else value

    def __missing__(self, name: str) -> None:
        return None


def _typed(content: BulletinContent, files: Sequence[EnclosureOut]) -> dict[str, Any]:
    """Return what a bulletin says as a form shows it."""
    return {
        **content.model_dump(mode="json"),
        "valid_until": local_input(content.valid_until),
        "corners": corners(content.area.geometry.model_dump(mode="json")) if content.area else "",
        "attachments": [file.model_dump() for file in files],
    }


def _show_form(
    page: Page,
    session: Session,
    console: Console,
    present: Mapping[str, Any],
    *,
    action: str,
    version: int | None,
    corrects: bool = False,
) -> Response:
    rooms = console.rooms
    alliances = session.scalars(rooms.alliances.all().order_by(Alliance.id)).all()
    peers = [peer for peer in rooms.bulletins.names(session).values() if peer.state == "active"]
    return page.show(
        "bulletins/form.html",
        present=_Present.of(present),
        none_yet=_Present(),
        action=action,
        version=version,
        corrects=corrects,
        audience={
            "bureaus": [(peer.unit_code, page.either(peer.name_zh, peer.name_en)) for peer in peers],
            "alliances": [(alliance.id, page.either(alliance.name_zh, alliance.name_en)) for alliance in alliances],
        },
        related=rooms.bulletins.record.titles(session, present.get("related_to") or ()),
        options=words.options,
        lists=words,
    )
