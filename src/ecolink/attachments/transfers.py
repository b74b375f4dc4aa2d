"""The worker's part: fetch what peers' statements name, and offer ours to peers that cannot reach us.

One transfer a step, one part a call, no transaction open across a call. Whoever takes a transfer up moves its
next try on by a lease, so that workers do not do the same twice; were they to, nothing would break. A process has one
transfer with a peer at a time, and a peer that is silent is tried once for all that waits for it: the files of
others wait for neither.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from threading import Lock

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from ecolink.attachments import links
from ecolink.attachments.arrivals import Arrivals, Expected
from ecolink.attachments.exchange import MAX_PART, RESUME
from ecolink.attachments.models import Transfer
from ecolink.attachments.ranges import Part, sent_part, wanted_part
from ecolink.egress import Unreachable
from ecolink.errors import UnavailableError
from ecolink.federation.backoff import pause
from ecolink.federation.client import PeerClient, reason_of
from ecolink.federation.models import PeerRow
from ecolink.federation.operations import READ_BLOB, WRITE_BLOB, Answer
from ecolink.federation.peers import PeerState
from ecolink.protocol.statement import Lane
from ecolink.storage.engine import Database

LEASE = timedelta(minutes=2)
"""Longer than the calls of one step usually take; a part that comes later than that does no harm."""

PARTS_A_STEP = 8
"""Parts moved before another transfer gets its turn."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A transfer this worker has taken up."""

    digest: str
    peer: str
    url: str
    direction: str
    size: int
    attempts: int
    others_wait: bool
    """Whether there is something to move between us and another peer."""


class Failed(Exception):
    """The try brought nothing; the text says why, for the operator."""


