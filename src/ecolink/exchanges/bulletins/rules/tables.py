"""Who may do what with a bulletin, and which of two moves that crossed goes first: two tables that print themselves."""

from collections.abc import Mapping
from enum import StrEnum

from ecolink.kit.states import StateTable, Transition, markdown_table


class State(StrEnum):
    """Where a bulletin stands. "Expired" is a flag, never a state."""

    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    PUBLISHED = "published"
    CORRECTED = "corrected"
    RECALLED = "recalled"


class Side(StrEnum):
    """Who makes a move."""

    AUTHOR = "author"
    HOLDER = "holder"


class Act(StrEnum):
    """What a statement of the thread does: the second part of its type."""

    PUBLISHED = "published"
    CORRECTED = "corrected"
    RECALLED = "recalled"
    GRANTED = "share_permission_granted"
    REFUSED = "share_permission_refused"
    READ = "read"
    USED = "used"
    FEEDBACK = "feedback"
    COMPLIED = "complied"
    REQUESTED = "share_permission_requested"
    SHARED = "shared"
    REJECTED = "rejected"
    """`statement.rejected.v1`: the other side found a statement illegal. It moves nothing."""


class Verdict(StrEnum):
    """What the fold makes of one statement."""

    APPLIED = "applied"
    CROSSED = "crossed"
    ILLEGAL = "illegal"
    REJECTED = "rejected"


STANDING = (State.PUBLISHED, State.CORRECTED)
"""Told and not taken back."""
_TOLD = (*STANDING, State.RECALLED)


def _row(move: str, by: Side, sources: tuple[State, ...], target: State | None, needs: str = "") -> Transition:
    return Transition(move=move, by=by, sources=sources, target=target, needs=needs)


APPROVER = "another person's approval / 由另一人审批"

TABLE = StateTable(
    (
        _row("submitted", Side.AUTHOR, (State.DRAFT,), State.AWAITING_APPROVAL),
        _row("sent_back", Side.AUTHOR, (State.AWAITING_APPROVAL,), State.DRAFT, "reason / 事由"),
        _row(Act.PUBLISHED, Side.AUTHOR, (State.AWAITING_APPROVAL,), State.PUBLISHED, APPROVER),
        _row(Act.CORRECTED, Side.AUTHOR, STANDING, State.CORRECTED, f"reason / 事由; {APPROVER}"),
        _row(Act.RECALLED, Side.AUTHOR, STANDING, State.RECALLED, "reason code, approver / 事由代码、审批人"),
        _row(Act.GRANTED, Side.AUTHOR, STANDING, None, "a request, approver / 对方请求、审批人"),
        _row(Act.REFUSED, Side.AUTHOR, _TOLD, None, "a request, reason, approver / 对方请求、事由、审批人"),
        _row(Act.READ, Side.HOLDER, STANDING, None, "a person there opened it / 有人打开阅读"),
        _row(Act.USED, Side.HOLDER, _TOLD, None),
        _row(Act.FEEDBACK, Side.HOLDER, _TOLD, None),
        _row(Act.COMPLIED, Side.HOLDER, (State.CORRECTED, State.RECALLED), None, "the node applied it / 节点已执行"),
        _row(Act.REQUESTED, Side.HOLDER, STANDING, None, "reason / 事由"),
        _row(
            Act.SHARED,
            Side.HOLDER,
            _TOLD,
            None,
            "what the handling allows; after a recall only the recall / 处理要求允许；撤回后只可转发撤回",
        ),
    )
)
"""Every move there is, and the states in which its author may make it."""

PRECEDENCE: Mapping[Act, str] = {
    Act.PUBLISHED: "stands at the root",
    Act.RECALLED: "what is taken back is not corrected",
    Act.CORRECTED: "of two that crossed, the one with the smaller digest counts",
    Act.REFUSED: "of two decisions on one request the refusal counts",
    Act.GRANTED: "hinders nothing",
    Act.READ: "hinders nothing",
    Act.USED: "hinders nothing",
    Act.FEEDBACK: "hinders nothing",
    Act.REQUESTED: "hinders nothing",
    Act.SHARED: "hinders nothing: it happened, and the recall follows it",
    Act.COMPLIED: "hinders nothing",
    Act.REJECTED: "moves nothing",
}
"""Among moves that crossed, the one higher up goes first."""

RANK = {act: rank for rank, act in enumerate(PRECEDENCE)}
"""The order of precedence as numbers."""
NEEDS_APPROVER = frozenset({Act.PUBLISHED, Act.CORRECTED, Act.RECALLED, Act.GRANTED, Act.REFUSED, Act.SHARED})
BY_AUTHOR = frozenset({Act.PUBLISHED, Act.CORRECTED, Act.RECALLED, Act.GRANTED, Act.REFUSED})
"""What only the bulletin's author may say."""

NAMES: Mapping[str, str] = {
    State.DRAFT: "草稿",
    State.AWAITING_APPROVAL: "待审批",
    State.PUBLISHED: "已发布",
    State.CORRECTED: "已更正",
    State.RECALLED: "已撤回",
    Side.AUTHOR: "发布方",
    Side.HOLDER: "接收方",
    "submitted": "提交审批",
    "sent_back": "退回修改",
    Act.GRANTED: "同意转发",
    Act.REFUSED: "不同意转发",
    Act.READ: "阅知",
    Act.USED: "使用",
    Act.FEEDBACK: "反馈",
    Act.COMPLIED: "执行回执",
    Act.REQUESTED: "申请转发",
    Act.SHARED: "转发",
}
"""What the tables print for a code; a state and the move that leads to it share their word."""


def print_tables() -> str:
    """Return both tables as Markdown."""
    moves = TABLE.markdown(
        names=NAMES, headings=("move / 动作", "who / 由谁", "from / 原状态", "to / 新状态", "needs / 须有")
    )
    order = markdown_table(("move / 动作", "why here / 理由"), ((f"`{act}`", why) for act, why in PRECEDENCE.items()))
    return f"{moves}\nAmong moves that crossed, the higher goes first:\n\n{order}"
