"""Who is believed, and what happens to everybody else: impostors, replays, forks, old and stolen keys, wrong clocks."""

import base64
import json
import runpy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select
from structlog.testing import capture_logs

from ecolink.entrypoints.doctor.exchange import clocks
from ecolink.entrypoints.doctor.finding import Level
from ecolink.errors import ConflictError, InvalidError
from ecolink.federation import operations, queues
from ecolink.federation.models import Alarm, Equivocation, InBatch, InEntry, PeerKey, PeerRow, SeenRequest, StatementRow
from ecolink.federation.operations import Call
from ecolink.federation.peers import PeerState
from ecolink.kit.canonical import dumps
from ecolink.kit.ids import new_id
from ecolink.protocol import manifest
from ecolink.protocol.batch import GENESIS, chain, pack, seal_batch
from ecolink.protocol.keys import SigningKey, Use
from ecolink.protocol.receipt import open_receipt
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Lane
from ecolink.storage import schema
from ecolink.storage.base import Base
from ecolink.storage.upsert import insert_new
from tests.support.forger import Forger
from tests.support.notes import Notebook, note
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns


def reason(answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["reason"]


def rows(notebook: Notebook, table: type) -> int:
    with notebook.node.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def unreceipted(notebook: Notebook) -> int:
    with notebook.node.database.read() as session:
        return sum(queue.waiting for queue in queues.status(session))


def verdicts(town: Town, answer) -> list[tuple[str, str | None]]:
    assert answer.status == 200, answer.body
    with town.nodes[SHOUNING].database.read() as session:
        keys = town.nodes[SHOUNING].keystore.keys_of(session, QINGYUAN)
    receipt = open_receipt(answer.body, find_key=keys.find, us=SHOUNING, sender=QINGYUAN)
    return [(verdict.verdict.value, verdict.reason) for verdict in receipt.verdicts]


def test_the_same_batch_a_hundred_times_gets_one_row_and_the_same_receipt_bytes(town, qingyuan):
    forger = Forger(town)
    body = forger.batch(forger.statement("one"), forger.statement("two"))
    answers = {forger.push(body).body for _ in range(100)}
    assert len(answers) == 1
    assert rows(qingyuan, StatementRow) == 2
    assert rows(qingyuan, InBatch) == 1


def everything_held(notebook: Notebook) -> list[str]:
    """Return every row of every table, as text."""
    with notebook.node.database.read() as session:
        return [repr(tuple(row)) for table in Base.metadata.sorted_tables for row in session.execute(select(table))]


def test_a_stranger_is_refused_and_nothing_of_it_is_kept(town, qingyuan):
    stranger = Forger(town, claims=JINGNING, key=SigningKey.generate())
    answer = stranger.push(stranger.batch(stranger.statement("let me in")))
    assert reason(answer) == (401, "send-manifest")
    assert rows(qingyuan, StatementRow) == rows(qingyuan, SeenRequest) == rows(qingyuan, Alarm) == 0


def test_a_thousand_refusals_write_one_line_a_minute_with_their_number_and_nothing_else(town, qingyuan):
    call = Forger(town).call(b"{}")
    spoilt = replace(call, bearer=call.bearer[:-4] + b"AAAA")
    held, gate = everything_held(qingyuan), town.network.gates[QINGYUAN]

    def told_of(calls: int) -> str:
        with capture_logs() as said:
            for _ in range(calls):
                assert reason(gate(spoilt)) == (401, "bad-signature")
        assert {line["event"] for line in said} <= {"federation.refused"}
        return "; ".join(str(line["counts"]) for line in said)

    assert told_of(1_000) == "[{'reason': 'bad-signature', 'count': 1}]"
    town.clock.advance(timedelta(seconds=59))
    assert told_of(1) == ""
    town.clock.advance(timedelta(seconds=1))
    assert told_of(1) == "[{'reason': 'bad-signature', 'count': 1001}]"
    assert everything_held(qingyuan) == held


def test_of_a_statement_that_is_refused_its_digest_and_the_reason_are_kept_and_no_word(town, qingyuan):
    forger, stranger = Forger(town), Forger(town, key=SigningKey.generate())
    refused, sound = (each.statement("hello", private={"name": "Lin"}) for each in (stranger, forger))
    told = verdicts(town, forger.push(forger.batch(refused, sound)))
    assert told == [("refused", "unknown-key"), ("stored", None)]
    held = "".join(everything_held(qingyuan))
    assert (refused.digest in held, sound.digest in held) == (True, True)
    words = [[each.token.split(b".")[1].decode(), each.private_digest] for each in (refused, sound)]
    assert [[word in held for word in each] for each in words] == [[False, False], [True, True]]
    assert held.count("Lin") == 1  # of the sound one
    with qingyuan.node.database.read() as session:
        entry = session.scalars(select(InEntry)).one()
    assert (entry.digest, entry.reason) == (refused.digest, "unknown-key")


def test_a_bureau_that_signs_in_anothers_name_is_refused(town, qingyuan):
    town.add(JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    impostor = Forger(town, claims=SHOUNING, key=town.nodes[JINGNING].signer.key)
    answer = impostor.push(impostor.batch(impostor.statement("from Shouning, honestly")))
    assert reason(answer) == (401, "wrong-issuer")
    assert rows(qingyuan, StatementRow) == 0


def test_a_statement_of_a_third_bureau_in_ones_own_batch_is_refused_for_good(town, qingyuan):
    town.add(JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    third = Forger(town, claims=JINGNING, key=town.nodes[JINGNING].signer.key).statement("of Jingning")
    forger = Forger(town)
    assert verdicts(town, forger.push(forger.batch(third, forger.statement("mine")))) == [
        ("refused", "unknown-key"),
        ("stored", None),
    ]


def test_a_statement_addressed_to_somebody_else_is_refused_and_blocks_nothing(town, qingyuan):
    forger = Forger(town)
    answer = forger.push(forger.batch(forger.statement("for Jingning", aud=JINGNING), forger.statement("for you")))
    assert verdicts(town, answer) == [("refused", "wrong-audience"), ("stored", None)]


def test_a_request_for_another_bureau_is_refused(town):
    forger = Forger(town)
    assert reason(forger.push(forger.batch(forger.statement("x")), aud=JINGNING)) == (401, "wrong-audience")


def test_a_request_token_is_good_for_its_own_operation_and_body_only(town):
    forger = Forger(town)
    body = forger.batch(forger.statement("x"))
    assert reason(forger.push(body, op="heads.read")) == (401, "request-mismatch")
    assert reason(forger.push(body, said_body=b"{}")) == (401, "request-mismatch")


def test_a_request_token_works_once(town):
    forger = Forger(town)
    call = forger.call(forger.batch(forger.statement("x")))
    gate = town.network.gates[QINGYUAN]
    assert gate(call).status == 200
    assert reason(gate(call)) == (401, "request-replayed")


def test_a_batch_and_a_statement_replayed_after_years_change_nothing(town, qingyuan):
    forger = Forger(town)
    statement = forger.statement("hello")
    call = forger.call(body := forger.batch(statement))
    receipt = town.network.gates[QINGYUAN](call).body
    town.settle()
    for _ in range(3):
        town.wait(timedelta(days=365))
        with qingyuan.node.database.begin() as session:
            qingyuan.node.gate.callers.forget_expired(session, town.clock.now())
        assert rows(qingyuan, SeenRequest) == 0
        assert reason(town.network.gates[QINGYUAN](call)) == (401, "clock-skew")
        assert forger.push(body).body == receipt
    assert verdicts(town, forger.push(forger.batch(statement))) == [("duplicate", None)]
    town.settle()
    assert qingyuan.texts == ["hello"]
    assert rows(qingyuan, StatementRow) == 1


def test_a_bureau_that_floods_is_told_to_wait_and_loses_nothing(tmp_path, new_database_url):
    town = Town(tmp_path, new_database_url, settings={"peer_calls_per_second": 1, "peer_calls_burst": 2})
    for bureau in (SHOUNING, QINGYUAN, JINGNING):
        town.add(bureau)
    town.introduce(SHOUNING, QINGYUAN)
    town.introduce(JINGNING, QINGYUAN)
    now = town.clock.now()

    def ask(bureau: str):
        return town.nodes[bureau].client.call(
            QINGYUAN, town.nodes[QINGYUAN].settings.federation_url, operations.HEADS, now=now
        )

    assert [ask(SHOUNING).status for _ in range(3)] == [200, 200, 429]
    assert ask(SHOUNING).headers["Retry-After"] == "1"
    assert ask(JINGNING).status == 200

    shouning, qingyuan = Notebook(town.nodes[SHOUNING]), Notebook(town.nodes[QINGYUAN])
    shouning.send("hello", QINGYUAN)
    town.settle()
    assert qingyuan.texts == []
    town.wait(timedelta(minutes=1))
    assert qingyuan.texts == ["hello"]
    town.close()


def test_forged_statements_in_a_large_batch_are_refused_and_the_others_kept(town):
    forger, stranger = Forger(town), Forger(town, key=SigningKey.generate())
    statements = [forger.statement(f"{number}") for number in range(20)]
    statements[0] = stranger.statement("0")
    for number in (7, 19):  # another statement's signature: the digest, and so the entry, stays the same
        signed, _, _ = statements[number].token.rpartition(b".")
        _, _, signature = statements[3].token.rpartition(b".")
        statements[number] = replace(statements[number], token=signed + b"." + signature)
    told = verdicts(town, forger.push(forger.batch(*statements)))
    assert [(number, each) for number, each in enumerate(told) if each != ("stored", None)] == [
        (0, ("refused", "unknown-key")),
        (7, ("refused", "bad-signature")),
        (19, ("refused", "bad-signature")),
    ]


def test_a_call_without_a_token_is_refused(town):
    answer = town.network.gates[QINGYUAN](Call(operations.HEADS, {}))
    assert reason(answer) == (401, "no-token")


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_ten_minutes_off_is_refused_with_the_skew_named_and_the_doctor_names_the_peer(
    tmp_path, new_database_url, minutes
):
    town = Town(tmp_path, new_database_url)
    town.add(SHOUNING, skew=timedelta(minutes=minutes))
    town.add(QINGYUAN)
    town.introduce(SHOUNING, QINGYUAN)
    town.wait(timedelta(hours=1))  # by now the keys of both are in force by either clock
    shouning, qingyuan = Notebook(town.nodes[SHOUNING]), Notebook(town.nodes[QINGYUAN])
    shouning.send("hello", QINGYUAN)
    qingyuan.send("hello", SHOUNING)
    town.settle()
    assert qingyuan.texts == shouning.texts == []
    for notebook, peer in ((shouning, QINGYUAN), (qingyuan, SHOUNING)):
        with notebook.node.database.read() as session:
            (queue,) = queues.status(session)
            finding = clocks(notebook.node, session)
        assert "clock-skew" in queue.last_error
        assert "600 seconds" in queue.last_error
        assert (finding.level, finding.detail_en.split()[0]) == (Level.FAIL, peer)
        assert "600 seconds" in finding.detail_en
    town.close()


def test_a_statement_from_the_future_waits_but_an_emergency_does_not(town, qingyuan):
    now = town.clock.now()
    key = town.nodes[SHOUNING].signer.key

    def early(text, lane):
        draft = replace(note(text, now, lane=lane), aud=(QINGYUAN,), thread=(jti := new_id(now)))
        return seal(draft, iss=SHOUNING, jti=jti, iat=now + timedelta(hours=1), key=key)

    for lane in (Lane.CASE, Lane.EMERGENCY):
        statement = early(lane.value, lane)
        token = seal_batch(
            iss=SHOUNING,
            aud=QINGYUAN,
            lane=lane,
            epoch=1,
            first_seq=1,
            prev=GENESIS,
            entries=[statement.digest],
            key=key,
        )
        assert Forger(town).push(pack(token, [(statement.token, None)])).status == 200
    town.settle()
    assert qingyuan.texts == ["emergency"]
    town.wait(timedelta(hours=1))
    assert qingyuan.texts == ["emergency", "case"]


def test_the_same_id_with_another_body_is_refused_and_both_are_kept(town, qingyuan):
    forger = Forger(town)
    jti = new_id(town.clock.now())
    first, second = forger.statement("the truck is red", jti=jti), forger.statement("the truck is blue", jti=jti)
    assert verdicts(town, forger.push(forger.batch(first))) == [("stored", None)]
    assert verdicts(town, forger.push(forger.batch(second))) == [("refused", "equivocation")]
    town.settle()
    assert qingyuan.texts == ["the truck is red"]
    with qingyuan.node.database.read() as session:
        kept = session.scalars(select(Equivocation)).one()
        alarm = session.scalars(select(Alarm)).one()
    assert (kept.held_digest, kept.token) == (first.digest, second.token)
    assert (alarm.kind, alarm.peer) == ("equivocation", SHOUNING)


def test_two_bodies_for_one_id_in_the_same_batch_are_noticed_too(town):
    forger = Forger(town)
    jti = new_id(town.clock.now())
    answer = forger.push(forger.batch(forger.statement("red", jti=jti), forger.statement("blue", jti=jti)))
    assert verdicts(town, answer) == [("stored", None), ("refused", "equivocation")]


def test_another_past_for_a_channel_is_a_fork_with_the_batch_as_evidence(town, qingyuan):
    forger = Forger(town)
    forger.push(forger.batch(forger.statement("one"), forger.statement("two")))
    answer = forger.push(forger.batch(forger.statement("never said"), first_seq=2, prev=GENESIS))
    assert reason(answer) == (409, "channel-fork")
    wrong_link = forger.push(forger.batch(forger.statement("three"), first_seq=3, prev=GENESIS))
    assert reason(wrong_link) == (409, "channel-fork")
    with qingyuan.node.database.read() as session:
        alarms = session.scalars(select(Alarm)).all()
    assert {alarm.kind for alarm in alarms} == {"channel-fork"}
    assert all(alarm.details["batch"].count(".") == 2 for alarm in alarms)


def test_a_gap_is_answered_with_the_seq_that_is_wanted(town, qingyuan):
    forger = Forger(town)
    answer = forger.push(forger.batch(forger.statement("three"), first_seq=3))
    assert answer.status == 409
    assert json.loads(answer.body)["expected"] == 1
    assert rows(qingyuan, StatementRow) == 0


def test_an_old_epoch_is_closed_and_a_new_one_must_go_on_from_the_held_head(town):
    forger = Forger(town)
    forger.push(forger.batch(forger.statement("one")))
    unlinked = forger.push(forger.batch(forger.statement("restored"), first_seq=1, prev=GENESIS, epoch=2))
    assert reason(unlinked) == (409, "wrong-link")
    forger = Forger(town)
    forger.head = chain(GENESIS, 1, "ab" * 32)
    assert reason(forger.push(forger.batch(forger.statement("x"), epoch=2))) == (409, "wrong-link")


def test_a_pending_peer_exchanges_nothing(tmp_path, new_database_url):
    town = Town(tmp_path, new_database_url)
    town.add(SHOUNING)
    node = town.add(QINGYUAN)
    with node.database.begin() as session:
        card = town.nodes[SHOUNING].card(town.clock.now())
        peer = node.peers.import_card(session, card, by="administrator", now=town.clock.now())
    assert peer.state is PeerState.PENDING
    forger = Forger(town)
    assert reason(forger.push(forger.batch(forger.statement("x")))) == (403, "peer-pending")
    town.close()


def test_a_fingerprint_read_out_wrongly_activates_nobody(tmp_path, new_database_url):
    town = Town(tmp_path, new_database_url)
    town.add(SHOUNING)
    node = town.add(QINGYUAN)
    card = town.nodes[SHOUNING].card(town.clock.now())
    with node.database.begin() as session:
        peer = node.peers.import_card(session, card, by="administrator", now=town.clock.now())
    wrong = peer.fingerprint[:-1] + ("0" if peer.fingerprint[-1] != "0" else "1")
    with pytest.raises(InvalidError), node.database.begin() as session:
        node.peers.activate(session, SHOUNING, read_out=wrong, by="administrator", now=town.clock.now())
    with node.database.read() as session:
        assert node.peers.get(session, SHOUNING).state is PeerState.PENDING
    town.close()


def test_a_suspended_peers_queue_waits_and_resumes_and_its_recalls_pass(town, shouning, qingyuan):
    sent = shouning.send("bulletin", QINGYUAN, lane=Lane.BULK)
    town.settle()
    node = qingyuan.node
    with node.database.begin() as session:
        node.peers.suspend(session, SHOUNING, reason="under review", by="chief", now=town.clock.now())
    shouning.send("case", QINGYUAN)
    shouning.send("recall", QINGYUAN, lane=Lane.CONTROL, recalls=sent.statement.jti)
    town.wait(timedelta(hours=2))
    assert qingyuan.texts == ["bulletin", "recall"]
    with node.database.begin() as session:
        held = node.peers.get(session, SHOUNING)
        node.peers.activate(session, SHOUNING, read_out=held.fingerprint, by="chief", now=town.clock.now())
    town.wait(timedelta(hours=2))
    assert qingyuan.texts == ["bulletin", "recall", "case"]


# Keys


def rotate(notebook: Notebook, **revoked) -> None:
    node, now = notebook.node, notebook.node.clock.now()
    with node.database.begin() as session:
        if revoked:
            node.keystore.revoke(session, now, **revoked)
        else:
            node.keystore.rotate(session, now)
    node.tick(now)


def test_a_key_rotated_while_statements_are_under_way_stops_nothing(town, shouning, qingyuan):
    town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    shouning.send("before", QINGYUAN)
    town.wait(timedelta(minutes=1))  # sealed under the old key
    rotate(shouning)
    shouning.send("after", QINGYUAN)
    town.network.cut.clear()
    town.wait(timedelta(hours=1))
    town.wait(timedelta(hours=1))
    assert qingyuan.texts == ["before", "after"]
    with qingyuan.node.database.read() as session:
        assert qingyuan.node.peers.get(session, SHOUNING).manifest_version == 2


def test_a_node_that_changed_its_key_and_has_nothing_to_say_is_known_by_it_all_the_same(town, shouning, qingyuan):
    rotate(qingyuan)
    shouning.send("hello", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["hello"]
    assert unreceipted(shouning) == 1  # nobody here can verify the receipt
    assert qingyuan.node.compare(town.clock.now) == {SHOUNING: "agreed"}
    town.wait(timedelta(minutes=1))
    assert unreceipted(shouning) == 0


def test_three_rotations_in_a_row_are_followed_by_the_chain(town, shouning, qingyuan):
    for number in range(3):
        rotate(shouning)
        shouning.send(f"note {number}", QINGYUAN)
    town.wait(timedelta(hours=1))
    assert qingyuan.texts == ["note 0", "note 1", "note 2"]


def test_a_revoked_key_signs_nothing_new_and_what_it_signed_stays_applied(town, shouning, qingyuan):
    old = Forger(town)
    shouning.send("before", QINGYUAN)
    town.settle()
    rotate(shouning, compromised_since=None)
    shouning.send("after", QINGYUAN)
    town.wait(timedelta(hours=1))
    assert qingyuan.texts == ["before", "after"]
    thief = old.push(old.batch(old.statement("from the thief"), first_seq=3))
    assert reason(thief) == (401, "key-revoked")


def test_a_batch_sealed_under_a_key_since_revoked_is_sealed_again(town, shouning, qingyuan):
    town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    shouning.send("sealed under the old key", QINGYUAN)
    town.wait(timedelta(minutes=1))
    rotate(shouning, compromised_since=None)
    shouning.send("sealed under the new key", QINGYUAN)
    town.network.cut.clear()
    for _ in range(3):
        town.wait(timedelta(hours=1))
    # The batch arrives under the new key; the statement the revoked key signed is refused, and says so.
    assert qingyuan.texts == ["sealed under the new key"]


def squatting(squatter: Notebook, key: SigningKey) -> bytes:
    """Return the keys.push of a bureau that changes its keys and lists another bureau's signing key as its log's."""
    node, now = squatter.node, squatter.node.clock.now()
    with node.database.read() as session:
        head, before = node.keystore.head(session, node.us), node.keystore.documents(session, node.us)
    new, old = node.keystore._committed(head), node.signer.key
    made = manifest.rotate(
        head, now=now, new_key=new, old_key=old, next_kid="x" * 43, overlap=timedelta(days=7), log_key=key
    )
    return dumps({"iss": node.us, "manifests": manifest.as_text([*before, made])})


def test_a_bureau_that_lists_anothers_new_key_as_its_own_log_key_does_not_keep_the_other_out(town, shouning, qingyuan):
    jingning = Notebook(town.add(JINGNING))
    town.introduce(SHOUNING, JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    town.clock.advance(timedelta(hours=1))
    rotate(jingning)
    gate = town.network.gates[QINGYUAN]
    assert gate(Call(operations.KEYS, {}, None, squatting(shouning, jingning.node.signer.key))).status == 204

    jingning.send("under the new key", QINGYUAN)
    shouning.send("under the old key", QINGYUAN)
    town.wait(timedelta(hours=1))
    assert sorted(qingyuan.texts) == ["under the new key", "under the old key"]
    with qingyuan.node.database.read() as session:
        held = qingyuan.node.peers.names(session)
    assert (held[SHOUNING].manifest_version, held[JINGNING].manifest_version) == (2, 2)


def test_a_signing_key_of_one_bureau_is_not_taken_for_anothers(town, shouning, qingyuan):
    """Whoever holds it too could be either: two people talk first."""
    node, now = qingyuan.node, town.clock.now()
    twin = town.build(JINGNING, town.new_database_url())
    with twin.database.begin() as session:
        keys = twin.keystore.directory_keys
        first = manifest.new_manifest(
            iss=JINGNING,
            now=now,
            sign_key=shouning.node.signer.key,
            log_key=keys.only("log"),
            seal_key=keys.only("seal"),
            next_kid="x" * 43,
        )
        twin.keystore._hold(session, [first], "keys-begun", now)
    twin.signer.change(shouning.node.signer.key)
    with pytest.raises(ConflictError, match="Another bureau"), node.database.begin() as session:
        node.peers.import_card(session, twin.card(now), by="administrator", now=now)


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_an_upgrade_gives_up_the_keys_that_a_bureau_had_only_listed(town, shouning, qingyuan):
    node = qingyuan.node
    with node.database.read() as session:
        head = node.keystore.head(session, SHOUNING)
    listed = [{"kid": key.kid, "unit_code": SHOUNING} for key in head.keys if key.use is not Use.SIGN]
    with node.database.begin() as session:
        assert insert_new(session, PeerKey, listed) == 2, "as the version before held them"
    step = runpy.run_path(str(schema.migrations() / "versions" / "20261123_signing_kids.py"))
    with node.database.begin() as session, Operations.context(MigrationContext.configure(session.connection())):
        step["upgrade"]()
    with node.database.read() as session:
        assert session.scalars(select(PeerKey.kid)).all() == [head.current(Use.SIGN).kid]


def test_two_manifests_for_one_place_suspend_the_peer_and_raise_an_alarm(town, shouning, qingyuan):
    node = shouning.node
    with node.database.read() as session:
        before = node.keystore.documents(session, SHOUNING)
        committed = node.keystore._committed(node.keystore.head(session, SHOUNING))
    rotate(shouning)
    shouning.send("hello", QINGYUAN)
    town.wait(timedelta(hours=1))
    head = manifest.verify(before, issuer=SHOUNING, pinned_head=None)
    other = manifest.revoke(head, now=town.clock.now(), new_key=committed, next_kid="x" * 43)
    body = dumps({"iss": SHOUNING, "manifests": manifest.as_text([*before, other])})
    answer = town.network.gates[QINGYUAN](Call(operations.KEYS, {}, None, body))
    assert reason(answer) == (409, "manifest-fork")
    with qingyuan.node.database.read() as session:
        assert qingyuan.node.peers.get(session, SHOUNING).state is PeerState.SUSPENDED
        assert session.scalars(select(Alarm.kind)).one() == "manifest-fork"


def test_an_old_manifest_chain_replayed_changes_nothing(town, shouning, qingyuan):
    node = shouning.node
    with node.database.read() as session:
        old = node.keystore.documents(session, SHOUNING)
    rotate(shouning)
    shouning.send("hello", QINGYUAN)
    town.wait(timedelta(hours=1))
    body = dumps({"iss": SHOUNING, "manifests": manifest.as_text(old)})
    assert reason(town.network.gates[QINGYUAN](Call(operations.KEYS, {}, None, body))) == (409, "manifest-stale")
    with qingyuan.node.database.read() as session:
        assert qingyuan.node.peers.get(session, SHOUNING).state is PeerState.ACTIVE


def test_keys_that_prove_nothing_new_are_answered_without_a_turn_to_write(town, shouning, qingyuan):
    """Anybody may send them, and verifying takes long: nobody else's writing is to wait for it."""
    stranger = manifest.new_manifest(
        iss=SHOUNING,
        now=town.clock.now(),
        sign_key=(key := SigningKey.generate()),
        log_key=SigningKey.generate(),
        seal_key=SigningKey.generate(),
        next_kid=key.kid[::-1],
    )
    with shouning.node.database.read() as session:
        held = shouning.node.keystore.documents(session, SHOUNING)
    bodies = [dumps({"iss": SHOUNING, "manifests": manifest.as_text(chain)}) for chain in ([stranger], held)]
    with ThreadPoolExecutor() as callers, qingyuan.node.database.begin() as session:
        session.get(PeerRow, SHOUNING, with_for_update=True)
        calls = [Call(operations.KEYS, {}, None, body) for body in bodies]
        answers = [callers.submit(town.network.gates[QINGYUAN], each).result(5) for each in calls]
    assert reason(answers[0]) == (400, "manifest-unrooted")
    assert answers[1].status == 204


def test_a_card_with_keys_that_do_not_follow_is_not_taken_for_a_known_bureau(town, tmp_path, new_database_url):
    impostor_town = Town(tmp_path / "elsewhere", new_database_url)
    impostor = impostor_town.add(SHOUNING)
    node = town.nodes[QINGYUAN]
    card = impostor.card(town.clock.now())
    with pytest.raises(ConflictError), node.database.begin() as session:
        node.peers.import_card(session, card, by="administrator", now=town.clock.now())
    impostor_town.close()


# Hostile bytes


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "bad-json"),
        (b"{", "bad-json"),
        (b"[]", "invalid-claim"),
        (b"[" * 100_000, "bad-json"),
        (b'{"batch":"a.b.c","statements":[]}', "invalid-claim"),
        (b'{"batch":"a.b.c","statements":[{"token":"a.b.c","private":null}]}', "bad-base64"),
        (b'{"batch":NaN,"statements":[1]}', "bad-json"),
        (b'{"batch":"\\ud800","statements":[1]}', "bad-json"),
        (b'{"batch":"\\u0000","statements":[1]}', "bad-json"),
        (b'{"batch":' + b"9" * 5000 + b',"statements":[1]}', "bad-json"),
        (b"\xff\xfe\xfd", "bad-json"),
        (b'{"batch":"x","batch":"y","statements":[1]}', "bad-json"),
    ],
    ids=[
        "empty",
        "cut",
        "array",
        "deep",
        "none",
        "no-token",
        "nan",
        "surrogate",
        "nul",
        "digits",
        "not-utf8",
        "doubled",
    ],
)
def test_hostile_bytes_are_the_same_400_on_both_databases_and_leave_no_trace(town, qingyuan, body, why):
    assert reason(Forger(town).push(body)) == (400, why)
    assert rows(qingyuan, StatementRow) == rows(qingyuan, SeenRequest) == 0


def test_one_changed_byte_anywhere_in_a_push_is_refused(town, qingyuan):
    forger = Forger(town)
    refused_in_their_place = set()
    for place in count(0, 5):
        seq, head = forger.seq, forger.head
        body = forger.batch(forger.statement("hello", private={"name": "林某"}))
        if place >= len(body):
            break
        answer = forger.push(body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :])
        if answer.status == 200:  # the batch is sound, its statement is not: the channel goes on after it
            ((verdict, why),) = verdicts(town, answer)
            assert verdict == "refused", body[max(place - 20, 0) : place + 20]
            refused_in_their_place.add(why)
        else:
            assert answer.status in {400, 401}, answer.body
            forger.seq, forger.head = seq, head
    # So it came as far as the private part, and as the signature of the statement itself.
    assert refused_in_their_place >= {"private-mismatch", "bad-signature"}
    town.settle()
    assert qingyuan.texts == []
    assert rows(qingyuan, StatementRow) == 0


def test_the_token_of_a_call_may_be_any_rubbish(town):
    gate = town.network.gates[QINGYUAN]
    for bearer in (b"", b"x", b"a.b.c", b"." * 10, base64.b64encode(b"x" * 9000), b"\xff\xff"):
        answer = gate(Call(operations.HEADS, {}, bearer))
        assert answer.status in {400, 401, 413}, answer.body
