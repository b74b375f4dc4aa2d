"""`ecolink exchange`: the quarterly packages, as a person writes, approves, reads, rates, signs off and prints them."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.entrypoints.cli.api import ApiAddress, PasswordFile, User, open_api, read_document
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_record, print_rows, say
from ecolink.errors import SettingError

PATH = "/api/v1/exchanges"

app = typer.Typer(help="Write, approve, read, rate and sign off quarterly packages, as yourself.", no_args_is_help=True)

ExchangeId = Annotated[str, typer.Argument(metavar="ID")]
Package = Annotated[str, typer.Argument(metavar="DIGEST", help="The package you read, as `show` names it.")]


@app.command("list", help="List exchanges, the latest period first.")
def list_(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    agreement: Annotated[str | None, typer.Option(help="Only those under this agreement.")] = None,
    period: Annotated[str | None, typer.Option(help="Only those of this period: 2026-Q3.")] = None,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show one line for each."""
    wanted = [("state", state), ("agreement", agreement), ("period", period)]
    with open_api(context, api, user, password_file) as opened:
        items = opened.get(PATH, wanted).document["items"]
    print_rows(items if as_json else [_row(item) for item in items], as_json=as_json, empty="None found.")


@app.command(help="Show one exchange with every party's package.")
def show(
    context: typer.Context,
    exchange_id: ExchangeId,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the whole of it."""
    with open_api(context, api, user, password_file) as opened:
        print_record(opened.get(f"{PATH}/{exchange_id}").document, as_json=as_json)


@app.command("compile", help="Draw up our package for an exchange the node did not open by itself.")
def compile_(
    context: typer.Context,
    obligation: Annotated[str, typer.Argument(metavar="KEY", help="The obligation: sn-qy-151/exchange/2026-Q3.")],
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Make up for one missed long ago."""
    with open_api(context, api, user, password_file) as opened:
        _tell(opened.post(PATH, {"obligation": obligation}).document, as_json=as_json)


@app.command(help="Show our draft, or write into it what a JSON file says.")
def draft(
    context: typer.Context,
    exchange_id: ExchangeId,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A JSON file; - is standard input.")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Take its figures anew.")] = False,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show it as it is then."""
    path = f"{PATH}/{exchange_id}/draft"
    with open_api(context, api, user, password_file) as opened:
        found = opened.get(path)
        if renew:
            found = opened.step(f"{path}/renew", found)
        if file is not None:
            found = opened.put(path, found, read_document(file))
    print_record(found.document, as_json=as_json)


@app.command(help="Approve the draft somebody else wrote, and send it to all parties.")
def approve(
    context: typer.Context,
    exchange_id: ExchangeId,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show it before, where somebody looks."""
    path = f"{PATH}/{exchange_id}/draft"
    with open_api(context, api, user, password_file) as opened:
        read = opened.get(path)
        if sys.stdin.isatty():
            print_record(read.document, as_json=False)
            typer.confirm("Approve this and send it?", abort=True)
        _tell(opened.step(f"{path}/approve", read).document, as_json=as_json)


@app.command(help="Begin a correction of the package we sent.")
def correct(
    context: typer.Context,
    exchange_id: ExchangeId,
    because: Annotated[str, typer.Option(help="What is corrected, and why.")],
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the draft it begins with."""
    with open_api(context, api, user, password_file) as opened:
        begun = opened.post(f"{PATH}/{exchange_id}/correct", {"correction": because})
    print_record(begun.document, as_json=as_json)


@app.command(help="Say that you have read a party's package.")
def read(
    context: typer.Context,
    exchange_id: ExchangeId,
    package: Package,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Tell all parties."""
    with open_api(context, api, user, password_file) as opened:
        _tell(opened.post(f"{PATH}/{exchange_id}/read", {"package": package}).document, as_json=as_json)


@app.command(help="Feed back on a party's package.")
def feedback(
    context: typer.Context,
    exchange_id: ExchangeId,
    package: Package,
    usefulness: Annotated[int, typer.Option(min=1, max=5, help="1: of no use; 5: of great use.")],
    remarks: Annotated[str | None, typer.Option(help="In a few words.")] = None,
    correction: Annotated[str | None, typer.Option(help="What should be corrected.")] = None,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Tell all parties."""
    said = {"package": package, "usefulness": usefulness, "remarks": remarks, "correction_wanted": correction}
    with open_api(context, api, user, password_file) as opened:
        _tell(opened.post(f"{PATH}/{exchange_id}/feedback", said).document, as_json=as_json)


@app.command("sign-off", help="Sign the exchange off as you read it.")
def sign_off(
    context: typer.Context,
    exchange_id: ExchangeId,
    digest: Annotated[str, typer.Argument(metavar="DIGEST", help="`sign_off` `digest`, as `show` names it.")],
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign exactly the packages that were read."""
    with open_api(context, api, user, password_file) as opened:
        _tell(opened.post(f"{PATH}/{exchange_id}/sign-off", {"digest": digest}).document, as_json=as_json)


@app.command("print", help="Write a package, or our draft, into a file: a PDF, or a page for the browser.")
def print_(
    context: typer.Context,
    exchange_id: ExchangeId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .pdf or .html.")],
    package: Annotated[str | None, typer.Option(metavar="DIGEST", help="Whose package; our draft if not said.")] = None,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
) -> None:
    """Take the form from the file's name."""
    form = file.suffix.removeprefix(".").lower()
    if form not in {"pdf", "html"}:
        raise SettingError(f"{file} must end in .pdf or .html.", f"{file} 须以 .pdf 或 .html 结尾。")
    what = "draft" if package is None else f"packages/{package}"
    with open_api(context, api, user, password_file) as opened:
        content = opened.fetch(f"{PATH}/{exchange_id}/{what}/document", [("format", form)])
    try:
        file.write_bytes(content)
    except OSError as fault:
        raise SettingError(f"{file} cannot be written: {fault}", f"无法写入 {file}：{fault}") from None
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
