"""What our people read of an alert, beside its title: in Chinese and in English. It leaves by own channels only."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from ecolink.alerts.dispatches import Kind, Message
from ecolink.alerts.models import Alert, AlertKind
from ecolink.kit.times import CHINA

LATE: Final = timedelta(minutes=1)
"""A step taken so much later than it was due says so."""

_ASKED: Mapping[str, tuple[str, str]] = {
    AlertKind.EMERGENCY: ("请立即签收。", "Sign for it now."),
    AlertKind.NEWS: ("请查看最新情况。", "Read how it stands now."),
    AlertKind.IN_CHARGE: (
        "请立即处置并签收本提醒；本人未签收的，值班人员请电话通知。",
        "See to it and acknowledge this; those on duty: call them if they do not.",
    ),
    AlertKind.TASK: ("请办理并签收本提醒。", "See to it, and acknowledge this."),
    AlertKind.LEAD: ("请签收该协查请求。", "Sign for the request."),
    AlertKind.NOTICE: ("请及时办理。", "See that it is done."),
    AlertKind.CHANNEL: ("请检查该提醒渠道。", "Look after that channel."),
}
_DRILL = ("【演练，非实情】", "[EXERCISE, not real] ")
_TEST = ("【测试，非实情】", "[TEST, not real] ")
_MARKS: Mapping[str, tuple[str, str]] = {"actual": ("", ""), "exercise": _DRILL, "test": _TEST}


def message(alert: Alert, kind: Kind, step: int, due_at: datetime, now: datetime) -> Message:
    """Return what is said of an alert at one step."""
    mark_zh, mark_en = _MARKS[alert.status]
    zh, en = _farewell(alert) if kind in {"ended", "retraction"} else _call(alert, kind, due_at, now)
    return Message(
        alert_id=alert.id,
        step=f"{step}-{kind}",
        number=alert.number,
        urgency="urgent" if alert.urgency == "urgent" else "normal",
        status="actual" if alert.status == "actual" else "exercise" if alert.status == "exercise" else "test",
        kind=kind,
        title_zh=alert.title_zh,
        title_en=alert.title_en,
        text_zh=mark_zh + zh,
        text_en=mark_en + en,
        link=alert.link,
        occurred_at=alert.occurred_at,
        count=alert.count,
    )


def _call(alert: Alert, kind: Kind, due_at: datetime, now: datetime) -> tuple[str, str]:
    zh, en = _ASKED[alert.kind]
    since_zh, since_en = _span(now - alert.raised_at)
    if kind == "repeat":
        zh, en = f"已 {since_zh}无人签收。{zh}", f"Nobody has acknowledged it for {since_en}. {en}"
    elif kind == "escalation":
        zh, en = (
            f"已 {since_zh}无人签收，现上报至您。{zh}",
            f"Nobody has acknowledged it for {since_en}: now you are told. {en}",
        )
    if now - due_at >= LATE:
        late_zh, late_en = _span(now - due_at)
        due = due_at.astimezone(CHINA).strftime("%m-%d %H:%M")
        zh += f"（本提醒应于 {due} 发出，因节点停机迟发 {late_zh}。）"
        en += f" (This was due at {due}, Asia/Shanghai; the node did not run, so it comes {late_en} late.)"
    return zh, en


def _farewell(alert: Alert) -> tuple[str, str]:
    return alert.end_zh or "该事项已解除。", alert.end_en or "It is over."


def _span(length: timedelta) -> tuple[str, str]:
    """Return a length of time as people say it, in Chinese and in English."""
    minutes = max(int(length.total_seconds() // 60), 0)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{minutes} 分钟", f"{minutes} min"
    return f"{hours} 小时 {rest} 分钟", f"{hours} h {rest} min"
