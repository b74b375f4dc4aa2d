"""`/api/v1/leads` as a client meets it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from httpx2 import Response

from ecolink.exchanges.leads.endpoints import router
from ecolink.identity.roles import Role
from tests.exchanges.leads.bureaux import OFFICERS, PERSON, Border
from tests.exchanges.leads.samples import BODIES
from tests.support.town import QINGYUAN, SHOUNING
from tests.support.web import Desk

pytestmark = pytest.mark.by_turns

OFFICER, APPROVER, INTAKE, AUDITOR = Role.OFFICER, Role.APPROVER, Role.INTAKE_REVIEWER, Role.AUDITOR
ADMINISTRATOR = Role.ADMINISTRATOR
NOBODYS = "019ab000-0000-7000-8000-000000000000"
REQUEST = {
    **BODIES["requested"],
    "to": QINGYUAN,
    "governance": {"purpose": "侦办盗伐林木案"},
    "contact": {"name": "吴建国", "post": "民警", "phone": "0593-0000011"},
    "persons": [PERSON],
}
REPLY = {
    **{name: value for name, value in BODIES["replied"].items() if name != "executing_officer_count"},
    "officers": OFFICERS,
    "persons": [PERSON],
}


class Api:
    """One bureau's people at its local API."""

    def __init__(self, border: Border, desk: Desk) -> None:
        self.border = border
        self.desk = desk

    def call(self, method: str, path: str, role: Role = OFFICER, **options) -> Response:
        # The town's clock may have moved past a token's life.
        self.desk.clock.moment = self.border.town.clock.now()
        headers = {**self.desk.as_role(role), **options.pop("headers", {})}
        return self.desk.client.request(method, f"/api/v1/leads{path}", headers=headers, **options)

    def post(self, path: str, body: dict | None = None, role: Role = OFFICER, **options) -> Response:
        return self.call("POST", path, role, json=body, **options)

    def get(self, path: str, role: Role = OFFICER, **options) -> Response:
        return self.call("GET", path, role, **options)


@pytest.fixture
def shouning(border: Border) -> Iterator[Api]:
    office = border.shouning
    with Desk.open(
        office.node.database, [router(office.service)], log=office.node.access, now=border.town.clock.now()
    ) as desk:
        yield Api(border, desk)


@pytest.fixture
def qingyuan(border: Border) -> Iterator[Api]:
    office = border.qingyuan
    with Desk.open(
        office.node.database, [router(office.service)], log=office.node.access, now=border.town.clock.now()
    ) as desk:
        yield Api(border, desk)


