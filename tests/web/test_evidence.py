"""Exporting evidence over the API: who may, what of it, and that it is recorded."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.errors import NotFoundError
from ecolink.identity.roles import Role
from ecolink.storage.engine import Database
from ecolink.web import evidence
from tests.support.web import Desk, access_log

THREAD = "019ab000-0000-7000-8000-000000000001"


class EvidenceOfOneThread:
    def export(self, thread, now, *, withhold):
        if thread != THREAD:
            raise NotFoundError
        return b'{"withheld": true}' if withhold else b'{"withheld": false}'


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    log = access_log(database)
    with Desk.open(database, [evidence.router(EvidenceOfOneThread(), log)], log=log) as desk:
        yield desk


def export(desk: Desk, *roles: Role, thread=THREAD, **params):
    return desk.client.get(
        f"/api/v1/threads/{thread}/evidence", params={"reason": "移送检察机关"} | params, headers=desk.as_role(*roles)
    )


def exports(desk: Desk) -> list[AccessRow]:
    with desk.database.read() as session:
        return list(session.scalars(select(AccessRow).where(AccessRow.action == "export").order_by(AccessRow.n)))


def test_an_export_is_given_as_a_file_and_recorded_with_its_reason(desk: Desk):
    answer = export(desk, Role.AUDITOR)

    assert answer.json() == {"withheld": True}
    assert "attachment" in answer.headers["Content-Disposition"]
    (entry,) = exports(desk)
    assert (entry.actor, entry.object_id, entry.reason) == ("auditor", THREAD, "移送检察机关")
    assert entry.details == {"personal_data": "withheld"}


def test_who_may_not_see_personal_data_cannot_export_it_either(desk: Desk):
    refused, given = export(desk, Role.AUDITOR, withhold=False), export(desk, Role.CHIEF, withhold=False)

    assert refused.status_code == 403
    assert given.json() == {"withheld": False}
    assert [entry.details["personal_data"] for entry in exports(desk)] == ["included"]


@pytest.mark.parametrize(("thread", "reason", "status"), [("nothing", "because", 404), (THREAD, "", 422)])
def test_what_is_not_given_is_not_recorded(desk: Desk, thread, reason, status):
    assert export(desk, Role.AUDITOR, thread=thread, reason=reason).status_code == status
    assert exports(desk) == []
