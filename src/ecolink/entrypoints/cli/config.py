"""`ecolink config`: are the settings right, and where does each come from."""

from typing import Any

import typer
from pydantic import SecretStr, ValidationError
from sqlalchemy.engine import make_url

from ecolink.configuration import faults, read_sources, suggestion, unknown_variables, variable
from ecolink.entrypoints.cli.context import config_of, settings_of
from ecolink.entrypoints.cli.printing import AsJson, complain, print_rows, say
from ecolink.entrypoints.terms import deadline_policy, working_calendar
from ecolink.federation.signer import read_keys
from ecolink.settings import Settings

app = typer.Typer(help="Check and show the settings.", no_args_is_help=True)


@app.command()
def check(context: typer.Context) -> None:
    """Say everything that is wrong with the settings and the keys, one line each; exit 1 if anything is."""
    sources = read_sources(config_of(context))
    for name in unknown_variables():
        known = {variable(setting) for setting in Settings.model_fields}
        complain(f"note: {name} is no setting.{suggestion(name, known)}")
    try:
        settings = Settings(**sources.values)
    except ValidationError as error:
        for fault in faults(error, sources):
            complain(fault)
        raise typer.Exit(1) from None
    deadline_policy(settings)
    working_calendar(settings)
    if settings.key_dir.is_dir():
        passphrase = settings.key_passphrase
        read_keys(settings.key_dir, passphrase.get_secret_value().encode() if passphrase else None)
    say(f"The settings of {settings.name_en} ({settings.unit_code}) are in order.")


@app.command()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show each setting and where it comes from; secrets are masked."""
    settings = settings_of(context)
    sources = read_sources(config_of(context))
    rows = [
        {"setting": name, "value": _masked(name, getattr(settings, name)), "from": sources.origin(name)}
        for name in Settings.model_fields
    ]
    print_rows(rows, as_json=as_json)


def _masked(name: str, value: Any) -> Any:  # noqa: ANN401 - settings are of every type
    if isinstance(value, SecretStr):
        return "********"
    if name == "database_url":
        return make_url(value).render_as_string(hide_password=True)
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value)) or None
    if isinstance(value, dict):
        return ", ".join(f"{key} = {term}" for key, term in value.items()) or None
    return value if isinstance(value, (bool, int, str)) or value is None else str(value)
