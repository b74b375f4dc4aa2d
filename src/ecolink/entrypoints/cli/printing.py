"""How commands speak: plain lines and tables for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from unicodedata import east_asian_width

import typer

from ecolink.kit.times import CHINA

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def say(text: str) -> None:
    """Print one line to standard output."""
    typer.echo(text)


def complain(text: str) -> None:
    """Print one line to standard error."""
    typer.echo(f"ecolink: {text}", err=True)


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str = "Nothing.") -> None:
    """Print rows with the same members, as a table or as one JSON array; people read `empty` when there is none."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        say(empty)
        return
    columns = list(rows[0])
    lines = [[column.replace("_", " ") for column in columns]]
    lines += [[_for_people(row[column]) for column in columns] for row in rows]
    widths = [max(_width(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        say("  ".join(_pad(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_record(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one object, a member a line."""
    if as_json:
        print_json(record)
        return
    width = max((len(name) for name in record), default=0)
    for name, value in record.items():
        if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value)):
            say(f"{name.replace('_', ' ')}:")
            for line in json.dumps(value, ensure_ascii=False, indent=2, default=_as_text).splitlines():
                say(f"  {line}")
        else:
            say(f"{name.replace('_', ' '):{width}}  {_for_people(value)}")


def print_json(value: Any) -> None:  # noqa: ANN401 - JSON is any value
    """Print one JSON document."""
    say(json.dumps(value, ensure_ascii=False, indent=2, default=_as_text))


def _as_text(value: object) -> str:
    return value.astimezone(CHINA).isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def _for_people(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_for_people(item) for item in value) or "-"
    return str(value)


def _width(text: str) -> int:
    """Count terminal columns: a Chinese character takes two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
