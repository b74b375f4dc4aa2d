"""Attachments as the other rooms use them: bringing files in, naming them in statements, and showing them.

Who may read or write a blob follows from links alone: which statement that still stands names it, and
between which bureaus. A recall or an erasure takes the link's right away, and with the last right the file.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pydantic import ValidationError
from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from ecolink.attachments import links
from ecolink.attachments.models import AttachmentLink
from ecolink.attachments.names import clean_media_type, shown_name
from ecolink.attachments.shelf import Shelf
from ecolink.attachments.store import Staged
from ecolink.errors import InvalidError, NotFoundError
from ecolink.federation import threads
from ecolink.federation.handling import Handlers, Reject
from ecolink.federation.models import StatementRow
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.attachments import AttachmentsCompleteV1
from ecolink.protocol.statement import AttachmentRef, Statement
from ecolink.storage.engine import after_commit

COMPLETE = "attachments.complete.v1"


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """An attachment of a thread as people see it; `name` is fit to be shown."""

    digest: str
    name: str
    size: int
    media_type: str
    author: str
    statement: str
    """The jti of the statement that names it."""
    peer: str
    direction: str
    """`in` or `out`."""
    held: bool
    """Whether the whole file is here."""
    confirmed_at: datetime | None
    """When its recipient said, signed, that all of the statement's are complete there; UTC."""


