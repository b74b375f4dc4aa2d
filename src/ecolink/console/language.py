"""The console's languages: Chinese first, English one click away.

Texts stand in templates and pages in English; `locale/<subject>.po` has their Chinese. The catalogues are read when the
first page is shown. `python -m ecolink.console.catalogues` brings them up to date.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

from fastapi import Request

from ecolink.console.recognition import cookie_named

LOCALE = Path(__file__).parent / "locale"
COOKIE = "ecolink-language"


class Language(StrEnum):
    """A language of the console, by its BCP 47 tag."""

    CHINESE = "zh-CN"
    ENGLISH = "en"

    @property
    def other(self) -> "Language":
        """The one that is one click away."""
        return Language.ENGLISH if self is Language.CHINESE else Language.CHINESE


def language_of(request: Request) -> Language:
    """Return the language the browser chose here; Chinese where it never chose."""
    return (
        Language.ENGLISH if request.cookies.get(cookie_named(request, COOKIE)) == Language.ENGLISH else Language.CHINESE
    )


def mark(message: str) -> str:
    """Mark a text for the catalogues where no page is at hand; whoever shows it translates it. Import it as `_`."""
    return message


def translate(language: Language, message: str) -> str:
    """Return an English text in `language`; as it is where nobody translated it, which a test forbids."""
    return message if language is Language.ENGLISH else _chinese().get(message, message)


@cache
def _chinese() -> Mapping[str, str]:
    from babel.messages.pofile import read_po  # noqa: PLC0415 - only where pages are shown

    texts: dict[str, str] = {}
    for path in sorted(LOCALE.glob("*.po")):
        with path.open("rb") as file:
            texts.update({str(entry.id): str(entry.string) for entry in read_po(file) if entry.id and entry.string})
    return texts
