"""How bright the console is: as the device likes it, unless somebody chose."""

from enum import StrEnum

from fastapi import Request

from ecolink.console.recognition import cookie_named

COOKIE = "ecolink-theme"


class Theme(StrEnum):
    """A theme of the console; the dark one is for command rooms."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


def theme_of(request: Request) -> Theme:
    """Return the theme the browser chose here."""
    chosen = request.cookies.get(cookie_named(request, COOKIE), "")
    return Theme(chosen) if chosen in set(Theme) else Theme.AUTO
