"""The commands: what the list of them says of each, and where it is.

A command's module, and all that it needs, is imported when that command is called: neither `ecolink --help` nor one
command waits for what the others need.
"""

from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand

COMMANDS: Final = {
    "init": (
        "init:init",
        "Make a new node: settings file, keys, database, and the first administrator with a one-time password.",
    ),
    "serve": ("serve:serve", "Serve the local API and the federation API, and do the node's work, until stopped."),
    "worker": ("serve:worker", "Run the worker's loops alone: apply what came, send what waits, watch deadlines."),
    "demo": (
        "demo:demo",
        "Play the demo: start two (or up to six) nodes, onboard them, exchange leads, bulletins and emergencies.",
    ),
    "doctor": (
        "doctor:doctor",
        "Check this node, running or not: settings, files, database, exchange with peers, backups.",
    ),
    "login": (
        "login:login",
        "Log in to the local API; the access token is kept for its few minutes in a file only you can read.",
    ),
    "logout": ("login:logout", "End the login and forget its token."),
    "password": ("login:password", "Change your own password; every other login of yours ends."),
    "db": ("db:app", "The database's schema."),
    "peer": ("peer:app", "Other bureaus' nodes: cards, fingerprints, activation."),
    "key": ("key:app", "The node's own keys: list, rotate, revoke."),
    "queue": ("queue:app", "What waits to be delivered."),
    "inbox": ("inbox:app", "Messages that were set aside."),
    "user": ("user:app", "The people who may log in."),
    "client": ("client:app", "The programs that may log in."),
    "duty": ("duty:app", "The duty rota: who is on duty now and next, shifts, handing over."),
    "channel": ("channel:app", "By what our people are told: e-mail, robots, push, text messages."),
    "config": ("config:app", "Check and show the settings."),
    "evidence": ("evidence:app", "Evidence of one thread: export it, check it offline."),
    "bundle": ("bundle:app", "Files for a carrier: exchange across an air gap."),
    "backup": ("backup:app", "Backups of this node: make, list, verify, prune, restore."),
    "agreement": ("agreement:app", "Agreements between bureaus: propose, sign, amend, end."),
    "cadence": ("cadence:app", "What agreements oblige to, and when it is due."),
    "waiver": ("waiver:app", "Let an obligation go, where all parties agree."),
    "lead": ("matters:lead", "Send, list and show leads, as yourself."),
    "bulletin": ("matters:bulletin", "Send, list and show bulletins, as yourself."),
    "liaison": ("liaison:app", "Record, confirm and read monthly contacts, as yourself."),
    "consultation": ("consultation:app", "Call, answer, hold and conclude consultations, as yourself."),
    "exchange": ("exchange:app", "Write, approve, read, rate and sign off quarterly packages, as yourself."),
    "calendar": ("calendar:app", "Addresses at which your calendar program reads what is due."),
    "emergency": ("matters:emergency", "Send, list and show emergencies, as yourself."),
}
"""By name: the module and what it calls the command; the first sentence of the command's own help."""


class Later(TyperCommand):
    """A command that is not here yet: it is known by name and help, and imported when it is called."""

    def __init__(self, name: str, where: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self.where = where

    def make_context(self, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - the types are private to typer
        """Begin the call, of the command itself."""
        return self.fetch().make_context(*args, **more)

    def fetch(self) -> Any:  # noqa: ANN401 - the same
        """Import the command, or the group of commands."""
        module, _, attribute = self.where.partition(":")
        found = getattr(import_module(f"ecolink.entrypoints.cli.{module}"), attribute)
        shelf = typer.Typer(rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            shelf.add_typer(found, name=self.name)
        else:
            shelf.command(self.name)(found)
        return typer.main.get_group(shelf).commands[str(self.name)]
