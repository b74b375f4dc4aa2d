"""Two nodes export what they can prove of a thread; anyone with their cards can check it."""

import json
import shutil
from datetime import timedelta

import pytest

from ecolink.errors import NotFoundError
from ecolink.federation.evidence import EvidenceDesk
from ecolink.protocol import evidence
from ecolink.protocol.evidence import Trust
from ecolink.protocol.statement import Lane
from tests.support.notes import Notebook
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

pytestmark = pytest.mark.by_turns


def export(node, thread, **how) -> bytes:
    desk = EvidenceDesk(node.us, node.database, node.keystore, node.signer, node.log)
    return desk.export(thread, node.clock.now(), **how)


def trust(town) -> Trust:
    return Trust.given([node.card(town.clock.now()) for node in town.nodes.values()])


def verify(town, unit_code, thread, **how):
    return evidence.verify(export(town.nodes[unit_code], thread, **how), trust(town))


def codes(report, level="wrong"):
    return [finding.code for finding in report.findings if finding.level == level]


@pytest.fixture
def thread(town, shouning, qingyuan):
    """A note with personal data, its answer, and a last word, all receipted."""
    opener = shouning.send("request", QINGYUAN, private={"name": "林某"})
    town.settle()
    qingyuan.send("answer", SHOUNING, thread=opener.statement.thread)
    town.settle()
    town.clock.advance(timedelta(minutes=1))
    shouning.send("thanks", QINGYUAN, thread=opener.statement.thread)
    town.settle()
    return opener.statement.thread


def test_both_sides_prove_the_same_thread(town, thread):
    for unit_code in (SHOUNING, QINGYUAN):
        report = verify(town, unit_code, thread)
        assert report.ok, report.first_wrong
        assert report.findings == ()
        assert [line.iss for line in report.lines] == [SHOUNING, QINGYUAN, SHOUNING]
        assert all(len(line.deliveries) == 1 for line in report.lines)


def test_other_threads_of_the_same_batches_are_not_shown(town, thread, shouning):
    shouning.send("of another matter", QINGYUAN)
    town.settle()
    assert b"another matter" not in export(town.nodes[SHOUNING], thread)
    assert verify(town, SHOUNING, thread).ok


def test_personal_data_can_be_withheld(town, thread):
    raw = export(town.nodes[SHOUNING], thread, withhold=True)
    assert "林某" not in raw.decode()
    report = evidence.verify(raw, trust(town))
    assert report.ok
    assert codes(report, "note") == ["withheld"]
    assert "林某" in export(town.nodes[SHOUNING], thread).decode()


def test_a_thread_nobody_knows_is_not_there(town):
    with pytest.raises(NotFoundError):
        export(town.nodes[SHOUNING], "01a2012f-69e0-7771-bd6c-1d833c732d08")


def test_a_note_not_yet_receipted_is_unconfirmed(town, thread, shouning):
    town.network.down.add(QINGYUAN)
    shouning.send("unheard", QINGYUAN, thread=thread)
    town.settle()
    report = verify(town, SHOUNING, thread)
    assert report.ok, report.first_wrong
    assert codes(report, "note") == ["unconfirmed"]


def test_a_refused_note_is_shown_as_refused_and_its_absence_excused(town, thread, shouning, qingyuan):
    town.network.down.add(QINGYUAN)
    shouning.send("too late", QINGYUAN, thread=thread, deliver_by=town.clock.now() + timedelta(hours=1))
    town.wait(timedelta(hours=2))
    town.network.down.clear()
    town.wait(timedelta(hours=1))
    shouning.send("again", QINGYUAN, thread=thread)
    town.settle()
    author, recipient = verify(town, SHOUNING, thread), verify(town, QINGYUAN, thread)
    assert author.ok, author.first_wrong
    assert recipient.ok, recipient.first_wrong
    assert codes(author, "note") == ["refused"]
    assert (len(author.lines), len(recipient.lines)) == (5, 4)


def test_a_thread_among_three_is_proven_by_each(town, shouning, qingyuan):
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    Notebook(town.nodes[JINGNING])
    opener = shouning.send("to both", QINGYUAN, JINGNING, lane=Lane.BULK)
    town.settle()
    for unit_code in (SHOUNING, QINGYUAN, JINGNING):
        report = verify(town, unit_code, opener.statement.thread)
        assert report.ok, report.first_wrong


