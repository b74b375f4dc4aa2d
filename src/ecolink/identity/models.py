"""The tables of identity: accounts of people and programs, second factors, logins, and tries that failed."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ecolink.identity.roles import Role
from ecolink.storage.base import Base

ID = String(36)


class AccountKind(StrEnum):
    """Who logs in: a person with a password, or a program with a secret."""

    USER = "user"
    CLIENT = "client"


class Account(Base):
    """A person or a program that may log in."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("kind", "username"),
        CheckConstraint(f"kind IN {tuple(kind.value for kind in AccountKind)}", name="kind"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    kind: Mapped[str] = mapped_column(String(6))
    username: Mapped[str] = mapped_column(String(64))
    """A person's login name or a program's client_id; lower case."""
    name: Mapped[str] = mapped_column(String(100))
    credential: Mapped[str] = mapped_column(String(200))
    """Argon2id of a password, or SHA-256 of a secret we made; empty where the identity provider vouches."""
    roles: Mapped[list[str]]
    must_change_password: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    credential_changed_at: Mapped[datetime]
    provider_subject: Mapped[str | None] = mapped_column(String(64), index=True, unique=True)
    """SHA-256 of issuer and subject, where the person signs in with the identity provider and has no password."""
    second_factor_since: Mapped[datetime | None]
    """When the person's authenticator app was confirmed; from then on a password alone opens nothing."""
    disabled_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class

    def held_roles(self) -> frozenset[Role]:
        """Return the roles held now."""
        return frozenset(Role(role) for role in self.roles)


class LoginSession(Base):
    """One login: an access token, or a browser's cookie, is good only while this row says so."""

    __tablename__ = "login_sessions"
    __table_args__ = (Index(None, "account_id", "expires_at"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    """An access token's `sid`."""
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    source: Mapped[str] = mapped_column(String(64))
    """Address the login came from."""
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(String(64))
    cookie: Mapped[str | None] = mapped_column(String(64), unique=True)
    """SHA-256 of what the browser holds, where somebody logged in at the console; else there is an access token."""
    agent: Mapped[str | None] = mapped_column(String(200))
    """What the browser calls itself, so that one knows one's own logins again."""

    seen_at: Mapped[datetime | None]
    """When the browser was last heard of, to a few minutes; an access token is too short-lived to be asked."""

    account: Mapped[Account] = relationship(lazy="raise")


class Guessing(Base):
    """Tries to log in that have not succeeded, counted by name, by source and by both."""

    __tablename__ = "guessing"

    subject: Mapped[str] = mapped_column(String(71), primary_key=True)
    """`pair:`, `name:` or `source:` and a digest; what was typed is not kept, for it may be a password."""
    tries: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(index=True)
    blocked_until: Mapped[datetime | None]


class SecondFactor(Base):
    """The secret a person's app makes codes from; `Account.second_factor_since` says whether it counts yet."""

    __tablename__ = "second_factors"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """The secret, sealed to the node's key (`kit.vault`)."""
    begun_at: Mapped[datetime]
    last_step: Mapped[int] = mapped_column(BigInteger)
    """The thirty seconds whose code was used last: none up to here is good again."""


class RecoveryCode(Base):
    """A code on paper, for who lost the telephone; it has 120 random bits, so a SHA-256 is kept."""

    __tablename__ = "recovery_codes"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    spent_at: Mapped[datetime | None]
