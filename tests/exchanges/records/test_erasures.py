"""A chief has personal data erased, and sees which bureaus have answered."""

from typing import Any

from ecolink.identity.roles import Role
from ecolink.protocol.statement import AttachmentRef
from tests.exchanges.records.conftest import Neighbours
from tests.support.town import QINGYUAN

ORDER = {"reason": "purpose-served", "note": "案件已结"}


def order(neighbours: Neighbours, thread: str, body: dict[str, Any] | None = None, role: Role = Role.CHIEF) -> Any:
    return neighbours.client.post(
        f"/api/v1/threads/{thread}/erasure", json=ORDER if body is None else body, headers=neighbours.desk.as_role(role)
    )


def test_a_chief_orders_an_erasure_and_sees_the_other_bureau_answer(neighbours: Neighbours) -> None:
    told = neighbours.upload(b"a face")
    ref = AttachmentRef(str(told["digest"]), 6, "脸.jpg", "image/jpeg")
    sent = neighbours.send(ref, private={"persons": [{"ref": "P1", "name": "林大山"}]})
    neighbours.town.settle()
    ordered = order(neighbours, sent.statement.thread)

    assert ordered.status_code == 200, ordered.text
    assert ordered.json()["statements"] == [sent.statement.digest]
    assert [(each["recipient"], each["complied_at"]) for each in ordered.json()["recipients"]] == [(QINGYUAN, None)]
    neighbours.town.settle()
    chief = neighbours.desk.as_role(Role.CHIEF)
    shown = neighbours.client.get(f"/api/v1/threads/{sent.statement.thread}/erasure", headers=chief).json()
    assert [(each["recipient"], each["erased"]) for each in shown["recipients"]] == [(QINGYUAN, 1)]
    assert neighbours.client.get(f"/api/v1/attachments/{told['digest']}", headers=chief).status_code == 404


def test_a_thread_that_is_not_here_is_not_found(neighbours: Neighbours) -> None:
    assert order(neighbours, "019ab000-0000-7000-8000-000000000001").status_code == 404
    assert order(neighbours, "nonsense").status_code == 422


def test_an_order_needs_a_reason_and_its_note_names_nobody(neighbours: Neighbours) -> None:
    thread = "019ab000-0000-7000-8000-000000000001"
    assert order(neighbours, thread, {}).json()["errors"][0]["pointer"] == "/reason"
    named = order(neighbours, thread, {"reason": "other", "note": "350924199001010018"})
    assert (named.status_code, named.json()["errors"][0]["pointer"]) == (422, "/note")


def test_only_those_who_may_erase_do(neighbours: Neighbours) -> None:
    sent = neighbours.send(private={"persons": []})
    for role in (Role.OFFICER, Role.APPROVER, Role.ADMINISTRATOR, Role.AUDITOR):
        assert order(neighbours, sent.statement.thread, role=role).status_code == 403
