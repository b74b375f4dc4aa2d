"""`ecolink client`: the programs that may log in (OAuth2 client credentials)."""

from typing import Annotated

import typer

from ecolink.entrypoints.cli.operator import open_node, operator
from ecolink.entrypoints.cli.printing import AsJson, print_rows
from ecolink.entrypoints.cli.user import details, rows_of, tell_once
from ecolink.identity.models import AccountKind
from ecolink.identity.roles import Role

app = typer.Typer(help="The programs that may log in.", no_args_is_help=True)

ClientId = Annotated[str, typer.Argument(help="The client_id the program logs in with.")]


@app.command()
def add(
    context: typer.Context,
    client_id: ClientId,
    name: Annotated[str, typer.Option(help="What the program is.")],
    role: Annotated[list[Role] | None, typer.Option("--role", help="A role [default: integrator].")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a program's account; its secret is printed, once."""
    with open_node(context) as node, node.database.begin() as session:
        account, secret = node.identity.accounts.add_client(
            session,
            client_id=client_id,
            name=name,
            roles=role or [Role.INTEGRATOR],
            by=operator(),
            now=node.clock.now(),
        )
        record = details(account)
    tell_once(record, "client_secret", secret, as_json=as_json)


@app.command()
def rotate(context: typer.Context, client_id: ClientId, as_json: AsJson = False) -> None:
    """Give a program a new secret; the old one and every login made with it end."""
    with open_node(context) as node, node.database.begin() as session:
        account = node.identity.accounts.named(session, AccountKind.CLIENT, client_id)
        secret = node.identity.accounts.rotate_secret(session, account, by=operator(), now=node.clock.now())
        record = details(account)
    tell_once(record, "client_secret", secret, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the programs and their roles."""
    print_rows(rows_of(context, AccountKind.CLIENT), as_json=as_json, empty="None yet: ecolink client add")
