"""The gate other bureaus come to: who calls, may they, and the answer, with no word of HTTP frameworks.

The endpoints of FastAPI hand every call here, and the tests' network does the same without any server.
Whatever goes wrong is told as a problem (RFC 9457) with a stable `reason`; a peer's software switches on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from types import MappingProxyType
from typing import Any, Final

from ecolink.errors import EcolinkError, NotFoundError, UnavailableError
from ecolink.federation import callers, intake, operations
from ecolink.federation.callers import Caller, Callers
from ecolink.federation.heads import HeadsDesk
from ecolink.federation.inbox import Inbox
from ecolink.federation.intake import ForkFound, Gap
from ecolink.federation.keystore import Keystore
from ecolink.federation.operations import Answer, Call, Operation
from ecolink.federation.peers import Peers
from ecolink.federation.pulling import PullDesk
from ecolink.federation.receipts import Receipts
from ecolink.federation.returning import ReturnDesk
from ecolink.federation.tally import RefusalTally
from ecolink.kit.buckets import Buckets
from ecolink.kit.canonical import dumps
from ecolink.kit.events import structlog
from ecolink.kit.traffic import Traffic
from ecolink.protocol import manifest, strict_json
from ecolink.protocol.card import own_limits
from ecolink.protocol.claims import is_unit
from ecolink.protocol.limits import MAX_RECEIPT_BYTES, VERSION
from ecolink.protocol.refusal import Reason, Refused
from ecolink.storage.engine import Database

PROBLEM: Final = "application/problem+json"
JOSE: Final = "application/jose"
"""A single compact JWS (RFC 7515 section 9.2.1)."""

RATE_LIMITED: Final = "rate-limited"

MAX_RECEIPTS = 64
"""Receipts in one call."""

_log = structlog.get_logger(__name__)

STATUS: Mapping[str, int] = MappingProxyType(
    {
        Reason.TOO_LARGE: 413,
        Reason.UNKNOWN_KEY: 401,
        Reason.WRONG_KEY_USE: 401,
        Reason.BAD_SIGNATURE: 401,
        Reason.KEY_NOT_YET_VALID: 401,
        Reason.KEY_EXPIRED: 401,
        Reason.KEY_REVOKED: 401,
        Reason.CLOCK_SKEW: 401,
        Reason.REQUEST_LIFETIME: 401,
        Reason.REQUEST_MISMATCH: 401,
        Reason.WRONG_AUDIENCE: 401,
        Reason.WRONG_ISSUER: 401,
        Reason.WRONG_SENDER: 403,
        callers.NO_TOKEN: 401,
        callers.SEND_MANIFEST: 401,
        callers.REPLAYED: 401,
        callers.PEER_PENDING: 403,
        callers.PEER_SUSPENDED: 403,
        Reason.CHANNEL_FORK: 409,
        Reason.MANIFEST_FORK: 409,
        Reason.MANIFEST_STALE: 409,
        RATE_LIMITED: 429,
        intake.STALE_EPOCH: 409,
        intake.WRONG_LINK: 409,
    }
)
"""HTTP status by reason; every other refusal is a 400."""

Room = Callable[[Caller, Call, datetime], Answer]


@dataclass(frozen=True, repr=False)
class Gate:
    """Answers calls. `rooms` are added by those whose data they are (attachments, evidence log)."""

    us: str
    database: Database
    callers: Callers
    keystore: Keystore
    peers: Peers
    inbox: Inbox
    receipts: Receipts
    heads: HeadsDesk
    pulls: PullDesk
    returns: ReturnDesk
    tally: RefusalTally
    card: Callable[[datetime], bytes]
    calls: Buckets
    """How many calls each bureau has left, in this process."""
    rooms: dict[str, Room] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)

    def __post_init__(self) -> None:
        """Open the gate's own rooms."""
        self.rooms.update(
            {
                operations.PUSH.name: self._push,
                operations.PULL.name: self._pull,
                operations.RETURN.name: self._return,
                operations.RECEIPTS.name: self._receipts,
                operations.HEADS.name: self._heads,
                operations.CARD.name: self._card,
            }
        )

    def answer(self, call: Call, now: datetime, bringer: Caller | None = None) -> Answer:
        """Answer one call received at `now`, of which the `bringer` may be known already; never raises."""
        with self.traffic.call():
            return self._answer(call, now, bringer)

    def bringer(self, call: Call, now: datetime) -> Caller | Answer:
        """Return who makes a call before its body is read, or the answer if none does that may."""
        try:
            caller = self.callers.identify(call, now, complete=False)
            caller.refuse_unless_onboarded()
        except Exception as fault:  # noqa: BLE001 - as in `answer`
            return self._told(fault, call, now)
        return caller

    def too_large(self, operation: Operation) -> Answer:
        """Answer a call whose body was cut at the operation's limit."""
        return _problem(413, Reason.TOO_LARGE, f"a body of {operation.name} has at most {operation.max_body} bytes")

    def too_slow(self, deadline_s: int) -> Answer:
        """Answer a call whose body was not complete in time."""
        return _problem(408, "too-slow", f"the body was not complete within {deadline_s} seconds")

    def too_crowded(self) -> Answer:
        """Answer a large body for which there is no room just now: others are here, or others of the same bureau."""
        return _problem(503, UnavailableError.code, "too many large bodies at once", {"Retry-After": "5"})

    def well_known(self) -> dict[str, Any]:
        """Return what anyone may know: protocol versions and limits."""
        return {"unit_code": self.us, "versions": [VERSION], "limits": own_limits()}

    def _answer(self, call: Call, now: datetime, bringer: Caller | None) -> Answer:
        try:
            if call.operation is operations.KEYS:
                return self._keys(call, now)
            caller = self.callers.identify(call, now) if bringer is None else self.callers.confirm(bringer, call, now)
            if wait := self.calls.take(caller.unit_code, now):
                return _problem(429, RATE_LIMITED, "too many calls", {"Retry-After": str(ceil(wait))})
            return self.rooms[call.operation.name](caller, call, now)
        except Exception as fault:  # noqa: BLE001 - the outermost edge: told as a problem, whatever it was
            return self._told(fault, call, now)

    def _told(self, fault: Exception, call: Call, now: datetime) -> Answer:
        match fault:
            case ForkFound():
                self._report(fault, now)
                told = self._refusal(fault, now)
            case Refused():
                told = self._refusal(fault, now)
            case UnavailableError():
                told = _problem(503, fault.code, fault.detail_en, {"Retry-After": str(fault.retry_after)})
            case NotFoundError():
                told = _problem(404, fault.code, fault.detail_en)
            case EcolinkError():
                told = _problem(409, fault.code, fault.detail_en)
            case _:
                _log.error("gate.fault", operation=call.operation.name, exc_info=fault)
                told = _problem(500, "internal", "The node failed; its operator finds the cause in the log.")
        return told

    def _report(self, fork: ForkFound, now: datetime) -> None:
        try:
            with self.database.begin() as session:
                fork.report(session, now)
        except UnavailableError:
            _log.exception("gate.fork_unreported", batch=fork.batch.digest)

    def _push(self, caller: Caller, call: Call, now: datetime) -> Answer:
        kept = self.inbox.receive(caller, call.body, now)
        if isinstance(kept, Gap):
            detail = f"the next entry wanted on this channel is {kept.expected}"
            return _problem(409, "gap", detail, expected=kept.expected)
        return Answer(200, kept.receipt, JOSE)

    def _pull(self, caller: Caller, call: Call, now: datetime) -> Answer:
        caller.refuse_unless_onboarded()
        bodies = self.pulls.batches(caller, call.params, now)
        return Answer(200, dumps({"batches": [body.decode() for body in bodies]}))

    def _return(self, caller: Caller, call: Call, now: datetime) -> Answer:
        caller.refuse_unless_onboarded()
        return Answer(200, self.returns.returned(caller, call.params, now))

    def _receipts(self, caller: Caller, call: Call, now: datetime) -> Answer:
        caller.refuse_unless_onboarded()
        tokens = _tokens(call.body)
        with self.database.begin() as session:
            self.callers.spend(session, caller, now)
            for token in tokens:
                self.receipts.record(session, caller.keys, token, now)
        return Answer(204)

    def _heads(self, caller: Caller, call: Call, now: datetime) -> Answer:  # noqa: ARG002 - a room's signature
        caller.refuse_unless_onboarded()
        with self.database.begin() as session:
            self.callers.spend(session, caller, now)
            token = self.heads.seal(session, caller.unit_code, now)
        return Answer(200, token, JOSE)

    def _card(self, caller: Caller, call: Call, now: datetime) -> Answer:  # noqa: ARG002 - a room's signature
        return Answer(200, self.card(now), JOSE)

    def _keys(self, call: Call, now: datetime) -> Answer:
        """Take a peer's newer manifests; they prove themselves by the chain to the pinned head."""
        said = strict_json.loads(call.body, max_bytes=operations.KEYS.max_body)
        if not isinstance(said, dict) or not is_unit(said.get("iss")):
            raise Refused(Reason.INVALID_CLAIM, "the body has iss, a unit code, and manifests")
        documents = manifest.from_text(said.get("manifests"))
        with self.database.read() as session:
            # Anybody may send this, and verifying takes long: not while everybody else waits for their turn to write.
            if not self.peers.is_news(session, said["iss"], documents):
                return Answer(204)
        with self.database.begin() as session:
            # A fork is told by value, not by exception: the suspension it brings must be committed.
            outcome = self.peers.take_manifests(session, said["iss"], documents, now=now)
        if isinstance(outcome, Refused):
            raise outcome
        return Answer(204)

    def _refusal(self, refused: Refused, now: datetime) -> Answer:
        self.tally.note(refused.reason, now)
        status = STATUS.get(refused.reason, 400)
        headers = {"WWW-Authenticate": 'Bearer realm="ecolink federation"'} if status == 401 else {}  # noqa: PLR2004
        return _problem(status, refused.reason, refused.detail, headers)


def _tokens(body: bytes) -> list[bytes]:
    said = strict_json.loads(body, max_bytes=operations.RECEIPTS.max_body)
    tokens = said.get("receipts") if isinstance(said, dict) else None
    if not isinstance(tokens, list) or not 1 <= len(tokens) <= MAX_RECEIPTS:
        raise Refused(Reason.INVALID_CLAIM, f"receipts is an array of 1 to {MAX_RECEIPTS} tokens")
    if not all(isinstance(token, str) and token.isascii() and len(token) <= MAX_RECEIPT_BYTES for token in tokens):
        raise Refused(Reason.INVALID_CLAIM, "a receipt is a compact token")
    return [token.encode() for token in tokens]


def _problem(
    status: int,
    reason: str,
    detail: str,
    headers: Mapping[str, str] = MappingProxyType({}),
    **members: Any,  # noqa: ANN401 - extension members are any JSON
) -> Answer:
    said = {"type": f"/problems/{reason}", "title": reason, "status": status, "reason": reason, "detail": detail}
    return Answer(status, dumps({**said, **members}), PROBLEM, dict(headers))
