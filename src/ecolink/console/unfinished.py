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
    """Values by the names of the fields."""
    kept_at: Mapped[datetime] = mapped_column(index=True)


class UnfinishedIn(BaseModel):
    """What a page sends a moment after somebody stopped typing; nothing typed any more forgets it."""

    name: Name
    typed: dict[str, list[str]] = {}


def router() -> APIRouter:
    """Return what a page's script asks for."""
    pages = APIRouter(prefix="/unfinished", route_class=PageRoute)

    @pages.get("")
    def look_up(name: Annotated[str, Query(max_length=160)], session: SessionDep, by: Myself) -> Response:
        kept = session.get(UnfinishedForm, (by.id, name))
        return Response(status_code=status.HTTP_204_NO_CONTENT) if kept is None else JSONResponse(kept.typed)

    @pages.post("")
    def keep(form: FormDep, session: SessionDep, now: NowDep, by: Myself) -> Response:
        entry = form.read(UnfinishedIn)
        mine = (UnfinishedForm.account_id == by.id) & (UnfinishedForm.name == entry.name)
        session.execute(delete(UnfinishedForm).where(UnfinishedForm.kept_at < now - KEPT))
        if not entry.typed:
            session.execute(delete(UnfinishedForm).where(mine))
        else:
            row = {"account_id": by.id, "name": entry.name, "typed": entry.typed, "kept_at": now}
            if not insert_new(session, UnfinishedForm, [row]):
                session.execute(update(UnfinishedForm).where(mine).values(typed=entry.typed, kept_at=now))
            _forget_oldest(session, by.id)
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    return pages


def _forget_oldest(session: Session, account_id: str) -> None:
    names = select(UnfinishedForm.name).where(UnfinishedForm.account_id == account_id)
    over = session.scalars(names.order_by(UnfinishedForm.kept_at.desc()).offset(MOST)).all()
    session.execute(
        delete(UnfinishedForm).where(UnfinishedForm.account_id == account_id, UnfinishedForm.name.in_(over))
    )
