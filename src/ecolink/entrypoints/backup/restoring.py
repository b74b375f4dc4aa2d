"""Bringing a node back: everything is unpacked and examined first, then put in place, then declared.

Nothing that was there is thrown away: it is set aside. The restored node asks its peers what it forgot before it
answers anybody, opens a new evidence log that declares the restore, and new channels where a peer holds more.
"""

import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from ecolink.audit import restores
from ecolink.entrypoints.backup import placing, postgres
from ecolink.entrypoints.backup.about import About
from ecolink.entrypoints.backup.examining import examine, own_manifest
from ecolink.entrypoints.backup.snapshot import Tell
from ecolink.entrypoints.backup.unpacking import Unpacked, describe, unpack
from ecolink.entrypoints.databases import opened
from ecolink.entrypoints.wiring import Node
from ecolink.errors import ConflictError, InvalidError, SettingError
from ecolink.federation.alarms import raise_alarm
from ecolink.federation.signer import EXCHANGE, LOCAL, LOG, SEAL, read_keys
from ecolink.federation.witnessing import LOG_RESTORED
from ecolink.protocol.keys import SigningKey, Use
from ecolink.protocol.manifest import Manifest, commitment
from ecolink.settings import Settings

_WORK = ".restore-"


@dataclass(frozen=True, slots=True)
class Restored:
    """A node that was brought back."""

    about: About
    set_aside: tuple[str, ...]
    """Where what was there before lies now."""
    missing: int
    """Attachments that were not on the node when the backup was made."""


def restore(settings: Settings, file: Path, key: SigningKey, now: datetime, tell: Tell, *, force: bool) -> Restored:
    """Put a backup in the place of the node's data; `force` sets aside what is there.

    Raises:
        ConflictError: the node runs, or holds something and `force` is not given; nothing was changed.
        InvalidError: the backup is damaged, or another bureau's; nothing was changed.
        SettingError: the keys that the backup needs are nowhere; nothing was changed.

    """
    about, _ = describe(file, key)
    _refuse_another_node(settings, about)
    _refuse_a_running_node(settings)
    if not force:
        _refuse_to_overwrite(settings)

    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = settings.data_dir / f"replaced-{now:%Y%m%dT%H%M%SZ}"
    with _work_folder(settings.data_dir) as work:
        unpacked = unpack(file, key, work, tell, keep_blobs=True)
        tell("examining", 0, 0)
        with placing.telling_faults(aside), placing.database(settings, unpacked, aside) as (url, set_aside):
            own = _refuse_unsound(url, unpacked)
            keys = _find_keys(settings, unpacked, own)
            if keys is not None:
                set_aside.extend(placing.put(keys, settings.key_dir, aside / "keys"))
            set_aside.extend(placing.put(unpacked.blob_folder, settings.data_dir / "blobs", aside / "blobs"))
    return Restored(about, tuple(set_aside), len(unpacked.missing))


def declare(node: Node, now: datetime) -> dict[str, str]:
    """Declare the restore of an opened node and compare with its peers; return by peer what came of that.

    The evidence log begins anew in any case: also what no peer has seen of the old one is a past that was.
    """
    with node.database.read() as session:
        before = node.log.head(session).log_epoch
    silent = node.witnessing.exchange(node.clock.now)
    with node.database.begin() as session:
        if node.log.head(session).log_epoch == before:
            restores.declare_restore(node.log, session, {}, now)
            raise_alarm(session, LOG_RESTORED, node.log.head(session).origin, now, peer=None, held_by_peers={})
    told = node.reconciliation.run(node.clock.now, passing_over=silent)
    node.witnessing.prove(node.clock.now, passing_over=silent)
    return told


def _refuse_another_node(settings: Settings, about: About) -> None:
    if about.unit_code != settings.unit_code:
        raise InvalidError(
            f"This is a backup of {about.name_zh} ({about.unit_code}), the settings are those of {settings.unit_code}: "
            "take the right file, or name the right settings by --config.",
            f"该备份属于 {about.name_zh}（{about.unit_code}），而当前配置属于 {settings.unit_code}。",
        )
    ours = "sqlite" if settings.uses_sqlite else "postgresql"
    if about.database != ours:
        raise InvalidError(
            f"The backup holds a database of {about.database}, database_url names one of {ours}: set database_url to "
            f"one of {about.database}.",
            f"备份中的数据库类型为 {about.database}，请将 database_url 设为同类数据库。",
        )


