"""Getting back what this node itself had sent and, brought back from a backup, does not know any more.

Where a peer held more of our channel than we remember, a new epoch went on from its head (`heads`): the chain's
value there says what is missing, for as long as it is. Each peer is asked for our own batches up to that value.
Our signature says that a statement is ours, the peer's old receipt what became of it (`reclaimed`), and the chain
that nothing was left out or put in between (`reinstating`). A statement that came back waits for the worker like one
that came in.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select

from ecolink.egress import Unreachable
from ecolink.errors import SettingError
from ecolink.federation import operations
from ecolink.federation.alarms import close_alarms, raise_alarm
from ecolink.federation.client import PeerClient, reason_of
from ecolink.federation.keystore import BureauKeys, Keystore
from ecolink.federation.models import OutChannel
from ecolink.federation.reclaimed import check_reclaimed
from ecolink.federation.reinstating import Reinstating
from ecolink.federation.rounds import Visit
from ecolink.federation.signer import Signer
from ecolink.federation.transport import MAX_ANSWER
from ecolink.kit.events import structlog
from ecolink.protocol.batch import GENESIS
from ecolink.protocol.manifest import Document
from ecolink.protocol.refusal import Refused
from ecolink.protocol.returned import Returned, unpack_returned
from ecolink.protocol.statement import Lane
from ecolink.storage.engine import Database

NOT_RETURNED: Final = "not-returned"
WRONG_RETURN: Final = "wrong-return"
"""Alarms: what we sent is not back yet, and why; a peer gave back what is not ours."""

_OK, _NOT_FOUND = 200, 404
_log = structlog.get_logger(__name__)


class Gap(NamedTuple):
    """What is missing of one lane: everything after entry `after` of `epoch`, up to where `until` began."""

    lane: Lane
    epoch: int
    after: int
    until: int


class Missing(NamedTuple):
    """Not everything is back: why, for the operator, and whether the peer's node cannot give it at all."""

    why: str
    beyond_it: bool = False


class NotGiven(Exception):
    """The peer does not give back what is missing."""

    def __init__(self, why: str, *, beyond_it: bool = False) -> None:
        """Keep what `Missing` will say."""
        super().__init__(why)
        self.missing = Missing(why, beyond_it)


