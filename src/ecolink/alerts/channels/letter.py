"""What a channel is given to send: already fit for whoever may read along."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What an alert is about: in letters by the bureau's own channels only."""

    number: str
    title_zh: str
    title_en: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message for one person, of one alert or of several together."""

    id: str
    """The same for the same alerts at every try, so that a service or a person can tell a repetition."""
    kind: str
    status: Literal["actual", "exercise", "test"]
    urgent: bool
    language: Literal["zh", "en"]
    subject: str
    text_zh: tuple[str, ...]
    text_en: tuple[str, ...]
    link: str | None
    numbers: tuple[str, ...]
    """Of the alerts."""
    matters: tuple[Matter, ...] = ()

    @property
    def is_loud(self) -> bool:
        """Whether it may wake somebody: a drill or a test never does."""
        return self.urgent and self.status == "actual"

    def whole(self) -> str:
        """Return the text in both languages, Chinese first, and the link."""
        return "\n".join(part for part in ("\n".join(self.text_zh), "\n".join(self.text_en), self.link) if part)

    def short(self) -> str:
        """Return the text in the person's language on one line, and the link: where every character costs."""
        said = self.text_zh if self.language == "zh" else self.text_en
        return " ".join((*said, self.link) if self.link else said)


def cut(text: str, most: int) -> str:
    """Return `text` in at most `most` bytes of UTF-8, marked where something is left out."""
    if len(text.encode()) <= most:
        return text
    return text.encode()[: most - 3].decode(errors="ignore") + "…"
