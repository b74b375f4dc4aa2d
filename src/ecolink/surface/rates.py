"""How often somebody may call: each person and program by who they are, everybody else by their address.

Counted in this process alone: with several API processes each allows as much. It keeps one runaway program from
taking the node from all others; guessing passwords is slowed down by much tighter counts, in the database.
"""

from math import ceil

from fastapi import Request

from ecolink.errors import ThrottledError
from ecolink.identity.principal import Principal
from ecolink.identity.throttle import network_of
from ecolink.kit.events import structlog
from ecolink.surface.door import door_of, moment_of

_log = structlog.get_logger(__name__)


class RateLimitedError(ThrottledError):
    """The caller makes more calls than one caller may; `Retry-After` says when the next one is answered."""

    code = "rate-limited"


def count_principal(request: Request, principal: Principal) -> None:
    """Count a call of somebody who is known.

    Raises:
        RateLimitedError: they have made too many.

    """
    _count(request, _known(principal))


def count_stranger(request: Request) -> None:
    """Count a call of somebody who is not known (yet), by where it comes from.

    Raises:
        RateLimitedError: too many came from there.

    """
    _count(request, _unknown(request))


def tell_refusal(request: Request, event: str, principal: Principal | None = None, **said: str) -> None:
    """Write to the node's log whom it refused; a flood of refusals is told of once a minute."""
    _tell(request, event, _unknown(request) if principal is None else _known(principal), **said)


def _known(principal: Principal) -> str:
    return f"{principal.kind}:{principal.id}"


def _unknown(request: Request) -> str:
    return f"address:{network_of(request.client.host if request.client else 'unknown')}"


def _tell(request: Request, event: str, caller: str, **said: str) -> None:
    if not door_of(request).told.take(f"{event} {caller}", moment_of(request)):
        _log.warning(event, caller=caller, **said)


def _count(request: Request, caller: str) -> None:
    wait = door_of(request).calls.take(caller, moment_of(request))
    if wait:
        _tell(request, "call.rate_limited", caller)
        raise RateLimitedError(
            "Too many calls in too short a time; go on after the seconds that Retry-After names.",
            "调用过于频繁，请按 Retry-After 所示秒数等待后再继续。",
            retry_after=ceil(wait),
        )
