"""A command line in a bare environment and an empty folder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from ecolink.entrypoints.cli import app

Run = Callable[..., Result]


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
    runner = CliRunner()

    def run(*arguments: object, input: str | None = None) -> Result:  # noqa: A002
        return runner.invoke(app, [str(argument) for argument in arguments], input=input)

    return run
