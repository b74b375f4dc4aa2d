"""The subjects of the administration, each shown only to whom it is open."""

from collections.abc import Sequence
from dataclasses import dataclass

from ecolink.console.language import mark as _
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission


@dataclass(frozen=True, slots=True)
class Section:
    """One subject of the administration."""

    path: str
    name: str
    needs: Permission


SECTIONS: Sequence[Section] = (
    Section("/administration/people", _("People"), Permission.USER_MANAGE),
    Section("/administration/programs", _("Programs"), Permission.CLIENT_MANAGE),
    Section("/administration/logins", _("Logins"), Permission.USER_MANAGE),
    Section("/administration/roles", _("Roles"), Permission.USER_MANAGE),
    Section("/administration/channels", _("Alert channels"), Permission.CHANNEL_MANAGE),
    Section("/administration/partners", _("Partners"), Permission.PEER_MANAGE),
    Section("/alliances", _("Alliances"), Permission.ALLIANCE_MANAGE),
    Section("/administration/keys", _("Keys"), Permission.KEY_READ),
    Section("/administration/queues", _("Queues and alarms"), Permission.QUEUE_READ),
    Section("/administration/health", _("Health"), Permission.NODE_UPKEEP),
    Section("/administration/backups", _("Backups"), Permission.NODE_UPKEEP),
)


def sections_for(by: Principal) -> Sequence[Section]:
    """Return the subjects that are open to somebody."""
    return [section for section in SECTIONS if by.may(section.needs)]
