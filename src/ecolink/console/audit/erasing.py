"""删除个人信息: what would be erased of a matter, what stays and who else is told; then how far it is."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from ecolink.console.audit.matters import Matters
from ecolink.console.audit.words import REASONS, STATEMENTS
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.errors import InvalidError
from ecolink.exchanges.records.erasures import Eraser, order_erasure
from ecolink.exchanges.records.schemas import ErasureIn
from ecolink.protocol.kinds.common import Note
from ecolink.protocol.kinds.privacy import ErasureReason
from ecolink.surface.unit import NowDep, SessionDep

Thread = Annotated[str, Path(max_length=36)]


class OrderIn(BaseModel):
    """An order as the page takes it: with a reason in words, and the matter's own name typed again."""

    reason: ErasureReason
    note: Note
    confirm: str


def add(pages: APIRouter, console: Console) -> None:
    """Add the page about erasing a matter's personal data."""
    erasure, matters = console.rooms.erasure, Matters(console.rooms)

    @pages.get("/matters/{thread}/erasure")
    def show_erasure(thread: Thread, page: PageDep, session: SessionDep, now: NowDep, by: Eraser) -> Response:  # noqa: ARG001
        matter = matters.of_thread(session, thread)
        return page.show(
            "audit/erasure.html",
            matter=matter,
            kind=STATEMENTS.get(matter.kind),
            outlook=erasure.foresee(session, thread),
            files=len(console.rooms.attachments.of_thread(session, thread)),
            erased=len(erasure.erased(session, thread)),
            answers=erasure.compliance(session, thread),
            is_under_way=matters.is_under_way(session, thread, now),
            reasons=[("", page.text("Choose …")), *((code, page.text(word)) for code, word in REASONS.items())],
            names=matters.names(session),
        )

    @pages.post("/matters/{thread}/erasure")
    def erase(thread: Thread, page: PageDep, session: SessionDep, form: FormDep, now: NowDep, by: Eraser) -> Response:
        entry, matter = form.read(OrderIn), matters.of_thread(session, thread)
        if entry.confirm.strip() != matter.title:
            raise InvalidError(
                "This is not what is to be typed again: nothing was erased.",
                "与要求输入的内容不一致，未作任何删除。",
                pointer="/confirm",
            )
        wanted = ErasureIn(reason=entry.reason, note=entry.note)
        order_erasure(erasure, session, thread, wanted, by=by, now=now)
        return page.go(f"/audit/matters/{thread}/erasure", page.text("The personal data of this matter are erased."))
