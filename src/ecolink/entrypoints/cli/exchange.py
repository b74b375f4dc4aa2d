"""`ecolink exchange`: the quarterly packages, as a person writes, approves, reads, rates, signs off and prints them."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.entrypoints.cli.api import Api
from ecolink.entrypoints.cli.files import read_document, write
from ecolink.entrypoints.cli.person import logged_in
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_record, print_rows, say
from ecolink.errors import InvalidError

PATH = "/api/v1/exchanges"

app = typer.Typer(help="Write, approve, read, rate and sign off quarterly packages, as yourself.", no_args_is_help=True)

ExchangeId = Annotated[str, typer.Argument(metavar="ID")]
Package = Annotated[str, typer.Argument(metavar="DIGEST", help="The package you read, as `show` names it.")]


@app.command("list")
@logged_in
def list_(
    api: Api,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    agreement: Annotated[str | None, typer.Option(help="Only those under this agreement.")] = None,
    period: Annotated[str | None, typer.Option(help="Only those of this period: 2026-Q3.")] = None,
    as_json: AsJson = False,
) -> None:
    """List exchanges, the latest period first."""
    wanted = [("state", state), ("agreement", agreement), ("period", period)]
    items = api.get(PATH, wanted).document["items"]
    print_rows(items if as_json else [_row(item) for item in items], as_json=as_json, empty="None found.")


@app.command()
@logged_in
def show(api: Api, exchange_id: ExchangeId, as_json: AsJson = False) -> None:
    """Show one exchange with every party's package."""
    print_record(api.get(f"{PATH}/{exchange_id}").document, as_json=as_json)


@app.command("compile")
@logged_in
def compile_(
    api: Api,
    obligation: Annotated[str, typer.Argument(metavar="KEY", help="The obligation: sn-qy-151/exchange/2026-Q3.")],
    as_json: AsJson = False,
) -> None:
    """Draw up our package for an exchange the node did not open by itself."""
    _tell(api.post(PATH, {"obligation": obligation}).document, as_json=as_json)


@app.command()
@logged_in
def draft(
    api: Api,
    exchange_id: ExchangeId,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A JSON file; - is standard input.")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Take its figures anew.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show our draft, or write into it what a JSON file says."""
    path = f"{PATH}/{exchange_id}/draft"
    found = api.get(path)
    if renew:
        found = api.step(f"{path}/renew", found)
    if file is not None:
        found = api.put(path, found, read_document(file))
    print_record(found.document, as_json=as_json)


@app.command()
@logged_in
def approve(api: Api, exchange_id: ExchangeId, as_json: AsJson = False) -> None:
    """Approve the draft somebody else wrote, and send it to all parties."""
    path = f"{PATH}/{exchange_id}/draft"
    read = api.get(path)
    if sys.stdin.isatty():
        print_record(read.document, as_json=False)
        typer.confirm("Approve this and send it?", abort=True)
    _tell(api.step(f"{path}/approve", read).document, as_json=as_json)


@app.command()
@logged_in
def correct(
    api: Api,
    exchange_id: ExchangeId,
    because: Annotated[str, typer.Option(help="What is corrected, and why.")],
    as_json: AsJson = False,
) -> None:
    """Begin a correction of the package we sent."""
    begun = api.post(f"{PATH}/{exchange_id}/correct", {"correction": because})
    print_record(begun.document, as_json=as_json)


@app.command()
@logged_in
def read(api: Api, exchange_id: ExchangeId, package: Package, as_json: AsJson = False) -> None:
    """Say that you have read a party's package."""
    _tell(api.post(f"{PATH}/{exchange_id}/read", {"package": package}).document, as_json=as_json)


@app.command()
@logged_in
def feedback(
    api: Api,
    exchange_id: ExchangeId,
    package: Package,
    usefulness: Annotated[int, typer.Option(min=1, max=5, help="1: of no use; 5: of great use.")],
    remarks: Annotated[str | None, typer.Option(help="In a few words.")] = None,
    correction: Annotated[str | None, typer.Option(help="What should be corrected.")] = None,
    as_json: AsJson = False,
) -> None:
    """Feed back on a party's package."""
    said = {"package": package, "usefulness": usefulness, "remarks": remarks, "correction_wanted": correction}
    _tell(api.post(f"{PATH}/{exchange_id}/feedback", said).document, as_json=as_json)


@app.command("sign-off")
@logged_in
def sign_off(
    api: Api,
    exchange_id: ExchangeId,
    digest: Annotated[str, typer.Argument(metavar="DIGEST", help="`sign_off` `digest`, as `show` names it.")],
    as_json: AsJson = False,
) -> None:
    """Sign the exchange off as you read it."""
    _tell(api.post(f"{PATH}/{exchange_id}/sign-off", {"digest": digest}).document, as_json=as_json)


@app.command("print")
@logged_in
def print_(
    api: Api,
    exchange_id: ExchangeId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .pdf or .html.")],
    package: Annotated[str | None, typer.Option(metavar="DIGEST", help="Whose package; our draft if not said.")] = None,
) -> None:
    """Write a package, or our draft, into a file: a PDF, or a page for the browser."""
    form = file.suffix.removeprefix(".").lower()
    if form not in {"pdf", "html"}:
        raise InvalidError(f"{file} must end in .pdf or .html.", f"{file} 须以 .pdf 或 .html 结尾。")
    what = "draft" if package is None else f"packages/{package}"
    content = api.fetch(f"{PATH}/{exchange_id}/{what}/document", [("format", form)])
    write(file, content)
    say(f"{file}: {len(content)} bytes.")


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": item["id"],
        "obligation": item["obligation"],
        "parties": [party["name_zh"] for party in item["parties"]],
        "state": item["state"],
        "submitted": item["submitted"],
        "ours": item["ours"],
        "overdue": item["overdue"],
        "due_at": item["due_at"],
    }


def _tell(told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    say(f"exchange {told['id']} ({told['obligation']}): {told['state'].replace('_', ' ')}.")
    if told["may"]:
        say(f"To do here: {', '.join(move.replace('_', '-') for move in told['may'])}.")
