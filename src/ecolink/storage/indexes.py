"""Indexes over some rows of a table: what waits, not what was."""

from sqlalchemy import Index, MetaData, text


class PartialIndex(Index):
    """An index over the rows of which `where` is true, on either database.

    SQLAlchemy imports a database's dialect to read an index's options for it. PostgreSQL's takes 2 MB, so it is told
    only where indexes are made or compared, by `complete`: a node's schema comes from the migrations.
    """

    def __init__(self, name: str, *columns: str, where: str, unique: bool = False) -> None:
        """Name the columns, and the condition in words of SQL that both databases understand."""
        super().__init__(name, *columns, unique=unique, sqlite_where=text(where))
        self.where = where


def complete(metadata: MetaData) -> None:
    """Let the partial indexes of `metadata` be partial on PostgreSQL, too."""
    for table in metadata.tables.values():
        for index in table.indexes:
            if isinstance(index, PartialIndex):
                index.dialect_options["postgresql"]["where"] = text(index.where)
