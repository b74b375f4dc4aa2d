"""A row that no longer says what its statement answers stops nothing: the signed bytes beside it say it."""

import pytest
from sqlalchemy import Text, cast, literal, update
from sqlalchemy.dialects.postgresql import JSONB

from ecolink.federation.erasure import Erasure, Ordered
from ecolink.federation.evidence import EvidenceDesk
from ecolink.federation.models import StatementRow
from ecolink.federation.threads import load
from ecolink.protocol import evidence
from ecolink.protocol.evidence import Trust
from ecolink.storage.base import table_of
from tests.support.town import QINGYUAN, SHOUNING

ORDERED = Ordered(reason="purpose-served", note="案件已结", username="chief.wu", name="吴局", role="chief")


TORN = '["3f'


@pytest.fixture(params=[TORN, "{}", "7", "[7]"])
def written(request: pytest.FixtureRequest, backend: str) -> str:
    """What stands where the parents are to stand."""
    # PostgreSQL keeps nothing that is no JSON at all.
    return "null" if backend == "postgresql" and request.param == TORN else request.param


@pytest.fixture
def thread(town, shouning, qingyuan) -> str:
    """A request with personal data and an answer to it, both told."""
    opener = shouning.send("request", QINGYUAN, private={"name": "林某"}).statement
    town.settle()
    qingyuan.send("answer", SHOUNING, thread=opener.thread)
    town.settle()
    return opener.thread


def damage(node, written: str) -> None:
    with node.database.begin() as session:
        kind = Text if node.database.is_sqlite else JSONB
        session.execute(update(table_of(StatementRow)).values(parents=cast(literal(written, Text), kind)))


def said_in(node, thread: str):
    with node.database.read() as session:
        return [each.statement for each in load(session, thread)]


def test_what_came_in_is_applied_in_its_place_and_holds_up_nobody_in_its_lane(town, shouning, qingyuan, written):
    town.network.down.add(QINGYUAN)
    opener = shouning.send("first", QINGYUAN).statement
    shouning.send("second", QINGYUAN, thread=opener.thread)
    shouning.send("of another matter", QINGYUAN)
    node = qingyuan.node
    qingyuan.wait_for["first"] = "nothing that ever comes"
    town.network.down.clear()
    while shouning.node.delivery.step((opener.lane,), town.clock.now):
        pass
    damage(node, written)
    town.settle()
    assert qingyuan.texts == ["of another matter"], "the second waits for the first, though its row does not say so"

    with node.database.read() as session:
        assert [each.reason.partition(":")[0] for each in node.applier.parked(session)] == ["waits", "waits"]
    qingyuan.wait_for.clear()
    with node.database.begin() as session:
        node.applier.retry(session)
    town.settle()
    assert qingyuan.texts == ["of another matter", "first", "second"]


def test_a_thread_is_read_and_answered_as_before(town, shouning, qingyuan, thread, written):
    damage(shouning.node, written)
    request, answer = said_in(shouning.node, thread)
    assert answer.parents == (request.digest,)
    thanks = shouning.send("thanks", QINGYUAN, thread=thread).statement
    assert thanks.parents == (answer.digest,)
    town.settle()
    assert qingyuan.texts == ["request", "thanks"]


def test_personal_data_are_erased_by_whoever_opened_the_thread_and_the_evidence_verifies(
    town, shouning, qingyuan, thread, written
):
    for node in town.nodes.values():
        damage(node, written)
        node.handlers.update(Erasure(node.us, node.log, node.access, node.outbox, []).handlers())
    node = shouning.node
    with node.database.begin() as session:
        Erasure(node.us, node.log, node.access, node.outbox, []).erase(session, thread, ORDERED, now=town.clock.now())
    town.settle()
    assert all(said.private is None for node in town.nodes.values() for said in said_in(node, thread))

    cards = Trust.given([each.card(town.clock.now()) for each in town.nodes.values()])
    for node in town.nodes.values():
        desk = EvidenceDesk(node.us, node.database, node.keystore, node.signer, node.log)
        report = evidence.verify(desk.export(thread, town.clock.now()), cards)
        assert report.ok, report.first_wrong
