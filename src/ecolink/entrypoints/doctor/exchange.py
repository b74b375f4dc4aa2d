"""Checks of the exchange: clocks, queues, leases, what was set aside, keys, alarms, the worker."""

import platform
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.alerts.sending import stalled
from ecolink.entrypoints.doctor.finding import Finding, worst
from ecolink.entrypoints.wiring import Node
from ecolink.federation import queues
from ecolink.federation.applying import WAITS
from ecolink.federation.models import Alarm, OutChannel
from ecolink.federation.peers import Peer, PeerState
from ecolink.kit.times import to_text
from ecolink.protocol.keys import Use, VerifyKey
from ecolink.protocol.limits import CLOCK_SKEW
from ecolink.protocol.manifest import commitment
from ecolink.protocol.refusal import Reason
from ecolink.protocol.statement import Lane
from ecolink.storage import heartbeats

SKEW_NOTED = timedelta(seconds=60)
"""A clock this far off is told before it is refused."""

LATE: dict[str, tuple[timedelta, timedelta]] = {Lane.EMERGENCY: (timedelta(minutes=2), timedelta(minutes=15))}
"""How long something may wait before it is told, and before it counts as failed; other lanes as below."""
_LATE_ELSE = (timedelta(hours=1), timedelta(hours=24))

KEY_AGE = timedelta(days=365)
"""How old a signing key may become before it should be rotated."""

KEY_ENDS = timedelta(days=30)
"""How long before its end a key without a successor is told."""

LEASE_OVER = timedelta(minutes=2)
"""How long after its end a lease that nobody took over is told."""

_MEND_CLOCK = (
    "Look after NTP on both machines, this one first.",
    "请检查两端的 NTP 时间同步，先查本机。",
)

_MEND_LEASE = (
    "Start a worker: it takes them over at once. If one runs, restart it.",
    "请启动工作进程（会立即接管）；如已有进程运行，请重启。",
)


def worker(session: Session, now: datetime) -> Finding:
    """Look when a worker last showed that it works."""
    beats = heartbeats.workers(session)
    alive = [beat for beat in beats if now - beat.at <= heartbeats.STALE_AFTER]
    if alive:
        return Finding.ok(
            f"{len(alive)} worker(s) at work, last seen {to_text(alive[0].at)}.",
            f"{len(alive)} 个工作进程运行中，最近心跳 {to_text(alive[0].at)}。",
        )
    if beats:
        where = f"{beats[0].pid} on {beats[0].host}"
        return Finding.fail(
            f"The worker {where} was last seen {to_text(beats[0].at)}: it hangs or died.",
            f"工作进程 {where} 最近心跳为 {to_text(beats[0].at)}：已停止或无响应。",
            "Start the node again (systemctl restart ecolink) and look into its log.",
            "请重新启动节点（systemctl restart ecolink）并查看日志。",
        )
    return Finding.warn(
        "No worker runs: nothing is applied and nothing is sent.",
        "没有工作进程在运行：既不处理也不发送消息。",
        "Start the node: ecolink serve, or ecolink worker beside it.",
        "请启动节点：ecolink serve，或另外运行 ecolink worker。",
    )


def workers_here(session: Session) -> list[int]:
    """Return the process numbers of the workers on this machine, living or gone."""
    return [beat.pid for beat in heartbeats.workers(session) if beat.host == platform.node()]


def clocks(node: Node, session: Session) -> Finding:
    """Look how far each peer's clock is from ours: by its last call, or by its refusal of ours."""
    refusing = {
        channel.peer: channel.last_error
        for channel in queues.status(session)
        if channel.last_error and Reason.CLOCK_SKEW in channel.last_error
    }
    findings = []
    for peer in _exchanging(node, session):
        if peer.unit_code in refusing:
            findings.append(
                Finding.fail(
                    f"{peer.unit_code} refuses our calls: {refusing[peer.unit_code]}.",
                    f"{peer.unit_code} 因时钟偏差拒绝本节点的请求。",
                    *_MEND_CLOCK,
                )
            )
        elif abs(peer.clock_skew_s or 0) > SKEW_NOTED.total_seconds():
            findings.append(_clock(peer.unit_code, peer.clock_skew_s or 0))
    return worst(findings, Finding.ok("No peer's clock is noticeably off.", "与各对端时钟一致。"))


