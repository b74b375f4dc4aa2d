"""`ecolink cadence`: what agreements oblige to, and when it is due."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecolink.entrypoints.cli.printing import AsJson, print_rows, say

if TYPE_CHECKING:
    from ecolink.cadence.periods import Period

app = typer.Typer(help="What agreements oblige to, and when it is due.", no_args_is_help=True)


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


def _period(label: str) -> "Period":
    """Read a period off the command line."""
    from ecolink.cadence.periods import Period

    try:
        return Period.parse(label)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
