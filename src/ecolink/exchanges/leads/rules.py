"""The life of a case lead: one table of moves, one order of precedence, one fold both nodes compute alike.

`fold` reads a thread in canonical order and gives its state and its history. It depends on the set of
statements alone, so both bureaus end with the same, whatever crossed on the wire:

- a move its own author should have known to be wrong is `illegal`: judged by what the author had applied,
  it never changes whatever arrives later, so the answer `statement.rejected.v1` is final;
- a move that was right for its author, but lost against one that crossed it, is `crossed`: it stays in the
  history and has no effect;
- a move the other side rejected (a node of another version may be stricter) has no effect on either side.

"Overdue" is no state: see `clocks`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from ecolink.exchanges.leads.table import PRECEDENCE, TABLE, Side, State
from ecolink.protocol import threads
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.leads import KINDS, LeadRepliedV1


class Verdict(StrEnum):
    """What the fold makes of one statement of the thread."""

    APPLIED = "applied"
    CROSSED = "crossed"
    ILLEGAL = "illegal"
    REJECTED = "rejected"
    NOTED = "noted"
    """Not a move: a statement of another kind that happens to stand in the thread."""


_RANK = {move: rank for rank, move in enumerate(PRECEDENCE)}
MOVE_OF_TYPE: Mapping[str, str] = MappingProxyType({kind.type: kind.type.split(".")[1] for kind in KINDS})
"""The moves by their type on the wire."""
_APPROVED = frozenset(kind.type.split(".")[1] for kind in KINDS if kind.approval) | {"interim_reply"}

MAX_MOVES = 1000
"""A thread whose author already sees this many statements takes no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One statement of the thread, as the fold needs to know it."""

    digest: str
    parents: tuple[str, ...]
    type: str
    author: str
    """Unit code of the bureau that signed it."""
    to: str
    """Unit code of the bureau it is addressed to."""
    at: datetime
    """When it was signed, by its author's clock."""
    received_at: datetime | None = None
    """The recipient's signed word of when it came; None while that is unknown here."""
    approved: bool = False
    is_named: bool = True
    """A private part, erased by now or not, names who made it."""
    is_exercise: bool = False
    body: Frozen | None = None
    """The body, read as its type wants it; None for what is no lead move, or does not fit."""
    fault: str | None = None
    """Why the body does not fit."""
    rejects: str | None = None
    """The digest a `statement.rejected.v1` speaks of."""

    @property
    def name(self) -> str | None:
        """The move's name in the table, or None when it is no move of a lead."""
        name = MOVE_OF_TYPE.get(self.type)
        is_interim = isinstance(self.body, LeadRepliedV1) and self.body.outcome == "interim"
        return "interim_reply" if is_interim else name

    @property
    def needs_approver(self) -> bool:
        """Tell whether this move must name an approver: by its kind, or because it names persons."""
        return self.name in _APPROVED or getattr(self.body, "person_count", 0) > 0


@dataclass(frozen=True, slots=True)
class Position:
    """All that decides whether a move is allowed."""

    state: State | None = None
    """None before the request itself is here."""
    requester: str = ""
    recipient: str = ""
    is_exercise: bool = False
    seen: int = 0
    """How many statements the thread has up to here."""

    def side(self, unit_code: str) -> Side | None:
        """Return which side of the matter a bureau is on, if any."""
        return {self.requester: Side.REQUESTER, self.recipient: Side.RECIPIENT}.get(unit_code)


@dataclass(frozen=True, slots=True)
class Illegal:
    """The decision that a move is not allowed, with a stable code that says why."""

    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """One statement with its verdict, and the state the lead was in after it."""

    move: Move
    verdict: Verdict
    state: State | None
    why: str = ""
    """Why it is illegal: a stable code."""
    crossed_with: str | None = None
    """Digest of the move that went first."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What the fold knows of a lead."""

    position: Position = Position()
    steps: tuple[Step, ...] = ()
    waiting: tuple[str, ...] = ()
    """Digests of statements whose predecessors are not here yet."""

    @property
    def state(self) -> State | None:
        """Where the lead stands; None before the request itself is here."""
        return self.position.state

    @property
    def applied(self) -> tuple[Move, ...]:
        """The moves that count, in order."""
        return tuple(step.move for step in self.steps if step.verdict is Verdict.APPLIED)

    def last(self, *names: str) -> Move | None:
        """Return the last move of these names that counts."""
        return next((move for move in reversed(self.applied) if move.name in names), None)

    def step(self, digest: str) -> Step | None:
        """Return what became of one statement; None while its predecessors are missing."""
        return next((step for step in self.steps if step.move.digest == digest), None)

    def open_moves(self, unit_code: str) -> tuple[str, ...]:
        """Return the moves open to a bureau now."""
        side = self.position.side(unit_code)
        return TABLE.moves(self.state, side) if self.state and side else ()


