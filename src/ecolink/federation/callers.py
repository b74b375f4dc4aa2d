"""Who is calling: a request token, bound to one operation and its data, good for one use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from ecolink.federation.keystore import BureauKeys, Keystore
from ecolink.federation.models import OutChannel, PeerRow, SeenRequest
from ecolink.federation.operations import Call
from ecolink.federation.peers import PeerState
from ecolink.protocol.keys import VerifyKey
from ecolink.protocol.limits import CLOCK_SKEW
from ecolink.protocol.refusal import Refused
from ecolink.protocol.request import Request, open_request
from ecolink.protocol.statement import Lane
from ecolink.storage.base import table_of
from ecolink.storage.bells import Bell, ring
from ecolink.storage.engine import Database
from ecolink.storage.queries import Query, among
from ecolink.storage.upsert import insert_new

NO_TOKEN: Final = "no-token"  # noqa: S105 - a reason's code
SEND_MANIFEST: Final = "send-manifest"
REPLAYED: Final = "request-replayed"
PEER_PENDING: Final = "peer-pending"
PEER_SUSPENDED: Final = "peer-suspended"
PROBE_EVERY: Final = timedelta(seconds=30)

A_MOMENT: Final = timedelta(seconds=1)
"""In which a caller's keys and standing are taken to be what they were: a large body takes no longer, as a rule."""