def queue(session: Session, now: datetime) -> Finding:
    """Look how long anything waits for a peer."""
    findings = []
    for channel in queues.status(session):
        noted, failed = LATE.get(channel.lane, _LATE_ELSE)
        waits = now - channel.oldest if channel.waiting and channel.oldest else timedelta(0)
        if waits > noted:
            why = f" Last error: {channel.last_error}." if channel.last_error else ""
            span, span_zh = _span(waits)
            said = (
                f"{channel.waiting} messages wait for {channel.peer} in lane {channel.lane} for {span}.{why}",
                f"{channel.lane} 通道有 {channel.waiting} 条消息等待 {channel.peer} 已 {span_zh}。",
                "See 'ecolink queue status', look at the network, and call that bureau's duty phone.",
                "请查看 ecolink queue status，检查网络，并拨打对方值班电话。",
            )
            findings.append(Finding.fail(*said) if waits > failed else Finding.warn(*said))
    return worst(findings, Finding.ok("Nothing waits longer than it should.", "没有积压的消息。"))


def leases(session: Session, now: datetime) -> Finding:
    """Look for what somebody took on and never gave back, and nobody took over: channels, and people to be told."""
    over = now - LEASE_OVER
    channels = session.scalar(select(func.count()).select_from(OutChannel).where(OutChannel.leased_until < over))
    points = stalled(session, over)
    findings = []
    if channels:
        findings.append(
            Finding.warn(
                f"{channels} channels are still leased by a worker that is gone.",
                f"{channels} 个通道仍被已消失的工作进程占用。",
                *_MEND_LEASE,
            )
        )
    if points:
        findings.append(
            Finding.warn(
                f"{points} contact points, at which alerts wait, are still leased by a worker that is gone.",
                f"{points} 个有提醒待发的联系方式仍被已消失的工作进程占用。",
                *_MEND_LEASE,
            )
        )
    return worst(findings, Finding.ok("Nothing is held by a worker that is gone.", "没有失效的占用。"))


def parked(node: Node, session: Session) -> Finding:
    """Look for messages that could not be applied."""
    found = node.applier.parked(session)
    faults = [message for message in found if not message.reason.startswith(WAITS)]
    findings = []
    if faults:
        findings.append(
            Finding.fail(
                f"{len(faults)} messages are set aside for a fault of this node, such as {faults[0].jti}.",
                f"{len(faults)} 条消息因本节点故障被搁置，例如 {faults[0].jti}。",
                "See 'ecolink inbox parked' and the log; after mending: ecolink inbox retry --all.",
                "请查看 ecolink inbox parked 和日志；修复后运行 ecolink inbox retry --all。",
            )
        )
    if waiting := len(found) - len(faults):
        findings.append(
            Finding.warn(
                f"{waiting} messages wait for one that has not come yet.",
                f"{waiting} 条消息在等待前置消息。",
                "They are tried again by themselves; if they stay for days, call the bureau that sent them.",
                "系统会自动重试；如多日未决，请联系发送单位。",
            )
        )
    return worst(findings, Finding.ok("Nothing is set aside.", "没有被搁置的消息。"))


def own_keys(node: Node, session: Session, now: datetime) -> Finding:
    """Look whether our keys are in force, not too old, and the committed next one is here."""
    head = node.keystore.head(session, node.us)
    ends = [_key_ends(node.us, head.current(use), now) for use in (Use.SIGN, Use.LOG, Use.SEAL)]
    findings = [finding for finding in ends if finding is not None]
    if not any(commitment(kid) == head.next for kid in node.keys.by_use.get("sign", {})):
        findings.append(
            Finding.fail(
                "The committed next signing key is not in the key folder: this node can neither rotate nor revoke.",
                "密钥目录中没有已承诺的下一把签名密钥：无法轮换或吊销。",
                "Put it back from the copy of the keys.",
                "请从密钥副本中放回。",
            )
        )
    signing = head.current(Use.SIGN)
    if now - signing.not_before > KEY_AGE:
        findings.append(
            Finding.warn(
                f"The signing key is {(now - signing.not_before).days} days old.",
                f"签名密钥已使用 {(now - signing.not_before).days} 天。",
                "Rotate it: ecolink key rotate; then copy the key folder again.",
                "请轮换：ecolink key rotate，并重新保管密钥副本。",
            )
        )
    return worst(findings, Finding.ok(f"Signing key {signing.kid} is in force.", f"签名密钥 {signing.kid} 有效。"))


