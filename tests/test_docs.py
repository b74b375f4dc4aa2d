"""The documents say what the code does: tables are equal, links lead somewhere, tests named as proof exist.

`python -m tests.test_docs` writes the generated tables anew.
"""

import ast
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from pydantic.fields import FieldInfo

from benchmarks import sizing
from ecolink.configuration import variable
from ecolink.console.authorization import app_with_pages
from ecolink.entrypoints.doctor.examination import OF_THE_DATABASE, OF_THE_MACHINE, OF_THE_NODE
from ecolink.exchanges.bulletins.rules.tables import print_tables as bulletin_tables
from ecolink.exchanges.consultations.rules import print_tables as consultation_tables
from ecolink.exchanges.emergencies.rules import print_tables as emergency_tables
from ecolink.federation.gate import STATUS
from ecolink.federation.operations import KEYS, MEBIBYTE, OPERATIONS
from ecolink.identity.sessions import IDLE, SHIFT
from ecolink.identity.tokens import LONGEST_LIFE
from ecolink.protocol import limits
from ecolink.protocol.kinds import KINDS
from ecolink.protocol.refusal import Reason
from ecolink.settings import Settings
from ecolink.web.authorization import read_entries
from ecolink.web.openapi import federation_app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests/vectors").glob("*.md")])
_BLOCK = re.compile(r"<!-- generated: (?P<name>[a-z]+) -->\n(?P<held>.*?)<!-- end -->", re.DOTALL)
_LINK = re.compile(r"!?\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


# What is generated -----------------------------------------------------------------------------------


def table(*rows):
    head, *rest = rows
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rest))


def reasons():
    return table(
        ("reason", "status", "meaning"),
        *((f"`{reason}`", str(STATUS.get(reason, 400)), reason.meaning) for reason in Reason),
    )


def operations():
    return table(
        ("operation (`op`)", "call", "body at most", "token"),
        *(
            (
                f"`{one.name}`",
                f"`{one.method} {one.path}`",
                f"{one.max_body // MEBIBYTE} MiB" if one.max_body else "none",
                "no: it proves itself" if one is KEYS else "yes",
            )
            for one in OPERATIONS
        ),
    )


def kinds():
    return table(
        ("type", "lane", "body", "several", "approver", "private"),
        *(
            (
                f"`{kind.type}`",
                f"`{kind.lane}`",
                f"`{kind.body.__name__}`",
                "yes" if kind.many else "",
                "yes" if kind.approval else "",
                "yes" if kind.private else "",
            )
            for kind in KINDS.values()
        ),
    )


def limit_rows():
    """Read each number and the sentence under it."""
    lines = Path(limits.__file__).read_text("utf-8").splitlines()
    for line, after in pairwise(lines):
        name = line.partition(" = ")[0]
        if name.isupper() and after.startswith('"""'):
            yield f"`{name}`", str(getattr(limits, name)), after.strip('"')


def settings_table():
    return table(
        ("setting", "environment", "default", "what it is"),
        *(
            (f"`{name}`", f"`{variable(name)}`", _default(name, info), (info.description or "").replace("|", "\\|"))
            for name, info in Settings.model_fields.items()
        ),
    )


