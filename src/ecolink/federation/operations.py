"""What one node may ask of another: the table that both our server and our client are built from.

A request token is bound to an operation's name, its parameters and its body, never to a URL: gateways
between provinces rewrite hosts and paths.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode

from ecolink.protocol.limits import MAX_PUSH_BYTES

MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; parameters named in `path` travel there, those in `headers` as headers, the rest as query."""

    name: str
    method: str
    path: str
    max_body: int = 0
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def target(self, params: Mapping[str, str]) -> str:
        """Return path and query of a call with `params`."""
        path = self.path
        query = {}
        for name, value in params.items():
            slot = "{" + name + "}"
            if slot in path:
                path = path.replace(slot, quote(value, safe=""))
            elif name not in self.headers:
                query[name] = value
        return f"{path}?{urlencode(query)}" if query else path

    def header_fields(self, params: Mapping[str, str]) -> dict[str, str]:
        """Return the parameters that travel as HTTP header fields."""
        return {self.headers[name]: value for name, value in params.items() if name in self.headers}


PUSH = Operation("batches.push", "POST", "/federation/v1/batches", MAX_PUSH_BYTES)
PULL = Operation("batches.pull", "GET", "/federation/v1/channels/{lane}/batches")
RETURN = Operation("batches.return", "GET", "/federation/v1/channels/{lane}/returns")
RECEIPTS = Operation("receipts.push", "POST", "/federation/v1/receipts", 4 * MEBIBYTE)
HEADS = Operation("heads.read", "GET", "/federation/v1/channels")
KEYS = Operation("keys.push", "POST", "/federation/v1/keys", MEBIBYTE)
CARD = Operation("card.read", "GET", "/federation/v1/card")
CHECKPOINT = Operation("log.checkpoint", "GET", "/federation/v1/log/checkpoint")
CONSISTENCY = Operation("log.consistency", "GET", "/federation/v1/log/consistency")
INCLUSION = Operation("log.inclusion", "GET", "/federation/v1/log/inclusion")
READ_BLOB = Operation(
    "blobs.read", "GET", "/federation/v1/blobs/{digest}", headers=MappingProxyType({"range": "Range"})
)
WRITE_BLOB = Operation(
    "blobs.write",
    "PUT",
    "/federation/v1/blobs/{digest}",
    8 * MEBIBYTE,
    headers=MappingProxyType({"content_range": "Content-Range"}),
)

OPERATIONS: Final = (
    PUSH,
    PULL,
    RETURN,
    RECEIPTS,
    HEADS,
    KEYS,
    CARD,
    CHECKPOINT,
    CONSISTENCY,
    INCLUSION,
    READ_BLOB,
    WRITE_BLOB,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it travels. `bearer` is the request token; only `keys.push` has none."""

    operation: Operation
    params: Mapping[str, str]
    bearer: bytes | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. A body of a 4xx or 5xx is an RFC 9457 problem with the member `reason`."""

    status: int
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
