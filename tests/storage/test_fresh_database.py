from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text

from ecolink.storage.engine import Database
from tests.support.databases import Pool
from tests.support.postgres import Server


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_finds_its_database_empty(database: Database, turn: int) -> None:
    with database.begin() as session:
        session.execute(text("CREATE TABLE marks (turn INTEGER PRIMARY KEY)"))
        session.execute(text("INSERT INTO marks VALUES (:turn)"), {"turn": turn})
    with database.read() as session:
        assert session.execute(text("SELECT turn FROM marks")).scalars().all() == [turn]


def test_two_nodes_of_one_test_share_nothing(new_database: Callable[[], Database]) -> None:
    shouning, qingyuan = new_database(), new_database()
    with shouning.begin() as session:
        session.execute(text("CREATE TABLE marks (turn INTEGER PRIMARY KEY)"))
    with qingyuan.begin() as session:
        session.execute(text("CREATE TABLE marks (turn INTEGER PRIMARY KEY)"))
        assert session.execute(text("SELECT count(*) FROM marks")).scalar_one() == 0


def test_a_database_lent_again_holds_no_row_and_counts_from_one(postgres_server: Server) -> None:
    postgres_server.execute("CREATE DATABASE ecolink_pool_test")
    with psycopg.connect(postgres_server.address("ecolink_pool_test")) as connection:
        connection.execute("CREATE TABLE marks (n SERIAL PRIMARY KEY, before INTEGER REFERENCES marks)")
    pool = Pool(postgres_server, "ecolink_pool_test")
    try:
        for _turn in (1, 2):
            lent = pool.lend()
            with psycopg.connect(postgres_server.address(lent.name)) as connection:
                row = connection.execute("INSERT INTO marks (before) VALUES (1) RETURNING n").fetchone()
                assert row == (1,)
            assert lent.name == "ecolink_pool_test_1"
            lent.give_back()
    finally:
        pool.close()
        postgres_server.execute("DROP DATABASE ecolink_pool_test")