def fold(moves: Sequence[Move]) -> Matter:
    """Read a thread: put the statements in canonical order and let each do what the table allows."""
    known = {move.digest: move for move in moves}
    placed = threads.order([threads.Node(move.digest, move.parents, _rank(move)) for move in known.values()])
    return _Reading(placed, known).whole()


def judge(position: Position, move: Move) -> State | Illegal:
    """Say where `move` leads from `position`, or why it is not allowed there."""
    fault = _fault_of(move)
    if fault is None and position.state is None:
        return State.SENT if move.name == "requested" else Illegal("no-request")
    if fault is None and {move.author, move.to} != {position.requester, position.recipient}:
        fault = "not-a-party"
    if fault is None and move.is_exercise is not position.is_exercise:
        fault = "exercise-mismatch"
    if fault is None and position.seen >= MAX_MOVES:
        fault = "thread-full"
    return Illegal(fault) if fault else _look_up(position, move)


def _fault_of(move: Move) -> str | None:
    """Say what is wrong with a move wherever it stands."""
    if move.fault is not None:
        return "invalid-body"
    if not move.is_named:
        return "signatory-missing"
    return "approver-missing" if move.needs_approver and not move.approved else None


def _look_up(position: Position, move: Move) -> State | Illegal:
    side, name, state = position.side(move.author), move.name or "", position.state or ""
    target = TABLE.target(name, state, side or "")
    if target is not None:
        return State(target)
    other = Side.RECIPIENT if side is Side.REQUESTER else Side.REQUESTER
    return Illegal("wrong-side" if TABLE.target(name, state, other) else "wrong-state")


def _rank(move: Move) -> int:
    # What is no move changes nothing; it reads best after what it speaks of.
    return _RANK.get(move.name or "", len(_RANK))


class _Reading:
    """One pass over a thread in canonical order."""

    def __init__(self, placed: threads.Order, known: Mapping[str, Move]) -> None:
        self._placed = placed
        self._known = known
        self._moves = tuple(known[node.digest] for node in placed)
        self._why: dict[str, str] = {}
        self._has_rejections = any(move.rejects for move in self._moves)

    def whole(self) -> Matter:
        """Judge every move by what its author had applied, then read all of them together."""
        position = Position()
        for move in self._moves:
            if move.name is not None:
                decision = judge(self._seen_by_author_of(move, position), move)
                if isinstance(decision, Illegal):
                    self._why[move.digest] = decision.why
            position = self._after(position, move, self._verdict(position, move, frozenset()))

        steps: list[Step] = []
        position, rejected = Position(), self._rejected_among(self._moves)
        for move in self._moves:
            verdict = self._verdict(position, move, rejected)
            position = self._after(position, move, verdict)
            winner = self._winner_over(move, steps) if verdict is Verdict.CROSSED else None
            steps.append(Step(move, verdict, position.state, self._why.get(move.digest, ""), winner))
        matter = Matter(position, tuple(steps), tuple(node.digest for node in self._placed.waiting))
        if matter.state is State.SENT and matter.applied[0].received_at is not None:
            return replace(matter, position=replace(position, state=State.DELIVERED))
        return matter

    def _seen_by_author_of(self, move: Move, so_far: Position) -> Position:
        # Nearly always nothing crossed: then the author saw exactly what has been read so far.
        if not self._has_rejections and self._placed.saw_all_before(move.digest):
            return so_far
        # The ancestors stand in canonical order too: it is the same for any part that holds its own past.
        past = [self._known[node.digest] for node in self._placed.past(move.digest)]
        position, rejected = Position(), self._rejected_among(past)
        for earlier in past:
            position = self._after(position, earlier, self._verdict(position, earlier, rejected))
        return position

    def _rejected_among(self, moves: Sequence[Move]) -> frozenset[str]:
        """Return what the other side rejected; nobody can reject a third bureau's move, or their own."""
        pairs = ((rejection, self._known.get(rejection.rejects or "")) for rejection in moves)
        return frozenset(
            target.digest
            for rejection, target in pairs
            if target and target.author == rejection.to and target.to == rejection.author
        )

    def _verdict(self, position: Position, move: Move, rejected: frozenset[str]) -> Verdict:
        if move.name is None:
            return Verdict.NOTED
        if move.digest in self._why:
            return Verdict.ILLEGAL
        if move.digest in rejected:
            return Verdict.REJECTED
        return Verdict.APPLIED if isinstance(judge(position, move), State) else Verdict.CROSSED

    def _after(self, position: Position, move: Move, verdict: Verdict) -> Position:
        seen = position.seen + 1
        if verdict is not Verdict.APPLIED:
            return replace(position, seen=seen)
        decision = judge(position, move)
        state = decision if isinstance(decision, State) else position.state
        if position.state is None:
            return Position(state, move.author, move.to, move.is_exercise, seen)
        return replace(position, state=state, seen=seen)

    def _winner_over(self, move: Move, steps: Sequence[Step]) -> str | None:
        for step in reversed(steps):
            counts = step.verdict is Verdict.APPLIED and step.move.name != "message"
            if counts and self._placed.crossed(step.move.digest, move.digest):
                return step.move.digest
        return None
