"""The way in: one batch, one receipt, and the commit before the answer.

`receive` tells the whole story: take the batch apart and verify everything with no transaction open; then,
in one transaction, place it in its channel, keep each statement once, seal the receipt over a checkpoint that
already covers them, and commit. Only then is the receipt handed out: 'stored' means durably held. Batches that
come in together share the transaction, and so the wait for the disk.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ecolink.federation.callers import Caller
from ecolink.federation.intake import Arrival, PushResult
from ecolink.federation.readers import ReadPush
from ecolink.kit.meters import VERIFY_SECONDS
from ecolink.protocol.push import Push
from ecolink.protocol.statement import Lane
from ecolink.storage.groups import GroupCommit

MOST_TOGETHER: Final = 512
"""Statements in one commit of several batches: what an emergency may have to wait for once it has begun."""

WORTH_A_COMMIT: Final = 256
"""Statements of a group that does not wait for more, though more are being read."""


@dataclass(frozen=True, repr=False)
class Inbox:
    """Keeps what peers send."""

    us: str
    read: ReadPush
    commits: GroupCommit[Arrival, PushResult]
    urgent_commits: GroupCommit[Arrival, PushResult]
    """Where emergencies are kept: they neither wait for a group of other traffic, nor behind it for their turn."""

    def receive(self, caller: Caller, raw: bytes, now: datetime) -> PushResult:
        """Keep one push body from `caller`, received at `now`: pushed, pulled or carried, the checks are the same.

        Raises:
            Refused: the batch as a whole is not acceptable; nothing of it was kept.
            UnavailableError: the database cannot take it now; nothing of it was kept.

        """
        with VERIFY_SECONDS.time():
            push = self._open(caller, raw, now)
        commits = self.urgent_commits if push.batch.lane is Lane.EMERGENCY else self.commits
        return commits.write(Arrival(caller, push, now), size=len(push.entries))

    def _open(self, caller: Caller, raw: bytes, now: datetime) -> Push:
        keys = caller.keys.by_kid.values()
        push = self.read(raw, keys=keys, us=self.us, sender=caller.unit_code, received_at=now)
        if push.batch.lane is Lane.CONTROL:  # recalls pass also from a suspended peer
            caller.refuse_unless_onboarded()
        else:
            caller.refuse_unless_active()
        return push
