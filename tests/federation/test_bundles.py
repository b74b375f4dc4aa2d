"""Two bureaus that share no network exchange everything by files that somebody carries."""

import io
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from ecolink.entrypoints.carrying import bundle_desk
from ecolink.errors import ConflictError, InvalidError, NotFoundError
from ecolink.federation.bundle_models import OwedReceipt
from ecolink.federation.models import InBatch, OutBatch, OutChannel, StatementRow
from ecolink.federation.threads import DeliveryState, delivery
from ecolink.protocol.statement import Lane
from tests.support.notes import Notebook
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

pytestmark = pytest.mark.by_turns


@pytest.fixture(autouse=True)
def no_network(town):
    town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))


def pack(town, sender, recipient) -> bytes:
    disc = io.BytesIO()
    bundle_desk(town.nodes[sender]).export(recipient, disc, town.clock.now())
    return disc.getvalue()


def take_in(town, recipient, raw):
    told = bundle_desk(town.nodes[recipient]).take_in(io.BytesIO(raw), town.clock.now())
    town.settle()
    return told


def carry(town, sender, recipient):
    return take_in(town, recipient, pack(town, sender, recipient))


def states(town, notebook, thread):
    with notebook.node.database.read() as session:
        return [told.state for told in delivery(session, thread, town.clock.now())]


def count(node, table):
    with node.database.read() as session:
        return session.scalar(select(func.count()).select_from(table))


def test_a_request_an_answer_and_both_receipts_cross_the_gap_on_discs(town, shouning, qingyuan):
    sent = shouning.send("request", QINGYUAN, private={"name": "林某"})
    told = carry(town, SHOUNING, QINGYUAN)
    assert (told.batches, told.receipts, told.problems) == (1, 0, [])
    assert qingyuan.texts == ["request"]
    assert states(town, shouning, sent.statement.thread) == [DeliveryState.QUEUED]

    qingyuan.send("answer", SHOUNING, thread=sent.statement.thread)
    told = carry(town, QINGYUAN, SHOUNING)
    assert (told.batches, told.receipts, told.problems) == (1, 1, [])
    assert shouning.texts == ["answer"]
    assert states(town, shouning, sent.statement.thread)[0] is DeliveryState.DELIVERED

    told = carry(town, SHOUNING, QINGYUAN)
    assert (told.batches, told.receipts, told.problems) == (0, 1, [])
    assert states(town, qingyuan, sent.statement.thread)[-1] is DeliveryState.DELIVERED


def test_every_lane_is_carried_and_emergencies_first(town, shouning, qingyuan):
    for lane in (Lane.BULK, Lane.CASE, Lane.EMERGENCY):
        shouning.send(lane.value, QINGYUAN, lane=lane)
    carry(town, SHOUNING, QINGYUAN)
    assert sorted(qingyuan.texts) == ["bulk", "case", "emergency"]


def test_the_same_disc_taken_in_twice_changes_nothing(town, shouning, qingyuan):
    shouning.send("once", QINGYUAN)
    raw = pack(town, SHOUNING, QINGYUAN)
    for _ in range(3):
        assert take_in(town, QINGYUAN, raw).problems == []
    assert qingyuan.texts == ["once"]
    assert (count(qingyuan.node, StatementRow), count(qingyuan.node, InBatch)) == (1, 1)


def test_a_lost_disc_loses_nothing(town, shouning, qingyuan):
    shouning.send("one", QINGYUAN)
    pack(town, SHOUNING, QINGYUAN)  # dropped into the border stream
    shouning.send("two", QINGYUAN)
    carry(town, SHOUNING, QINGYUAN)
    assert qingyuan.texts == ["one", "two"]
    pack(town, QINGYUAN, SHOUNING)  # the receipts, too
    carry(town, SHOUNING, QINGYUAN)
    carry(town, QINGYUAN, SHOUNING)
    with shouning.node.database.read() as session:
        channel = session.scalars(select(OutChannel)).one()
        assert channel.receipted_seq == channel.last_seq == 2


def test_a_batch_once_sealed_is_carried_byte_for_byte(town, shouning, qingyuan):
    shouning.send("one", QINGYUAN)
    for _ in range(3):
        pack(town, SHOUNING, QINGYUAN)
    assert count(shouning.node, OutBatch) == 1


