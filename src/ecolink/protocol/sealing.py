"""A statement's way to others: sealed once by its author, opened and checked claim by claim by each recipient.

What is written and what is read stand side by side, for they must agree to the letter.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from re import compile as pattern
from typing import Any, NamedTuple

from ecolink.kit import canonical
from ecolink.kit.times import to_seconds, to_text
from ecolink.protocol import claims, jws, private_part, strict_json
from ecolink.protocol.claims import Claims
from ecolink.protocol.keys import FindKey, SigningKey
from ecolink.protocol.limits import MAX_ATTACHMENTS, MAX_PARENTS, MAX_RECIPIENTS, MAX_STATEMENT_BYTES
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import (
    CLASSIFICATIONS,
    AttachmentRef,
    Draft,
    Handling,
    HandlingCode,
    Lane,
    Onward,
    Part,
    Statement,
)

TYP = "ecolink-statement+jws"

_TYPE = pattern(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]{0,3}")
_MAX_TYPE = 64

_TOGETHER = 32
"""Statements that are verified together."""


def seal(
    draft: Draft,
    *,
    iss: str,
    jti: str,
    iat: datetime,
    key: SigningKey,
    salts: Callable[[], str] = private_part.new_salt,
) -> Statement:
    """Sign `draft` and return the statement exactly as every recipient will read it.

    Raises:
        Refused: no recipient would accept it; the same codes as `open_statement`.

    """
    try:
        private = None if draft.private is None else private_part.write(draft.private, salts())
        payload = canonical.dumps(_written(draft, iss, jti, iat, salts(), private))
    except (ValueError, OverflowError):  # NaN, a lone surrogate; a time beyond the calendar
        raise Refused(Reason.BAD_JSON, "the statement holds what JSON cannot carry") from None
    token = jws.sign_bytes(TYP, payload, key)
    if len(token) > MAX_STATEMENT_BYTES:
        raise Refused(Reason.TOO_LARGE, f"a statement of {len(token)} bytes; at most {MAX_STATEMENT_BYTES}")
    said = strict_json.loads(payload, max_bytes=MAX_STATEMENT_BYTES)
    return _read(jws.digest_of(token), key.kid, token, private, said)


def open_statement(
    token: bytes,
    private: bytes | None,
    *,
    find_key: FindKey,
    us: str | None,
    sender: str | None,
    received_at: datetime | None,
) -> Statement:
    """Verify a statement and its private part.

    Args:
        token: the compact token as received.
        private: the private part as received; None when absent or erased.
        find_key: looks a kid up among pinned keys.
        us: our unit code, which must stand in `aud`; None when a third party checks.
        sender: the bureau the channel belongs to, which must be the issuer; None when unknown.
        received_at: the moment (UTC, our clock) at which the key must have been valid; None to skip.

    Raises:
        Refused: the first check that failed.

    """
    opened = jws.open_token(token, typ=TYP, find_key=find_key, max_bytes=MAX_STATEMENT_BYTES)
    return _accept(opened, private, us, sender, received_at)


def open_statements(
    parts: Sequence[Part], *, find_key: FindKey, us: str | None, sender: str | None, received_at: datetime | None
) -> Iterator[Statement | Refused]:
    """Verify statements with their private parts as `open_statement` does, and tell of each what it says, or why not.

    Some are verified together, which is quicker (see `jws.open_tokens`), but never so many that it takes much memory.
    """
    for start in range(0, len(parts), _TOGETHER):
        some = parts[start : start + _TOGETHER]
        tokens = [token for token, _ in some]
        opened = jws.open_tokens(tokens, typ=TYP, find_key=find_key, max_bytes=MAX_STATEMENT_BYTES)
        for said, (_, private) in zip(opened, some, strict=True):
            try:
                yield said if isinstance(said, Refused) else _accept(said, private, us, sender, received_at)
            except Refused as refused:
                yield refused


def _accept(
    opened: jws.Opened, private: bytes | None, us: str | None, sender: str | None, received_at: datetime | None
) -> Statement:
    """Check what a verified statement says, against who sent it to whom and when it came."""
    said = opened.payload
    if sender is not None and said["iss"] != sender:
        raise Refused(Reason.WRONG_SENDER, f"issued by {said['iss']}, sent by {sender}")
    statement = _read(opened.digest, opened.kid, opened.token, private, said)
    if us is not None and us not in statement.aud:
        raise Refused(Reason.WRONG_AUDIENCE, f"not addressed to {us}")
    if received_at is not None:
        opened.key.refuse_unless_valid(received_at)
    return statement


def read_statement(token: bytes, private: bytes | None) -> Statement:
    """Read a statement again that this node verified before it stored it. The signature is not looked at.

    Raises:
        Refused: the bytes are no statement, or not with this private part; the store was damaged.

    """
    stored = jws.reread(token, typ=TYP, max_bytes=MAX_STATEMENT_BYTES)
    return _read(stored.digest, stored.kid, token, private, stored.payload)


def _written(draft: Draft, iss: str, jti: str, iat: datetime, salt: str, private: bytes | None) -> dict[str, Any]:
    """Return the payload; absent members are left out."""
    payload = {
        "iss": iss,
        "aud": draft.aud,
        "jti": jti,
        "iat": to_seconds(iat),
        "deliver_by": draft.deliver_by and to_text(draft.deliver_by),
        "type": draft.type,
        "thread": draft.thread,
        "parents": draft.parents,
        "lane": draft.lane,
        "salt": salt,
        "classification": draft.classification,
        "handling": _without_none(
            {"code": draft.handling.code, "text": draft.handling.text, "onward": draft.handling.onward}
        ),
        "is_exercise": draft.is_exercise,
        "purpose": draft.purpose,
        "legal_basis": draft.legal_basis,
        "author_role": draft.author_role,
        "approver": draft.approver,
        "retain_until": to_text(draft.retain_until),
        "supersedes": draft.supersedes,
        "recalls": draft.recalls,
        "attachments": [
            {"digest": each.digest, "size": each.size, "name": each.name, "media_type": each.media_type}
            for each in draft.attachments
        ],
        "body": draft.body,
        "private": private and canonical.sha256_hex(private),
    }
    return _without_none(payload)


def _without_none(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if value is not None}


def _read(digest: str, kid: str, token: bytes, private: bytes | None, said: Claims) -> Statement:
    """Check every claim and return the statement."""
    terms = _terms(said)
    aud = _audience(said)
    if terms.lane is Lane.CASE and len(aud) != 1:
        raise Refused(Reason.CASE_RECIPIENTS, f"{len(aud)} recipients in the case lane")
    if terms.lane is Lane.CONTROL:
        _refuse_other_traffic(said)
    private_digest = claims.maybe_digest(said, "private")
    if private is not None:
        private_part.check(private, private_digest)
    return Statement(
        token=token,
        digest=digest,
        kid=kid,
        private=private,
        private_digest=private_digest,
        iss=claims.unit(said, "iss"),
        aud=aud,
        jti=claims.ident(said, "jti"),
        iat=claims.seconds(said, "iat"),
        deliver_by=claims.maybe_moment(said, "deliver_by"),
        type=terms.type,
        thread=claims.ident(said, "thread"),
        parents=_parents(said),
        lane=terms.lane,
        salt=private_part.salt(said),
        classification=terms.classification,
        handling=_handling(claims.members(said, "handling")),
        is_exercise=terms.is_exercise,
        purpose=terms.purpose,
        legal_basis=terms.legal_basis,
        author_role=terms.author_role,
        approver=None if said.get("approver") is None else claims.members(said, "approver"),
        retain_until=claims.moment(said, "retain_until"),
        supersedes=claims.maybe_ident(said, "supersedes"),
        recalls=claims.maybe_ident(said, "recalls"),
        attachments=_attachments(said),
        body=claims.members(said, "body"),
    )


class _Terms(NamedTuple):
    """The claims in which most statements are alike."""

    lane: Lane
    is_exercise: bool
    type: str
    classification: str
    purpose: str
    legal_basis: str
    author_role: str


def _terms(said: Claims) -> _Terms:
    try:
        return _known_terms(*map(said.get, _Terms._fields))
    except (Refused, TypeError):  # what is wrong with it is told below; a TypeError, of what cannot be looked up
        return _check_terms(said)


@lru_cache(maxsize=1024, typed=True)  # typed, for 1 is not true
def _known_terms(*values: Any) -> _Terms:  # noqa: ANN401 - JSON is any value
    """Check terms once; few different ones are in use."""
    return _check_terms(dict(zip(_Terms._fields, values, strict=True)))


def _check_terms(said: Claims) -> _Terms:
    lane = claims.choice(said, "lane", Lane)
    is_exercise = claims.truth(said, "is_exercise")
    if is_exercise and lane not in _EXERCISE_LANES:
        raise Refused(Reason.EXERCISE_LANE, f"an exercise in the {lane} lane")
    return _Terms(
        lane=lane,
        is_exercise=is_exercise,
        type=_type(said),
        classification=_classification(said),
        purpose=claims.text(said, "purpose"),
        legal_basis=claims.text(said, "legal_basis"),
        author_role=claims.text(said, "author_role", most=64),
    )


_EXERCISE_LANES = (Lane.BULK, Lane.CONTROL)
_CONTROL_TYPES = (".recalled.v1", ".complied.v1", ".erased.v1")


def _refuse_other_traffic(said: Claims) -> None:
    """Keep the control lane, which stays open to a suspended peer, to recalls and compliance."""
    if said.get("recalls") is None and not _type(said).endswith(_CONTROL_TYPES):
        raise Refused(Reason.CONTROL_LANE, "neither a recall nor an answer to one")
    if said.get("deliver_by") is not None:
        raise Refused(Reason.CONTROL_LANE, "a recall is delivered however late")


def _audience(said: Claims) -> tuple[str, ...]:
    aud = claims.items(said, "aud", least=1, most=MAX_RECIPIENTS)
    if not all(map(claims.is_unit, aud)) or len(set(aud)) != len(aud) or said.get("iss") in aud:
        raise claims.wrong(said, "aud", "the unit codes of other bureaus, each once")
    return tuple(aud)


def _parents(said: Claims) -> tuple[str, ...]:
    parents = claims.items(said, "parents", most=MAX_PARENTS)
    if not claims.are_digests(parents) or len(set(parents)) != len(parents):
        raise claims.wrong(said, "parents", "digests, each once")
    return tuple(parents)


def _type(said: Claims) -> str:
    value = claims.text(said, "type", most=_MAX_TYPE)
    if _TYPE.fullmatch(value) is None:
        raise claims.wrong(said, "type", "a name such as lead.requested.v1")
    return value


def _classification(said: Claims) -> str:
    value = claims.text(said, "classification")
    if value not in CLASSIFICATIONS:
        raise Refused(Reason.CLASSIFICATION, f"classification is one of {', '.join(CLASSIFICATIONS)}")
    return value


def _handling(said: Claims) -> Handling:
    try:
        return _known_handling(said.get("code"), said.get("onward"), said.get("text"))
    except (Refused, TypeError):
        return _check_handling(said)


@lru_cache(maxsize=256)
def _known_handling(code: Any, onward: Any, text: Any) -> Handling:  # noqa: ANN401 - JSON is any value
    return _check_handling({"code": code, "onward": onward, "text": text})


def _check_handling(said: Claims) -> Handling:
    code = claims.choice(said, "code", HandlingCode)
    text = claims.text(said, "text") if code is HandlingCode.H3 else claims.maybe_text(said, "text")
    return Handling(code=code, onward=claims.choice(said, "onward", Onward), text=text)


def _attachments(said: Claims) -> tuple[AttachmentRef, ...]:
    return tuple(map(_attachment, claims.items(said, "attachments", most=MAX_ATTACHMENTS)))


def _attachment(said: object) -> AttachmentRef:
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "an attachment is not an object")
    return AttachmentRef(
        digest=claims.digest(said, "digest"),
        size=claims.whole(said, "size"),
        name=claims.text(said, "name"),
        media_type=claims.text(said, "media_type", most=127),
    )