@dataclass(frozen=True, repr=False)
class Reclaiming:
    """Asks peers for our own statements."""

    us: str
    database: Database
    keystore: Keystore
    signer: Signer
    client: PeerClient
    reinstating: Reinstating
    _learning: threading.Lock = field(default_factory=threading.Lock)
    """Peers are asked several at a time, but one after the other teaches us what we forgot: they may say the same.
    Never held over a call, so that a peer that hangs holds up nobody."""

    def reclaim(self, visit: Visit) -> Missing | None:
        """Fetch what is missing of our channels to a peer; return why something still is, None when nothing is."""
        peer = visit.unit_code
        gap, missing = self._oldest_gap(peer), None
        if gap is None:
            return None
        try:
            while gap is not None:
                if visit.is_over():
                    return Missing("it took too long for one time, and goes on with the next comparison")
                gap = self._narrow(visit, gap)
        except Unreachable as silence:
            return Missing(str(silence))
        except NotGiven as refusal:
            missing = refusal.missing
        except SettingError as absent:
            missing = Missing(absent.detail_en)
        except Refused as refused:
            missing = Missing(f"it gave back what is not ours: {refused}")
            now = visit.clock()
            with self.database.begin() as session:
                raise_alarm(session, WRONG_RETURN, f"{peer}/{now.date()}", now, peer=peer, why=str(refused))
        self._tell(peer, missing, visit.clock())
        return missing

    def learn_keys(self, visit: Visit) -> bool:
        """Ask a peer that does not believe our key any more for our newer manifests; tell whether there were any.

        It is asked in the name of each signing key that is here, newest first: one of them is in force by what the
        peer knows, if the key directory is the newest copy.

        Raises:
            Unreachable: no answer came in time.
            SettingError: the private key in force is not in the key directory.
            Refused: what came does not follow from the manifests we hold.

        """
        with self.database.read() as session:
            version = self.keystore.head(session, self.us).version
        params = {"lane": Lane.CONTROL.value, "manifest": str(version)}
        for key in self.keystore.signing_keys():
            client = replace(self.client, signer=Signer(key))
            answer = client.call(visit.unit_code, visit.url, operations.RETURN, params=params, now=visit.clock())
            if answer.status == _OK:
                _, manifests = unpack_returned(answer.body, max_bytes=MAX_ANSWER)
                if manifests:
                    self._learn_own_keys(manifests, version, visit.clock())
                return bool(manifests)
        return False

    # What is missing ------------------------------------------------------------------------------------

    def _oldest_gap(self, peer: str) -> Gap | None:
        """Return the oldest gap in our channels: one that does not end where the next epoch began."""
        with self.database.read() as session:
            channels = session.scalars(
                select(OutChannel).where(OutChannel.recipient == peer).order_by(OutChannel.lane, OutChannel.epoch)
            ).all()
            for lane in Lane:
                known: OutChannel | None = None
                for channel in (each for each in channels if each.lane == lane):
                    if channel.start_chain != (known.last_chain if known else GENESIS.hex()):
                        epoch, after = (known.epoch, known.receipted_seq) if known else (1, 0)
                        return Gap(lane, epoch, after, channel.epoch)
                    known = channel
        return None

    # Asking ---------------------------------------------------------------------------------------------

    def _narrow(self, visit: Visit, gap: Gap) -> Gap | None:
        """Ask once, and return what is missing still.

        Raises:
            NotGiven: the peer gives no more of it.
            Refused: what came is not ours, or does not join what we know.

        """
        self._fetch(visit, gap)
        left = self._oldest_gap(visit.unit_code)
        if left == gap:
            raise NotGiven("what it gives back is here already")
        return left

    def _fetch(self, visit: Visit, gap: Gap) -> None:
        """Ask once, and keep what comes.

        Raises:
            NotGiven: the peer gives no more of it.
            Refused: what came is not ours, or does not join what we know.

        """
        peer = visit.unit_code
        with self.database.read() as session:
            own, keys = self.keystore.keys_of(session, self.us), self.keystore.keys_of(session, peer)
        if own is None or keys is None:
            raise NotGiven("it is not known here")
        returned, manifests = self._ask(visit, gap, own.version)
        if manifests:
            own = self._learn_own_keys(manifests, own.version, visit.clock())
        missing = [
            checked
            for each in returned
            if (checked := check_reclaimed(self.us, own, keys, gap.lane, each)).batch.epoch < gap.until
        ]
        if not missing:
            raise NotGiven("it holds no more of them")
        for checked in missing:
            with self._learning, self.database.begin() as session:
                self.reinstating.put_back(session, keys, checked, visit.clock())
        _log.info("reclaim.kept", peer=peer, lane=gap.lane, batches=len(missing))

    def _ask(self, visit: Visit, gap: Gap, manifest: int) -> tuple[Sequence[Returned], Sequence[Document]]:
        """Return what a peer gives back of a gap, not yet verified, and our manifests after the one we know.

        Raises:
            NotGiven: it gives nothing, and why.
            Refused: what came cannot be read.

        """
        params = {
            "lane": gap.lane.value,
            "epoch": str(gap.epoch),
            "after": str(gap.after),
            "manifest": str(manifest),
        }
        answer = self.client.call(visit.unit_code, visit.url, operations.RETURN, params=params, now=visit.clock())
        if answer.status == _NOT_FOUND:
            raise NotGiven("its node is too old to give a bureau its own statements back", beyond_it=True)
        if answer.status != _OK:
            raise NotGiven(reason_of(answer))
        return unpack_returned(answer.body, max_bytes=MAX_ANSWER)

    def _learn_own_keys(self, manifests: Sequence[Document], known: int, now: datetime) -> BureauKeys:
        """Take over what our key manifests became after the backup, when we asked as one who knows `known` of them.

        With those keys the rest is signed.

        Raises:
            SettingError: the private key in force is not in the key directory.

        """
        with self._learning, self.database.begin() as session:
            # Another peer may have taught us as many while this one was asked.
            if not known < len(manifests) <= self.keystore.head(session, self.us).version:
                self.keystore.learn(session, manifests, now)
            self.keystore.refresh(session, self.signer)
            own = self.keystore.keys_of(session, self.us)
        if own is None:
            raise NotGiven("this node has no keys")
        return own

    def _tell(self, peer: str, missing: Missing | None, now: datetime) -> None:
        gap = self._oldest_gap(peer)
        with self.database.begin() as session:
            if gap is None or missing is None:
                close_alarms(session, NOT_RETURNED, peer, now)
                return
            subject = f"{peer}/{gap.lane}/{gap.until}"
            raise_alarm(session, NOT_RETURNED, subject, now, peer=peer, lane=gap.lane.value, why=missing.why)
        _log.warning("reclaim.missing", peer=peer, lane=gap.lane, why=missing.why)
