"""Cutting text into terms: pairs of neighbouring Han characters, and words of every other script. Pure.

盗伐林木 6.2m³ becomes 盗伐, 伐林, 林木, 木 and 6, 2m3. The last character of a run stands alone as well, so
that every character begins some term and a query of one character can be asked as a prefix.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MAX_TEXT = 50_000
"""Characters of one object's text that are indexed; what follows is not found."""

MAX_WORD = 64
"""Characters of one word that count, in a text and in a query alike."""

# Radicals, the iteration mark, zero, the unified ideographs with all extensions, the compatibility ideographs.
_HAN = r"\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUN = re.compile(rf"([{_HAN}]+)|[^\W_{_HAN}]+")
# Soft hyphens, joiners, direction marks, variation selectors: invisible, and no boundary between words.
_INVISIBLE = re.compile(
    r"[\u00ad\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query asks for: all of `exact`, and for each of `prefixes` some term that begins with it."""

    exact: frozenset[str]
    prefixes: frozenset[str]


def terms_of(text: str) -> set[str]:
    """Return the terms under which `text` is found."""
    found: set[str] = set()
    for run, is_han in _runs(text[:MAX_TEXT]):
        if is_han:
            found.update(_pairs(run))
            found.add(run[-1])
        else:
            found.add(run)
    return found


def wanted_by(query: str) -> Wanted:
    """Return the terms a query asks for; none at all when it holds neither a letter, a digit nor a Han character."""
    exact: set[str] = set()
    prefixes: set[str] = set()
    for run, is_han in _runs(query):
        if is_han and len(run) > 1:
            exact.update(_pairs(run))
        else:
            prefixes.add(run)
    return Wanted(frozenset(exact), frozenset(prefixes))


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each run of Han characters and each word of another script, normalised, and whether it is Han."""
    for match in _RUN.finditer(_normalise(text)):
        is_han = match[1] is not None
        yield (match[0] if is_han else match[0][:MAX_WORD]), is_han


def _normalise(text: str) -> str:
    """Fold width, compatibility forms and case (Unicode 3.13, D146: NFKC once more after folding)."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _INVISIBLE.sub("", folded)


def _pairs(run: str) -> Iterator[str]:
    return (run[at : at + 2] for at in range(len(run) - 1))
