"""Two bureaus with real nodes and the people who sit at their consoles."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page

from ecolink.exchanges.emergencies.border import shipped_file
from tests.entrypoints.processes import ECOLINK, Program
from tests.processes.bureau import PASSWORD, Bureau, introduce
from tests.support.town import QINGYUAN, SHOUNING

CAST = {
    "chief": ("陈远山", ("chief",)),
    "liaison": ("周小河", ("liaison_officer", "intake_reviewer")),
    "officer": ("吴建国", ("officer",)),
    "auditor": ("郑明鉴", ("auditor",)),
    "integrator": ("林接口", ("integrator",)),
    "administrator": ("沈管理", ("administrator",)),
}
"""Login → name and roles: the same at both bureaus, and all fictional."""


@dataclass(frozen=True)
class Node:
    """One bureau's running node, as a browser reaches it; `bureau` speaks to its API."""

    bureau: Bureau

    @property
    def address(self) -> str:
        """Where its own people reach it."""
        return f"http://127.0.0.1:{self.bureau.local_port}"

    @property
    def unit_code(self) -> str:
        """The bureau's code."""
        return self.bureau.unit_code


def enter(page: Page, node: Node, login: str, path: str = "/") -> None:
    """Sign in as one of `CAST`, on the way to a page."""
    sign_in(page, node.address, login, PASSWORD, path)


def sign_in(page: Page, address: str, login: str, password: str, path: str = "/") -> None:
    """Sign in at a node, on the way to a page."""
    page.goto(f"{address}{path}")
    page.locator("[name='/username']").fill(login)
    page.locator("[name='/password']").fill(password)
    page.locator("form[action='/sign-in'] [type=submit]").click()
    page.locator("nav.subjects").wait_for()


@contextmanager
def running(folder: Path, program: Program = ECOLINK) -> Iterator[tuple[Node, Node]]:
    """Found Shouning and Qingyuan in `folder`, introduce them to each other, and run them until the block ends."""
    bureaus = tuple(Bureau(code, folder / code / "ecolink.toml", None) for code in (SHOUNING, QINGYUAN))
    with ExitStack() as both:
        environment = both.enter_context(pytest.MonkeyPatch.context())
        for name in [name for name in os.environ if name.startswith("ECOLINK_")]:
            environment.delenv(name)
        for bureau in bureaus:
            bureau.found()
            _employ(bureau)
            with bureau.config.open("a", encoding="utf-8") as settings:
                settings.write(f"\nborder_file = '{shipped_file()}'\nalert_networks = ['127.0.0.0/8']\n")
        introduce(*bureaus)
        for bureau in bureaus:
            both.enter_context(bureau.process("serve", program=program))
        yield Node(bureaus[0]), Node(bureaus[1])


def _employ(bureau: Bureau) -> None:
    password = bureau.config.parent / "password"
    for login, (name, roles) in CAST.items():
        granted = (option for role in roles for option in ("--role", role))
        told = ("--password-file", password, "--no-must-change", "--json")
        bureau.run("user", "add", login, "--name", name, *granted, *told)
