"""A request token: the bearer token of one call from one bureau to another.

It is bound to the operation, its parameters and its body, not to a URL: gateways between provinces
rewrite hosts and paths. It lives a minute and works once; the caller of `open_request` keeps `jti`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ecolink.kit import canonical
from ecolink.kit.times import to_seconds
from ecolink.protocol import claims, jws
from ecolink.protocol.keys import FindKey, SigningKey, VerifyKey
from ecolink.protocol.limits import CLOCK_SKEW, MAX_REQUEST_BYTES, REQUEST_LIFETIME
from ecolink.protocol.refusal import Reason, Refused

TYP = "ecolink-request+jws"

Params = Mapping[str, Any]
"""The parameters of an operation: names with text, whole numbers, true, false or null."""


@dataclass(frozen=True, slots=True)
class Request:
    """A verified request token. `jti` must be remembered until `exp` plus the clock skew; keep it for ever."""

    iss: str
    jti: str
    iat: datetime
    """By the caller's clock: beside ours it tells the skew."""
    exp: datetime
    key: VerifyKey
    opened_at: datetime
    """By our clock."""
    bound_to: object
    """What the token says of the call it is for; see `params_hash`."""

    def refuse_other(self, op: str, params: Params, body: bytes) -> None:
        """Return if the token is for this call.

        Raises:
            Refused: `request-mismatch`.

        """
        if self.bound_to != params_hash(op, params, body):
            raise _mismatch(op)


def seal_request(
    *, iss: str, aud: str, op: str, params: Params, body: bytes, now: datetime, key: SigningKey, jti: str
) -> bytes:
    """Return the token for one call of `op`, good for a minute from `now`."""
    payload = {
        "iss": iss,
        "aud": aud,
        "iat": to_seconds(now),
        "exp": to_seconds(now + REQUEST_LIFETIME),
        "jti": jti,
        "op": op,
        "ph": params_hash(op, params, body),
    }
    return jws.sign(TYP, payload, key)


def open_request(
    token: bytes,
    *,
    find_key: FindKey,
    us: str,
    op: str,
    params: Params,
    body: bytes | None,
    now: datetime,
    skew: timedelta = CLOCK_SKEW,
) -> Request:
    """Verify the token of a call to `op` at `us`; None for a body on its way: see `Request.refuse_other`.

    Raises:
        Refused: the first check that failed; `clock-skew` names the seconds the caller's clock is off.

    """
    opened = jws.open_between(
        token, typ=TYP, find_key=find_key, us=us, sender=None, received_at=now, max_bytes=MAX_REQUEST_BYTES
    )
    said = opened.payload
    iat, exp = claims.seconds(said, "iat"), claims.seconds(said, "exp")
    if not timedelta(0) < exp - iat <= REQUEST_LIFETIME:
        raise Refused(Reason.REQUEST_LIFETIME, f"a request token lives at most {REQUEST_LIFETIME.seconds} seconds")
    if not iat - skew <= now < exp + skew:
        ahead = round((iat - now).total_seconds())
        side = "ahead of" if ahead > 0 else "behind"
        raise Refused(
            Reason.CLOCK_SKEW,
            f"the caller's clock is {abs(ahead)} seconds {side} ours, or the call was under way so long",
        )
    if said.get("op") != op:
        raise _mismatch(op)
    iss, jti = claims.unit(said, "iss"), claims.ident(said, "jti")
    request = Request(iss=iss, jti=jti, iat=iat, exp=exp, key=opened.key, opened_at=now, bound_to=said.get("ph"))
    if body is not None:
        request.refuse_other(op, params, body)
    return request


def _mismatch(op: str) -> Refused:
    return Refused(Reason.REQUEST_MISMATCH, f"the token is not for this call of {op}")


def params_hash(op: str, params: Params, body: bytes) -> str:
    """Return the digest that binds a token to an operation, its parameters and its body."""
    return canonical.sha256_hex(canonical.dumps({"op": op, "params": dict(params), "body": canonical.sha256_hex(body)}))
