"""The quarterly room as the rest of the node knows it: officers write, approve, read, feed back and sign off."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.cadence.calendars import china_day
from ecolink.cadence.obligations import Obligation
from ecolink.cadence.standing import Evidence
from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError
from ecolink.exchanges.governance import refuse_same_person
from ecolink.exchanges.personal_data import refuse_in_text, texts_in
from ecolink.exchanges.quarterly import ledger, rules
from ecolink.exchanges.quarterly.arrivals import Arrivals
from ecolink.exchanges.quarterly.compiling import Compiling
from ecolink.exchanges.quarterly.models import Exchange, Package, PackageDraft
from ecolink.exchanges.quarterly.schemas import PackageDraftIn, PackageFeedbackIn
from ecolink.exchanges.quarterly.views import Due, Views
from ecolink.exchanges.voice import Voice
from ecolink.federation.statements import Stored
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.agreements import Shared
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.exchange import (
    ExchangeFeedbackV1,
    ExchangeReadV1,
    ExchangeSignedOffV1,
    ExchangeSubmittedV1,
    PackageV1,
)
from ecolink.protocol.kinds.leads import Officer, SignedPrivateV1
from ecolink.surface.versions import check_version

PURPOSE = "警务协作季度通报交流"

RefuseUnshared = Callable[[Session, Shared, Collection[str], date], None]
"""Refuses, with a `SharingError`, what the agreements in force on a day do not let us share with these bureaus."""


@dataclass(frozen=True, repr=False, kw_only=True)
class QuarterlyService:
    """All moves on exchanges."""

    voice: Voice
    access: AccessLog
    compiling: Compiling
    arrivals: Arrivals
    views: Views
    refuse_unshared: RefuseUnshared

    @property
    def us(self) -> str:
        """Our unit code."""
        return self.voice.us

    # Our package ----------------------------------------------------------------------------------------------

    def compile(self, session: Session, obligation: str, *, now: datetime) -> Exchange:
        """Draw up our package for an exchange now; one that is being written stays as it is.

        Raises:
            InvalidError: no agreement of ours in force has such an exchange, or its period has not begun.

        """
        due = self.compiling.named(session, obligation)
        if due is None or rules.span(due.period)[0] > now:
            raise InvalidError(
                f"{obligation} is no exchange of ours that has begun.",
                f"{obligation} 不是我局已开始的季度交流义务。",
                pointer="/obligation",
            )
        exchange = ledger.exchange_for(session, due.key, due.parties, now)
        if session.get(PackageDraft, exchange.id) is None and ledger.current_of(session, exchange.id, self.us) is None:
            self.compiling.begin(session, exchange, now)
        return exchange

    def edit(
        self,
        session: Session,
        exchange_id: str,
        entry: PackageDraftIn,
        *,
        version: int,
        by: Principal,
        now: datetime,
    ) -> PackageDraft:
        """Write into our package, take out what shall not be listed, or make it a nil package.

        Raises:
            NotFoundError: there is no such exchange, or nothing to be written in it.
            StaleError: it is not at `version` any more.
            InvalidError: a text names a person by number, or a nil package is wanted where something was counted.

        """
        draft = self.draft(session, exchange_id, lock=True)
        check_version(version, draft.version)
        written = entry.model_dump(mode="json", include={"number", "highlights", "outlook"})
        refuse_in_text(texts_in(written))
        content = PackageV1.model_validate(draft.content)
        if content.nothing_to_report and not entry.nothing_to_report:  # its lists were dropped with that
            content = self.compiling.compile(session, ledger.find(session, exchange_id), now)
        content = content.model_copy(update={name: getattr(entry, name) for name in written})
        kept = {
            name: tuple(line for line in getattr(content, name) if line.thread not in entry.leave_out)
            for name in ("bulletins", "open_requests")
        }
        draft.content = content.model_copy(update=kept).to_wire()
        if entry.nothing_to_report:
            draft.content = _nil(content).to_wire()
        self._mark(draft, by, now)
        session.flush()
        return draft

    def renew(self, session: Session, exchange_id: str, *, version: int, by: Principal, now: datetime) -> PackageDraft:
        """Take the figures and lists of our package anew; what officers wrote stays.

        Raises:
            NotFoundError: there is no such exchange, or nothing to be written in it.
            StaleError: it is not at `version` any more.

        """
        draft = self.draft(session, exchange_id, lock=True)
        check_version(version, draft.version)
        self.compiling.renew(session, ledger.find(session, exchange_id), draft, now)
        self._mark(draft, by, now)
        session.flush()
        return draft

    def correct(
        self, session: Session, exchange_id: str, correction: str, *, by: Principal, now: datetime
    ) -> PackageDraft:
        """Begin a package that shall take the place of the one we sent; its figures are taken anew.

        Raises:
            NotFoundError: there is no such exchange.
            IllegalMoveError: we have sent nothing yet.
            ConflictError: a correction is being written already.
            InvalidError: the reason names a person by number.

        """
        exchange = ledger.find(session, exchange_id, lock=True)
        sent = ledger.current_of(session, exchange.id, self.us)
        if sent is None:
            raise IllegalMoveError("We have sent no package yet; edit the draft.", "我局尚未提交，可直接修改草稿。")
        if session.get(PackageDraft, exchange.id) is not None:
            raise ConflictError("A correction is being written already.", "已有更正稿正在编辑。")
        refuse_in_text([("/correction", correction)])
        draft = PackageDraft(
            exchange_id=exchange.id,
            content=self.views.content(session, sent).to_wire(),
            compiled_at=now,
            supersedes=sent.digest,
            correction=correction,
        )
        self.compiling.renew(session, exchange, draft, now)
        self._mark(draft, by, now)
        session.add(draft)
        session.flush()
        return draft

    def discard(self, session: Session, exchange_id: str, *, version: int) -> None:
        """Drop a correction that is being written; what was sent stands.

        Raises:
            NotFoundError: there is no such exchange, or nothing to be dropped.
            StaleError: it is not at `version` any more.
            IllegalMoveError: it is our first package: that is due.

        """
        draft = self.draft(session, exchange_id, lock=True)
        check_version(version, draft.version)
        if draft.supersedes is None:
            raise IllegalMoveError("The first package is due and cannot be dropped.", "首次提交的稿件不能删除。")
        session.delete(draft)
        session.flush()

    def approve(self, session: Session, exchange_id: str, *, version: int, by: Principal, now: datetime) -> Package:
        """Send our package as it was read: its approver's word, and the bureau's signature.

        Raises:
            NotFoundError: there is no such exchange, or nothing to be sent.
            StaleError: it is not at `version` any more.
            SecondPersonError: the caller wrote on it last, or is a program.
            SharingError: the agreement does not let us send packages to one of the parties.
            ConflictError: a party is no active peer.

        """
        draft = self.draft(session, exchange_id, lock=True)
        check_version(version, draft.version)
        refuse_same_person(draft.edited_by or "", by)
        exchange = ledger.find(session, exchange_id)
        others = {*exchange.parties} - {self.us}
        self.refuse_unshared(session, "package", others, china_day(now))
        body = ExchangeSubmittedV1(
            **PackageV1.model_validate(draft.content).model_dump(),
            obligation=exchange.obligation,
            supersedes=draft.supersedes,
            correction=draft.correction,
        )
        refuse_in_text(texts_in(body.to_wire()))
        private = SignedPrivateV1(by=Officer(name=draft.edited_by_name or by.name), approver=_officer(by))
        session.delete(draft)
        session.flush()
        told = self._say(session, exchange, body, private, by, now)
        for recipient in told.statement.aud:
            disclosed = AccessEntry(
                at=now,
                actor=by.username,
                role=by.lead_role,
                action=AccessAction.DISCLOSE,
                object_type=ledger.KIND,
                object_id=exchange.id,
                recipient=recipient,
                reason=PURPOSE,
                details={"statement": told.statement.digest, "obligation": exchange.obligation},
            )
            self.access.record(session, disclosed)
        return session.get_one(Package, told.statement.digest)

    # Theirs ---------------------------------------------------------------------------------------------------

    def read(self, session: Session, exchange_id: str, package: str, *, by: Principal, now: datetime) -> Exchange:
        """Say that the caller has read another party's package; saying it again says nothing.

        Raises:
            NotFoundError: there is no such exchange, or no such package in it.
            IllegalMoveError: it is our own.
            ConflictError: it was corrected in the meantime.

        """
        exchange, row = self._theirs(session, exchange_id, package)
        if ledger.word_of(session, row.digest, self.us).read_at is None:
            self._say(session, exchange, ExchangeReadV1(package=row.digest), _signed(by), by, now)
        return exchange

    def feed_back(
        self, session: Session, exchange_id: str, entry: PackageFeedbackIn, *, by: Principal, now: datetime
    ) -> Exchange:
        """Say what another party's package was good for; of several words the last counts.

        Raises:
            NotFoundError: there is no such exchange, or no such package in it.
            IllegalMoveError: it is our own, or nobody here has read it.
            ConflictError: it was corrected in the meantime.
            InvalidError: a text names a person by number.

        """
        exchange, row = self._theirs(session, exchange_id, entry.package)
        if ledger.word_of(session, row.digest, self.us).read_at is None:
            raise IllegalMoveError("Read the package before you feed back.", "请先阅读该材料，再作反馈。")
        refuse_in_text(texts_in(entry.model_dump(mode="json", include={"remarks", "correction_wanted"})))
        body = ExchangeFeedbackV1.model_validate(entry.model_dump(exclude_none=True))
        self._say(session, exchange, body, _signed(by), by, now)
        return exchange

    def sign_off(self, session: Session, exchange_id: str, digest: str, *, by: Principal, now: datetime) -> Exchange:
        """Sign the exchange as it stands: all packages are in, and we have read the others' and fed back.

        Raises:
            NotFoundError: there is no such exchange.
            IllegalMoveError: a package is missing, or one is not read or not fed back, or we signed it before.
            ConflictError: a package was corrected in the meantime: this digest is not what stands.

        """
        exchange = ledger.find(session, exchange_id, lock=True)
        current = ledger.standing(session, exchange.id)
        signing = ledger.signing_of(session, current, exchange)
        if signing is None:
            raise IllegalMoveError("A party has not sent its package yet.", "尚有单位未提交季度材料，不能确认。")
        if signing.digest != digest:
            raise ConflictError(
                "A package was corrected since you read it: read the exchange again.",
                "材料已有更正，请重新阅读后再确认。",
                pointer="/digest",
            )
        if self.us in signing.signatures:
            raise IllegalMoveError("We have signed this off already.", "我局已经确认。")
        if rules.unanswered(current, self.us):
            raise IllegalMoveError(
                "Read the others' packages and feed back first.", "请先阅读各方材料并作出反馈，再行确认。"
            )
        body = ExchangeSignedOffV1.over(package.digest for package in current)
        self._say(session, exchange, body, _signed(by), by, now)
        return exchange

    # What the rest of the node asks ---------------------------------------------------------------------------

    def watch(self, session: Session, now: datetime) -> int:
        """Draw up what is due; return how many packages were. Safe to call as often as one likes."""
        return self.compiling.open_due(session, now)

    def evidence_of(self, session: Session, obligation: Obligation) -> Evidence:
        """Return what signed packages say of one obligation of exchanging."""
        return ledger.evidence_of(session, obligation)

    def is_under_way(self, session: Session, thread: str, now: datetime) -> bool:
        """Tell whether this thread is an exchange not all have signed off."""
        del now
        state = session.scalar(select(Exchange.state).where(Exchange.id == thread))
        return state is not None and state != rules.State.SIGNED_OFF

    def due(self, session: Session, exchange: Exchange) -> Due:
        """Return when an exchange is due, as far as an agreement in force says."""
        obligation = self.compiling.named(session, exchange.obligation)
        if obligation is None or obligation.parties != {*exchange.parties}:
            return Due()
        return Due(obligation.due_at, obligation.convener)

    def draft(self, session: Session, exchange_id: str, *, lock: bool = False) -> PackageDraft:
        """Return our package as far as it is written; with its exchange locked where it is to be changed.

        Raises:
            NotFoundError: there is no such exchange, or nothing is being written in it.

        """
        exchange = ledger.find(session, exchange_id, lock=lock)
        draft = session.get(PackageDraft, exchange.id, populate_existing=lock)
        if draft is None:
            raise NotFoundError("No package is being written here.", "没有正在编辑的材料。")
        return draft

    # Within ---------------------------------------------------------------------------------------------------

    def _theirs(self, session: Session, exchange_id: str, package: str) -> tuple[Exchange, Package]:
        exchange = ledger.find(session, exchange_id, lock=True)
        row = session.get(Package, package)
        if row is None or row.exchange_id != exchange.id:
            raise NotFoundError
        if row.author == self.us:
            raise IllegalMoveError("This is our own package.", "这是我局提交的材料。")
        if not row.is_current:
            raise ConflictError("This package was corrected: read the new one.", "该材料已被更正，请阅读更正后的材料。")
        return exchange, row

    def _say(
        self,
        session: Session,
        exchange: Exchange,
        body: Frozen,
        private: SignedPrivateV1,
        by: Principal,
        now: datetime,
    ) -> Stored:
        others = {*exchange.parties} - {self.us}
        told = self.voice.say(
            session, body, to=others, purpose=PURPOSE, now=now, thread=exchange.id, by=by, private=private
        )
        self.arrivals.apply(session, told, now)
        return told

    def _mark(self, draft: PackageDraft, by: Principal, now: datetime) -> None:
        draft.edited_by, draft.edited_by_name, draft.edited_at = by.id, by.name.strip() or by.username, now


def _nil(content: PackageV1) -> PackageV1:
    """Return the nil package.

    Raises:
        InvalidError: something was counted in the period, listed or said.

    """
    if any(statistic.now for statistic in content.statistics) or content.highlights:
        raise InvalidError(
            "There is something to report: figures were counted or something was written.",
            "本期有数据或文字内容，不能作为“无情况”提交。",
            pointer="/nothing_to_report",
        )
    return content.model_copy(update={"nothing_to_report": True, "bulletins": (), "open_requests": ()})


def _officer(by: Principal) -> Officer:
    return Officer(name=by.name.strip() or by.username)


def _signed(by: Principal) -> SignedPrivateV1:
    return SignedPrivateV1(by=_officer(by))
