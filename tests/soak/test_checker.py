"""The checker is held to its word: a sound exchange passes, and each kind of loss, doubling or change is named."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from ecolink.attachments.models import Blob
from ecolink.audit.models import LogLeaf, LogTile, PeerCheckpoint
from ecolink.federation.models import Alarm, InEntry, OutChannel, OutEntry, StatementRow
from ecolink.storage.base import Base
from tests.soak.books import Books
from tests.soak.checker import arrived_once, check, is_quiet
from tests.soak.desk import Accepted, Ledger
from tests.soak.histories import Step, differing
from tests.soak.violations import Violation
from tests.support.notes import NOTE, Notebook
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


class Exchange:
    """Two bureaus that wrote to each other, and the ledger of what they accepted."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.ledger = Ledger()
        notebooks = {code: Notebook(node) for code, node in town.nodes.items()}
        for number in range(12):
            author, to = (SHOUNING, QINGYUAN) if number % 2 else (QINGYUAN, SHOUNING)
            sent = notebooks[author].send(f"note {number}", to)
            self.ledger.note(Accepted(author, sent.statement.thread, NOTE, (to,), f"call-{number}"))
        town.settle()
        self.books = {code: Books.of(node.settings) for code, node in town.nodes.items()}

    def rules(self) -> set[str]:
        return {violation.rule for violation in check(self.ledger, self.books)}

    def at(self, code: str, change: object) -> None:
        """Change one node's database behind its back."""
        with self.books[code].database.begin() as session:
            session.execute(change)

    def one(self, code: str, direction: str) -> str:
        with self.books[code].read() as session:
            found = select(StatementRow.digest).where(StatementRow.direction == direction).limit(1)
            return session.scalars(found).one()

    def add(self, code: str, row: Base) -> None:
        with self.books[code].database.begin() as session:
            session.add(row)


@pytest.fixture
def exchange(town: Town) -> Iterator[Exchange]:
    exchange = Exchange(town)
    yield exchange
    for books in exchange.books.values():
        books.database.dispose()


def test_a_sound_exchange_has_no_violations_and_both_nodes_are_quiet(exchange: Exchange):
    assert exchange.rules() == set()
    assert all(is_quiet(books) for books in exchange.books.values())


def test_a_message_its_author_forgot_is_missed(exchange: Exchange):
    entry = exchange.ledger.accepted[0]
    exchange.ledger.note(entry)
    (violation,) = check(exchange.ledger, exchange.books)
    assert (violation.rule, violation.at) == ("accepted-but-missing", entry.author)
    assert entry.thread in violation.what


def test_a_message_that_was_made_twice_is_noticed(exchange: Exchange):
    exchange.ledger.accepted.pop()
    assert exchange.rules() == {"never-asked-for"}


def test_a_message_removed_at_its_recipient_is_missed_there_and_in_its_log(exchange: Exchange):
    gone = exchange.one(QINGYUAN, "in")
    exchange.at(QINGYUAN, delete(StatementRow).where(StatementRow.digest == gone))
    assert exchange.rules() == {"not-at-recipient", "only-in-the-log"}


def test_a_message_removed_at_its_author_has_come_from_nowhere(exchange: Exchange):
    gone = exchange.one(SHOUNING, "out")
    exchange.at(SHOUNING, delete(OutEntry).where(OutEntry.digest == gone))
    exchange.at(SHOUNING, delete(StatementRow).where(StatementRow.digest == gone))
    assert exchange.rules() == {"accepted-but-missing", "from-nowhere", "only-in-the-log"}


def test_a_message_held_twice_is_noticed(exchange: Exchange):
    holdings = {}
    for code, books in exchange.books.items():
        with books.read() as session:
            holdings[code] = books.statements(session)
    assert list(arrived_once(holdings)) == []
    twice = next(held for held in holdings[QINGYUAN] if held.direction == "in")
    holdings[QINGYUAN].append(twice)
    assert list(arrived_once(holdings)) == [Violation("held-twice", QINGYUAN, twice.name)]


def test_an_altered_message_is_noticed_by_its_bytes(exchange: Exchange):
    altered = exchange.one(QINGYUAN, "in")
    token = b"e30.e30.AAAA"
    exchange.at(QINGYUAN, update(StatementRow).where(StatementRow.digest == altered).values(token=token))
    assert exchange.rules() == {"bytes-altered"}


def test_a_message_altered_with_its_digest_is_noticed_by_the_other_side_and_the_log(exchange: Exchange):
    altered = exchange.one(QINGYUAN, "in")
    other = exchange.one(QINGYUAN, "out")
    with exchange.books[QINGYUAN].read() as session:
        token = session.scalars(select(StatementRow.token).where(StatementRow.digest == other)).one()
    change = update(StatementRow).where(StatementRow.digest == altered).values(token=token, digest=other)
    exchange.at(QINGYUAN, change)
    assert exchange.rules() == {"history-differs", "not-in-the-log", "only-in-the-log"}


