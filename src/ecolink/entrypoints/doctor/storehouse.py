"""Checks of what the node keeps: database, schema, evidence log, attachments, backups."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from ecolink.attachments.models import Blob
from ecolink.attachments.store import BlobStore
from ecolink.audit.log import EvidenceLog
from ecolink.entrypoints.backup import shelf
from ecolink.entrypoints.backup.shelf import Backup
from ecolink.entrypoints.doctor import access
from ecolink.entrypoints.doctor.finding import Finding, worst
from ecolink.kit.times import to_text
from ecolink.settings import Settings
from ecolink.storage import schema
from ecolink.storage.engine import Database, takes_no_writes

BACKUP_WANTED = timedelta(days=2)
"""A newest backup older than this is worth a look."""

PRUNED_WITHIN = timedelta(days=2)
"""A backup whose time is over should be gone after this: the unit that deletes it runs every night."""

VERIFIED_WANTED = timedelta(days=35)
"""A backup that was opened should be no older than this."""

_BROKEN_INDEXES = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
_CHECKSUM_FAILURES = "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()"


def absent(given: Settings) -> Finding:
    """Look whether a database that is a file is there, for to open it would make an empty one, and may be read.

    Raises:
        PermissionError: it may not.

    """
    path = Path(str(make_url(given.database_url).database))
    if not given.uses_sqlite or path.exists():
        if given.uses_sqlite:
            access.refuse_closed(path)
        return Finding.ok("It is there.", "数据库存在。")
    return Finding.fail(
        f"There is no database {path}.",
        f"数据库 {path} 不存在。",
        "Bring it back (ecolink backup restore), or make a new node (ecolink init).",
        "请从备份恢复（ecolink backup restore），或新建节点（ecolink init）。",
    )


def integrity(database: Database) -> Finding:
    """Look whether the database can be written, is sound, and keeps what it promised to keep.

    Raises:
        UnavailableError: it is locked, may only be read, or is not there.

    """
    with database.begin() as session:
        session.connection()  # a writer's turn, in which nothing is written; the look at every page takes none
    file = database.engine.url.database
    if database.is_sqlite and file and takes_no_writes(file):  # SQLite gives a turn to who may only read, too
        return Finding.fail(
            f"{file} can only be read.",
            f"{file} 只能读取，不能写入。",
            "Mount the disk for writing, or give the file back to the user that the node runs as; the node goes on by "
            "itself.",
            "请以可写方式挂载磁盘，或把文件交还给运行节点的用户；之后节点会自行恢复。",
        )
    with database.read() as session:
        if database.is_sqlite:
            return _sqlite(session)
        return _postgresql(session)


def schema_version(database: Database) -> Finding:
    """Look whether the schema is the one this software was written for.

    Raises:
        SettingError: it is not; the text says which command mends it.

    """
    schema.refuse_unless_current(database.engine)
    present, _ = schema.versions(database.engine)
    return Finding.ok(f"The schema is current ({present}).", f"数据库结构为最新版本（{present}）。")


def evidence_log(session: Session, log: EvidenceLog) -> Finding:
    """Look whether the log's head is made of its leaves: the last ones, and the roots of the full tiles before."""
    head = log.head(session)
    size = head.tree.size
    if log.root(session, size, head.log_epoch) == head.tree.root():
        return Finding.ok(
            f"Log {head.log_epoch} holds {size} leaves, and its head is made of them.",
            f"第 {head.log_epoch} 个存证日志共 {size} 条，与日志头一致。",
        )
    return Finding.fail(
        f"The head of evidence log {head.log_epoch} is not made of its {size} leaves: the database was changed.",
        f"第 {head.log_epoch} 个存证日志的日志头与其 {size} 条记录不一致：数据库被改动过。",
        "Stop the node, keep a copy of the database for the auditor, and restore the newest verified backup.",
        "请停止节点，保留数据库副本供审计，并恢复最近一次验证过的备份。",
    )


def attachments(session: Session, given: Settings) -> Finding:
    """Look whether every attachment is where it belongs, and whether further ones can be taken in."""
    root = given.data_dir / "blobs"
    writable = root if root.exists() else given.data_dir
    if not os.access(writable, os.W_OK | os.X_OK):
        return Finding.fail(
            f"{writable} cannot be written to.",
            f"{writable} 不可写。",
            "Give the folder to the user that the node runs as (chown -R), and see whether the disk is read-only.",
            "请把该目录交给运行节点的用户（chown -R），并检查磁盘是否为只读。",
        )
    named = set(session.scalars(select(Blob.digest).where(Blob.dropped_at.is_(None))))
    on_disk = {digest for digest, _ in BlobStore(root, given.attachment_max_bytes).names()}
    if missing := named - on_disk:
        return Finding.fail(
            f"{len(missing)} of {len(named)} attachments are not on the disk, such as {min(missing)}.",
            f"{len(named)} 个附件中有 {len(missing)} 个不在磁盘上，例如 {min(missing)}。",
            "Put data/blobs back from a backup; or have the files sent or uploaded again.",
            "请从备份中恢复 data/blobs，或请对方重新发送、重新上传。",
        )
    return Finding.ok(f"{len(named)} attachments, all here.", f"{len(named)} 个附件齐全。")


