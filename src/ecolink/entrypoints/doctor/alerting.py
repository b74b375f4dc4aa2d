"""Checks of what our own people are told by."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import ContactPoint
from ecolink.alerts.duty import gaps
from ecolink.alerts.health import health_of_channels
from ecolink.alerts.personal_models import Shift
from ecolink.entrypoints.doctor.finding import Finding, worst
from ecolink.identity.models import Account
from ecolink.identity.roles import Role
from ecolink.kit.times import to_text
from ecolink.settings import Settings


def channels(session: Session, settings: Settings) -> Finding:
    """Look whether the channels work, and whether links in alerts lead anywhere."""
    told = health_of_channels(session)
    if not told:
        return Finding.ok(
            "No channel is set up: people are told in the console only.", "未配置提醒渠道：仅在工作台内提醒。"
        )
    findings = [
        Finding.fail(
            f"Channel {health.channel.name} fails since {to_text(health.channel.failing_since)}, "
            f"{health.waiting} messages wait for it: {health.channel.last_error}.",
            f"渠道“{health.channel.name}”自 {to_text(health.channel.failing_since)} 起发送失败，"
            f"{health.waiting} 条待发。",
            "Look at its service and its settings, then send a test: at the console, or ecolink channel test.",
            "请检查该服务及其配置，然后在工作台“管理—提醒渠道”或用 ecolink channel test 发送测试。",
        )
        for health in told
        if health.state == "failing" and health.channel.failing_since is not None
    ]
    if settings.console_url is None:
        findings.append(
            Finding.warn(
                "Alerts carry no link: console_url is not set.",
                "提醒消息不带链接：未设置 console_url。",
                "Set console_url to the address at which people open the console.",
                "请将 console_url 设为工作台地址。",
            )
        )
    return worst(findings, Finding.ok(f"No channel of {len(told)} fails.", f"{len(told)} 个提醒渠道无异常。"))


def contacts(session: Session) -> Finding:
    """Look whether everybody who answers for the bureau can be reached outside the console."""
    if not health_of_channels(session):
        return Finding.ok("Without a channel nobody is reached outside.", "未配置提醒渠道。")
    reached = select(ContactPoint.account_id).where(
        ContactPoint.account_id.is_not(None), ContactPoint.confirmed_at.is_not(None), ContactPoint.removed_at.is_(None)
    )
    people = session.scalars(select(Account).where(Account.disabled_at.is_(None), Account.id.not_in(reached)))
    missing = sorted(person.username for person in people if Role.LIAISON_OFFICER in person.held_roles())
    if missing:
        return Finding.warn(
            f"{len(missing)} liaison officers have no confirmed contact point: {', '.join(missing)}.",
            f"{len(missing)} 名联络员没有已确认的联系方式：{'、'.join(missing)}。",
            "Each adds one at the console (我的账号 → 提醒方式), or an administrator does for them: docs/alerts.md.",
            "请各自在工作台“我的账号—提醒方式”登记并确认联系方式，或由管理员代为登记，见 docs/alerts.md。",
        )
    return Finding.ok("Every liaison officer has a confirmed contact point.", "联络员均有已确认的联系方式。")


def rota(session: Session, now: datetime) -> Finding:
    """Look whether somebody is on duty at every moment of the next two weeks, where a rota is kept."""
    if session.scalar(select(Shift.id).limit(1)) is None:
        return Finding.ok(
            "No duty rota is kept: all liaison officers are told of everything.", "未排值班表：提醒将发给全体联络员。"
        )
    found = gaps(session, now)
    if not found:
        return Finding.ok("Somebody is on duty for the next 14 days.", "未来 14 天值班无空缺。")
    first = to_text(found[0].begins)
    return Finding.warn(
        f"Nobody is on duty at {len(found)} times in the next 14 days, first from {first}.",
        f"未来 14 天值班表有 {len(found)} 处空缺，最早自 {first}。",
        "Fill the rota: at the console (值班与提醒), or ecolink duty add. In a gap all liaison officers are told.",
        "请在工作台“值班与提醒”补齐值班表，或使用 ecolink duty add。空缺时段将提醒全体联络员。",
    )
