"""Bureaus that are nothing but what they hold, and a bad post between them: the ground of the state machines.

What a bureau says or takes in is lost when it dies before it commits. What it has committed is owed to whom it is
addressed, and may arrive any number of times, in any order, until the other side's receipt is here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from ecolink.kit.canonical import sha256_hex
from tests.support.town import START


class Said(Protocol):
    """What a fold reads: a statement that names the heads its author had applied."""

    @property
    def digest(self) -> str: ...
    @property
    def parents(self) -> tuple[str, ...]: ...


S = TypeVar("S", bound=Said)


@dataclass
class Holdings(Generic[S]):
    """What one bureau holds."""

    kept: dict[str, S] = field(default_factory=dict)
    """Committed, in the order in which it came or was said here."""
    unwritten: dict[str, S] = field(default_factory=dict)
    """In a transaction under way."""
    received: dict[str, datetime] = field(default_factory=dict)
    """By digest, when the recipient says it came: from its receipt, or from here."""

    @property
    def all(self) -> list[S]:
        """What whoever writes in this transaction sees."""
        return [*self.kept.values(), *self.unwritten.values()]


@dataclass(frozen=True)
class Letter(Generic[S]):
    """One statement on its way to one bureau."""

    to: str
    said: S


class Correspondence(RuleBasedStateMachine, Generic[S]):
    """Bureaus that write to each other, die and come back. A machine of one exchange adds what they may say."""

    bureaus: Sequence[str]

    def __init__(self) -> None:
        """Start with empty hands, on a Monday morning."""
        super().__init__()
        self.now = START
        self.held: dict[str, Holdings[S]] = {code: Holdings() for code in self.bureaus}
        self.owed: list[Letter[S]] = []
        self.carried: list[Letter[S]] = []
        self.refused: dict[str, str] = {}
        """By digest, the bureau that found a statement illegal: that is said once, signed, and stays said."""
        self._marks = 0

    # What a machine of one exchange says -------------------------------------------------------------------

    def author_of(self, said: S) -> str:
        """Return the unit code of whoever signed it."""
        raise NotImplementedError

    def recipients_of(self, said: S) -> Sequence[str]:
        """Return the unit codes of those it is addressed to."""
        raise NotImplementedError

    def illegal(self, code: str) -> set[str]:
        """Return the digests of what the bureau finds illegal by now."""
        raise NotImplementedError

    def rejection(self, code: str, of: S) -> S | None:
        """Return the signed answer to what was found illegal, where the fold reads it."""
        raise NotImplementedError

    def check(self, code: str) -> None:
        """Check what must hold for one bureau at any time."""

    def agree(self) -> None:
        """Check what must hold once everything has arrived."""

    # What happens to everybody -----------------------------------------------------------------------------

    @rule(data=st.data(), receipt_is_lost=st.booleans())
    def commit(self, data: st.DataObject, *, receipt_is_lost: bool) -> None:
        code = data.draw(st.sampled_from(self.bureaus))
        self._commit(code, receipts=not receipt_is_lost)

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        code = data.draw(st.sampled_from(self.bureaus))
        self.held[code].unwritten.clear()

    @precondition(lambda self: self.owed)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        letter = data.draw(st.sampled_from(self.owed))
        self.carried.append(letter)
        self._take(letter)

    @precondition(lambda self: self.carried)
    @rule(data=st.data())
    def arrive_again(self, data: st.DataObject) -> None:
        self._take(data.draw(st.sampled_from(self.carried)))

    @rule(minutes=st.integers(1, 4 * 24 * 60))
    def pass_time(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    def teardown(self) -> None:
        """Let the line be good again until nothing is owed, and compare."""
        for code in self.bureaus:
            self._commit(code, receipts=True)
        while self.owed:
            for letter in list(self.owed):
                self._take(letter)
                self._commit(letter.to, receipts=True)
        self.agree()

    # How ---------------------------------------------------------------------------------------------------

    def mark(self) -> str:
        """Return a word that was never used, whose digests come in no order."""
        self._marks += 1
        return sha256_hex(str(self._marks).encode())[:12]

    def say(self, said: S) -> None:
        """Have its author write it; it is lost again if the author dies before the commit."""
        self.held[self.author_of(said)].unwritten[said.digest] = said

    def heads(self, code: str, to: Sequence[str]) -> list[S]:
        """Return what ends the thread, as far as the bureau and everybody in `to` can see it."""
        wrong = {digest for digest, judge in self.refused.items() if judge == code}
        seen = [
            each
            for each in self.held[code].all
            if set(to) <= {self.author_of(each), *self.recipients_of(each)} and each.digest not in wrong
        ]
        followed = {parent for each in seen for parent in each.parents}
        return [each for each in seen if each.digest not in followed]

    def _take(self, letter: Letter[S]) -> None:
        held = self.held[letter.to]
        if letter.said.digest not in held.kept:
            held.unwritten[letter.said.digest] = letter.said

    def _commit(self, code: str, *, receipts: bool) -> None:
        held = self.held[code]
        for digest, said in held.unwritten.items():
            if self.author_of(said) == code:
                self.owed += [Letter(to, said) for to in self.recipients_of(said)]
            else:
                held.received[digest] = self.now
        held.kept |= held.unwritten
        held.unwritten.clear()
        if receipts:
            self._tell_receipts(code)
        self._answer_illegal(code)
        self.check(code)

    def _tell_receipts(self, code: str) -> None:
        here = self.held[code]
        confirmed = [each for each in self.owed if each.to == code and each.said.digest in here.kept]
        for letter in confirmed:
            digest = letter.said.digest
            self.held[self.author_of(letter.said)].received.setdefault(digest, here.received[digest])
            self.owed.remove(letter)

    def _answer_illegal(self, code: str) -> None:
        held, found = self.held[code], self.illegal(code)
        for digest, judge in self.refused.items():
            assert judge != code or digest in found, "what was answered as illegal stays illegal"
        for digest in sorted(found - self.refused.keys()):
            said = held.kept[digest]
            if self.author_of(said) != code:
                self.refused[digest] = code
                answer = self.rejection(code, said)
                if answer is not None:
                    held.kept[answer.digest] = answer
                    self.owed += [Letter(to, answer) for to in self.recipients_of(answer)]


def drawn(data: st.DataObject, choices: Sequence[Any], what: str) -> Any:
    """Draw one of `choices` and have a failing example name it."""
    return data.draw(st.sampled_from(choices), label=what)


def run(machine: type[Correspondence[Any]]) -> None:
    """Play it through: a life of forty steps, a quarter as often as a simple property is tried."""
    some = settings(max_examples=settings().max_examples // 4, stateful_step_count=40)
    run_state_machine_as_test(machine, settings=some)
