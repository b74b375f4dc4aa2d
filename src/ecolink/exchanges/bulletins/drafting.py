"""Before anything is told: drafts of bulletins and of their corrections, and another person's approval."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments
from ecolink.cadence.calendars import china_day
from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.exchanges.bulletins.files import named_in
from ecolink.exchanges.bulletins.models import FOR_EVER, Bulletin, BulletinDraft
from ecolink.exchanges.bulletins.record import Dossier, Record
from ecolink.exchanges.bulletins.rules import safeguards
from ecolink.exchanges.bulletins.rules.tables import Act, State
from ecolink.exchanges.bulletins.schemas import BulletinCorrectionIn, BulletinIn, TextIn
from ecolink.exchanges.bulletins.speaking import Saying, Speaker, Under
from ecolink.exchanges.bulletins.traces import Traces
from ecolink.exchanges.enclosures import refer
from ecolink.exchanges.governance import GovernanceIn, GovernanceOut, Terms, refuse_same_person
from ecolink.federation.peers import PeerState
from ecolink.identity.principal import Principal
from ecolink.kit.ids import new_id
from ecolink.protocol.kinds.bulletins import (
    BulletinContent,
    BulletinCorrectedV1,
    BulletinPrivate,
    BulletinPublishedV1,
    BulletinText,
)
from ecolink.protocol.kinds.rosters import RosterV1
from ecolink.protocol.statement import Lane
from ecolink.surface.versions import check_version


@dataclass(frozen=True, repr=False)
class Drafting:
    """Drafts of the bureau `us`."""

    us: str
    record: Record
    speaker: Speaker
    alliances: AllianceService
    traces: Traces
    agreed: Agreed
    terms: Terms
    attachments: Attachments

    def begin(self, session: Session, wanted: BulletinIn, *, by: Principal, now: datetime) -> Dossier:
        """Start a bulletin.

        Raises:
            InvalidError: something in it may not be told, or not to whom it is meant for.

        """
        private = wanted.private(BulletinPrivate())
        refer(session, self.attachments, wanted.attachments)
        self._check_new(session, wanted, private, now)
        bulletin_id = new_id(now)
        row = Bulletin(
            id=bulletin_id,
            thread=bulletin_id,
            author=self.us,
            direction="out",
            state=State.DRAFT.value,
            is_exercise=wanted.governance.is_exercise,
            told_at=now,
            valid_until=FOR_EVER,
            updated_at=now,
            drafted_by=by.id,
            left_out=[],
            version=0,
        )
        session.add(row)
        session.flush()
        draft = BulletinDraft(bulletin_id=bulletin_id, drafted_at=now)
        _fill(draft, wanted, private, by)
        draft.governance = wanted.governance.model_dump(mode="json", exclude_none=True)
        draft.alliance_id, draft.recipients = wanted.alliance_id, list(wanted.recipients)
        session.add(draft)
        self.record.index_draft(session, row, BulletinContent.model_validate(draft.content))
        self.traces.leave(session, row, "drafted", by=by, now=now, case_number=wanted.case_number, private=private)
        return self._touched(session, row, now, first=True)

    def replace(
        self,
        session: Session,
        bulletin_id: str,
        wanted: BulletinIn,
        *,
        version: int,
        by: Principal,
        now: datetime,
    ) -> Dossier:
        """Write a first draft anew. Whoever writes it last counts as its drafter and cannot approve it.

        Raises:
            NotFoundError: there is no such bulletin.
            StaleError: it is not at `version` any more.
            IllegalMoveError: it is no draft.
            InvalidError: something in it may not be told, or not to whom it is meant for.

        """
        dossier = self._opened(session, bulletin_id, version)
        draft = _pending(dossier, State.DRAFT)
        if draft.reason is not None:
            raise IllegalMoveError("This bulletin was told; correct it instead.", "该通报已发布，请改用更正。")
        private = wanted.private(BulletinPrivate.model_validate(draft.private))
        refer(session, self.attachments, wanted.attachments)
        self._check_new(session, wanted, private, now)

        _fill(draft, wanted, private, by)
        draft.governance = wanted.governance.model_dump(mode="json", exclude_none=True)
        draft.alliance_id, draft.recipients = wanted.alliance_id, list(wanted.recipients)
        dossier.row.drafted_by, dossier.row.is_exercise = by.id, wanted.governance.is_exercise
        self.record.index_draft(session, dossier.row, BulletinContent.model_validate(draft.content))
        self.traces.leave(
            session, dossier.row, "redrafted", by=by, now=now, case_number=wanted.case_number, private=private
        )
        return self._touched(session, dossier.row, now)

    def correct(
        self,
        session: Session,
        bulletin_id: str,
        wanted: BulletinCorrectionIn,
        *,
        version: int,
        by: Principal,
        now: datetime,
    ) -> Dossier:
        """Begin, or write anew, the correction of a bulletin that was told. It keeps its terms and its audience.

        Raises:
            NotFoundError: there is no such bulletin.
            StaleError: it is not at `version` any more.
            IllegalMoveError: it is not ours, not told, recalled, or a correction awaits approval.
            InvalidError: something in it may not be told.

        """
        dossier = self._opened(session, bulletin_id, version)
        dossier.refuse_unless_open(Act.CORRECTED)
        draft = dossier.draft
        if draft is not None:
            _pending(dossier, State.DRAFT)
        current = dossier.current()
        before = (
            dossier.thread.private(current.digest) if draft is None else BulletinPrivate.model_validate(draft.private)
        )
        private = wanted.private(before)
        refer(session, self.attachments, wanted.attachments)
        _check(wanted, private, now)

        if draft is None:
            draft = BulletinDraft(bulletin_id=bulletin_id, drafted_at=now, governance={}, recipients=[])
            session.add(draft)
        _fill(draft, wanted, private, by)
        draft.reason = wanted.reason
        self.traces.leave(
            session, dossier.row, "correction drafted", by=by, now=now, case_number=wanted.case_number, private=private
        )
        return self._touched(session, dossier.row, now)

    def submit(self, session: Session, bulletin_id: str, *, version: int, by: Principal, now: datetime) -> Dossier:
        """Hand a draft to whoever approves.

        Raises:
            NotFoundError: there is no such bulletin.
            StaleError: it is not at `version` any more.
            IllegalMoveError: there is no draft, or it was handed in already.

        """
        dossier = self._opened(session, bulletin_id, version)
        draft = _pending(dossier, State.DRAFT)
        draft.state, draft.sent_back = State.AWAITING_APPROVAL.value, None
        self.traces.leave(session, dossier.row, "submitted", by=by, now=now)
        return self._touched(session, dossier.row, now, first=draft.reason is None)

    def send_back(
        self,
        session: Session,
        bulletin_id: str,
        *,
        reason: str,
        version: int,
        by: Principal,
        now: datetime,
    ) -> Dossier:
        """Give a draft back to its drafter, saying what should change.

        Raises:
            NotFoundError: there is no such bulletin.
            StaleError: it is not at `version` any more.
            IllegalMoveError: nothing awaits approval.

        """
        dossier = self._opened(session, bulletin_id, version)
        draft = _pending(dossier, State.AWAITING_APPROVAL)
        draft.state, draft.sent_back = State.DRAFT.value, reason
        self.traces.leave(session, dossier.row, "sent back", by=by, now=now)
        return self._touched(session, dossier.row, now, first=draft.reason is None)

    def discard(self, session: Session, bulletin_id: str, *, version: int, by: Principal, now: datetime) -> None:
        """Drop a draft; of a bulletin that was never told nothing remains but the access log.

        Raises:
            NotFoundError: there is no such bulletin.
            StaleError: it is not at `version` any more.
            IllegalMoveError: there is no draft.

        """
        dossier = self._opened(session, bulletin_id, version)
        draft = _pending(dossier, State.DRAFT, State.AWAITING_APPROVAL)
        session.delete(draft)
        session.flush()
        self.traces.leave(session, dossier.row, "discarded", by=by, now=now)
        if draft.reason is None:
            self.record.forget(session, dossier.row)
        else:
            self._touched(session, dossier.row, now)

    def approve(self, session: Session, bulletin_id: str, *, version: int, by: Principal, now: datetime) -> Dossier:
        """Approve what awaits approval, exactly as it stands at `version`, and tell it.

        Raises:
            NotFoundError: there is no such bulletin.
            StaleError: it is not at `version` any more.
            IllegalMoveError: nothing awaits approval.
            SecondPersonError: the same person drafted it.
            InvalidError: something in it may not be told any more.
            ConflictError: nobody it is meant for can be told just now.
            SharingError: no agreement lets us tell bulletins to one of them.

        """
        dossier = self._opened(session, bulletin_id, version)
        draft = _pending(dossier, State.AWAITING_APPROVAL)
        refuse_same_person(draft.drafted_by, by)
        text = BulletinText.model_validate(draft.content)
        private = BulletinPrivate.model_validate(draft.private)
        safeguards.check(text, private, china_day(now))

        saying, left_out = (
            self._publication(session, draft, now)
            if draft.reason is None
            else self._correction(session, dossier, draft)
        )
        names_any = bool(private.persons or private.items)
        files = refer(session, self.attachments, named_in(draft))
        saying = replace(
            saying, by=by, approver=by, private=private.to_wire() if names_any else None, attachments=files
        )
        row = dossier.row
        session.delete(draft)
        row.left_out = left_out
        row.version += 1
        dossier = self.speaker.say(session, row, saying, now)
        for recipient in saying.to:
            self.traces.leave(
                session,
                row,
                "told",
                by=by,
                now=now,
                case_number=text.case_number,
                private=private,
                recipient=recipient,
            )
        return dossier

    # Whom to tell ----------------------------------------------------------------------------------------

    def _publication(self, session: Session, draft: BulletinDraft, now: datetime) -> tuple[Saying, list[str]]:
        chosen = GovernanceIn.model_validate(draft.governance)
        roster = self._roster(session, draft.alliance_id)
        meant = self._meant(draft.recipients, roster)
        terms = self._terms(session, meant, now)
        settled = _settle(terms, chosen, roster)
        told = self._tellable(session, meant)
        alliance = {"alliance": roster.to_wire()} if roster else {}
        body = BulletinPublishedV1.model_validate({**draft.content, **alliance})
        under = Under.of_governance(settled, terms.retain_until(chosen, now))
        return Saying(body=body, to=told, under=under), sorted(set(meant) - set(told))

    def _correction(self, session: Session, dossier: Dossier, draft: BulletinDraft) -> tuple[Saying, list[str]]:
        dossier.refuse_unless_open(Act.CORRECTED)
        current = dossier.current()
        content = dossier.matter.current.content if dossier.matter.current else None
        alliance = {"alliance": content.alliance.to_wire()} if content and content.alliance else {}
        meant = sorted({unit for version in dossier.matter.versions for unit in version.aud})
        told = self._tellable(session, meant)
        body = BulletinCorrectedV1.model_validate(
            {**draft.content, **alliance, "version": current.digest, "reason": draft.reason}
        )
        saying = Saying(body=body, to=told, under=Under.of_statement(current), supersedes=current.jti)
        return saying, sorted({*dossier.row.left_out, *meant} - set(told))

    def _meant(self, recipients: Sequence[str], roster: RosterV1 | None) -> Sequence[str]:
        return recipients or [unit for unit in (roster.members if roster else ()) if unit != self.us]

    def _terms(self, session: Session, meant: Sequence[str], now: datetime) -> Terms:
        """Return the defaults for these recipients, once it is sure that we may share with them."""
        day = china_day(now)
        self.agreed.refuse_unshared(session, "bulletin", meant, day)
        return self.agreed.terms_with(session, self.terms, meant, day)

    def _tellable(self, session: Session, meant: Sequence[str]) -> list[str]:
        told = self.speaker.reachable(session, meant, Lane.BULK)
        if not told:
            raise ConflictError(
                "None of the recipients is an active peer just now.", "目前没有可以告知的接收单位（均未启用或已暂停）。"
            )
        return told

    # Checks ----------------------------------------------------------------------------------------------

    def _check_new(self, session: Session, wanted: BulletinIn, private: BulletinPrivate, now: datetime) -> None:
        _check(wanted, private, now)
        roster = self._roster(session, wanted.alliance_id)
        _settle(self._terms(session, self._meant(wanted.recipients, roster), now), wanted.governance, roster)
        if not wanted.recipients and roster is None:
            raise InvalidError("Name recipients or an alliance.", "请选择接收单位或联盟。", pointer="/recipients")
        self._check_recipients(session, wanted.recipients, roster)

    def _check_recipients(self, session: Session, recipients: Sequence[str], roster: RosterV1 | None) -> None:
        names = self.speaker.peers.names(session)
        for place, unit in enumerate(recipients):
            pointer = f"/recipients/{place}"
            if unit in recipients[:place]:
                raise InvalidError(f"{unit} is named twice.", f"{unit} 重复出现。", pointer=pointer)
            if roster is not None and unit not in roster.members:
                raise InvalidError(
                    f"{unit} is not a member of this alliance.", f"{unit} 不是该联盟成员。", pointer=pointer
                )
            if unit not in names or names[unit].state is PeerState.PENDING:
                raise InvalidError(
                    f"{unit} is not an active peer of this node.", f"{unit} 不是本节点已启用的对端。", pointer=pointer
                )

    def _roster(self, session: Session, alliance_id: str | None) -> RosterV1 | None:
        try:
            return None if alliance_id is None else self.alliances.roster(session, alliance_id)
        except (NotFoundError, IllegalMoveError) as missing:
            raise InvalidError(missing.detail_en, missing.detail_zh, pointer="/alliance_id") from missing

    def _opened(self, session: Session, bulletin_id: str, version: int) -> Dossier:
        dossier = self.record.open(session, bulletin_id)
        if not dossier.is_ours:
            raise IllegalMoveError(
                "This bulletin is another bureau's; only its author changes it.",
                "这是对方单位的通报，只有发布方可以修改。",
            )
        check_version(version, dossier.row.version)
        return dossier

    def _touched(self, session: Session, row: Bulletin, now: datetime, *, first: bool = False) -> Dossier:
        """Count the change; `first` says that the draft is all there is, so that its state is the bulletin's."""
        session.flush()
        dossier = self.record.view(session, row.id)
        if first and dossier.draft is not None:
            row.state = dossier.draft.state
        row.version += 1
        row.updated_at = now
        session.flush()
        return dossier


def _settle(terms: Terms, chosen: GovernanceIn, roster: RosterV1 | None) -> GovernanceOut:
    settled = terms.settle(chosen)
    if settled.handling.onward == "group" and roster is None:
        raise InvalidError(
            "Onward sharing within the group needs the alliance it means.",
            "允许联盟内转发时须指明联盟。",
            pointer="/alliance_id",
        )
    return settled


def _pending(dossier: Dossier, *states: State) -> BulletinDraft:
    draft = dossier.draft
    if draft is None or draft.state not in states:
        raise IllegalMoveError("There is no draft in a state that allows this.", "没有处于可执行此操作状态的草稿。")
    return draft


def _check(wanted: TextIn, private: BulletinPrivate, now: datetime) -> None:
    wanted.refuse_unknown_members()
    safeguards.check(wanted.text(), private, china_day(now))


def _fill(draft: BulletinDraft, wanted: TextIn, private: BulletinPrivate, by: Principal) -> None:
    draft.state = State.DRAFT.value
    draft.content, draft.private = wanted.text().to_wire(), private.to_wire()
    draft.attachments = [each.model_dump(mode="json") for each in wanted.attachments]
    draft.drafted_by, draft.drafted_by_name = by.id, by.name
    draft.sent_back = None
