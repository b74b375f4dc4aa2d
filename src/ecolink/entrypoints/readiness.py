"""What must be as it should before a node may be sent work."""

import shutil
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from ecolink.errors import SettingError
from ecolink.federation.signer import Signer
from ecolink.storage import schema
from ecolink.storage.engine import Database
from ecolink.storage.heartbeats import STALE_AFTER, Pulse
from ecolink.web.health import Fault, Readiness

LEAST_ROOM = 16 << 20
"""Bytes that must be free where the data lie: a large push or an attachment's part needs as much at once."""


def readiness(database: Database, signer: Signer, pulse: Pulse, data_dir: Path) -> Readiness:
    """Return what `/readyz` looks at: room, the schema, the signing key and, where one runs here, the worker."""

    def there_is_room(_: Session, __: datetime) -> Fault | None:
        try:
            if shutil.disk_usage(data_dir).free >= LEAST_ROOM:
                return None
        except OSError:
            return Fault("The disk is not there.", "磁盘不可用。")
        return Fault("The disk is full.", "磁盘已满。")

    def schema_is_current(_: Session, __: datetime) -> Fault | None:
        present, newest = schema.versions(database.engine)
        if present == newest:
            return None
        return Fault("The database's schema is not this version's.", "数据库结构与本版本不符。")

    def signing_key_is_there(_: Session, __: datetime) -> Fault | None:
        try:
            signer.key  # noqa: B018 - asking is what is tried
        except SettingError:
            return Fault("The signing key is not loaded.", "签名密钥未加载。")
        return None

    def worker_beats(_: Session, now: datetime) -> Fault | None:
        if pulse.beat_at is None or now - pulse.beat_at <= STALE_AFTER:
            return None
        return Fault("The worker gives no sign of life.", "后台进程没有响应。")

    return Readiness((there_is_room, schema_is_current, signing_key_is_there, worker_beats))
