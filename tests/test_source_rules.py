"""What the source may do where: rules of ecolink's own, beside ruff's (docs/decisions/0034-no-bandit.md).

Read from the syntax tree, so that a new place has to be added here, and be thought about.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/ecolink"

ALLOWED = {
    "a connection to elsewhere": (
        {"aiohttp", "ftplib", "http.client", "httpcore", "httpx", "requests", "smtplib", "socket", "urllib.request"},
        {
            "egress.py",  # the way out, guarded
            "alerts/postman.py",  # mail, by addresses that the way out lets pass
            "entrypoints/cli/api.py",  # a person's command to their own node
            "entrypoints/cli/person.py",
            "entrypoints/serving.py",  # listens
            "entrypoints/handshake.py",  # the sockets of those who came
            "storage/listening.py",  # waits on the database's own socket, and wakes itself by a pair of them
            "entrypoints/backup/restoring.py",  # looks whether a node listens
            "entrypoints/demo/houses.py",
            "entrypoints/demo/people.py",
        },
    ),
    "an object out of bytes": (
        {"dill", "jsonpickle", "marshal", "pickle", "shelve"},
        {"federation/helper.py"},  # with the node's own helper process, over a pipe nobody else has
    ),
    "another program": (
        {"pty", "subprocess"},
        {"federation/readers.py", "entrypoints/backup/postgres.py", "entrypoints/demo/houses.py"},
    ),
    "the settings of TLS": (
        {"ssl"},
        {
            "egress.py",
            "federation/transport.py",
            "alerts/postman.py",
            "alerts/post_office.py",
            "entrypoints/serving.py",
            "entrypoints/handshake.py",
            "entrypoints/wiring.py",
            "entrypoints/cli/person.py",
        },
    ),
    "XML": ({"lxml", "xml"}, set()),
    "lenient tokens": ({"jose"}, {"identity/tokens.py"}),
}
"""What each list of modules gives, and the only files that may have it."""

_SECRET = re.compile(r"password|passphrase|secret|token|credential|signature|digest_of")


@cache
def trees() -> dict[str, ast.Module]:
    return {str(path.relative_to(SOURCE)): ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("what", ALLOWED)
def test_only_these_modules_do_what_is_dangerous(what):
    given_by, files = ALLOWED[what]
    wanted = {name for name, tree in trees().items() if any(_gives(given_by, module) for module in imported(tree))}

    assert wanted == files


def _gives(given_by: set[str], module: str) -> bool:
    return any(module == giver or module.startswith(f"{giver}.") for giver in given_by)


def test_no_security_rule_is_set_aside_without_a_reason_on_its_line():
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("src", "scripts", "migrations")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"# noqa: [A-Z0-9, ]*\bS\d", line) and not re.search(r"# noqa: [A-Z0-9, ]+ - \w", line)
    ]
    assert not bare


def test_secrets_are_compared_in_constant_time():
    compared = [
        f"{name}:{node.lineno}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        if any(_SECRET.search(_name(side)) for side in (node.left, *node.comparators))
    ]
    the_callers_own = (
        "web/profile.py:",
        "console/account/pages.py:",
    )  # a new password with the present one, typed twice
    assert [place for place in compared if not place.startswith(the_callers_own)] == []


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
