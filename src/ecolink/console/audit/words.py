"""The words of what stands in the access log, and of what bureaus sign."""

from collections.abc import Mapping

from ecolink.console.language import mark as _

ACTIONS: Mapping[str, str] = {
    "collect": _("took in"),
    "alter": _("changed"),
    "consult": _("looked at"),
    "disclose": _("told others"),
    "combine": _("brought together"),
    "erase": _("erased"),
    "reveal": _("saw personal data in full"),
    "export": _("took along"),
    "login": _("signed in"),
    "administer": _("administered"),
}
"""By `AccessAction`."""

STATEMENTS: Mapping[str, str] = {
    "lead": _("Case lead"),
    "bulletin": _("Bulletin"),
    "emergency": _("Emergency"),
    "agreement": _("Agreement"),
    "liaison": _("Liaison contact"),
    "exchange": _("Quarterly exchange"),
    "consultation": _("Consultation"),
    "obligation": _("Obligation"),
    "statement": _("Statement"),
}
"""By the first word of a statement's type."""
