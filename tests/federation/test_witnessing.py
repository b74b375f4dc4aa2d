"""Bureaus hold each other's evidence logs to what they once showed."""

import json
import shutil
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from ecolink.audit import witness
from ecolink.audit.models import Attestation, LogHead, LogLeaf, PeerCheckpoint
from ecolink.entrypoints.wiring import Node
from ecolink.federation import operations
from ecolink.federation.logdesk import LogDesk
from ecolink.federation.models import Alarm, OutBatch
from ecolink.federation.operations import Answer
from ecolink.federation.witnessing import Witnessing
from ecolink.kit.canonical import sha256_hex
from ecolink.protocol import leaves, merkle
from ecolink.protocol.attestation import open_attestation
from ecolink.protocol.checkpoint import open_checkpoint, origin_of, seal_checkpoint
from ecolink.protocol.keys import Use
from ecolink.protocol.limits import MAX_EPOCH
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

pytestmark = pytest.mark.by_turns


def open_desk(node: Node) -> Witnessing:
    witnessing = Witnessing(node.us, node.database, node.keystore, node.signer, node.client, node.peers, node.log)
    node.gate.rooms.update(LogDesk(node.database, node.callers, node.log, witnessing).rooms())
    return witnessing


def restore(town, watching, backup):
    """Start Shouning again from its backup; it looks at once what its peers hold of it."""
    restored = town.build(SHOUNING, f"sqlite:///{backup}")
    restored.tick(town.clock.now())
    watching[SHOUNING] = open_desk(restored)
    watching[SHOUNING].exchange(town.clock.now)
    return restored


@pytest.fixture
def watching(town):
    """By unit code, the witnessing of each node of the town."""
    return {code: open_desk(node) for code, node in town.nodes.items()}


def busy(node: Node, count: int, word: str = "leaf") -> None:
    """Let a node do things that are logged."""
    with node.database.begin() as session:
        for n in range(count):
            node.log.append(session, "noted", sha256_hex(f"{word} {n}".encode()), f"{word}-{n}")


def held(node: Node, of: str) -> list[tuple[int, int, str]]:
    with node.database.read() as session:
        rows = session.scalars(select(PeerCheckpoint).where(PeerCheckpoint.unit_code == of))
        return sorted((row.log_epoch, row.size, row.state) for row in rows)


def alarms(node: Node) -> list[str]:
    with node.database.read() as session:
        return list(session.scalars(select(Alarm.kind)))


def size(node: Node) -> int:
    with node.database.read() as session:
        return node.log.head(session).tree.size


def ask(town, asker: str, asked: str, operation, **params: str):
    node = town.nodes[asker]
    with node.database.read() as session:
        url = node.peers.get(session, asked).federation_url
    return node.client.call(asked, url, operation, now=town.clock.now(), params=params)


def test_a_bureau_keeps_its_peers_checkpoints_and_proves_that_the_log_only_grew(town, watching):
    qingyuan = town.nodes[QINGYUAN]
    for _ in range(3):
        busy(qingyuan, 50, str(town.clock.now()))
        assert watching[SHOUNING].exchange(town.clock.now) == {}
        town.clock.advance(timedelta(hours=1))
    assert [state for *_, state in held(town.nodes[SHOUNING], QINGYUAN)] == ["verified", "kept", "kept"]
    assert watching[SHOUNING].prove(town.clock.now) == 2
    assert [state for *_, state in held(town.nodes[SHOUNING], QINGYUAN)] == ["verified"] * 3
    assert alarms(town.nodes[SHOUNING]) == []


