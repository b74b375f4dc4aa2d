"""The moves of a case lead as tables: which there are, whose they are, and which goes first when two crossed.

`python -m ecolink.exchanges.leads.table` prints them as they stand in docs/states-leads.md.
"""

import sys
from collections.abc import Mapping
from enum import StrEnum

from ecolink.kit.states import StateTable, Transition, markdown_table


class State(StrEnum):
    """Where a lead stands."""

    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    SENT = "sent"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    RESUBMITTED = "resubmitted"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    MORE_INFORMATION_NEEDED = "more_information_needed"
    REPLIED = "replied"
    FEEDBACK = "feedback"
    CLOSED = "closed"
    TRANSFERRED = "transferred"
    WITHDRAWN = "withdrawn"


class Side(StrEnum):
    """Who makes a move. Each side may make only its own."""

    REQUESTER = "requester"
    RECIPIENT = "recipient"


DRAFTING = (State.DRAFT, State.AWAITING_APPROVAL)
"""Before anything is sent: known to the requester alone."""
ENDED = (State.CLOSED, State.WITHDRAWN)
"""Nothing more can be said."""
_NEW = (State.SENT, State.DELIVERED)
_BEING_WORKED_ON = (State.ACCEPTED, State.IN_PROGRESS)
_OPEN = (
    *_NEW,
    State.ACKNOWLEDGED,
    State.RETURNED,
    State.RESUBMITTED,
    *_BEING_WORKED_ON,
    State.MORE_INFORMATION_NEEDED,
)
_TALKING = (*_OPEN, State.REPLIED, State.FEEDBACK, State.TRANSFERRED)


def _move(move: str, by: Side, sources: tuple[State, ...], target: State | None, needs: str = "") -> Transition:
    return Transition(move=move, by=by, sources=sources, target=target, needs=needs)


APPROVER = "approver / 审批人"
REASON = "reason code, approver / 事由代码、审批人"

TABLE = StateTable(
    (
        _move("submitted", Side.REQUESTER, (State.DRAFT,), State.AWAITING_APPROVAL),
        _move("sent_back", Side.REQUESTER, (State.AWAITING_APPROVAL,), State.DRAFT, "reason / 事由"),
        _move("requested", Side.REQUESTER, (State.AWAITING_APPROVAL,), State.SENT, APPROVER),
        _move("receipted", Side.RECIPIENT, (State.SENT,), State.DELIVERED, "the node's receipt / 系统回执"),
        _move("acknowledged", Side.RECIPIENT, _NEW, State.ACKNOWLEDGED, "a named person / 签收人"),
        _move("returned", Side.RECIPIENT, (State.ACKNOWLEDGED, State.RESUBMITTED), State.RETURNED, REASON),
        _move("resubmitted", Side.REQUESTER, (State.RETURNED,), State.RESUBMITTED, APPROVER),
        _move("accepted", Side.RECIPIENT, (State.ACKNOWLEDGED, State.RESUBMITTED), State.ACCEPTED),
        _move("started", Side.RECIPIENT, (State.ACCEPTED,), State.IN_PROGRESS),
        _move("information_requested", Side.RECIPIENT, _BEING_WORKED_ON, State.MORE_INFORMATION_NEEDED),
        _move(
            "information_provided",
            Side.REQUESTER,
            (State.MORE_INFORMATION_NEEDED,),
            State.IN_PROGRESS,
            "approver if persons are named / 涉及个人信息时须审批人",
        ),
        _move("interim_reply", Side.RECIPIENT, (State.IN_PROGRESS,), None, "new due time, approver / 新期限、审批人"),
        _move(
            "replied",
            Side.RECIPIENT,
            (State.IN_PROGRESS, State.MORE_INFORMATION_NEEDED),
            State.REPLIED,
            "two officers, approver; reason code if unable / 两名以上办案民警、审批人；无法协查须事由代码",
        ),
        _move("feedback", Side.REQUESTER, (State.REPLIED,), State.FEEDBACK),
        _move("closed", Side.REQUESTER, (State.FEEDBACK, State.TRANSFERRED), State.CLOSED),
        _move(
            "transferred",
            Side.RECIPIENT,
            (State.ACKNOWLEDGED, State.RESUBMITTED, *_BEING_WORKED_ON, State.MORE_INFORMATION_NEEDED),
            State.TRANSFERRED,
            REASON,
        ),
        _move("withdrawn", Side.REQUESTER, _OPEN, State.WITHDRAWN, "reason code / 事由代码"),
        _move("message", Side.REQUESTER, _TALKING, None),
        _move("message", Side.RECIPIENT, _TALKING, None),
    )
)
"""Every move there is. There is no bare refusal: returned, unable and transferred say why, and who approved."""

