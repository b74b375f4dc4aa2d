"""What a node does all day looks nothing up by reading a whole table, and sorts no queue to find its first."""

import re
from collections.abc import Iterable
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from ecolink.entrypoints.applications import local_app
from ecolink.entrypoints.wiring import Node
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.roles import Role
from ecolink.protocol.statement import Lane
from tests.support.agreements import conclude, terms
from tests.support.notes import Notebook
from tests.support.plans import Plan, plans
from tests.support.town import QINGYUAN, SHOUNING, Town

GROWS = {
    "statements",
    "out_entries",
    "out_batches",
    "in_batches",
    "in_entries",
    "log_leaves",
    "log_tiles",
    "access_entries",
    "seen_requests",
    "search_terms",
    "leads",
    "bulletins",
    "emergencies",
    "call_tasks",
    "attachment_links",
    "blob_transfers",
    "obligations",
    "notices",
    "lateness_notices",
}
"""Tables that hold more the longer a node lives; peers, keys and people are few for ever."""

QUEUES = {"statements", "out_entries", "out_batches", "obligations"}
"""Tables in which the next of many is looked for again and again."""


@pytest.fixture
def backend() -> str:
    """Only SQLite tells its plan without knowing how much there is; PostgreSQL has the same indexes."""
    return "sqlite"


def read_whole(found: Iterable[Plan]) -> list[str]:
    """Statements that read a table that grows from one end to the other."""
    return [
        f"{step}: {plan.sql}".replace("\n", " ")
        for plan in found
        for step in plan.steps
        if (scan := re.match(r"SCAN (\w+)(?!.* USING)", step)) and scan[1] in GROWS and not takes_the_newest(plan)
    ]


def takes_the_newest(plan: Plan) -> bool:
    """Tell whether the rows come as they were written, and the reading ends with the page."""
    return " WHERE " not in plan.sql.replace("\n", " ") and "LIMIT" in plan.sql and len(plan.steps) == 1


def sorted_to_find_one(found: Iterable[Plan]) -> list[str]:
    """Statements that put all of a queue in order to take its first rows."""
    return [
        f"{plan.steps}: {plan.sql}"
        for plan in found
        if "LIMIT" in plan.sql
        and "USE TEMP B-TREE FOR ORDER BY" in plan.steps
        and any(re.match(rf"SEARCH ({'|'.join(QUEUES)}) USING .*\(\w+=\?\)", step) for step in plan.steps)
    ]


def test_sending_receiving_and_applying_find_their_next_by_an_index(town: Town) -> None:
    shouning, qingyuan = town.nodes[SHOUNING], town.nodes[QINGYUAN]
    author, reader = Notebook(shouning), Notebook(qingyuan)
    with plans(shouning.database.engine) as sent, plans(qingyuan.database.engine) as came:
        for lane in (Lane.CASE, Lane.BULK, Lane.EMERGENCY):
            for number in range(3):
                author.send(f"{lane} {number}", QINGYUAN, lane=lane)
        town.settle()
        town.wait(timedelta(hours=13))
    assert len(reader.texts) == 9
    for found in (sent, came):
        assert len(found) > 10
        assert read_whole(found) == []
        assert sorted_to_find_one(found) == []


def test_what_falls_due_under_an_agreement_is_found_by_an_index(town: Town) -> None:
    conclude(town, terms(valid_from="2026-12-01"))
    town.wait(timedelta(days=29))
    node = town.nodes[SHOUNING]
    with plans(node.database.engine) as found:
        town.wait(timedelta(days=1))
        town.wait(timedelta(days=14))
    assert any("obligations" in plan.sql and "next_at" in plan.sql for plan in found)
    assert read_whole(found) == []
    assert sorted_to_find_one(found) == []


def test_no_list_of_the_local_api_reads_a_table_that_grows(town: Town) -> None:
    node = town.nodes[SHOUNING]
    app = local_app(node)
    lists = [path for path, calls in app.openapi()["paths"].items() if "get" in calls and "{" not in path]
    assert "/api/v1/leads" in lists
    token = log_in(node)
    with (
        TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client,
        plans(node.database.engine) as found,
    ):
        for path in lists:
            # The measures are for this machine; a person's token would not open them.
            headers = {} if path == "/metrics" else {"Authorization": f"Bearer {token}"}
            answer = client.get(path, headers=headers)
            assert answer.status_code in {200, 422}, f"{path}: {answer.text}"
        assert len(found) > 10
    assert read_whole(found) == []


def log_in(node: Node) -> str:
    """Return the token of somebody with every role."""
    now = node.clock.now()
    with node.database.begin() as session:
        account = node.identity.accounts.add_user(
            session,
            username="everyone",
            name="Everyone",
            roles=tuple(Role),
            password_hash="none",
            by=CONSOLE,
            now=now,
            must_change_password=False,
        )
        session.flush()
        return node.identity.sessions.open(session, account, "10.20.3.4", now).token
