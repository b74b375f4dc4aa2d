"""`ecolink waiver`: let an obligation go, where all parties agree, each with its reason; as a head or the chief."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ecolink.entrypoints.cli.api import Api, ApiAddress, PasswordFile, User, open_api
from ecolink.entrypoints.cli.cadence import OBLIGATIONS
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_rows
from ecolink.errors import NotFoundError

app = typer.Typer(help="Let an obligation go, where all parties agree.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(metavar="KEY", help="The obligation: sn-qy-151/liaison/2026-07.")]
Reason = Annotated[str, typer.Option(help="Why; it is signed and told to all parties, and names no person.")]
Word = Literal["accept", "decline", "withdraw"]


@app.command()
def propose(
    context: typer.Context,
    key: Key,
    reason: Reason,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Propose that an obligation need not be met; it stands until every other party has agreed."""
    with open_api(context, api, user, password_file) as opened:
        told = opened.post(f"{OBLIGATIONS}/{key}/waivers", {"reason": reason})
    _tell(told.document, as_json=as_json)


@app.command()
def accept(
    context: typer.Context,
    key: Key,
    reason: Reason,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Agree to another party's proposal; with the last party's word the obligation is waived."""
    _answer(context, key, "accept", reason, (api, user, password_file), as_json=as_json)


@app.command()
def decline(
    context: typer.Context,
    key: Key,
    reason: Reason,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Do not agree to another party's proposal; the obligation stands, and this bureau may still agree later."""
    _answer(context, key, "decline", reason, (api, user, password_file), as_json=as_json)


@app.command()
def withdraw(
    context: typer.Context,
    key: Key,
    reason: Reason,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Take this bureau's own proposal back, as long as not all have agreed to it."""
    _answer(context, key, "withdraw", reason, (api, user, password_file), as_json=as_json)


@app.command()
def show(
    context: typer.Context,
    key: Key,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show every word said of letting an obligation go, with its reason."""
    with open_api(context, api, user, password_file) as opened:
        told = opened.get(f"{OBLIGATIONS}/{key}")
    _tell(told.document, as_json=as_json)


def _answer(
    context: typer.Context,
    key: str,
    word: Word,
    reason: str,
    who: tuple[str | None, str | None, Path | None],
    *,
    as_json: bool,
) -> None:
    with open_api(context, *who) as opened:
        waiver = _open_to(opened, key, word)
        told = opened.post(f"{OBLIGATIONS}/{key}/waivers/{waiver}/{word}", {"reason": reason})
    _tell(told.document, as_json=as_json)


def _open_to(opened: Api, key: str, word: Word) -> str:
    """Return the newest proposal to which this bureau may say so now."""
    waivers = opened.get(f"{OBLIGATIONS}/{key}").document["waivers"]
    found = [str(each["digest"]) for each in waivers if word in each["may"]]
    if not found:
        raise NotFoundError(f"There is no proposal to {word} for {key}.", f"{key} 没有可办理的免除提议。")
    return found[-1]


def _tell(obligation: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(obligation["waivers"])
        return
    rows = [
        {
            "state": waiver["state"],
            "bureau": word["party"]["name_zh"] or word["party"]["unit_code"],
            "word": word["word"],
            "at": word["at"],
            "reason": word["reason"],
        }
        for waiver in obligation["waivers"]
        for word in waiver["words"]
    ]
    print_rows(rows, as_json=False, empty="Nobody has proposed to let it go. 无免除提议。")
