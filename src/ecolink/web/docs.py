"""The page that explains the local API and lets one try it; it works with no internet at all."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from ecolink.errors import NotFoundError
from ecolink.surface.route import LateRoute

_STATIC = Path(__file__).parent / "static"
_SWAGGER = _STATIC / "vendored" / "swagger-ui"

_FILES: Mapping[str, tuple[Path, str]] = MappingProxyType(
    {
        "docs.js": (_STATIC, "text/javascript; charset=utf-8"),
        "swagger-ui-bundle.js": (_SWAGGER, "text/javascript; charset=utf-8"),
        "swagger-ui.css": (_SWAGGER, "text/css; charset=utf-8"),
        "favicon-32x32.png": (_SWAGGER, "image/png"),
    }
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Everything from this node only. Styles set on elements are allowed, for the page's library sets them."""

_CACHED = "public, max-age=3600"


def router() -> APIRouter:
    """Return the documentation page, its files, and the OpenAPI document they show."""
    api = APIRouter(prefix="/api", include_in_schema=False, route_class=LateRoute)

    @api.get("/openapi.json")
    async def get_openapi(request: Request) -> dict[str, Any]:
        document: dict[str, Any] = request.app.openapi()
        return document

    @api.get("/docs")
    async def get_docs() -> FileResponse:
        return FileResponse(_STATIC / "docs.html", headers={"Content-Security-Policy": _POLICY})

    @api.get("/docs/{name}")
    async def get_docs_file(name: str) -> FileResponse:
        if name not in _FILES:
            raise NotFoundError
        folder, media_type = _FILES[name]
        return FileResponse(folder / name, media_type=media_type, headers={"Cache-Control": _CACHED})

    return api
