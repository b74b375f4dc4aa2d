"""The life of an emergency: one table of moves, and one fold that every node computes alike.

`fold` reads what a node holds of a thread and says how the matter stands. It depends on the set of
statements alone, never on the order in which they came. Unlike a case, an emergency does not wait for a
gap: as soon as the alert is here everything counts, and what arrives late takes its place.

- `illegal`: its author should have known better (it is not theirs to say, it mixes a drill with the real
  thing, it follows a cancellation they had seen). Whatever arrives later, it stays illegal, so the
  answer `statement.rejected.v1` is final.
- `crossed`: it was right for its author, but a cancellation crossed it on the way. It stays in the
  history; an acknowledgement still counts, because somebody may be on the road and must be called back.

`python -m ecolink.exchanges.emergencies.rules` prints the tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from ecolink.kit.states import StateTable, Transition, markdown_table
from ecolink.protocol import threads
from ecolink.protocol.kinds.emergencies import KINDS


class EmergencyState(StrEnum):
    """Where an emergency stands. Whether it is overdue, or unacknowledged, is told by its call tasks."""

    AWAITING_APPROVAL = "awaiting_approval"
    DISCARDED = "discarded"
    OPEN = "open"
    CANCELLED = "cancelled"


class Side(StrEnum):
    """Who makes a move. Each side may make only its own."""

    AUTHOR = "author"
    RECIPIENT = "recipient"


class Verdict(StrEnum):
    """What the fold makes of one statement."""

    APPLIED = "applied"
    CROSSED = "crossed"
    ILLEGAL = "illegal"


LOCAL = (EmergencyState.AWAITING_APPROVAL, EmergencyState.DISCARDED)
"""Before anything is sent: known to the author's bureau alone."""
_TOLD = (EmergencyState.OPEN, EmergencyState.CANCELLED)


def _move(
    move: str, by: Side, sources: tuple[EmergencyState, ...], target: EmergencyState | None, needs: str = ""
) -> Transition:
    return Transition(move=move, by=by, sources=sources, target=target, needs=needs)


TABLE = StateTable(
    (
        _move("discard", Side.AUTHOR, (EmergencyState.AWAITING_APPROVAL,), EmergencyState.DISCARDED),
        _move(
            "alert",
            Side.AUTHOR,
            (EmergencyState.AWAITING_APPROVAL,),
            EmergencyState.OPEN,
            "actual: the title typed again, or another person's approval / 实情须重复输入标题或经他人审批",
        ),
        _move("update", Side.AUTHOR, (EmergencyState.OPEN,), None, "the whole situation anew / 完整情况"),
        _move(
            "cancel", Side.AUTHOR, (EmergencyState.OPEN,), EmergencyState.CANCELLED, "over or retraction / 解除或撤回"
        ),
        _move("acknowledged", Side.RECIPIENT, _TOLD, None, "a named person, a decision / 签收人、处置决定"),
        _move("note", Side.AUTHOR, (EmergencyState.OPEN,), None),
        _move("note", Side.RECIPIENT, (EmergencyState.OPEN,), None),
    )
)
"""Every move there is."""

PRECEDENCE: Mapping[str, str] = MappingProxyType(
    {
        "alert": "stands alone at the root",
        "cancel": "standing down is never delayed",
        "acknowledged": "counts even when a cancellation crossed it: call them back",
        "update": "set aside when a cancellation crossed it",
        "note": "set aside when a cancellation crossed it",
    }
)
"""Among moves that crossed, the one higher up goes first."""

NAMES_ZH: Mapping[str, str] = MappingProxyType(
    {
        EmergencyState.AWAITING_APPROVAL: "待审批",
        EmergencyState.DISCARDED: "未发出",
        EmergencyState.OPEN: "处置中",
        EmergencyState.CANCELLED: "已解除",
        Side.AUTHOR: "发出方",
        Side.RECIPIENT: "接收方",
        "discard": "放弃",
        "alert": "通报",
        "update": "续报",
        "cancel": "解除",
        "acknowledged": "签收",
        "note": "留言",
    }
)

