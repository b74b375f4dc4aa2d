"""`ecolink consultation`: what a person calls, answers, holds and signs."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.entrypoints.cli.api import Api
from ecolink.entrypoints.cli.files import read_document
from ecolink.entrypoints.cli.person import logged_in
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_record, print_rows, say

PATH = "/api/v1/consultations"

app = typer.Typer(help="Call, answer, hold and conclude consultations, as yourself.", no_args_is_help=True)

ConsultationId = Annotated[str, typer.Argument(metavar="ID")]
Document = Annotated[Path, typer.Argument(metavar="FILE", help="A JSON file; - is standard input.")]


class Step(StrEnum):
    """What is said with a document of its own."""

    ANSWER = "answer"
    DATE = "date"
    CANCEL = "cancel"
    MINUTES = "minutes"


class Status(StrEnum):
    """How a task goes."""

    UNDER_WAY = "under_way"
    DONE = "done"
    NOT_POSSIBLE = "not_possible"


@app.command("list")
@logged_in
def list_(
    api: Api,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    partner: Annotated[str | None, typer.Option(help="Only those with this bureau.")] = None,
    awaits_us: Annotated[bool, typer.Option("--awaits-us", help="Only those that wait for our word.")] = False,
    as_json: AsJson = False,
) -> None:
    """List consultations, the newest first."""
    wanted = [("state", state), ("partner", partner), ("awaits_us", "true" if awaits_us else None)]
    items = api.get(PATH, wanted).document["items"]
    print_rows(items if as_json else [_row(item) for item in items], as_json=as_json, empty="None found.")


@app.command()
@logged_in
def show(api: Api, consultation_id: ConsultationId, as_json: AsJson = False) -> None:
    """Show one consultation with its minutes and tasks."""
    print_record(api.get(f"{PATH}/{consultation_id}").document, as_json=as_json)


@app.command()
@logged_in
def call(api: Api, file: Document, as_json: AsJson = False) -> None:
    """Invite other bureaus, as a JSON file says."""
    _tell(api.post(PATH, read_document(file)).document, as_json=as_json)


@app.command()
@logged_in
def tell(
    api: Api,
    consultation_id: ConsultationId,
    step: Annotated[Step, typer.Argument(help="What the file holds.")],
    file: Document,
    as_json: AsJson = False,
) -> None:
    """Answer an invitation, set the date, call it off, or write the minutes, as a JSON file says."""
    _tell(api.post(f"{PATH}/{consultation_id}/{step}", read_document(file)).document, as_json=as_json)


@app.command()
@logged_in
def sign(
    api: Api,
    consultation_id: ConsultationId,
    minutes: Annotated[str, typer.Argument(metavar="DIGEST", help="The minutes you read, as `show` names them.")],
    objection: Annotated[str | None, typer.Option("--object", help="Why you do not sign them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign the minutes, or object to them with a reason."""
    said = {"minutes": minutes} if objection is None else {"minutes": minutes, "reason": objection}
    step = "confirm" if objection is None else "object"
    _tell(api.post(f"{PATH}/{consultation_id}/{step}", said).document, as_json=as_json)


@app.command()
@logged_in
def task(
    api: Api,
    consultation_id: ConsultationId,
    code: Annotated[str, typer.Argument(metavar="CODE", help="T1, T2 …")],
    status: Annotated[Status, typer.Argument()],
    note: Annotated[str | None, typer.Option(help="What was done, or why it is not possible.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell how a task of ours goes."""
    said = {"status": status.value, "note": note}
    _tell(api.post(f"{PATH}/{consultation_id}/tasks/{code}", said).document, as_json=as_json)


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("id", "state", "title", "meets_at", "where", "awaits_us", "open_tasks")
    return {name: item[name] for name in shown}


def _tell(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    say(f"consultation {told['id']}: {told['state']}.")
