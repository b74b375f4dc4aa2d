"""Roles by the names people know them by."""

from collections.abc import Iterable

from ecolink.console.page import Page
from ecolink.console.rendering import plain
from ecolink.identity.roles import ROLE_NAMES_ZH, Role


def names_of(page: Page, roles: Iterable[Role]) -> dict[Role, str]:
    """Return `roles` in the order in which they are always told, each with its name in the person's language."""
    held = set(roles)
    return {role: page.either(ROLE_NAMES_ZH[role], plain(role.value)) for role in Role if role in held}
