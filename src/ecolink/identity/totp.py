"""One-time codes of an authenticator app: TOTP (RFC 6238) over HOTP (RFC 4226), pure.

Six digits, a new code every thirty seconds, HMAC with SHA-1: what every app speaks. HMAC asks nothing of SHA-1 that
was broken; many apps pass over a request for another hash without a word, and show codes that are never right.
"""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

DIGITS: Final = 6
STEP_SECONDS: Final = 30
DRIFT: Final = 1
"""Steps a telephone's clock may be off, either way (RFC 6238 section 5.2)."""

_SECRET_BYTES: Final = 20
"""160 bits, as RFC 4226 section 4 recommends."""


def new_secret() -> bytes:
    """Return a secret for one person's app."""
    return secrets.token_bytes(_SECRET_BYTES)


def step_at(now: datetime) -> int:
    """Return the number of the thirty seconds in which `now` falls."""
    return int(now.timestamp()) // STEP_SECONDS


def code_at(secret: bytes, step: int) -> str:
    """Return the code of one step (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def find_step(secret: bytes, code: str, now: datetime, *, after: int) -> int | None:
    """Return the step whose code `code` is, if it is near `now` and later than `after`: no code is good twice."""
    given = code.replace(" ", "").encode()
    present = step_at(now)
    found = None
    for step in range(present - DRIFT, present + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), given) and step > after:
            found = step
    return found


def spell(secret: bytes) -> str:
    """Return a secret as people type it into an app: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address_of(secret: bytes, *, issuer: str, username: str) -> str:
    """Return the `otpauth:` address that an app reads from a QR code."""
    shown = urlencode(
        {"secret": base64.b32encode(secret).decode(), "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS},
        quote_via=quote,
    )
    return f"otpauth://totp/{quote(issuer)}:{quote(username)}?{shown}"
