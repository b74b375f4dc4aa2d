"""A row that no longer says what its statement answers, or whom it is for, stops nothing: the signed bytes say it."""

from dataclasses import replace

import pytest
from sqlalchemy import Text, cast, literal, update
from sqlalchemy.dialects.postgresql import JSONB

from ecolink.entrypoints.wiring import Node
from ecolink.federation.erasure import Erasure, Ordered
from ecolink.federation.evidence import EvidenceDesk
from ecolink.federation.handing_on import hand_on
from ecolink.federation.logdesk import LogDesk
from ecolink.federation.models import StatementRow
from ecolink.federation.operations import INCLUSION, PUSH
from ecolink.federation.statements import keep
from ecolink.federation.threads import bureaus_of, load
from ecolink.federation.witnessing import Witnessing
from ecolink.kit.ids import new_id
from ecolink.protocol import evidence
from ecolink.protocol.evidence import Trust
from ecolink.protocol.sealing import seal
from ecolink.storage.base import table_of
from tests.support.notes import Notebook, note
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

ORDERED = Ordered(reason="purpose-served", note="案件已结", username="chief.wu", name="吴局", role="chief")


TORN = '["3f'


@pytest.fixture(params=[TORN, "{}", "7", "[7]"])
def written(request: pytest.FixtureRequest, backend: str) -> str:
    """What stands where the parents, and the recipients, are to stand."""
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
        stands_there = cast(literal(written, Text), kind)
        session.execute(update(table_of(StatementRow)).values(parents=stands_there, aud=stands_there))


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


def test_what_crossed_an_order_to_erase_is_erased_when_it_comes_and_what_was_said_knowing_of_it_stays(
    town, shouning, qingyuan, thread, written
):
    node = shouning.node
    erasure = Erasure(node.us, node.log, node.access, node.outbox, [])
    qingyuan.node.handlers.update(
        Erasure(QINGYUAN, qingyuan.node.log, qingyuan.node.access, qingyuan.node.outbox, []).handlers()
    )
    node.handlers.update(erasure.handlers())
    town.network.keep_back = lambda call: call.operation is PUSH and b'"private":"' in call.body
    crossing = qingyuan.send("one more", SHOUNING, thread=thread, private={"name": "李某"}).statement
    town.settle()
    with node.database.begin() as session:
        erasure.erase(session, thread, ORDERED, now=town.clock.now())
    town.network.keep_back = None
    town.network.release()
    town.settle()
    knowing = qingyuan.send("and that", SHOUNING, thread=thread, private={"name": "陈某"}).statement
    town.settle()
    damage(node, written)
    with node.database.begin() as session:
        assert erasure.erase_latecomers(session, town.clock.now()) == 1
    parts = {each.digest: each.private for each in said_in(node, thread)}
    assert parts[crossing.digest] is None
    assert parts[knowing.digest] is not None


def test_whoever_was_told_of_a_matter_and_said_nothing_is_known_and_is_told_of_its_erasure(
    town, shouning, qingyuan, written
):
    request = shouning.send("request", QINGYUAN, private={"name": "林某"}).statement
    node, thread = shouning.node, request.thread
    erasure = Erasure(node.us, node.log, node.access, node.outbox, [])
    other = qingyuan.node
    other.handlers.update(Erasure(other.us, other.log, other.access, other.outbox, []).handlers())
    town.settle()
    damage(node, written)
    with node.database.read() as session:
        assert bureaus_of(session, thread, "note") == {SHOUNING, QINGYUAN}
    more = shouning.send("more", QINGYUAN, thread=thread).statement
    assert more.parents == (request.digest,)
    town.settle()
    damage(node, written)
    desk = EvidenceDesk(node.us, node.database, node.keystore, node.signer, node.log)
    assert QINGYUAN in evidence.read(desk.export(thread, town.clock.now())).content.manifests
    with node.database.begin() as session:
        erasure.erase(session, thread, ORDERED, now=town.clock.now())
    town.settle()
    assert not any(each.private for each in said_in(other, thread))


def test_whom_a_statement_is_for_may_ask_for_its_proof_and_nobody_else(town, shouning, qingyuan, thread, written):
    jingning = Notebook(town.add(JINGNING))
    town.introduce(SHOUNING, JINGNING)
    node = shouning.node
    request, _ = said_in(node, thread)
    witnessing = Witnessing(node.us, node.database, node.keystore, node.signer, node.client, node.peers, node.log)
    node.gate.rooms.update(LogDesk(node.database, node.callers, node.log, witnessing).rooms())
    damage(node, written)
    with node.database.read() as session:
        size = node.log.head(session).tree.size
    asked = {"digest": request.digest, "ref": request.jti, "size": str(size)}

    def answered(asker: Node) -> int:
        with asker.database.read() as session:
            url = asker.peers.get(session, SHOUNING).federation_url
        return asker.client.call(SHOUNING, url, INCLUSION, now=town.clock.now(), params=asked).status

    assert [answered(each.node) for each in (qingyuan, jingning)] == [200, 404]


def test_what_came_back_after_a_restore_is_handed_on_to_whom_it_is_for(town, shouning, qingyuan, written):
    jingning = Notebook(town.add(JINGNING))
    town.introduce(SHOUNING, JINGNING)
    node, now = shouning.node, town.clock.now()
    jti = new_id(now)
    draft = replace(note("forgotten", now), aud=(QINGYUAN,), thread=jti)
    with node.database.begin() as session:
        said = seal(draft, iss=SHOUNING, jti=jti, iat=now, key=node.signer.key)
        keep(session, said, now=now, returned_at=now)
    damage(node, written)
    assert [hand_on(node.database, peer, now) for peer in (JINGNING, QINGYUAN, QINGYUAN)] == [0, 1, 0]
    town.settle()
    assert (qingyuan.texts, jingning.texts) == (["forgotten"], [])
