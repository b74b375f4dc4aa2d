"""`ecolink inbox`: messages that were set aside, why, and another try."""

from typing import Annotated

import typer
from sqlalchemy import select, update

from ecolink.entrypoints.cli.context import note, open_node
from ecolink.entrypoints.cli.printing import AsJson, print_rows, say
from ecolink.errors import InvalidError, NotFoundError
from ecolink.federation.models import StatementRow

app = typer.Typer(help="Messages that were set aside.", no_args_is_help=True)

_SHOWN = 500


@app.command()
def parked(context: typer.Context, as_json: AsJson = False) -> None:
    """List the messages that could not be applied yet, and why; the oldest 500."""
    with open_node(context) as node, node.database.read() as session:
        rows = [
            {
                "n": row.n,
                "from": row.iss,
                "type": row.type,
                "thread": row.thread,
                "received_at": row.received_at,
                "reason": row.state_reason,
            }
            for row in session.scalars(
                select(StatementRow).where(StatementRow.state == "parked").order_by(StatementRow.n).limit(_SHOWN)
            )
        ]
    print_rows(rows, as_json=as_json, empty="Nothing is set aside.")


@app.command()
def retry(
    context: typer.Context,
    n: Annotated[int | None, typer.Argument(help="The message's number as `inbox parked` shows it.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Try every message that is set aside.")] = False,
) -> None:
    """Have the worker try a message again."""
    if (n is None) != every:
        raise InvalidError("Name one message by its number, or all of them by --all.", "请指定一条消息，或使用 --all。")
    with open_node(context) as node:
        now = node.clock.now()
        with node.database.begin() as session:
            chosen = update(StatementRow).where(StatementRow.state == "parked")
            if n is not None:
                chosen = chosen.where(StatementRow.n == n)
            count = len(
                session.scalars(
                    chosen.values(state="pending", state_reason=None, apply_after=None).returning(StatementRow.n)
                ).all()
            )
            if n is not None and not count:
                raise NotFoundError(f"No message {n} is set aside.", f"没有被搁置的消息 {n}。")
            note(node, session, "inbox-retry", "all" if n is None else str(n), now=now)
    say(f"{count} to be tried again.")