MOVE_OF_TYPE: Mapping[str, str] = MappingProxyType({kind.type: kind.type.split(".")[1] for kind in KINDS})
_RANK = {move: rank for rank, move in enumerate(PRECEDENCE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One statement of the thread, as the fold needs to know it."""

    digest: str
    parents: tuple[str, ...] = ()
    name: str | None
    """As in the table; None for what is no move of an emergency, or cannot be read as one."""
    author: str
    """Unit code of the bureau that signed it."""
    to: tuple[str, ...]
    status: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement with its verdict; `why` is a stable code when it is illegal."""

    move: Move
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True)
class Matter:
    """How an emergency stands."""

    alert: Move | None = None
    """None while it is not here: everything else waits for it."""
    steps: tuple[Step, ...] = ()
    situation: Move | None = None
    """The alert or the last update that counts."""
    cancel: Move | None = None
    acknowledgements: Mapping[str, Step] = field(default_factory=dict)
    """The last one of each recipient."""

    @property
    def state(self) -> EmergencyState | None:
        """Where it stands; None before the alert is here."""
        if self.alert is None:
            return None
        return EmergencyState.CANCELLED if self.cancel else EmergencyState.OPEN

    def side(self, unit_code: str) -> Side | None:
        """Return which side a bureau is on, if any."""
        if self.alert is None:
            return None
        if unit_code == self.alert.author:
            return Side.AUTHOR
        return Side.RECIPIENT if unit_code in self.alert.to else None

    def step(self, digest: str) -> Step | None:
        """Return what became of one statement; None when it is not part of the matter yet."""
        return next((step for step in self.steps if step.move.digest == digest), None)


def fold(moves: Sequence[Move], *, author: str | None = None) -> Matter:
    """Read a thread. `author` is the bureau whose emergency it is known to be here, if any is."""
    known = {move.digest: move for move in moves}
    openings = [move for move in known.values() if _opens(move) and author in (None, move.author)]
    if not openings:
        return Matter()
    matter = Matter(alert=min(openings, key=lambda move: move.digest))
    placed = threads.order([_node(move, matter, known) for move in known.values()])
    for node in placed:
        matter = _after(matter, known[node.digest], placed)
    return matter


def _opens(move: Move) -> bool:
    return move.name == "alert" and not move.parents


def _node(move: Move, matter: Matter, known: Mapping[str, Move]) -> threads.Node:
    """Return the statement's place; a predecessor that is missing holds nothing up, the alert stands for it."""
    root = matter.alert.digest if matter.alert else ""
    parents = () if move.digest == root else (root, *(each for each in move.parents if each in known and each != root))
    return threads.Node(move.digest, parents, _RANK.get(move.name or "", 0))


def _after(matter: Matter, move: Move, placed: threads.Order) -> Matter:
    fault = _fault(matter, move)
    if fault:
        return _with(matter, Step(move, Verdict.ILLEGAL, fault))
    if matter.cancel is None or move.name == "acknowledged":
        crossed = matter.cancel is not None and placed.crossed(move.digest, matter.cancel.digest)
        return _with(matter, Step(move, Verdict.CROSSED if crossed else Verdict.APPLIED))
    if placed.descends(move.digest, matter.cancel.digest):
        return _with(matter, Step(move, Verdict.ILLEGAL, "already-cancelled"))
    return _with(matter, Step(move, Verdict.CROSSED))


def _fault(matter: Matter, move: Move) -> str:
    """Say what is wrong with a move wherever it stands; empty when nothing is."""
    alert, side = matter.alert, matter.side(move.author)
    if move.name is None or alert is None:
        return "invalid-body"
    if move.name == "alert":
        return "" if move.digest == alert.digest else "not-an-opening"
    if move.status != alert.status:
        return "status-mixed"
    if side is None:
        return "not-a-party"
    if TABLE.target(move.name, EmergencyState.OPEN, side) is None:
        return "wrong-side"
    addressed = set(alert.to) if side is Side.AUTHOR else {alert.author}
    return "" if addressed >= set(move.to) else "wrong-audience"


def _with(matter: Matter, step: Step) -> Matter:
    """Return the matter with one more statement, and with what that one changes if it counts."""
    matter, move = replace(matter, steps=(*matter.steps, step)), step.move
    if step.verdict is Verdict.ILLEGAL:
        return matter
    if move.name == "acknowledged":
        return replace(matter, acknowledgements={**matter.acknowledgements, move.author: step})
    if step.verdict is Verdict.CROSSED:
        return matter
    match move.name:
        case "alert" | "update":
            return replace(matter, situation=move)
        case "cancel":
            return replace(matter, cancel=move)
        case _:
            return matter


def print_tables() -> str:
    """Return the table of moves and the order of precedence as Markdown."""
    moves = TABLE.markdown(names=NAMES_ZH, headings=("move", "who", "from", "to", "needs"))
    order = markdown_table(
        ("first to last", "why"), ((f"`{move}` {NAMES_ZH[move]}", why) for move, why in PRECEDENCE.items())
    )
    return f"{moves}\nAmong moves that crossed:\n\n{order}"


if __name__ == "__main__":
    print(print_tables())  # noqa: T201 - that is what running it is for
