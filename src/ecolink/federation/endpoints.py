"""The federation API over HTTP: thin adapters from requests to the gate.

A body is read (`bodies`), asynchronously and capped, before a thread is asked to do anything; the work of one call
is then one job in the executor. Documents are described by example: their meaning is docs/protocol.md.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from anyio import CapacityLimiter, fail_after, to_thread
from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from ecolink.federation import operations
from ecolink.federation.bodies import Bodies
from ecolink.federation.gate import JOSE, Gate
from ecolink.federation.operations import Answer, Call, Operation
from ecolink.federation.readers import WORTH_ASKING
from ecolink.kit.clock import Clock
from ecolink.protocol.limits import VERSION

BODY_DEADLINE_S = 30
"""Within which a whole body must be here, however steadily it drips."""

BULKY_AT_ONCE = 16
"""Large bodies that are worked on at the same time: they leave threads to the small ones, as emergencies are."""

_PROBLEM_EXAMPLE = {
    "type": "/problems/clock-skew",
    "title": "clock-skew",
    "status": 401,
    "reason": "clock-skew",
    "detail": "the caller's clock is 600 seconds ahead of ours",
}
_TOKEN_EXAMPLE = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImVjb2xpbmstcmVjZWlwdCtqd3MifQ.eyJpc3MiOiIuLi4ifQ.c2lnbmF0dXJl"  # noqa: S105 - shape only
)
_PUSH_EXAMPLE = {"batch": _TOKEN_EXAMPLE, "statements": [{"token": _TOKEN_EXAMPLE, "private": None}]}
_RETURNED_EXAMPLE = {
    "returned": [
        {
            "batch": _TOKEN_EXAMPLE,
            "receipt": _TOKEN_EXAMPLE,
            "statements": [{"token": _TOKEN_EXAMPLE, "private": None}, None],
        }
    ]
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {"application/problem+json": {"schema": {"type": "object"}, "example": _PROBLEM_EXAMPLE}}
    return {status: {"description": "A problem (RFC 9457) with a `reason`", "content": content} for status in statuses}


def _document(media_type: str, example: Any) -> dict[int | str, dict[str, Any]]:  # noqa: ANN401 - any JSON
    kind = "string" if media_type == JOSE else "object"
    content = {media_type: {"schema": {"type": kind}, "example": example}}
    return {200: {"description": "Done", "content": content}, **_problems(400, 401, 403, 404, 409, 413, 429, 503)}


def _accepts(example: Any, media_type: str = "application/octet-stream") -> dict[str, Any]:  # noqa: ANN401 - any JSON
    kind = "string" if isinstance(example, str) else "object"
    return {
        "requestBody": {"required": True, "content": {media_type: {"schema": {"type": kind}, "example": example}}},
        "security": [{"requestToken": []}],
    }


_AUTHORIZED: dict[str, Any] = {"security": [{"requestToken": []}]}
_NOTHING: dict[int | str, dict[str, Any]] = {
    204: {"description": "Done"},
    **_problems(400, 401, 403, 404, 409, 413, 429, 503),
}


def router(gate: Gate, clock: Clock) -> APIRouter:
    """Return the routes of the federation API."""
    routes = APIRouter(tags=["federation"])
    ask = _Asking(gate, clock, Bodies(gate, clock), CapacityLimiter(BULKY_AT_ONCE)).ask
    _exchange(routes, ask)
    _acquaintance(routes, ask)
    _evidence_log(routes, ask)
    _attachments(routes, ask)

    @routes.get(
        "/.well-known/ecolink",
        operation_id="read_well_known",
        summary="Versions and limits",
        responses={
            200: {
                "content": {
                    "application/json": {"example": {"versions": [VERSION], "unit_code": "350924000000", "limits": {}}}
                }
            }
        },
    )
    async def well_known() -> dict[str, Any]:
        """Tell anyone which protocol versions and limits this node has."""
        return gate.well_known()

    return routes


_Ask = Callable[[Request, Operation, dict[str, str]], Awaitable[Response]]


def _exchange(routes: APIRouter, ask: _Ask) -> None:
    """Add the routes on which statements and receipts travel."""

    @routes.post(
        "/federation/v1/batches",
        operation_id="push_batch",
        summary="Push a batch",
        responses=_document(JOSE, _TOKEN_EXAMPLE),
        openapi_extra=_accepts(_PUSH_EXAMPLE),
    )
    async def push(request: Request) -> Response:
        """Take one sealed batch with its statements; the receipt says what became of each entry."""
        return await ask(request, operations.PUSH, {})

    @routes.get(
        "/federation/v1/channels/{lane}/batches",
        operation_id="pull_batches",
        summary="Fetch waiting batches",
        responses=_document("application/json", {"batches": ["{...}"]}),
        openapi_extra=_AUTHORIZED,
    )
    async def pull(
        request: Request,
        lane: Annotated[str, Path(max_length=16, examples=["case"])],
        epoch: Annotated[str | None, Query(max_length=15, examples=["1"])] = None,
        after: Annotated[str | None, Query(max_length=15, examples=["42"])] = None,
        limit: Annotated[str | None, Query(max_length=15, examples=["8"])] = None,
    ) -> Response:
        """Return push bodies of the caller's channel from the batch that holds the entry after `after`."""
        given = {"lane": lane, "epoch": epoch, "after": after, "limit": limit}
        return await ask(request, operations.PULL, _present(given))

    @routes.get(
        "/federation/v1/channels/{lane}/returns",
        operation_id="return_batches",
        summary="Give a restored node back what it had sent",
        responses=_document("application/json", _RETURNED_EXAMPLE),
        openapi_extra=_AUTHORIZED,
    )
    async def give_back(
        request: Request,
        lane: Annotated[str, Path(max_length=16, examples=["case"])],
        epoch: Annotated[str | None, Query(max_length=15, examples=["1"])] = None,
        after: Annotated[str | None, Query(max_length=15, examples=["42"])] = None,
        manifest: Annotated[str | None, Query(max_length=15, examples=["1"])] = None,
    ) -> Response:
        """Return the caller's own batches beyond the entry `after` of `epoch`, each with the receipt it got for it.

        `manifest` is the version of its own key manifest that the caller knows; newer ones come along.
        """
        given = {"lane": lane, "epoch": epoch, "after": after, "manifest": manifest}
        return await ask(request, operations.RETURN, _present(given))

    @routes.post(
        "/federation/v1/receipts",
        operation_id="push_receipts",
        summary="Deliver receipts of pulled or carried batches",
        status_code=204,
        responses=_NOTHING,
        openapi_extra=_accepts({"receipts": [_TOKEN_EXAMPLE]}),
    )
    async def receipts(request: Request) -> Response:
        """Record receipts for batches that did not travel by push."""
        return await ask(request, operations.RECEIPTS, {})

    @routes.get(
        "/federation/v1/channels",
        operation_id="read_heads",
        summary="Compare channel heads",
        responses=_document(JOSE, _TOKEN_EXAMPLE),
        openapi_extra=_AUTHORIZED,
    )
    async def heads(request: Request) -> Response:
        """Return this node's signed channel heads with the caller, and its evidence log's checkpoint."""
        return await ask(request, operations.HEADS, {})


