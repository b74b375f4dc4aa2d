"""Bureaus watch each other's evidence logs, and tell each other what they hold.

At every start and every ten minutes a node asks each active peer for its attestation: the peer's own checkpoint, and
those it holds of other logs. What comes is kept and, in the same round, proven consistent with what was held before,
by proofs that only the log's owner can give. A log that cannot give one shows two pasts: an alarm. One that
ended, because its bureau was restored and began anew, is no second past.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from ecolink.audit import restores, witness
from ecolink.audit.log import EvidenceLog
from ecolink.audit.models import Attestation as AttestationRow
from ecolink.audit.witness import Outcome, Unproven
from ecolink.egress import Unreachable
from ecolink.federation import operations
from ecolink.federation.alarms import close_alarms, raise_alarm
from ecolink.federation.client import PeerClient, reason_of
from ecolink.federation.keystore import BureauKeys, Keystore
from ecolink.federation.peers import Peer, Peers
from ecolink.federation.rounds import Visit, active_peers, go_round
from ecolink.federation.signer import Signer
from ecolink.kit.events import structlog
from ecolink.protocol import strict_json
from ecolink.protocol.attestation import Attestation, Holding, open_attestation, seal_attestation
from ecolink.protocol.checkpoint import Checkpoint, open_checkpoint, origin_of
from ecolink.protocol.keys import Use, VerifyKey
from ecolink.protocol.merkle import MAX_PROOF
from ecolink.protocol.refusal import Refused
from ecolink.storage.engine import Database
from ecolink.storage.upsert import insert_new

LOG_FORK: Final = "log-fork"
BAD_CHECKPOINT: Final = "bad-checkpoint"
LOG_RESTORED: Final = "log-restored"
LOG_UNPROVEN: Final = "log-unproven"

TOO_LONG: Final = timedelta(days=1)
"""How long a bureau that answers otherwise may leave its log unproven before somebody is to ask why."""

_OK, _NOT_FOUND = 200, 404
_MAX_ANSWER = 32_768
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, repr=False)
class Witnessing:
    """Keeps others' checkpoints and attests to them."""

    us: str
    database: Database
    keystore: Keystore
    signer: Signer
    client: PeerClient
    peers: Peers
    log: EvidenceLog

    def keep_checkpoint(self, session: Session, keys: BureauKeys, text: str, now: datetime) -> None:
        """Keep a checkpoint of the bureau with `keys`, from its own receipt or heads; alarm if it is none."""
        try:
            self._keep(session, keys, text, keys.unit_code, now)
        except Refused as refused:
            subject = f"{keys.unit_code}/{now.date().isoformat()}"
            raise_alarm(session, BAD_CHECKPOINT, subject, now, peer=keys.unit_code, note=text, why=str(refused))

    def attest(self, session: Session, aud: str, now: datetime) -> bytes:
        """Return our attestation for `aud`; hand it out only after the commit.

        Where keys of ours are known to be stolen, it also says what we held just before.
        """
        ours = self.keystore.keys_of(session, self.us)
        thefts = {key.compromised_since for key in ours.by_kid.values() if key.compromised_since} if ours else set()
        holds = witness.holdings(session, thefts)
        # What is held of the recipient's own log comes first: it must not be the part that does not fit.
        holds.sort(key=lambda held: f"/{aud}/" not in held.checkpoint.split("\n", 1)[0])
        return seal_attestation(
            iss=self.us,
            aud=aud,
            now=now,
            checkpoint=self.log.checkpoint(session),
            holds=holds,
            key=self.signer.key,
        )

    def exchange(self, clock: Callable[[], datetime]) -> dict[str, str]:
        """Ask every active peer for its attestation; return those that are silent, each with why.

        When peers hold more of our log than we do, this node was restored: a new log is opened and declares it.
        """
        with self.database.read() as session:
            active = active_peers(self.peers, session)
        came = go_round(active, lambda peer: self._visit(peer, clock()))
        self._declare_if_restored({peer: notes for peer, notes in came.items() if isinstance(notes, list)}, clock())
        return {peer: str(silence) for peer, silence in came.items() if isinstance(silence, Unreachable)}

    def _visit(self, peer: Peer, now: datetime) -> list[Checkpoint] | Unreachable:
        """Ask one peer; return the checkpoints of our own log that it holds, or its silence."""
        try:
            attestation = self._ask(peer, now)
        except Unreachable as silence:
            return silence
        if attestation is None:
            return []
        with self.database.begin() as session:
            return self.keep_attestation(session, attestation, now)

    def take_carried(self, token: bytes, keys: BureauKeys, now: datetime) -> None:
        """Keep an attestation that came on a disc, and declare a restore if it shows one.

        Raises:
            Refused: it does not verify.

        """
        attestation = open_attestation(token, find_key=keys.find, us=self.us, sender=keys.unit_code, received_at=now)
        with self.database.begin() as session:
            ours = self.keep_attestation(session, attestation, now)
        self._declare_if_restored({keys.unit_code: ours}, now)

    def keep_attestation(self, session: Session, attestation: Attestation, now: datetime) -> list[Checkpoint]:
        """Keep what a verified attestation shows; return the checkpoints of our own log in it."""
        own = self.keystore.keys_of(session, self.us)
        ours: list[Checkpoint] = []
        issuer = self.keystore.keys_of(session, attestation.iss)
        if issuer is not None:
            self.keep_checkpoint(session, issuer, attestation.checkpoint, now)
        for held in attestation.holds:
            owner = held.checkpoint.split("\n", 1)[0].split("/")[1:2]
            keys = self.keystore.keys_of(session, owner[0]) if owner else None
            try:
                if owner == [self.us] and own is not None:
                    ours.append(self._keep_our_own(session, own, attestation, held, now))
                elif keys is not None and keys.unit_code != attestation.iss:
                    self._keep(session, keys, held.checkpoint, attestation.iss, now)
            except Refused as refused:
                # Passed on by a third: nobody can be blamed for a note that verifies under no key known here.
                _log.info("witness.passed_on", told_by=attestation.iss, why=str(refused))
        return ours

    def prove(self, clock: Callable[[], datetime], limit: int = 100, *, passing_over: Collection[str] = ()) -> int:
        """Fetch the consistency proofs that are due; return how many checkpoints were settled either way.

        Of every bureau `limit` at most, so that none takes the place of another. Peers that are `passing_over` are
        not asked: it is known that they are silent.
        """
        self._compare(clock())
        with self.database.read() as session:
            due = set(witness.unproven_bureaus(session)) - set(passing_over)
            owners = [peer for peer in self.peers.names(session).values() if peer.unit_code in due]
        came = go_round(owners, lambda owner: self._prove(owner, clock, limit))
        return sum(settled for settled in came.values() if isinstance(settled, int))

    def _prove(self, owner: Peer, clock: Callable[[], datetime], limit: int) -> int:
        """Have one bureau prove its log; return how many of its checkpoints were settled."""
        visit, settled = Visit.begin(owner, clock), 0
        with self.database.read() as session:
            due = witness.unproven(session, owner.unit_code, limit)
        for pair in due:
            now = clock()
            if visit.is_over():
                self._note_unproven(pair, "it answers too slowly", now)
                return settled
            try:
                proof = self._fetch(pair, owner.federation_url, now)
                has_ended = not proof and pair.old_size > 0 and self._has_ended(pair, owner, now)
            except Unreachable as silence:
                _log.info("witness.prove", peer=pair.unit_code, why=str(silence))
                self._note_unproven(pair, str(silence), now)
                return settled
            with self.database.begin() as session:
                if has_ended:
                    witness.leave_unproven(session, pair, now)
                    _log.warning("witness.log_ended", peer=pair.unit_code, log=pair.log_epoch, unproven=pair.new_size)
                elif not witness.accept_consistency(session, pair, proof, now):
                    subject = f"{pair.unit_code}/{pair.log_epoch}/{pair.old_size}-{pair.new_size}"
                    raise_alarm(session, LOG_FORK, subject, now, peer=pair.unit_code)
            settled += 1
        if settled:
            with self.database.begin() as session:
                close_alarms(session, LOG_UNPROVEN, owner.unit_code, clock())
        return settled

    def _note_unproven(self, pair: Unproven, why: str, now: datetime) -> None:
        """Raise an alarm over what waits too long: a log nobody proves may have two pasts, and none is found."""
        if now - pair.since < TOO_LONG:
            return
        subject = f"{pair.unit_code}/{now.date().isoformat()}"
        with self.database.begin() as session:
            raise_alarm(session, LOG_UNPROVEN, subject, now, peer=pair.unit_code, why=why)

    def _has_ended(self, pair: Unproven, owner: Peer, now: datetime) -> bool:
        """Tell whether a log's owner has shown a later one, asking it where it has not.

        Raises:
            Unreachable: it cannot be asked now.

        """
        if self._newest_log(pair) <= pair.log_epoch and isinstance(silence := self._visit(owner, now), Unreachable):
            raise silence
        return self._newest_log(pair) > pair.log_epoch

    def _newest_log(self, pair: Unproven) -> int:
        with self.database.read() as session:
            return witness.newest_log(session, pair.unit_code)

    def _compare(self, now: datetime) -> None:
        """Raise an alarm over two pasts that came in at the same moment, each in a transaction of its own."""
        with self.database.begin() as session:
            for row in witness.overlooked(session):
                subject = f"{origin_of(row.unit_code, row.log_epoch)}/{row.size}"
                raise_alarm(session, LOG_FORK, subject, now, peer=row.unit_code, told_by=row.told_by, note=row.text)

    def _keep(self, session: Session, keys: BureauKeys, text: str, told_by: str, now: datetime) -> None:
        log_keys = [key for key in keys.by_kid.values() if key.use is Use.LOG]
        kept = witness.keep(session, text, log_keys=log_keys, told_by=told_by, now=now)
        if kept.outcome is Outcome.FORKED:
            subject = f"{kept.checkpoint.origin}/{kept.checkpoint.size}"
            raise_alarm(session, LOG_FORK, subject, now, peer=keys.unit_code, told_by=told_by, note=text)

    def _keep_our_own(
        self, session: Session, own: BureauKeys, attestation: Attestation, held: Holding, now: datetime
    ) -> Checkpoint:
        """Keep another bureau's word that it holds a checkpoint of ours: it proves time one day.

        The newest word is kept: after a theft it is the one signed with a key that still counts.
        """
        checkpoint = open_own(held.checkpoint, own)
        place = {"unit_code": attestation.iss, "log_epoch": checkpoint.log_epoch, "size": checkpoint.size}
        said = {"since": held.since, "token": attestation.token, "held_at": now}
        if insert_new(session, AttestationRow, [{**place, **said}]) == 0:
            session.execute(update(AttestationRow).filter_by(**place).values(**said))
        return checkpoint

    def _declare_if_restored(self, shown: dict[str, list[Checkpoint]], now: datetime) -> None:
        with self.database.begin() as session:
            ahead = {
                peer: notes
                for peer, notes in shown.items()
                if any(restores.is_behind(self.log, session, note) for note in notes)
            }
            if not ahead:
                return
            restores.declare_restore(self.log, session, ahead, now)
            opened = self.log.head(session).origin
            sizes = {peer: max(note.size for note in notes) for peer, notes in ahead.items()}
            raise_alarm(session, LOG_RESTORED, opened, now, peer=None, held_by_peers=sizes)
        _log.warning("witness.log_restored", opened=opened, held_by_peers=sizes)

    def _ask(self, peer: Peer, now: datetime) -> Attestation | None:
        """Return a peer's attestation, None if it gives none that verifies.

        Raises:
            Unreachable: no answer came in time.

        """
        answer = self.client.call(peer.unit_code, peer.federation_url, operations.CHECKPOINT, now=now)
        if answer.status != _OK:
            _log.info("witness.ask", peer=peer.unit_code, why=reason_of(answer))
            return None
        with self.database.read() as session:
            keys = self.keystore.keys_of(session, peer.unit_code)
        try:
            find = keys.find if keys else _nobody
            return open_attestation(answer.body, find_key=find, us=self.us, sender=peer.unit_code, received_at=now)
        except Refused as refused:
            _log.info("witness.ask", peer=peer.unit_code, why=f"its attestation does not verify: {refused}")
            return None

    def _fetch(self, pair: Unproven, url: str, now: datetime) -> list[bytes]:
        """Return the proof, an empty one if the owner says it has none.

        Raises:
            Unreachable: it cannot be asked now.

        """
        params = {"log_epoch": str(pair.log_epoch), "old": str(pair.old_size), "new": str(pair.new_size)}
        answer = self.client.call(pair.unit_code, url, operations.CONSISTENCY, params=params, now=now)
        if answer.status == _NOT_FOUND:
            return []
        if answer.status != _OK:
            raise Unreachable(reason_of(answer))
        return _read_proof(answer.body)


def _nobody(_kid: str) -> VerifyKey | None:
    return None


def open_own(text: str, keys: BureauKeys) -> Checkpoint:
    """Open a checkpoint of our own, with any log key we ever had, however old the note.

    Raises:
        Refused: none of our keys signed it.

    """
    refusal: Refused | None = None
    for key in keys.by_kid.values():
        if key.use is Use.LOG:
            try:
                return open_checkpoint(text, log_key=key)
            except Refused as refused:
                refusal = refused
    raise refusal or Refused(BAD_CHECKPOINT, "no log key of ours")


def _read_proof(body: bytes) -> list[bytes]:
    """Read the answer's hashes; one that is not of this form proves nothing."""
    try:
        said = strict_json.loads(body, max_bytes=_MAX_ANSWER)
        hashes = said["proof"]
        proof = [bytes.fromhex(each) for each in hashes]
    except (Refused, ValueError, TypeError, KeyError):
        return []
    return proof if len(proof) <= MAX_PROOF + 1 else []
