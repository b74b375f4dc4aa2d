"""Reading a stored thread as the fold's moves: bodies as their types want them, wrapped statements verified."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import ValidationError
from sqlalchemy.orm import Session

from ecolink.exchanges.bulletins.rules.fold import fold
from ecolink.exchanges.bulletins.rules.matter import Matter, Move
from ecolink.exchanges.bulletins.rules.tables import Act
from ecolink.federation import threads
from ecolink.federation.statements import Stored
from ecolink.protocol.keys import VerifyKey
from ecolink.protocol.kinds.bulletins import (
    KINDS,
    BulletinCompliedV1,
    BulletinContent,
    BulletinKind,
    BulletinPrivate,
    BulletinSharedV1,
)
from ecolink.protocol.kinds.common import Frozen, Kind
from ecolink.protocol.refusal import Refused
from ecolink.protocol.sealing import open_statement, read_statement
from ecolink.protocol.statement import Statement

REJECTED = "statement.rejected.v1"
_KINDS: Mapping[str, Kind] = {kind.type: kind for kind in KINDS}
_SHARED = "bulletin.shared.v1"


class KeysOfBureau(Protocol):
    """The pinned keys of one bureau."""

    def find(self, kid: str) -> VerifyKey | None:
        """Return one of them by name."""
        ...


class Keyring(Protocol):
    """Where pinned keys are found."""

    def keys_of(self, session: Session, unit_code: str) -> KeysOfBureau | None:
        """Return a bureau's keys; None when it is not known here."""
        ...


@dataclass(frozen=True)
class Thread:
    """What this node holds of one thread."""

    us: str
    stored: Sequence[Stored]
    moves: Sequence[Move]

    def fold(self, author: str) -> Matter:
        """Return where `author`'s bulletin stands."""
        return fold(author, self.moves, us=self.us)

    def statement(self, digest: str) -> Statement:
        """Return the statement with this digest, also one that came wrapped in another.

        Raises:
            KeyError: it is not held here.

        """
        for stored in self.stored:
            if stored.statement.digest == digest:
                return stored.statement
        for stored in self.stored:
            inner = _wrapped(stored.statement)
            if inner is not None and inner.digest == digest:
                return inner
        raise KeyError(digest)

    def received_at(self, digest: str) -> datetime | None:
        """Return when this node first held a statement, wrapped or not; UTC."""
        times = [each.received_at for each in self.stored if _holds(each.statement, digest)]
        return min(times, default=None)

    def private(self, digest: str) -> BulletinPrivate:
        """Return the persons and items of a version; empty when it names none, or they were erased.

        Raises:
            KeyError: the version is not held here.

        """
        data = self.statement(digest).private_data
        return BulletinPrivate() if data is None else BulletinPrivate.model_validate(data)


@dataclass(frozen=True, repr=False)
class ThreadReader:
    """Reads threads for the bureau `us`."""

    us: str
    keyring: Keyring

    def read(self, session: Session, thread: str, at_hand: tuple[Stored, Move] | None = None) -> Thread:
        """Return what this node holds of a thread; what was just read of it and is `at_hand` is not read twice."""
        known, move = at_hand or (None, None)
        stored = threads.load(session, thread, known)
        moves = (move if each is known else self.move(session, each) for each in stored)
        return Thread(self.us, stored, [move for move in moves if move is not None])

    def move(self, session: Session, stored: Stored) -> Move | None:
        """Return one statement as a move; None when it is of another kind and only happens to stand in the thread."""
        statement = stored.statement
        if statement.type == REJECTED:
            return _rejection(statement)
        if statement.type not in _KINDS:
            return None
        if statement.type != _SHARED:
            return _move(statement)
        return self._shared(session, stored)

    def _shared(self, session: Session, stored: Stored) -> Move:
        outer = stored.statement
        move = _move(outer)
        if not isinstance(move.body, BulletinSharedV1):
            return move
        try:
            private = _wrapped_private(outer)
            original = self._open(session, stored, move.body.author, move.body.original, private)
            permission = move.body.permission
            granted = self._open(session, stored, move.body.author, permission, None) if permission else None
        except Refused as refused:
            return _move(outer, fault=f"{refused.reason}: {refused.detail}")
        if outer.handling != original.handling or outer.classification != original.classification:
            return _move(outer, fault="terms: it is passed on under other terms than its author's")
        return _move(outer, original=_move(original), permission=_move(granted) if granted else None)

    def _open(self, session: Session, outer: Stored, author: str, token: str, private: bytes | None) -> Statement:
        """Verify a wrapped statement against its author's pinned keys.

        An expired key is believed, for the statement may be older than its rotation; a revoked one is not,
        because nothing here proves that the statement is older than the theft.
        """
        keys = self.keyring.keys_of(session, author)
        if keys is None:
            raise Refused("author-unknown", f"no keys of {author} are pinned here, so its words cannot be verified")
        inner = open_statement(token.encode(), private, find_key=keys.find, us=None, sender=author, received_at=None)
        key = keys.find(inner.kid)
        if key is not None and key.revoked_at is not None and key.revoked_at <= outer.received_at:
            raise Refused("author-key-revoked", "the author's key was revoked before this arrived")
        if inner.thread != outer.statement.thread or inner.type not in _KINDS or inner.type == _SHARED:
            raise Refused("wrong-thread", "what it wraps belongs to another thread, or is no statement of its author's")
        return inner


