"""Printing a lead's letters: masked for who may read it, and in full for who may and says why, which is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.orm import Session

from ecolink.documents.document import Document
from ecolink.errors import NotFoundError
from ecolink.exchanges.leads.letter import LeadLetter
from ecolink.exchanges.leads.reading import Reading
from ecolink.exchanges.leads.schemas import ReasonIn
from ecolink.exchanges.leads.steps import LeadId, Reader
from ecolink.exchanges.leads.views import LeadOut, PrivateOut, ReplyOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface import printing
from ecolink.surface.auth import requires
from ecolink.surface.unit import DatabaseDep, NowDep

Revealer = Annotated[Principal, requires(Permission.PERSON_REVEAL)]
ReplyDigest = Annotated[
    str | None, Query(alias="reply", pattern="^[0-9a-f]{64}$", description="Which reply; left out: the last one.")
]


@dataclass(frozen=True)
class Prints:
    """Makes letters of leads. Whoever prints one has read it; whoever prints it in full has seen its persons."""

    reading: Reading

    def request(
        self, session: Session, lead_id: str, *, by: Principal, now: datetime, reason: str | None = None
    ) -> Document:
        """Return the request as a letter; with a `reason`, its persons in full.

        Raises:
            NotFoundError: there is no such lead.
            InvalidError: the reason repeats an identity number.

        """
        lead = self.reading.show(session, lead_id, by=by, now=now)
        persons = self._persons(session, lead, lead.request.private, lead.request.digest, by=by, now=now, reason=reason)
        return self._letter(lead, now, is_masked=reason is None).request(persons)

    def reply(
        self,
        session: Session,
        lead_id: str,
        digest: str | None,
        *,
        by: Principal,
        now: datetime,
        reason: str | None = None,
    ) -> Document:
        """Return a reply as a letter, the last one unless a `digest` names another.

        Raises:
            NotFoundError: there is no such lead or reply.
            InvalidError: the reason repeats an identity number.

        """
        lead = self.reading.show(session, lead_id, by=by, now=now)
        reply = _chosen(lead, digest)
        persons = self._persons(session, lead, reply.private, reply.digest, by=by, now=now, reason=reason)
        return self._letter(lead, now, is_masked=reason is None).reply(reply, persons)

    def _persons(
        self,
        session: Session,
        lead: LeadOut,
        private: PrivateOut,
        digest: str | None,
        *,
        by: Principal,
        now: datetime,
        reason: str | None,
    ) -> Sequence[Any]:
        if reason is None:
            return [person.model_dump(exclude_none=True) for person in private.persons]
        return self.reading.lay_open(session, lead.id, statement=digest, reason=reason, by=by, now=now)

    def _letter(self, lead: LeadOut, now: datetime, *, is_masked: bool) -> LeadLetter:
        ours, theirs = self.reading.home.name_zh, lead.peer.name_zh
        asks, is_asked = (ours, theirs) if lead.direction == "out" else (theirs, ours)
        return LeadLetter(lead=lead, requester=asks, recipient=is_asked, made_at=now, is_masked=is_masked)


def _chosen(lead: LeadOut, digest: str | None) -> ReplyOut:
    for reply in reversed(lead.replies):
        if digest in (None, reply.digest):
            return reply
    raise NotFoundError("There is no such reply yet.", "尚无此回复。")


def add(api: APIRouter, prints: Prints) -> None:
    """Add the letters to the router of leads."""

    @api.get(
        "/{lead_id}/letter",
        operation_id="print_lead",
        summary="Print the request, persons masked / 打印协查函",
        response_class=Response,
        responses=printing.ANSWERS,
    )
    def print_lead(
        lead_id: LeadId, database: DatabaseDep, now: NowDep, by: Reader, form: printing.Form = "html"
    ) -> Response:
        """The request as an official letter; a draft says that it is one. Who printed it is recorded."""
        with database.begin() as session:
            document = prints.request(session, lead_id, by=by, now=now)
        return printing.printed(document, form, f"lead-{lead_id}")

    @api.post(
        "/{lead_id}/letter",
        operation_id="print_lead_in_full",
        summary="Print the request with persons in full / 打印含完整人员信息的协查函",
        response_class=Response,
        responses=printing.ANSWERS,
        dependencies=[Depends(printing.take_key)],
    )
    def print_lead_in_full(
        lead_id: LeadId, why: ReasonIn, database: DatabaseDep, now: NowDep, by: Revealer, form: printing.Form = "html"
    ) -> Response:
        """The same with every person in full. Who printed it, when and why stands in the access log."""
        with database.begin() as session:
            document = prints.request(session, lead_id, by=by, now=now, reason=why.reason)
        return printing.printed(document, form, f"lead-{lead_id}")

    @api.get(
        "/{lead_id}/reply-letter",
        operation_id="print_lead_reply",
        summary="Print a reply, persons masked / 打印回执",
        response_class=Response,
        responses=printing.ANSWERS,
    )
    def print_lead_reply(
        lead_id: LeadId,
        database: DatabaseDep,
        now: NowDep,
        by: Reader,
        digest: ReplyDigest = None,
        form: printing.Form = "html",
    ) -> Response:
        """A reply as an official letter. Who printed it is recorded."""
        with database.begin() as session:
            document = prints.reply(session, lead_id, digest, by=by, now=now)
        return printing.printed(document, form, f"lead-{lead_id}-reply")

    @api.post(
        "/{lead_id}/reply-letter",
        operation_id="print_lead_reply_in_full",
        summary="Print a reply with persons in full / 打印含完整人员信息的回执",
        response_class=Response,
        responses=printing.ANSWERS,
        dependencies=[Depends(printing.take_key)],
    )
    def print_lead_reply_in_full(
        lead_id: LeadId,
        why: ReasonIn,
        database: DatabaseDep,
        now: NowDep,
        by: Revealer,
        digest: ReplyDigest = None,
        form: printing.Form = "html",
    ) -> Response:
        """The same with every person in full. Who printed it, when and why stands in the access log."""
        with database.begin() as session:
            document = prints.reply(session, lead_id, digest, by=by, now=now, reason=why.reason)
        return printing.printed(document, form, f"lead-{lead_id}-reply")
