"""Attachments reach the other bureau whole, or not at all; and only those it was told of."""

from datetime import timedelta
from hashlib import sha256
from random import Random

import pytest
from sqlalchemy import func, select, update

from ecolink.attachments.exchange import MAX_PART
from ecolink.attachments.models import AttachmentLink, Blob, Transfer
from ecolink.errors import InvalidError
from ecolink.federation.erasure import Erasure, Ordered
from ecolink.federation.models import Alarm, StatementRow
from ecolink.federation.operations import READ_BLOB, WRITE_BLOB, Answer, Call, Operation
from ecolink.protocol.statement import AttachmentRef
from tests.attachments.conftest import MAX_BYTES, Bureau, furnish
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

PHOTO = Random(5).randbytes(2 * MAX_PART + 12_345)  # noqa: S311 - a fictional photograph


def ask(asker: Bureau, other: Bureau, operation: Operation, body: bytes = b"", **params: str) -> Answer:
    return asker.node.client.call(
        other.node.us,
        other.node.settings.federation_url,
        operation,
        params=params,
        body=body,
        now=asker.node.clock.now(),
    )


def confirmed(bureau: Bureau) -> list[str]:
    with bureau.node.database.read() as session:
        return list(session.scalars(select(AttachmentLink.digest).where(AttachmentLink.confirmed_at.is_not(None))))


def third_bureau(town: Town, known_to: str) -> Bureau:
    """Found Jingning's node, which only one of the two others knows."""
    jingning = furnish(town.add(JINGNING))
    town.introduce(known_to, JINGNING)
    return jingning


