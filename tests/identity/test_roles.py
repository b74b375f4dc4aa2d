"""The table of roles says what the bureaus want it to say."""

import pytest

from ecolink.identity.principal import Principal
from ecolink.identity.roles import GRANTS, SENIORITY, Permission, Role, permissions, print_grants


def principal(*roles: Role) -> Principal:
    return Principal(id="1", username="lin", name="林小满", roles=frozenset(roles))


def test_every_role_stands_in_the_table_and_every_permission_is_granted_to_somebody():
    assert set(GRANTS) == set(Role) == set(SENIORITY)
    assert permissions(Role) == set(Permission)


def test_everybody_may_see_and_change_their_own_profile():
    assert all(Permission.PROFILE_SELF in granted for granted in GRANTS.values())


def test_the_administrator_runs_the_machine_and_reads_no_case():
    read = {Permission.LEAD_READ, Permission.BULLETIN_READ, Permission.EMERGENCY_READ, Permission.ATTACHMENT_READ}

    assert not read & GRANTS[Role.ADMINISTRATOR]
    assert Permission.PERSON_REVEAL not in GRANTS[Role.ADMINISTRATOR]
    assert Permission.AUDIT_READ not in GRANTS[Role.ADMINISTRATOR], "who runs the machine does not audit themselves"


def test_the_auditor_reads_the_logs_and_changes_nothing():
    reading = {"read", "self", "export"}

    assert Permission.AUDIT_READ in GRANTS[Role.AUDITOR]
    assert {permission.value.split(":")[1] for permission in GRANTS[Role.AUDITOR]} == reading


def test_nobody_else_reads_the_access_log():
    assert [role for role in Role if Permission.AUDIT_READ in GRANTS[role]] == [Role.AUDITOR]


@pytest.mark.parametrize(
    "human",
    [
        Permission.LEAD_SEND,
        Permission.LEAD_ACKNOWLEDGE,
        Permission.LEAD_APPROVE,
        Permission.BULLETIN_APPROVE,
        Permission.EMERGENCY_ACKNOWLEDGE,
        Permission.PERSON_REVEAL,
        Permission.AGREEMENT_SIGN,
        Permission.OBLIGATION_HANDLE,
        Permission.PACKAGE_APPROVE,
    ],
)
def test_what_a_person_must_decide_no_program_does(human):
    assert human not in GRANTS[Role.INTEGRATOR]


def test_an_officer_approves_nothing():
    assert not [permission for permission in GRANTS[Role.OFFICER] if permission.value.endswith((":approve", ":send"))]


def test_only_the_leadership_binds_the_bureau_and_only_heads_waive_what_is_due():
    assert [role for role in Role if Permission.AGREEMENT_SIGN in GRANTS[role]] == [Role.CHIEF]
    assert [role for role in Role if Permission.OBLIGATION_WAIVE in GRANTS[role]] == [Role.HEAD, Role.CHIEF]


def test_roles_add_up_and_the_most_senior_one_is_named():
    both = principal(Role.OFFICER, Role.AUDITOR)

    assert both.may(Permission.LEAD_DRAFT)
    assert both.may(Permission.AUDIT_READ)
    assert not principal().may(Permission.PROFILE_SELF)
    assert principal(Role.OFFICER, Role.CHIEF, Role.APPROVER).lead_role == "chief"


def test_the_table_prints_one_line_for_each_permission():
    lines = print_grants().splitlines()

    assert len(lines) == len(Permission) + 2
    assert "| audit:read |  |  |  |  |  |  |  | yes |  |  |" in lines
