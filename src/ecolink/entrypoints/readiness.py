"""What must be as it should before a node may be sent work."""

from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.errors import SettingError
from ecolink.federation.signer import Signer
from ecolink.storage import schema
from ecolink.storage.engine import Database
from ecolink.storage.heartbeats import STALE_AFTER, Pulse
from ecolink.web.health import Fault, Readiness


def readiness(database: Database, signer: Signer, pulse: Pulse) -> Readiness:
    """Return what `/readyz` looks at: the schema, the signing key and, where this process runs one, the worker."""

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

    return Readiness((schema_is_current, signing_key_is_there, worker_beats))