def test_receipts_are_carried_once_unless_asked_for_again(town, shouning, qingyuan):
    shouning.send("one", QINGYUAN)
    carry(town, SHOUNING, QINGYUAN)
    assert count(qingyuan.node, OwedReceipt) == 1
    assert carry(town, QINGYUAN, SHOUNING).receipts == 1
    assert count(qingyuan.node, OwedReceipt) == 0
    assert carry(town, QINGYUAN, SHOUNING).receipts == 0


def test_a_long_queue_is_carried_in_as_many_batches_as_it_takes(town, shouning, qingyuan):
    for number in range(12):
        shouning.send(f"note {number}", QINGYUAN, lane=Lane.BULK)
    with shouning.node.database.begin() as session:
        session.execute(update(OutChannel).values(batch_limit=5))
    assert carry(town, SHOUNING, QINGYUAN).batches == 3
    assert qingyuan.texts == [f"note {number}" for number in range(12)]


def test_a_disc_that_came_before_an_earlier_one_is_held_back_and_taken_in_later(town, shouning, qingyuan):
    shouning.send("one", QINGYUAN)
    first = pack(town, SHOUNING, QINGYUAN)
    node = shouning.node
    with node.database.begin() as session:
        channel = session.scalars(select(OutChannel)).one()
        channel.receipted_seq = 1  # as if the first disc's receipt had come back
    shouning.send("two", QINGYUAN)
    second = pack(town, SHOUNING, QINGYUAN)
    told = take_in(town, QINGYUAN, second)
    assert (told.batches, len(told.problems), qingyuan.texts) == (0, 1, [])
    assert "held back: entry 1 comes first" in told.problems[0]
    take_in(town, QINGYUAN, first)
    assert take_in(town, QINGYUAN, second).problems == []
    assert qingyuan.texts == ["one", "two"]


def test_a_new_key_is_learnt_from_the_disc_itself(town, shouning, qingyuan):
    node = shouning.node
    with node.database.begin() as session:
        node.keystore.rotate(session, town.clock.now())
    node.tick(town.clock.now())
    town.clock.advance(timedelta(days=30))
    shouning.send("with the new key", QINGYUAN)
    assert carry(town, SHOUNING, QINGYUAN).problems == []
    assert qingyuan.texts == ["with the new key"]


def test_an_old_disc_from_before_a_key_change_is_still_taken_in_during_the_overlap(town, shouning, qingyuan):
    node = shouning.node
    shouning.send("old key", QINGYUAN)
    old = pack(town, SHOUNING, QINGYUAN)
    with node.database.begin() as session:
        node.keystore.rotate(session, town.clock.now())
    node.tick(town.clock.now())
    carry(town, SHOUNING, QINGYUAN)
    assert take_in(town, QINGYUAN, old).problems == []


def test_the_carrier_brings_checkpoints_both_ways(town, shouning, qingyuan):
    from ecolink.audit.models import Attestation, PeerCheckpoint

    shouning.send("one", QINGYUAN)
    carry(town, SHOUNING, QINGYUAN)
    carry(town, QINGYUAN, SHOUNING)
    assert count(qingyuan.node, PeerCheckpoint) >= 1
    assert count(shouning.node, Attestation) == 1


def upload(node, data):
    attachments = node.rooms.attachments
    with attachments.shelf.store.stage() as staged:
        staged.write(data)
        staged.seal()
        with node.database.begin() as session:
            return attachments.keep(
                session, staged, name="杉木.jpg", media_type="image/jpeg", by="lin", now=node.clock.now()
            )


def test_attachments_ride_along_and_are_confirmed_by_the_next_disc(town, shouning, qingyuan):
    data = bytes(range(256)) * 6000
    ref = upload(shouning.node, data)
    shouning.send("with a photograph", QINGYUAN, attachments=(ref,))
    told = carry(town, SHOUNING, QINGYUAN)
    assert (told.attachments, told.problems) == (1, [])
    store = qingyuan.node.rooms.attachments.shelf.store
    with store.open(ref.digest) as file:
        assert file.read() == data

    work = qingyuan.node.fetch(town.clock.now())  # the worker confirms, signed, that everything is here
    assert work is not None
    carry(town, QINGYUAN, SHOUNING)
    with shouning.node.database.read() as session:
        assert shouning.node.rooms.attachments.owed(session, QINGYUAN) == []
    assert carry(town, SHOUNING, QINGYUAN).attachments == 0