def drafted(api: Api, **changes) -> tuple[str, str]:
    answer = api.post("", {**REQUEST, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.headers["ETag"]


def sent(api: Api, **changes) -> str:
    lead_id, _ = drafted(api, **changes)
    etag = api.post(f"/{lead_id}/submit").headers["ETag"]
    answer = api.post(f"/{lead_id}/send", role=APPROVER, headers={"If-Match": etag})
    assert answer.status_code == 200, answer.text
    api.border.town.settle()
    return lead_id


def test_a_lead_goes_from_draft_to_close_over_the_api(border: Border, shouning: Api, qingyuan: Api):
    lead_id = sent(shouning)
    assert qingyuan.get("").json()["items"][0]["id"] == lead_id

    def step(api: Api, path: str, body: dict, role: Role = OFFICER) -> dict:
        answer = api.post(f"/{lead_id}/{path}", body, role)
        assert answer.status_code == 200, answer.text
        border.town.settle()
        return answer.json()

    step(qingyuan, "acknowledge", {"note": "已收悉"}, INTAKE)
    proposal = step(qingyuan, "return", BODIES["returned"])["proposals"][0]
    assert (proposal["state"], proposal["possible"]) == ("awaiting", True)
    step(qingyuan, f"proposals/{proposal['id']}/approve", {}, APPROVER)
    resubmission = {**{k: v for k, v in REQUEST.items() if k not in ("to", "governance")}, "correction": "已补。"}
    proposal = step(shouning, "resubmit", resubmission)["proposals"][0]
    step(shouning, f"proposals/{proposal['id']}/approve", {}, APPROVER)
    step(qingyuan, "accept", {"handled_by": "龙溪派出所"})
    step(qingyuan, "start", {})
    step(qingyuan, "request-information", {"questions": "P1曾用名？"})
    step(shouning, "provide-information", {"answer": "无。"})
    step(shouning, "messages", {"text": "请尽快。"})
    proposal = step(qingyuan, "reply", REPLY)["proposals"][0]
    assert proposal["private"]["persons"][0]["name"] == "林某"
    step(qingyuan, f"proposals/{proposal['id']}/approve", {}, APPROVER)
    step(shouning, "feedback", BODIES["feedback"])
    assert step(shouning, "close", {"conclusion": "已破案。"})["state"] == "closed"

    timelines = [api.get(f"/{lead_id}/timeline").json() for api in (shouning, qingyuan)]
    assert [step["digest"] for step in timelines[0]] == [step["digest"] for step in timelines[1]]
    assert all(step["verified"] for step in timelines[0] + timelines[1])
    assert qingyuan.get(f"/{lead_id}").json()["state"] == "closed"
    assert [line["text"] for line in qingyuan.get(f"/{lead_id}/messages").json()] == ["请尽快。"]
    assert [each["state"] for each in qingyuan.get(f"/{lead_id}/proposals").json()] == ["sent", "sent"]


def test_a_withdrawal_and_a_transfer_go_over_the_api_too(border: Border, shouning: Api, qingyuan: Api):
    withdrawn, moved = sent(shouning), sent(shouning)
    assert shouning.post(f"/{withdrawn}/withdraw", BODIES["withdrawn"]).json()["state"] == "withdrawn"
    qingyuan.post(f"/{moved}/acknowledge", {}, INTAKE)
    proposal = qingyuan.post(f"/{moved}/transfer", BODIES["transferred"]).json()["proposals"][0]["id"]
    declined = qingyuan.post(f"/{moved}/proposals/{proposal}/decline", {"reason": "由本局办理。"}, APPROVER)
    assert (declined.json()["state"], declined.json()["proposals"]) == ("acknowledged", [])


def test_a_draft_is_changed_by_its_version_only(shouning: Api):
    lead_id, etag = drafted(shouning)
    changed = {**REQUEST, "scope": "仅查询户籍。"}
    assert shouning.call("PUT", f"/{lead_id}", json=changed).status_code == 428
    assert shouning.call("PUT", f"/{lead_id}", json=changed, headers={"If-Match": '"99"'}).status_code == 412
    answer = shouning.call("PUT", f"/{lead_id}", json=changed, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["request"]["scope"]) == (200, "仅查询户籍。")
    assert answer.headers["ETag"] != etag
    assert shouning.call("DELETE", f"/{lead_id}", headers={"If-Match": etag}).status_code == 412
    gone = shouning.call("DELETE", f"/{lead_id}", headers={"If-Match": answer.headers["ETag"]})
    assert gone.status_code == 204
    assert shouning.get(f"/{lead_id}").status_code == 404


def test_a_draft_goes_back_to_its_author(shouning: Api):
    lead_id, _ = drafted(shouning)
    shouning.post(f"/{lead_id}/submit")
    answer = shouning.post(f"/{lead_id}/send-back", {"reason": "请写明范围。"}, APPROVER)
    assert answer.json()["draft"]["sent_back_reason"] == "请写明范围。"
    assert answer.json()["open_moves"] == ["submitted"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"urgency": "U9"}, "/urgency"),
        ({"charges": ["999"]}, "/charges/0"),
        ({"persons": [{**PERSON, "identity_nummber": "1"}]}, "/persons/0/identity_nummber"),
        ({"colour": "red"}, "/colour"),
        ({"facts": "林大山盗伐杉木。"}, "/facts"),
        ({"governance": {"purpose": "侦办", "classification": "secret"}}, "/governance/classification"),
        ({"to": "350724000000"}, "/to"),
    ],
)
def test_what_is_wrong_with_a_draft_is_said_by_pointer_in_two_languages(shouning: Api, changes, pointer):
    answer = shouning.post("", {**REQUEST, **changes})
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert answer.json()["detail_zh"]
    assert answer.json()["detail_en"]
    assert PERSON["identity_number"] not in answer.text


def test_a_move_that_is_not_ours_or_not_now_is_a_conflict(shouning: Api, qingyuan: Api):
    lead_id = sent(shouning)
    answer = shouning.post(f"/{lead_id}/acknowledge", {}, INTAKE)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/illegal-move")
    assert qingyuan.post(f"/{lead_id}/start", {}).status_code == 409
    assert qingyuan.post(f"/{lead_id}/return", BODIES["returned"]).status_code == 409


