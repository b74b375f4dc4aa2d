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

OBJECTS: Mapping[str, str] = {
    "lead": _("Case lead"),
    "bulletin": _("Bulletin"),
    "emergency": _("Emergency"),
    "liaison": _("Liaison contact"),
    "exchange": _("Quarterly exchange"),
    "consultation": _("Consultation"),
    "obligation": _("Obligation"),
    "agreement": _("Agreement"),
    "alliance": _("Alliance"),
    "attachment": _("File"),
    "evidence": _("Evidence"),
    "thread": _("Matter"),
    "duty": _("Duty rota"),
    "user": _("Account"),
    "client": _("Program"),
    "peer": _("Partner"),
    "key": _("Signing key"),
}
"""By the kind of object that an entry is about; any other is shown by its code."""

DETAILS: Mapping[str, str] = {
    "source": _("From"),
    "by": _("By"),
    "what": _("Step"),
    "move": _("Step"),
    "status": _("Status"),
    "statement": _("Signed statement"),
    "statements": _("Signed statements"),
    "order": _("Signed order"),
    "persons": _("Persons"),
    "person": _("Person"),
    "participants": _("Participants"),
    "fields": _("What was shown"),
    "obligation": _("Obligation"),
    "personal_data": _("Personal data"),
    "username": _("User name"),
    "reason": _("Reason"),
    "size": _("Bytes"),
}
"""By the name of a detail; any other is shown by its code."""

VALUES: Mapping[str, str] = {
    "actual": _("real"),
    "exercise": _("drill"),
    "test": _("test"),
    "withheld": _("left out"),
    "included": _("included"),
    "drafted": _("drafted"),
    "submitted": _("submitted for approval"),
    "told": _("Published"),
    "correction drafted": _("correction drafted"),
    "corrected": _("corrected"),
    "recalled": _("recalled"),
    "alert": _("raised"),
    "update": _("updated"),
    "cancel": _("ended"),
    "acknowledgement": _("acknowledged"),
    "note": _("message"),
    "evidence-export": _("evidence exported"),
    "agreement-proposed": _("agreement proposed"),
    "agreement-signed": _("agreement signed"),
}
"""By what such a detail says; any other is shown as it is."""
