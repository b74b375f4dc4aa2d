"""The way in: one batch, one receipt, and the commit before the answer.

`receive` tells the whole story: take the batch apart and verify everything with no transaction open; then,
in one transaction, place it in its channel, keep each statement once, seal the receipt over a checkpoint that
already covers them, and commit. Only then is the receipt handed out: 'stored' means durably held. Batches that
come in together share the transaction, and so the wait for the disk.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ecolink.federation.callers import PEER_SUSPENDED, Caller
from ecolink.federation.intake import Arrival, Judged, Kept
from ecolink.federation.peers import PeerState
from ecolink.kit.meters import VERIFY_SECONDS
from ecolink.kit.times import to_text
from ecolink.protocol.batch import Batch, Entry, open_batch, unpack
from ecolink.protocol.keys import FindKey
from ecolink.protocol.limits import MAX_PUSH_BYTES
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane, open_statement
from ecolink.storage.groups import GroupCommit

MOST_TOGETHER: Final = 512
"""Statements in one commit of several batches: what an emergency may have to wait for."""

_SMALL_BYTES: Final = 16_384
"""A body of this size does not wait for others to be verified."""


@dataclass(frozen=True)
class Inbox:
    """Keeps what peers send."""

    us: str
    commits: GroupCommit[Arrival, Kept]
    _benches: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(os.cpu_count() or 1))
    """Places to verify at: more threads at it than processors would only take turns."""

    def receive(self, caller: Caller, raw: bytes, now: datetime) -> Kept:
        """Keep one push body from `caller`, received at `now`: pushed, pulled or carried, the checks are the same.

        Raises:
            Refused: the batch as a whole is not acceptable; nothing of it was kept.
            UnavailableError: the database cannot take it now; nothing of it was kept.

        """
        with self._bench(len(raw)), VERIFY_SECONDS.time():
            batch, judged = self._verify(caller, raw, now)
        arrival = Arrival(caller, batch, judged, now)
        return self.commits.write(arrival, size=len(judged), urgent=batch.lane is Lane.EMERGENCY)

    def _verify(self, caller: Caller, raw: bytes, now: datetime) -> tuple[Batch, Sequence[Judged]]:
        token, parts = unpack(raw, max_bytes=MAX_PUSH_BYTES)
        batch = open_batch(token, find_key=caller.keys.find, us=self.us, sender=caller.unit_code, received_at=now)
        self._refuse_suspended(caller, batch)
        return batch, [self._judge(entry, batch, caller.keys.find, now) for entry in batch.pair(parts)]

    def _judge(self, entry: Entry, batch: Batch, find_key: FindKey, now: datetime) -> Judged:
        try:
            statement = open_statement(
                entry.token, entry.private, find_key=find_key, us=self.us, sender=batch.iss, received_at=now
            )
        except Refused as refused:
            return refused
        if statement.lane is not batch.lane:
            return Refused(Reason.INVALID_CLAIM, f"a statement of lane {statement.lane} in a batch of {batch.lane}")
        if statement.deliver_by is not None and statement.deliver_by < now:
            return Refused(Reason.EXPIRED, f"received after its deliver_by {to_text(statement.deliver_by)}")
        return statement

    def _refuse_suspended(self, caller: Caller, batch: Batch) -> None:
        caller.refuse_unless_onboarded()
        if caller.state is PeerState.SUSPENDED and batch.lane is not Lane.CONTROL:
            raise Refused(PEER_SUSPENDED, "this bureau has suspended the exchange with you; only recalls pass")

    @contextmanager
    def _bench(self, size: int) -> Iterator[None]:
        """Take turns at verifying what is long; what is short, as emergencies are, goes ahead."""
        if size <= _SMALL_BYTES:
            yield
            return
        with self._benches:
            yield
