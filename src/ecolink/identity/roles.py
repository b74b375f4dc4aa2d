"""Who may do what, as one table that a bureau's leadership can read.

A person or a program holds roles; a role grants permissions; an endpoint asks for one permission.
`docs/authorization.md` prints this table beside every route.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What a person is in the bureau, most senior last but for the four that stand beside the line."""

    OFFICER = "officer"
    LIAISON_OFFICER = "liaison_officer"
    INTAKE_REVIEWER = "intake_reviewer"
    APPROVER = "approver"
    DEPUTY = "deputy"
    HEAD = "head"
    CHIEF = "chief"
    AUDITOR = "auditor"
    INTEGRATOR = "integrator"
    ADMINISTRATOR = "administrator"


ROLE_NAMES_ZH: Mapping[Role, str] = MappingProxyType(
    {
        Role.OFFICER: "办案民警",
        Role.LIAISON_OFFICER: "联络员",
        Role.INTAKE_REVIEWER: "归口审核员",
        Role.APPROVER: "审批人",
        Role.DEPUTY: "部门副职",
        Role.HEAD: "部门负责人",
        Role.CHIEF: "局领导",
        Role.AUDITOR: "审计员",
        Role.INTEGRATOR: "系统对接",
        Role.ADMINISTRATOR: "系统管理员",
    },
)


class Permission(StrEnum):
    """One thing an endpoint may ask for."""

    LEAD_READ = "lead:read"
    LEAD_DRAFT = "lead:draft"
    LEAD_SEND = "lead:send"
    """Approve a request and send it."""
    LEAD_ACKNOWLEDGE = "lead:acknowledge"
    LEAD_HANDLE = "lead:handle"
    """Accept, start, ask, reply, draft a transfer."""
    LEAD_APPROVE = "lead:approve"
    """Approve what needs an approver: unable, returned, transferred, a reply."""
    LEAD_FEEDBACK = "lead:feedback"
    """Feed back, close, withdraw."""
    BULLETIN_READ = "bulletin:read"
    BULLETIN_DRAFT = "bulletin:draft"
    BULLETIN_APPROVE = "bulletin:approve"
    BULLETIN_FEEDBACK = "bulletin:feedback"
    BULLETIN_RECALL = "bulletin:recall"
    EMERGENCY_READ = "emergency:read"
    EMERGENCY_RAISE = "emergency:raise"
    EMERGENCY_APPROVE = "emergency:approve"
    EMERGENCY_ACKNOWLEDGE = "emergency:acknowledge"
    EMERGENCY_UPDATE = "emergency:update"
    TASK_DONE = "task:done"
    PERSON_REVEAL = "person:reveal"
    ATTACHMENT_READ = "attachment:read"
    ATTACHMENT_WRITE = "attachment:write"
    ALLIANCE_READ = "alliance:read"
    ALLIANCE_MANAGE = "alliance:manage"
    ALERT_READ = "alert:read"
    """See alerts, and acknowledge those about what one may sign for."""
    DUTY_READ = "duty:read"
    DUTY_MANAGE = "duty:manage"
    """Keep the rota; whoever is on duty may hand it over all the same."""
    AGREEMENT_READ = "agreement:read"
    AGREEMENT_PROPOSE = "agreement:propose"
    """Prepare an agreement and have it checked; proposing it to the others is signing it."""
    AGREEMENT_SIGN = "agreement:sign"
    """Bind the bureau: propose, sign, decline, withdraw, amend, end."""
    OBLIGATION_READ = "obligation:read"
    OBLIGATION_HANDLE = "obligation:handle"
    """Record, confirm, object, feed back, plan."""
    OBLIGATION_WAIVE = "obligation:waive"
    PACKAGE_APPROVE = "package:approve"
    FEED_SELF = "feed:self"
    """One's own calendar feed."""
    PEER_READ = "peer:read"
    PEER_MANAGE = "peer:manage"
    CONTACT_SELF = "contact:self"
    """Where one is reached oneself."""
    CHANNEL_MANAGE = "channel:manage"
    """By what our people are told."""
    QUEUE_READ = "queue:read"
    INBOX_MANAGE = "inbox:manage"
    NODE_UPKEEP = "node:upkeep"
    """Have the node examined, and backups made."""
    KEY_READ = "key:read"
    KEY_MANAGE = "key:manage"
    USER_MANAGE = "user:manage"
    CLIENT_MANAGE = "client:manage"
    AUDIT_READ = "audit:read"
    EVIDENCE_EXPORT = "evidence:export"
    ERASE_PERSONAL_DATA = "erase:personal_data"
    PROFILE_SELF = "profile:self"


_P = Permission