@dataclass(frozen=True, repr=False)
class Attachments:
    """The node's attachments."""

    us: str
    shelf: Shelf

    def keep(
        self, session: Session, staged: Staged, *, name: str, media_type: str, by: str, now: datetime
    ) -> AttachmentRef:
        """Keep an upload that was sealed on the disk, and return what a statement will say of it.

        Raises:
            InvalidError: the file is empty.
            UnavailableError: there is no room.

        """
        if staged.size == 0:
            raise InvalidError("The file is empty.", "文件为空。")
        ref = AttachmentRef(staged.digest, staged.size, shown_name(name), clean_media_type(media_type))
        self.shelf.refuse_overflow(session, ref.size)
        self.shelf.put(session, staged.path, ref, by=by, now=now)
        return ref

    def refer(self, session: Session, digest: str, name: str | None = None) -> AttachmentRef:
        """Return what a statement says of a file that is here, under the name it came with or another one.

        Raises:
            InvalidError: it is not here; upload it first.

        """
        try:
            ref = self.shelf.find(session, digest)
        except NotFoundError:
            raise _not_here(digest) from None
        return ref if name is None else AttachmentRef(ref.digest, ref.size, shown_name(name), ref.media_type)

    def link(self, session: Session, stored: Stored, now: datetime) -> None:
        """Take note of what a statement names or recalls; to be called once for every statement, ours and peers'.

        Raises:
            InvalidError: a statement of ours names a file that is not here.

        """
        missing = self._missing(session, stored)
        if stored.direction == "out" and missing:
            raise _not_here(missing[0].digest)
        self._link(session, stored, missing, now)

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Do the same for a statement of ours that a peer gave back; what is not here any more is fetched from there.

        Each of its recipients is asked, until one has given it.
        """
        self._link(session, stored, self._missing(session, stored), now)

    def _missing(self, session: Session, stored: Stored) -> list[AttachmentRef]:
        refs = {ref.digest: ref for ref in stored.statement.attachments}
        held = self.shelf.held(session, list(refs))
        return [ref for digest, ref in refs.items() if digest not in held]

    def _link(self, session: Session, stored: Stored, missing: Sequence[AttachmentRef], now: datetime) -> None:
        statement = stored.statement
        ended: set[tuple[str, str]] = set()
        for ident in _ended_by(session, statement):
            ended |= links.recall(session, statement.iss, ident, now)
        refs = list({ref.digest: ref for ref in statement.attachments}.values())
        if refs:
            self._name(session, stored, refs, missing, now)
        if ended:  # only now, for a file may be named anew
            self._release(session, ended, now)

    def _name(
        self,
        session: Session,
        stored: Stored,
        refs: Sequence[AttachmentRef],
        missing: Sequence[AttachmentRef],
        now: datetime,
    ) -> None:
        statement, is_ours = stored.statement, stored.direction == "out"
        largest = self.shelf.store.max_bytes
        for peer in statement.aud if is_ours else (statement.iss,):
            if links.add(session, stored, refs, peer, now):
                links.expect(session, missing, peer, "in", max_bytes=largest, now=now)
                if is_ours:
                    links.expect(session, refs, peer, "out", max_bytes=largest, now=now)

    def owed(self, session: Session, peer: str) -> list[AttachmentRef]:
        """Return the files that our statements to `peer` name and that it has not confirmed; a bundle carries them."""
        unconfirmed = session.scalars(
            select(AttachmentLink)
            .where(
                AttachmentLink.peer == peer,
                AttachmentLink.direction == "out",
                AttachmentLink.confirmed_at.is_(None),
                AttachmentLink.withdrawn_at.is_(None),
            )
            .order_by(AttachmentLink.n)
        )
        refs = {link.digest: AttachmentRef(link.digest, link.size, link.name, link.media_type) for link in unconfirmed}
        held = self.shelf.held(session, list(refs))
        return [ref for digest, ref in refs.items() if digest in held]

    def of_thread(self, session: Session, thread: str) -> list[AttachmentView]:
        """Return the attachments of a thread's standing statements, in the order they came in."""
        links = session.scalars(
            select(AttachmentLink)
            .where(AttachmentLink.thread == thread, AttachmentLink.withdrawn_at.is_(None))
            .order_by(AttachmentLink.n)
        ).all()
        held = self.shelf.held(session, [link.digest for link in links])
        return [
            AttachmentView(
                digest=link.digest,
                name=link.name,
                size=link.size,
                media_type=link.media_type,
                author=link.iss,
                statement=link.jti,
                peer=link.peer,
                direction=link.direction,
                held=link.digest in held,
                confirmed_at=link.confirmed_at,
            )
            for link in links
        ]

    def erase(self, session: Session, thread: str, now: datetime) -> None:
        """Drop the files of a thread's erased statements, our own uploads too, unless another statement names them."""
        erased = select(StatementRow.digest).where(StatementRow.thread == thread, StatementRow.erased_at.is_not(None))
        concerned = and_(AttachmentLink.thread == thread, AttachmentLink.statement.in_(erased))
        ended = links.withdraw(session, concerned, now)
        self.shelf.forget_upload(session, [digest for digest, _ in ended])
        self._release(session, ended, now)

    def handlers(self) -> Handlers:
        """Return what applies a peer's word that it holds everything."""
        return {COMPLETE: self._note_complete}

    def _note_complete(self, session: Session, stored: Stored, now: datetime) -> None:  # noqa: ARG002 - a handler's
        statement = stored.statement
        try:
            said = AttachmentsCompleteV1.model_validate(statement.body)
        except ValidationError as wrong:
            raise Reject("invalid-body", f"{wrong.error_count()} members of the body are wrong") from wrong
        confirmed = session.scalars(
            update(AttachmentLink)
            .where(
                AttachmentLink.statement == said.statement,
                AttachmentLink.peer == statement.iss,
                AttachmentLink.direction == "out",
            )
            .values(confirmed_at=stored.received_at)
            .returning(AttachmentLink.digest)
            .execution_options(synchronize_session=False)
        ).all()
        if not confirmed:
            raise Reject("unknown-statement", "we sent you no statement with attachments that has this digest")
        links.complete(session, confirmed, statement.iss, "out", stored.received_at)

    def _release(self, session: Session, ended: AbstractSet[tuple[str, str]], now: datetime) -> None:
        """Drop the files whose last right ended, the unfinished ones too."""
        self.shelf.release(session, [digest for digest, _ in ended], now)
        for digest, peer in ended:
            after_commit(session, partial(self.shelf.store.remove_part, digest, peer))


def _ended_by(session: Session, statement: Statement) -> set[str]:
    """Return the statements whose files nobody may read any more now that this one is here.

    What it takes back, with all that replaced that since; and what it replaces.
    """
    if statement.recalls is None and statement.supersedes is None:
        return set()
    said = [each.statement for each in threads.load(session, statement.thread)]
    ended = {ident for ident in (statement.recalls, statement.supersedes) if ident is not None}
    if statement.recalls is not None:
        for each in said:  # in the order in which they came
            if each.iss == statement.iss and each.supersedes in ended:
                ended.add(each.jti)
    return ended


def _not_here(digest: str) -> InvalidError:
    return InvalidError(
        f"The attachment {digest} is not on this node; upload it first.",
        f"本节点没有附件 {digest}，请先上传。",
        pointer="/attachments",
    )
