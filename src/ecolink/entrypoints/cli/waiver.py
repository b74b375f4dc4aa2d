"""`ecolink waiver`: let an obligation go, where all parties agree, each with its reason; as a head or the chief."""

from typing import Annotated, Any, Literal

import typer

from ecolink.entrypoints.cli.api import Api
from ecolink.entrypoints.cli.cadence import OBLIGATIONS
from ecolink.entrypoints.cli.person import logged_in
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_rows
from ecolink.errors import NotFoundError

app = typer.Typer(help="Let an obligation go, where all parties agree.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(metavar="KEY", help="The obligation: sn-qy-151/liaison/2026-07.")]
Reason = Annotated[str, typer.Option(help="Why; it is signed and told to all parties, and names no person.")]
Word = Literal["accept", "decline", "withdraw"]


@app.command()
@logged_in
def propose(api: Api, key: Key, reason: Reason, as_json: AsJson = False) -> None:
    """Propose that an obligation need not be met; it stands until every other party has agreed."""
    told = api.post(f"{OBLIGATIONS}/{key}/waivers", {"reason": reason})
    _tell(told.document, as_json=as_json)


@app.command()
@logged_in
def accept(api: Api, key: Key, reason: Reason, as_json: AsJson = False) -> None:
    """Agree to another party's proposal; with the last party's word the obligation is waived."""
    _answer(api, key, "accept", reason, as_json=as_json)


@app.command()
@logged_in
def decline(api: Api, key: Key, reason: Reason, as_json: AsJson = False) -> None:
    """Do not agree to another party's proposal; the obligation stands, and this bureau may still agree later."""
    _answer(api, key, "decline", reason, as_json=as_json)


@app.command()
@logged_in
def withdraw(api: Api, key: Key, reason: Reason, as_json: AsJson = False) -> None:
    """Take this bureau's own proposal back, as long as not all have agreed to it."""
    _answer(api, key, "withdraw", reason, as_json=as_json)


@app.command()
@logged_in
def show(api: Api, key: Key, as_json: AsJson = False) -> None:
    """Show every word said of letting an obligation go, with its reason."""
    told = api.get(f"{OBLIGATIONS}/{key}")
    _tell(told.document, as_json=as_json)


def _answer(api: Api, key: str, word: Word, reason: str, *, as_json: bool) -> None:
    waiver = _open_to(api, key, word)
    told = api.post(f"{OBLIGATIONS}/{key}/waivers/{waiver}/{word}", {"reason": reason})
    _tell(told.document, as_json=as_json)


def _open_to(api: Api, key: str, word: Word) -> str:
    """Return the newest proposal to which this bureau may say so now."""
    waivers = api.get(f"{OBLIGATIONS}/{key}").document["waivers"]
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
