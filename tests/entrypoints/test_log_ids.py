"""Every line says what it is about: the request, the statement, the batch."""

import io
import json
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from ecolink.entrypoints.applications import federation_app
from ecolink.entrypoints.logs import set_up_logs
from ecolink.federation.models import OutBatch
from tests.support.notes import Notebook
from tests.support.town import QINGYUAN, SHOUNING, Town


@pytest.fixture
def lines(monkeypatch) -> Callable[[str], dict[str, str]]:
    """Write the log as JSON; return its only line with a given event."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up_logs("info", "json")

    def one(event: str) -> dict[str, str]:
        (line,) = [line for line in map(json.loads, written.getvalue().splitlines()) if line["event"] == event]
        return line

    return one


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_goes_wrong_while_a_statement_is_applied_names_it(town: Town, lines):
    there = Notebook(town.nodes[QINGYUAN], stumble={"hello"})
    sent = Notebook(town.nodes[SHOUNING]).send("hello", QINGYUAN)
    town.settle()
    assert there.texts == []
    assert lines("applying.failed")["statement"] == sent.statement.jti


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_failed_try_names_its_batch(town: Town, lines):
    node = town.nodes[SHOUNING]
    town.network.down.add(QINGYUAN)
    Notebook(node).send("hello", QINGYUAN)
    town.settle()
    with node.database.read() as session:
        assert lines("delivery.retry")["batch"] == session.scalars(select(OutBatch.digest)).one()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_goes_wrong_in_a_request_names_it_on_either_side(town: Town, lines, monkeypatch):
    node = town.nodes[SHOUNING]

    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ecolink.federation.gate.Gate._keys", stumble)
    with TestClient(federation_app(node)) as client:
        answer = client.post("/federation/v1/keys", content=b"{}", headers={"X-Request-ID": "asked-by-qingyuan"})
    assert answer.status_code == 500
    assert lines("gate.fault")["request_id"] == "asked-by-qingyuan"
