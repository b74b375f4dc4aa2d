"""On which line of a TOML document each key stands; Python's own reader does not tell."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ecolink.cadence.findings import Path


def lines_of(text: str) -> Mapping[Path, int]:
    """Return by path the line, counted from 1, on which a key's statement or a table begins.

    `text` is a whole TOML document that can be read. Keys inside an inline table stand on the line of the statement.
    """
    lines: dict[Path, int] = {(): 1}
    entries: Counter[Path] = Counter()
    table: Path = ()
    for number, statement, keys in _statements(text.replace("\r\n", "\n")):
        if not statement.lstrip().startswith("["):
            for path in keys:
                lines.setdefault(table + path, number)
            continue
        table, named = (), keys[-1]
        for depth, key in enumerate(named, 1):
            table = (*table, key)
            lines.setdefault(table, number)
            if depth == len(named) and statement.lstrip().startswith("[["):
                entries[table] += 1
            if entries[table]:
                table = (*table, entries[table] - 1)
        lines.setdefault(table, number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str, list[Path]]]:
    """Go through the statements: the number of the first line, the text, and the keys it names by itself.

    What TOML calls an expression ends with a line, so the shortest run of lines that can be read alone is one.
    """
    begin, lines = 0, text.split("\n")
    for end in range(1, len(lines) + 1):
        statement = "\n".join(lines[begin:end])
        try:
            keys = list(_keys(tomllib.loads(statement)))
        except tomllib.TOMLDecodeError:
            continue  # it goes on in the next line
        if keys:
            yield begin + 1, statement, keys
        begin = end


def _keys(said: Mapping[str, Any], within: Path = ()) -> Iterator[Path]:
    for key, value in said.items():
        yield (*within, key)
        if isinstance(value, dict):
            yield from _keys(value, (*within, key))
