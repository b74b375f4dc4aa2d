"""`/api/v1/attachments`: files in and out. Both stream; no transaction is open while they do.

What comes out is always a download of bytes: its media type is never the one somebody declared, so that no
browser runs it (`nosniff` and a policy that allows nothing stand on every answer of the node).
"""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, BinaryIO, Final

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request, Response, status
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ecolink.attachments.names import UNTYPED, content_disposition
from ecolink.attachments.ranges import Beyond, Part, wanted_part
from ecolink.attachments.service import Attachments
from ecolink.attachments.store import Staged, too_large
from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.errors import UnavailableError
from ecolink.exchanges.records.schemas import AttachmentOut, ThreadAttachmentOut, ThreadAttachmentsOut, ThreadPath
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.statement import AttachmentRef
from ecolink.surface import replays
from ecolink.surface.auth import requires
from ecolink.surface.route import LateRoute, add_routes
from ecolink.surface.unit import DatabaseDep, KeyHeader, NowDep, SessionDep, TransactionalRoute

UPLOAD_TAKES_S: Final = 600
"""The longest an upload may take in all; who drips bytes is cut."""

_CHUNK: Final = 256 * 1024
_BINARY: dict[str, Any] = {
    "content": {UNTYPED: {"schema": {"type": "string", "format": "binary"}, "example": "(the bytes)"}}
}

Reader = Annotated[Principal, requires(Permission.ATTACHMENT_READ)]
Writer = Annotated[Principal, requires(Permission.ATTACHMENT_WRITE)]
DigestPath = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file.", examples=["9f" * 32])]


def router(attachments: Attachments, access: AccessLog) -> APIRouter:
    """Return the operations on attachments."""
    api = APIRouter(tags=["attachments"], route_class=LateRoute)
    add_streams(api, attachments, access)
    listing = APIRouter(tags=["attachments"], route_class=TransactionalRoute)

    @listing.get(
        "/threads/{thread}/attachments",
        operation_id="list_thread_attachments",
        summary="List a thread's attachments / 列出附件",
    )
    def list_thread_attachments(thread: ThreadPath, session: SessionDep, by: Reader) -> ThreadAttachmentsOut:  # noqa: ARG001
        """List the files that the statements of a lead, bulletin or emergency name, and where each of them is."""
        views = attachments.of_thread(session, thread)
        return ThreadAttachmentsOut(items=[ThreadAttachmentOut.seen(view) for view in views])

    add_routes(api, [listing])
    return api


