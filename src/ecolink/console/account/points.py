"""Contact points on a page: one's own, or those of a person whom the administrator helps."""

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Response
from sqlalchemy.orm import Session

from ecolink.alerts.contacts import Contacts
from ecolink.alerts.dispatch_models import ChannelKind
from ecolink.console.channel_words import KINDS
from ecolink.console.form import FormDep
from ecolink.console.page import Page, PageDep
from ecolink.errors import InvalidError
from ecolink.identity.principal import Principal
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep
from ecolink.web.channel_schemas import ContactPointIn, ContactPointOut
from ecolink.web.channels import PointId


class Hand(NamedTuple):
    """Whose contact points somebody looks after: by account."""

    whose: str
    by: Principal


def add(pages: APIRouter, contacts: Contacts, path: str, back: str, hand: Callable[..., Hand]) -> None:
    """Add what is done to contact points under `path`; `hand` is a dependency, and `back` where each leads to."""
    Holding = Annotated[Hand, Depends(hand)]  # noqa: N806 - a type

    def guess(point_id: PointId, form: FormDep, database: DatabaseDep, now: NowDep, held: Holding) -> Hand:
        """Try the code in a transaction of its own: a wrong guess counts."""
        with database.begin() as session:
            code = form.word("/code")[:20]
            is_right = contacts.guess(session, point_id, code, whose=held.whose, by=held.by, now=now)
        if not is_right:
            raise InvalidError(
                "The code is not right, or too old. After five wrong ones send another.",
                "确认码不正确或已过期；连续错误五次后请重新发送。",
                pointer="/code",
            )
        return held

    @pages.post(path)
    def add_point(page: PageDep, session: SessionDep, now: NowDep, form: FormDep, held: Holding) -> Response:
        wanted = form.read(ContactPointIn, address=form.word("/address"))
        contacts.add(session, wanted.channel_id, wanted.address, whose=held.whose, by=held.by, now=now)
        return page.go(back.format(held.whose), page.text("A code is on its way there: enter it to confirm."))

    @pages.post(path + "/{point_id}/code")
    def send_code(point_id: PointId, page: PageDep, session: SessionDep, now: NowDep, held: Holding) -> Response:
        contacts.send_code(session, point_id, whose=held.whose, now=now)
        return page.go(back.format(held.whose), page.text("Another code is on its way; the one before counts no more."))

    @pages.post(path + "/{point_id}/confirm")
    def confirm(page: PageDep, session: SessionDep, held: Annotated[Hand, Depends(guess)]) -> Response:  # noqa: ARG001
        return page.go(back.format(held.whose), page.text("Confirmed: alerts go there now."))

    @pages.post(path + "/{point_id}/earlier")
    def advance(point_id: PointId, page: PageDep, session: SessionDep, held: Holding) -> Response:
        contacts.advance(session, point_id, whose=held.whose)
        return page.go(back.format(held.whose), page.text("The order is changed."))

    @pages.post(path + "/{point_id}/remove")
    def remove(point_id: PointId, page: PageDep, session: SessionDep, now: NowDep, held: Holding) -> Response:
        contacts.remove(session, point_id, whose=held.whose, by=held.by, now=now)
        return page.go(back.format(held.whose), page.text("Removed. What waited goes another way."))


def show(contacts: Contacts, session: Session, account_id: str) -> Sequence[ContactPointOut]:
    """Return a person's contact points, first choice first."""
    return [ContactPointOut.of(point, channel) for point, channel in contacts.of(session, account_id)]


def offer(contacts: Contacts, page: Page, session: Session) -> list[tuple[str, str]]:
    """Return the channels that a contact point may be on."""
    channels = contacts.channels(session)
    return [(channel.id, f"{channel.name} · {page.text(KINDS[ChannelKind(channel.kind)])}") for channel in channels]
