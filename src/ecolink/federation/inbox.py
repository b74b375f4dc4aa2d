"""The way in: one batch, one receipt, and the commit before the answer.

`receive` tells the whole story: take the batch apart and verify everything with no transaction open; then,
in one transaction, place it in its channel, keep each statement once, seal the receipt over a checkpoint that
already covers them, and commit. Only then is the receipt handed out: 'stored' means durably held. Batches that
come in together share the transaction, and so the wait for the disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ecolink.federation.callers import Caller
from ecolink.federation.intake import Arrival, Judged, Kept
from ecolink.kit.meters import VERIFY_SECONDS
from ecolink.kit.times import to_text
from ecolink.protocol.batch import Batch, open_batch, unpack
from ecolink.protocol.keys import VerifyAll
from ecolink.protocol.limits import MAX_PUSH_BYTES
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane, open_statements
from ecolink.storage.groups import GroupCommit

MOST_TOGETHER: Final = 512
"""Statements in one commit of several batches: what an emergency may have to wait for."""


@dataclass(frozen=True)
class Inbox:
    """Keeps what peers send."""

    us: str
    verify: VerifyAll
    commits: GroupCommit[Arrival, Kept]

    def receive(self, caller: Caller, raw: bytes, now: datetime) -> Kept:
        """Keep one push body from `caller`, received at `now`: pushed, pulled or carried, the checks are the same.

        Raises:
            Refused: the batch as a whole is not acceptable; nothing of it was kept.
            UnavailableError: the database cannot take it now; nothing of it was kept.

        """
        with VERIFY_SECONDS.time():
            batch, judged = self._verify(caller, raw, now)
        arrival = Arrival(caller, batch, judged, now)
        return self.commits.write(arrival, size=len(judged), urgent=batch.lane is Lane.EMERGENCY)

    def _verify(self, caller: Caller, raw: bytes, now: datetime) -> tuple[Batch, Sequence[Judged]]:
        token, parts = unpack(raw, max_bytes=MAX_PUSH_BYTES)
        batch = open_batch(token, find_key=caller.keys.find, us=self.us, sender=caller.unit_code, received_at=now)
        if batch.lane is Lane.CONTROL:  # recalls pass also from a suspended peer
            caller.refuse_unless_onboarded()
        else:
            caller.refuse_unless_active()
        statements = open_statements(
            [(entry.token, entry.private) for entry in batch.pair(parts)],
            verify=self.verify,
            find_key=caller.keys.find,
            us=self.us,
            sender=batch.iss,
            received_at=now,
        )
        return batch, [_judge(each, batch, now) for each in statements]


def _judge(opened: Judged, batch: Batch, now: datetime) -> Judged:
    """Refuse also what is sound in itself but not in this batch, or not any more."""
    if isinstance(opened, Refused):
        return opened
    if opened.lane is not batch.lane:
        return Refused(Reason.INVALID_CLAIM, f"a statement of lane {opened.lane} in a batch of {batch.lane}")
    if opened.deliver_by is not None and opened.deliver_by < now:
        return Refused(Reason.EXPIRED, f"received after its deliver_by {to_text(opened.deliver_by)}")
    return opened
