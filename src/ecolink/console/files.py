"""The console's own files: styles, scripts, icons, and what is vendored. They come from this node and nowhere else."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from ecolink.errors import NotFoundError
from ecolink.surface.route import LateRoute

STATIC: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static"

_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".webmanifest": "application/manifest+json",
    }
)
_CACHED = "public, max-age=31536000, immutable"
_ASKED_AGAIN = "no-cache"


def router() -> APIRouter:
    """Return the addresses of the files: `/static/…`, for everybody, for the sign-in page needs them."""
    api = APIRouter(include_in_schema=False, route_class=LateRoute)

    @api.get(PREFIX + "/{path:path}")
    def get_file(path: str, request: Request) -> Response:
        file, _ = _files().get(path, (None, ""))
        if file is None:
            raise NotFoundError
        cached = _CACHED if request.query_params.get("v") else _ASKED_AGAIN
        return FileResponse(file, media_type=_TYPES[file.suffix], headers={"Cache-Control": cached})

    return api


def address_of(path: str) -> str:
    """Return the address of a file under `static/`; it changes with the file, so that browsers may keep it."""
    return f"{PREFIX}/{path}?v={_files()[path][1]}"


@cache
def _files() -> Mapping[str, tuple[Path, str]]:
    """Return every file there is, by its path: nothing else can be asked for."""
    return {
        file.relative_to(STATIC).as_posix(): (file, sha256(file.read_bytes()).hexdigest()[:12])
        for file in STATIC.rglob("*")
        if file.suffix in _TYPES
    }
