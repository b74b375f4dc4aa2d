"""A channel's settings with their secrets: sealed where they are kept, opened only to send (docs/decisions/0039)."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from ecolink.alerts.channels.catalogue import read_settings, secrets_of
from ecolink.alerts.channels.wire import ChannelSettings
from ecolink.alerts.dispatch_models import Channel, ContactPoint
from ecolink.kit.vault import Vault, VaultError

_HIDDEN: Final = "[…]"
_LEAST_SECRET: Final = 4
"""Characters; what is shorter may stand anywhere by chance."""


@dataclass(frozen=True)
class Opened:
    """A channel ready to send by."""

    kind: str
    settings: ChannelSettings = field(repr=False)

    def masked(self, text: str, address: str) -> str:
        """Return what a service said without any secret or address that it repeats."""
        for hidden in (*secrets_of(self.settings).values(), address):
            if len(hidden) >= _LEAST_SECRET:
                text = text.replace(hidden, _HIDDEN)
        return text


def seal_secrets(settings: ChannelSettings, channel_id: str, vault: Vault) -> bytes:
    """Return the secrets of a channel as they are kept."""
    return vault.seal(json.dumps(secrets_of(settings)).encode(), _about(channel_id))


def kept_secrets(channel: Channel, vault: Vault) -> dict[str, Any]:
    """Return a channel's secrets by name.

    Raises:
        VaultError: they do not open with this node's key.

    """
    secrets: dict[str, Any] = json.loads(vault.open(channel.sealed, _about(channel.id)))
    return secrets


def open_settings(channel: Channel, vault: Vault) -> Opened:
    """Return a channel ready to send by.

    Raises:
        VaultError: its secrets do not open with this node's key.

    """
    return Opened(channel.kind, read_settings({**channel.settings, **kept_secrets(channel, vault)}))


def seal_code(code: str, point: ContactPoint, vault: Vault) -> bytes:
    """Return the code that confirms a contact point as it is kept."""
    return vault.seal(code.encode(), f"contact point {point.id}")


def open_code(point: ContactPoint, vault: Vault) -> str:
    """Return the code that confirms a contact point; empty where there is none, or none that opens."""
    try:
        return vault.open(point.code or b"", f"contact point {point.id}").decode()
    except VaultError:
        return ""


def _about(channel_id: str) -> str:
    return f"alert channel {channel_id}"
