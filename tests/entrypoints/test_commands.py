import subprocess
import sys

import pytest
from typer.main import get_group

from ecolink.entrypoints.cli import app
from ecolink.entrypoints.cli.commands import COMMANDS, Later
from tests.entrypoints.conftest import Run

LIBRARIES = {"sqlalchemy", "pydantic", "fastapi", "httpx", "cryptography"}
WEB = {"fastapi", "starlette", "uvicorn"}
PAINTERS = {"rich", "pygments"}
OTHERS_TOOLS = {"sqlalchemy.dialects.postgresql", "greenlet", "watchfiles"}
INSIDE = {"jinja2", "jose", "ecolink.console.app", "ecolink.web.local_api", "ecolink.web.routers"}
"""What only people and programs of the bureau make use of, by API or console."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 5


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_of_commands_says_of_each_what_its_own_help_begins_with(command: str) -> None:
    listed = get_group(app).commands[command]
    assert isinstance(listed, Later)
    assert listed.get_short_help_str(1000) == listed.fetch().get_short_help_str(1000)


def test_a_persons_command_tells_beside_its_own_options_those_that_say_who_calls(run: Run) -> None:
    own, callers = ("--state", "--json"), ("--api", "--user", "--password-file")
    for command in ("lead", "consultation", "exchange", "liaison"):
        told = run(command, "list", "--help").stdout
        assert [option for option in (*own, *callers) if f"  {option} " not in told] == []
        assert "context" not in told


@pytest.mark.parametrize("command", ["--help", "--version"])
def test_who_asks_what_ecolink_can_do_does_not_wait_for_what_it_does_it_with(command: str) -> None:
    asked = f"import sys; from ecolink.entrypoints.cli import app; app(['{command}'], standalone_mode=False)"
    stdout, imported = told_and_imported(asked)
    assert "ecolink" in stdout
    assert not LIBRARIES & imported


@pytest.mark.parametrize(
    ("work", "idle"),
    [
        ("ecolink.entrypoints.worker", WEB | PAINTERS | OTHERS_TOOLS | INSIDE),
        ("ecolink.entrypoints.serving", PAINTERS | OTHERS_TOOLS | INSIDE),
    ],
)
def test_a_node_at_work_holds_nothing_it_has_no_use_for(work: str, idle: set[str]) -> None:
    _, imported = told_and_imported(f"import sys, {work}")
    assert "structlog" in imported
    assert not idle & imported


def test_a_node_builds_a_model_when_it_first_uses_it() -> None:
    stdout, _ = told_and_imported(
        "import sys; from ecolink.kit.imports import models_built_when_used as later\n"
        "with later(): from ecolink.protocol.kinds.bulletins import BulletinReadV1 as Read\n"
        "built = [Read.__pydantic_complete__]\n"
        "Read.model_json_schema(); built.append(Read.__pydantic_complete__)\n"
        "from pydantic import create_model; print(*built, create_model('After').__pydantic_complete__)"
    )
    assert stdout.split() == ["False", "True", "True"]


def test_a_node_makes_routes_without_the_former_models_that_fastapi_would_import_to_refuse_them() -> None:
    _, imported = told_and_imported(
        "import sys; from ecolink.kit.imports import FORMER_MODELS, do_without; do_without(FORMER_MODELS)\n"
        "from fastapi import FastAPI; app = FastAPI()\n"
        "app.get('/leads')(lambda state: None)"
    )
    assert "fastapi.routing" in imported
    assert "pydantic.v1.main" not in imported


def test_a_command_that_shows_tables_in_colour_still_can() -> None:
    _, imported = told_and_imported("import sys, ecolink.entrypoints.wiring, rich.table, pygments")
    assert imported >= PAINTERS


def told_and_imported(program: str) -> tuple[str, set[str]]:
    told = subprocess.run(
        [sys.executable, "-c", f"{program}; print(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout, set(told.stderr.split())
