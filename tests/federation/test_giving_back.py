"""What a restored node itself had sent is given back by those who received it: to its author, whole, and once."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import func, select

from ecolink.audit.models import LogLeaf
from ecolink.entrypoints.wiring import Node
from ecolink.errors import NotFoundError
from ecolink.federation import operations
from ecolink.federation.models import Alarm, OutBatch, OutChannel, OutEntry, StatementRow
from ecolink.federation.operations import RETURN, Answer
from ecolink.federation.threads import DeliveryState, delivery
from ecolink.kit.canonical import dumps
from ecolink.protocol import strict_json
from ecolink.protocol.limits import MAX_EPOCH
from ecolink.protocol.statement import Lane
from tests.federation.backups import back_up, rebuild
from tests.support.notes import Notebook
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

MEBIBYTES = 16 * 1024 * 1024


def start(town: Town, unit_code: str) -> dict[str, str]:
    """Compare heads with every peer, as a worker does first; return what came of it."""
    return town.nodes[unit_code].compare(town.clock.now)


def bring_back(town: Town, notebook: Notebook, url: str) -> Notebook:
    return Notebook(rebuild(town, notebook.node, url), list(notebook.texts))


def sent(node: Node) -> list[tuple[str, str, bytes, bytes | None]]:
    """Return every statement of the node's own, each with all that is kept of it."""
    with node.database.read() as session:
        rows = session.scalars(select(StatementRow).filter_by(iss=node.us).order_by(StatementRow.jti))
        return [(row.jti, row.state, row.token, row.private) for row in rows]


def receipts(node: Node, epoch: int = 1) -> list[tuple[str, int, str, str | None, str | None, object]]:
    """Return each entry of the node's channels of an epoch, with its place, its chain, and what the peer said of it."""
    with node.database.read() as session:
        rows = session.execute(
            select(OutChannel.lane, OutEntry)
            .join(OutChannel, OutChannel.id == OutEntry.channel_id)
            .where(OutChannel.epoch == epoch)
            .order_by(OutChannel.recipient, OutChannel.lane, OutEntry.seq)
        )
        return [(lane, entry.seq, entry.chain, entry.verdict, entry.reason, entry.received_at) for lane, entry in rows]


def batches(node: Node) -> set[tuple[bytes, bytes | None]]:
    with node.database.read() as session:
        return {(batch.token, batch.receipt) for batch in session.scalars(select(OutBatch))}


def open_alarms(node: Node) -> dict[str, dict]:
    with node.database.read() as session:
        return {alarm.kind: alarm.details for alarm in session.scalars(select(Alarm).filter_by(closed_at=None))}


def send_singly(town: Town, shouning: Notebook, count: int) -> None:
    """Send so many notes, each in a batch of its own."""
    for number in range(count):
        shouning.send(f"S{number}", QINGYUAN)
        town.settle()


def parked(node: Node) -> list[str]:
    with node.database.read() as session:
        return [each.thread for each in node.applier.parked(session)]


def make_old(node: Node) -> None:
    """Let a node answer as version 0.1.0 does, which knows no such operation."""

    def unknown(*_: object) -> Answer:
        raise NotFoundError

    node.gate.rooms[RETURN.name] = unknown


def calls(town: Town) -> int:
    return sum(call.operation is RETURN for _, _, call in town.network.calls)


@pytest.fixture
def empty_url(town: Town, shouning: Notebook, new_database_url: Callable[[], str]) -> str:
    """The backup of a node that knows its peers and has said nothing yet."""
    return back_up(shouning.node, new_database_url)


def test_every_statement_comes_back_with_the_receipt_its_peer_gave_for_it(town, shouning, qingyuan, empty_url):
    for number in range(3):
        shouning.send(f"S{number}", QINGYUAN, private={"persons": [{"name": "林大山"}]})
        shouning.send(f"fire {number}", QINGYUAN, lane=Lane.EMERGENCY)
        town.settle()
    before = sent(shouning.node), receipts(shouning.node), batches(shouning.node)
    shouning = bring_back(town, shouning, empty_url)
    assert sent(shouning.node) == []
    assert start(town, SHOUNING) == {QINGYUAN: "mended"}
    town.settle()
    assert (sent(shouning.node), receipts(shouning.node), batches(shouning.node)) == before
    assert start(town, SHOUNING) == {QINGYUAN: "agreed"}
    assert "not-returned" not in open_alarms(shouning.node)
    assert len(qingyuan.texts) == 6, "nothing was sent again"


