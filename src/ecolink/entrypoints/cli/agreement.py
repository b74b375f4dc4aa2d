"""`ecolink agreement`: check a file, propose it, sign, decline, take back, amend, end; and see what is in force.

`check` and `ready` need no node. Everything else is done through the local API with the person's own login: only the
bureau's leadership binds it.
"""

import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.entrypoints.cli.api import Answer, Api
from ecolink.entrypoints.cli.files import read_text
from ecolink.entrypoints.cli.person import logged_in
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_rows, say
from ecolink.errors import InvalidError, NotFoundError

AGREEMENTS = "/api/v1/agreements"

app = typer.Typer(help="Agreements between bureaus: propose, sign, amend, end.", no_args_is_help=True)

Item = Mapping[str, Any]
Code = Annotated[str, typer.Argument(metavar="CODE", help="The agreement's code, such as sn-qy-151.")]
TermsFile = Annotated[Path, typer.Argument(metavar="FILE", help="The agreement: TOML; - is standard input.")]
Digest = Annotated[
    str | None,
    typer.Argument(metavar="DIGEST", help="Which proposal, by the beginning of its digest [default: the only one]."),
]
Reason = Annotated[str, typer.Option(help="Why; all parties are told.")]

STATES_ZH: Mapping[str, str] = {
    "proposed": "已提议，未签齐",
    "waiting": "待签署",
    "declined": "有单位不予签署",
    "withdrawn": "已撤回",
    "agreed": "已签齐，未生效",
    "in_force": "生效中",
    "over": "已终止",
    "void": "已签齐，但另一版本在先",
}
KINDS_ZH: Mapping[str, str] = {"terms": "条款", "ending": "终止", "calendar": "工作日历"}


@app.command()
def ready(name: Annotated[str | None, typer.Argument(help="Which one to print [default: list them].")] = None) -> None:
    """List the agreements that come with ecolink, or print one, to be changed and proposed."""
    shelf = files("ecolink").joinpath("data/agreements")
    held = {Path(each.name).stem: each for each in shelf.iterdir() if each.name.endswith(".toml")}
    if name is None:
        for known in sorted(held):
            first = held[known].read_text("utf-8").splitlines()[0]
            say(f"{known}  {first.removeprefix('# ')}")
        return
    if name not in held:
        raise NotFoundError(f"There is no {name}; there are: {', '.join(sorted(held))}.", f"没有 {name}。")
    say(held[name].read_text("utf-8").rstrip("\n"))


@app.command()
def check(file: TermsFile, as_json: AsJson = False) -> None:
    """Read a file and say all that is wrong with it, each on its line and with the mend. No node is needed."""
    from ecolink.cadence.terms_file import read

    reading = read(read_text(file))
    findings = [
        {
            "severity": finding.severity.value,
            "line": finding.line,
            "column": finding.column,
            "detail_zh": finding.text_zh,
            "detail_en": finding.text_en,
        }
        for finding in reading.findings
    ]
    digest = reading.terms.digest() if reading.terms else None
    if as_json:
        print_json({"ok": reading.terms is not None, "digest": digest, "findings": findings})
    else:
        _tell_findings(file, findings)
        if reading.terms is not None:
            terms = reading.terms
            say(f"可以提议：{terms.name_zh}（{terms.code}，第 {terms.version} 版），摘要 {digest}")
    if reading.terms is None:
        raise typer.Exit(1)


@app.command()
@logged_in
def propose(api: Api, file: TermsFile, as_json: AsJson = False) -> None:
    """Propose the agreement of a file to all its parties. Proposing is signing."""
    _tell(_propose(api, read_text(file)), as_json=as_json)


@app.command()
@logged_in
def amend(api: Api, file: TermsFile, as_json: AsJson = False) -> None:
    """Propose the next version of an agreement in force: a file with the next `version`."""
    text = read_text(file)
    checked = api.post(f"{AGREEMENTS}/check", {"text": text}).document
    if checked["ok"] and checked["terms"]["version"] == 1:
        raise InvalidError(
            "This is a first version: `ecolink agreement propose` proposes it.", "这是首个版本：请用 propose。"
        )
    _tell(_propose(api, text), as_json=as_json)