def test_a_thread_over_a_key_rotation_verifies_with_cards_from_before_and_after(town, thread, shouning):
    before = trust(town)
    node = town.nodes[SHOUNING]
    with node.database.begin() as session:
        node.keystore.rotate(session, town.clock.now())
    town.wait(timedelta(minutes=1))
    shouning.send("with the new key", QINGYUAN, thread=thread)
    town.wait(timedelta(minutes=10))
    for unit_code in (SHOUNING, QINGYUAN):
        raw = export(town.nodes[unit_code], thread)
        for trusted in (before, trust(town)):
            report = evidence.verify(raw, trusted)
            assert report.ok, report.first_wrong


def steal_key(town, unit_code, ago):
    """A bureau finds that its signing key was stolen, revokes it and tells its peers."""
    node = town.nodes[unit_code]
    with node.database.begin() as session:
        node.keystore.revoke(session, town.clock.now(), compromised_since=town.clock.now() - ago)
    town.wait(timedelta(minutes=1))
    with node.database.read() as session:
        documents = node.keystore.documents(session, unit_code)
    for other in town.nodes.values():
        if other is not node:
            with other.database.begin() as session:
                other.peers.take_manifests(session, unit_code, documents, now=town.clock.now())


def exchange(town):
    for node in town.nodes.values():
        node.witnessing.exchange(town.clock.now)


def test_what_a_stolen_key_signed_before_is_proven_by_the_checkpoints_others_held(town, thread):
    exchange(town)
    town.clock.advance(timedelta(days=2))
    exchange(town)
    steal_key(town, QINGYUAN, ago=timedelta(days=1))
    exchange(town)
    for unit_code in (SHOUNING, QINGYUAN):
        report = verify(town, unit_code, thread)
        assert report.ok, report.first_wrong


def test_without_anybody_holding_a_checkpoint_in_time_it_is_time_unproven(town, thread):
    town.clock.advance(timedelta(days=2))
    steal_key(town, QINGYUAN, ago=timedelta(days=1))
    exchange(town)
    assert set(codes(verify(town, SHOUNING, thread))) == {"time-unproven"}


def test_an_erased_private_part_is_lawfully_erased(town, thread):
    from ecolink.federation.erasure import Erasure, Ordered

    node = town.nodes[SHOUNING]
    erasure = Erasure(node.us, node.log, node.access, node.outbox)
    ordered = Ordered(reason="purpose-served", note=None, username="lin", name="林一", role="officer")
    with node.database.begin() as session:
        erasure.erase(session, thread, ordered, now=town.clock.now())
    town.settle()
    report = verify(town, SHOUNING, thread)
    assert report.ok, report.first_wrong
    assert "lawfully-erased" in codes(report, "note")
    assert "林某" not in export(node, thread).decode()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_restored_node_shows_a_declared_gap(town, thread, qingyuan, tmp_path):
    node = town.nodes[SHOUNING]
    node.database.dispose()
    backup = tmp_path / "backup.db"
    shutil.copyfile(node.database.engine.url.database, backup)
    qingyuan.send("forgotten", SHOUNING, thread=thread)
    town.settle()
    exchange(town)
    node.close()

    restored = town.build(SHOUNING, f"sqlite:///{backup}")
    restored.tick(town.clock.now())
    Notebook(restored)
    restored.witnessing.exchange(town.clock.now)
    for each in (restored, town.nodes[QINGYUAN]):
        each.reconciliation.run(town.clock.now, passing_over={})
    town.wait(timedelta(hours=1))
    qingyuan.send("after", SHOUNING, thread=thread)
    town.settle()
    exchange(town)
    report = verify(town, SHOUNING, thread)
    assert report.ok, report.first_wrong
    assert codes(report, "caution") == ["declared-gap"]
    assert len(report.lines) == 5, "what was forgotten was sent again"
    other = verify(town, QINGYUAN, thread)
    assert other.ok, other.first_wrong
    assert codes(other, "caution") == ["log-began-anew"]


def test_the_file_says_what_it_is(town, thread):
    said = json.loads(export(town.nodes[SHOUNING], thread))
    assert said["form"] == "ecolink.evidence/1"
    assert sorted(said["content"]) == [
        "attestations",
        "batches",
        "checkpoints",
        "growth",
        "leaves",
        "made_at",
        "made_by",
        "manifests",
        "receipts",
        "restores",
        "statements",
        "thread",
    ]