def test_a_log_that_was_rewritten_is_found_out_and_alarmed(town, watching):
    qingyuan, now = town.nodes[QINGYUAN], town.clock.now
    busy(qingyuan, 10)
    watching[SHOUNING].exchange(now)
    with qingyuan.database.begin() as session:
        # The database's owner rewrites a leaf and grows the log anew from nothing.
        kept = session.execute(select(LogLeaf.kind, LogLeaf.digest, LogLeaf.ref).order_by(LogLeaf.idx)).all()
        session.execute(delete(LogLeaf))
        session.execute(delete(LogHead))
        for leaf in kept[1:]:
            qingyuan.log.append(session, *leaf)
    busy(qingyuan, 30, "more")
    town.clock.advance(timedelta(hours=1))
    watching[SHOUNING].exchange(now)
    watching[SHOUNING].prove(now)
    assert alarms(town.nodes[SHOUNING]) == ["log-fork"]


def test_a_peer_that_has_no_proof_is_alarmed_but_one_that_is_silent_is_asked_again(town, watching):
    qingyuan = town.nodes[QINGYUAN]
    watching[SHOUNING].exchange(town.clock.now)
    busy(qingyuan, 10)
    town.clock.advance(timedelta(hours=1))
    watching[SHOUNING].exchange(town.clock.now)
    town.network.down.add(QINGYUAN)
    assert watching[SHOUNING].prove(town.clock.now) == 0
    assert watching[SHOUNING].exchange(town.clock.now) == {QINGYUAN: "the line is dead"}
    assert alarms(town.nodes[SHOUNING]) == []
    town.network.down.clear()
    with qingyuan.database.begin() as session:
        session.execute(update(LogHead).values(size=1, peaks=["00" * 32]))
    assert watching[SHOUNING].prove(town.clock.now) == 1
    assert alarms(town.nodes[SHOUNING]) == ["log-fork"]


def keep_notes(watching: Witnessing, of: Node, sizes, clock) -> None:
    """Let a node hold checkpoints of another's log, ten minutes apart, that no proof can join."""
    for size in sizes:
        text = seal_checkpoint(origin_of(of.us, 1), size, bytes([size % 251]) * 32, of.log.key)
        with watching.database.begin() as session:
            keys = watching.keystore.keys_of(session, of.us)
            watching.keep_checkpoint(session, keys, text, clock.now())
        clock.advance(timedelta(minutes=11))


def test_a_bureau_that_never_proves_its_log_keeps_nobody_from_finding_anothers_second_past(town, watching):
    watching[JINGNING] = open_desk(town.add(JINGNING))
    town.introduce(SHOUNING, JINGNING)
    gate = town.network.gates[QINGYUAN]
    town.network.gates[QINGYUAN] = lambda call: Answer(503) if call.operation is operations.CONSISTENCY else gate(call)
    keep_notes(watching[SHOUNING], town.nodes[QINGYUAN], range(1, 110), town.clock)
    keep_notes(watching[SHOUNING], town.nodes[JINGNING], (500, 900), town.clock)
    assert watching[SHOUNING].prove(town.clock.now) == 1
    assert alarms(town.nodes[SHOUNING]) == ["log-fork"]
    assert (1, 900, "forked") in held(town.nodes[SHOUNING], JINGNING)
    assert len(held(town.nodes[SHOUNING], QINGYUAN)) == 109, "it has to prove them all, if it ever answers"


def test_a_log_that_nobody_proves_for_a_day_is_alarmed_until_it_is_proven(town, watching):
    shouning, qingyuan, now = town.nodes[SHOUNING], town.nodes[QINGYUAN], town.clock.now
    gate = town.network.gates[QINGYUAN]
    town.network.gates[QINGYUAN] = lambda call: Answer(503) if call.operation is operations.CONSISTENCY else gate(call)
    for _ in range(2):
        busy(qingyuan, 5, str(now()))
        watching[SHOUNING].exchange(now)
        town.clock.advance(timedelta(hours=1))
    watching[SHOUNING].prove(now)
    assert alarms(shouning) == []
    town.clock.advance(timedelta(days=1))
    watching[SHOUNING].prove(now, passing_over=[QINGYUAN])
    assert alarms(shouning) == [], "whoever is away is not to blame"
    for _ in range(2):
        watching[SHOUNING].prove(now)
    with shouning.database.read() as session:
        [alarm] = session.scalars(select(Alarm))
        assert (alarm.kind, alarm.peer, alarm.details, alarm.closed_at) == (
            "log-unproven", QINGYUAN, {"why": "503"}, None,
        )  # fmt: skip
    town.network.gates[QINGYUAN] = gate
    assert watching[SHOUNING].prove(now) == 1
    with shouning.database.read() as session:
        assert session.scalars(select(Alarm.closed_at)).one() == now()