def add_streams(api: APIRouter, attachments: Attachments, access: AccessLog) -> None:
    """Add uploading and downloading to a router that knows the caller in its own way."""

    # Plain routes: a unit of work would hold its transaction, and a whole file in memory, for as long as they last.
    @api.post(
        "/attachments",
        operation_id="upload_attachment",
        summary="Upload an attachment / 上传附件",
        status_code=status.HTTP_201_CREATED,
        response_model=AttachmentOut,
        openapi_extra={"requestBody": {"required": True, **_BINARY}},
    )
    async def upload_attachment(
        request: Request,
        database: DatabaseDep,
        now: NowDep,
        by: Writer,
        name: Annotated[str, Query(min_length=1, max_length=500, examples=["fir-stump.jpg"])],
        key: KeyHeader = None,
    ) -> Response:
        """Send the file as the body, with its Content-Type; then name the digest in a lead, bulletin or reply.

        The same content gives the same digest, so repeating the call is safe without an Idempotency-Key as well.
        """
        store = attachments.shelf.store
        claimed = request.headers.get("content-length", "")
        if claimed.isdecimal() and int(claimed[:20]) > store.max_bytes:
            raise too_large(store.max_bytes)
        media_type = request.headers.get("content-type", "")
        with await run_in_threadpool(store.stage) as staged:
            await _receive(request, staged)

            def keep(session: Session) -> Response:
                ref = attachments.keep(session, staged, name=name, media_type=media_type, by=by.username, now=now)
                access.record(session, _entry(AccessAction.COLLECT, ref, by, now))
                location = {"Location": f"/api/v1/attachments/{ref.digest}"}
                return JSONResponse(AttachmentOut.of(ref).model_dump(), status.HTTP_201_CREATED, location)

            def answer() -> Response:
                staged.seal()
                request.state.fingerprint = replays.fingerprint(request, f"{media_type}\n{staged.digest}".encode())
                with database.begin() as session:
                    return replays.answer_once(session, request, key, now, lambda: keep(session))

            return await run_in_threadpool(answer)

    @api.get(
        "/attachments/{digest}",
        operation_id="download_attachment",
        summary="Download an attachment / 下载附件",
        response_class=StreamingResponse,
        responses={
            200: {"description": "The whole file", **_BINARY},
            206: {"description": "The part that `Range` asks for", **_BINARY},
            416: {"description": "The part begins beyond the end"},
        },
    )
    def download_attachment(
        digest: DigestPath,
        database: DatabaseDep,
        now: NowDep,
        by: Reader,
        wanted: Annotated[str | None, Header(alias="Range", max_length=100, examples=["bytes=0-1048575"])] = None,
        unless_changed: Annotated[str | None, Header(alias="If-Range", max_length=100)] = None,
    ) -> Response:
        """Return a file that was uploaded here, or that a standing statement names; resumable with Range.

        Every download is entered in the access log.
        """
        with database.begin() as session:
            ref = attachments.shelf.find(session, digest)
            access.record(session, _entry(AccessAction.CONSULT, ref, by, now))
        headers = _headers(ref)
        part = wanted_part(wanted if unless_changed in {None, headers["ETag"]} else None, ref.size)
        if isinstance(part, Beyond):
            return Response(status_code=416, headers={**headers, "Content-Range": str(part)})
        sent = part or Part(0, ref.size - 1, ref.size)
        headers["Content-Length"] = str(sent.length)
        if part is not None:
            headers["Content-Range"] = str(part)
        code = status.HTTP_200_OK if part is None else status.HTTP_206_PARTIAL_CONTENT
        file = _open(attachments, digest)
        return StreamingResponse(_chunks(file, sent), code, headers, UNTYPED)

    @api.head("/attachments/{digest}", include_in_schema=False)
    def look_at_attachment(digest: DigestPath, database: DatabaseDep, by: Reader) -> Response:  # noqa: ARG001
        """Tell size and name of a file without its bytes."""
        with database.read() as session:
            ref = attachments.shelf.find(session, digest)
        return Response(headers={**_headers(ref), "Content-Length": str(ref.size)}, media_type=UNTYPED)


async def _receive(request: Request, staged: Staged) -> None:
    """Write the body to the disk as it comes.

    Raises:
        TooLargeError: it is larger than an attachment may be, whatever it claimed.
        HTTPException: 408; it took too long, or the client went away.

    """
    try:
        async with asyncio.timeout(UPLOAD_TAKES_S):
            async for chunk in request.stream():
                await run_in_threadpool(staged.write, chunk)
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(status.HTTP_408_REQUEST_TIMEOUT) from None


def _open(attachments: Attachments, digest: str) -> BinaryIO:
    try:
        return attachments.shelf.store.open(digest)
    except FileNotFoundError as lost:
        raise UnavailableError(
            "The file is missing in the store of this node; tell its administrator.",
            "本节点存储中缺少该文件，请联系系统管理员。",
            retry_after=3600,
        ) from lost


def _chunks(file: BinaryIO, part: Part) -> Iterator[bytes]:
    with file:
        file.seek(part.first)
        left = part.length
        while left and (chunk := file.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk


def _headers(ref: AttachmentRef) -> dict[str, str]:
    return {
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition(ref.name),
        "ETag": f'"{ref.digest}"',
        "X-Content-Type-Options": "nosniff",
    }


def _entry(action: AccessAction, ref: AttachmentRef, by: Principal, now: datetime) -> AccessEntry:
    return AccessEntry(
        at=now,
        actor=by.username,
        role=by.lead_role,
        action=action,
        object_type="attachment",
        object_id=ref.digest,
        details={"size": str(ref.size)},
    )
