"""`ecolink consultation` and `ecolink calendar`: what a person calls, answers, signs and subscribes to."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.entrypoints.cli.api import ApiAddress, PasswordFile, User, open_api, read_document
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_record, print_rows, say

PATH = "/api/v1/consultations"
FEEDS = "/api/v1/me/calendar-feeds"

app = typer.Typer(help="Call, answer, hold and conclude consultations, as yourself.", no_args_is_help=True)
calendar = typer.Typer(help="Addresses at which your calendar program reads what is due.", no_args_is_help=True)

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


@app.command("list", help="List consultations, the newest first.")
def list_(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    partner: Annotated[str | None, typer.Option(help="Only those with this bureau.")] = None,
    awaits_us: Annotated[bool, typer.Option("--awaits-us", help="Only those that wait for our word.")] = False,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show one line for each."""
    wanted = [("state", state), ("partner", partner), ("awaits_us", "true" if awaits_us else None)]
    with open_api(context, api, user, password_file) as opened:
        items = opened.get(PATH, wanted).document["items"]
    print_rows(items if as_json else [_row(item) for item in items], as_json=as_json, empty="None found.")


@app.command(help="Show one consultation with its minutes and tasks.")
def show(
    context: typer.Context,
    consultation_id: ConsultationId,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the whole of it."""
    with open_api(context, api, user, password_file) as opened:
        print_record(opened.get(f"{PATH}/{consultation_id}").document, as_json=as_json)


@app.command(help="Invite other bureaus, as a JSON file says.")
def call(
    context: typer.Context,
    file: Document,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Send the invitation."""
    with open_api(context, api, user, password_file) as opened:
        _tell(opened.post(PATH, read_document(file)).document, as_json=as_json)


@app.command(help="Answer an invitation, set the date, call it off, or write the minutes, as a JSON file says.")
def tell(
    context: typer.Context,
    consultation_id: ConsultationId,
    step: Annotated[Step, typer.Argument(help="What the file holds.")],
    file: Document,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Say it to all who were invited."""
    with open_api(context, api, user, password_file) as opened:
        _tell(opened.post(f"{PATH}/{consultation_id}/{step}", read_document(file)).document, as_json=as_json)


@app.command(help="Sign the minutes, or object to them with a reason.")
def sign(
    context: typer.Context,
    consultation_id: ConsultationId,
    minutes: Annotated[str, typer.Argument(metavar="DIGEST", help="The minutes you read, as `show` names them.")],
    objection: Annotated[str | None, typer.Option("--object", help="Why you do not sign them.")] = None,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign exactly the minutes that were read."""
    said = {"minutes": minutes} if objection is None else {"minutes": minutes, "reason": objection}
    step = "confirm" if objection is None else "object"
    with open_api(context, api, user, password_file) as opened:
        _tell(opened.post(f"{PATH}/{consultation_id}/{step}", said).document, as_json=as_json)


@app.command(help="Tell how a task of ours goes.")
def task(
    context: typer.Context,
    consultation_id: ConsultationId,
    code: Annotated[str, typer.Argument(metavar="CODE", help="T1, T2 …")],
    status: Annotated[Status, typer.Argument()],
    note: Annotated[str | None, typer.Option(help="What was done, or why it is not possible.")] = None,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Tell all who took part."""
    said = {"status": status.value, "note": note}
    with open_api(context, api, user, password_file) as opened:
        _tell(opened.post(f"{PATH}/{consultation_id}/tasks/{code}", said).document, as_json=as_json)


@calendar.command(help="Make an address for a calendar program, shown once. It needs no login: keep it to yourself.")
def add(
    context: typer.Context,
    label: Annotated[str, typer.Argument(help="What you will know it by, such as the device.")],
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an address."""
    with open_api(context, api, user, password_file) as opened:
        told = opened.post(FEEDS, {"label": label}).document
    if as_json:
        print_json(told)
    else:
        say(told["address"])


@calendar.command("list", help="List your calendar addresses; the addresses themselves are not told again.")
def addresses(
    context: typer.Context,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show one line for each."""
    with open_api(context, api, user, password_file) as opened:
        print_rows(opened.get(FEEDS).document["items"], as_json=as_json, empty="None.")


@calendar.command(help="End a calendar address: from now on it answers nobody.")
def revoke(
    context: typer.Context,
    feed_id: Annotated[str, typer.Argument(metavar="ID")],
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
) -> None:
    """End it."""
    with open_api(context, api, user, password_file) as opened:
        opened.delete(f"{FEEDS}/{feed_id}")
    say("Revoked.")


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("id", "state", "title", "meets_at", "where", "awaits_us", "open_tasks")
    return {name: item[name] for name in shown}


def _tell(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    say(f"consultation {told['id']}: {told['state']}.")