def test_a_photograph_reaches_the_other_bureau_and_its_author_is_told_so_signed(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    ref = shouning.upload(PHOTO)
    sent = shouning.send(ref)
    town.settle()
    qingyuan.work()

    assert qingyuan.holds(ref.digest)
    assert qingyuan.store.read(ref.digest, 0, len(PHOTO) + 1) == PHOTO
    assert confirmed(shouning) == []
    town.settle()
    assert confirmed(shouning) == [ref.digest]
    with shouning.node.database.read() as session:
        answers = session.scalars(select(StatementRow).where(StatementRow.type == "attachments.complete.v1")).all()
        assert [(answer.iss, answer.thread, answer.state) for answer in answers] == [
            (QINGYUAN, sent.statement.thread, "applied")
        ]
        view = shouning.attachments.of_thread(session, sent.statement.thread)[0]
    assert (view.held, view.peer, view.confirmed_at) == (True, QINGYUAN, town.clock.now())


def test_a_statement_is_confirmed_once_and_only_when_all_its_attachments_are_there(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    one, two = shouning.upload(b"one"), shouning.upload(b"two")
    shouning.send(one, two)
    town.settle()
    (shouning.store.root / two.digest[:2] / two.digest[2:4] / two.digest).rename(shouning.store.root / "lost")
    qingyuan.work()
    town.settle()
    assert qingyuan.holds(one.digest)
    assert confirmed(shouning) == []

    (shouning.store.root / "lost").rename(shouning.store.root / two.digest[:2] / two.digest[2:4] / two.digest)
    town.clock.advance(timedelta(hours=2))
    qingyuan.work()
    qingyuan.work()
    town.settle()
    assert sorted(confirmed(shouning)) == sorted([one.digest, two.digest])
    with shouning.node.database.read() as session:
        answers = select(func.count()).where(StatementRow.type == "attachments.complete.v1")
        assert session.scalar(answers) == 1


def test_what_is_here_already_is_confirmed_without_being_fetched_again(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    ref = shouning.upload(PHOTO)
    qingyuan.upload(PHOTO, "另一个名字.jpg")
    shouning.send(ref)
    town.settle()
    before = len(town.network.calls)
    qingyuan.work()

    assert len(town.network.calls) == before
    town.settle()
    assert confirmed(shouning) == [ref.digest]


def test_a_line_that_breaks_in_the_middle_costs_only_the_part_under_way(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    ref = shouning.upload(PHOTO)
    shouning.send(ref)
    town.settle()

    def only_the_first(call: Call) -> bool:
        return call.operation is READ_BLOB and not call.params["range"].startswith("bytes=0-")

    town.network.keep_back = only_the_first
    qingyuan.work()
    assert not qingyuan.holds(ref.digest)

    town.network.keep_back = None
    town.network.calls.clear()
    town.clock.advance(timedelta(hours=2))
    qingyuan.work()
    assert qingyuan.holds(ref.digest)
    ranges = [call.params["range"] for _, _, call in town.network.calls if call.operation is READ_BLOB]
    assert ranges == [f"bytes={MAX_PART}-{2 * MAX_PART - 1}", f"bytes={2 * MAX_PART}-{len(PHOTO) - 1}"]


def test_parts_that_were_lost_with_the_folder_are_fetched_again(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(PHOTO)
    shouning.send(ref)
    town.settle()
    town.network.keep_back = lambda call: "bytes=0-" not in call.params.get("range", "bytes=0-")
    qingyuan.work()
    qingyuan.store.remove_part(ref.digest, SHOUNING)
    town.network.keep_back = None
    town.clock.advance(timedelta(hours=2))
    qingyuan.work()

    assert qingyuan.holds(ref.digest)


def test_bytes_that_are_not_what_the_digest_names_are_discarded_and_an_operator_is_told(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    ref = shouning.upload(PHOTO)
    shouning.send(ref)
    town.settle()
    path = shouning.store.root / ref.digest[:2] / ref.digest[2:4] / ref.digest
    path.write_bytes(PHOTO[:-1] + b"\0")
    qingyuan.work()

    assert not qingyuan.holds(ref.digest)
    assert not qingyuan.store.partial(ref.digest, SHOUNING).exists()
    with qingyuan.node.database.read() as session:
        assert session.scalars(select(Alarm.kind)).all() == ["attachment-mismatch"]
        assert session.scalars(select(Transfer.next_try_at)).one() > town.clock.now()

    path.write_bytes(PHOTO)
    town.clock.advance(timedelta(hours=2))
    qingyuan.work()
    assert qingyuan.holds(ref.digest)


def test_a_peer_that_answers_with_the_wrong_part_is_tried_again_later(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    ref = shouning.upload(PHOTO)
    shouning.send(ref)
    town.settle()
    honest = town.network.gates[SHOUNING]
    for header in (None, f"bytes 5-{MAX_PART + 4}/{len(PHOTO)}", f"bytes 0-{MAX_PART - 1}/99999999", "bytes 0-9/10"):
        town.network.gates[SHOUNING] = lambda call, header=header: Answer(
            206, honest(call).body, headers={"content-range": header} if header else {}
        )
        qingyuan.work()
        town.clock.advance(timedelta(hours=2))
    with qingyuan.node.database.read() as session:
        row = session.scalars(select(Transfer)).one()
    assert (row.bytes_done, row.attempts) == (0, 4)

    town.network.gates[SHOUNING] = honest
    qingyuan.work()
    assert qingyuan.holds(ref.digest)


def test_a_bureau_nobody_can_reach_is_brought_its_attachments(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(PHOTO)
    shouning.send(ref)
    town.settle()
    assert shouning.work() == 0  # Qingyuan has its time to fetch them itself

    town.clock.advance(timedelta(minutes=2))
    shouning.work()
    assert qingyuan.holds(ref.digest)
    qingyuan.work()
    town.settle()
    assert confirmed(shouning) == [ref.digest]
    town.clock.advance(timedelta(days=1))
    assert shouning.work() == 0


def test_a_silent_bureau_is_tried_once_for_all_its_files_and_holds_up_nobodys(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    jingning = third_bureau(town, QINGYUAN)
    theirs = [shouning.upload(PHOTO[number:], name=f"{number}.jpg") for number in range(3)]
    shouning.send(*theirs)
    town.settle()
    town.clock.advance(timedelta(seconds=1))
    other = jingning.upload(PHOTO)
    jingning.send(other)
    town.settle()
    town.network.down.add(SHOUNING)
    town.network.calls.clear()
    qingyuan.work()
    assert qingyuan.holds(other.digest)
    assert [recipient for _, recipient, call in town.network.calls if call.operation is READ_BLOB].count(SHOUNING) == 1

    town.network.down.clear()
    town.clock.advance(timedelta(minutes=10))
    qingyuan.work()
    assert all(qingyuan.holds(ref.digest) for ref in theirs)


def test_with_one_bureau_one_file_is_moved_at_a_time_and_with_another_meanwhile(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    """A bureau that answers slowly is waited for by whoever moves its file, and by nobody else."""
    jingning = third_bureau(town, QINGYUAN)
    shouning.send(*(shouning.upload(PHOTO[number:], name=f"{number}.jpg") for number in range(2)))
    town.settle()
    town.clock.advance(timedelta(seconds=1))
    jingning.send(jingning.upload(PHOTO))
    town.settle()
    now = town.clock.now()
    first = qingyuan.transfers.take(now)
    second = qingyuan.transfers.take(now)
    assert first is not None
    assert second is not None
    assert [(each.peer, each.others_wait) for each in (first, second)] == [(SHOUNING, True), (JINGNING, False)]
    assert qingyuan.transfers.take(now) is None
    assert qingyuan.transfers.due() is None

    qingyuan.transfers.carry(first, town.clock.now)
    third = qingyuan.transfers.take(now)
    assert third is not None
    assert third.peer == SHOUNING


def test_a_blob_that_was_partly_fetched_is_brought_from_there(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(PHOTO)
    shouning.send(ref)
    town.settle()
    town.network.keep_back = lambda call: "bytes=0-" not in call.params.get("range", "bytes=0-")
    qingyuan.work()
    town.network.keep_back = None
    town.network.calls.clear()
    town.clock.advance(timedelta(minutes=2))
    shouning.work()

    assert qingyuan.holds(ref.digest)
    brought = [call.params["content_range"] for _, _, call in town.network.calls if call.operation is WRITE_BLOB]
    assert brought[:2] == [f"bytes */{len(PHOTO)}", f"bytes {MAX_PART}-{2 * MAX_PART - 1}/{len(PHOTO)}"]


def test_a_bureau_reads_only_what_a_statement_to_it_names(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    jingning = third_bureau(town, SHOUNING)
    told, untold = shouning.upload(b"told"), shouning.upload(b"untold")
    shouning.send(told)
    town.settle()

    assert ask(qingyuan, shouning, READ_BLOB, digest=told.digest).body == b"told"
    for asker, digest in (
        (qingyuan, untold.digest),
        (jingning, told.digest),
        (jingning, "0" * 64),
        (jingning, "../../keys"),
        (jingning, "\0"),
        (jingning, told.digest.upper()),
    ):
        answer = ask(asker, shouning, READ_BLOB, digest=digest)
        assert answer.status == 404
        assert b"not-found" in answer.body


def test_a_bureau_writes_only_what_a_statement_of_its_own_names(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(b"told")
    shouning.send(ref)
    town.settle()
    other = sha256(b"other").hexdigest()

    assert ask(shouning, qingyuan, WRITE_BLOB, b"other", digest=other).status == 404
    assert ask(qingyuan, shouning, WRITE_BLOB, b"told", digest=ref.digest).status == 404
    assert ask(shouning, qingyuan, WRITE_BLOB, b"told", digest=ref.digest).status == 204
    assert ask(shouning, qingyuan, WRITE_BLOB, b"told", digest=ref.digest).status == 204
    assert qingyuan.holds(ref.digest)


def test_a_suspended_bureau_reads_and_writes_nothing(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(b"told")
    shouning.send(ref)
    town.settle()
    with shouning.node.database.begin() as session:
        shouning.node.peers.suspend(session, QINGYUAN, reason="演练", by="administrator", now=town.clock.now())

    assert ask(qingyuan, shouning, READ_BLOB, digest=ref.digest).status == 403
    qingyuan.work()
    assert not qingyuan.holds(ref.digest)


def test_a_request_token_reads_once(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(b"told")
    shouning.send(ref)
    town.settle()
    ask(qingyuan, shouning, READ_BLOB, digest=ref.digest)

    replayed = town.network.gates[SHOUNING](town.network.calls[-1][2])
    assert replayed.status == 401
    assert b"request-replayed" in replayed.body


@pytest.mark.parametrize(
    ("wanted", "status", "content_range", "body"),
    [
        (None, 200, None, b"0123456789"),
        ("bytes=2-4", 206, "bytes 2-4/10", b"234"),
        ("bytes=-3", 206, "bytes 7-9/10", b"789"),
        ("bytes=10-", 416, "bytes */10", b""),
        ("nonsense", 200, None, b"0123456789"),
    ],
)
def test_a_part_is_answered_as_a_part(
    town: Town,
    shouning: Bureau,
    qingyuan: Bureau,
    wanted: str | None,
    status: int,
    content_range: str | None,
    body: bytes,
) -> None:
    ref = shouning.upload(b"0123456789")
    shouning.send(ref)
    town.settle()

    answer = ask(qingyuan, shouning, READ_BLOB, digest=ref.digest, **({"range": wanted} if wanted else {}))
    assert (answer.status, answer.headers.get("Content-Range"), answer.body) == (status, content_range, body)


def test_a_large_blob_is_given_in_parts_only(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(PHOTO)
    shouning.send(ref)
    town.settle()

    assert ask(qingyuan, shouning, READ_BLOB, digest=ref.digest).status == 413
    part = ask(qingyuan, shouning, READ_BLOB, digest=ref.digest, range="bytes=0-")
    assert (part.status, len(part.body)) == (206, MAX_PART)


@pytest.mark.parametrize(
    ("content_range", "body", "status"),
    [
        ("bytes 0-3/9", b"told", 400),
        ("bytes 0-9/4", b"told", 400),
        ("bytes 0-1/4", b"told", 400),
        ("bytes */4", b"told", 400),
        ("told", b"told", 400),
        (None, b"to", 400),
        ("bytes 2-3/4", b"ld", 308),
        ("bytes */4", b"", 308),
        ("bytes 0-1/4", b"to", 308),
    ],
)
def test_a_part_that_does_not_fit_changes_nothing(
    town: Town, shouning: Bureau, qingyuan: Bureau, content_range: str | None, body: bytes, status: int
) -> None:
    ref = shouning.upload(b"told")
    shouning.send(ref)
    town.settle()
    params = {"content_range": content_range} if content_range else {}

    answer = ask(shouning, qingyuan, WRITE_BLOB, body, digest=ref.digest, **params)
    assert answer.status == status
    assert answer.headers.get("Range") == ("bytes=0-1" if body == b"to" and status == 308 else None)
    assert not qingyuan.holds(ref.digest)
    ask(shouning, qingyuan, WRITE_BLOB, b"told", digest=ref.digest, content_range="bytes 0-3/4")
    assert qingyuan.holds(ref.digest)


def test_an_attachment_larger_than_the_node_takes_is_not_fetched_and_not_taken(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    object.__setattr__(qingyuan.store, "max_bytes", 3)
    ref = shouning.upload(b"told")
    shouning.send(ref)
    town.settle()
    town.network.calls.clear()
    qingyuan.work()

    assert town.network.calls == []
    assert ask(shouning, qingyuan, WRITE_BLOB, b"told", digest=ref.digest).status == 413


def test_a_full_node_says_so_and_takes_the_attachment_when_there_is_room(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    ref = shouning.upload(b"told")
    shouning.send(ref)
    town.settle()
    object.__setattr__(qingyuan.shelf, "quota_bytes", 3)
    assert ask(shouning, qingyuan, WRITE_BLOB, b"told", digest=ref.digest).status == 503
    qingyuan.work()
    assert not qingyuan.holds(ref.digest)

    object.__setattr__(qingyuan.shelf, "quota_bytes", 4)
    town.clock.advance(timedelta(hours=2))
    qingyuan.work()
    assert qingyuan.holds(ref.digest)


def test_a_recall_takes_the_attachment_back_on_both_sides(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(PHOTO)
    sent = shouning.send(ref)
    town.settle()
    qingyuan.work()
    shouning.send(recalls=sent.statement.jti, thread=sent.statement.thread)
    assert ask(qingyuan, shouning, READ_BLOB, digest=ref.digest, range="bytes=0-").status == 404
    town.settle()

    assert not qingyuan.holds(ref.digest)
    assert ask(shouning, qingyuan, WRITE_BLOB, b"x", digest=ref.digest).status == 404
    assert qingyuan.shelf.sweep(qingyuan.node.database, town.clock.now()) == 1
    assert not list(qingyuan.store.names())
    assert shouning.holds(ref.digest)  # its own file stays its own


def test_a_recall_that_comes_first_leaves_nothing_to_fetch(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(PHOTO)
    sent = shouning.send(ref)
    recall = shouning.send(recalls=sent.statement.jti, thread=sent.statement.thread)
    with qingyuan.node.database.begin() as session:
        for stored in (recall, sent):
            arrived = stored.__class__(stored.n, stored.statement, "in", stored.received_at, "applied")
            qingyuan.attachments.link(session, arrived, town.clock.now())

    assert qingyuan.work() == 0
    with qingyuan.node.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Transfer)) == 0


def test_a_file_that_two_statements_name_outlives_the_recall_of_one(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    ref = shouning.upload(PHOTO)
    first, second = shouning.send(ref), shouning.send(ref)
    town.settle()
    qingyuan.work()
    shouning.send(recalls=first.statement.jti, thread=first.statement.thread)
    town.settle()

    assert qingyuan.holds(ref.digest)
    with qingyuan.node.database.read() as session:
        assert qingyuan.attachments.of_thread(session, first.statement.thread) == []
        assert len(qingyuan.attachments.of_thread(session, second.statement.thread)) == 1


def test_a_recall_during_the_fetch_leaves_no_file(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(b"told")
    shouning.send(ref)
    town.settle()
    with qingyuan.node.database.read() as session:
        blob = qingyuan.arrivals.expected(session, ref.digest, SHOUNING)
    assert blob is not None
    with qingyuan.node.database.begin() as session:
        session.execute(update(AttachmentLink).values(withdrawn_at=town.clock.now()))
    after = qingyuan.arrivals.take(blob, 0, b"told", town.clock.now())

    assert not after.shelved
    assert not qingyuan.holds(ref.digest)
    assert not qingyuan.store.partial(ref.digest, SHOUNING).exists()


def test_a_statement_cannot_name_a_file_that_is_not_here(town: Town, shouning: Bureau) -> None:
    with pytest.raises(InvalidError) as refused:
        shouning.send(AttachmentRef("0" * 64, 4, "x", "image/png"))
    assert refused.value.pointer == "/attachments"
    with shouning.node.database.read() as session:
        assert session.scalar(select(func.count()).select_from(StatementRow)) == 0


def test_a_confirmation_of_nothing_we_sent_is_rejected(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    qingyuan.send(to=SHOUNING, type="attachments.complete.v1", body={"statement": "0" * 64, "digests": ["0" * 64]})
    qingyuan.send(to=SHOUNING, type="attachments.complete.v1", body={"digests": 7})
    town.settle()

    with shouning.node.database.read() as session:
        reasons = session.scalars(
            select(StatementRow.state_reason).where(StatementRow.direction == "in", StatementRow.state == "rejected")
        ).all()
    assert [reason.partition(":")[0] for reason in reasons if reason] == ["unknown-statement", "invalid-body"]


def test_a_name_with_every_trick_is_stored_by_digest_and_shown_sanitised(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    ref = shouning.upload(b"told")
    trick = AttachmentRef(ref.digest, ref.size, "../../x\u202egpj" + "林" * 255 + ".exe", "text/html; <script>")
    sent = shouning.send(trick)
    town.settle()
    qingyuan.work()

    with qingyuan.node.database.read() as session:
        view = qingyuan.attachments.of_thread(session, sent.statement.thread)[0]
        blob = session.scalars(select(Blob)).one()
    assert view.name.startswith("xgpj林")
    assert view.name.endswith(".exe")
    assert (view.media_type, blob.media_type) == ("text/html", "text/html")
    assert [name for name, _ in qingyuan.store.names()] == [ref.digest]


def test_an_inactive_peer_is_not_called(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    shouning.send(shouning.upload(b"told"))
    town.settle()
    with qingyuan.node.database.begin() as session:
        qingyuan.node.peers.suspend(session, SHOUNING, reason="演练", by="administrator", now=town.clock.now())
    town.network.calls.clear()

    assert qingyuan.work() == 0
    assert town.network.calls == []


def test_what_a_bureau_owes_another_is_what_a_bundle_must_carry(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(b"told")
    shouning.send(ref)
    with shouning.node.database.read() as session:
        assert [owed.digest for owed in shouning.attachments.owed(session, QINGYUAN)] == [ref.digest]
    town.settle()
    qingyuan.work()
    town.settle()

    with shouning.node.database.read() as session:
        assert shouning.attachments.owed(session, QINGYUAN) == []


def test_the_largest_attachment_arrives(town: Town, shouning: Bureau, qingyuan: Bureau) -> None:
    ref = shouning.upload(Random(6).randbytes(MAX_BYTES))  # noqa: S311
    shouning.send(ref)
    town.settle()
    qingyuan.work()

    assert qingyuan.holds(ref.digest)


def test_an_erasure_takes_the_photographs_of_a_thread_from_both_nodes(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    ref, kept = shouning.upload(b"a face"), shouning.upload(b"a tree")
    sent = shouning.send(ref, kept)
    shouning.send(kept)
    town.settle()
    qingyuan.work()
    ordered = Ordered(reason="person-asked", note=None, username="chief.wu", name="吴局", role="chief")
    erasures = {}
    for bureau in (shouning, qingyuan):
        node = bureau.node
        erasures[node.us] = Erasure(node.us, node.log, node.access, node.outbox, [bureau.attachments.erase])
        node.handlers.update(erasures[node.us].handlers())
    with shouning.node.database.begin() as session:
        erasures[SHOUNING].erase(session, sent.statement.thread, ordered, now=town.clock.now())
    town.settle()

    for bureau in (shouning, qingyuan):
        assert not bureau.holds(ref.digest)
        bureau.shelf.sweep(bureau.node.database, town.clock.now())
        assert [digest for digest, _ in bureau.store.names()] == [kept.digest]


def test_a_file_is_given_back_to_whoever_brought_it_and_to_nobody_who_only_names_it(
    town: Town, shouning: Bureau, qingyuan: Bureau
) -> None:
    jingning = third_bureau(town, SHOUNING)
    brought, private = qingyuan.upload(b"brought"), shouning.upload(b"never told")
    jingning.node.hooks.kept.clear()  # it sends what no honest node would: names of files it does not have
    jingning.send(brought, private, to=SHOUNING)
    town.settle()
    qingyuan.send(brought, to=SHOUNING)
    for _ in range(3):
        town.wait(timedelta(hours=1))
        shouning.work()
    assert shouning.holds(brought.digest)

    assert ask(qingyuan, shouning, READ_BLOB, digest=brought.digest).body == b"brought"
    assert ask(jingning, shouning, READ_BLOB, digest=brought.digest).status == 404
    assert ask(jingning, shouning, READ_BLOB, digest=private.digest).status == 404
