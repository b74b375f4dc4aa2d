"""The second factor: a code from a person's authenticator app, or one of the recovery codes kept on paper.

An enrolment counts once a first code from the app has shown that it took. A code is good once, a recovery code is
good once; whoever guesses is slowed down by person and by source, apart from those who guess passwords.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from ecolink.errors import ConflictError, InvalidError
from ecolink.identity import totp
from ecolink.identity.accounts import Accounts
from ecolink.identity.models import Account, RecoveryCode, SecondFactor
from ecolink.identity.principal import Principal
from ecolink.identity.sessions import end_all
from ecolink.identity.throttle import Throttle
from ecolink.kit.events import structlog
from ecolink.kit.vault import Vault, VaultError

RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 15
"""120 bits, in 24 letters: enough that SHA-256 may keep them (OWASP ASVS 6.5.2 asks for 112)."""

MAX_OTP: Final = 40
"""Characters of a code or a recovery code, blanks and hyphens included."""

_log = structlog.get_logger(__name__)


class Verdict(StrEnum):
    """What came of asking for the second factor."""

    NOT_ENROLLED = "not enrolled"
    MISSING = "missing"
    WRONG = "wrong"
    CODE = "code"
    RECOVERY_CODE = "recovery code"

    @property
    def lets_in(self) -> bool:
        """Whether the person may come in."""
        return self not in {Verdict.MISSING, Verdict.WRONG}


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a person's app is to be told, this once."""

    secret: str
    """Base32 in groups of four, to be typed."""
    address: str
    """The same as an `otpauth:` address, for a QR code."""


