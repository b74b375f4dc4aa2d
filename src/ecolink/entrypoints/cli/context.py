"""What every command starts from: the settings file named before its name, and the settings."""

from pathlib import Path

import typer

from ecolink.configuration import load
from ecolink.settings import Settings


def config_of(context: typer.Context) -> Path | None:
    """Return the file named by `--config`, if any."""
    named: Path | None = context.find_root().obj
    return named


def settings_of(context: typer.Context) -> Settings:
    """Return the node's settings.

    Raises:
        SettingError: something is missing or wrong.

    """
    return load(config_of(context))
