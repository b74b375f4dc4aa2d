"""What a room tells the worker about a statement it was handed."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.federation.statements import Stored

Handler = Callable[[Session, Stored, datetime], None]
"""Applies one stored statement. Runs inside the worker's transaction; doing it twice is doing it once."""

Handlers = Mapping[str, Handler]
"""Handlers by statement type."""


class Park(Exception):
    """Something this statement builds on is not here yet; it is tried again when its thread grows."""


class Reject(Exception):
    """The statement is not a legal move; its author gets a signed `statement.rejected.v1` with `code`."""

    def __init__(self, code: str, detail: str) -> None:
        """Keep a stable `code` and an English `detail` without personal data."""
        super().__init__(detail)
        self.code = code
        self.detail = detail