@dataclass(frozen=True, slots=True, repr=False)
class SecondFactors:
    """Enrols people's apps, looks at their codes, and takes them away again."""

    vault: Vault
    throttle: Throttle
    accounts: Accounts
    bureau: str
    """What an app lists the code under."""

    def begin(self, session: Session, account: Account, now: datetime) -> Enrolment:
        """Choose a secret for the person's app; it counts for nothing until `confirm`.

        Raises:
            ConflictError: there is a confirmed one, or the identity provider is asked for it.

        """
        if account.provider_subject is not None:
            raise ConflictError(
                "You sign in with the bureau account: a second factor is asked for there.",
                "您使用统一身份登录，动态口令由统一身份认证服务管理。",
            )
        if account.second_factor_since is not None:
            raise ConflictError(
                "You have a second factor; remove it before you enrol another app.",
                "您已启用动态口令；更换验证器请先移除原有的。",
            )
        secret = totp.new_secret()
        session.merge(
            SecondFactor(
                account_id=account.id, sealed=self.vault.seal(secret, _about(account.id)), begun_at=now, last_step=-1
            )
        )
        session.flush()
        return Enrolment(totp.spell(secret), totp.address_of(secret, issuer=self.bureau, username=account.username))

    def confirm(self, session: Session, account: Account, code: str, *, by: Principal, now: datetime) -> list[str]:
        """Have the enrolment count, its first `code` being right; end the person's other logins; return recovery codes.

        Raises:
            ConflictError: there is none to confirm.
            InvalidError: the code is not right.

        """
        if account.second_factor_since is not None or session.get(SecondFactor, account.id) is None:
            raise ConflictError("There is no enrolment to confirm.", "没有待确认的动态口令。")
        if not self._spend_code(session, account.id, code, now):
            raise InvalidError(
                "The code is not right; look whether the telephone's clock is.",
                "动态口令不正确，请检查手机时间是否准确。",
                pointer="/otp",
            )
        account.second_factor_since = now
        end_all(session, account, by, now, but=by.session_id)
        self.accounts.record(session, account, "second factor enrolled", by, now)
        return self._write_recovery_codes(session, account.id)

    def renew_recovery_codes(self, session: Session, account: Account, *, by: Principal, now: datetime) -> list[str]:
        """Return new recovery codes; the old ones open nothing any more.

        Raises:
            ConflictError: the person has no second factor.

        """
        if account.second_factor_since is None:
            raise ConflictError("There is no second factor.", "尚未启用动态口令。")
        self.accounts.record(session, account, "recovery codes renewed", by, now)
        return self._write_recovery_codes(session, account.id)

    def opens(self, session: Session, account_id: str) -> bool:
        """Tell whether the secret of a person's app can be read with this node's key."""
        try:
            self._secret(session.get_one(SecondFactor, account_id))
        except VaultError:
            return False
        return True

    def recovery_codes_left(self, session: Session, account_id: str) -> int:
        """Return how many recovery codes are still good."""
        unspent = select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.spent_at.is_(None))
        return session.scalar(unspent) or 0

    def remove(self, session: Session, account: Account, *, by: Principal, now: datetime) -> None:
        """Take the second factor away, an enrolment under way as well; every other login ends. Twice is once."""
        enrolled = account.second_factor_since is not None
        session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account.id))
        session.execute(delete(SecondFactor).where(SecondFactor.account_id == account.id))
        if enrolled:
            account.second_factor_since = None
            end_all(session, account, by, now, but=by.session_id)
            self.accounts.record(session, account, "second factor removed", by, now)

    def judge(self, session: Session, account: Account, otp: str | None, source: str, now: datetime) -> Verdict:
        """Say whether `otp`, sent from the address `source`, is what the account asks for; spend it if it is.

        The caller commits in any case: a wrong try counts only if it is kept.

        Raises:
            ThrottledError: too many wrong codes on this account or from this source.

        """
        if account.second_factor_since is None:
            return Verdict.NOT_ENROLLED
        if not otp:
            return Verdict.MISSING
        # No name that somebody types is ever in capitals: nobody slows this down at the password's door.
        attempt = self.throttle.count(session, f"OTP {account.id}", source, now)
        verdict = self._spend(session, account.id, otp, now)
        if verdict.lets_in:
            attempt.take_back(session)
        return verdict

    def _spend(self, session: Session, account_id: str, otp: str, now: datetime) -> Verdict:
        if self._spend_code(session, account_id, otp, now):
            return Verdict.CODE
        spent = session.execute(
            update(RecoveryCode)
            .where(
                RecoveryCode.account_id == account_id,
                RecoveryCode.digest == _digest(account_id, otp),
                RecoveryCode.spent_at.is_(None),
            )
            .values(spent_at=now)
            .returning(RecoveryCode.digest)
        )
        return Verdict.WRONG if spent.one_or_none() is None else Verdict.RECOVERY_CODE

    def _spend_code(self, session: Session, account_id: str, code: str, now: datetime) -> bool:
        # Locked: of two that bring the same code at once, one comes too late.
        factor = session.get_one(SecondFactor, account_id, with_for_update=True, populate_existing=True)
        try:
            secret = self._secret(factor)
        except VaultError:  # the database came back without its keys: recovery codes are still good
            _log.error("second factor does not open", account=account_id)
            return False
        step = totp.find_step(secret, code, now, after=factor.last_step)
        if step is None:
            return False
        factor.last_step = step
        session.flush()
        return True

    def _secret(self, factor: SecondFactor) -> bytes:
        return self.vault.open(factor.sealed, _about(factor.account_id))

    def _write_recovery_codes(self, session: Session, account_id: str) -> list[str]:
        codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
        session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
        session.add_all(RecoveryCode(account_id=account_id, digest=_digest(account_id, code)) for code in codes)
        session.flush()
        return codes


def _about(account_id: str) -> str:
    return f"second factor of {account_id}"


def _new_recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _digest(account_id: str, code: str) -> str:
    """Return how a recovery code is kept: as typed, but for blanks, hyphens and capitals."""
    plain = code.lower().replace("-", "").replace(" ", "")
    return hashlib.sha256(f"{account_id} {plain}".encode("utf-8", "replace")).hexdigest()
