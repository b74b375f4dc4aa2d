"""Answering with a printable document, as an HTML page or as PDF."""

from typing import Annotated, Any, Literal

from fastapi import Header, Query, Response

from ecolink.documents.document import Document

Form = Annotated[
    Literal["html", "pdf"], Query(alias="format", description="html: a page that needs nothing else; pdf: A4, to file.")
]

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The document, in Chinese.",
        "content": {
            "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>…"},
            "application/pdf": {"schema": {"type": "string", "format": "binary"}, "example": "%PDF-1.3 …"},
        },
    }
}
"""What an operation that answers with `printed` says of it in OpenAPI (`responses`)."""


def take_key(
    _: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Taken, and without effect: a letter is made anew from what was signed, and each print is "
            "recorded.",
        ),
    ] = None,
) -> None:
    """Let a client that sends a key with every POST send it with one that prints as well."""


def printed(document: Document, form: Literal["html", "pdf"], name: str) -> Response:
    """Return the document under an ASCII file `name` without its ending. Call it with no transaction open."""
    disposition = {"Content-Disposition": f'inline; filename="{name}.{form}"'}
    if form == "html":
        from ecolink.documents import screen  # noqa: PLC0415 - the templates' language, only where pages are made

        headers = {**disposition, "Content-Security-Policy": screen.POLICY}
        return Response(screen.html(document), media_type="text/html", headers=headers)
    from ecolink.documents import paper  # noqa: PLC0415 - half a second and its memory, only where PDFs are made

    return Response(paper.pdf(document), media_type="application/pdf", headers=disposition)