@pytest.mark.parametrize("state", ["parked", "rejected", "unsupported"])
def test_a_message_that_was_set_aside_is_named(exchange: Exchange, state: str):
    exchange.at(
        QINGYUAN, update(StatementRow).where(StatementRow.digest == exchange.one(QINGYUAN, "in")).values(state=state)
    )
    assert exchange.rules() == {"not-applied"}


def test_what_waits_is_named(exchange: Exchange):
    exchange.at(
        QINGYUAN,
        update(StatementRow).where(StatementRow.digest == exchange.one(QINGYUAN, "in")).values(state="pending"),
    )
    exchange.at(SHOUNING, update(OutChannel).values(receipted_seq=OutChannel.receipted_seq - 1))
    assert exchange.rules() == {"not-applied", "not-yet-applied", "queue-not-empty"}
    assert not any(is_quiet(books) for books in exchange.books.values())


def test_a_lease_nobody_gave_back_is_named(exchange: Exchange):
    exchange.at(SHOUNING, update(OutChannel).values(leased_until=datetime.now(UTC) + timedelta(minutes=1)))
    assert exchange.rules() == {"lease-stuck"}


def test_an_entry_its_recipient_refused_is_named_on_both_sides(exchange: Exchange):
    exchange.at(SHOUNING, update(OutEntry).where(OutEntry.seq == 1).values(verdict="refused", reason="expired"))
    exchange.add(QINGYUAN, InEntry(channel_id=1, seq=99, digest="0" * 64, verdict="duplicate"))
    assert exchange.rules() == {"receipt-not-stored", "entry-not-stored"}


def test_an_alarm_is_named(exchange: Exchange):
    exchange.add(SHOUNING, Alarm(kind="fork", subject="bulk", details={}, at=datetime.now(UTC)))
    assert exchange.rules() == {"alarm"}


def test_a_changed_log_is_noticed_by_its_head_and_by_the_peer_who_saw_it(exchange: Exchange):
    exchange.at(SHOUNING, update(LogLeaf).where(LogLeaf.idx == 1).values(digest="0" * 64))
    assert {"log-head-broken", "two-pasts"} <= exchange.rules()


def test_a_log_computed_anew_is_noticed_by_the_peer_who_saw_the_old_one(exchange: Exchange):
    exchange.at(QINGYUAN, update(PeerCheckpoint).values(root="0" * 64))
    assert exchange.rules() == {"two-pasts"}


def test_a_log_no_peer_has_seen_is_named(exchange: Exchange):
    exchange.at(QINGYUAN, delete(PeerCheckpoint))
    assert exchange.rules() == {"log-not-witnessed"}


def test_a_tile_that_is_not_made_of_its_leaves_is_noticed(exchange: Exchange):
    exchange.add(SHOUNING, LogTile(log_epoch=1, level=1, idx=0, root=b"0" * 32))
    assert exchange.rules() == {"log-tile-broken"}


def test_files_and_rows_without_each_other_and_changed_files_are_named(exchange: Exchange):
    books, now = exchange.books[SHOUNING], datetime.now(UTC)

    def keep(content: bytes) -> str:
        with books.blobs.stage() as staged:
            staged.write(content)
            staged.seal()
            books.blobs.place(staged.path, staged.digest)
            return staged.digest

    stray, changed = keep(b"stray"), keep(b"a photograph")
    next(Path(books.blobs.root).glob(f"*/*/{changed}")).write_bytes(b"another photograph")
    for digest in (changed, "0" * 64):
        exchange.add(SHOUNING, Blob(digest=digest, size=12, media_type="image/jpeg", name="x.jpg", created_at=now))
    found = {(violation.rule, violation.what) for violation in check(exchange.ledger, exchange.books)}
    assert found == {("file-without-row", stray), ("row-without-file", "0" * 64), ("file-altered", changed)}


def test_a_broken_database_file_is_noticed(exchange: Exchange):
    with sqlite3.connect(exchange.town.nodes[SHOUNING].settings.database_url.removeprefix("sqlite:///")) as raw:
        raw.execute("DELETE FROM out_channels WHERE id = (SELECT min(channel_id) FROM out_entries)")
    assert "database-broken" in exchange.rules()


STEPS = [
    Step(SHOUNING, "aa", "applied"),
    Step("331127000000", "bb", "applied"),
    Step(QINGYUAN, "cc", "applied"),
    Step(SHOUNING, "dd", "applied"),
]
SEEN = [STEPS[0], *STEPS[2:]]


def test_a_history_without_what_others_told_the_author_is_the_same(backend: str):
    assert differing(SHOUNING, QINGYUAN, STEPS, SEEN) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda steps: steps[:-1],
        lambda steps: [*steps, steps[-1]],
        lambda steps: [steps[1], steps[0], steps[2]],
        lambda steps: [steps[0]._replace(verdict="crossed"), *steps[1:]],
    ],
    ids=["shorter", "longer", "in another order", "judged otherwise"],
)
def test_histories_that_differ_are_told_apart(backend: str, change: Callable[[list[Step]], list[Step]]):
    assert differing(SHOUNING, QINGYUAN, STEPS, change(SEEN)) is not None
