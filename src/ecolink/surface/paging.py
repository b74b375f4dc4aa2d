"""Lists in pages: opaque cursors over a stable order, and the next page as a Link header (RFC 8288).

    def list_leads(paging: Paging, session: SessionDep, by: ...) -> Page[LeadOut]:
        return paging.read(session, select(Lead).where(...), order=(Lead.updated_at, Lead.id), shape=LeadOut.of)

The cursor holds the values of the last row in the order's columns, so that rows added meanwhile are
neither skipped nor shown twice.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from ecolink.errors import InvalidError
from ecolink.storage.base import UtcDateTime

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_CURSOR = 1024

T = TypeVar("T")
RowT = TypeVar("RowT")


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(default=None, description="Cursor of the next page; null on the last.")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is wanted, and where its Link header goes."""

    limit: int
    cursor: str | None
    request: Request
    response: Response

    def read(
        self,
        session: Session,
        statement: Select[RowT],
        *,
        order: Sequence[InstrumentedAttribute[Any]],
        shape: Callable[[RowT], T],
        descending: bool = True,
    ) -> Page[T]:
        """Return the page of `statement`'s rows, each passed through `shape`.

        `order` are columns of the selected entity that are never null; the last one is unique.

        Raises:
            InvalidError: the cursor is not one of this list in this order.

        """
        statement = statement.order_by(*(column.desc() if descending else column.asc() for column in order))
        if self.cursor is not None:
            statement = statement.where(_beyond(order, _decode(self.cursor, order, descending=descending), descending))
        rows = session.scalars(statement.limit(self.limit + 1)).all()

        shown = rows[: self.limit]
        following = _encode(shown[-1], order, descending=descending) if len(rows) > self.limit else None
        return self.page([shape(row) for row in shown], following)

    def page(self, items: list[T], following: str | None) -> Page[T]:
        """Return a page whose cursor was made by other means, with its Link header."""
        if following is not None:
            target = self.request.url.include_query_params(cursor=following)
            self.response.headers["Link"] = f'<{target.path}?{target.query}>; rel="next"'
        return Page(items=items, next=following)


def _page_request(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items a page.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(max_length=MAX_CURSOR, description="`next` of the page before; opaque."),
    ] = None,
) -> PageRequest:
    return PageRequest(limit, cursor, request, response)


Paging = Annotated[PageRequest, Depends(_page_request)]
"""The `limit` and `cursor` parameters of a list."""


def _beyond(
    order: Sequence[InstrumentedAttribute[Any]],
    values: Sequence[Any],
    descending: bool,  # noqa: FBT001 - private
) -> ColumnElement[bool]:
    """Say `(a, b) < (x, y)` so that both databases use the columns' own types."""
    return or_(
        *(
            and_(
                *(before == value for before, value in zip(order[:at], values[:at], strict=True)),
                column < values[at] if descending else column > values[at],
            )
            for at, column in enumerate(order)
        ),
    )


def _name(order: Sequence[InstrumentedAttribute[Any]], *, descending: bool) -> str:
    return ("-" if descending else "+") + ",".join(column.key for column in order)


def _encode(row: object, order: Sequence[InstrumentedAttribute[Any]], *, descending: bool) -> str:
    values = [getattr(row, column.key) for column in order]
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    document = json.dumps([_name(order, descending=descending), *plain], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(document.encode()).rstrip(b"=").decode()


def _decode(cursor: str, order: Sequence[InstrumentedAttribute[Any]], *, descending: bool) -> list[Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        document = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        name, *plain = document
        if name != _name(order, descending=descending):
            raise ValueError(name)  # noqa: TRY301 - one answer to every bad cursor
        return [_value(column, text) for column, text in zip(order, plain, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError) as fault:
        raise InvalidError(
            "The cursor is not one of this list; start again without it.",
            "游标不属于此列表，请去掉游标重新开始。",
            pointer="cursor",
        ) from fault


def _value(column: InstrumentedAttribute[Any], plain: object) -> object:
    """Read a cursor's value back as the column's type; a forged one must not reach the database as another."""
    if isinstance(column.type, UtcDateTime):
        if not isinstance(plain, str):
            raise TypeError(plain)
        moment = datetime.fromisoformat(plain)
        if moment.tzinfo is None:
            raise ValueError(plain)
        return moment.astimezone(UTC)
    if type(plain) is not column.type.python_type:
        raise TypeError(plain)
    if isinstance(plain, str) and "\0" in plain.encode().decode():  # encoding fails on a lone surrogate
        raise ValueError(plain)
    if isinstance(plain, int) and abs(plain) >= 2**53:
        raise ValueError(plain)
    return plain
