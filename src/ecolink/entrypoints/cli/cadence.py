"""`ecolink cadence`: what agreements oblige to, and when it is due."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecolink.cadence.calendars import china_day
from ecolink.entrypoints.cli.api import Api
from ecolink.entrypoints.cli.files import read_text, write
from ecolink.entrypoints.cli.person import logged_in
from ecolink.entrypoints.cli.printing import AsJson, complain, print_json, print_rows, say
from ecolink.kit.clock import SystemClock

if TYPE_CHECKING:
    from ecolink.cadence.periods import Period
    from ecolink.protocol.kinds.agreements import TermsV1

app = typer.Typer(help="What agreements oblige to, and when it is due.", no_args_is_help=True)

OBLIGATIONS = "/api/v1/obligations"
NOTICES = "/api/v1/notices"

Partner = Annotated[str | None, typer.Option(help="Only with this bureau: its unit code.")]
Agreement = Annotated[str | None, typer.Option(help="Only under this agreement.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many at most.")]


@app.command()
def simulate(
    agreement: Annotated[
        Path, typer.Option("--agreement", "-a", help="The agreement's TOML file.", exists=True, dir_okay=False)
    ],
    begin: Annotated[
        str | None, typer.Option("--from", metavar="PERIOD", help="2026-01, 2026-Q1 or 2026 [default: its first day].")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="PERIOD", help="The last period [default: its last day].")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print every due day of an agreement, as though all had signed it in time. Needs no node and no database.

    A day marked 'may move' hangs on working days not announced yet: it is reckoned by ordinary weeks until all
    parties have signed that year's calendar.
    """
    from ecolink.cadence.agreements import Agreement
    from ecolink.cadence.obligations import derive

    terms = _terms(agreement)
    first = _period(begin).first if begin else terms.valid_from
    last = _period(end).last if end else terms.valid_until
    obligations = sorted(derive(Agreement.assume(terms), first, last), key=lambda each: (each.due_on, each.key))
    rows = [
        {
            "due": each.due_on if as_json else f"{each.due_on} {'一二三四五六日'[each.due_on.weekday()]}",
            "obligation": each.key,
            "duty": each.duty.name_zh,
            "convener": each.convener,
            "may_move": not each.settled if as_json else "" if each.settled else "工作日历未公布 not announced yet",
        }
        for each in obligations
    ]
    print_rows(rows, as_json=as_json, empty="Nothing is due. 没有到期的任务。")
    if rows and not as_json:
        open_ = sum(not each.settled for each in obligations)
        say(f"\n{len(rows)} due days, {open_} of them may move. 共 {len(rows)} 个到期日，其中 {open_} 个可能变动。")


@app.command()
@logged_in
def status(api: Api, partner: Partner = None, as_json: AsJson = False) -> None:
    """Show what is open or overdue now, and what you are reminded of."""
    owed = api.get(OBLIGATIONS, [("owed", "true"), ("partner", partner), ("limit", "200")]).document["items"]
    notices = api.get(NOTICES, [("limit", "200")]).document["items"]
    items = [item for item in owed if item["state"] != "upcoming"]
    if as_json:
        print_json({"obligations": items, "notices": notices})
        return
    print_rows([_line(item) for item in items], as_json=False, empty="Nothing is owed now. 目前没有待办的协作义务。")
    if notices:
        say("")
        rows = [
            {"id": each["id"], "level": each["role"], "at": each["at"], "notice": each["title_zh"]} for each in notices
        ]
        print_rows(rows, as_json=False)


@app.command("next")
@logged_in
def next_(api: Api, partner: Partner = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """Show what falls due next."""
    wanted = [("owed", "true"), ("due_after", _today()), ("partner", partner), ("limit", str(limit))]
    _list(api, wanted, as_json=as_json)


@app.command()
@logged_in
def history(
    api: Api,
    partner: Partner = None,
    agreement: Agreement = None,
    late: Annotated[
        bool | None, typer.Option("--late/--in-time", help="Only what was late, or only what was not.")
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was due, and how it was met."""
    wanted = [
        ("due_before", _today()),
        ("sort", "-due_at"),
        ("partner", partner),
        ("agreement", agreement),
        ("late", None if late is None else str(late).lower()),
        ("limit", str(limit)),
    ]
    _list(api, wanted, as_json=as_json)


@app.command()
@logged_in
def report(
    api: Api,
    year: Annotated[int, typer.Option(help="The year in which the periods begin.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Its ending says the form: json, csv, xlsx, html or pdf.")
    ],
    partner: Partner = None,
    agreement: Agreement = None,
) -> None:
    """Write the compliance report of a year."""
    form = output.suffix.removeprefix(".")
    if form not in {"json", "csv", "xlsx", "html", "pdf"}:
        raise typer.BadParameter("the file ends in .json, .csv, .xlsx, .html or .pdf")
    wanted = [("year", str(year)), ("format", form), ("partner", partner), ("agreement", agreement)]
    write(output, api.fetch(f"{OBLIGATIONS}/report", wanted))
    say(f"Written to {output}.")


def _list(api: Api, wanted: Iterable[tuple[str, str | None]], *, as_json: bool) -> None:
    items = api.get(OBLIGATIONS, wanted).document["items"]
    print_rows(items if as_json else [_line(item) for item in items], as_json=as_json, empty="None. 没有。")


def _line(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "obligation": item["key"],
        "duty": item["duty_zh"],
        "with": [partner["name_zh"] or partner["unit_code"] for partner in item["partners"]],
        "due": item["due_on"],
        "state": item["state"] if item["binds"] else "not binding",
        "late": item["late"],
        "owing": item["owing"],
    }


def _today() -> str:
    return f"{china_day(SystemClock().now())}"


def _terms(file: Path) -> "TermsV1":
    """Return the terms in a file; each fault is told, with its place and the mend, in both languages."""
    from ecolink.cadence.findings import Severity
    from ecolink.cadence.terms_file import read

    reading = read(read_text(file))
    for found in reading.findings:
        place = ":".join(str(part) for part in (file, found.line, found.column) if part is not None)
        notice = found.severity is Severity.NOTICE
        complain(f"{place}: {'提示' if notice else '错误'}：{found.text_zh}")
        complain(f"{place}: {'notice: ' if notice else ''}{found.text_en}")
    if reading.terms is None:
        raise typer.Exit(1)
    return reading.terms


def _period(label: str) -> "Period":
    """Read a period off the command line."""
    from ecolink.cadence.periods import Period

    try:
        return Period.parse(label)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
