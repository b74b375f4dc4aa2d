"""What must hold after a soak, whatever went wrong in it. Each violation names what it is about."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ecolink.attachments.models import AttachmentLink, Blob, Transfer
from ecolink.federation.models import Alarm, Equivocation, InEntry, OutChannel, OutEntry, StatementRow
from ecolink.protocol.jws import digest_of
from tests.soak.books import Books, Held
from tests.soak.desk import Accepted, Ledger
from tests.soak.violations import Violation
from tests.soak.witnesses import logs_hold

BY_THE_NODE = frozenset({"bulletin.complied.v1", "attachments.complete.v1"})
"""Statements no person makes: they are in nobody's ledger."""


Holdings = Mapping[str, Sequence[Held]]
"""Every node's statements."""


def check(ledger: Ledger, books: Mapping[str, Books]) -> list[Violation]:
    """Return everything that does not hold; no node may be running."""
    holdings: dict[str, list[Held]] = {}
    found: list[Violation] = []
    for code, each in books.items():
        with each.read() as session:
            holdings[code] = each.statements(session)
            found += [*_alone(each, session)]
    found += [*accepted_exist(ledger.accepted, holdings), *arrived_once(holdings), *logs_hold(books)]
    return found


def is_quiet(books: Books) -> bool:
    """Tell whether a node has nothing left to do."""
    with books.read() as session:
        return not any(True for _ in _unfinished(books, session))


def accepted_exist(accepted: Iterable[Accepted], holdings: Holdings) -> Iterator[Violation]:
    """Hold each author to what it accepted: every statement is there, and none that nobody asked for."""
    wanted = Counter((entry.author, entry.thread, entry.type, tuple(sorted(entry.recipients))) for entry in accepted)
    there = Counter(
        (code, held.thread, held.type, tuple(sorted(held.aud)))
        for code, statements in holdings.items()
        for held in statements
        if held.direction == "out" and held.type not in BY_THE_NODE
    )
    for (author, thread, kind, to), count in (wanted - there).items():
        yield Violation("accepted-but-missing", author, f"{count} × {kind} to {', '.join(to)} in {thread}")
    for (author, thread, kind, to), count in (there - wanted).items():
        yield Violation("never-asked-for", author, f"{count} × {kind} to {', '.join(to)} in {thread}")


def arrived_once(holdings: Holdings) -> Iterator[Violation]:
    """Hold every recipient to each statement: there, once, the same bytes, applied; and nothing else."""
    sent = {
        (recipient, held.iss, held.jti): held
        for statements in holdings.values()
        for held in statements
        if held.direction == "out"
        for recipient in held.aud
    }
    arrived: dict[tuple[str, str, str], list[Held]] = defaultdict(list)
    for code, statements in holdings.items():
        for held in statements:
            if held.direction == "in":
                arrived[code, held.iss, held.jti].append(held)
    for (recipient, *_), held in ((place, held) for place, held in sent.items() if place not in arrived):
        yield Violation("not-at-recipient", recipient, held.name)
    for place, copies in arrived.items():
        yield from _is_as_sent(place[0], copies, sent.get(place))


def _is_as_sent(recipient: str, copies: Sequence[Held], original: Held | None) -> Iterator[Violation]:
    if original is None:
        yield Violation("from-nowhere", recipient, copies[0].name)
    elif copies[0].digest != original.digest:
        yield Violation("history-differs", recipient, f"{original.name}: {original.digest}, {copies[0].digest}")
    if len(copies) > 1:
        yield Violation("held-twice", recipient, copies[0].name)
    for copy in copies:
        if copy.state != "applied":
            yield Violation("not-applied", recipient, f"{copy.name}: {copy.state}, {copy.state_reason}")


def _alone(books: Books, session: Session) -> Iterator[Violation]:
    """Check what one node can be held to by itself."""
    for rule in (_unfinished, _refused, _altered, _alarmed, _stray_files, _unsound):
        yield from rule(books, session)