def _acquaintance(routes: APIRouter, ask: _Ask) -> None:
    """Add the routes that tell whose keys are whose."""

    @routes.post(
        "/federation/v1/keys",
        operation_id="push_keys",
        summary="Announce new key manifests",
        status_code=204,
        responses=_NOTHING,
        openapi_extra={**_accepts({"iss": "350924000000", "manifests": [[_TOKEN_EXAMPLE]]}), "security": []},
    )
    async def keys(request: Request) -> Response:
        """Take a bureau's manifest chain; it proves itself by leading from the pinned head, so it needs no token."""
        return await ask(request, operations.KEYS, {})

    @routes.get(
        "/federation/v1/card",
        operation_id="read_card",
        summary="Read this node's card",
        responses=_document(JOSE, _TOKEN_EXAMPLE),
        openapi_extra=_AUTHORIZED,
    )
    async def card(request: Request) -> Response:
        """Return this node's signed card."""
        return await ask(request, operations.CARD, {})


def _evidence_log(routes: APIRouter, ask: _Ask) -> None:
    """Add the routes on which a node shows that its log only grows."""

    @routes.get(
        "/federation/v1/log/checkpoint",
        operation_id="read_checkpoint",
        summary="Read the evidence log's checkpoint",
        responses=_document(JOSE, _TOKEN_EXAMPLE),
        openapi_extra=_AUTHORIZED,
    )
    async def checkpoint(request: Request) -> Response:
        """Return this node's attestation: its evidence log's checkpoint and those it holds of other logs."""
        return await ask(request, operations.CHECKPOINT, {})

    @routes.get(
        "/federation/v1/log/consistency",
        operation_id="prove_consistency",
        summary="Prove that the log only grew",
        responses=_document("application/json", {"proof": ["ab" * 32]}),
        openapi_extra=_AUTHORIZED,
    )
    async def consistency(
        request: Request,
        log_epoch: Annotated[str, Query(max_length=15, examples=["1"])],
        old: Annotated[str, Query(max_length=15, examples=["40"])],
        new: Annotated[str, Query(max_length=15, examples=["42"])],
    ) -> Response:
        """Return the RFC 6962 consistency proof between two sizes."""
        return await ask(request, operations.CONSISTENCY, {"log_epoch": log_epoch, "old": old, "new": new})

    @routes.get(
        "/federation/v1/log/inclusion",
        operation_id="prove_inclusion",
        summary="Prove that a leaf is in the log",
        responses=_document("application/json", {"index": 7, "size": 42, "proof": ["ab" * 32]}),
        openapi_extra=_AUTHORIZED,
    )
    async def inclusion(
        request: Request,
        digest: Annotated[str, Query(max_length=64, examples=["ab" * 32])],
        ref: Annotated[str, Query(max_length=100, examples=["01a2012f-69e0-7771-bd6c-1d833c732d08"])],
        size: Annotated[str, Query(max_length=15, examples=["42"])],
        log_epoch: Annotated[str | None, Query(max_length=15, examples=["1"])] = None,
    ) -> Response:
        """Return the RFC 6962 inclusion proof of a statement the caller sent or received."""
        return await ask(
            request,
            operations.INCLUSION,
            _present({"digest": digest, "ref": ref, "size": size, "log_epoch": log_epoch}),
        )


