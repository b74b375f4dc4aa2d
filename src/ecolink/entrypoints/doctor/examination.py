"""The list of checks, in the order in which a person would look, and the round through it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ecolink.configuration import load, read_sources
from ecolink.entrypoints.databases import opened
from ecolink.entrypoints.doctor import access, agreements, alerting, certificates, exchange, machine, people, storehouse
from ecolink.entrypoints.doctor.finding import Finding, Level
from ecolink.entrypoints.wiring import Node, build_node
from ecolink.errors import EcolinkError, SettingError, UnavailableError
from ecolink.kit.clock import Clock
from ecolink.protocol.refusal import Refused
from ecolink.settings import Settings
from ecolink.storage.engine import Database
from ecolink.storage.faults import reason_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Examined:
    """What one check found."""

    number: int
    name: str
    name_zh: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Machine:
    """What a check without a database may look at."""

    settings: Settings
    config: Path | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Patient:
    """What a check of the whole node may look at."""

    node: Node
    session: Session
    now: datetime


OF_THE_MACHINE: Final[tuple[tuple[str, str, Callable[[Machine], Finding]], ...]] = (
    ("settings", "配置", lambda at: machine.settings(at.settings, at.config)),
    ("keys", "密钥", lambda at: machine.keys(at.settings)),
    ("files", "文件权限", lambda at: machine.files(at.settings, at.config)),
    ("certificates", "TLS 证书", lambda at: certificates.certificates(at.settings, at.now)),
    ("disk", "磁盘空间", lambda at: machine.disk(at.settings)),
    ("backups", "备份", lambda at: storehouse.backups(at.settings, at.now)),
)
"""Checks that need nothing but settings that hold together."""

OF_THE_DATABASE: Final[tuple[tuple[str, str, Callable[[Database], Finding]], ...]] = (
    ("database", "数据库", storehouse.integrity),
    ("schema", "数据库结构", storehouse.schema_version),
)
"""Checks that need a database that can be opened; each needs the one before."""

OF_THE_NODE: Final[tuple[tuple[str, str, Callable[[Patient], Finding]], ...]] = (
    ("evidence log", "存证日志", lambda at: storehouse.evidence_log(at.session, at.node.log)),
    ("attachments", "附件", lambda at: storehouse.attachments(at.session, at.node.settings)),
    ("worker", "工作进程", lambda at: exchange.worker(at.session, at.now)),
    ("open files", "打开文件数", lambda at: machine.files_allowed(at.node.settings, exchange.workers_here(at.session))),
    ("clocks", "时钟", lambda at: exchange.clocks(at.node, at.session)),
    ("queues", "发送队列", lambda at: exchange.queue(at.session, at.now)),
    ("leases", "通道占用", lambda at: exchange.leases(at.session, at.now)),
    ("messages set aside", "搁置消息", lambda at: exchange.parked(at.node, at.session)),
    ("own keys in force", "本单位密钥效期", lambda at: exchange.own_keys(at.node, at.session, at.now)),
    ("peers' keys in force", "对端密钥效期", lambda at: exchange.peers_keys(at.node, at.session, at.now)),
    ("second factors", "动态口令", lambda at: people.second_factors(at.session, at.node.identity)),
    ("alert channels", "提醒渠道", lambda at: alerting.channels(at.session, at.node.settings)),
    ("contact points", "联系方式", lambda at: alerting.contacts(at.session)),
    ("duty rota", "值班表", lambda at: alerting.rota(at.session, at.now)),
    ("alarms", "告警", lambda at: exchange.alarms(at.session)),
    ("agreed calendars", "协议工作日历", lambda at: agreements.calendars(at.node, at.session, at.now)),
)
"""Checks that need keys, and a database whose schema this software knows."""


def examine(config: Path | None, clock: Clock) -> list[Examined]:
    """Make every check, whatever the earlier ones found; `config` is the file named by `--config`."""
    this_round = _Round()
    try:
        settings, file = load(config), read_sources(config).file
    except SettingError as wrong:
        (name, name_zh, _), *others = OF_THE_MACHINE
        this_round.note(name, name_zh, _wrong_setting(wrong))
        this_round.pass_over(*others, *OF_THE_DATABASE, *OF_THE_NODE)
        return this_round.made
    except PermissionError as fault:
        (name, name_zh, _), *others = OF_THE_MACHINE
        this_round.note(name, name_zh, access.closed(fault, None))
        this_round.pass_over(*others, *OF_THE_DATABASE, *OF_THE_NODE)
        return this_round.made
    return examine_node(settings, file, clock, this_round)


def examine_node(
    settings: Settings, file: Path | None, clock: Clock, this_round: "_Round | None" = None
) -> list[Examined]:
    """Make every check of a node whose settings were read, from `file` if they stand in one."""
    this_round, now = this_round or _Round(), clock.now()
    this_round.settings = settings
    for name, name_zh, look in OF_THE_MACHINE:
        this_round.make(name, name_zh, look, Machine(settings, file, now))
    _examine_database(this_round, settings)
    if this_round.found("keys", "database", "schema") is Level.FAIL:
        this_round.pass_over(*OF_THE_NODE)
        return this_round.made
    with _node(settings, clock) as node:
        for name, name_zh, look_at_node in OF_THE_NODE:
            with node.database.read() as session:
                this_round.make(name, name_zh, look_at_node, Patient(node, session, now))
    return this_round.made


def _examine_database(this_round: "_Round", settings: Settings) -> None:
    (name, name_zh, _), *others = OF_THE_DATABASE
    absent = _tried(storehouse.absent, settings, settings)
    if absent.level is Level.FAIL:
        this_round.note(name, name_zh, absent)
        this_round.pass_over(*others)
        return
    with opened(settings.database_url) as database:
        for name, name_zh, look in OF_THE_DATABASE:
            if this_round.found("database") is Level.FAIL:
                this_round.pass_over((name, name_zh, look))
            else:
                this_round.make(name, name_zh, look, database)


@contextmanager
def _node(given: Settings, clock: Clock) -> Iterator[Node]:
    node = build_node(given, clock)
    try:
        yield node
    finally:
        node.close()


class _Round:
    """One round of checks."""

    def __init__(self) -> None:
        self.made: list[Examined] = []
        self.settings: Settings | None = None
        """Of the node that is examined, once they were read."""

    def note(self, name: str, name_zh: str, finding: Finding) -> None:
        """Put a check on the list with what it found."""
        self.made.append(Examined(len(self.made) + 1, name, name_zh, finding))

    def make(self, name: str, name_zh: str, look: Callable[[T], Finding], at: T) -> None:
        """Make a check; a fault is what it found."""
        self.note(name, name_zh, _tried(look, at, self.settings))

    def pass_over(self, *checks: tuple[str, str, object]) -> None:
        """Put checks on the list that cannot be made."""
        for name, name_zh, _ in checks:
            self.note(name, name_zh, _PASSED_OVER)

    def found(self, *names: str) -> Level:
        """Return the worst that checks found which were made."""
        levels = [each.finding.level for each in self.made if each.name in names]
        return max(levels, key=lambda level: level.weight, default=Level.OK)


_PASSED_OVER = Finding(
    level=Level.SKIPPED,
    detail_en="Not looked at: an earlier check has to be mended first.",
    detail_zh="未检查：请先处理前面的问题。",
)


def _tried(look: Callable[[T], Finding], at: T, given: Settings | None) -> Finding:
    try:
        return look(at)
    except SettingError as wrong:
        return _wrong_setting(wrong)
    except UnavailableError as outage:
        return _outage(reason_of(outage.__cause__) if isinstance(outage.__cause__, Exception) else outage.detail_en)
    except EcolinkError as refused:
        return _fault(refused.detail_en, refused.detail_zh)
    except SQLAlchemyError as fault:
        why = str(getattr(fault, "orig", None) or fault).splitlines()[0]
        return _fault(f"The database refuses: {why}.", f"数据库报错：{why}。")
    except (OSError, Refused, ValueError) as fault:
        return _unseen(fault, given)


def _unseen(fault: Exception, given: Settings | None) -> Finding:
    if isinstance(fault, PermissionError) and fault.filename:
        return access.closed(fault, given)
    return _fault(f"It cannot be looked at: {fault}.", f"无法检查：{fault}。")


def _wrong_setting(wrong: SettingError) -> Finding:
    """Return what a setting error says; its one line names the mend already."""
    return Finding.fail(
        wrong.detail_en,
        wrong.detail_zh,
        "Do as that line says; 'ecolink config check' and 'ecolink db check' look at this alone.",
        "请按上述提示处理；ecolink config check 和 ecolink db check 可单独检查此项。",
    )


def _outage(why: str) -> Finding:
    return Finding.fail(
        f"The database cannot be used just now: {why}.",
        f"数据库暂时不可用：{why}。",
        "Make room, start the server, mount the disk for writing, or end the program that holds the lock (fuser -v); "
        "the node goes on by itself.",
        "请清理磁盘、启动数据库服务、以可写方式挂载磁盘，或结束占用锁的程序（fuser -v）；之后节点会自行恢复。",
    )


def _fault(detail_en: str, detail_zh: str) -> Finding:
    return Finding.fail(
        detail_en,
        detail_zh,
        "See that the database and the disk work; if they do, restore the newest verified backup.",
        "请检查数据库和磁盘；如均正常，请恢复最近一次验证过的备份。",
    )