def backups(given: Settings, now: datetime) -> Finding:
    """Look how old the newest backup is and the oldest, and when one was last opened.

    Raises:
        PermissionError: the folder is closed to us.

    """
    access.refuse_closed(given.backup_dir)
    found = shelf.backups(given.backup_dir) if given.backup_dir.is_dir() else []
    if not found:
        return Finding.warn(
            f"There is no backup in {given.backup_dir}.",
            f"{given.backup_dir} 中没有备份。",
            "Make one every day: ecolink backup key (once), then ecolink backup create.",
            "请每天备份：先运行一次 ecolink backup key，再运行 ecolink backup create。",
        )
    findings = []
    newest = found[0]
    if newest.verdict is not None and newest.is_bad:
        findings.append(
            Finding.fail(
                f"The newest backup {newest.path.name} is bad: {newest.verdict.why}",
                f"最新备份 {newest.path.name} 未通过验证。",
                "Make another one at once (ecolink backup create) and verify it.",
                "请立即重新备份（ecolink backup create）并验证。",
            )
        )
    if now - newest.made_at > BACKUP_WANTED:
        findings.append(
            Finding.warn(
                f"The newest backup is of {to_text(newest.made_at)}.",
                f"最新备份的时间是 {to_text(newest.made_at)}。",
                "See why none was made since: ecolink backup create.",
                "请检查备份任务，并运行 ecolink backup create。",
            )
        )
    opened = [each.verdict.at for each in found if each.verdict and each.verdict.is_good]
    if not opened or now - max(opened) > VERIFIED_WANTED:
        findings.append(
            Finding.warn(
                f"The last backup was opened {to_text(max(opened))}." if opened else "No backup was ever opened.",
                f"最近一次验证备份的时间是 {to_text(max(opened))}。" if opened else "从未验证过备份。",
                "Open one: ecolink backup verify FILE --key KEY. A backup that nobody opened is a hope.",
                "请验证一份备份：ecolink backup verify 文件 --key 密钥。",
            )
        )
    findings.extend(_kept_too_long(given, found, now))
    made, seen = to_text(newest.made_at), to_text(max(opened, default=now))
    return worst(
        findings,
        Finding.ok(
            f"The newest backup is of {made}; one was last opened {seen}.",
            f"最新备份：{made}；最近一次验证：{seen}。",
        ),
    )


def _kept_too_long(given: Settings, found: Sequence[Backup], now: datetime) -> Iterator[Finding]:
    ours = [backup for backup in found if backup.unit_code == given.unit_code]
    old = [backup for backup in ours if now - backup.made_at > timedelta(days=given.backup_keep_days) + PRUNED_WITHIN]
    if not old:
        return
    days, oldest = given.backup_keep_days, old[-1].path.name
    said = (
        f"{len(old)} backups are older than {days} days, such as {oldest}: what was erased since lives on in them.",
        f"{len(old)} 份备份已超过 {days} 天，例如 {oldest}：此后删除的个人信息仍在其中。",
    )
    if all(backup in shelf.kept(ours) for backup in old):
        yield Finding.warn(
            *said,
            "It stays as long as none newer is good to go back to: make one, verify it, then: ecolink backup prune",
            "它是最近一份可用于恢复的备份，故予保留：请生成并验证较新的备份，再运行 ecolink backup prune。",
        )
    else:
        yield Finding.warn(
            *said,
            "Delete them: ecolink backup prune. The nightly unit does it; think of copies elsewhere, too.",
            "请运行 ecolink backup prune 删除（每晚的备份单元会自动执行），并处理存放在别处的副本。",
        )


def _sqlite(session: Session) -> Finding:
    said = session.scalar(text("PRAGMA quick_check(1)"))
    if said != "ok":
        return Finding.fail(
            f"SQLite finds the database broken: {said}",
            f"SQLite 报告数据库损坏：{said}",
            "Stop the node and restore the newest verified backup (ecolink backup restore).",
            "请停止节点，并恢复最近一次验证过的备份（ecolink backup restore）。",
        )
    return Finding.ok("SQLite finds the database sound.", "SQLite 数据库完好。")


def _postgresql(session: Session) -> Finding:
    if session.scalar(text("SHOW transaction_read_only")) == "on":
        return Finding.fail(
            "PostgreSQL takes no writes: it is a standby, or default_transaction_read_only is on.",
            "PostgreSQL 拒绝写入：它是备库，或设置了 default_transaction_read_only。",
            "Point database_url at the primary, or promote this server; the node goes on by itself.",
            "请将 database_url 指向主库，或将本服务器提升为主库；节点会自行恢复。",
        )
    findings = []
    lost, broken = session.scalar(text(_CHECKSUM_FAILURES)) or 0, session.scalar(text(_BROKEN_INDEXES)) or 0
    if lost or broken:
        findings.append(
            Finding.fail(
                f"PostgreSQL counts {lost} pages with a wrong checksum and {broken} invalid indexes.",
                f"PostgreSQL 报告 {lost} 个校验和错误的页、{broken} 个无效索引。",
                "Look at the server's log and disk; REINDEX an invalid index, restore a backup for a broken page.",
                "请检查服务器日志和磁盘：无效索引执行 REINDEX，页损坏则恢复备份。",
            )
        )
    off = [name for name in ("fsync", "synchronous_commit") if session.scalar(text(f"SHOW {name}")) == "off"]
    if off:
        findings.append(
            Finding.warn(
                f"PostgreSQL runs with {' and '.join(off)} off: a receipt promises what a power cut may undo.",
                f"PostgreSQL 关闭了 {'、'.join(off)}：断电可能丢失已出具回执的内容。",
                "Set them to on in postgresql.conf and reload.",
                "请在 postgresql.conf 中设为 on 并重新加载。",
            )
        )
    return worst(
        findings,
        Finding.ok("PostgreSQL counts no broken page and no invalid index.", "PostgreSQL 数据库完好。"),
    )
