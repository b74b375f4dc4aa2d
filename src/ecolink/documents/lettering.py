"""Characters: which can be printed, and what is shown for those that cannot. Nothing is dropped unseen.

The font is Noto Sans SC (SIL Open Font License, `fonts/`), cut by `scripts/refresh_fonts.py` to what Chinese texts
need: every ideograph from U+4E00 to U+9FEF, those beyond in the Table of General Standard Chinese Characters
(通用规范汉字表, State Council 2013), punctuation, Latin letters and signs.
"""

import re
import unicodedata
from collections.abc import Container
from pathlib import Path

FONT = Path(__file__).parent / "fonts" / "NotoSansSC-Regular.ttf"

_BREAKS = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Categories that print nothing of themselves, or turn round what is beside them."""


def visible(text: str) -> str:
    """Return `text` with its lines ended by line feeds, and a code such as 〔U+202E〕 for what would act unseen."""
    broken = _BREAKS.sub("\n", text).replace("\t", " ")
    if broken.isascii() and broken.isprintable():
        return broken
    return "".join(code(one) if unicodedata.category(one) in _UNSEEN and one != "\n" else one for one in broken)


def printable(text: str, known: Container[int]) -> tuple[str, set[str]]:
    """Return `text` as it can be printed with the `known` code points, and which characters stand there as codes."""
    shown = visible(text)
    lacking = {one for one in shown if one != "\n" and ord(one) not in known}
    return ("".join(code(one) if one in lacking else one for one in shown) if lacking else shown), lacking


def code(character: str) -> str:
    """Return what is printed for a character that cannot be: 〔U+1F600〕."""
    return f"〔U+{ord(character):04X}〕"
