"""What one node holds, read straight from its database and its folder: the checker asks no node about itself."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.attachments.store import BlobStore
from ecolink.configuration import load as load_settings
from ecolink.federation.models import StatementRow
from ecolink.settings import Settings
from ecolink.storage.engine import Database, connect
from tests.soak.station import Station


class Held(NamedTuple):
    """One statement as one node holds it."""

    n: int
    iss: str
    jti: str
    digest: str
    direction: str
    type: str
    thread: str
    aud: list[str]
    state: str
    state_reason: str | None
    received_at: datetime

    @property
    def name(self) -> str:
        """Return what finds it again."""
        return f"{self.type} {self.jti} of {self.iss}"


_HELD = select(*(getattr(StatementRow, name) for name in Held._fields)).order_by(StatementRow.n)


@dataclass(frozen=True)
class Books:
    """One node's."""

    unit_code: str
    database: Database
    blobs: BlobStore

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Open the books of the node with these settings."""
        blobs = BlobStore(settings.data_dir / "blobs", settings.attachment_max_bytes)
        return cls(settings.unit_code, Database(connect(settings.database_url)), blobs)

    @classmethod
    @contextmanager
    def at(cls, station: Station) -> Iterator[Self]:
        """Open a station's books for the length of the block."""
        books = cls.of(load_settings(station.bureau.config))
        try:
            yield books
        finally:
            books.database.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Read them as they are at one moment."""
        with self.database.read() as session:
            yield session

    def statements(self, session: Session) -> list[Held]:
        """Return every statement, ours and others'."""
        return [Held(*row) for row in session.execute(_HELD)]

    def received(self, session: Session) -> Counter[str]:
        """Return how many statements came in each lane."""
        count = select(StatementRow.lane, func.count()).where(StatementRow.direction == "in")
        return Counter({str(row[0]): int(row[1]) for row in session.execute(count.group_by(StatementRow.lane))})