PRECEDENCE: Mapping[str, str] = {
    "message": "hinders nothing",
    "acknowledged": "hinders nothing",
    "information_provided": "hinders nothing",
    "resubmitted": "hinders nothing",
    "accepted": "hinders nothing",
    "started": "hinders nothing",
    "information_requested": "hinders nothing",
    "interim_reply": "hinders nothing",
    "replied": "is work done: it is not undone by a withdrawal on its way",
    "withdrawn": "says that nothing is wanted any more",
    "transferred": "ends the recipient's part",
    "returned": "only asks for a correction",
    "feedback": "follows an answer",
    "closed": "follows everything",
    "requested": "stands alone at the root",
}
"""Among moves that crossed, the one higher up goes first. A side's own moves follow each other and never cross."""

STATE_NAMES: Mapping[str, str] = {
    State.DRAFT: "草稿",
    State.AWAITING_APPROVAL: "待审批",
    State.SENT: "已发出",
    State.DELIVERED: "已送达",
    State.ACKNOWLEDGED: "已签收",
    State.RETURNED: "已退回补正",
    State.RESUBMITTED: "已补正重报",
    State.ACCEPTED: "已受理",
    State.IN_PROGRESS: "办理中",
    State.MORE_INFORMATION_NEEDED: "待补充材料",
    State.REPLIED: "已回复",
    State.FEEDBACK: "已反馈",
    State.CLOSED: "已办结",
    State.TRANSFERRED: "已移送",
    State.WITHDRAWN: "已撤回",
}
"""What people call the states."""

MOVE_NAMES: Mapping[str, str] = {
    Side.REQUESTER: "请求方",
    Side.RECIPIENT: "协作方",
    "submitted": "提交审批",
    "sent_back": "退回修改",
    "requested": "审批并发出",
    "receipted": "系统回执",
    "acknowledged": "签收",
    "returned": "退回补正",
    "resubmitted": "补正重报",
    "accepted": "受理",
    "started": "开始办理",
    "information_requested": "要求补充",
    "information_provided": "提供补充",
    "interim_reply": "阶段性回复",
    "replied": "回复",
    "feedback": "反馈",
    "closed": "办结",
    "transferred": "移送",
    "withdrawn": "撤回",
    "message": "留言",
}
"""What people call the moves and the two sides."""


def render() -> str:
    """Return the tables as the Markdown page docs/states-leads.md."""
    return _PAGE.format(
        states=markdown_table(("state", "中文"), [(f"`{state}`", STATE_NAMES[state]) for state in State]),
        moves=TABLE.markdown(names=MOVE_NAMES, headings=("move", "who", "from", "to", "needs")),
        precedence=markdown_table(
            ("", "move", "because it"),
            [(str(place), f"`{move}`", why) for place, (move, why) in enumerate(PRECEDENCE.items(), start=1)],
        ),
    )


_PAGE = """\
# Case leads: states and moves

Printed by `python -m ecolink.exchanges.leads.table`; a test keeps this page equal to the table that decides.

"Overdue" is computed from the signed times and is no state. `submitted` and `sent_back` stay inside the requester's
bureau. `receipted` is the other node's signed receipt, not a person's word. There is no bare refusal: once the
formalities are complete, co-operation is unconditional (Procedure Rules for Criminal Cases, art. 348), so `returned`,
`transferred` and a reply that says `unable` each give a reason code and name an approver.

## States

{states}
## Moves

{moves}
## Moves that crossed

Two moves have crossed when neither bureau had seen the other's. Both nodes read them in this order; a move that is no
longer possible then stays in the history as `crossed`, without effect. Moves of equal place go by digest.

{precedence}"""


if __name__ == "__main__":
    sys.stdout.write(render())
