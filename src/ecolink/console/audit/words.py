"""The words of what stands in the access log, and of what bureaus sign."""

from collections.abc import Mapping

from ecolink.console.language import mark as _
from ecolink.protocol.kinds.privacy import ErasureReason

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
    "attachments": _("Files"),
    "privacy": _("Personal data"),
    "statement": _("Statement"),
}
"""By the first word of a statement's type."""

STEPS: Mapping[str, str] = {
    "accepted": _("accepted"),
    "acknowledged": _("acknowledged"),
    "alert": _("raised"),
    "answered": _("answered"),
    "cancel": _("ended"),
    "cancelled": _("called off"),
    "closed": _("closed"),
    "complete": _("all files received"),
    "complied": _("complied with"),
    "confirmed": _("confirmed"),
    "corrected": _("corrected"),
    "declined": _("declined"),
    "erased": _("personal data erased"),
    "feedback": _("fed back"),
    "information_provided": _("information provided"),
    "information_requested": _("information asked for"),
    "invited": _("invitation"),
    "late": _("told as late"),
    "message": _("message"),
    "minuted": _("minutes"),
    "note": _("message"),
    "objected": _("objected"),
    "proposed": _("proposed"),
    "published": _("Published"),
    "read": _("read"),
    "recalled": _("recalled"),
    "recorded": _("recorded"),
    "rejected": _("refused"),
    "replied": _("replied"),
    "requested": _("requested"),
    "resubmitted": _("submitted again"),
    "returned": _("returned for correction"),
    "set": _("date set"),
    "share_permission_granted": _("passing on allowed"),
    "share_permission_refused": _("passing on refused"),
    "share_permission_requested": _("asked to pass it on"),
    "shared": _("passed on"),
    "signed": _("signed"),
    "signed_off": _("signed off"),
    "started": _("begun"),
    "submitted": _("package told"),
    "task_updated": _("task brought up to date"),
    "transferred": _("transferred"),
    "update": _("updated"),
    "used": _("used"),
    "waiver_accepted": _("waiver accepted"),
    "waiver_declined": _("waiver declined"),
    "waiver_proposed": _("waiver proposed"),
    "waiver_withdrawn": _("waiver withdrawn"),
    "withdrawn": _("withdrawn"),
}
"""By the second word of a statement's type."""

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

REASONS: Mapping[ErasureReason, str] = {
    "purpose-served": _("The purpose is served"),
    "retention-over": _("The time to keep it is over"),
    "basis-gone": _("The basis for it is gone"),
    "person-asked": _("The person asked for it"),
    "unlawful": _("It was processed unlawfully"),
    "other": _("Another reason"),
}
"""Why personal data are erased: the cases of art. 47 of the Personal Information Protection Law."""
