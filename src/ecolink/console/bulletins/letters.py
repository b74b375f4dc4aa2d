"""Printing a bulletin as a letter, as a page or as PDF; with persons in full for who says why."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.exchanges.bulletins.prints import Prints, Reader, Revealer
from ecolink.exchanges.bulletins.schemas import BulletinRevealIn
from ecolink.surface import printing
from ecolink.surface.unit import DatabaseDep, NowDep

BulletinId = Annotated[str, Path(max_length=36)]


def add(pages: APIRouter, console: Console) -> None:
    """Add the letter to the pages about bulletins."""
    prints = Prints(console.rooms.bulletins, console.home.name_zh)

    @pages.get("/{bulletin_id}/letter")
    def show_letter(
        bulletin_id: BulletinId, database: DatabaseDep, now: NowDep, by: Reader, form: printing.Form = "html"
    ) -> Response:
        with database.begin() as session:
            document = prints.letter(session, bulletin_id, by=by, now=now)
        return printing.printed(document, form, f"bulletin-{bulletin_id}")

    @pages.post("/{bulletin_id}/letter")
    def print_in_full(
        bulletin_id: BulletinId, form: FormDep, database: DatabaseDep, now: NowDep, by: Revealer
    ) -> Response:
        reason = form.read(BulletinRevealIn).reason
        with database.begin() as session:
            document = prints.letter(session, bulletin_id, by=by, now=now, reason=reason)
        return printing.printed(document, "pdf", f"bulletin-{bulletin_id}")
