"""The lower half of alerts, put together for wiring."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Self

from ecolink.alerts.contacts import Contacts
from ecolink.alerts.dispatches import Dispatches
from ecolink.alerts.postman import NetworkPostman, Postman
from ecolink.alerts.register import ChannelRegister
from ecolink.alerts.sending import Sending
from ecolink.audit.access import AccessLog
from ecolink.egress import WayOut
from ecolink.kit.vault import Vault
from ecolink.settings import Settings
from ecolink.storage.engine import Database


@dataclass(frozen=True, slots=True, repr=False)
class PostOffice:
    """What is to be said to our people, by what, and the sending of it."""

    dispatches: Dispatches
    contacts: Contacts
    channels: ChannelRegister
    sending: Sending

    @classmethod
    def build(
        cls, database: Database, vault: Vault, log: AccessLog, postman: Postman, console_url: str | None, random: Random
    ) -> Self:
        """Put it together around whatever carries requests to their services."""
        dispatches = Dispatches()
        return cls(
            dispatches,
            Contacts(dispatches, vault, log),
            ChannelRegister(dispatches, vault, log),
            Sending(database, vault, postman, console_url, random),
        )


def network_postman(settings: Settings, tls: Callable[[], ssl.SSLContext]) -> NetworkPostman:
    """Return what carries requests to services that are public, or in networks the operator named."""
    return NetworkPostman(
        WayOut(allowed_networks=settings.alert_networks, tls=tls, setting="ECOLINK_ALERT_NETWORKS"), tls
    )