def test_an_answer_that_waited_for_a_forgotten_word_is_applied_once_it_is_back(town, shouning, qingyuan, empty_url):
    asked = shouning.send("asked", QINGYUAN).statement
    town.settle()
    shouning = bring_back(town, shouning, empty_url)
    qingyuan.send("answered", SHOUNING, thread=asked.thread)
    town.settle()
    assert parked(shouning.node) == [asked.thread]
    start(town, SHOUNING)
    town.settle()
    assert shouning.texts == ["answered"]
    assert parked(shouning.node) == []


def test_what_is_back_is_said_in_the_evidence_log_again(town, shouning, qingyuan, empty_url):
    asked = shouning.send("asked", QINGYUAN).statement
    town.settle()
    shouning = bring_back(town, shouning, empty_url)
    start(town, SHOUNING)
    with shouning.node.database.read() as session:
        assert session.scalars(select(LogLeaf.kind).filter_by(digest=asked.digest)).all() == ["sent"]
        assert session.scalar(select(func.count()).select_from(LogLeaf).filter_by(kind="receipt-held")) == 1


def test_a_node_restored_twice_gets_everything_back_twice_and_holds_it_once(
    town, shouning, qingyuan, empty_url, new_database_url
):
    shouning.send("S1", QINGYUAN)
    town.settle()
    first = bring_back(town, shouning, empty_url)
    start(town, SHOUNING)
    first.send("S2", QINGYUAN)
    town.settle()
    once = sent(first.node)

    second = bring_back(town, first, back_up(first.node, new_database_url))
    start(town, SHOUNING)
    assert sent(second.node) == once
    third = bring_back(town, second, empty_url)
    start(town, SHOUNING)
    town.settle()
    assert sent(third.node) == once
    third.send("S3", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["S1", "S2", "S3"]


def test_more_than_one_answer_holds_is_fetched_page_by_page(town, shouning, qingyuan, empty_url):
    send_singly(town, shouning, 20)
    shouning = bring_back(town, shouning, empty_url)
    start(town, SHOUNING)
    assert len(sent(shouning.node)) == 20
    assert calls(town) == 3


def test_what_takes_long_to_come_back_is_asked_for_at_the_time_it_is_then(town, shouning, qingyuan, empty_url):
    send_singly(town, shouning, 30)
    shouning = bring_back(town, shouning, empty_url)
    gate = town.network.gates[QINGYUAN]

    def slowly(call: operations.Call) -> Answer:
        answer = gate(call)
        town.clock.advance(timedelta(seconds=130))
        return answer

    town.network.gates[QINGYUAN] = slowly
    assert start(town, SHOUNING) == {QINGYUAN: "mended"}
    assert len(sent(shouning.node)) == 30


def test_a_line_that_breaks_while_they_come_back_is_taken_up_where_it_broke(town, shouning, qingyuan, empty_url):
    send_singly(town, shouning, 10)
    shouning = bring_back(town, shouning, empty_url)
    whole = town.network.gates[QINGYUAN]

    def breaks(call: operations.Call) -> Answer:
        if call.operation is RETURN and call.params["after"] != "0":
            return Answer(503)
        return whole(call)

    town.network.gates[QINGYUAN] = breaks
    (told,) = start(town, SHOUNING).values()
    assert told == "mended, but what we had sent is not all back: 503"
    assert len(sent(shouning.node)) == 8
    assert open_alarms(shouning.node)["not-returned"] == {"lane": "case", "why": "503"}
    town.network.gates[QINGYUAN] = whole
    assert start(town, SHOUNING) == {QINGYUAN: "agreed"}
    assert len(sent(shouning.node)) == 10
    assert "not-returned" not in open_alarms(shouning.node)


def test_what_a_peer_refused_keeps_its_place_though_nobody_holds_it(town, shouning, qingyuan, empty_url):
    shouning.send("too late", QINGYUAN, deliver_by=town.clock.now() + timedelta(minutes=1))
    town.clock.advance(timedelta(hours=1))
    shouning.send("in time", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["in time"]
    shouning = bring_back(town, shouning, empty_url)
    assert start(town, SHOUNING) == {QINGYUAN: "mended"}
    assert len(sent(shouning.node)) == 1
    assert [place[1:2] + place[3:4] for place in receipts(shouning.node)] == [(2, "stored")]
    assert start(town, SHOUNING) == {QINGYUAN: "agreed"}


def test_what_stood_in_the_place_of_a_forgotten_word_goes_on_in_the_new_epoch_alone(
    town, shouning, qingyuan, empty_url
):
    forgotten = shouning.send("forgotten", QINGYUAN).statement
    town.settle()
    shouning = bring_back(town, shouning, empty_url)
    new = shouning.send("said before it compared", QINGYUAN).statement
    town.settle()
    start(town, SHOUNING)
    town.settle()
    assert qingyuan.texts == ["forgotten", "said before it compared"]
    with shouning.node.database.read() as session:
        now = town.clock.now()
        told = [delivery(session, each.thread, now) for each in (forgotten, new)]
    assert [[one.state for one in each] for each in told] == [[DeliveryState.DELIVERED]] * 2
    assert [place[1] for place in receipts(shouning.node)] == [1]


# Who gives, and to whom ----------------------------------------------------------------------------------


def test_a_peer_of_an_older_version_is_named_and_the_exchange_goes_on(town, shouning, qingyuan, empty_url):
    asked = shouning.send("asked", QINGYUAN).statement
    town.settle()
    answer_of_today = qingyuan.node.gate.rooms[RETURN.name]
    make_old(qingyuan.node)
    shouning = bring_back(town, shouning, empty_url)
    (told,) = start(town, SHOUNING).values()
    assert "its node is too old" in told
    assert "too old" in open_alarms(shouning.node)["not-returned"]["why"]
    shouning.send("new", QINGYUAN)
    qingyuan.send("answered", SHOUNING, thread=asked.thread)
    town.settle()
    assert qingyuan.texts == ["asked", "new"]
    assert parked(shouning.node) == [asked.thread]

    qingyuan.node.gate.rooms[RETURN.name] = answer_of_today
    assert start(town, SHOUNING) == {QINGYUAN: "agreed"}
    town.settle()
    assert shouning.texts == ["answered"]
    assert "not-returned" not in open_alarms(shouning.node)


def ask(node: Node, peer: str, now, **params: str) -> Answer:
    url = node.settings.federation_url
    with node.database.read() as session:
        url = node.peers.get(session, peer).federation_url
    return node.client.call(peer, url, RETURN, params={"lane": "case", **params}, now=now)


@pytest.fixture
def three(tmp_path: Path, new_database_url: Callable[[], str]) -> Iterator[Town]:
    town = Town(tmp_path, new_database_url)
    for code in (SHOUNING, QINGYUAN, JINGNING):
        town.add(code)
    for one, other in ((SHOUNING, QINGYUAN), (SHOUNING, JINGNING), (QINGYUAN, JINGNING)):
        town.introduce(one, other)
    yield town
    town.close()


def test_a_bureau_is_given_its_own_words_and_nobody_elses(three):
    books = {code: Notebook(node) for code, node in three.nodes.items()}
    books[SHOUNING].send("of Shouning", QINGYUAN)
    three.settle()
    now = three.clock.now()
    other = ask(books[JINGNING].node, QINGYUAN, now)
    assert (other.status, strict_json.loads(other.body, max_bytes=MEBIBYTES)) == (200, {"returned": []})
    own = strict_json.loads(ask(books[SHOUNING].node, QINGYUAN, now).body, max_bytes=MEBIBYTES)
    assert len(own["returned"]) == 1


@pytest.mark.parametrize(
    "params", [{"lane": "express"}, {"epoch": "-1"}, {"epoch": str(MAX_EPOCH + 1)}, {"after": "x"}, {"manifest": "1e3"}]
)
def test_a_question_that_makes_no_sense_is_refused(town, shouning, qingyuan, params):
    answer = ask(shouning.node, QINGYUAN, town.clock.now(), **params)
    assert answer.status == 400


def test_a_word_to_several_comes_back_from_whoever_has_it_and_reaches_whoever_never_got_it(three, new_database_url):
    books = {code: Notebook(node) for code, node in three.nodes.items()}
    url = back_up(books[SHOUNING].node, new_database_url)
    books[SHOUNING].send("to both", QINGYUAN, JINGNING, lane=Lane.BULK)
    three.settle()
    three.network.down.add(JINGNING)
    late = books[SHOUNING].send("to both, but one is down", QINGYUAN, JINGNING, lane=Lane.BULK).statement
    three.settle()
    three.network.down.clear()

    shouning = bring_back(three, books[SHOUNING], url)
    three.network.calls.clear()
    assert start(three, SHOUNING) == {QINGYUAN: "mended", JINGNING: "mended"}
    three.settle()
    assert books[QINGYUAN].texts == books[JINGNING].texts == ["to both", "to both, but one is down"]
    assert len(sent(shouning.node)) == 2
    with shouning.node.database.read() as session:
        told = delivery(session, late.thread, three.clock.now())
    assert {each.recipient: each.state for each in told} == dict.fromkeys((QINGYUAN, JINGNING), DeliveryState.DELIVERED)
    assert start(three, SHOUNING) == {QINGYUAN: "agreed", JINGNING: "agreed"}
    assert [to for _, to, call in three.network.calls if call.operation is operations.PUSH] == [JINGNING]


def test_nothing_is_sent_to_a_bureau_that_cannot_be_asked_whether_it_has_it(three, new_database_url):
    books = {code: Notebook(node) for code, node in three.nodes.items()}
    url = back_up(books[SHOUNING].node, new_database_url)
    books[SHOUNING].send("to both", QINGYUAN, JINGNING, lane=Lane.BULK)
    three.settle()
    three.network.down.add(JINGNING)
    shouning = bring_back(three, books[SHOUNING], url)
    start(three, SHOUNING)
    three.settle()
    three.network.down.clear()
    assert len(sent(shouning.node)) == 1
    assert [place[3] for place in receipts(shouning.node)] == ["stored"]
    start(three, SHOUNING)
    assert [place[3] for place in receipts(shouning.node)] == ["stored", "stored"]
    assert books[JINGNING].texts == ["to both"]


# Hostile givers ------------------------------------------------------------------------------------------


def tamper(town: Town, change: Callable[[dict], object]) -> None:
    """Let Qingyuan give back something else than it holds."""
    honest = town.network.gates[QINGYUAN]

    def answer(call: operations.Call) -> Answer:
        true = honest(call)
        if call.operation is not RETURN:
            return true
        said = strict_json.loads(true.body, max_bytes=MEBIBYTES)
        change(said)
        return Answer(200, dumps(said))

    town.network.gates[QINGYUAN] = answer


def forge_text(said: dict) -> None:
    token = said["returned"][0]["statements"][0]["token"]
    head, payload, signature = token.split(".")
    said["returned"][0]["statements"][0]["token"] = f"{head}.{payload[:-8]}AAAAAAAA.{signature}"


def swap_statements(said: dict) -> None:
    one, two = said["returned"][0]["statements"], said["returned"][1]["statements"]
    one[0], two[0] = two[0], one[0]


def leave_out_a_batch(said: dict) -> None:
    del said["returned"][0]


def keep_back_a_statement(said: dict) -> None:
    said["returned"][0]["statements"][0] = None


def show_another_receipt(said: dict) -> None:
    said["returned"][0]["receipt"] = said["returned"][1]["receipt"]


def show_own_words(said: dict) -> None:
    said["returned"][0]["batch"] = said["returned"][0]["receipt"]


def change_persons(said: dict) -> None:
    said["returned"][0]["statements"][0]["private"] = "eyJkYXRhIjp7fX0"


@pytest.mark.parametrize(
    "lie",
    [
        forge_text,
        swap_statements,
        leave_out_a_batch,
        keep_back_a_statement,
        show_another_receipt,
        show_own_words,
        change_persons,
    ],
)
def test_what_is_not_ours_as_we_sent_it_is_refused_and_noted(town, shouning, qingyuan, empty_url, lie):
    for number in range(2):
        shouning.send(f"S{number}", QINGYUAN, private={"persons": [{"name": "林大山"}]})
        town.settle()
    before = sent(shouning.node)
    shouning = bring_back(town, shouning, empty_url)
    honest = town.network.gates[QINGYUAN]
    tamper(town, lie)
    (told,) = start(town, SHOUNING).values()
    assert "it gave back what is not ours" in told
    assert {"wrong-return", "not-returned"} <= open_alarms(shouning.node).keys()
    assert sent(shouning.node) == []

    town.network.gates[QINGYUAN] = honest
    assert start(town, SHOUNING) == {QINGYUAN: "agreed"}
    town.settle()
    assert sent(shouning.node) == before


def test_the_words_of_another_bureau_are_not_taken_for_ours(three, new_database_url):
    books = {code: Notebook(node) for code, node in three.nodes.items()}
    url = back_up(books[SHOUNING].node, new_database_url)
    for author in (SHOUNING, JINGNING):
        books[author].send(f"of {author}", QINGYUAN)
        three.settle()
    foreign = strict_json.loads(ask(books[JINGNING].node, QINGYUAN, three.clock.now()).body, max_bytes=MEBIBYTES)
    shouning = bring_back(three, books[SHOUNING], url)
    tamper(three, lambda said: said.update(foreign))
    assert "wrong-return" not in open_alarms(shouning.node)
    told = start(three, SHOUNING)
    assert "it gave back what is not ours: unknown-key" in told[QINGYUAN]
    assert sent(shouning.node) == []


def test_a_peer_that_gives_back_the_same_for_ever_is_asked_no_more_and_noted(town, shouning, qingyuan, empty_url):
    send_singly(town, shouning, 2)
    shouning = bring_back(town, shouning, empty_url)
    first = ask(shouning.node, QINGYUAN, town.clock.now()).body

    def nothing_but_the_first(said: dict) -> None:
        assert calls(town) < 10, "it is asked without end"
        said["returned"] = strict_json.loads(first, max_bytes=MEBIBYTES)["returned"][:1]

    tamper(town, nothing_but_the_first)
    town.network.calls.clear()
    (told,) = start(town, SHOUNING).values()
    assert told == "mended, but what we had sent is not all back: what it gives back is here already"
    assert (calls(town), len(sent(shouning.node))) == (2, 1)
    assert open_alarms(shouning.node)["not-returned"]["why"] == "what it gives back is here already"


def test_a_peer_that_gives_back_as_slowly_as_it_may_is_left_after_its_time_and_goes_on_later(
    town, shouning, qingyuan, empty_url
):
    send_singly(town, shouning, 20)
    shouning = bring_back(town, shouning, empty_url)
    gate = town.network.gates[QINGYUAN]

    def slowly(call: operations.Call) -> Answer:
        town.clock.advance(timedelta(minutes=4))
        return gate(call)

    town.network.gates[QINGYUAN] = slowly
    (told,) = start(town, SHOUNING).values()
    assert "goes on with the next comparison" in told
    assert len(sent(shouning.node)) == 16
    assert "not-returned" not in open_alarms(shouning.node), "nothing is wrong"
    town.network.gates[QINGYUAN] = gate
    assert start(town, SHOUNING) == {QINGYUAN: "agreed"}
    assert len(sent(shouning.node)) == 20


def test_a_peer_that_says_it_holds_no_more_is_noted(town, shouning, qingyuan, empty_url):
    shouning.send("S", QINGYUAN)
    town.settle()
    shouning = bring_back(town, shouning, empty_url)
    tamper(town, lambda said: said.update(returned=[]))
    (told,) = start(town, SHOUNING).values()
    assert told == "mended, but what we had sent is not all back: it holds no more of them"


# Keys that changed after the backup ------------------------------------------------------------------------


def rotate(node: Node, now) -> None:
    with node.database.begin() as session:
        node.keystore.rotate(session, now)
    node.tick(now)


def key_of(node: Node) -> str:
    return node.signer.key.kid


def test_a_key_rotated_after_the_backup_is_learnt_from_the_peer_and_used(town, shouning, qingyuan, empty_url):
    rotate(shouning.node, town.clock.now())
    shouning.send("signed with the new key", QINGYUAN)
    town.settle()
    newest = key_of(shouning.node)
    shouning = bring_back(town, shouning, empty_url)
    assert key_of(shouning.node) != newest
    assert start(town, SHOUNING) == {QINGYUAN: "mended"}
    assert key_of(shouning.node) == newest
    assert len(sent(shouning.node)) == 1
    shouning.send("goes on", QINGYUAN)
    town.clock.advance(timedelta(days=8))  # the old key is believed no more
    town.wait(timedelta(minutes=1))
    assert qingyuan.texts == ["signed with the new key", "goes on"]
    rotate(shouning.node, town.clock.now())
    shouning.send("and can rotate again", QINGYUAN)
    town.settle()
    assert open_alarms(qingyuan.node) == {}


def test_a_node_whose_key_nobody_believes_any_more_learns_the_next_one_from_its_peer(
    town, shouning, qingyuan, empty_url
):
    for _ in range(2):
        rotate(shouning.node, town.clock.now())
    shouning.send("asked", QINGYUAN)
    town.settle()
    shouning = bring_back(town, shouning, empty_url)
    town.clock.advance(timedelta(days=8))
    assert start(town, SHOUNING) == {QINGYUAN: "mended"}
    assert len(sent(shouning.node)) == 1
    shouning.send("goes on", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["asked", "goes on"]


def test_without_the_private_key_in_force_the_operator_is_told_to_bring_it(town, shouning, qingyuan, empty_url):
    for number in range(2):  # the key of the second rotation did not exist when the copy for the safe was made
        rotate(shouning.node, town.clock.now())
        shouning.send(f"S{number}", QINGYUAN)
        town.settle()
    path = town.folder / SHOUNING / "keys" / f"sign-{key_of(shouning.node)}.pem"
    pem = path.read_bytes()
    path.unlink()
    shouning = bring_back(town, shouning, empty_url)
    (told,) = start(town, SHOUNING).values()
    assert f"The key {path.name} is missing in" in told
    assert "restore it from the key backup" in open_alarms(shouning.node)["not-returned"]["why"]
    assert sent(shouning.node) == []

    path.write_bytes(pem)
    path.chmod(0o600)
    assert start(town, SHOUNING) == {QINGYUAN: "agreed"}
    assert len(sent(shouning.node)) == 2


def test_a_peer_that_hangs_holds_up_no_other_and_may_teach_what_another_taught_meanwhile(three, new_database_url):
    """Qingyuan knows our keys before the last rotation, and answers only after Jingning has taught us those after it."""
    books = {code: Notebook(node) for code, node in three.nodes.items()}
    url = back_up(books[SHOUNING].node, new_database_url)
    for number, peers in enumerate([(QINGYUAN, JINGNING), (JINGNING,)]):
        rotate(books[SHOUNING].node, three.clock.now())
        books[SHOUNING].send(f"S{number}", *peers, lane=Lane.BULK)
        three.settle()
        three.network.cut = {frozenset({SHOUNING, QINGYUAN})}
    three.network.cut = set()
    newest = key_of(books[SHOUNING].node)
    shouning = bring_back(three, books[SHOUNING], url)
    gates, asked, in_time = dict(three.network.gates), Event(), []

    def qingyuan(call: operations.Call) -> Answer:
        answer = gates[QINGYUAN](call)
        if call.operation is RETURN and not asked.is_set():
            asked.set()
            in_time.append(soon(lambda: key_of(shouning.node) == newest))
        return answer

    def jingning(call: operations.Call) -> Answer:
        if call.operation is RETURN:
            in_time.append(asked.wait(30))
        return gates[JINGNING](call)

    three.network.gates |= {QINGYUAN: qingyuan, JINGNING: jingning}
    assert start(three, SHOUNING) == {QINGYUAN: "mended", JINGNING: "mended"}
    assert all(in_time), "one waited for the other"
    assert len(sent(shouning.node)) == 2
    assert "wrong-return" not in open_alarms(shouning.node)


def soon(what: Callable[[], bool]) -> bool:
    """Wait until it is so, half a minute at most; tell whether it is."""
    return any(what() or Event().wait(0.01) for _ in range(3_000))