def _unfinished(books: Books, session: Session) -> Iterator[Violation]:
    """Find what still waits: to be sent, applied, fetched, confirmed; and leases nobody gave back."""
    us = books.unit_code
    for channel in session.scalars(select(OutChannel)):
        name = f"{channel.lane} to {channel.recipient}"
        if channel.last_seq > channel.receipted_seq and not channel.closed:
            count = channel.last_seq - channel.receipted_seq
            yield Violation("queue-not-empty", us, f"{count} in {name}: {channel.last_error}")
        if channel.leased_until is not None:
            yield Violation("lease-stuck", us, f"{name} until {channel.leased_until}")
    pending = select(StatementRow.jti, StatementRow.type, StatementRow.apply_after).where(
        StatementRow.state == "pending"
    )
    for row in session.execute(pending):
        yield Violation("not-yet-applied", us, f"{row.type} {row.jti}, after {row.apply_after}")
    for transfer in session.scalars(select(Transfer).where(Transfer.state != "complete")):
        yield Violation(
            "transfer-open", us, f"{transfer.digest} {transfer.direction} {transfer.peer}: {transfer.last_error}"
        )
    unconfirmed = select(AttachmentLink).where(
        AttachmentLink.confirmed_at.is_(None), AttachmentLink.withdrawn_at.is_(None)
    )
    for link in session.scalars(unconfirmed):
        yield Violation("attachment-unconfirmed", us, f"{link.digest} of {link.statement} {link.direction} {link.peer}")


def _refused(books: Books, session: Session) -> Iterator[Violation]:
    """Find what was set aside, rejected or refused: there is no reason for any of it."""
    us = books.unit_code
    for entry in session.scalars(select(OutEntry).where(OutEntry.verdict.is_distinct_from("stored"))):
        # A duplicate is what a statement becomes whose first receipt was lost with its epoch; there are no restores here.
        yield Violation("receipt-not-stored", us, f"{entry.digest}: {entry.verdict} {entry.reason}")
    for come in session.scalars(select(InEntry)):
        yield Violation("entry-not-stored", us, f"{come.digest}: {come.verdict} {come.reason}")
    for twin in session.scalars(select(Equivocation)):
        yield Violation("equivocation", us, f"{twin.jti} of {twin.iss}: {twin.held_digest}, {twin.digest}")


def _altered(books: Books, session: Session) -> Iterator[Violation]:
    """Hash every statement's bytes anew."""
    kept = select(StatementRow.jti, StatementRow.digest, StatementRow.token).execution_options(yield_per=1_000)
    for row in session.execute(kept):
        if digest_of(row.token) != row.digest:
            yield Violation(
                "bytes-altered", books.unit_code, f"statement {row.jti}: its bytes are not those of {row.digest}"
            )


def _alarmed(books: Books, session: Session) -> Iterator[Violation]:
    for alarm in session.scalars(select(Alarm)):
        yield Violation("alarm", books.unit_code, f"{alarm.kind} {alarm.subject} at {alarm.at}")


def _stray_files(books: Books, session: Session) -> Iterator[Violation]:
    """Compare the attachments on the disk with their rows, and with their names."""
    us = books.unit_code
    rows = set(session.scalars(select(Blob.digest)))
    files = {digest for digest, _ in books.blobs.names()}
    for digest in files - rows:
        yield Violation("file-without-row", us, digest)
    for digest in rows - files:
        yield Violation("row-without-file", us, digest)
    for digest in rows & files:
        with books.blobs.open(digest) as file:
            if sha256(file.read()).hexdigest() != digest:
                yield Violation("file-altered", us, digest)


def _unsound(books: Books, session: Session) -> Iterator[Violation]:
    """Ask SQLite whether its file is sound. PostgreSQL looks after its own."""
    if not books.database.is_sqlite:
        return
    for check in ("integrity_check", "foreign_key_check"):
        for said, *_ in session.execute(text(f"PRAGMA {check}")):
            if said != "ok":
                yield Violation("database-broken", books.unit_code, f"{check}: {said}")
