"""Keeping the terms of each object, and asking which objects have all the terms of a query."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, false, func, select
from sqlalchemy.orm import Session

from ecolink.errors import InvalidError
from ecolink.search.models import SearchTerm
from ecolink.search.terms import terms_of, wanted_by
from ecolink.storage.base import table_of
from ecolink.storage.queries import Query
from ecolink.storage.upsert import insert_new

MAX_QUERY = 64
"""Characters a query may have."""

_AFTER_ALL = "\U0010ffff"
_AT_ONCE = 5_000
_TERMS = table_of(SearchTerm).c
_HELD = Query(select(_TERMS.term).where(_TERMS.kind == bindparam("kind"), _TERMS.object_id == bindparam("object_id")))


@dataclass(frozen=True)
class SearchIndex:
    """The node's index. A kind is a feature's word for its objects (`lead`, `bulletin`)."""

    def put(self, session: Session, kind: str, object_id: str, text: str, *, is_new: bool = False) -> None:
        """Have the object found by `text` and by nothing else; what it was found by before, unless new, is replaced.

        The first `terms.MAX_TEXT` characters count. Never pass in what describes a person.
        """
        which = {"kind": kind, "object_id": object_id}
        held = set() if is_new else set(_HELD.scalars(session, which))
        wanted = terms_of(text)

        gone, new = sorted(held - wanted), sorted(wanted - held)
        for at in range(0, len(gone), _AT_ONCE):
            session.execute(
                delete(SearchTerm).where(_of(kind, object_id), SearchTerm.term.in_(gone[at : at + _AT_ONCE]))
            )
        # Two workers may index the same object at once; the row both want is the same row.
        insert_new(session, SearchTerm, [{"kind": kind, "term": term, "object_id": object_id} for term in new])

    def remove(self, session: Session, kind: str, object_id: str) -> None:
        """Have the object found by nothing."""
        session.execute(delete(SearchTerm).where(_of(kind, object_id)))

    def matching_ids(self, kind: str, query: str) -> Select[str]:
        """Select the ids of the objects that match every word of `query`, for use as `.where(Lead.id.in_(…))`.

        A run of two or more Han characters matches where each of its pairs occurs; a single one, and a word of
        another script, matches where something begins with it. A query of punctuation alone matches nothing.

        Raises:
            InvalidError: the query is longer than `MAX_QUERY` characters.

        """
        if len(query) > MAX_QUERY:
            raise InvalidError(
                f"Search for at most {MAX_QUERY} characters.", f"检索词最多 {MAX_QUERY} 个字符。", pointer="q"
            )
        wanted = wanted_by(query)
        found = select(SearchTerm.object_id).where(SearchTerm.kind == kind)
        if not wanted.exact and not wanted.prefixes:
            return found.where(false())

        each = [
            found.where(SearchTerm.term >= start, SearchTerm.term < start + _AFTER_ALL)
            for start in sorted(wanted.prefixes)
        ]
        if wanted.exact:
            exact = sorted(wanted.exact)
            each.append(
                found.where(SearchTerm.term.in_(exact))
                .group_by(SearchTerm.object_id)
                .having(func.count() == len(exact))
            )
        first, *others = each
        for other in others:
            first = first.where(SearchTerm.object_id.in_(other))
        return first.distinct()


def _of(kind: str, object_id: str) -> ColumnElement[bool]:
    return and_(SearchTerm.kind == kind, SearchTerm.object_id == object_id)
