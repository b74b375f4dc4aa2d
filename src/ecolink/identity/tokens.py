"""Access tokens of the local API: JWTs under ES256, signed with a key that signs nothing else.

python-jose is lenient (an absent audience passes, an unknown `crit` passes): so it gets one algorithm and
one key, and every claim is checked here, against the time handed in.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from ecolink.errors import UnauthenticatedError
from ecolink.kit.times import from_seconds, to_seconds
from ecolink.protocol.keys import SigningKey

LONGEST_LIFE = timedelta(minutes=15)
MAX_TOKEN = 2048
"""Characters a token of ours never reaches."""

_ALGORITHM = "ES256"
_CLAIMS = {"iss": str, "aud": str, "sub": str, "sid": str, "jti": str, "iat": int, "exp": int}
_CHECKED_HERE = {f"verify_{claim}": False for claim in ("aud", "iat", "exp", "nbf", "iss", "sub", "jti", "at_hash")}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says."""

    account_id: str
    session_id: str
    token_id: str
    expires_at: datetime


class Tokens:
    """Issues and reads the access tokens of one node."""

    def __init__(self, key: SigningKey, unit_code: str, *, life: timedelta = LONGEST_LIFE) -> None:
        """Take the key for local tokens and the bureau whose tokens they are.

        Raises:
            ValueError: a token would live longer than 15 minutes.

        """
        if not timedelta(0) < life <= LONGEST_LIFE:
            msg = f"an access token lives at most {LONGEST_LIFE}"
            raise ValueError(msg)
        self.life = life
        self._kid = key.kid
        self._issuer = unit_code
        self._audience = f"{unit_code}/api/v1"
        self._key = key

    @cached_property
    def _private(self) -> Any:  # noqa: ANN401 - python-jose's
        """The key as python-jose has it, which is imported with the first login: it takes 2 MB."""
        from jose import jwk  # noqa: PLC0415

        return jwk.construct(self._key.to_pem(None).decode(), _ALGORITHM)

    @cached_property
    def _public(self) -> Any:  # noqa: ANN401
        return self._private.public_key()

    def issue(self, claims: Claims, now: datetime) -> str:
        """Return the token that says `claims`."""
        from jose import jwt  # noqa: PLC0415

        said = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": claims.account_id,
            "sid": claims.session_id,
            "jti": claims.token_id,
            "iat": to_seconds(now),
            "exp": to_seconds(claims.expires_at),
        }
        return str(jwt.encode(said, self._private, algorithm=_ALGORITHM, headers={"kid": self._kid}))

    def read(self, token: str, now: datetime) -> Claims:
        """Return what `token` says, if it is one of ours, for us, and its time is not over.

        Raises:
            UnauthenticatedError: it is not; the reason is not told.

        """
        from jose.exceptions import JOSEError  # noqa: PLC0415

        try:
            claims = self._open(token)
        except (JOSEError, ValueError, TypeError, KeyError, RecursionError) as fault:
            raise bad_token() from fault
        typed = all(type(claims.get(name)) is kind for name, kind in _CLAIMS.items())
        if not typed or claims["iss"] != self._issuer or claims["aud"] != self._audience:
            raise bad_token()
        seconds = to_seconds(now)
        if not claims["iat"] <= seconds < claims["exp"] or claims["exp"] - claims["iat"] > self.life.total_seconds():
            raise bad_token()
        return Claims(claims["sub"], claims["sid"], claims["jti"], from_seconds(claims["exp"]))

    def _open(self, token: str) -> dict[str, Any]:
        from jose import jwt  # noqa: PLC0415

        if len(token) > MAX_TOKEN or not token.isascii():
            raise ValueError
        if jwt.get_unverified_header(token) != {"alg": _ALGORITHM, "typ": "JWT", "kid": self._kid}:
            raise ValueError
        # Only the public half is handed over: nothing that verifies can sign.
        claims = jwt.decode(token, self._public, algorithms=[_ALGORITHM], options=_CHECKED_HERE)
        return dict(claims)


def bad_token() -> UnauthenticatedError:
    """Return the one answer to every token that is not good (any more)."""
    return UnauthenticatedError(
        "The access token is not valid, or no longer; log in again.",
        "访问令牌无效或已失效，请重新登录。",
    )
