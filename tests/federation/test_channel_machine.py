"""What is committed at its author arrives once, in one numbered chain, whatever dies and whatever the line does."""

from collections import Counter, defaultdict
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from sqlalchemy import select

from ecolink.audit.models import LogLeaf
from ecolink.federation.models import InBatch, InChannel, OutBatch, OutChannel, OutEntry, StatementRow
from ecolink.protocol.batch import GENESIS, chain
from ecolink.protocol.statement import Lane
from tests.support.notes import Notebook
from tests.support.storm import BUREAUS, Storm, bureaus, weather
from tests.support.town import Killed

NUMBERS = count(1)


class Notes(Storm):
    """Bureaus that write each other notes: `sent` is what was committed at its author, neither more nor less."""

    def __init__(self, *ground):
        self.books: dict[str, Notebook] = {}
        self.sent: dict[tuple[str, str, Lane], list[str]] = defaultdict(list)
        super().__init__(*ground)

    def furnish(self, code, node):
        self.books[code] = Notebook(node, self.books[code].texts if code in self.books else [])

    @rule(
        by=bureaus,
        to=st.sets(bureaus, min_size=1),
        lane=st.sampled_from([Lane.EMERGENCY, Lane.CASE, Lane.BULK]),
        data=st.data(),
    )
    def write(self, by, to, lane, data):
        to = sorted(to - {by})[: 1 if lane is Lane.CASE else 2]
        if not to or by in self.town.network.down:
            return
        with suppress(Killed):
            thread = data.draw(st.sampled_from([None, *sorted(set(self.rows(by, select(StatementRow.thread))))]))
            text = f"note {next(NUMBERS)}"
            self.books[by].send(text, *to, lane=lane, **({"thread": thread} if thread else {}))
            for recipient in to:
                self.sent[by, recipient, lane].append(text)

    @invariant()
    def nothing_has_its_effect_twice(self):
        for book in self.books.values():
            assert len(set(book.texts)) == len(book.texts)

    def check(self):
        for code in BUREAUS:
            told = [text for (_, to, _), texts in self.sent.items() if to == code for text in texts]
            assert Counter(self.books[code].texts) == Counter(told)
            self.check_log(code)
        for (author, recipient, lane), texts in self.sent.items():
            self.check_channel(author, recipient, lane, len(texts))

    def check_channel(self, author, recipient, lane, length):
        """Numbers without a gap, one chain on both sides, and the receipt that was given is the one that is held."""
        (out,) = self.rows(author, select(OutChannel).filter_by(recipient=recipient, lane=lane.value))
        (here,) = self.rows(recipient, select(InChannel).filter_by(sender=author, lane=lane.value))
        entries = self.rows(author, select(OutEntry).filter_by(channel_id=out.id).order_by(OutEntry.seq))
        assert [entry.seq for entry in entries] == list(range(1, length + 1))
        assert {entry.verdict for entry in entries} == {"stored"}
        value = GENESIS
        for entry in entries:
            value = chain(value, entry.seq, entry.digest)
            assert entry.chain == value.hex()
        assert (out.epoch, out.last_seq, out.last_chain) == (here.epoch, here.head_seq, here.head_chain)
        assert (out.receipted_seq, here.head_chain) == (length, value.hex())
        kept = select(StatementRow).filter_by(in_channel_id=here.id).order_by(StatementRow.in_seq)
        assert [row.digest for row in self.rows(recipient, kept)] == [entry.digest for entry in entries]
        given = {row.digest: row.receipt for row in self.rows(recipient, select(InBatch))}
        for batch in self.rows(author, select(OutBatch).filter_by(channel_id=out.id)):
            assert batch.receipt in {None, given.get(batch.digest)}

    def check_log(self, code):
        """What was said and what was taken in stands in the evidence log once."""
        leaves = Counter((leaf.kind, leaf.digest) for leaf in self.rows(code, select(LogLeaf)))
        for row in self.rows(code, select(StatementRow)):
            assert leaves["sent" if row.direction == "out" else "received", row.digest] == 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whatever_dies_and_whatever_the_line_does_everything_arrives_once(tmp_path, new_database_url):
    weather(Notes, tmp_path, new_database_url, most=5)
