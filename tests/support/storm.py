"""Three real nodes that may die in the middle of anything and come back, over a line that does its worst.

The ground of the state machines over whole nodes: a machine adds what the bureaus say to each other, and what must be
true once the line is good again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import Select, select

from ecolink.entrypoints.wiring import Node
from ecolink.federation import operations
from ecolink.federation.models import Alarm, StatementRow
from ecolink.federation.operations import Answer, Call
from tests.support.town import ALL_LANES, JINGNING, QINGYUAN, SHOUNING, Killed, Town

BUREAUS = (SHOUNING, QINGYUAN, JINGNING)
FATES = ["arrives", "is lost", "is lost on the way back", "is doubled", "is late"]

bureaus = st.sampled_from(BUREAUS)
_numbers = count(1)


class Storm(RuleBasedStateMachine):
    """Three bureaus who trust each other."""

    def __init__(self, folder: Path, new_database_url: Callable[[], str]) -> None:
        """Build and introduce them; each example has a folder of its own."""
        super().__init__()
        self.town = Town(folder / str(next(_numbers)), new_database_url)
        self.receipts: dict[tuple[str, bytes], bytes] = {}
        for number, code in enumerate(BUREAUS):
            self.town.add(code)
            for other in BUREAUS[:number]:
                self.town.introduce(code, other)
        for code in BUREAUS:
            self._started(code)

    # What a machine says ------------------------------------------------------------------------------------

    def furnish(self, code: str, node: Node) -> None:
        """Open the rooms of a node that was just started."""

    def check(self) -> None:
        """Check what must be true when everything has arrived."""

    # What happens to everybody ------------------------------------------------------------------------------

    @rule(by=bureaus, fate=st.sampled_from(FATES))
    def send(self, by: str, fate: str) -> None:
        with self._line_on_which_a_call(fate):
            self.have(by, lambda node: node.delivery.step(ALL_LANES, node.clock.now))

    @rule(by=bureaus)
    def apply(self, by: str) -> None:
        self.have(by, lambda node: node.applier.step(ALL_LANES, node.clock.now()))

    @rule(by=bureaus, fate=st.sampled_from(FATES[:3]))
    def compare(self, by: str, fate: str) -> None:
        with self._line_on_which_a_call(fate):
            self.have(by, lambda node: node.compare(node.clock.now))

    @precondition(lambda self: self.town.network.held)
    @rule(data=st.data())
    def late_call_arrives(self, data: st.DataObject) -> None:
        late = data.draw(st.sampled_from(self.town.network.held), label="late call")
        self.town.network.held.remove(late)
        recipient, call = late
        if recipient not in self.town.network.down:
            with suppress(Killed):
                self.town.network.gates[recipient](call)

    @rule(by=bureaus, statements=st.integers(0, 40))
    def doom(self, by: str, statements: int) -> None:
        if by not in self.town.network.down:
            self.town.doom(by, statements)

    @rule(by=bureaus)
    def start_again(self, by: str) -> None:
        self.town.revive(by)
        self._started(by)

    @rule(minutes=st.sampled_from([1, 10, 30]))
    def wait(self, minutes: int) -> None:
        self.town.clock.advance(timedelta(minutes=minutes))

    def teardown(self) -> None:
        """Let the line be good again for as long as it takes, and look at everything."""
        try:
            self.town.network.held.clear()
            for code in BUREAUS:
                self.start_again(code)
            for _ in range(3):
                self.town.wait(timedelta(minutes=61))
            for code in BUREAUS:
                assert set(self.town.nodes[code].compare(self.town.clock.now).values()) == {"agreed"}
                assert self.rows(code, select(Alarm)) == []
                states = set(self.rows(code, select(StatementRow.state)))
                assert states <= {"applied", "rejected"}, "nothing is parked and nothing waits"
            self.check()
        finally:
            self.town.close()

    # How ----------------------------------------------------------------------------------------------------

    def have(self, code: str, work: Callable[[Node], Any]) -> None:
        """Have a node do something, which it may die over; a dead one does nothing."""
        if code not in self.town.network.down:
            with suppress(Killed):
                work(self.town.nodes[code])

    def rows(self, code: str, query: Select[Any]) -> Sequence[Any]:
        """Return what a node's database has."""
        with self.town.nodes[code].database.read() as session:
            return session.scalars(query).all()

    def _started(self, code: str) -> None:
        self.furnish(code, self.town.nodes[code])
        self._watch_receipts(code)

    def _watch_receipts(self, code: str) -> None:
        """A batch sent again is answered with the same bytes, whoever asks and whatever happened between."""
        gate = self.town.network.gates[code]

        def watched(call: Call) -> Answer:
            answer = gate(call)
            if call.operation is operations.PUSH and answer.status == 200:
                assert self.receipts.setdefault((code, call.body), answer.body) == answer.body
            return answer

        self.town.network.gates[code] = watched

    @contextmanager
    def _line_on_which_a_call(self, fate: str) -> Iterator[None]:
        network = self.town.network
        network.lose_requests = float(fate == "is lost")
        network.lose_answers = float(fate == "is lost on the way back")
        network.double = float(fate == "is doubled")
        network.keep_back = (lambda _: True) if fate == "is late" else None
        yield
        network.lose_requests = network.lose_answers = network.double = 0.0
        network.keep_back = None


def weather(
    machine: Callable[[Path, Callable[[], str]], Storm], folder: Path, new_database_url: Callable[[], str], most: int
) -> None:
    """Play a machine through: lives of thirty steps, `most` in a run of the suite."""
    few = settings(
        max_examples=most * settings().max_examples // 100,
        stateful_step_count=30,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: machine(folder, new_database_url), settings=few)  # type: ignore[arg-type]
