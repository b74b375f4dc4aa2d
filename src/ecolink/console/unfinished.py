"""What somebody typed into a form and has not sent: kept on the node, to be there tomorrow and at another desk.

A form with a `data-draft` keeps itself (`static/console.js`); what is marked private in it is never kept.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy import ForeignKey, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ecolink.console.form import FormDep
from ecolink.console.route import PageRoute
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.storage.base import Base
from ecolink.storage.upsert import insert_new
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep

KEPT: Final = timedelta(days=30)
"""How long what was typed waits to be gone on with."""
UNDER_WAY: Final = timedelta(hours=1)
"""How long what a page kept just before it sent the form may still arrive after it; it is not kept then."""
MOST: Final = 50
"""Forms that are kept of one person; of more, those left alone longest are forgotten."""

Name = Annotated[str, Field(pattern=r"^[\w/.@?=&-]+$", max_length=160)]
Myself = Annotated[Principal, requires(Permission.PROFILE_SELF)]


class UnfinishedForm(Base):
    """One form as one person left it."""

    __tablename__ = "unfinished_forms"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(160), primary_key=True)
    typed: Mapped[dict[str, Any]]
    """Values by the names of the fields; none once it was sent."""
    is_sent: Mapped[bool]
    page: Mapped[str] = mapped_column(String(40))
    """The page, as a browser had it open, that kept it last."""
    turn: Mapped[int]
    """How often that page had kept something: what it sent before and arrives after this is out of date."""
    kept_at: Mapped[datetime] = mapped_column(index=True)


class UnfinishedIn(BaseModel):
    """What a page sends a moment after somebody stopped typing; nothing typed any more forgets it."""

    name: Name
    page: Annotated[str, Field(max_length=40)]
    turn: Annotated[int, Field(ge=0, lt=2**31)]
    typed: dict[str, list[str]]


def router() -> APIRouter:
    """Return what a page's script asks for."""
    pages = APIRouter(prefix="/unfinished", route_class=PageRoute)

    @pages.get("")
    def look_up(name: Annotated[str, Query(max_length=160)], session: SessionDep, by: Myself) -> Response:
        kept = session.get(UnfinishedForm, (by.id, name))
        if kept is None or kept.is_sent:
            return Response(status_code=status.HTTP_204_NO_CONTENT)
        return JSONResponse(kept.typed)

    @pages.post("")
    def keep(form: FormDep, session: SessionDep, now: NowDep, by: Myself) -> Response:
        entry = form.read(UnfinishedIn)
        _forget_old(session, now)
        row = entry.model_dump() | {"account_id": by.id, "is_sent": not entry.typed, "kept_at": now}
        if not insert_new(session, UnfinishedForm, [row]):
            mine = (UnfinishedForm.account_id == by.id) & (UnfinishedForm.name == entry.name)
            is_newer = (UnfinishedForm.page != entry.page) | (UnfinishedForm.turn < entry.turn)
            session.execute(update(UnfinishedForm).where(mine, is_newer).values(row))
        _forget_more_than_most(session, by.id)
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    return pages


def _forget_old(session: Session, now: datetime) -> None:
    is_late = UnfinishedForm.kept_at < now - KEPT
    is_done = UnfinishedForm.is_sent & (UnfinishedForm.kept_at < now - UNDER_WAY)
    session.execute(delete(UnfinishedForm).where(is_late | is_done))


def _forget_more_than_most(session: Session, account_id: str) -> None:
    names = select(UnfinishedForm.name).where(UnfinishedForm.account_id == account_id, ~UnfinishedForm.is_sent)
    over = session.scalars(names.order_by(UnfinishedForm.kept_at.desc()).offset(MOST)).all()
    if over:
        mine = UnfinishedForm.account_id == account_id
        session.execute(delete(UnfinishedForm).where(mine, UnfinishedForm.name.in_(over)))
