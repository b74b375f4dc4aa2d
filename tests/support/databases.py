"""PostgreSQL databases lent to tests, emptied and lent again: copying a template takes ten times as long."""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from tests.support import connections
from tests.support.postgres import Server

# What the schema looks like: a test that altered it does not give its database back.
_SHAPE = """
    SELECT md5(string_agg(concat_ws(' ', c.oid, c.relname, a.attname, a.atttypid, a.attnotnull), ',' ORDER BY c.oid, a.attnum))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace
"""
_ALONE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> ALL(%s) AND backend_type = 'client backend'
"""
_EMPTY = """
    DO $$
    DECLARE name text;
    BEGIN
        SET LOCAL session_replication_role = replica;  -- deletes need no order among foreign keys
        FOR name IN SELECT oid::regclass FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
        LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
        PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace;
    END $$
"""


@dataclass(frozen=True)
class Lent:
    """One database that one test has, and the connection that will empty it."""

    pool: "Pool"
    name: str
    url: str
    keeper: psycopg.Connection
    shape: str

    def give_back(self) -> None:
        """Let the next test have it; whoever had it must not use it any more."""
        self.pool.take_back(self)


class Pool:
    """Databases that look like a template, with every table and no row."""

    def __init__(self, server: Server, template: str) -> None:
        """Lend copies of the database `template` of `server`."""
        self._server = server
        self._template = template
        self._free: list[Lent] = []
        self._made = 0

    def lend(self) -> Lent:
        """Return an empty database that nobody else has."""
        if self._free:
            return self._free.pop()
        self._made += 1
        name = f"{self._template}_{self._made}"
        self._server.execute(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        connections.keep(name)
        keeper = psycopg.connect(self._server.address(name), autocommit=True)
        return Lent(self, name, self._server.database(name), keeper, _shape(keeper))

    def take_back(self, lent: Lent) -> None:
        """Empty the database for the next test, or drop it when it can not be used again."""
        try:
            lent.keeper.execute(_ALONE, [[lent.keeper.info.backend_pid, *connections.kept(lent.name)]])
            lent.keeper.execute(_EMPTY)
            same = _shape(lent.keeper) == lent.shape
        except psycopg.Error:
            same = False
        if same:
            self._free.append(lent)
        else:
            self._drop(lent)

    def close(self) -> None:
        """Drop every database that was given back."""
        while self._free:
            self._drop(self._free.pop())

    def _drop(self, lent: Lent) -> None:
        connections.let_go(lent.name)
        lent.keeper.close()
        self._server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(lent.name)))


def _shape(keeper: psycopg.Connection) -> str:
    row = keeper.execute(_SHAPE).fetchone()
    return str(row[0]) if row else ""
