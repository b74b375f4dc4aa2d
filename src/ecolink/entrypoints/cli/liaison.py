"""`ecolink liaison`: the monthly contacts, as a person records, signs, objects to and reads them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.entrypoints.cli.api import Api
from ecolink.entrypoints.cli.files import read_document
from ecolink.entrypoints.cli.person import logged_in
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_record, print_rows, say

PATH = "/api/v1/liaison-contacts"

app = typer.Typer(help="Record, confirm and read monthly contacts, as yourself.", no_args_is_help=True)

ContactId = Annotated[str, typer.Argument(metavar="ID")]
RecordDigest = Annotated[str, typer.Argument(metavar="DIGEST", help="The record you read, as `show` names it.")]
Reason = Annotated[str, typer.Argument(metavar="REASON")]
Document = Annotated[Path, typer.Argument(metavar="FILE", help="A JSON file; - is standard input.")]


@app.command("list")
@logged_in
def list_(
    api: Api,
    partner: Annotated[str | None, typer.Option(help="Only those with this bureau.")] = None,
    state: Annotated[str | None, typer.Option(help="awaiting, objected, confirmed or withdrawn.")] = None,
    to_confirm: Annotated[bool, typer.Option("--to-confirm", help="Only those that wait for our word.")] = False,
    as_json: AsJson = False,
) -> None:
    """List contacts, the latest first."""
    wanted = [("partner", partner), ("state", state), ("to_confirm", "true" if to_confirm else None)]
    items = api.get(PATH, wanted).document["items"]
    print_rows(items if as_json else [_row(item) for item in items], as_json=as_json, empty="None found.")


@app.command()
@logged_in
def due(api: Api, as_json: AsJson = False) -> None:
    """List the contacts that are due, with what is open between the bureaus."""
    items = api.get(f"{PATH}/forms").document["items"]
    rows = items if as_json else [_form_row(item) for item in items]
    print_rows(rows, as_json=as_json, empty="No contact is due.")


@app.command()
@logged_in
def form(api: Api, partner: Annotated[str, typer.Argument(metavar="UNIT_CODE")]) -> None:
    """Print a JSON file to complete and to give to `record`: what is open with a bureau stands in it."""
    print_json(_to_complete(_find_form(api, partner)))


@app.command()
@logged_in
def show(api: Api, contact_id: ContactId, as_json: AsJson = False) -> None:
    """Show one contact: what was said, who signed it, every record of it."""
    print_record(api.get(f"{PATH}/{contact_id}").document, as_json=as_json)


@app.command()
@logged_in
def record(
    api: Api,
    file: Document,
    contact_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    as_json: AsJson = False,
) -> None:
    """Record a contact that was held, as a JSON file says; given an id, correct our record of it."""
    written = read_document(file)
    if contact_id is None:
        told = api.post(PATH, written)
    else:
        standing = api.get(f"{PATH}/{contact_id}").document["record"]
        again = {name: value for name, value in written.items() if name != "partners"}  # they stay who they were
        told = api.post(f"{PATH}/{contact_id}/correct", {"record": standing, **again})
    _tell(told.document, as_json=as_json)


@app.command()
@logged_in
def confirm(api: Api, contact_id: ContactId, digest: RecordDigest, as_json: AsJson = False) -> None:
    """Sign another bureau's record: exactly the one you read."""
    told = api.post(f"{PATH}/{contact_id}/confirm", {"record": digest})
    _tell(told.document, as_json=as_json)


@app.command("object")
@logged_in
def object_(api: Api, contact_id: ContactId, digest: RecordDigest, reason: Reason, as_json: AsJson = False) -> None:
    """Say why we do not sign a record as it stands."""
    told = api.post(f"{PATH}/{contact_id}/object", {"record": digest, "reason": reason})
    _tell(told.document, as_json=as_json)


@app.command()
@logged_in
def withdraw(api: Api, contact_id: ContactId, digest: RecordDigest, reason: Reason, as_json: AsJson = False) -> None:
    """Take back a record of ours that not all have signed."""
    told = api.post(f"{PATH}/{contact_id}/withdraw", {"record": digest, "reason": reason})
    _tell(told.document, as_json=as_json)


def _find_form(api: Api, partner: str) -> Mapping[str, Any]:
    forms = api.get(f"{PATH}/forms").document["items"]
    due_with_it = (each for each in forms if each["partners"] == [partner])
    return next(due_with_it, None) or dict(api.get(f"{PATH}/form", [("partner", partner)]).document)


def _to_complete(form: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("partner", "topic", "owing", "count", "threads")
    return {
        "partners": form["partners"],
        "agreement": form["agreement"],
        "makes_up": form["makes_up"],
        "held_at": "",
        "method": "call",
        "topics": [],
        "conclusions": None,
        "nothing_to_report": False,
        "participants": [],
        "open_matters": [{name: each[name] for name in shown} for each in form["open_matters"]],
    }


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    signed = sum(party["signed_at"] is not None for party in item["parties"])
    return {
        "id": item["id"],
        "held_at": item["held_at"],
        "parties": "、".join(party["name_zh"] for party in item["parties"]),
        "method": item["method_zh"],
        "state": item["state"],
        "signed": f"{signed}/{len(item['parties'])}",
        "makes_up": item["makes_up"],
        "may": " ".join(item["may"]),
    }


def _form_row(form: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "obligation": form["obligation"],
        "due_on": form["due_on"],
        "overdue": form["overdue"],
        "with": " ".join(form["partners"]),
        "open": "；".join(f"{each['zh']} {each['count']}" for each in form["open_matters"]),
        "to_confirm": " ".join(form["to_confirm"]),
    }


def _tell(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    say(f"contact {told['id']}, record {told['record']}: {told['state']}.")
