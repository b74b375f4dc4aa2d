"""The life of a consultation: one table of moves, and one fold that every bureau computes alike.

`fold` reads what a node holds of a thread and says how the matter stands. It depends on the set of statements alone,
never on the order in which they came.

- `illegal`: its author should have known better (it is not theirs to say, it confirms minutes nobody wrote). Whatever
  arrives later it stays illegal, so the answer `statement.rejected.v1` is final.
- `crossed`: it was right for its author, but another word crossed it on the way and counts before it.

`python -m ecolink.exchanges.consultations.rules` prints the tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from ecolink.cadence.cosigning import Cosigning
from ecolink.kit.states import StateTable, Transition, markdown_table
from ecolink.protocol import threads
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.consultations import (
    KINDS,
    ConsultationAnsweredV1,
    ConsultationCancelledV1,
    ConsultationConfirmedV1,
    ConsultationInvitedV1,
    ConsultationMinutedV1,
    ConsultationObjectedV1,
    ConsultationSetV1,
    TaskUpdatedV1,
    TaskV1,
)


class State(StrEnum):
    """Where a consultation stands."""

    PROPOSED = "proposed"
    """Invited to, with times to choose from."""
    SET = "set"
    MINUTED = "minuted"
    """It was held; somebody has not confirmed the minutes."""
    CONCLUDED = "concluded"
    """All confirmed the same minutes."""
    CANCELLED = "cancelled"


class Side(StrEnum):
    """Who makes a move. The convener invites; the chair, often the same, writes the minutes; guests are all others."""

    CONVENER = "convener"
    CHAIR = "chair"
    GUEST = "guest"


class Verdict(StrEnum):
    """What the fold makes of one statement."""

    APPLIED = "applied"
    CROSSED = "crossed"
    ILLEGAL = "illegal"


_AHEAD = (State.PROPOSED, State.SET)
_HELD = (State.MINUTED, State.CONCLUDED)
_EVERYBODY = (Side.CONVENER, Side.CHAIR, Side.GUEST)


def _moves(
    move: str, sides: tuple[Side, ...], sources: tuple[State, ...], target: State | None, needs: str = ""
) -> tuple[Transition, ...]:
    return tuple(Transition(move=move, by=by, sources=sources, target=target, needs=needs) for by in sides)


TABLE = StateTable(
    (
        *_moves("answered", (Side.CHAIR, Side.GUEST), _AHEAD, None, "times that suit, or a reason / 可行时间或理由"),
        *_moves("set", (Side.CONVENER,), _AHEAD, State.SET, "date, place, agenda / 时间、地点、议题"),
        *_moves("cancelled", (Side.CONVENER,), _AHEAD, State.CANCELLED, "a reason / 理由"),
        *_moves(
            "minuted",
            (Side.CHAIR,),
            (*_AHEAD, State.MINUTED),
            State.MINUTED,
            "minutes, conclusions, tasks / 纪要、结论、任务",
        ),
        *_moves("confirmed", _EVERYBODY, (State.MINUTED,), State.CONCLUDED, "once all have / 各方均确认后"),
        *_moves("objected", _EVERYBODY, (State.MINUTED,), None, "a reason / 理由"),
        *_moves("task_updated", _EVERYBODY, _HELD, None, "only its owner / 仅限承办单位"),
    )
)
"""Every move there is but the invitation that begins the thread."""

PRECEDENCE: Mapping[str, str] = MappingProxyType(
    {
        "invited": "stands alone at the root",
        "minuted": "what was held cannot be called off any more",
        "cancelled": "nobody shall travel in vain",
        "set": "the date counts before answers to the question of it",
        "confirmed": "a signature outweighs an objection that crossed it",
        "objected": "",
        "answered": "",
        "task_updated": "",
    }
)
"""Among moves that crossed, the one higher up goes first."""

NAMES_ZH: Mapping[str, str] = MappingProxyType(
    {
        State.PROPOSED: "待定时间",
        State.SET: "已定时间",
        State.MINUTED: "待确认纪要",
        State.CONCLUDED: "已办结",
        State.CANCELLED: "已取消",
        Side.CONVENER: "召集方",
        Side.CHAIR: "主持方",
        Side.GUEST: "参会方",
        "invited": "邀请",
        "answered": "答复",
        "set": "定时间",
        "cancelled": "取消",
        "minuted": "纪要",
        "confirmed": "确认",
        "objected": "提出异议",
        "task_updated": "报告任务",
    }
)

MOVE_OF_TYPE: Mapping[str, str] = MappingProxyType({kind.type: kind.type.split(".")[1] for kind in KINDS})
_RANK = {move: rank for rank, move in enumerate(PRECEDENCE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One statement of the thread, as the fold needs to know it."""

    digest: str
    parents: tuple[str, ...] = ()
    thread: str = ""
    author: str
    """Unit code of the bureau that signed it."""
    to: tuple[str, ...]
    at: datetime
    """When its author signed it (UTC)."""
    name: str | None
    """As in the table; None for what is no move of a consultation, or cannot be read as one."""
    body: Frozen | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One statement with its verdict; `why` is a stable code when it is illegal."""

    move: Move
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True)
class Matter:
    """How a consultation stands."""

    invitation: Move | None = None
    """None while it is not here: everything else waits for it."""
    state: State = State.PROPOSED
    steps: tuple[Step, ...] = ()
    answers: Mapping[str, ConsultationAnsweredV1] = field(default_factory=dict)
    """The last one of each bureau."""
    meeting: ConsultationSetV1 | None = None
    settings: int = 0
    """How often the date was set: the sequence number of the calendar entry."""
    minutes: Move | None = None
    """The minutes that count."""
    cosigning: Cosigning | None = None
    """Who has confirmed them."""
    tasks: Mapping[str, TaskUpdatedV1] = field(default_factory=dict)
    """By code, what its owner last said of a task in the minutes that count."""

    @property
    def called(self) -> ConsultationInvitedV1 | None:
        """What the invitation says."""
        body = self.invitation.body if self.invitation else None
        return body if isinstance(body, ConsultationInvitedV1) else None

    @property
    def parties(self) -> frozenset[str]:
        """The convener and all it invited."""
        return frozenset((self.invitation.author, *self.invitation.to)) if self.invitation else frozenset()

    @property
    def minuted(self) -> ConsultationMinutedV1 | None:
        """What the minutes say."""
        body = self.minutes.body if self.minutes else None
        return body if isinstance(body, ConsultationMinutedV1) else None

    def sides(self, unit_code: str) -> tuple[Side, ...]:
        """Return the sides a bureau is on; none for a stranger."""
        if self.invitation is None or self.called is None or unit_code not in self.parties:
            return ()
        sides = [Side.CONVENER] if unit_code == self.invitation.author else []
        sides += [Side.CHAIR] if unit_code == self.called.chair else []
        return tuple(sides) or (Side.GUEST,)

    def task(self, code: str) -> TaskV1 | None:
        """Return a task of the minutes that count."""
        return next((task for task in self.minuted.tasks if task.code == code), None) if self.minuted else None

    def step(self, digest: str) -> Step | None:
        """Return what became of one statement; None when it is not part of the matter yet."""
        return next((step for step in self.steps if step.move.digest == digest), None)


def fold(moves: Sequence[Move]) -> Matter:
    """Read a thread."""
    known = {move.digest: move for move in moves}
    openings = [move for move in known.values() if move.name == "invited" and not move.parents]
    if not openings:
        return Matter()
    opening = min(openings, key=lambda move: move.digest)
    matter = Matter(invitation=opening)
    placed = threads.order([threads.Node(each.digest, each.parents, _RANK.get(each.name or "", 0)) for each in moves])
    for node in placed:
        matter = _after(matter, known[node.digest], placed)
    return matter


def _after(matter: Matter, move: Move, placed: threads.Order) -> Matter:
    """Return the matter with one more statement, judged first as its author saw the matter, then as it stands."""
    why = _fault(matter, move)
    if not why and move.name != "invited" and not _is_open(_seen(matter, move, placed), move):
        why = "not-open"
    if why:
        return replace(matter, steps=(*matter.steps, Step(move, Verdict.ILLEGAL, why)))
    if move.name == "invited" or _is_open(matter, move):
        return _with(matter, move)
    return replace(matter, steps=(*matter.steps, Step(move, Verdict.CROSSED)))


def _seen(matter: Matter, move: Move, placed: threads.Order) -> Matter:
    """Return the matter as the author of a move knew it: made of what lies in the past of that move."""
    legal = {step.move.digest: step.move for step in matter.steps if step.verdict is not Verdict.ILLEGAL}
    seen = Matter(invitation=matter.invitation)
    for node in placed.past(move.digest):
        earlier = legal.get(node.digest)
        if earlier is not None and (earlier.name == "invited" or _is_open(seen, earlier)):
            seen = _with(seen, earlier)
    return seen


def _fault(matter: Matter, move: Move) -> str:
    """Say what is wrong with a move wherever it stands; empty when nothing is."""
    if move.name is None or move.body is None or matter.invitation is None or matter.called is None:
        return "invalid-body"
    sides = matter.sides(move.author)
    if move.name == "invited":
        wrong = {
            "not-an-opening": move.digest != matter.invitation.digest,
            "strange-chair": matter.called.chair not in matter.parties,
        }
    else:
        owners = {task.owner for task in move.body.tasks} if isinstance(move.body, ConsultationMinutedV1) else set()
        wrong = {
            "not-a-party": not sides,
            "wrong-audience": {move.author, *move.to} != matter.parties,
            "wrong-side": not any(row.move == move.name and row.by in sides for row in TABLE.transitions),
            "strange-owner": not owners <= matter.parties,
        }
    return next((why for why, is_wrong in wrong.items() if is_wrong), "")


def _is_open(matter: Matter, move: Move) -> bool:
    """Tell whether a faultless move may be made as the matter stands."""
    if not any(TABLE.target(move.name or "", matter.state, side) for side in matter.sides(move.author)):
        return False
    match move.body:
        case ConsultationConfirmedV1(minutes=digest) | ConsultationObjectedV1(minutes=digest):
            return matter.minutes is not None and matter.minutes.digest == digest
        case TaskUpdatedV1(task=code):
            task = matter.task(code)
            return task is not None and task.owner == move.author
        case _:
            return True


def _with(matter: Matter, move: Move) -> Matter:
    """Return the matter with one more move that counts, and with what it changes."""
    return replace(matter, steps=(*matter.steps, Step(move, Verdict.APPLIED)), **_change(matter, move))


def _change(matter: Matter, move: Move) -> dict[str, Any]:
    """Return the members of the matter that a move changes."""
    match move.body:
        case ConsultationAnsweredV1() as answer:
            return {"answers": {**matter.answers, move.author: answer}}
        case ConsultationSetV1() as meeting:
            return {"state": State.SET, "meeting": meeting, "settings": matter.settings + 1}
        case ConsultationCancelledV1():
            return {"state": State.CANCELLED}
        case ConsultationMinutedV1():
            cosigning = Cosigning.begin(move.digest, move.author, matter.parties, move.at)
            return {"state": State.MINUTED, "minutes": move, "cosigning": cosigning, "tasks": {}}
        case TaskUpdatedV1() as update:
            return {"tasks": {**matter.tasks, update.task: update}}
        case _:
            return _word(matter, move)


def _word(matter: Matter, move: Move) -> dict[str, Any]:
    """Return what a confirmation or an objection changes; a slow clock makes it no older than the minutes."""
    if matter.cosigning is None:
        return {}
    at = max(move.at, matter.cosigning.written_at)
    if isinstance(move.body, ConsultationObjectedV1):
        return {"cosigning": matter.cosigning.object(move.author, at, move.body.reason)}
    cosigning = matter.cosigning.sign(move.author, at)
    return {"state": State.MINUTED if cosigning.missing else State.CONCLUDED, "cosigning": cosigning}


def print_tables() -> str:
    """Return the table of moves and the order of precedence as Markdown."""
    moves = TABLE.markdown(names=NAMES_ZH, headings=("move", "who", "from", "to", "needs"))
    order = markdown_table(
        ("first to last", "why"), ((f"`{move}` {NAMES_ZH[move]}", why) for move, why in PRECEDENCE.items())
    )
    return f"{moves}\nAmong moves that crossed:\n\n{order}"


if __name__ == "__main__":
    print(print_tables())  # noqa: T201 - that is what running it is for
