"""A command line in a bare environment and an empty folder."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from ecolink.entrypoints.cli import app

Run = Callable[..., Result]

NODES = {
    "350924000000": ("寿宁县公安局", "Shouning County Public Security Bureau", "0593-0000001", "shouning"),
    "331126000000": ("庆元县公安局", "Qingyuan County Public Security Bureau", "0578-0000002", "qingyuan"),
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("ECOLINK_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run() -> Run:
    """Run `ecolink` with arguments, in this process."""
    return run_here


def run_here(*arguments: object, input: str | None = None) -> Result:  # noqa: A002 - as click names it
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=input)


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a freshly initialised node for each bureau, to be copied."""
    folder = tmp_path_factory.mktemp("initialised")
    for unit_code in NODES:
        init(run_here, folder, unit_code)
    return folder


@pytest.fixture
def shouning(initialised: Path, tmp_path: Path) -> Path:
    shutil.copytree(initialised / "shouning", tmp_path / "shouning")
    return tmp_path / "shouning" / "ecolink.toml"


@pytest.fixture
def qingyuan(initialised: Path, tmp_path: Path) -> Path:
    shutil.copytree(initialised / "qingyuan", tmp_path / "qingyuan")
    return tmp_path / "qingyuan" / "ecolink.toml"


def init(run: Run, folder: Path, unit_code: str, *more: str) -> Path:
    name_zh, name_en, phone, slug = NODES[unit_code]
    config = folder / slug / "ecolink.toml"
    options = ("--unit-code", unit_code, "--name-zh", name_zh, "--name-en", name_en, "--duty-phone", phone)
    result = run("--config", config, "init", *options, "--json", *more)
    assert result.exit_code == 0, result.output
    return config


def refusal(result: Result) -> str:
    """Return the one line in which a command refused."""
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.strip().splitlines()
    return line.removeprefix("ecolink: ")
