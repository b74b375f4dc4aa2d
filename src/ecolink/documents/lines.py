"""Breaking text into lines as Chinese is set: between any two ideographs, but not inside a word or before a comma."""

import re
from collections.abc import Callable, Iterator

_OPENING = "（《〈「『【〔“‘([{"
_CLOSING = "，。、；：？！）》〉」』】〕”’％…,.;:?!)]}%"
_ATOM = re.compile(
    rf"[{re.escape(_OPENING)}]*(?:[0-9A-Za-z\u00C0-\u024F_+\-/@#&.:]+|.)[{re.escape(_CLOSING)}]*", re.DOTALL
)

Width = Callable[[str], float]
"""How wide a text is."""


def broken(text: str, width: float, measure: Width, *, indent: float = 0) -> list[str]:
    """Return the lines of one paragraph, each at most `width` wide, the first one shorter by `indent`.

    A word or number wider than a whole line is broken where the line ends; a single character is never left out,
    even where it is wider than the line.
    """
    lines: list[str] = []
    line, left = "", width - indent
    for atom in _ATOM.findall(text):
        for part in _fitting(atom, width, measure):
            wide = measure(part)
            if line and wide > left:
                lines.append(line.rstrip(" "))
                line, left = "", width
                if part == " ":
                    continue
            line += part
            left -= wide
    lines.append(line)
    return lines


def _fitting(atom: str, width: float, measure: Width) -> Iterator[str]:
    if measure(atom) <= width:
        yield atom
        return
    yield from atom