def test_a_bureau_that_proves_its_log_as_slowly_as_it_may_is_left_after_its_time(town, watching):
    gate = town.network.gates[QINGYUAN]

    def slowly(call):
        town.clock.advance(timedelta(minutes=4))
        return gate(call)

    keep_notes(watching[SHOUNING], town.nodes[QINGYUAN], range(500, 510), town.clock)
    town.network.gates[QINGYUAN] = slowly
    assert watching[SHOUNING].prove(town.clock.now) == 2, "two calls each, of four minutes"


def test_a_receipts_checkpoint_that_its_bureau_did_not_sign_raises_an_alarm(town, watching):
    shouning = town.nodes[SHOUNING]
    with shouning.database.begin() as session:
        keys = shouning.keystore.keys_of(session, QINGYUAN)
        watching[SHOUNING].keep_checkpoint(session, keys, shouning.log.checkpoint(session), town.clock.now())
    assert alarms(shouning) == ["bad-checkpoint"]
    assert held(shouning, QINGYUAN) == []


def test_third_parties_pass_on_what_they_hold_so_that_two_pasts_meet(town, watching):
    town.add(JINGNING)
    watching[JINGNING] = open_desk(town.nodes[JINGNING])
    town.introduce(SHOUNING, JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    qingyuan, now = town.nodes[QINGYUAN], town.clock.now
    busy(qingyuan, 10)
    watching[JINGNING].exchange(now)
    before = size(qingyuan)
    with qingyuan.database.begin() as session:
        # For Shouning, Qingyuan shows another log of the same length.
        session.execute(update(LogHead).values(peaks=[sha256_hex(b"x")] * before.bit_count()))
    watching[SHOUNING].exchange(now)
    watching[SHOUNING].prove(now)  # the two may have come at the same moment
    assert alarms(town.nodes[SHOUNING]) == ["log-fork"]
    with town.nodes[SHOUNING].database.read() as session:
        rows = session.scalars(select(PeerCheckpoint).where(PeerCheckpoint.unit_code == QINGYUAN)).all()
        assert {row.told_by for row in rows} == {QINGYUAN, JINGNING}
        assert {row.size for row in rows} == {before}
        assert len({row.root for row in rows}) == 2


def test_an_attestation_is_kept_as_anothers_word_on_our_log(town, watching):
    shouning, qingyuan, now = town.nodes[SHOUNING], town.nodes[QINGYUAN], town.clock.now
    busy(shouning, 5)
    watching[QINGYUAN].exchange(now)
    since = now()
    town.clock.advance(timedelta(days=1))
    watching[SHOUNING].exchange(now)
    with shouning.database.read() as session:
        row = session.scalars(select(Attestation)).one()
        assert (row.unit_code, row.since, row.held_at) == (QINGYUAN, since, now())
        keys = shouning.keystore.keys_of(session, QINGYUAN)
        said = open_attestation(row.token, find_key=keys.find, us=SHOUNING, sender=QINGYUAN)
        own = shouning.keystore.keys_of(session, SHOUNING)
        checkpoint = open_checkpoint(said.holds[0].checkpoint, log_key=own.of(Use.LOG, now()))
        assert (checkpoint.size, checkpoint.root) == (row.size, shouning.log.root(session, row.size))
    assert qingyuan.us in {holding.checkpoint.split("/")[1] for holding in said.holds} | {QINGYUAN}


def test_after_a_theft_a_bureau_still_attests_to_what_it_held_before(town, watching):
    shouning, qingyuan, now = town.nodes[SHOUNING], town.nodes[QINGYUAN], town.clock.now
    for _ in range(3):
        busy(shouning, 5, str(now()))
        watching[QINGYUAN].exchange(now)
        town.clock.advance(timedelta(days=1))
    with qingyuan.database.begin() as session:
        qingyuan.keystore.revoke(session, now(), compromised_since=now() - timedelta(days=1, hours=12))
    qingyuan.tick(now())
    with qingyuan.database.read() as session:
        held_then = witness.holdings(session, [now() - timedelta(days=1, hours=12)])
    with shouning.database.begin() as session:
        shouning.peers.take_manifests(session, QINGYUAN, qingyuan.keystore.documents(session, QINGYUAN), now=now())
    assert len(held_then) == 2
    with qingyuan.database.begin() as session:
        token = watching[QINGYUAN].attest(session, SHOUNING, now())
        keys = qingyuan.keystore.keys_of(session, QINGYUAN)
        assert len(open_attestation(token, find_key=keys.find, us=SHOUNING, sender=QINGYUAN).holds) == 2


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_node_restored_from_a_backup_learns_from_its_peer_what_it_forgot_and_declares_it(town, watching, tmp_path):
    shouning, now = town.nodes[SHOUNING], town.clock.now
    busy(shouning, 5)
    shouning.database.dispose()
    backup = tmp_path / "backup.db"
    shutil.copyfile(shouning.database.engine.url.database, backup)
    busy(shouning, 20, "forgotten")
    forgotten = size(shouning)
    watching[QINGYUAN].exchange(now)
    shouning.close()

    restored = restore(town, watching, backup)
    assert "log-restored" in alarms(restored)
    with restored.database.read() as session:
        head = restored.log.head(session)
        said = json.loads(restored.log.declaration(session, 2))
    assert head.origin == origin_of(SHOUNING, 2)
    [shown] = said["held_by_peers"]
    assert (shown["unit_code"], shown["checkpoint"].split("\n")[1]) == (QINGYUAN, str(forgotten))

    town.clock.advance(timedelta(hours=1))
    watching[SHOUNING].exchange(now)
    watching[QINGYUAN].exchange(now)
    assert watching[QINGYUAN].prove(now) == 0
    assert [epoch for epoch, *_ in held(town.nodes[QINGYUAN], SHOUNING)] == [1, 2]
    assert alarms(town.nodes[QINGYUAN]) == []
    with restored.database.read() as session:
        assert restored.log.head(session).log_epoch == 2, "a declared restore is not declared again"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("asked_first", [False, True])
def test_what_a_restored_bureau_can_prove_no_more_is_no_second_past(town, watching, tmp_path, asked_first):
    """What was held of its log just before it burnt down had not been proven yet."""
    shouning, now = town.nodes[SHOUNING], town.clock.now
    busy(shouning, 5)
    watching[QINGYUAN].exchange(now)
    shouning.database.dispose()
    backup = tmp_path / "backup.db"
    shutil.copyfile(shouning.database.engine.url.database, backup)
    busy(shouning, 20, "forgotten")
    town.clock.advance(timedelta(hours=1))
    watching[QINGYUAN].exchange(now)
    shouning.close()

    restored = restore(town, watching, backup)
    if asked_first:
        watching[QINGYUAN].exchange(now)
    town.network.down.add(SHOUNING)
    assert watching[QINGYUAN].prove(now) == 0
    town.network.down.clear()

    assert [watching[QINGYUAN].prove(now) for _ in range(2)] == [1, 0], "it is asked about once"
    assert alarms(town.nodes[QINGYUAN]) == []
    assert [state for *_, state in held(town.nodes[QINGYUAN], SHOUNING)] == ["verified", "kept", "verified"]
    busy(restored, 20, "since")
    town.clock.advance(timedelta(hours=1))
    watching[QINGYUAN].exchange(now)
    assert watching[QINGYUAN].prove(now) == 1
    assert alarms(town.nodes[QINGYUAN]) == []


def test_a_peer_can_ask_for_the_proof_of_its_own_statement_and_of_no_other(town, watching, shouning, qingyuan):
    town.add(JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    open_desk(town.nodes[JINGNING])
    sent = shouning.send("hello", QINGYUAN)
    town.settle()
    asked = {"digest": sent.statement.digest, "ref": sent.statement.jti, "size": str(size(qingyuan.node))}
    answer = ask(town, SHOUNING, QINGYUAN, operations.INCLUSION, **asked)
    said = json.loads(answer.body)
    assert (answer.status, said["kind"], said["log_epoch"]) == (200, "received", 1)
    with qingyuan.node.database.read() as session:
        merkle.verify_inclusion(
            leaves.hash_of("received", sent.statement.digest),
            said["index"],
            said["size"],
            [bytes.fromhex(each) for each in said["proof"]],
            qingyuan.node.log.root(session, said["size"]),
        )
    assert ask(town, JINGNING, QINGYUAN, operations.INCLUSION, **asked).status == 404
    for wrong in ({"digest": "00" * 32}, {"ref": "no"}, {"size": "9999"}, {"log_epoch": "2"}):
        assert ask(town, SHOUNING, QINGYUAN, operations.INCLUSION, **{**asked, **wrong}).status == 404
    assert ask(town, SHOUNING, QINGYUAN, operations.INCLUSION, **{**asked, "size": "-1"}).status == 400


def test_both_sides_can_ask_for_the_proof_of_a_receipt(town, watching, shouning, qingyuan):
    shouning.send("hello", QINGYUAN)
    town.settle()
    with shouning.node.database.read() as session:
        batch = session.scalars(select(OutBatch)).one()
    receipt_digest = sha256_hex(batch.receipt[: batch.receipt.rindex(b".")])
    for asker, asked, kind in ((SHOUNING, QINGYUAN, "receipt"), (QINGYUAN, SHOUNING, "receipt-held")):
        answer = ask(
            town,
            asker,
            asked,
            operations.INCLUSION,
            digest=receipt_digest,
            ref=batch.digest,
            size=str(size(town.nodes[asked])),
        )
        assert (answer.status, json.loads(answer.body)["kind"]) == (200, kind)


def test_consistency_of_sizes_that_never_were_is_not_there(town, watching):
    for wrong in ({"log_epoch": "7"}, {"old": "8", "new": "2"}, {"new": "99999"}):
        params = {"log_epoch": "1", "old": "0", "new": "1", **wrong}
        assert ask(town, SHOUNING, QINGYUAN, operations.CONSISTENCY, **params).status == 404
    assert ask(town, SHOUNING, QINGYUAN, operations.CONSISTENCY, log_epoch="1", old="x", new="1").status == 400
    far = str(MAX_EPOCH + 1)
    assert ask(town, SHOUNING, QINGYUAN, operations.CONSISTENCY, log_epoch=far, old="0", new="1").status == 400


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_two_pasts_that_come_at_the_same_moment_are_found_all_the_same(town, watching):
    shouning, qingyuan, now = town.nodes[SHOUNING], town.nodes[QINGYUAN], town.clock.now
    busy(qingyuan, 10)
    pasts = []
    for _ in range(2):
        with qingyuan.database.begin() as session:
            pasts.append(qingyuan.log.checkpoint(session))
            peaks = [sha256_hex(b"x")] * size(qingyuan).bit_count()
            session.execute(update(LogHead).values(peaks=peaks))

    with shouning.database.begin() as one, shouning.database.begin() as other:
        for session, past in zip((one, other), pasts, strict=True):
            keys = shouning.keystore.keys_of(session, QINGYUAN)
            watching[SHOUNING].keep_checkpoint(session, keys, past, now())

    assert alarms(shouning) == []
    watching[SHOUNING].prove(now)
    watching[SHOUNING].prove(now)
    assert alarms(shouning) == ["log-fork"]
    assert [state for *_, state in held(shouning, QINGYUAN)].count("forked") == 1
