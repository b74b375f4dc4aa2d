"""The table of terms: one row for each term an object is found by."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.search.terms import MAX_WORD
from ecolink.storage.base import Base

# Prefixes are asked as ranges, so text must be ordered by code point: SQLite does that, PostgreSQL when told.
TERM = String(MAX_WORD).with_variant(String(MAX_WORD, collation="C"), "postgresql")


class SearchTerm(Base):
    """`object_id` of this `kind` is found by `term`."""

    __tablename__ = "search_terms"
    __table_args__ = (Index(None, "kind", "object_id"), {"sqlite_with_rowid": False})

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    term: Mapped[str] = mapped_column(TERM, primary_key=True)
    object_id: Mapped[str] = mapped_column(String(64), primary_key=True)