@app.command()
@logged_in
def accept(api: Api, code: Code, digest: Digest = None, as_json: AsJson = False) -> None:
    """Sign what another party proposed. At a terminal it is shown first."""
    proposal = _awaiting(api, code, digest)
    if sys.stdin.isatty():
        _show_proposal(proposal)
        typer.confirm(f"签署摘要 {proposal['digest']}？Sign it?", abort=True)
    signed = api.post(f"{AGREEMENTS}/{code}/proposals/{proposal['digest']}/sign", None)
    _tell(signed.document, as_json=as_json)


@app.command()
@logged_in
def decline(api: Api, code: Code, reason: Reason, digest: Digest = None, as_json: AsJson = False) -> None:
    """Tell all parties that this bureau will not sign a proposal, and why. It may still sign later."""
    chosen = _awaiting(api, code, digest)["digest"]
    told = api.post(f"{AGREEMENTS}/{code}/proposals/{chosen}/decline", {"reason": reason})
    _tell(told.document, as_json=as_json)


@app.command()
@logged_in
def withdraw(
    api: Api,
    code: Code,
    digest: Annotated[str, typer.Argument(metavar="DIGEST", help="The proposal, by the beginning of its digest.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Take a proposal of this bureau back, as long as not all parties have signed it."""
    chosen = _chosen(api.get(f"{AGREEMENTS}/{code}").document["proposals"], digest)["digest"]
    told = api.post(f"{AGREEMENTS}/{code}/proposals/{chosen}/withdraw", {"reason": reason})
    _tell(told.document, as_json=as_json)


@app.command()
@logged_in
def end(
    api: Api,
    code: Code,
    last_day: Annotated[str, typer.Option(help="The last day it is in force: 2026-12-31.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Propose to end an agreement before its time; it ends once all parties have signed."""
    told = api.post(f"{AGREEMENTS}/{code}/endings", {"last_day": last_day, "reason": reason})
    _tell(told.document, as_json=as_json)


@app.command()
@logged_in
def calendar(
    api: Api,
    code: Code,
    year: Annotated[int, typer.Argument(metavar="YEAR")],
    source: Annotated[str, typer.Option(help="The official notice, by its number and date.")],
    table: Annotated[
        Path | None,
        typer.Option(
            "--file", help="CSV with date and day (off or work) [default: the year as this software has it published]."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose the working days of one more year, or corrected ones; they count once all parties have signed."""
    wanted = {"year": year, "source": source, "table": read_text(table) if table else None}
    told = api.post(f"{AGREEMENTS}/{code}/calendars", wanted)
    _tell(told.document, as_json=as_json)


@app.command()
@logged_in
def show(
    api: Api,
    code: Annotated[str | None, typer.Argument(metavar="CODE", help="Which agreement [default: list them].")] = None,
    digest: Digest = None,
    as_json: AsJson = False,
) -> None:
    """List the agreements, show one, or show one proposal word for word."""
    if code is None:
        items = api.get(AGREEMENTS).document["items"]
        rows = items if as_json else [_row(item) for item in items]
        print_rows(rows, as_json=as_json, empty="尚无协议。 None yet.")
        return
    shown = api.get(f"{AGREEMENTS}/{code}").document
    if digest is not None:
        chosen = _chosen(shown["proposals"], digest)["digest"]
        proposal = api.get(f"{AGREEMENTS}/{code}/proposals/{chosen}").document
    if as_json:
        print_json(shown if digest is None else proposal)
    elif digest is None:
        _show(shown)
    else:
        _show_proposal(proposal)


def _propose(api: Api, text: str) -> Item:
    return dict(api.post(AGREEMENTS, {"text": text}).document)


def _awaiting(api: Api, code: str, digest: str | None) -> Item:
    """Return the proposal that is meant, word for word: the one named, or the only one that waits for us."""
    proposals = api.get(f"{AGREEMENTS}/{code}").document["proposals"]
    if digest is None:
        waiting = [each for each in proposals if each["awaits_us"]]
        if len(waiting) != 1:
            raise InvalidError(
                f"{len(waiting)} proposals wait for this bureau: name one by its digest (ecolink agreement show).",
                f"有 {len(waiting)} 项提议待本单位签署：请写明摘要。",
            )
        chosen = waiting[0]["digest"]
    else:
        chosen = _chosen(proposals, digest)["digest"]
    proposal: Answer = api.get(f"{AGREEMENTS}/{code}/proposals/{chosen}")
    return dict(proposal.document)


def _chosen(proposals: list[Item], beginning: str) -> Item:
    found = [each for each in proposals if each["digest"].startswith(beginning.lower())]
    if len(found) != 1:
        raise NotFoundError(
            f"{len(found)} proposals have a digest that begins with {beginning}.",
            f"有 {len(found)} 项提议的摘要以 {beginning} 开头。",
        )
    return found[0]


def _tell(agreement: Item, *, as_json: bool) -> None:
    if as_json:
        print_json(agreement)
    else:
        _show(agreement)


def _tell_findings(file: Path, findings: list[dict[str, Any]]) -> None:
    for finding in findings:
        word = "错误 error" if finding["severity"] == "error" else "提示 notice"
        say(f"{file}:{finding['line'] or 1}: {word}: {finding['detail_zh']}")
        say(f"    {finding['detail_en']}")


def _row(item: Item) -> dict[str, Any]:
    return {
        "code": item["code"],
        "name": item["name_zh"],
        "state": STATES_ZH[item["state"]],
        "version": item["version"],
        "first_day": item["first_day"],
        "last_day": item["last_day"],
        "awaits_us": item["awaits_us"],
    }


def _show(agreement: Item) -> None:
    terms = agreement["terms"] or {"parties": [], "duties": []}
    say(f"{agreement['name_zh']}（{agreement['code']}）")
    say(f"  {STATES_ZH[agreement['state']]}；{_span(agreement)}")
    for party in terms["parties"]:
        say(f"  缔约方  {party['unit_code']}  {party['name_zh']}")
    for duty in terms["duties"]:
        say(f"  任务    {duty['code']}  {duty['name_zh']}  {duty['rule']}")
    say("")
    print_rows([_proposal_row(each) for each in agreement["proposals"]], as_json=False)


def _span(item: Item) -> str:
    return f"{item['first_day'] or '—'} 至 {item['last_day'] or '—'}"


def _proposal_row(proposal: Item) -> dict[str, Any]:
    version = f" {proposal['version']}" if proposal["version"] else ""
    return {
        "digest": proposal["digest"][:12],
        "what": KINDS_ZH[proposal["kind"]] + version,
        "state": STATES_ZH[proposal["state"]],
        "counts": _span(proposal),
        "words": "；".join(_word(party) for party in proposal["parties"]),
    }


def _word(party: Item) -> str:
    name = party["name_zh"] or party["unit_code"]
    if party["signed_at"]:
        return f"{name}已签"
    return f"{name}不签（{party['reason']}）" if party["objected_at"] else f"{name}未签"


def _show_proposal(proposal: Item) -> None:
    say(f"{KINDS_ZH[proposal['kind']]}  {STATES_ZH[proposal['state']]}  摘要 {proposal['digest']}")
    for party in proposal["parties"]:
        say(f"  {_word(party)}")
    say("")
    if proposal["text"]:
        same = "与条款一致" if proposal["text_agrees"] else "与条款不一致，以条款为准！ NOT what the terms say"
        say(f"# 提议方所附文件（{same}）")
        say("".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in proposal["text"]))
        say("# 签署的条款")
    print_json(proposal["document"])
