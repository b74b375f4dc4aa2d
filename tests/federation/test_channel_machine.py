"""Three real nodes that write, die in the middle of anything and come back, over a line that does its worst."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from ecolink.audit.models import LogLeaf
from ecolink.federation import operations
from ecolink.federation.models import Alarm, InBatch, InChannel, OutBatch, OutChannel, OutEntry, StatementRow
from ecolink.federation.operations import Answer, Call
from ecolink.protocol.batch import GENESIS, chain
from ecolink.protocol.statement import Lane
from tests.support.notes import Notebook
from tests.support.town import ALL_LANES, JINGNING, QINGYUAN, SHOUNING, Killed, Town

BUREAUS = (SHOUNING, QINGYUAN, JINGNING)
LANES = [Lane.EMERGENCY, Lane.CASE, Lane.BULK]
NUMBERS = count(1)

bureaus = st.sampled_from(BUREAUS)


class ThreeNodes(RuleBasedStateMachine):
    """What is written down here is what was committed at its author: neither more nor less may arrive."""

    def __init__(self, folder: Path, new_database_url: Callable[[], str]):
        super().__init__()
        self.town = Town(folder / str(next(NUMBERS)), new_database_url)
        self.books = {code: Notebook(self.town.add(code)) for code in BUREAUS}
        for number, code in enumerate(BUREAUS):
            for other in BUREAUS[:number]:
                self.town.introduce(code, other)
        self.sent: dict[tuple[str, str, Lane], list[str]] = defaultdict(list)
        self.threads: dict[str, set[str]] = {code: set() for code in BUREAUS}
        self.receipts: dict[tuple[str, bytes], bytes] = {}
        for code in BUREAUS:
            self.watch_receipts(code)

    @rule(by=bureaus, to=st.sets(bureaus, min_size=1), lane=st.sampled_from(LANES), data=st.data())
    def write(self, by, to, lane, data):
        to = sorted(to - {by})[: 1 if lane is Lane.CASE else 2]
        if not to or by in self.town.network.down:
            return
        known = [None, *sorted(self.threads[by])]
        thread = data.draw(st.sampled_from(known), label="thread")
        text = f"{by} {next(NUMBERS)}"
        with suppress(Killed):
            self.books[by].send(text, *to, lane=lane, **({"thread": thread} if thread else {}))
            for recipient in to:
                self.sent[by, recipient, lane].append(text)

    @rule(by=bureaus, fate=st.sampled_from(["arrives", "is lost", "is lost on the way back", "is doubled", "is late"]))
    def send(self, by, fate):
        with self.line_on_which_a_call(fate):
            self.have(by, lambda node: node.delivery.step(ALL_LANES, node.clock.now))

    @rule(by=bureaus)
    def apply(self, by):
        self.have(by, lambda node: node.applier.step(ALL_LANES, node.clock.now()))
        self.have(by, lambda _: self.threads[by].update(self.rows(by, select(StatementRow.thread))))

    @rule(by=bureaus, fate=st.sampled_from(["arrives", "is lost on the way back"]))
    def compare(self, by, fate):
        with self.line_on_which_a_call(fate):
            self.have(by, lambda node: node.compare(node.clock.now()))

    @precondition(lambda self: self.town.network.held)
    @rule(data=st.data())
    def late_call_arrives(self, data):
        late = data.draw(st.sampled_from(self.town.network.held), label="late call")
        self.town.network.held.remove(late)
        recipient, call = late
        if recipient not in self.town.network.down:
            with suppress(Killed):
                self.town.network.gates[recipient](call)

    @rule(by=bureaus, statements=st.integers(0, 40))
    def doom(self, by, statements):
        if by not in self.town.network.down:
            self.town.doom(by, statements)

    @rule(by=bureaus)
    def start_again(self, by):
        self.books[by].node = self.town.revive(by)
        self.books[by].__post_init__()
        self.watch_receipts(by)

    @rule(minutes=st.sampled_from([1, 10, 30]))
    def wait(self, minutes):
        self.town.clock.advance(timedelta(minutes=minutes))

    @invariant()
    def nothing_has_its_effect_twice(self):
        for book in self.books.values():
            assert len(set(book.texts)) == len(book.texts)

    def teardown(self):
        try:
            self.let_the_line_be_good()
            self.check_everything_arrived_once()
            for code in BUREAUS:
                self.check_channels(code)
                self.check_log(code)
                assert self.rows(code, select(Alarm)) == []
                assert set(self.rows(code, select(StatementRow.state))) <= {"applied"}, "nothing is parked or waits"
        finally:
            self.town.close()

    def let_the_line_be_good(self):
        self.town.network.held.clear()
        for code in BUREAUS:
            self.start_again(code)
        for _ in range(4):
            self.town.wait(timedelta(minutes=61))
        for code in BUREAUS:
            assert set(self.town.nodes[code].compare(self.town.clock.now()).values()) == {"agreed"}

    def check_everything_arrived_once(self):
        for recipient in BUREAUS:
            told = [text for (_, to, _), texts in self.sent.items() if to == recipient for text in texts]
            assert Counter(self.books[recipient].texts) == Counter(told)

    def check_channels(self, recipient):
        """Numbers without a gap, one chain on both sides, and the receipt that was given is the one that is held."""
        for (author, to, lane), texts in self.sent.items():
            if to != recipient:
                continue
            (out,) = self.rows(author, select(OutChannel).filter_by(recipient=recipient, lane=lane.value))
            entries = self.rows(author, select(OutEntry).filter_by(channel_id=out.id).order_by(OutEntry.seq))
            assert [entry.seq for entry in entries] == list(range(1, len(texts) + 1))
            assert {entry.verdict for entry in entries} == {"stored"}
            value = GENESIS
            for entry in entries:
                value = chain(value, entry.seq, entry.digest)
                assert entry.chain == value.hex()
            (here,) = self.rows(recipient, select(InChannel).filter_by(sender=author, lane=lane.value))
            assert (out.epoch, out.last_seq, out.receipted_seq, out.last_chain) == (
                here.epoch,
                here.head_seq,
                len(texts),
                here.head_chain,
            )
            kept = select(StatementRow).filter_by(in_channel_id=here.id).order_by(StatementRow.in_seq)
            held = self.rows(recipient, kept)
            assert [row.digest for row in held] == [entry.digest for entry in entries]
            given = {row.digest: row.receipt for row in self.rows(recipient, select(InBatch))}
            for batch in self.rows(author, select(OutBatch).filter_by(channel_id=out.id)):
                assert batch.receipt is None or batch.receipt == given[batch.digest]

    def check_log(self, code):
        """What was said and what was taken in stands in the evidence log once."""
        leaves = Counter((leaf.kind, leaf.digest) for leaf in self.rows(code, select(LogLeaf)))
        for row in self.rows(code, select(StatementRow)):
            assert leaves["sent" if row.direction == "out" else "received", row.digest] == 1

    def have(self, code, work):
        if code not in self.town.network.down:
            with suppress(Killed):
                work(self.town.nodes[code])

    def rows(self, code, query):
        with self.town.nodes[code].database.read() as session:
            return session.scalars(query).all()

    @contextmanager
    def line_on_which_a_call(self, fate) -> Iterator[None]:
        network = self.town.network
        network.lose_requests = float(fate == "is lost")
        network.lose_answers = float(fate == "is lost on the way back")
        network.double = float(fate == "is doubled")
        network.keep_back = (lambda _: True) if fate == "is late" else None
        yield
        network.lose_requests = network.lose_answers = network.double = 0.0
        network.keep_back = None

    def watch_receipts(self, code):
        """A batch sent again is answered with the same bytes, whoever asks and whatever happened between."""
        gate = self.town.network.gates[code]

        def watched(call: Call) -> Answer:
            answer = gate(call)
            if call.operation is operations.PUSH and answer.status == 200:
                assert self.receipts.setdefault((code, call.body), answer.body) == answer.body
            return answer

        self.town.network.gates[code] = watched


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whatever_dies_and_whatever_the_line_does_everything_arrives_once(tmp_path, new_database_url):
    run_state_machine_as_test(
        lambda: ThreeNodes(tmp_path, new_database_url),
        settings=settings(
            max_examples=max(5, settings().max_examples // 20),
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
        ),
    )