_READING = frozenset(
    {
        _P.LEAD_READ,
        _P.BULLETIN_READ,
        _P.EMERGENCY_READ,
        _P.ATTACHMENT_READ,
        _P.ALLIANCE_READ,
        _P.AGREEMENT_READ,
        _P.OBLIGATION_READ,
        _P.PEER_READ,
        _P.PROFILE_SELF,
        _P.FEED_SELF,
        _P.ALERT_READ,
        _P.DUTY_READ,
        _P.CONTACT_SELF,
    },
)
_WORKING = _READING | {
    _P.LEAD_DRAFT,
    _P.LEAD_HANDLE,
    _P.LEAD_FEEDBACK,
    _P.BULLETIN_DRAFT,
    _P.BULLETIN_FEEDBACK,
    _P.EMERGENCY_RAISE,
    _P.EMERGENCY_UPDATE,
    _P.ATTACHMENT_WRITE,
}
_RECEIVING = _WORKING | {_P.LEAD_ACKNOWLEDGE, _P.EMERGENCY_ACKNOWLEDGE, _P.TASK_DONE, _P.QUEUE_READ}
_APPROVING = _WORKING | {
    _P.LEAD_SEND,
    _P.LEAD_APPROVE,
    _P.BULLETIN_APPROVE,
    _P.BULLETIN_RECALL,
    _P.EMERGENCY_APPROVE,
    _P.PERSON_REVEAL,
}
_COOPERATING = frozenset({_P.AGREEMENT_PROPOSE, _P.OBLIGATION_HANDLE})
_LEADING = _COOPERATING | {_P.OBLIGATION_WAIVE, _P.PACKAGE_APPROVE, _P.DUTY_MANAGE}

GRANTS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.OFFICER: frozenset(_WORKING | {_P.PERSON_REVEAL}),
        # The liaison officer answers for the bureau day and night: an emergency cannot wait for an approver.
        Role.LIAISON_OFFICER: frozenset(_RECEIVING | _COOPERATING | {_P.PERSON_REVEAL, _P.EMERGENCY_APPROVE}),
        Role.INTAKE_REVIEWER: frozenset(_RECEIVING | {_P.PERSON_REVEAL}),
        Role.APPROVER: frozenset(_APPROVING | {_P.QUEUE_READ, _P.PACKAGE_APPROVE}),
        # The department's deputy and its head: what is overdue goes up to them, before it reaches the chief.
        Role.DEPUTY: frozenset(_RECEIVING | {_P.PERSON_REVEAL, _P.OBLIGATION_HANDLE}),
        Role.HEAD: frozenset(_APPROVING | _RECEIVING | _LEADING),
        # Only the bureau's leadership binds it by an agreement.
        Role.CHIEF: frozenset(
            _APPROVING
            | _RECEIVING
            | _LEADING
            | {_P.AGREEMENT_SIGN, _P.ALLIANCE_MANAGE, _P.ERASE_PERSONAL_DATA, _P.EVIDENCE_EXPORT}
        ),
        # The auditor sees what was done and by whom, and changes nothing; personal data stay masked.
        Role.AUDITOR: frozenset(_READING | {_P.AUDIT_READ, _P.EVIDENCE_EXPORT, _P.QUEUE_READ, _P.KEY_READ}),
        # A program brings drafts in and carries answers out; a person approves, acknowledges and reveals.
        Role.INTEGRATOR: frozenset(_WORKING | {_P.QUEUE_READ}),
        # The administrator runs the machine and reads no case.
        Role.ADMINISTRATOR: frozenset(
            {
                _P.USER_MANAGE,
                _P.CLIENT_MANAGE,
                _P.PEER_READ,
                _P.PEER_MANAGE,
                _P.ALLIANCE_READ,
                _P.ALLIANCE_MANAGE,
                _P.KEY_READ,
                _P.KEY_MANAGE,
                _P.QUEUE_READ,
                _P.INBOX_MANAGE,
                _P.NODE_UPKEEP,
                _P.PROFILE_SELF,
                _P.FEED_SELF,
                _P.ALERT_READ,
                _P.DUTY_READ,
                _P.DUTY_MANAGE,
                _P.CONTACT_SELF,
                _P.CHANNEL_MANAGE,
            },
        ),
    },
)

SENIORITY: tuple[Role, ...] = (
    Role.CHIEF,
    Role.HEAD,
    Role.DEPUTY,
    Role.APPROVER,
    Role.LIAISON_OFFICER,
    Role.INTAKE_REVIEWER,
    Role.OFFICER,
    Role.AUDITOR,
    Role.INTEGRATOR,
    Role.ADMINISTRATOR,
)
"""Which of several roles a statement names as its author's."""


def permissions(roles: Iterable[Role]) -> frozenset[Permission]:
    """Return all that `roles` grant together."""
    return frozenset[Permission]().union(*(GRANTS[role] for role in roles))


def senior_role(roles: Collection[Role]) -> str:
    """Return the most senior of `roles`: what a statement names as its author's role."""
    return next((role.value for role in SENIORITY if role in roles), Role.OFFICER.value)


def print_grants() -> str:
    """Return the table of permissions and roles as Markdown."""
    lines = [
        "| permission | " + " | ".join(role.value for role in Role) + " |",
        "|---" * (len(Role) + 1) + "|",
    ]
    lines += [
        f"| {permission.value} | " + " | ".join("yes" if permission in GRANTS[role] else "" for role in Role) + " |"
        for permission in Permission
    ]
    return "\n".join(lines) + "\n"