def test_the_same_person_cannot_approve_what_they_wrote(shouning: Api):
    lead_id = drafted(shouning)[0]
    shouning.post(f"/{lead_id}/submit", role=APPROVER)
    etag = shouning.get(f"/{lead_id}").headers["ETag"]
    answer = shouning.post(f"/{lead_id}/send", role=APPROVER, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/second-person-required")


def test_what_nobody_has_is_not_found(shouning: Api):
    for path in ("", "/timeline", "/messages", "/proposals"):
        assert shouning.get(f"/{NOBODYS}{path}").status_code == 404
    for path, body in (("acknowledge", {}), ("reveal", {"person": "P1", "fields": ["name"], "reason": "核对"})):
        assert shouning.post(f"/{NOBODYS}/{path}", body, INTAKE).status_code == 404
    lead_id = sent(shouning)
    assert shouning.post(f"/{lead_id}/proposals/{NOBODYS}/approve", role=APPROVER).status_code == 404


def test_an_auditor_reads_masked_and_reveals_nothing_and_an_administrator_reads_no_case(shouning: Api):
    lead_id = sent(shouning)
    assert shouning.get(f"/{lead_id}", AUDITOR).json()["request"]["private"]["persons"][0]["name"] == "林某"
    wanted = {"person": "P1", "fields": ["name"], "reason": "核对"}
    assert shouning.post(f"/{lead_id}/reveal", wanted, AUDITOR).status_code == 403
    assert shouning.post(f"/{lead_id}/reveal", wanted, OFFICER).json() == {"person": "P1", "fields": {"name": "林大山"}}
    assert shouning.get(f"/{lead_id}", ADMINISTRATOR).status_code == 403


def test_a_list_goes_page_by_page_and_never_shows_one_twice(shouning: Api):
    made = []
    for number in range(5):
        made.append(drafted(shouning, letter_number=f"寿公协〔2026〕{number}号")[0])
        shouning.border.wait(timedelta(seconds=1))
    seen, path = [], "?limit=2&sort=created"
    while path:
        answer = shouning.get(path)
        assert answer.status_code == 200, answer.text
        seen += [lead["id"] for lead in answer.json()["items"]]
        path = f"?limit=2&sort=created&cursor={answer.json()['next']}" if answer.json()["next"] else ""
        assert ("Link" in answer.headers) == bool(path)
    assert seen == made[::-1]


def test_a_list_is_sorted_by_what_is_due_first(shouning: Api, qingyuan: Api):
    slow = sent(shouning)
    shouning.border.wait(timedelta(seconds=1))
    fast = sent(shouning, urgency="U1", urgency_reason="车辆正驶入龙溪乡。")
    assert [lead["id"] for lead in qingyuan.get("?sort=due").json()["items"]] == [fast, slow]
    assert [lead["id"] for lead in qingyuan.get("?sort=created").json()["items"]] == [fast, slow]
    assert [lead["id"] for lead in qingyuan.get("?urgency=U1&state=delivered&q=盗伐").json()["items"]] == [fast]


@pytest.mark.parametrize(
    "query",
    [
        "state=lost",
        "sort=size",
        "peer=12",
        "due_before=tomorrow",
        "due_before=0001-01-01T00:00:00%2B08:00",
        "q=",
        "cursor=x",
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(shouning: Api, query: str):
    assert shouning.get(f"?{query}").status_code == 422


def test_the_same_draft_sent_twice_with_one_key_is_one_draft(shouning: Api):
    key = {"Idempotency-Key": "draft-0001-0001"}
    first, second = shouning.post("", REQUEST, headers=key), shouning.post("", REQUEST, headers=key)
    assert first.json()["id"] == second.json()["id"]
    assert len(shouning.get("").json()["items"]) == 1


def test_counts_and_vocabulary_fill_the_desk(shouning: Api, qingyuan: Api):
    sent(shouning)
    assert qingyuan.get("/counts").json() == {"to_acknowledge": 1, "due_today": 0, "overdue": 0, "awaiting_approval": 0}
    words = qingyuan.get("/vocabulary").json()
    assert {"code": "345(1)", "zh": "盗伐林木", "en": "theft of standing timber"} in words["charges"]
    assert words["states"]["returned"] == "已退回补正"
    assert words["moves"]["returned"] == "退回补正"


def test_who_read_a_lead_over_the_api_is_recorded(border: Border, shouning: Api):
    lead_id = sent(shouning)
    shouning.get(f"/{lead_id}", AUDITOR)
    entry = border.shouning.accesses("consult")[-1]
    assert (entry.actor, entry.role, entry.object_id) == ("auditor", "auditor", lead_id)
    assert border.shouning.node.us == SHOUNING