def act_of(type_: str) -> Act:
    """Return what a statement of this type does."""
    return Act.REJECTED if type_ == REJECTED else Act(type_.split(".")[1])


def _move(
    statement: Statement,
    *,
    original: Move | None = None,
    permission: Move | None = None,
    fault: str | None = None,
) -> Move:
    kind = _KINDS[statement.type]
    try:
        body: Frozen | None = _body(kind, statement)
    except ValidationError as wrong:
        body, fault = None, _first_fault(wrong)
    except ValueError as wrong:
        body, fault = None, str(wrong)
    return Move(
        digest=statement.digest,
        jti=statement.jti,
        act=act_of(statement.type),
        iss=statement.iss,
        aud=statement.aud,
        parents=statement.parents,
        at=statement.iat,
        approved=bool(statement.approver),
        supersedes=statement.supersedes,
        recalls=statement.recalls,
        onward=statement.handling.onward.value,
        body=body,
        fault=fault,
        original=original,
        permission=permission,
    )


def _body(kind: Kind, statement: Statement) -> Frozen:
    """Read a body and hold it against what stands around it.

    Raises:
        ValueError: it does not fit its type, its recipients or its private part.

    """
    body = kind.body.model_validate(statement.body)
    if not isinstance(body, Frozen):
        raise TypeError(kind.type)
    if not kind.many and len(statement.aud) != 1:
        raise ValueError("aud: it is for one bureau alone")
    if kind.private is None and statement.private_digest is not None:
        raise ValueError("private: this type has no private part")
    if kind.private is not None and statement.private is not None:
        kind.private.model_validate(statement.private_data)
    if isinstance(body, BulletinCompliedV1) and body.author in {each.unit_code for each in body.onward}:
        raise ValueError("onward: the author does not answer itself")
    if isinstance(body, BulletinContent):
        _check_content(body, statement)
    return body


def _check_content(body: BulletinContent, statement: Statement) -> None:
    is_correction = act_of(statement.type) is Act.CORRECTED
    if is_correction is (statement.supersedes is None):
        raise ValueError("supersedes: a correction supersedes a version, and nothing else does")
    if body.alliance and not {statement.iss, *statement.aud} <= set(body.alliance.members):
        raise ValueError("alliance: it is told to bureaus that are not on the roster")
    if statement.private_digest is not None and (body.sanitised or body.kind is not BulletinKind.PERSON_OR_ITEM):
        raise ValueError("private: only a bulletin on a person or an item, not sanitised, names any")
    if statement.private_digest is not None and body.case_number is None:
        raise ValueError("case_number: persons are named only with a case number")


def _rejection(statement: Statement) -> Move:
    return Move(
        digest=statement.digest,
        jti=statement.jti,
        act=Act.REJECTED,
        iss=statement.iss,
        aud=statement.aud,
        parents=statement.parents,
        at=statement.iat,
        rejects=str(statement.body.get("digest", "")),
        fault=str(statement.body.get("code", ""))[:64],
    )


def _first_fault(wrong: ValidationError) -> str:
    """Return the first thing wrong, without what stood there."""
    first = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['type']}"


# What a `shared` wraps --------------------------------------------------------------------------------------


def _wrapped(outer: Statement) -> Statement | None:
    """Return the author's statement inside a stored `shared`; it was verified when that one came."""
    token = outer.body.get("original")
    if outer.type != _SHARED or not isinstance(token, str):
        return None
    try:
        return read_statement(token.encode(), _wrapped_private(outer))
    except Refused:
        return None


def _wrapped_private(outer: Statement) -> bytes | None:
    data = outer.private_data
    return data["original"].encode() if data and isinstance(data.get("original"), str) else None


def _holds(statement: Statement, digest: str) -> bool:
    if statement.digest == digest:
        return True
    inner = _wrapped(statement)
    return inner is not None and inner.digest == digest
