"""From the statements a node holds to the moves the fold reads. Nothing here needs the database."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from ecolink.exchanges.leads.rules import Move
from ecolink.federation.statements import Stored
from ecolink.federation.threads import Delivery, DeliveryState
from ecolink.kit.times import from_text, to_text
from ecolink.protocol.kinds.common import Frozen, Kind
from ecolink.protocol.kinds.leads import KINDS

KIND_OF: Mapping[str, Kind] = MappingProxyType({kind.type: kind for kind in KINDS})
REJECTED = "statement.rejected.v1"
LOST = (DeliveryState.REFUSED, DeliveryState.EXPIRED)
"""The other node said, signed, that it did not and will not take the statement."""
_COUNTED = ("applied", "rejected", "unsupported")


def read_moves(
    stored: Iterable[Stored], deliveries: Mapping[str, Delivery], *, us: str, peer: str, being: int | None = None
) -> list[Move]:
    """Return the moves of the lead between `us` and `peer`.

    What the other side never took (refused, expired) is no part of the history they share, nor is what we have
    not taken up yet, but for the statement just being applied, numbered `being`. A statement of a third bureau
    that names this thread is no part of it either.
    """
    moves = []
    for each in stored:
        said = each.statement
        delivery = deliveries.get(said.digest)
        is_lost = delivery is not None and delivery.state in LOST
        is_taken_up = each.state in _COUNTED or each.n == being
        if {said.iss, *said.aud} == {us, peer} and is_taken_up and not is_lost:
            moves.append(_move(each, delivery, peer if said.iss == us else us))
    return moves


def private_fault(stored: Stored) -> str | None:
    """Say what is wrong with a private part that is here; nothing is wrong with one that was erased."""
    data = stored.statement.private_data
    kind = KIND_OF[stored.statement.type]
    if data is None or kind.private is None:
        return None
    try:
        private = kind.private.model_validate(data)
    except ValidationError as fault:
        return f"private: {_first(fault)}"
    told = stored.statement.body.get("person_count", 0)
    named = len(getattr(private, "persons", ()))
    return None if told == named else f"the body tells of {told} persons, the private part names {named}"


def private_of(stored: Stored) -> dict[str, Any] | None:
    """Return the private part as JSON, once read as its type wants it; None when it was erased, or does not fit."""
    kind = KIND_OF.get(stored.statement.type)
    data = stored.statement.private_data
    if kind is None or kind.private is None or data is None:
        return None
    try:
        private = kind.private.model_validate(data)
    except ValidationError:
        return None
    return private.model_dump(mode="json", exclude_none=True)


def _move(stored: Stored, delivery: Delivery | None, to: str) -> Move:
    said = stored.statement
    received_at = stored.received_at if stored.direction == "in" else delivery.at if delivery else None
    body, fault = _body(said.type, said.body)
    return Move(
        digest=said.digest,
        parents=said.parents,
        type=said.type,
        author=said.iss,
        to=to,
        at=said.iat,
        # The receipt tells milliseconds; what it was rounded from must not make a difference between the two sides.
        received_at=from_text(to_text(received_at)) if received_at else None,
        approved=bool(said.approver),
        is_named=said.private_digest is not None,
        is_exercise=said.is_exercise,
        body=body,
        fault=fault,
        rejects=str(said.body.get("digest")) if said.type == REJECTED else None,
    )


def _body(kind: str, body: Mapping[str, object]) -> tuple[Frozen | None, str | None]:
    known = KIND_OF.get(kind)
    if known is None:
        return None, None
    try:
        read = known.body.model_validate(body)
    except ValidationError as fault:
        return None, _first(fault)
    return (read, None) if isinstance(read, Frozen) else (None, None)


def _first(fault: ValidationError) -> str:
    """Name the first member at fault, without its value."""
    error = fault.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{'/'.join(map(str, error['loc']))}: {error['msg']}"
