"""Who may pass a bulletin on: what its handling allows, checked by whoever passes it on, receives it or wrote it."""

from collections.abc import Mapping

from ecolink.exchanges.bulletins.rules.matter import Move
from ecolink.exchanges.bulletins.rules.tables import Act
from ecolink.protocol.kinds.bulletins import PermissionGrantedV1

REASONS: Mapping[str, tuple[str, str]] = {
    "not-a-bulletin": ("what is passed on is no version of a bulletin and no recall", "所转发的不是通报版本或撤回"),
    "nobody-told": ("it names no new holder", "没有新的接收单位"),
    "author-not-told": ("the author is not among the recipients", "未同时告知发布方"),
    "onward-none": ("the handling allows no onward sharing", "处理要求不允许转发"),
    "outside-group": (
        "the handling allows it among the members of the named alliance only",
        "处理要求只允许在所列联盟成员之间转发",
    ),
    "no-permission": ("the author's permission is missing, or is for other bureaus", "没有发布方对这些单位的转发许可"),
    "permission-over": ("the author's permission has run out", "发布方的转发许可已过期"),
}
"""Why a share is illegal, by its stable code, in English and Chinese."""


def recipients_of(share: Move) -> frozenset[str]:
    """Return the bureaus a bulletin is passed on to: all who are told, but for the author."""
    return frozenset(share.aud) - {share.original.iss if share.original else ""}


def fault_of(share: Move) -> str | None:
    """Return the code of what is wrong with a share, judged by its own bytes alone; None when nothing is.

    A share that follows up an earlier one brings a correction or the recall: that one needs no new permission.
    """
    original = share.original
    if original is None or (original.content is None and original.act is not Act.RECALLED):
        return "not-a-bulletin"
    if not recipients_of(share):
        return "nobody-told"
    if share.follows_up:
        return None
    if original.content is None:
        return "not-a-bulletin"
    if original.iss not in share.aud:
        return "author-not-told"
    return _against_handling(share, original)


def _against_handling(share: Move, original: Move) -> str | None:
    if original.onward == "group":
        alliance = original.content.alliance if original.content else None
        members = set(alliance.members) if alliance else set()
        return None if {share.iss, *recipients_of(share)} <= members else "outside-group"
    if original.onward != "ask":
        return "onward-none"
    granted = share.permission
    if granted is None or granted.iss != original.iss or share.iss not in granted.aud:
        return "no-permission"
    if not isinstance(granted.body, PermissionGrantedV1) or not recipients_of(share) <= set(granted.body.recipients):
        return "no-permission"
    until = granted.body.until
    return "permission-over" if until is not None and until < share.at else None
