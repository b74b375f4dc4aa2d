"""The command `ecolink`: one module per group of commands.

Two kinds of commands. An operator's (`init`, `serve`, `db`, `peer`, `key`, `queue`, `inbox`, `user`, `client`, …) act
on this machine's own node, its files and its database: they start from `operator`. A person's (`login`, `lead`,
`bulletin`, `emergency`, …) act through the local HTTP API with that person's login, from any machine that reaches it:
they start from `person`.

Exit codes: 0 done; 1 refused or failed, one line on standard error says why; 2 the command line itself is wrong.
"""

import gc
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ecolink import __version__
from ecolink.entrypoints.cli.commands import COMMANDS, Later
from ecolink.entrypoints.cli.printing import complain, say
from ecolink.errors import EcolinkError, UnavailableError
from ecolink.ownership import closed

RARELY = 50_000
"""New objects after which the garbage collector looks for cycles; Python's own habit is 700."""


class Ecolink(TyperGroup):
    """The command `ecolink`: knows every other, and turns what the domain refuses into one line and exit code 1."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the types are private to typer
        super().__init__(**more)
        for name, (where, summary) in COMMANDS.items():
            self.add_command(Later(name, where, summary))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - the types are private to typer
        """Run the command."""
        try:
            return super().invoke(ctx)
        except EcolinkError as refused:
            complain(refused.detail_en + _because(refused))
            raise typer.Exit(1) from None
        except PermissionError as denied:
            if denied.filename is None:
                raise
            complain(closed(Path(denied.filename)).detail_en)
            raise typer.Exit(1) from None


app = typer.Typer(
    name="ecolink",
    cls=Ecolink,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="One bureau's node: signed case leads, bulletins and emergencies between neighbouring police bureaus.",
    epilog="Exit codes: 0 done; 1 refused or failed, one line says why; 2 the command line is wrong.",
)


def _because(refused: EcolinkError) -> str:
    """Return what the database said, where it is at fault: whoever stands at this machine may hear it."""
    fault = refused.__cause__
    if not isinstance(refused, UnavailableError) or not isinstance(fault, Exception):
        return ""
    from ecolink.storage.faults import reason_of

    return f" ({reason_of(fault)})"


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"ecolink {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="The TOML file of settings [default: ECOLINK_CONFIG, else ./ecolink.toml]."
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep the settings file named before the command."""
    context.obj = config


def main() -> None:
    """Run the command line."""
    # What is imported stays: to look it all through again for every few hundred new objects was a fifth of each start.
    gc.set_threshold(RARELY)
    app()