@dataclass(frozen=True, repr=False)
class Transfers:
    """Moves blobs; any number of workers may do so at once."""

    database: Database
    arrivals: Arrivals
    client: PeerClient
    random: Random
    _busy: set[str] = field(default_factory=set)
    """Peers with which this process is moving something."""
    _taking: Lock = field(default_factory=Lock)

    def due(self) -> datetime | None:
        """Return when the next transfer is to be taken up, or was; None when none waits."""
        with self.database.read() as session:
            return session.scalar(_waiting(self._busy).with_only_columns(func.min(Transfer.next_try_at)))

    def take(self, now: datetime) -> Taken | None:
        """Take up the transfer that has waited longest, of a peer with which nothing is moving; `carry` must follow."""
        with self._taking:
            due = _due(now, self._busy)
            with self.database.read() as session:
                if session.execute(due).first() is None:
                    return None
            with self.database.begin() as session:
                found = session.execute(due.with_for_update(of=Transfer, skip_locked=True)).first()
                if found is None:
                    return None
                row, url = found
                row.next_try_at = now + LEASE
                others_wait = session.execute(_due(now, {*self._busy, row.peer})).first() is not None
                taken = Taken(row.digest, row.peer, url, row.direction, row.size, row.attempts, others_wait)
            self._busy.add(taken.peer)
            return taken

    def carry(self, taken: Taken, clock: Callable[[], datetime]) -> None:
        """Move what was taken up a few parts on."""
        move = self._fetch if taken.direction == "in" else self._offer
        try:
            moved = move(taken, clock)
        except Unreachable as silence:
            self._put_off(taken, str(silence), clock(), is_silent=True)
        except (Failed, UnavailableError) as fault:
            self._put_off(taken, str(fault), clock())
        else:
            self._go_on(taken, clock(), is_whole=moved)
        finally:
            self._busy.discard(taken.peer)

    # Fetching -------------------------------------------------------------------------------------------

    def _fetch(self, taken: Taken, clock: Callable[[], datetime]) -> bool:
        with self.database.read() as session:
            blob = self.arrivals.expected(session, taken.digest, taken.peer)
        if blob is None:
            msg = "no statement names it any more"
            raise Failed(msg)
        for _ in range(PARTS_A_STEP):
            if blob.held < blob.size:
                blob = self.arrivals.take(blob, blob.held, self._ask(taken, blob, clock()), clock())
            elif not blob.shelved:
                blob = self.arrivals.take(blob, blob.held, b"", clock())
            if blob.shelved:
                return True
            if blob.held == 0:
                msg = "what came is not what the digest names; discarded"
                raise Failed(msg)
        return False

    def _ask(self, taken: Taken, blob: Expected, now: datetime) -> bytes:
        wanted = Part(blob.held, min(blob.held + MAX_PART, blob.size) - 1, blob.size)
        params = {"digest": blob.digest, "range": f"bytes={wanted.first}-{wanted.last}"}
        answer = self.client.call(taken.peer, taken.url, READ_BLOB, params=params, now=now)
        if answer.status != 206:  # noqa: PLR2004 - we asked for a part
            raise Failed(reason_of(answer))
        sent = sent_part(_header(answer, "content-range"))
        if not isinstance(sent, Part) or (sent.first, sent.total) != (wanted.first, wanted.total):
            msg = f"asked for {wanted}, was answered {_header(answer, 'content-range')!r}"
            raise Failed(msg[:300])
        if len(answer.body) != sent.length or sent.last > wanted.last:
            msg = f"{len(answer.body)} bytes under the header {sent}"
            raise Failed(msg)
        return answer.body

    # Offering -------------------------------------------------------------------------------------------

    def _offer(self, taken: Taken, clock: Callable[[], datetime]) -> bool:
        held = self._tell(taken, f"bytes */{taken.size}", b"", clock())
        for _ in range(PARTS_A_STEP):
            if held is None:
                return True
            if held == taken.size:
                break
            data = self._read(taken, held)
            part = Part(held, held + len(data) - 1, taken.size)
            held = self._tell(taken, str(part), data, clock())
        return held is None

    def _read(self, taken: Taken, first: int) -> bytes:
        try:
            data = self.arrivals.shelf.store.read(taken.digest, first, MAX_PART)
        except FileNotFoundError:
            data = b""
        if not data:
            msg = "the file is not in our store"
            raise Failed(msg)
        return data

    def _tell(self, taken: Taken, content_range: str, data: bytes, now: datetime) -> int | None:
        """Make one PUT; return how many bytes the peer holds, None when it holds all."""
        params = {"digest": taken.digest, "content_range": content_range}
        answer = self.client.call(taken.peer, taken.url, WRITE_BLOB, params=params, body=data, now=now)
        if answer.status == 204:  # noqa: PLR2004
            return None
        if answer.status != RESUME:
            raise Failed(reason_of(answer))
        return _held_by(answer, taken.size)

    # What came of it ------------------------------------------------------------------------------------

    def _go_on(self, taken: Taken, now: datetime, *, is_whole: bool) -> None:
        with self.database.begin() as session:
            if is_whole and taken.direction == "out":
                links.complete(session, [taken.digest], taken.peer, "out", now)
            elif is_whole:
                # It may have come from another peer: how much this one gave stays as it was.
                _update(session, taken, state="complete", completed_at=now, last_error=None)
            else:
                _update(session, taken, next_try_at=now, attempts=0, last_error=None)

    def _put_off(self, taken: Taken, reason: str, now: datetime, *, is_silent: bool = False) -> None:
        attempts = taken.attempts + 1
        later = now + pause(Lane.CASE, attempts, self.random)
        with self.database.begin() as session:
            _update(session, taken, next_try_at=later, attempts=attempts, last_error=reason[:300])
            if is_silent:
                theirs = (Transfer.peer == taken.peer, Transfer.state == "waiting", Transfer.next_try_at < later)
                session.execute(update(Transfer).where(*theirs).values(next_try_at=later))


def _held_by(answer: Answer, size: int) -> int:
    """Return how much a peer says it holds; nothing when it does not say."""
    held = wanted_part(_header(answer, "range"), size)
    return held.length if isinstance(held, Part) and held.first == 0 else 0


def _header(answer: Answer, name: str) -> str | None:
    return next((value for field, value in answer.headers.items() if field.lower() == name), None)


def _waiting(busy: set[str]) -> Select[Transfer, str]:
    return (
        select(Transfer, PeerRow.federation_url)
        .join(PeerRow, PeerRow.unit_code == Transfer.peer)
        .where(Transfer.state == "waiting", PeerRow.state == PeerState.ACTIVE, Transfer.peer.not_in(sorted(busy)))
    )


def _due(now: datetime, busy: set[str]) -> Select[Transfer, str]:
    return _waiting(busy).where(Transfer.next_try_at <= now).order_by(Transfer.next_try_at).limit(1)


def _update(session: Session, taken: Taken, **values: object) -> None:
    session.execute(
        update(Transfer)
        .where(
            Transfer.digest == taken.digest,
            Transfer.peer == taken.peer,
            Transfer.direction == taken.direction,
            Transfer.state == "waiting",
        )
        .values(**values)
    )
