"""Sending one move: judged like the other side will judge it, signed, queued, and written into the row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments
from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.errors import IllegalMoveError, InvalidError, TooLargeError
from ecolink.exchanges import governance
from ecolink.exchanges.governance import GovernanceOut
from ecolink.exchanges.leads.casebook import KIND, Case, Casebook
from ecolink.exchanges.leads.history import KIND_OF
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.rules import Illegal, Move, judge
from ecolink.exchanges.leads.table import MOVE_NAMES, STATE_NAMES, State
from ecolink.exchanges.personal_data import refuse_in_text, texts_in
from ecolink.federation.outbox import Outbox
from ecolink.federation.statements import Stored
from ecolink.identity.principal import Principal
from ecolink.kit.canonical import dumps
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.leads import Officer
from ecolink.protocol.limits import MAX_PRIVATE_BYTES
from ecolink.protocol.refusal import Refused
from ecolink.protocol.statement import AttachmentRef, Draft, Lane

MAX_BODY_BYTES = 40_000
"""A body may have so many bytes, so that the statement around it, in base64url, stays within its limit."""
_PRIVATE_FRAME_BYTES = 500


@dataclass(frozen=True, slots=True)
class Author:
    """Who prepared a move."""

    id: str
    name: str
    role: str

    @classmethod
    def of(cls, by: Principal) -> "Author":
        """Return the caller as author."""
        return cls(by.id, by.name, by.lead_role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be sent: the move's name, what it says, and who stands for it."""

    name: str
    body: Mapping[str, Any]
    private: Mapping[str, Any]
    author: Author
    approver: Principal | None
    terms: GovernanceOut
    retain_until: datetime

    @property
    def type(self) -> str:
        """Its type on the wire."""
        return f"lead.{self.name}.v1"


@dataclass(frozen=True, repr=False, kw_only=True)
class Dispatch:
    """Sends moves."""

    casebook: Casebook
    outbox: Outbox
    attachments: Attachments
    access: AccessLog

    def send(self, session: Session, lead: Lead, case: Case, message: Message, now: datetime) -> Stored:
        """Send one move and bring the row up to date.

        Raises:
            IllegalMoveError: the move is not ours to make now.
            InvalidError: an attachment is not here.
            ConflictError: the peer is not active.
            TooLargeError: it does not fit into one statement.

        """
        self.refuse_illegal(case, message)
        draft = self._draft(session, lead, message)
        try:
            sent = self.outbox.send(session, draft, now=now, recipients=[lead.peer])
        except Refused as refused:
            raise _unfit(refused) from refused
        if message.approver is not None and message.body.get("person_count"):
            self._record_disclosure(session, lead, message, message.approver, sent, now)
        self.casebook.write(session, lead, self.casebook.open(session, lead.id, lead.peer, now), now)
        return sent

    def refuse_illegal(self, case: Case, message: Message) -> None:
        """Judge a move as the other side will.

        Raises:
            IllegalMoveError: it is not allowed.

        """
        decision = judge(case.matter.position, prospect(case, message, is_approved=message.approver is not None))
        if isinstance(decision, Illegal):
            raise illegal_move(message.name, case.matter.state, decision.why)

    def refs(self, session: Session, body: Mapping[str, Any]) -> tuple[AttachmentRef, ...]:
        """Return what the statement says of the documents a body lists.

        Raises:
            InvalidError: one is not here.

        """
        digests = dict.fromkeys(document["digest"] for document in body.get("documents", ()))
        return tuple(self.attachments.refer(session, digest) for digest in digests)

    def _draft(self, session: Session, lead: Lead, message: Message) -> Draft:
        approver = message.approver
        signed = {"by": Officer(name=message.author.name, post=message.author.role).to_wire()}
        if approver is not None:
            signed["approver"] = Officer(name=approver.name, post=approver.lead_role).to_wire()
        return Draft(
            type=message.type,
            thread=lead.id,
            lane=governance.lane_of(Lane.CASE, is_exercise=message.terms.is_exercise),
            classification=message.terms.classification,
            handling=governance.handling_of(message.terms.handling),
            is_exercise=message.terms.is_exercise,
            purpose=message.terms.purpose,
            legal_basis=message.terms.legal_basis,
            author_role=message.author.role,
            approver=governance.approver_claim(approver) if approver else None,
            retain_until=message.retain_until,
            attachments=self.refs(session, message.body),
            body=dict(message.body),
            private={**message.private, **signed},
        )

    def _record_disclosure(
        self, session: Session, lead: Lead, message: Message, approver: Principal, sent: Stored, now: datetime
    ) -> None:
        self.access.record(
            session,
            AccessEntry(
                at=now,
                actor=approver.username,
                role=approver.lead_role,
                action=AccessAction.DISCLOSE,
                object_type=KIND,
                object_id=lead.id,
                case_number=lead.case_number,
                recipient=lead.peer,
                reason=message.terms.purpose,
                details={"move": message.name, "statement": sent.statement.digest},
            ),
        )


def prospect(case: Case, message: Message, *, is_approved: bool) -> Move:
    """Return a move as the fold would read it, before it is signed."""
    body = KIND_OF[message.type].body.model_validate(message.body)
    return Move(
        digest="",
        parents=(),
        type=message.type,
        author=case.us,
        to=case.peer,
        at=message.retain_until,  # when it is signed plays no part in what is judged
        approved=is_approved,
        is_exercise=message.terms.is_exercise,
        body=body if isinstance(body, Frozen) else None,
    )


def refuse_unfit(body: Mapping[str, Any], private: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> None:
    """Refuse what could never be sent: persons in the free text, or more than one statement holds.

    `known` is a private part whose persons must stay out of the text too, such as the request's in a reply.

    Raises:
        InvalidError: the text names a person.
        TooLargeError: it is too long.

    """
    persons = [*private.get("persons", ()), *(known or {}).get("persons", ())]
    refuse_in_text(texts_in(body), [person["name"] for person in persons if person.get("name")])
    too_long = len(dumps(body)) > MAX_BODY_BYTES
    if too_long or len(dumps(private)) > MAX_PRIVATE_BYTES - _PRIVATE_FRAME_BYTES:
        raise TooLargeError(
            "It is too long for one statement; put the longer texts into an attached document.",
            "内容过长，无法放入一条消息；请将较长内容作为附件。",
        )


def illegal_move(name: str, state: State | None, why: str) -> IllegalMoveError:
    """Return the refusal of a move in the words of people."""
    move, here = MOVE_NAMES.get(name, name), STATE_NAMES.get(state or "", "")
    match why:
        case "wrong-side":
            return IllegalMoveError(
                f"'{name}' is the other bureau's move, not ours.", f"“{move}”应由对方单位办理，本方不能操作。"
            )
        case "approver-missing":
            return IllegalMoveError(f"'{name}' needs an approver.", f"“{move}”须经审批。")
        case "thread-full":
            return IllegalMoveError(
                "This lead has too many entries; close it and open another.", "本线索记录过多，请办结后另行发函。"
            )
        case _:
            return IllegalMoveError(
                f"'{name}' is not possible while the lead is {state or 'not sent'}.",
                f"线索当前为“{here}”，不能“{move}”。",
            )


def _unfit(refused: Refused) -> InvalidError | TooLargeError:
    if refused.reason == "too-large":
        return TooLargeError(
            "It is too long for one statement; put the longer texts into an attached document.",
            "内容过长，无法放入一条消息；请将较长内容作为附件。",
        )
    return InvalidError(
        f"The statement cannot be signed ({refused.reason}): {refused.detail}",
        f"该消息无法签发（{refused.reason}）。",
    )
