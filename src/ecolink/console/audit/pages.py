"""The auditor's pages: the access log, and one matter with its signed history, verified and to take along.

The page of a matter is open to whoever may take its evidence along, and leads to erasing its personal data.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from ecolink.audit.access import AccessEntry
from ecolink.audit.access_models import AccessAction, AccessRow
from ecolink.console.audit import erasing
from ecolink.console.audit.matters import Matters
from ecolink.console.audit.words import ACTIONS, DETAILS, OBJECTS, STATEMENTS, STEPS, VALUES
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.console.roles import names_of
from ecolink.console.route import PageRoute
from ecolink.errors import InvalidError
from ecolink.exchanges.records.schemas import AccessEntryOut, AccessVerdictOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission, Role
from ecolink.kit.times import CHINA
from ecolink.surface.auth import caller_of, requires
from ecolink.surface.paging import Paging
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep

Auditor = Annotated[Principal, requires(Permission.AUDIT_READ)]
Exporter = Annotated[Principal, requires(Permission.EVIDENCE_EXPORT)]
Thread = Annotated[str, Path(max_length=36)]

LEAST_REASON, MOST_REASON = 2, 500


@dataclass(frozen=True, slots=True)
class Sought:
    """What an auditor looks for; empty stands for anything."""

    actor: str
    case_number: str
    object_id: str
    action: str
    since: date | None
    until: date | None

    @classmethod
    def of(cls, request: Request) -> "Sought":
        """Read it from an address; what cannot be meant, such as a day that is none, is left out."""

        def word(name: str) -> str:
            return request.query_params.get(name, "").strip()[:100]

        action = word("action")
        return cls(
            actor=word("actor"),
            case_number=word("case_number"),
            object_id=word("object_id"),
            action=action if action in set(AccessAction) else "",
            since=_day(word("since")),
            until=_day(word("until")),
        )


def router(console: Console) -> APIRouter:
    """Return the pages."""
    pages = APIRouter(prefix="/audit", route_class=PageRoute)
    _add_log(pages, console)
    _add_matter(pages, console)
    erasing.add(pages, console)
    return pages


def _add_log(pages: APIRouter, console: Console) -> None:
    log, matters = console.rooms.access, Matters(console.rooms)

    @pages.get("")
    def search_log(
        page: PageDep,
        session: SessionDep,
        paging: Paging,
        by: Auditor,  # noqa: ARG001
        sought: Annotated[Sought, Depends(Sought.of)],
    ) -> Response:
        found = log.search(
            actor=sought.actor or None,
            case_number=sought.case_number or None,
            object_id=sought.object_id or None,
            action=AccessAction(sought.action) if sought.action else None,
            since=_begin(sought.since),
            until=_begin(sought.until + timedelta(days=1)) if sought.until else None,
        )
        return page.show(
            "audit/log.html",
            found=paging.read(session, found, order=(AccessRow.n,), shape=AccessEntryOut.of),
            matters=matters.of_case(session, sought.case_number) if sought.case_number else [],
            sought=sought,
            actions={code: page.text(word) for code, word in ACTIONS.items()},
            objects=OBJECTS,
            details=DETAILS,
            values=VALUES,
            roles=names_of(page, Role),
        )

    @pages.get("/verify")
    def verify_log(page: PageDep, session: SessionDep, by: Auditor) -> Response:  # noqa: ARG001
        """Recompute the whole chain: with many entries this takes a while, and the page says so."""
        return page.part("audit/verdict.html", verdict=AccessVerdictOut.of(log.verify(session)))


def _add_matter(pages: APIRouter, console: Console) -> None:
    rooms, matters = console.rooms, Matters(console.rooms)

    @pages.get("/matters/{thread}")
    def show_matter(thread: Thread, page: PageDep, database: DatabaseDep, now: NowDep, by: Exporter) -> Response:  # noqa: ARG001
        """Show everything signed about a matter, each signature, receipt and place in the log checked just now."""
        with database.read() as session:
            matter = matters.of_thread(session, thread)
            names, fingerprints = matters.names(session), matters.fingerprints(session)
        report = matters.examine(rooms.evidence.export(thread, now, withhold=True), fingerprints)
        return page.show("audit/matter.html", matter=matter, report=report, names=names, kinds=STATEMENTS, steps=STEPS)

    def collect(request: Request, thread: Thread, form: FormDep, now: NowDep) -> bytes:
        """Make the file before the transaction that records its export: it takes its time."""
        if not LEAST_REASON <= len(form.word("/reason")) <= MOST_REASON:
            raise InvalidError("Say what it is for.", "请说明导出用途。", pointer="/reason")
        withhold = not (form.word("personal_data") and caller_of(request).may(Permission.PERSON_REVEAL))
        return rooms.evidence.export(thread, now, withhold=withhold)

    @pages.post("/matters/{thread}/evidence")
    def export_evidence(
        thread: Thread,
        form: FormDep,
        session: SessionDep,
        now: NowDep,
        by: Exporter,
        file: Annotated[bytes, Depends(collect)],
    ) -> Response:
        """Hand out the evidence of a matter; who took it, and what for, stands in the access log."""
        withhold = not (form.word("personal_data") and by.may(Permission.PERSON_REVEAL))
        entry = AccessEntry(
            at=now,
            actor=by.username,
            role=by.lead_role,
            action=AccessAction.EXPORT,
            object_type="evidence",
            object_id=thread,
            reason=form.word("/reason"),
            details={"personal_data": "withheld" if withhold else "included"},
        )
        rooms.access.record(session, entry)
        disposition = {"Content-Disposition": f'attachment; filename="{thread}.evidence"'}
        return Response(file, media_type="application/json", headers=disposition)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _begin(day: date | None) -> datetime | None:
    """Return when a day begins in China."""
    return datetime.combine(day, time(0, tzinfo=CHINA)) if day else None