def peers_keys(node: Node, session: Session, now: datetime) -> Finding:
    """Look whether every peer has a key of each kind that is in force, and for how long."""
    findings = []
    for peer in _exchanging(node, session):
        keys = node.keystore.keys_of(session, peer.unit_code)
        for use in (Use.SIGN, Use.LOG, Use.SEAL):
            key = keys.of(use, now) if keys else None
            if key is None:
                findings.append(
                    Finding.fail(
                        f"{peer.unit_code} has no {use} key in force.",
                        f"{peer.unit_code} 没有有效的 {use} 密钥。",
                        "Call that bureau on a known number, import its newest card and compare fingerprints.",
                        "请拨打已知电话联系对方，导入其最新名片并核对指纹。",
                    )
                )
            elif (ends := _key_ends(peer.unit_code, key, now)) is not None:
                findings.append(ends)
    return worst(findings, Finding.ok("Every peer's keys are in force.", "各对端密钥均有效。"))


def alarms(session: Session) -> Finding:
    """Look for alarms that nobody closed."""
    kinds = list(session.scalars(select(Alarm.kind).where(Alarm.closed_at.is_(None)).order_by(Alarm.id)))
    if kinds:
        names = ", ".join(sorted(set(kinds)))
        return Finding.warn(
            f"{len(kinds)} alarms are open: {names}.",
            f"{len(kinds)} 个告警未处理：{names}。",
            "Look at GET /api/v1/alarms and docs/operations.md; an administrator closes each with a word.",
            "请查看 GET /api/v1/alarms 与运维文档，由管理员逐一处理并关闭。",
        )
    return Finding.ok("No alarm is open.", "没有未处理的告警。")


def _exchanging(node: Node, session: Session) -> list[Peer]:
    return [peer for peer in node.peers.names(session).values() if peer.state is PeerState.ACTIVE]


def _clock(unit_code: str, skew: int) -> Finding:
    way, way_zh = ("ahead of", "快") if skew > 0 else ("behind", "慢")
    said = (
        f"The clock of {unit_code} is {abs(skew)} s {way} ours.",
        f"{unit_code} 的时钟比本机{way_zh} {abs(skew)} 秒。",
        *_MEND_CLOCK,
    )
    return Finding.fail(*said) if abs(skew) > CLOCK_SKEW.total_seconds() else Finding.warn(*said)


def _key_ends(unit_code: str, key: VerifyKey, now: datetime) -> Finding | None:
    ends = min((moment for moment in (key.not_after, key.revoked_at) if moment is not None), default=None)
    if ends is None or ends - now > KEY_ENDS:
        return None
    if ends <= now:
        return Finding.fail(
            f"The {key.use} key of {unit_code} ended {to_text(ends)}: nothing that it signs is believed any more.",
            f"{unit_code} 的 {key.use} 密钥已于 {to_text(ends)} 失效，其签名不再有效。",
            "Rotate it at once: ecolink key rotate at the bureau whose key it is.",
            "请立即轮换：由该单位运行 ecolink key rotate。",
        )
    return Finding.warn(
        f"The {key.use} key of {unit_code} ends {to_text(ends)}, and none after it is known.",
        f"{unit_code} 的 {key.use} 密钥将于 {to_text(ends)} 失效，尚无后续密钥。",
        "Have it rotated in good time: ecolink key rotate at the bureau whose key it is.",
        "请提前轮换：由该单位运行 ecolink key rotate。",
    )


def _span(length: timedelta) -> tuple[str, str]:
    """Return a length of time as people say it, in English and in Chinese."""
    hours, minutes = divmod(int(length.total_seconds() // 60), 60)
    return (f"{hours} h", f"{hours} 小时") if hours else (f"{minutes} min", f"{minutes} 分钟")