def test_an_attachment_no_statement_names_is_passed_over(town, shouning, qingyuan):
    ref = upload(shouning.node, b"recalled meanwhile")
    shouning.send("with a file", QINGYUAN, attachments=(ref,))
    raw = pack(town, SHOUNING, QINGYUAN)
    take_in(town, QINGYUAN, raw)
    desk = bundle_desk(qingyuan.node)
    assert not desk.blobs.take(SHOUNING, "00" * 32, iter([b"x"]), town.clock.now())
    assert not desk.blobs.take(JINGNING, ref.digest, iter([b"x"]), town.clock.now())


def test_a_bundle_for_one_bureau_is_of_no_use_to_another(town, shouning, qingyuan):
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    shouning.send("secret", QINGYUAN)
    raw = pack(town, SHOUNING, QINGYUAN)
    assert b"secret" not in raw
    with pytest.raises(InvalidError, match="not sealed to a key of this bureau"):
        take_in(town, JINGNING, raw)


def test_a_bundle_of_a_bureau_nobody_knows_is_refused(town, shouning, qingyuan):
    town.add(JINGNING)
    now = town.clock.now()
    jingning = town.nodes[JINGNING]
    with jingning.database.begin() as session:
        peer = jingning.peers.import_card(session, qingyuan.node.card(now), by="a", now=now)
        jingning.peers.activate(session, QINGYUAN, read_out=peer.fingerprint, by="a", now=now)
    Notebook(jingning).send("hello", QINGYUAN)
    with pytest.raises(InvalidError, match="no card of 331127000000 was imported"):
        carry(town, JINGNING, QINGYUAN)
    assert qingyuan.texts == []


def test_no_bundle_is_made_for_a_stranger_or_a_bureau_not_yet_activated(town, shouning, qingyuan):
    with pytest.raises(NotFoundError):
        pack(town, SHOUNING, JINGNING)
    town.add(JINGNING)
    with shouning.node.database.begin() as session:
        shouning.node.peers.import_card(
            session, town.nodes[JINGNING].card(town.clock.now()), by="a", now=town.clock.now()
        )
    with pytest.raises(ConflictError):
        pack(town, SHOUNING, JINGNING)


def test_for_a_suspended_bureau_only_recalls_are_carried(town, shouning, qingyuan):
    sent = shouning.send("case", QINGYUAN, lane=Lane.BULK)
    with shouning.node.database.begin() as session:
        shouning.node.peers.suspend(session, QINGYUAN, reason="under review", by="chief", now=town.clock.now())
    shouning.send("recall", QINGYUAN, lane=Lane.CONTROL, recalls=sent.statement.jti)
    told = carry(town, SHOUNING, QINGYUAN)
    assert told.batches == 1
    assert qingyuan.texts == ["recall"]


def test_a_damaged_disc_is_refused_where_it_is_damaged(town, shouning, qingyuan):
    shouning.send("one", QINGYUAN)
    raw = pack(town, SHOUNING, QINGYUAN)
    other = b"y" if raw[-50:-49] == b"x" else b"x"
    for damaged in (raw[:-10], raw[:-50] + other + raw[-49:], b"", b"hello\n", raw + raw):
        with pytest.raises(InvalidError):
            take_in(town, QINGYUAN, damaged)
    assert take_in(town, QINGYUAN, raw).problems == []
    assert qingyuan.texts == ["one"]


def test_one_bad_receipt_does_not_keep_the_rest_out(town, shouning, qingyuan):
    shouning.send("one", QINGYUAN)
    carry(town, SHOUNING, QINGYUAN)
    qingyuan.send("two", SHOUNING)
    raw = pack(town, QINGYUAN, SHOUNING)
    with shouning.node.database.begin() as session:
        batch = session.scalars(select(OutBatch)).one()
        session.delete(batch)  # Shouning no longer knows what the receipt is about
    told = take_in(town, SHOUNING, raw)
    assert [problem.partition(":")[2].split(":")[0].strip() for problem in told.problems] == ["unknown-batch"]
    assert shouning.texts == ["two"]
