"""The access log: who looked at, changed, told or erased what, when, why and to whom.

Entries are only ever added. Each one's digest covers the digest before it, and every digest goes into
the evidence log as well, whose checkpoints other bureaus keep: an entry that is changed, taken out or
put in between breaks the chain, and a chain computed anew no longer agrees with the evidence log.

The law asks for network logs of six months at least (Cybersecurity Law, art. 23 no. 3 since 2026, art. 21 before) and
for records of passing on personal data of three years (Personal Information Protection Law, art. 55, 56). This node
never deletes from it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import RowMapping, Select, event, insert, select, update
from sqlalchemy.orm import Session, SessionTransaction

from ecolink.audit.access_models import AccessAction, AccessHead, AccessRow
from ecolink.audit.models import LogLeaf
from ecolink.audit.savepoints import is_undone
from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.times import to_text
from ecolink.protocol.leaves import LeafKind
from ecolink.storage.engine import after_commit
from ecolink.storage.upsert import insert_new

GENESIS = "0" * 64
"""What the first entry names as the digest before it."""

AppendLeaf = Callable[[Session, str, str, str], None]
"""The evidence log's `append(session, kind, digest, ref)`."""

_PENDING = "ecolink.access_entries"
_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEntry:
    """What is to be remembered.

    `actor` is a username, or the unit code of a peer. `details` say which members were touched; like
    `reason` they must not repeat personal data, for what stands here is never erased. Texts longer than
    their column are cut.
    """

    at: datetime
    actor: str
    role: str
    action: AccessAction
    object_type: str
    object_id: str
    case_number: str | None = None
    recipient: str | None = None
    reason: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def administered(cls, what: str, object_id: str, *, by: str, role: str, at: datetime, reason: str) -> Self:
        """Return the entry of an act of administration: `what` is `peer-activate`, `user-reset` and the like."""
        return cls(
            at=at,
            actor=by,
            role=role,
            action=AccessAction.ADMINISTER,
            object_type=what.partition("-")[0],
            object_id=object_id,
            reason=reason or None,
            details={"what": what},
        )


@dataclass(frozen=True, slots=True)
class AccessFault:
    """The first entry that does not hold, and what is wrong with it."""

    n: int
    detail_en: str
    detail_zh: str


@dataclass(frozen=True, slots=True)
class AccessVerdict:
    """How many entries hold, from the first one on, and the first fault if there is one."""

    entries: int
    head: str
    fault: AccessFault | None


class _Remembered(NamedTuple):
    entry: AccessEntry
    within: SessionTransaction | None
    """The savepoint it was recorded in: rolled back, it takes the entry with it."""


