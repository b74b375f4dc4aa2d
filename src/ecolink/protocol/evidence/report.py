"""What verifying an evidence file found, in words a court can read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ecolink.protocol.receipt import Outcome


class Level(StrEnum):
    """How much a finding weighs."""

    WRONG = "wrong"
    """The file proves less than it claims: do not rely on it."""
    CAUTION = "caution"
    """It holds, but somebody should look at this."""
    NOTE = "note"
    """For information."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. `code` is stable; `subject` names a bureau, a document or a log."""

    level: Level
    code: str
    subject: str
    detail_en: str
    detail_zh: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one recipient's signed receipt says of a statement, and when it had it (its clock, UTC)."""

    recipient: str
    outcome: Outcome
    received_at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One statement of the thread."""

    digest: str
    type: str
    jti: str
    iss: str
    aud: tuple[str, ...]
    iat: datetime
    deliveries: tuple[Delivery, ...]
    log_index: int | None
    """Its place in the exporter's evidence log."""
    private: str
    """`none`, `shown`, `withheld` or `erased`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome. It is `ok` when nothing is wrong; cautions remain to be read."""

    thread: str | None
    made_by: str | None
    made_at: datetime | None
    fingerprints: Mapping[str, str]
    """By unit code, the fingerprint of the newest keys used: compare them by phone once more if in doubt."""
    findings: tuple[Finding, ...]
    lines: tuple[Line, ...]
    """What was said, each after what it answers."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.first_wrong is None

    @property
    def first_wrong(self) -> Finding | None:
        """The first thing that is wrong, in the order of the checks."""
        return next((finding for finding in self.findings if finding.level is Level.WRONG), None)


@dataclass(slots=True)
class Findings:
    """Gathers findings, in order."""

    found: list[Finding] = field(default_factory=list)

    def wrong(self, code: str, subject: str, detail_en: str, detail_zh: str) -> None:
        """Note something that must not be."""
        self.found.append(Finding(Level.WRONG, str(code), subject, detail_en, detail_zh))

    def caution(self, code: str, subject: str, detail_en: str, detail_zh: str) -> None:
        """Note something to look at."""
        self.found.append(Finding(Level.CAUTION, code, subject, detail_en, detail_zh))

    def note(self, code: str, subject: str, detail_en: str, detail_zh: str) -> None:
        """Note something to know."""
        self.found.append(Finding(Level.NOTE, code, subject, detail_en, detail_zh))
