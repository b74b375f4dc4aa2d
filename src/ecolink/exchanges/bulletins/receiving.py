"""Applying what peers say about bulletins: read the thread again, judge, write, and do what is owed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.exchanges.bulletins.duties import Duties
from ecolink.exchanges.bulletins.record import Dossier, Record
from ecolink.exchanges.bulletins.rules import sharing
from ecolink.exchanges.bulletins.rules.fold import author_of
from ecolink.exchanges.bulletins.rules.matter import Move, Step
from ecolink.exchanges.bulletins.rules.tables import BY_AUTHOR, Act, Verdict
from ecolink.exchanges.bulletins.traces import Traces
from ecolink.federation.handling import Handlers, Park, Reject
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.bulletins import KINDS, BulletinContent, BulletinReadV1

EXPLANATIONS = {
    "after-recall": "the bulletin was recalled, as its author knew",
    "approver-missing": "it names no approver",
    "decided-already": "this request was decided before",
    "not-the-standing-version": "it corrects a version that its author knew to be replaced",
    "published-already": "the bulletin was published before",
    "unknown-version": "it speaks of a version that was never told",
    "wrong-target": "what it names cannot be recalled or complied with here",
}


@dataclass(frozen=True, repr=False)
class Receiving:
    """The bureau `us` taking in what others say."""

    us: str
    record: Record
    duties: Duties
    traces: Traces

    def handlers(self) -> Handlers:
        """Return one handler for every type of statement about bulletins."""
        return {kind.type: self.apply for kind in KINDS}

    def apply(self, session: Session, stored: Stored, now: datetime) -> None:
        """Apply one statement of a peer.

        Raises:
            Park: what it builds on is not here yet.
            Reject: it is not a legal move.

        """
        move = self.record.reader.move(session, stored)
        if move is None or move.fault is not None:
            raise Reject("invalid-body", (move.fault if move else None) or "no statement about a bulletin")
        author = author_of(move)
        self._refuse_stranger(session, move, author, stored)
        dossier = self.record.receive(session, stored, move, author)
        if dossier is None:
            raise Reject("unknown-version", EXPLANATIONS["unknown-version"])

        _refuse_unless_applied(dossier, dossier.matter.step(move.digest))
        self.record.write(session, dossier, now)
        self._note_reading(dossier)
        self._note(session, dossier, move, now)
        self.duties.fulfil(session, dossier, now)

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Write the row anew for a statement of ours that a restore had forgotten; a draft it was is told now."""
        move = self.record.reader.move(session, stored)
        if move is None or move.act is Act.REJECTED:
            return
        author = author_of(move)
        dossier = self.record.take_back(session, stored, move, author, begins=move.act is Act.PUBLISHED)
        if dossier is None:
            return  # what it answers comes by itself, and brings the row
        draft = dossier.draft
        if move.act in {Act.PUBLISHED, Act.RECALLED} or (
            draft is not None and move.act is Act.CORRECTED and draft.drafted_at <= move.at
        ):
            self.record.drop_draft(session, dossier)
        body = move.body
        if isinstance(body, BulletinContent) and author == self.us:
            members = body.alliance.members if body.alliance else ()
            dossier.row.left_out = sorted(set(members) - {self.us, *move.aud})
        self.record.write(session, dossier, now)
        self._note_reading(dossier)

    def renew_thread(self, session: Session, thread: str, now: datetime) -> None:
        """Write the rows of a thread anew."""
        for row in self.record.of_thread(session, thread):
            self.record.renew(session, row, now)

    def _refuse_stranger(self, session: Session, move: Move, author: str, stored: Stored) -> None:
        """Refuse what only an author says from a bureau that published nothing in a thread where another did."""
        if move.act not in BY_AUTHOR or move.act is Act.PUBLISHED:
            return
        authors = {row.author for row in self.record.of_thread(session, stored.statement.thread)}
        if authors and author not in authors:
            raise Reject("not-the-author", "only the author of a bulletin corrects it, recalls it or allows sharing")

    def _note_reading(self, dossier: Dossier) -> None:
        """Remember that a person here opened it when our own word to its author says so."""
        holder = dossier.matter.holders.get(self.us)
        body = holder.read.body if holder and holder.read else None
        if isinstance(body, BulletinReadV1) and dossier.row.opened_at is None:
            dossier.row.opened_at = body.opened_at

    def _note(self, session: Session, dossier: Dossier, move: Move, now: datetime) -> None:
        """Leave a mark when personal data came in."""
        version = move.original or move
        if version.content is None or version.iss == self.us:
            return
        private = dossier.thread.private(version.digest)
        if private.persons or private.items:
            self.traces.leave(
                session,
                dossier.row,
                "received",
                by=move.iss,
                now=now,
                case_number=version.content.case_number,
                private=private,
            )


def _refuse_unless_applied(dossier: Dossier, step: Step | None) -> None:
    if step is None or (dossier.matter.state is None and step.verdict is not Verdict.ILLEGAL):
        raise Park("something it builds on is not here yet")
    if step.verdict is Verdict.ILLEGAL:
        told = sharing.REASONS.get(step.why)
        raise Reject(step.why, told[0] if told else EXPLANATIONS.get(step.why, step.why))
