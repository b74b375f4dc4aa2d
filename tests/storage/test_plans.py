"""What a node does all day looks nothing up by reading a whole table, and sorts nothing that grows to find its first.

PostgreSQL is asked whether it could: it tells its plan while it is told not to read whole tables and not to sort.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ecolink.console.sights import Sights
from ecolink.entrypoints.applications import local_app
from ecolink.entrypoints.wiring import Node
from ecolink.federation.intake import _HELD
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.roles import Role
from ecolink.protocol.statement import Lane
from ecolink.storage.base import Base
from ecolink.storage.indexes import PartialIndex
from tests.support.agreements import conclude, terms
from tests.support.notes import Notebook
from tests.support.plans import Plan, plans
from tests.support.town import QINGYUAN, SHOUNING, Town

WRITTEN_DOWN = Path(__file__).parents[2] / "docs" / "performance.md"

STAYS_SMALL = {
    "peers": "the bureaus we know",
    "peer_keys": "a few keys of each",
    "manifests": "one for each change of a bureau's keys",
    "out_channels": "a few for each peer: lanes, and an epoch for each restore",
    "in_channels": "the same",
    "alliances": "agreed on by people, a few in years",
    "alliance_rosters": "one for each change of their members",
    "agreements": "agreed on by people, a few for each partner",
    "agreement_subjects": "their versions, endings and calendars",
    "duties": "a few for each version of an agreement",
    "duty_parties": "the bureaus that each binds",
    "horizons": "one for each agreement",
    "accounts": "our own people and programs",
    "second_factors": "one for each of our people",
    "recovery_codes": "ten for each of our people",
    "alert_preferences": "one for each of our people",
    "alert_pins": "one for each of our people",
    "calendar_feeds": "a few for each of our people",
    "contact_points": "a few for each of our people",
    "alert_channels": "set up by an administrator",
    "unfinished_forms": "fifty for each of our people at most, for thirty days",
    "alarms": "one for each kind and subject of what an operator must look at, however often it happens",
    "equivocations": "proofs that a bureau signed two things under one id",
    "heartbeats": "one for each process that works now",
    "log_heads": "one, and one more for each restore",
    "access_heads": "one",
    "bells": "one for each kind of work",
    "alembic_version": "one",
}
"""Tables that hold as much after ten years as after one. Every other grows, and a new one does until it stands here."""

GROWS = {table.name for table in Base.metadata.tables.values()} - {*STAYS_SMALL}
PARTIAL = {
    index.name for table in Base.metadata.tables.values() for index in table.indexes if isinstance(index, PartialIndex)
}
"""Indexes over what waits: however much there was, what they hold is soon gone from them."""

FEW_AT_A_TIME = {"out_batches": "the batches past what was receipted: the one on its way, and one beside it"}
"""Tables that grow, of which a worker only ever sorts a few rows that it found by their place."""

SORTED = {
    "/api/v1/me/sessions": {"": "the logins of one person that are still good"},
    "/api/v1/sessions": {"": "the logins that are still good", "account_id": "the same of one person"},
    "/api/v1/leads": {
        "state": "leads under way in a state; of those that have ended none is sorted",
        "case_number": "the leads of one case",
        "overdue": "leads under way of which something is late",
        "due_before": "leads under way of which something is due",
        "ours_to_do": "leads under way",
        "awaiting_approval": "leads that wait for somebody here",
        "q": "what the search found",
    },
    "/api/v1/bulletins": {
        "charge": "the bulletins on one article of the law",
        "species": "the bulletins on one species",
        "unread": "what nobody here has opened",
        "q": "what the search found",
        "valid_at": "those valid at a moment, by their last change: the one order no index has together with that",
    },
    "/api/v1/emergencies": {"q": "what the search found"},
    "/api/v1/obligations": {
        "agreement": "what one agreement obliges to",
        "owed": "what is owed, up to the horizon of each agreement",
        "period": "what is due for one period",
    },
    "/api/v1/consultations": {"trigger": "the consultations on one matter"},
    "/api/v1/liaison-contacts": {"to_confirm": "records that wait for our word"},
    "/api/v1/liaison-contacts/forms": {"": "obligations that are open"},
    "/api/v1/liaison-contacts/form": {
        "partner": "no page, but what a contact is to speak of: the leads and bulletins with one partner, and emergencies"
    },
    "/api/v1/alerts": {"drills": "exercises and tests"},
    "/api/v1/dispatches": {"alert_id": "the messages of one alert"},
}
"""Lists that are put in order when they are asked for, by the filter that makes them short, and what they then hold."""

EXAMPLES = {
    "peer": QINGYUAN,
    "partner": QINGYUAN,
    "q": "火情",
    "agreement": "sn-qy-151",
    "period": "2026-Q3",
    "year": "2026",
}


WHOLE = re.compile(r"(?:SCAN|Seq Scan on|SEARCH(?=.*\(is_exercise=\?\)$)) (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
"""How a plan says that a table is read from one end to the other; to look up all that are no drill is no better."""


def read_whole(found: Iterable[Plan], *, pages: bool = False) -> list[str]:
    """Return statements that read a table that grows from one end to the other; `pages` end when they are full."""
    return [
        f"{step}: {plan.sql}".replace("\n", " ")
        for plan in found
        for step in plan.steps
        if (scan := WHOLE.match(step))
        and scan[1] in GROWS
        and scan[2] not in PARTIAL
        and not (is_in_order(plan) and (pages or takes_the_newest(plan)))
    ]


def is_in_order(plan: Plan) -> bool:
    """Tell whether rows come in the order that is asked for, and the reading ends with the page."""
    return "LIMIT" in plan.sql and not sorts(plan) and not any(step.startswith("Seq Scan") for step in plan.steps)


def takes_the_newest(plan: Plan) -> bool:
    """Tell whether no row is passed over."""
    return " WHERE " not in plan.sql.replace("\n", " ") and len(plan.steps) == 1


def sorts(plan: Plan) -> bool:
    """Tell whether rows are put in order after they were found."""
    steps = [re.match(r"USE TEMP B-TREE FOR .*ORDER BY|(Incremental )?Sort$", step) for step in plan.steps]
    return "ORDER BY" in plan.sql and any(steps)


def sorted_whole(found: Iterable[Plan]) -> list[str]:
    """Return statements that put in order what grows, and not only what waits or is named."""
    return [
        f"{plan.steps}: {plan.sql}".replace("\n", " ")
        for plan in found
        if sorts(plan) and any(is_many(step) for step in plan.steps)
    ]


def is_many(step: str) -> bool:
    """Tell whether a step may find many rows of a table that grows."""
    words = {*re.findall(r"\w+", step)}
    return bool(words & GROWS - {*FEW_AT_A_TIME}) and not words & PARTIAL


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
        assert [each for each in sorted_whole(found) if "LIMIT" in each] == []


def test_what_is_held_of_a_push_is_found_by_its_ids_however_many_its_bureau_has_sent(town: Town) -> None:
    node = town.nodes[QINGYUAN]
    with plans(node.database.engine) as found, node.database.begin() as session:
        _HELD.all(session, {"iss": SHOUNING, "jtis": ["01a2012f-69e0-7771-bd6c-1d833c732d08"]})
    steps = "; ".join(step for plan in found for step in plan.steps)
    assert re.search(
        r"\(iss=\? AND jti=\?\)|Index Cond: \(\(\(iss\)::text = '\d+'::text\) AND \(\(jti\)::text = asked.jti\)\)",
        steps,
    )


def test_what_falls_due_under_an_agreement_is_found_by_an_index(town: Town) -> None:
    conclude(town, terms(valid_from="2026-12-01"))
    town.wait(timedelta(days=29))
    node = town.nodes[SHOUNING]
    with plans(node.database.engine) as found:
        town.wait(timedelta(days=1))
        town.wait(timedelta(days=14))
    assert any("obligations" in plan.sql and "next_at" in plan.sql for plan in found)
    assert read_whole(found) == []
    assert [each for each in sorted_whole(found) if "LIMIT" in each] == []


def test_what_every_open_page_is_asked_for_each_second_is_found_by_an_index(town: Town) -> None:
    node = town.nodes[SHOUNING]
    with plans(node.database.engine) as found, node.database.begin() as session:
        Sights(node.rooms).look(session, node.clock.now())
    assert len(found) > 10
    assert read_whole(found, pages=True) == []


def test_no_list_of_the_local_api_reads_or_sorts_a_table_that_grows_whatever_is_asked_of_it(town: Town) -> None:
    node = town.nodes[SHOUNING]
    app = local_app(node)
    contract = app.openapi()
    lists = {path: calls["get"] for path, calls in contract["paths"].items() if "get" in calls and "{" not in path}
    assert "/api/v1/leads" in lists
    token = log_in(node)
    sorted_here: set[tuple[str, str]] = set()
    planned: set[str] = set()
    faults: list[str] = []
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
        for path, call in lists.items():
            # The measures are for this machine; a person's token would not open them.
            headers = {} if path == "/metrics" else {"Authorization": f"Bearer {token}"}
            for name, filters in asked(call, contract):
                with plans(node.database.engine) as found:
                    answer = client.get(path, params=filters, headers=headers)
                assert answer.status_code in {200, 422}, f"{path} {filters}: {answer.text}"
                new = [plan for plan in found if plan.sql not in planned]
                planned.update(plan.sql for plan in new)
                faults += [f"{path} {filters}: {plan}" for plan in read_whole(new, pages=True)]
                if name in SORTED.get(path, {}):
                    sorted_here.update((path, name) for plan in found if sorts(plan))
                else:
                    faults += [f"{path} {filters}: {plan}" for plan in sorted_whole(new)]
    assert faults == []
    if node.database.engine.dialect.name == "sqlite":
        assert sorted_here == {(path, name) for path, names in SORTED.items() for name in names}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_plans_that_are_written_down_are_those_of_today(town: Town) -> None:
    node, peer = town.nodes[SHOUNING], town.nodes[QINGYUAN]
    section = WRITTEN_DOWN.read_text().split("<!-- plans -->")[1].split("<!-- end of plans -->")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) > 10
    Notebook(peer)
    with plans(node.database.engine) as worked, plans(peer.database.engine) as came:
        Notebook(node).send("A note", QINGYUAN)
        town.settle()
        town.wait(timedelta(hours=1))
    token = log_in(node)
    with TestClient(local_app(node), base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
        for asked_for, found_by in rows:
            found = [*worked, *came]
            if asked_for.startswith("`"):
                with plans(node.database.engine) as found:
                    client.get(asked_for.strip("`"), headers={"Authorization": f"Bearer {token}"}).raise_for_status()
                found = [plan for plan in found if "LIMIT" in plan.sql]
            steps = re.findall(r"`([^`]+)`", found_by)
            assert {*steps} <= {step for plan in found for step in plan.steps}, asked_for
            if asked_for.startswith("`"):
                assert any(sorts(plan) for plan in found) == any("TEMP B-TREE" in step for step in steps), asked_for


def asked(call: Mapping[str, Any], contract: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield every way to ask for a list: as it is, by each filter, each in every order, with the filter's name."""
    filters = {
        each["name"]: [*values(each["name"], each["schema"], contract)]
        for each in call.get("parameters", ())
        if each["in"] == "query" and each["name"] not in {"limit", "cursor"}
    }
    orders = [{"sort": order} for order in filters.pop("sort", ())] or [{}]
    for order in orders:
        yield "", order
        for name, several in filters.items():
            for value in several:
                yield name, {name: value, **order}


def values(name: str, schema: Mapping[str, Any], contract: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is tried of a filter: a state that begins and one that ends, each order, yes and no, else one example."""
    while "$ref" in schema:
        schema = contract["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if name in EXAMPLES:
        yield EXAMPLES[name]
    elif inner := schema.get("items") or (schema.get("anyOf") or schema.get("allOf") or [None])[0]:
        yield from values(name, inner, contract)
    elif "enum" in schema:
        named = schema["enum"]
        yield from named if name == "sort" else (named[0], named[-1]) if name in {"state", "status"} else named[:1]
    elif schema.get("type") == "boolean":
        yield from ("true", "false")
    else:
        yield {"date-time": "2026-11-22T00:00:00Z", "date": "2026-11-22"}.get(schema.get("format", ""), "345(1)")


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