@dataclass(frozen=True, repr=False)
class AccessLog:
    """The node's access log. `flush` must be hooked before every commit, ahead of the evidence log's own."""

    append_leaf: AppendLeaf

    def record(self, session: Session, entry: AccessEntry) -> None:
        """Remember `entry`; it is written, or the transaction it belongs to is not."""
        if _PENDING not in session.info:
            session.info[_PENDING] = []
            after_commit(session, lambda: _insist_on_none_left(session))
        session.info[_PENDING].append(_Remembered(entry, session.get_nested_transaction()))

    def flush(self, session: Session) -> None:
        """Write what was recorded in this transaction.

        The chain's head is locked here, last, so that two writers never wait for each other's other rows.
        """
        pending: list[_Remembered] = session.info.get(_PENDING, [])
        if not pending:
            return
        n, digest = _lock_head(session)

        rows = []
        for remembered in pending:
            n += 1
            row = {**_columns(remembered.entry), "n": n, "prev": digest}
            digest = row["digest"] = _digest(row)
            rows.append(row)

        connection = session.connection()
        connection.execute(insert(AccessRow), rows)
        connection.execute(update(AccessHead).values(n=n, digest=digest))
        for row in rows:
            self.append_leaf(session, LeafKind.ACCESS, row["digest"], str(row["n"]))
        pending.clear()

    def search(
        self,
        *,
        actor: str | None = None,
        case_number: str | None = None,
        object_type: str | None = None,
        object_id: str | None = None,
        action: AccessAction | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Select[AccessRow]:
        """Select the entries that agree with everything given; `since` is included, `until` is not."""
        wanted = {"actor": actor, "case_number": case_number, "object_type": object_type, "object_id": object_id}
        found = select(AccessRow).filter_by(**{name: value for name, value in wanted.items() if value is not None})
        if action is not None:
            found = found.where(AccessRow.action == action.value)
        if since is not None:
            found = found.where(AccessRow.at >= since)
        if until is not None:
            found = found.where(AccessRow.at < until)
        return found

    def verify(self, session: Session) -> AccessVerdict:
        """Recompute the chain from its first entry to its head and name the first entry that does not hold.

        Each is also compared with its leaf in the evidence log; that those leaves are the ones once shown to
        other bureaus is for the checkpoints to tell.
        """
        held, digest = 0, GENESIS
        while True:
            before = held
            for row, in_evidence in _rows_after(session, held):
                fault = _fault_of(row, held + 1, digest, in_evidence=in_evidence)
                if fault is not None:
                    return AccessVerdict(held, digest, fault)
                held, digest = row["n"], row["digest"]

            head = session.execute(select(AccessHead.n, AccessHead.digest)).one_or_none() or (0, GENESIS)
            if tuple(head) == (held, digest):
                return AccessVerdict(held, digest, None)
            if held == before:  # else entries were added while we read: go on from here
                return AccessVerdict(held, digest, _cut_off(held + 1))


def _columns(entry: AccessEntry) -> dict[str, Any]:
    return {
        # The digest covers milliseconds; finer digits would be open to change.
        "at": entry.at.replace(microsecond=entry.at.microsecond // 1000 * 1000),
        "actor": _clean(entry.actor, 100),
        "role": _clean(entry.role, 32),
        "action": entry.action.value,
        "object_type": _clean(entry.object_type, 32),
        "object_id": _clean(entry.object_id, 64),
        "case_number": _clean(entry.case_number, 64),
        "recipient": _clean(entry.recipient, 12),
        "reason": _clean(entry.reason, 500),
        "details": {_clean(name, 64): _clean(text, 500) for name, text in entry.details.items()},
    }


def _clean(text: str | None, length: int) -> str | None:
    """Cut to `length`, without what PostgreSQL cannot keep: an entry is never lost for its spelling."""
    if text is None:
        return None
    return text[:length].replace("\0", "\ufffd").encode(errors="replace").decode()


def _digest(row: RowMapping | dict[str, Any]) -> str:
    covered = {name: value for name, value in row.items() if name != "digest"}
    return sha256_hex(dumps({**covered, "at": to_text(row["at"])}))


def _lock_head(session: Session) -> tuple[int, str]:
    locked = select(AccessHead.n, AccessHead.digest).with_for_update()
    head = session.execute(locked).one_or_none()
    if head is None:
        insert_new(session, AccessHead, [{"id": 1, "n": 0, "digest": GENESIS}])
        head = session.execute(locked).one()
    return head.n, head.digest


def _rows_after(session: Session, n: int) -> Iterator[tuple[RowMapping, bool]]:
    """Yield each entry after `n`, in order, and whether the evidence log holds its digest."""
    columns = AccessRow.__table__.columns
    while page := session.execute(
        select(*columns).where(columns.n > n).order_by(columns.n).limit(_PAGE)
    ).mappings().all():  # fmt: skip
        leaves = select(LogLeaf.ref, LogLeaf.digest).where(
            LogLeaf.kind == LeafKind.ACCESS, LogLeaf.ref.in_([str(row["n"]) for row in page])
        )
        held = {tuple(leaf) for leaf in session.execute(leaves)}
        yield from ((row, (str(row["n"]), row["digest"]) in held) for row in page)
        n = page[-1]["n"]


def _fault_of(row: RowMapping, expected: int, digest_before: str, *, in_evidence: bool) -> AccessFault | None:
    if row["n"] != expected:
        return AccessFault(expected, f"Entry {expected} is missing.", f"缺少第 {expected} 条记录。")
    if row["prev"] != digest_before:
        return AccessFault(
            expected,
            f"Entry {expected} does not follow from the entry before it.",
            f"第 {expected} 条记录与前一条不衔接。",
        )
    if row["digest"] != _digest(row):
        return AccessFault(expected, f"Entry {expected} was changed.", f"第 {expected} 条记录被改动过。")
    if not in_evidence:
        return AccessFault(
            expected,
            f"Entry {expected} is not the one in the evidence log.",
            f"第 {expected} 条记录与证据日志不符。",
        )
    return None


def _cut_off(missing: int) -> AccessFault:
    return AccessFault(
        missing,
        f"The log was cut off before entry {missing}, or its head was changed.",
        f"日志自第 {missing} 条起被截断，或链头被改动。",
    )


def _insist_on_none_left(session: Session) -> None:
    if session.info[_PENDING]:
        msg = "entries of the access log were not written: hook AccessLog.flush with Database.before_commit"
        raise RuntimeError(msg)


@event.listens_for(Session, "after_soft_rollback")
def _forget_what_was_rolled_back(session: Session, rolled_back: SessionTransaction) -> None:
    pending: list[_Remembered] = session.info.get(_PENDING, [])
    pending[:] = [remembered for remembered in pending if not is_undone(remembered.within, rolled_back)]
