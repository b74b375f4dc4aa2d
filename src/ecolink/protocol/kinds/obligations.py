"""What bureaus tell each other of an obligation beside the records that meet it: that it is late, or need not be done.

A notice of lateness is a node's own word, said once for each obligation by each side: it says what is missing as its
sender sees it, so that two nodes that see it differently find out. A waiver is a cosigned document: the proposal is its
author's signature, and each other party accepts or declines the digest of that statement, with its own reason.
"""

from typing import Annotated

from pydantic import Field

from ecolink.protocol.kinds.common import Day, Digest, Frozen, Kind, Note, UnitCode
from ecolink.protocol.kinds.leads import SignedPrivateV1
from ecolink.protocol.limits import MAX_RECIPIENTS
from ecolink.protocol.statement import Lane

MAX_KEY = 100

_SLUG = r"[a-z0-9]+(-[a-z0-9]+)*"
ObligationKey = Annotated[
    str, Field(pattern=rf"^{_SLUG}/{_SLUG}/[0-9]{{4}}(-(Q[1-4]|0[1-9]|1[0-2]))?$", max_length=MAX_KEY)
]
"""Agreement, duty and period, as every party derives them: `sn-qy-151/liaison/2026-07`."""


class ObligationLateV1(Frozen):
    """An obligation is overdue, says a party's node."""

    key: ObligationKey
    due_on: Day
    owing: Annotated[tuple[UnitCode, ...], Field(min_length=1, max_length=MAX_RECIPIENTS + 1)]
    """Whose part is missing, as the sender sees it."""
    done: bool
    """Whether the sender did its own part."""
    terms: Digest
    """The terms it is due under."""


class WaiverProposedV1(Frozen):
    """A party proposes, and signs by proposing, that an obligation need not be met."""

    key: ObligationKey
    reason: Note


class WaiverAcceptedV1(Frozen):
    """Another party agrees, and says why."""

    key: ObligationKey
    waiver: Digest
    """The digest of the statement that proposed it."""
    reason: Note


class WaiverDeclinedV1(Frozen):
    """Another party does not agree, and says why. It may still accept later."""

    key: ObligationKey
    waiver: Digest
    reason: Note


class WaiverWithdrawnV1(Frozen):
    """Its author takes back a proposal that not all have accepted."""

    key: ObligationKey
    waiver: Digest
    reason: Note


LATE = "obligation.late.v1"

KINDS: tuple[Kind, ...] = (
    Kind(type=LATE, body=ObligationLateV1, lane=Lane.BULK, many=True),
    *(
        Kind(
            type=f"obligation.waiver_{name}.v1",
            body=body,
            private=SignedPrivateV1,
            lane=Lane.BULK,
            many=True,
            approval=True,
        )
        for name, body in (
            ("proposed", WaiverProposedV1),
            ("accepted", WaiverAcceptedV1),
            ("declined", WaiverDeclinedV1),
            ("withdrawn", WaiverWithdrawnV1),
        )
    ),
)
"""A waiver names its approver: it lets a bureau off what it promised, and a person with authority must have said so."""
