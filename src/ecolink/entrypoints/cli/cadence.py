"""`ecolink cadence`: what agreements oblige to, and when it is due."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecolink.cadence.calendars import china_day
from ecolink.entrypoints.cli.api import ApiAddress, PasswordFile, User, open_api
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_rows, say
from ecolink.errors import InvalidError
from ecolink.kit.clock import SystemClock

if TYPE_CHECKING:
    from ecolink.cadence.periods import Period

app = typer.Typer(help="What agreements oblige to, and when it is due.", no_args_is_help=True)

OBLIGATIONS = "/api/v1/obligations"
NOTICES = "/api/v1/notices"

Partner = Annotated[str | None, typer.Option(help="Only with this bureau: its unit code.")]
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
    from ecolink.entrypoints.cli.agreement_file import open_terms

    terms = open_terms(agreement)
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


@app.command(help="Show what is open or overdue now, and what you are reminded of.")
def status(
    context: typer.Context,
    partner: Partner = None,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show everything whose period has begun and that is not met, the longest overdue first."""
    with open_api(context, api, user, password_file) as opened:
        owed = opened.get(OBLIGATIONS, [("owed", "true"), ("partner", partner), ("limit", "200")]).document["items"]
        notices = opened.get(NOTICES, [("limit", "200")]).document["items"]
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


@app.command(name="next", help="Show what falls due next.")
def next_(
    context: typer.Context,
    partner: Partner = None,
    limit: Limit = 20,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what is not met and falls due from today on, the soonest first."""
    wanted = [("owed", "true"), ("due_after", _today()), ("partner", partner), ("limit", str(limit))]
    _list(context, wanted, (api, user, password_file), as_json=as_json)


@app.command(help="Show what was due, and how it was met.")
def history(
    context: typer.Context,
    partner: Partner = None,
    agreement: Annotated[str | None, typer.Option(help="Only under this agreement.")] = None,
    late: Annotated[
        bool | None, typer.Option("--late/--in-time", help="Only what was late, or only what was not.")
    ] = None,
    limit: Limit = 50,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what fell due up to today, the latest first."""
    wanted = [
        ("due_before", _today()),
        ("sort", "-due_at"),
        ("partner", partner),
        ("agreement", agreement),
        ("late", None if late is None else str(late).lower()),
        ("limit", str(limit)),
    ]
    _list(context, wanted, (api, user, password_file), as_json=as_json)


@app.command(help="Write the compliance report of a year.")
def report(
    context: typer.Context,
    year: Annotated[int, typer.Option(help="The year in which the periods begin.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Its ending says the form: json, csv, xlsx, html or pdf.")
    ],
    partner: Partner = None,
    agreement: Annotated[str | None, typer.Option(help="Only under this agreement.")] = None,
    api: ApiAddress = None,
    user: User = None,
    password_file: PasswordFile = None,
) -> None:
    """Write what was met in time, made up late, waived and missed, by partner and duty."""
    form = output.suffix.removeprefix(".")
    if form not in {"json", "csv", "xlsx", "html", "pdf"}:
        raise typer.BadParameter("the file ends in .json, .csv, .xlsx, .html or .pdf")
    wanted = [("year", str(year)), ("format", form), ("partner", partner), ("agreement", agreement)]
    with open_api(context, api, user, password_file) as opened:
        content = opened.fetch(f"{OBLIGATIONS}/report", wanted)
    try:
        output.write_bytes(content)
    except OSError as fault:
        raise InvalidError(f"{output} cannot be written: {fault}", f"无法写入 {output}：{fault}") from None
    say(f"Written to {output}.")


def _list(
    context: typer.Context,
    wanted: Iterable[tuple[str, str | None]],
    who: tuple[str | None, str | None, Path | None],
    *,
    as_json: bool,
) -> None:
    with open_api(context, *who) as opened:
        items = opened.get(OBLIGATIONS, wanted).document["items"]
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


def _period(label: str) -> "Period":
    """Read a period off the command line."""
    from ecolink.cadence.periods import Period

    try:
        return Period.parse(label)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
