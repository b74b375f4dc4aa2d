"""The bodies of calls to the federation API: how much is read of whose, before a thread is asked to do anything."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from anyio import to_thread
from starlette.requests import Request

from ecolink.federation import operations
from ecolink.federation.callers import Caller
from ecolink.federation.gate import Gate
from ecolink.federation.operations import Answer, Call
from ecolink.kit.clock import Clock

SMALL_BODY = 64 * 1024
"""What is read of a body before anything is known of who sends it: an emergency is smaller."""

LARGE_BODIES = 64
"""Larger bodies that are here at the same time, each until its call is answered."""

LARGE_OF_ONE = 8
"""The same, of one bureau: it has four lanes to send on. Who need not say who they are (`keys.push`) count as one."""

_STRANGERS = ""
"""In whose name large bodies are counted that come without a token."""


@dataclass
class Seat:
    """Room for one large body, once it has turned out to be large."""

    taken: Counter[str]
    bringer: Caller | None = None
    """Who brings it, where that had to be known before it was read."""
    _whose: str | None = None

    def take(self, whose: str) -> bool:
        """Tell whether there is room for one more of theirs, and take it."""
        if self.taken[whose] >= LARGE_OF_ONE or self.taken.total() >= LARGE_BODIES:
            return False
        self.taken[whose] += 1
        self._whose = whose
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._whose is not None:
            self.taken[self._whose] -= 1
            self.taken += Counter()  # forgets who has none


@dataclass(frozen=True)
class Bodies:
    """Reads what is sent, of somebody unknown no more than a little."""

    gate: Gate
    clock: Clock
    taken: Counter[str] = field(default_factory=Counter)
    """Large bodies that are here, by bureau."""

    def seat(self) -> Seat:
        """Return room for one body, which is taken once it has turned out to be large, and given up at the end."""
        return Seat(self.taken)

    async def read(self, request: Request, call: Call, seat: Seat) -> bytes | Answer:
        """Return the body, or why no more of it is read; what it claims to be long is not believed."""
        held = bytearray()
        async for chunk in request.stream():
            is_getting_large = len(held) <= SMALL_BODY < len(held) + len(chunk)
            if is_getting_large and (refusal := await self._refuse_large(call, seat)):
                return refusal
            held += chunk
            if len(held) > call.operation.max_body:
                return self.gate.too_large(call.operation)
        return bytes(held)

    async def _refuse_large(self, call: Call, seat: Seat) -> Answer | None:
        whose = _STRANGERS
        if call.operation is not operations.KEYS:
            bringer = await to_thread.run_sync(self.gate.bringer, call, self.clock.now())
            if isinstance(bringer, Answer):
                return bringer
            seat.bringer, whose = bringer, bringer.unit_code
        return None if seat.take(whose) else self.gate.too_crowded()
