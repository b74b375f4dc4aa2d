"""Files of any matter: brought in by a page's script, which shows how far it has come, and downloaded.

The streams are the API's own, behind the console's door.
"""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from ecolink.console.console import Console
from ecolink.console.route import PageRoute
from ecolink.exchanges.records.attachments import add_streams


def router(console: Console) -> APIRouter:
    """Return `/attachments`."""
    shelf = console.rooms.attachments.shelf

    class FileRoute(PageRoute):
        """A page's route whose body may be as large as an attachment."""

        def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401
            super().__init__(path, endpoint, **options | {"max_body_size": shelf.store.max_bytes})

    pages = APIRouter(route_class=FileRoute)
    add_streams(pages, console.rooms.attachments, console.rooms.access)
    return pages
