"""`ecolink user`: the people who may log in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.entrypoints.cli.files import read_secret
from ecolink.entrypoints.cli.operator import open_node, operator
from ecolink.entrypoints.cli.printing import AsJson, print_record, print_rows, say
from ecolink.identity.accounts import select_accounts
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.passwords import check_password, new_password
from ecolink.identity.roles import Role

app = typer.Typer(help="The people who may log in.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(help="The name the person logs in with.")]
Roles = Annotated[list[Role], typer.Option("--role", help="A role; give it once for each.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="Take the password from this file, - for standard input [default: a new one is printed, once]."),
]


@app.command()
def add(
    context: typer.Context,
    username: Username,
    name: Annotated[str, typer.Option(help="The person's name.")],
    role: Roles,
    password_file: PasswordFile = None,
    must_change: Annotated[bool, typer.Option(help="Whether the password must be changed at the first login.")] = True,
    as_json: AsJson = False,
) -> None:
    """Make a person's account; a one-time password is printed, once."""
    password = chosen_password(password_file, username)
    with open_node(context) as node:
        hashed = node.identity.passwords.hash(password)
        with node.database.begin() as session:
            account = node.identity.accounts.add_user(
                session,
                username=username,
                name=name,
                roles=role,
                password_hash=hashed,
                by=operator(),
                now=node.clock.now(),
                must_change_password=must_change,
            )
            record = details(account)
    tell_once(record, "password", None if password_file else password, as_json=as_json)


@app.command()
def reset(
    context: typer.Context, username: Username, password_file: PasswordFile = None, as_json: AsJson = False
) -> None:
    """Give a person a new one-time password and end every login of theirs."""
    password = chosen_password(password_file, username)
    with open_node(context) as node:
        hashed = node.identity.passwords.hash(password)
        with node.database.begin() as session:
            account = node.identity.accounts.named(session, AccountKind.USER, username)
            node.identity.accounts.reset_password(
                session, account, password_hash=hashed, by=operator(), now=node.clock.now()
            )
            record = details(account)
    tell_once(record, "password", None if password_file else password, as_json=as_json)


@app.command("reset-otp")
def reset_otp(context: typer.Context, username: Username) -> None:
    """Take a person's second factor away, whose telephone is lost, and end every login of theirs."""
    with open_node(context) as node, node.database.begin() as session:
        account = node.identity.accounts.named(session, AccountKind.USER, username)
        node.identity.second_factors.remove(session, account, by=operator(), now=node.clock.now())
    say(f"{username} has no second factor now.")


@app.command()
def disable(context: typer.Context, username: Username) -> None:
    """Shut a person's account and end every login of theirs; their history stays."""
    with open_node(context) as node, node.database.begin() as session:
        account = node.identity.accounts.named(session, AccountKind.USER, username)
        node.identity.accounts.disable(session, account, by=operator(), now=node.clock.now())
    say(f"{username} is disabled.")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the people and their roles."""
    print_rows(rows_of(context, AccountKind.USER), as_json=as_json, empty="Nobody yet: ecolink user add")


def chosen_password(file: Path | None, username: str) -> str:
    """Return the password in `file`, or a new one.

    Raises:
        InvalidError: the file cannot be read, or the password is too weak.

    """
    if file is None:
        return new_password()
    password = read_secret(file)
    check_password(password, username)
    return password


def rows_of(context: typer.Context, kind: AccountKind) -> list[dict[str, Any]]:
    """Return the accounts of a kind as rows to print."""
    with open_node(context, only_reads=True) as node, node.database.read() as session:
        accounts = session.scalars(select_accounts(kind).order_by(Account.username)).all()
    return [details(account) for account in accounts]


def details(account: Account) -> dict[str, Any]:
    """Return what may be shown of an account: never its credential."""
    second = {} if account.kind == AccountKind.CLIENT else {"second_factor": account.second_factor_since is not None}
    return {
        "client_id" if account.kind == AccountKind.CLIENT else "username": account.username,
        "name": account.name,
        "roles": sorted(account.roles),
        **second,
        "state": "disabled" if account.disabled_at else "active",
        "created_at": account.created_at,
    }


def tell_once(record: dict[str, Any], what: str, secret: str | None, *, as_json: bool) -> None:
    """Show an account with the password or secret just made for it; it is not shown again."""
    if secret is not None:
        record = {**record, what: secret}
    print_record(record, as_json=as_json)
    if secret is not None:
        typer.echo(f"The {what} is not shown again.", err=True)