def _attachments(routes: APIRouter, ask: _Ask) -> None:
    """Add the routes on which files travel."""

    @routes.get(
        "/federation/v1/blobs/{digest}",
        operation_id="read_blob",
        summary="Fetch an attachment",
        responses={
            **_document("application/octet-stream", "(bytes)"),
            206: {"description": "Part of it"},
            416: {"description": "No such range"},
        },
        openapi_extra=_AUTHORIZED,
    )
    async def read_blob(
        request: Request,
        digest: Annotated[str, Path(max_length=64, examples=["ab" * 32])],
        range_: Annotated[str | None, Header(alias="Range", max_length=100, examples=["bytes=0-1048575"])] = None,
    ) -> Response:
        """Return an attachment's bytes, whole or by Range, where an unrecalled statement to the caller names it."""
        return await ask(request, operations.READ_BLOB, _present({"digest": digest, "range": range_}))

    @routes.put(
        "/federation/v1/blobs/{digest}",
        operation_id="write_blob",
        summary="Deliver an attachment",
        status_code=204,
        responses={**_NOTHING, 308: {"description": "Part held; the Range header says how much"}},
        openapi_extra=_accepts("(bytes)"),
    )
    async def write_blob(
        request: Request,
        digest: Annotated[str, Path(max_length=64, examples=["ab" * 32])],
        content_range: Annotated[str | None, Header(max_length=100, examples=["bytes 0-1023/4096"])] = None,
    ) -> Response:
        """Take an attachment's bytes, whole or by Content-Range, where a stored statement of the caller names it."""
        return await ask(request, operations.WRITE_BLOB, _present({"digest": digest, "content_range": content_range}))


@dataclass(frozen=True)
class _Asking:
    """Hands what is asked to the gate, in a thread, once all of it is here."""

    gate: Gate
    clock: Clock
    bodies: Bodies
    bulky: CapacityLimiter

    async def ask(self, request: Request, operation: Operation, params: dict[str, str]) -> Response:
        begun = Call(operation, params, _bearer(request))
        with self.bodies.seat() as seat:
            try:
                with fail_after(BODY_DEADLINE_S):
                    body = await self.bodies.read(request, begun, seat)
            except (TimeoutError, ClientDisconnect):  # one that hung up hears nothing, and is no fault of ours to log
                return _respond(self.gate.too_slow(BODY_DEADLINE_S))
            now = self.clock.now()
            if isinstance(body, Answer):
                return _respond(body)
            limiter = self.bulky if len(body) >= WORTH_ASKING else None
            call = replace(begun, body=body)
            return _respond(await to_thread.run_sync(self.gate.answer, call, now, seat.bringer, limiter=limiter))


def _present(params: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in params.items() if value is not None}


def _bearer(request: Request) -> bytes | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip().encode("latin-1") if scheme.lower() == "bearer" and token.strip() else None


def _respond(answer: Answer) -> Response:
    headers = {**answer.headers, "Cache-Control": "no-store"}
    return Response(answer.body, answer.status, headers, answer.media_type if answer.body else None)
