"""What statements say: one versioned model per type, for the body and, where there are personal data, the private part.

`KINDS` is every type this node knows. The models are published as JSON Schema in openapi/statements.v1.json
(`python -m ecolink.protocol.kinds`); members a node does not know are kept, so that newer nodes may say more.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ecolink.protocol.kinds import (
    agreements,
    attachments,
    bulletins,
    consultations,
    emergencies,
    exchange,
    leads,
    liaison,
    obligations,
    privacy,
)
from ecolink.protocol.kinds.common import Kind

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.type: kind
        for module in (
            leads,
            bulletins,
            emergencies,
            attachments,
            privacy,
            agreements,
            obligations,
            liaison,
            consultations,
            exchange,
        )
        for kind in module.KINDS
    }
)