def _default(name: str, info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    if info.default_factory is not None:
        return "see right" if name != "deadlines" else "none"
    if isinstance(info.default, bool):
        return f"`{str(info.default).lower()}`"
    if info.default in (None, ()) or (type(None) in get_args(info.annotation) and info.default is None):
        return "none"
    return f"`{info.default}`"


def sizing_table():
    return table(("what", "costs", "measured as"), *sizing.rows())


GENERATED = {
    "reasons": reasons,
    "operations": operations,
    "kinds": kinds,
    "limits": lambda: table(("limit", "value", "what it bounds"), *limit_rows()),
    "settings": settings_table,
    "sizing": sizing_table,
}

STATES = {
    "docs/states-bulletins.md": ("Bulletins", "ecolink.exchanges.bulletins.rules", bulletin_tables),
    "docs/states-consultations.md": (
        "Consultations",
        "ecolink.exchanges.consultations.rules",
        consultation_tables,
    ),
    "docs/states-emergencies.md": ("Emergencies", "ecolink.exchanges.emergencies.rules", emergency_tables),
}


def states(path):
    subject, module, printed = STATES[path]
    return (
        f"# {subject}: states and moves\n\n"
        f"Printed by `python -m {module}`; a test keeps this page equal to the table that decides.\n"
        "How moves that crossed are put in order is told in [the protocol](protocol.md#threads).\n\n"
        f"{printed().rstrip(chr(10))}\n"
    )


def rewritten(text: str) -> str:
    def write(block: re.Match[str]) -> str:
        name = block["name"]
        return f"<!-- generated: {name} -->\n\n{GENERATED[name]()}\n<!-- end -->"

    return _BLOCK.sub(write, text)


def main():
    for page in PAGES:
        page.write_text(rewritten(page.read_text("utf-8")), "utf-8")
    for path in STATES:
        (ROOT / path).write_text(states(path), "utf-8")


# What is checked -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_generated_table_is_what_the_code_says(page):
    text = page.read_text("utf-8")
    assert text == rewritten(text), "write it anew: python -m tests.test_docs"


def test_each_table_stands_somewhere():
    held = "".join(page.read_text("utf-8") for page in PAGES)
    assert set(GENERATED) == {block["name"] for block in _BLOCK.finditer(held)}


@pytest.mark.parametrize("path", STATES)
def test_the_printed_states_are_the_tables_that_decide(path):
    assert (ROOT / path).read_text("utf-8") == states(path)


def links(page: Path):
    for link in _LINK.finditer(_FENCE.sub("", page.read_text("utf-8"))):
        yield link["text"], link["target"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page):
    dead = []
    for _, target in links(page):
        path, _, anchor = target.partition("#")
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert not dead


@cache
def anchors(file: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as the common renderers make them."""
    headings = re.findall(r"^#{1,6} (.+)$", _fences_out(file.read_text("utf-8")), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def _fences_out(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


@cache
def proofs_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


@pytest.mark.parametrize("path", ["docs/guarantees.md", "docs/asvs.md"])
def test_every_test_a_promise_rests_on_exists(path):
    page = ROOT / path
    proofs = [(text, (page.parent / target).resolve()) for text, target in links(page) if "/test_" in target]
    named = [(text, file) for text, file in proofs if "test_" + text.replace(" ", "_") not in proofs_in(file)]
    assert proofs
    assert not named


def test_every_fault_has_its_row():
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs/guarantees.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(map(int, rows)) == list(range(1, 29))


def open_addresses():
    """Return what answers somebody who shows neither login nor token, on either port."""
    for entry in read_entries(app_with_pages(), lambda _: True):
        if not entry.permissions:
            yield f"{entry.method} {entry.path}"
    signed = {(one.method, one.path) for one in OPERATIONS if one is not KEYS}
    for entry in read_entries(federation_app(), lambda _: True):
        if (entry.method, entry.path) not in signed:
            yield f"{entry.method} {entry.path}"


def test_every_address_that_opens_without_a_login_is_told():
    text = (ROOT / "docs/security.md").read_text("utf-8")
    section = text.partition("\n## What opens without a login\n")[2].partition("\n## ")[0]
    told = [call for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE) for call in re.findall(r"`(.+?)`", row)]

    assert sorted(told) == sorted(set(open_addresses()))


def test_every_operation_of_the_federation_stands_at_its_address():
    """Else one that needs a token would be taken for one that needs none, or the other way round."""
    served = {(entry.method, entry.path) for entry in read_entries(federation_app(), lambda _: True)}

    assert {(one.method, one.path) for one in OPERATIONS} <= served


def test_how_long_a_login_lasts_is_told():
    text = (ROOT / "docs/security.md").read_text("utf-8")
    asked = text.partition("\n## Logging in\n")[2].partition("\n## ")[0]

    assert f"for {minutes(IDLE)} minutes" in asked
    assert f"a shift of {minutes(SHIFT) // 60} hours" in asked
    assert f"**A token** ends after {minutes(LONGEST_LIFE)} minutes" in asked


def minutes(length):
    return round(length.total_seconds() / 60)


def test_the_table_of_the_doctors_checks_names_each_of_them_in_their_order():
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    section = page.partition("\n## Doctor\n")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| ([^|`]+) \|", section, re.MULTILINE)[1:]  # not the head's
    listed = [name for cell in first_cells for name in cell.split(", ") if name.strip("-")]
    assert listed == [name for name, *_ in (*OF_THE_MACHINE, *OF_THE_DATABASE, *OF_THE_NODE)]


ASVS = """
1.1:2 1.2:9 1.3:11 1.4:3 1.5:2  2.1:3 2.2:3 2.3:4 2.4:1  3.2:2 3.3:4 3.4:6 3.5:5 3.7:2  4.1:3 4.2:1 4.3:2 4.4:4
5.1:1 5.2:3 5.3:2 5.4:3  6.1:3 6.2:12 6.3:4 6.4:4 6.5:5 6.6:3 6.8:4  7.1:3 7.2:4 7.3:2 7.4:5 7.5:2 7.6:2
8.1:2 8.2:3 8.3:1 8.4:1  9.1:3 9.2:4  10.1:2 10.2:2 10.3:4 10.4:11 10.5:5 10.6:2 10.7:3
11.1:2 11.2:3 11.3:3 11.4:4 11.5:1 11.6:1  12.1:3 12.2:2 12.3:4  13.1:1 13.2:5 13.3:2 13.4:5  14.1:2 14.2:4 14.3:3
15.1:3 15.2:3 15.3:7  16.1:1 16.2:5 16.3:4 16.4:3 16.5:3  17.1:1 17.2:4 17.3:2
"""
"""Sections of OWASP ASVS 5.0.0, and up to which number their requirements are of level 1 or 2."""


def asvs_rows():
    for row in re.findall(
        r"^\| (\d[^|]*) \| [^|]+ \| ([^|]+) \| (.+) \|$", (ROOT / "docs/asvs.md").read_text("utf-8"), re.MULTILINE
    ):
        numbers, verdict, place = row
        yield numbers.split(", "), verdict, place


def test_every_requirement_of_asvs_stands_once():
    asked = [
        f"{section}.{n + 1}" for section, _, last in (e.partition(":") for e in ASVS.split()) for n in range(int(last))
    ]
    told = [number for numbers, _, _ in asvs_rows() for number in numbers]

    assert len(asked) == 253
    assert sorted(told) == sorted(asked)


def test_what_meets_a_requirement_of_asvs_is_shown_and_what_does_not_is_counted():
    counted = Counter()
    for numbers, verdict, place in asvs_rows():
        counted[verdict] += len(numbers)
        assert verdict in {"met", "**not met**", "n/a"}
        assert (
            "](" in place
            or verdict != "met"
            or place.startswith(("the same", "as ", "ruff", "what Python", "inside one"))
        ), numbers

    page = (ROOT / "docs/asvs.md").read_text("utf-8")
    missed = {number for numbers, verdict, _ in asvs_rows() if verdict == "**not met**" for number in numbers}
    summed_up = page.partition("In short:")[2].partition("\n## ")[0]
    assert set(re.findall(r"\d+\.\d+\.\d+", summed_up)) == missed

    said = re.search(
        r"(\d+) requirements: (\d+) met, (\d+) not met, (\d+) not", (ROOT / "docs/asvs.md").read_text("utf-8")
    )
    assert said is not None
    assert [int(number) for number in said.groups()] == [253, counted["met"], counted["**not met**"], counted["n/a"]]


if __name__ == "__main__":
    main()
