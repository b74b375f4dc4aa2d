"""What a backup says of itself, and what a database says of itself: the same few facts, to be compared."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Self

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ecolink import __version__
from ecolink.attachments.models import Blob
from ecolink.audit.log import EvidenceLog
from ecolink.errors import InvalidError
from ecolink.federation.models import StatementRow
from ecolink.kit.canonical import dumps
from ecolink.kit.times import from_text, to_text

FORM: Final = "ecolink.backup/1"
_SCHEMA = text("SELECT version_num FROM alembic_version")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """How far the evidence log reached: its number, its leaves, and the root over them in hex."""

    log_epoch: int
    size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A node at one moment (UTC)."""

    unit_code: str
    name_zh: str
    made_at: datetime
    ecolink: str
    database: str
    """`sqlite` or `postgresql`."""
    schema: str | None
    statements: int
    blobs: int
    blob_bytes: int
    log: LogState
    with_keys: bool

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        return dumps({"form": FORM, **asdict(self), "made_at": to_text(self.made_at)})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises:
            InvalidError: a later ecolink wrote it, in another form.

        """
        try:
            said = json.loads(raw)
            if said.pop("form") == FORM:
                return cls(**{**said, "made_at": from_text(said["made_at"]), "log": LogState(**said["log"])})
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        raise InvalidError(
            "This backup has a form that this ecolink does not know: install the version that made it, or a newer.",
            "本版本不认识该备份的格式：请安装制作它的版本或更新的版本。",
        )


def look(session: Session, log: EvidenceLog, *, unit_code: str, name_zh: str, now: datetime, with_keys: bool) -> About:
    """Return what the database says of itself, as the session sees it."""
    head = log.head(session)
    standing = select(func.count(), func.coalesce(func.sum(Blob.size), 0)).where(Blob.dropped_at.is_(None))
    blobs, blob_bytes = session.execute(standing).one()
    return About(
        unit_code=unit_code,
        name_zh=name_zh,
        made_at=now,
        ecolink=__version__,
        database=session.get_bind().dialect.name,
        schema=session.scalar(_SCHEMA),
        statements=session.scalar(select(func.count()).select_from(StatementRow)) or 0,
        blobs=blobs,
        blob_bytes=int(blob_bytes),
        log=LogState(log_epoch=head.log_epoch, size=head.tree.size, root=head.tree.root().hex()),
        with_keys=with_keys,
    )
