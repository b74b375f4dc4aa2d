"""Passwords of people and secrets of programs.

A password is hashed with Argon2id in the second recommended form of RFC 9106 section 4 (64 MiB, three
passes). A secret is made by us from 256 random bits, which nobody guesses: SHA-256 is enough and quick.
"""

import hashlib
import hmac
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from ecolink.errors import InvalidError, ThrottledError

MIN_LENGTH = 12
MAX_LENGTH = 128
_FEWEST_DIFFERENT = 5
_FEWEST_BESIDE_WORDS = 8

CONTEXT_WORDS: Final = (
    *("ecolink", "police", "bureau", "station", "forest", "ranger", "password", "welcome", "letmein", "qwerty"),
    *("admin", "administrator", "officer", "liaison", "reviewer", "approver", "chief", "auditor", "integrator"),
    *("gongan", "jingcha", "minjing", "paichusuo", "senlin", "mima", "guanliyuan"),
    *("公安", "警察", "民警", "派出所", "森林", "密码", "口令", "管理员", "审计员"),
)
"""Words anybody would try at this door first. They may stand in a password, and count for nothing there."""

_BREACHED: Final = Path(__file__).parent / "breached_passwords.bin"
_PREFIX_BYTES: Final = 6

AT_ONCE = 2
"""Hashes computed at the same time; each takes 64 MiB and a core for a tenth of a second."""
WAITING = 16
"""Logins that may wait for their turn; more are sent away at once, so that guessing never fills the node's threads."""

_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$bh2xEnEFp2kbub9ir+a70w$+armI9ifcAAxUEKy9+H10quty3rzdsNsI4A481ACH/k"
"""The hash of a password that was thrown away: compared with when there is no account, so that this takes as long."""


@dataclass(frozen=True, repr=False)
class Passwords:
    """Hashes and checks passwords, a few at a time."""

    hasher: PasswordHash = field(default_factory=lambda: PasswordHash((Argon2Hasher(),)))
    _turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(AT_ONCE))
    _places: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(AT_ONCE + WAITING))

    def hash(self, password: str) -> str:
        """Return what to store for `password`.

        Raises:
            ThrottledError: too many hashes are being computed.

        """
        with self._turn():
            return self.hasher.hash(_normal(password))

    def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether `password` is the stored one; takes as long when there is none.

        Raises:
            ThrottledError: too many hashes are being computed.

        """
        with self._turn():
            try:
                right = self.hasher.verify(_normal(password), stored or _NOBODYS)
            except UnknownHashError:
                return False
            return right and stored is not None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise ThrottledError(
                "Too many logins at once; try again in a moment.",
                "同时登录的人数过多，请稍后再试。",
                retry_after=2,
            )
        try:
            with self._turns:
                yield
        finally:
            self._places.release()


def check_password(password: str, username: str) -> None:
    """Refuse a password that is too easily guessed; length is what counts (NIST SP 800-63B section 5.1.1).

    Any character may stand in it. It is not one of the stolen passwords that guessers try first, and words of this
    trade count for nothing.

    Raises:
        InvalidError: with the rule it breaks.

    """
    password = _normal(password)
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidError(
            f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.",
            f"密码长度须为 {MIN_LENGTH} 至 {MAX_LENGTH} 个字符。",
            pointer="/password",
        )
    if username.lower() in password.lower() or len(set(password)) < _FEWEST_DIFFERENT:
        raise InvalidError(
            "A password does not hold the username and is not one character over and over.",
            "密码不得包含用户名，也不得由少数字符重复而成。",
            pointer="/password",
        )
    if len(_without_words(password.lower())) < _FEWEST_BESIDE_WORDS:
        raise InvalidError(
            f"Beside words such as police, admin or password it has at least {_FEWEST_BESIDE_WORDS} characters.",
            f"除“警察”“admin”“密码”等常用词外，密码至少还须有 {_FEWEST_BESIDE_WORDS} 个字符。",
            pointer="/password",
        )
    if _prefix(password) in _breached():
        raise InvalidError(
            "This password stands in lists of stolen ones, which guessers try first; take another.",
            "该密码已出现在公开泄露的密码清单中，请另选密码。",
            pointer="/password",
        )


def new_password() -> str:
    """Return a password to hand to a person, who must change it: 128 random bits."""
    return secrets.token_urlsafe(16)


def new_secret() -> str:
    """Return a program's secret: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Return what to store for a secret we made."""
    return "sha256$" + hashlib.sha256(secret.encode()).hexdigest()


def verify_secret(secret: str, stored: str | None) -> bool:
    """Tell whether `secret` is the stored one; takes as long when there is none."""
    return hmac.compare_digest(hash_secret(secret), stored or "sha256$" + "0" * 64)


def _without_words(password: str) -> str:
    for word in sorted(CONTEXT_WORDS, key=len, reverse=True):
        password = password.replace(word, "")
    return password


def _breached() -> frozenset[bytes]:
    """Return the beginnings of the digests of stolen passwords; see scripts/vendor_passwords.py."""
    held = _BREACHED.read_bytes()
    return frozenset(held[at : at + _PREFIX_BYTES] for at in range(0, len(held), _PREFIX_BYTES))


def _prefix(password: str) -> bytes:
    """Return how a password stands in the list of stolen ones: in lower case, as nobody guesses one way only."""
    return hashlib.sha256(password.lower().encode()).digest()[:_PREFIX_BYTES]


def _normal(password: str) -> str:
    """Return one form of text that keyboards write in several (RFC 8265 section 4.2)."""
    return unicodedata.normalize("NFC", password)
