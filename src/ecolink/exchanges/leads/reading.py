"""Showing a lead: all of it, its signed timeline, its conversation, and a person's member in full."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.cadence.calendars import china_day
from ecolink.errors import NotFoundError
from ecolink.exchanges.governance import GovernanceOut, Terms, handling_out
from ecolink.exchanges.leads import proposals, views
from ecolink.exchanges.leads.casebook import KIND, Case, Casebook
from ecolink.exchanges.leads.history import LOST, private_of
from ecolink.exchanges.leads.models import Lead, LeadDraft, LeadProposal
from ecolink.exchanges.leads.moves import Moving
from ecolink.exchanges.leads.rules import Step
from ecolink.exchanges.leads.schemas import LeadIn, RevealIn
from ecolink.exchanges.leads.table import TABLE, Side, State
from ecolink.exchanges.personal_data import MASKED, refuse_in_text
from ecolink.federation.keystore import Keystore
from ecolink.federation.peers import Peer
from ecolink.federation.statements import Stored
from ecolink.federation.threads import Delivery, DeliveryState
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.leads import LeadTransferredV1
from ecolink.protocol.refusal import Refused
from ecolink.protocol.sealing import open_statement
from ecolink.protocol.statement import Statement


@dataclass(frozen=True, repr=False, kw_only=True)
class Reading:
    """Reads; the only things it writes are marks in the access log."""

    casebook: Casebook
    moving: Moving
    access: AccessLog
    keystore: Keystore
    terms: Terms
    home: views.BureauOut
    """Our own bureau by name: it is no peer of itself."""

    def show(self, session: Session, lead_id: str, *, by: Principal, now: datetime) -> views.LeadOut:
        """Return one lead in full, persons masked; who looked is recorded.

        Raises:
            NotFoundError: there is no such lead.

        """
        lead = self.casebook.lead(session, lead_id)
        self._record(session, lead, AccessAction.CONSULT, by, now)
        return self.shown(session, lead, now)

    def shown(self, session: Session, lead: Lead, now: datetime) -> views.LeadOut:
        """Return one lead in full, persons masked, to whoever just changed it."""
        names = self.casebook.peers.names(session)
        head = views.summary(lead, names.get(lead.peer), now)
        draft = session.get(LeadDraft, lead.id)
        if draft is not None:
            return self._draft_shown(session, head, lead, draft, now)
        case = self.casebook.open(session, lead.id, lead.peer, now)
        request = case.request
        said = request.statement
        return views.LeadOut(
            **head,
            due=views.DuesOut.of(case.dues, now),
            request=views.RequestOut(
                **{**said.body, "digest": said.digest, "private": views.PrivateOut.of(private_of(request))}
            ),
            governance=GovernanceOut(
                purpose=said.purpose,
                legal_basis=said.legal_basis,
                classification=said.classification,
                handling=handling_out(said.handling),
                is_exercise=said.is_exercise,
            ),
            replies=[*_replies(case)],
            attachments=self._attachments(session, lead),
            draft=None,
            proposals=[*self._proposals(session, lead, case, now)],
            open_moves=_open_moves(case, lead),
            guidance=_guidance(case, names, lead),
            beyond_agreement=self._beyond_agreement(session, said),
            undelivered=[each.digest for each in case.deliveries.values() if each.state is not DeliveryState.DELIVERED],
        )

    def proposals(self, session: Session, lead_id: str, now: datetime) -> list[views.ProposalOut]:
        """Return every move of ours that was laid before an approver, oldest first.

        Raises:
            NotFoundError: there is no such lead.

        """
        lead = self.casebook.lead(session, lead_id)
        if lead.sent_at is None:
            return []
        case = self.casebook.open(session, lead.id, lead.peer, now)
        return [*self._proposals(session, lead, case, now, is_all=True)]

    def timeline(self, session: Session, lead_id: str, now: datetime) -> list[views.StepOut]:
        """Return the lead's signed history in the order both bureaus read it in.

        Raises:
            NotFoundError: there is no such lead.

        """
        lead = self.casebook.lead(session, lead_id)
        case = self.casebook.open(session, lead.id, lead.peer, now)
        names = self.casebook.peers.names(session)
        in_order = [(case.statement(step.move.digest), step) for step in case.matter.steps]
        placed = {step.move.digest for step in case.matter.steps}
        parties = {case.us, case.peer}
        others = [
            (each, None)
            for each in case.stored
            if each.statement.digest not in placed and {each.statement.iss, *each.statement.aud} == parties
        ]
        return [self._step(session, case, names, stored, step) for stored, step in (*in_order, *others)]

    def messages(self, session: Session, lead_id: str, now: datetime) -> list[views.MessageOut]:
        """Return the conversation, in the order both bureaus read it in.

        Raises:
            NotFoundError: there is no such lead.

        """
        lead = self.casebook.lead(session, lead_id)
        case = self.casebook.open(session, lead.id, lead.peer, now)
        names = self.casebook.peers.names(session)
        lines = []
        for move in case.matter.applied:
            if move.name == "message":
                stored = case.statement(move.digest)
                private = private_of(stored) or {}
                lines.append(
                    views.MessageOut(
                        digest=move.digest,
                        ours=move.author == case.us,
                        bureau=self._bureau(move.author, names),
                        by=private.get("by", {}).get("name"),
                        text=stored.statement.body["text"],
                        signed_at=move.at,
                        received_at=move.received_at,
                    )
                )
        return lines

    def reveal(
        self, session: Session, lead_id: str, wanted: RevealIn, *, by: Principal, now: datetime
    ) -> views.RevealOut:
        """Return members of a person in full; who saw which, and why, is recorded.

        Raises:
            NotFoundError: there is no such lead, statement or person, or the personal data were erased.
            InvalidError: the reason repeats an identity number.

        """
        refuse_in_text([("/reason", wanted.reason)])
        lead = self.casebook.lead(session, lead_id)
        source, persons = self._persons(session, lead, wanted.statement, wanted.proposal, now)
        person = next((each for each in persons if each["ref"] == wanted.person), None)
        if person is None:
            raise NotFoundError
        self._record(
            session,
            lead,
            AccessAction.REVEAL,
            by,
            now,
            reason=wanted.reason,
            details={"person": wanted.person, "fields": " ".join(wanted.fields), "statement": source},
        )
        return views.RevealOut(person=wanted.person, fields={name: person.get(name) for name in wanted.fields})

    def lay_open(
        self,
        session: Session,
        lead_id: str,
        *,
        statement: str | None = None,
        reason: str,
        by: Principal,
        now: datetime,
    ) -> Sequence[Mapping[str, Any]]:
        """Return everybody whom a statement names in full; left out, the request as it stands. It is recorded.

        Raises:
            NotFoundError: there is no such lead or statement.
            InvalidError: the reason repeats an identity number.

        """
        refuse_in_text([("/reason", reason)])
        lead = self.casebook.lead(session, lead_id)
        source, persons = self._persons(session, lead, statement, None, now)
        named = " ".join(person["ref"] for person in persons)
        details = {"person": named, "fields": " ".join(MASKED), "statement": source}
        self._record(session, lead, AccessAction.REVEAL, by, now, reason=reason, details=details)
        return persons

    def _persons(
        self, session: Session, lead: Lead, statement: str | None, proposed: str | None, now: datetime
    ) -> tuple[str, Sequence[Mapping[str, Any]]]:
        """Return where the persons stand, for the access log, and the persons."""
        if proposed is not None:
            proposal = session.get(LeadProposal, proposed)
            if proposal is None or proposal.lead_id != lead.id or proposal.content is None:
                raise NotFoundError
            return f"proposal {proposal.id}", proposal.content.get("persons", ())
        draft = session.get(LeadDraft, lead.id)
        if draft is not None:
            return "draft", LeadIn.model_validate(draft.content).private().get("persons", ())
        case = self.casebook.open(session, lead.id, lead.peer, now)
        stored = case.statement(statement) if statement else case.request
        return stored.statement.digest, (private_of(stored) or {}).get("persons", ())

    def _beyond_agreement(self, session: Session, request: Statement) -> str | None:
        agreed, day = self.casebook.agreed, china_day(request.iat)
        terms = agreed.forbids(session, "lead", sharer=request.iss, recipient=request.aud[0], day=day)
        return None if terms is None else terms.code

    def _draft_shown(
        self, session: Session, head: dict[str, Any], lead: Lead, draft: LeadDraft, now: datetime
    ) -> views.LeadOut:
        written = LeadIn.model_validate(draft.content)
        terms = self.casebook.agreed.terms_with(session, self.terms, [lead.peer], china_day(now))
        return views.LeadOut(
            **head,
            due=None,
            request=views.RequestOut(
                **{**written.body(), "digest": None, "private": views.PrivateOut.of(written.private())}
            ),
            governance=terms.settle(written.governance),
            replies=[],
            attachments=[],
            draft=views.DraftOut(
                author=draft.author_name,
                author_id=draft.author_id,
                submitted_at=draft.submitted_at,
                sent_back_reason=draft.sent_back_reason,
            ),
            proposals=[],
            open_moves=list(TABLE.moves(lead.state, Side.REQUESTER)),
            guidance=None,
            beyond_agreement=None,
            undelivered=[],
        )

    def _proposals(
        self, session: Session, lead: Lead, case: Case, now: datetime, *, is_all: bool = False
    ) -> Iterator[views.ProposalOut]:
        for proposal in session.scalars(proposals.of_lead(lead.id)):
            if proposal.state == "awaiting" and proposal.content is not None:
                message, possible = self.moving.preview(session, case, proposal, now)
                yield views.ProposalOut.of(proposal, possible=possible, body=message.body, private=message.private)
            elif is_all:
                yield views.ProposalOut.of(proposal, possible=None, body=None, private=None)

    def _attachments(self, session: Session, lead: Lead) -> list[views.AttachmentOut]:
        return [
            views.AttachmentOut(
                digest=each.digest,
                name=each.name,
                size=each.size,
                media_type=each.media_type,
                ours=each.direction == "out",
                held=each.held,
                confirmed_at=each.confirmed_at,
            )
            for each in self.moving.dispatch.attachments.of_thread(session, lead.id)
        ]

    def _bureau(self, unit_code: str, names: Mapping[str, Peer]) -> views.BureauOut:
        return self.home if unit_code == self.home.unit_code else views.BureauOut.of(unit_code, names.get(unit_code))

    def _step(
        self, session: Session, case: Case, names: Mapping[str, Peer], stored: Stored, step: Step | None
    ) -> views.StepOut:
        said = stored.statement
        delivery = case.deliveries.get(said.digest)
        received_at = stored.received_at if stored.direction == "in" else delivery.at if delivery else None
        return views.StepOut(
            digest=said.digest,
            type=said.type,
            move=step.move.name if step else None,
            verdict=step.verdict.value if step else "undelivered" if _is_lost(delivery) else "waiting",
            why=(step.why if step else None) or _rejection(case, said.digest),
            crossed_with=step.crossed_with if step else None,
            state=step.state if step else None,
            bureau=self._bureau(said.iss, names),
            ours=said.iss == case.us,
            author_role=said.author_role,
            signed_at=said.iat,
            received_at=received_at,
            delivery=delivery.state.value if delivery else None,
            delivery_reason=delivery.reason if delivery else None,
            verified=self._verifies(session, stored),
            kid=said.kid,
            body=said.body,
            private=views.PrivateOut.of(private_of(stored)),
            attachments=[each.digest for each in said.attachments],
        )

    def _verifies(self, session: Session, stored: Stored) -> bool:
        said = stored.statement
        keys = self.keystore.keys_of(session, said.iss)
        if keys is None:
            return False
        try:
            open_statement(said.token, said.private, find_key=keys.find, us=None, sender=said.iss, received_at=None)
        except Refused:
            return False
        return True

    def _record(
        self,
        session: Session,
        lead: Lead,
        action: AccessAction,
        by: Principal,
        now: datetime,
        *,
        reason: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        self.access.record(
            session,
            AccessEntry(
                at=now,
                actor=by.username,
                role=by.lead_role,
                action=action,
                object_type=KIND,
                object_id=lead.id,
                case_number=lead.case_number,
                reason=reason,
                details=details or {},
            ),
        )


def _is_lost(delivery: Delivery | None) -> bool:
    return delivery is not None and delivery.state in LOST


def _open_moves(case: Case, lead: Lead) -> list[str]:
    if case.is_void:
        return [] if lead.state == State.WITHDRAWN else ["withdrawn"]
    return list(case.matter.open_moves(case.us))


def _replies(case: Case) -> Iterator[views.ReplyOut]:
    for move in case.matter.applied:
        if move.name in ("replied", "interim_reply"):
            stored = case.statement(move.digest)
            shown = {
                "digest": move.digest,
                "replied_at": move.at,
                "handling": handling_out(stored.statement.handling),
                "private": views.PrivateOut.of(private_of(stored)),
            }
            yield views.ReplyOut(**{**stored.statement.body, **shown})


def _rejection(case: Case, digest: str) -> str | None:
    """Return the code with which the other side, or we, rejected a statement."""
    for each in case.stored:
        if each.statement.type == "statement.rejected.v1" and each.statement.body.get("digest") == digest:
            return str(each.statement.body.get("code"))
    return None


def _guidance(case: Case, names: Mapping[str, Peer], lead: Lead) -> views.Guidance | None:
    if case.is_void and lead.state == State.SENT:
        return views.Guidance(
            zh="对方节点未接收该请求（见时间线），请撤回后另行发函。",
            en="The other node never took this request (see the timeline): withdraw it and write a new one.",
        )
    moved = case.matter.last("transferred")
    if case.matter.state is not State.TRANSFERRED or moved is None or not isinstance(moved.body, LeadTransferredV1):
        return None
    to = moved.body
    known = names.get(to.to)
    if case.side is Side.RECIPIENT:
        return views.Guidance(
            zh=f"已移送{to.to_name}；由请求方另行发函。",
            en=f"It belongs to {to.to_name}; the requester writes to them.",
        )
    if known is not None and known.state == "active":
        return views.Guidance(
            zh=f"该事项属{known.name_zh}，请向其另发协查函后办结本线索。",
            en=f"It belongs to {known.name_en}: send them a new request, then close this one.",
        )
    return views.Guidance(
        zh=f"该事项属{to.to_name}（{to.to}），对方尚未接入本节点，请经正式公文联系后办结本线索。",
        en=f"It belongs to {to.to_name} ({to.to}), no active peer: write to them on paper, then close this one.",
    )