def _refuse_a_running_node(settings: Settings) -> None:
    if _answers(settings.local_host, settings.local_port) or _is_used(settings):
        raise ConflictError(
            "This node is running: stop 'serve' and every worker, then restore.",
            "本节点正在运行：请先停止 serve 和所有 worker，再恢复。",
        )


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def _is_used(settings: Settings) -> bool:
    if not settings.uses_sqlite:
        return postgres.other_connections(settings.database_url) > 0
    path = placing.sqlite_file(settings)
    if not path.exists():
        return False
    try:
        # A database can leave its write-ahead log only while nobody else has it open; all is in one file then.
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as fault:
        return fault.sqlite_errorcode == sqlite3.SQLITE_BUSY
    except sqlite3.DatabaseError:  # it is no database any more: a reason to restore
        pass
    return False


def _refuse_to_overwrite(settings: Settings) -> None:
    held = [str(settings.data_dir / "blobs")] if any((settings.data_dir / "blobs").glob("*/*/*")) else []
    if settings.uses_sqlite:
        held += [str(path)] if (path := placing.sqlite_file(settings)).exists() else []
    elif postgres.tables(settings.database_url):
        held.append("the database of database_url")
    if held:
        raise ConflictError(
            f"This node holds data already: {' and '.join(held)}. Add --force to set that aside and restore.",
            f"本节点已有数据（{'、'.join(held)}）。如确需恢复，请加 --force：原有数据会被移到一旁保留。",
        )


def _refuse_unsound(url: str, unpacked: Unpacked) -> Manifest:
    """Return the node's own key manifest once the whole backup was examined."""
    with opened(url) as database:
        problems = examine(database, unpacked)
        if problems:
            raise InvalidError(
                f"{problems[0].detail_en} Nothing was changed; take an older backup.",
                f"{problems[0].detail_zh}未作任何更改，请使用更早的备份。",
            )
        with database.read() as session:
            return own_manifest(session, unpacked.about.unit_code)


def _find_keys(settings: Settings, unpacked: Unpacked, own: Manifest) -> Path | None:
    """Return the folder of keys to be put in place; None when those that are there are the right ones."""
    passphrase = settings.key_passphrase.get_secret_value().encode() if settings.key_passphrase else None
    refusal: SettingError | None = None
    for folder in (settings.key_dir, unpacked.keys):
        if not any(folder.glob("*.pem")):
            continue
        try:
            held = read_keys(folder, passphrase)
            held.only(LOCAL)
            for use, kid in ((EXCHANGE, Use.SIGN), (LOG, Use.LOG), (SEAL, Use.SEAL)):
                held.get(use, own.current(kid).kid)
        except SettingError as fault:
            refusal = refusal or fault
            continue
        if not any(commitment(kid) == own.next for kid in held.by_use[EXCHANGE]):
            refusal = refusal or _no_next_key(folder)
            continue
        return None if folder == settings.key_dir else folder
    raise refusal or SettingError(
        f"The keys of this node are neither in {settings.key_dir} nor in the backup: put the copy you keep of them "
        "there, then restore. Without them this node cannot prove who it is and has to be introduced anew.",
        f"{settings.key_dir} 和备份中均没有本节点的密钥：请先放回所保管的密钥副本，再恢复。"
        "如密钥已全部丢失，只能以新节点重新与各单位建立互信。",
    )


def _no_next_key(folder: Path) -> SettingError:
    return SettingError(
        f"{folder} has not the committed next key of this node: put the newest copy of the keys there, then restore.",
        f"{folder} 缺少已承诺的下一把密钥：请放入最新的密钥副本，再恢复。",
    )


@contextmanager
def _work_folder(data_dir: Path) -> Iterator[Path]:
    """Lend a private folder on the disk of the node's data."""
    for left in data_dir.glob(f"{_WORK}*"):
        shutil.rmtree(left, ignore_errors=True)
    work = data_dir / f"{_WORK}{token_hex(8)}"
    work.mkdir(mode=0o700)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
