"""`ecolink duty`: who is on duty, and handing over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecolink.entrypoints.cli.operator import open_node, operator
from ecolink.entrypoints.cli.printing import AsJson, print_record, print_rows, say
from ecolink.errors import InvalidError
from ecolink.kit.times import CHINA, to_text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from ecolink.alerts.duty import Position
    from ecolink.alerts.personal_models import Shift

app = typer.Typer(help="The duty rota: who is on duty now and next, shifts, handing over.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(help="The name the person logs in with.")]
Moment = Annotated[str, typer.Argument(metavar="TIME", help="Such as 2026-11-23T08:00, in Asia/Shanghai.")]
Second = Annotated[bool, typer.Option("--second", help="In the second place: told when the first does not answer.")]
Note = Annotated[str | None, typer.Option(help="What the next one should know.")]


@app.command()
def now(context: typer.Context, as_json: AsJson = False) -> None:
    """Show who is on duty now."""
    from ecolink.alerts.duty import on_duty

    with open_node(context, only_reads=True) as node, node.database.read() as session:
        rows = _rows(session, on_duty(session, node.clock.now()))
    print_rows(rows, as_json=as_json, empty="Nobody: all liaison officers are told of alerts.")


@app.command("list")
def list_(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days ahead.")] = 14,
    as_json: AsJson = False,
) -> None:
    """List the shifts of the next days, and when nobody is on duty."""
    from ecolink.alerts.duty import gaps, select_shifts
    from ecolink.alerts.personal_models import Shift

    with open_node(context, only_reads=True) as node, node.database.read() as session:
        begins, ends = node.clock.now(), node.clock.now() + timedelta(days=days)
        shifts = session.scalars(select_shifts(begins, ends).order_by(Shift.starts_at, Shift.id)).all()
        rows = _rows(session, shifts)
        missing = gaps(session, begins, ends - begins)
    rows += [_row("nobody", "first", gap.begins, gap.ends) for gap in missing]
    print_rows(sorted(rows, key=lambda row: str(row["from"])), as_json=as_json, empty="No shift, and no gap.")


@app.command()
def add(
    context: typer.Context, username: Username, begins: Moment, ends: Moment, second: Second = False, note: Note = None
) -> None:
    """Put somebody on the rota."""
    from ecolink.alerts.duty import Turn

    with open_node(context) as node, node.database.begin() as session:
        turn = Turn(
            account_id=_account(session, username),
            position=_position(second=second),
            begins=_moment(begins),
            ends=_moment(ends),
            note=note,
        )
        made = node.alerts.rota.add(session, [turn], by=operator(), now=node.clock.now())
    say(
        f"{username} is on duty from {to_text(turn.begins)} until {to_text(turn.ends)}."
        if made
        else "It stands already."
    )


@app.command()
def handover(
    context: typer.Context,
    username: Username,
    until: Annotated[str | None, typer.Option(help="Until when; left out: for the rest of the shift.")] = None,
    second: Second = False,
    note: Note = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody take over now; they are told of open alerts at once."""
    with open_node(context) as node, node.database.begin() as session:
        made = node.alerts.rota.hand_over(
            session,
            to=_account(session, username),
            position=_position(second=second),
            until=None if until is None else _moment(until),
            note=note,
            by=operator(),
            now=node.clock.now(),
        )
        record = {
            "from": made.from_name or "nobody",
            "to": made.to_name,
            "at": to_text(made.at),
            "open_alerts": made.open_alerts,
            "note": made.note,
        }
    print_record(record, as_json=as_json)


def _rows(session: "Session", shifts: Sequence["Shift"]) -> list[dict[str, Any]]:
    from ecolink.alerts.people import names_of

    names = names_of(session, [shift.account_id for shift in shifts])
    return [_row(names[shift.account_id], shift.position, shift.starts_at, shift.ends_at) for shift in shifts]


def _row(name: str, position: str, begins: datetime, ends: datetime) -> dict[str, Any]:
    return {"who": name, "position": position, "from": to_text(begins), "until": to_text(ends)}


def _account(session: "Session", username: str) -> str:
    from ecolink.identity.accounts import find
    from ecolink.identity.models import AccountKind

    account = find(session, AccountKind.USER, username)
    if account is None:
        raise InvalidError(f"Nobody logs in as {username}.", f"没有用户 {username}。")
    return account.id


def _position(*, second: bool) -> "Position":
    return "second" if second else "first"


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError(f"{text} is no time such as 2026-11-23T08:00.", f"{text} 不是有效的时间。") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=CHINA)