_PEERS = table_of(PeerRow)
_HEARD = Query(update(_PEERS).where(_PEERS.c.unit_code == bindparam("peer")))
_OUT_CHANNELS = table_of(OutChannel).c
_WAITING = Query(
    select(_OUT_CHANNELS.recipient, _OUT_CHANNELS.lane).where(
        among(_OUT_CHANNELS.recipient, "peers"),
        _OUT_CHANNELS.last_seq > _OUT_CHANNELS.receipted_seq,
        _OUT_CHANNELS.next_try_at > bindparam("now"),
        _OUT_CHANNELS.attempts > 0,
    )
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A bureau whose word was verified: by a request token, or as the sender of what we pulled or were carried."""

    unit_code: str
    state: PeerState
    keys: BureauKeys
    request: Request | None = None
    skew_s: int | None = None
    """The caller's clock minus ours, in seconds; unknown where no request token came."""

    def refuse_unless_active(self) -> None:
        """Return if the peer is active.

        Raises:
            Refused: `peer-pending` or `peer-suspended`; its queue waits and resumes.

        """
        self.refuse_unless_onboarded()
        if self.state is PeerState.SUSPENDED:
            raise Refused(PEER_SUSPENDED, "this bureau has suspended the exchange with you; only recalls pass")

    def refuse_unless_onboarded(self) -> None:
        """Return if the peer was activated once, also when it is suspended now.

        Raises:
            Refused: `peer-pending`.

        """
        if self.state is PeerState.PENDING:
            raise Refused(PEER_PENDING, "this bureau has not activated you yet: compare the fingerprint by phone")


@dataclass(frozen=True, repr=False)
class Callers:
    """Opens request tokens."""

    us: str
    database: Database
    keystore: Keystore

    def identify(self, call: Call, now: datetime, *, complete: bool = True) -> Caller:
        """Return who makes `call`; of one that is not complete its body is still on the way.

        Raises:
            Refused: no token, a bad one, or one for something else; `send-manifest` when its key is not known here.

        """
        if call.bearer is None:
            raise Refused(NO_TOKEN, "this operation needs 'Authorization: Bearer' with a request token")
        with self.database.read() as session:
            found: list[BureauKeys] = []

            def find(kid: str) -> VerifyKey | None:
                keys = self.keystore.owner(session, kid)
                if keys is None:
                    raise Refused(SEND_MANIFEST, f"no pinned key has the kid {kid!r}: send your key manifest")
                found.append(keys)
                return keys.find(kid)

            request = open_request(
                call.bearer,
                find_key=find,
                us=self.us,
                op=call.operation.name,
                params=call.params,
                body=call.body if complete else None,
                now=now,
            )
        keys = found[0]
        return Caller(request.iss, keys.state, keys, request, round((request.iat - now).total_seconds()))

    def confirm(self, caller: Caller, call: Call, now: datetime) -> Caller:
        """Return who makes `call`, now that all of it is here: the `caller` who was identified before.

        Raises:
            Refused: the body is not the token's; after more than `A_MOMENT`, also as `identify`.

        """
        if caller.request is None or now - caller.request.opened_at > A_MOMENT:
            return self.identify(call, now)
        caller.request.refuse_other(call.operation.name, call.params, call.body)
        return caller

    def spend(self, session: Session, caller: Caller, now: datetime) -> None:
        """Mark the token as used, in the transaction of what it was used for, and note that the peer was heard.

        Raises:
            Refused: `request-replayed`.

        """
        self.spend_all(session, [(caller, now)])

    def spend_all(self, session: Session, calls: Sequence[tuple[Caller, datetime]]) -> None:
        """Do for calls received at their times what `spend` does for one.

        Raises:
            Refused: `request-replayed`, for one of them.

        """
        spent: list[Mapping[str, object]] = [
            {"iss": caller.unit_code, "jti": caller.request.jti, "expires_at": caller.request.exp + CLOCK_SKEW}
            for caller, _ in calls
            if caller.request is not None
        ]
        if not spent:
            return
        if insert_new(session, SeenRequest, spent) < len(spent):
            raise Refused(REPLAYED, "a request token was used before; mint a new one for each call")
        self._note_contact(session, {caller.unit_code: (caller, now) for caller, now in calls if caller.request})

    def _note_contact(self, session: Session, heard: Mapping[str, tuple[Caller, datetime]]) -> None:
        """Write down when the peers were heard; what waits for them after failures is tried once, now."""
        _HEARD.run_each(
            session,
            [
                {"peer": peer, "last_contact_at": now, "clock_skew_s": caller.skew_s}
                for peer, (caller, now) in heard.items()
            ],
        )
        latest = max(now for _, now in heard.values())
        waiting = _WAITING.all(session, {"peers": list(heard), "now": latest})
        for peer in {row.recipient for row in waiting}:
            self._probe(session, peer, [row.lane for row in waiting if row.recipient == peer], heard[peer][1])

    def _probe(self, session: Session, peer: str, lanes: Sequence[str], now: datetime) -> None:
        """Let what waits for a peer be tried at once.

        At most every `PROBE_EVERY`, so that two nodes that hear but cannot answer each other do not hammer.
        """
        first_for_long = session.execute(
            update(PeerRow)
            .where(
                PeerRow.unit_code == peer,
                or_(PeerRow.last_probe_at.is_(None), PeerRow.last_probe_at < now - PROBE_EVERY),
            )
            .values(last_probe_at=now)
            .returning(PeerRow.unit_code)
        ).first()
        if first_for_long is None:
            return
        session.execute(
            update(OutChannel).where(OutChannel.recipient == peer, OutChannel.lane.in_(lanes)).values(next_try_at=now)
        )
        ring(session, *(Bell.sending(Lane(lane), again=True) for lane in lanes))

    def carried(self, session: Session, unit_code: str) -> Caller:
        """Return the bureau whose batches we fetched ourselves or were handed on a disc.

        Raises:
            Refused: `peer-pending`: it is not known here.

        """
        keys = self.keystore.keys_of(session, unit_code)
        if keys is None:
            raise Refused(PEER_PENDING, f"no card of {unit_code} was imported here")
        return Caller(unit_code, keys.state, keys)

    def forget_expired(self, session: Session, now: datetime) -> None:
        """Drop the marks of tokens that no longer open anyway."""
        session.execute(delete(SeenRequest).where(SeenRequest.expires_at < now))
