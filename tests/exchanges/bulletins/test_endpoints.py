"""Bulletins over the local API."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from ecolink.exchanges.bulletins.endpoints import router
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.roles import Role
from tests.exchanges.bulletins.bureaux import ORCHIDS, SUSPECT, bulletin, correction
from tests.support.town import QINGYUAN, SHOUNING
from tests.support.web import Desk

pytestmark = pytest.mark.by_turns

BULLETINS = "/api/v1/bulletins"
WANTED = {**ORCHIDS, "governance": {"purpose": "提示邻县查控"}, "recipients": [QINGYUAN]}
AREA = {
    "datum": "CGCS2000",
    "geometry": {"type": "Polygon", "coordinates": [[[119.1, 27.4], [119.3, 27.4], [119.3, 27.5], [119.1, 27.4]]]},
}


@pytest.fixture
def desks(pair) -> Iterator[tuple[Desk, Desk]]:
    """The local APIs of Shouning and Qingyuan."""
    with ExitStack() as stack:
        yield tuple(
            stack.enter_context(
                Desk.open(
                    bureau.node.database,
                    [router(bureau.service, "本单位公安局")],
                    log=bureau.node.access,
                    now=pair.town.clock.now(),
                )
            )
            for bureau in (pair.shouning, pair.qingyuan)
        )


@pytest.fixture
def here(desks) -> Desk:
    return desks[0]


@pytest.fixture
def there(desks) -> Desk:
    return desks[1]


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_an_officer_drafts_and_an_approver_tells_it(pair, here, there):
    officer, approver = here.as_role(Role.OFFICER), here.as_role(Role.APPROVER)
    drafted = here.client.post(BULLETINS, json={**WANTED, "area": AREA}, headers=officer)
    assert drafted.status_code == 201, drafted.text
    where = drafted.headers["Location"]
    assert drafted.json()["draft"]["content"]["area"] == AREA
    handed_in = here.client.post(f"{where}/submit", headers={**officer, "If-Match": drafted.headers["ETag"]})
    assert handed_in.json()["state"] == "awaiting_approval"

    version = {"If-Match": handed_in.headers["ETag"]}
    assert here.client.post(f"{where}/approve", headers={**officer, **version}).status_code == 403
    told = here.client.post(f"{where}/approve", headers={**approver, **version})
    assert (told.status_code, told.json()["state"]) == (200, "published")
    assert told.json()["content"]["area"] == AREA
    pair.settle()
    assert ids(there.client.get(BULLETINS, headers=there.as_role(Role.OFFICER))) == [drafted.json()["id"]]


def test_the_drafter_does_not_approve_even_with_an_approvers_role(here):
    both = here.as_role(Role.OFFICER, Role.APPROVER)
    drafted = here.client.post(BULLETINS, json=WANTED, headers=both)
    where = drafted.headers["Location"]
    handed_in = here.client.post(f"{where}/submit", headers={**both, "If-Match": drafted.headers["ETag"]})
    refused = here.client.post(f"{where}/approve", headers={**both, "If-Match": handed_in.headers["ETag"]})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/second-person-required")


def test_changes_name_the_version_they_build_on(here):
    officer = here.as_role(Role.OFFICER)
    where = here.client.post(BULLETINS, json=WANTED, headers=officer).headers["Location"]
    for call in (
        lambda headers: here.client.put(where, json=WANTED, headers=headers),
        lambda headers: here.client.post(f"{where}/submit", headers=headers),
        lambda headers: here.client.delete(f"{where}/draft", headers=headers),
    ):
        assert call(officer).status_code == 428
        assert call({**officer, "If-Match": '"99"'}).status_code == 412


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"title": "第一行\n第二行"}, "/title"),
        ({"titel": "x"}, "/titel"),
        ({"kind": "rumour"}, "/kind"),
        ({"charges": ["999"]}, "/charges/0"),
        ({"grading": {"source": "A", "information": "9"}}, "/grading/information"),
        ({"grading": {"source": "A", "information": "1", "extra": 1}}, "/grading/extra"),
        ({"period": {"start": "2026-11-02", "end": "2026-11-01"}}, "/period"),
        ({"valid_until": "2026-11-30"}, "/valid_until"),
        ({"area": {**AREA, "datum": "GCJ-02"}}, "/area/datum"),
        ({"area": {**AREA, "geometry": {"type": "Point", "coordinates": [200, 27]}}}, "/area/geometry"),
        ({"governance": {"purpose": "x", "classification": "secret"}}, "/governance/classification"),
        ({"persons": [{"ref": "P1", "category": "victim", "basis": "fact"}]}, "/persons/0/category"),
    ],
)
def test_wrong_members_are_pointed_at(here, changes, pointer):
    answer = here.client.post(BULLETINS, json={**WANTED, **changes}, headers=here.as_role(Role.OFFICER))
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)


def test_a_repeated_draft_with_the_same_key_is_one_draft(here):
    headers = {**here.as_role(Role.OFFICER), "Idempotency-Key": "the-same-key-twice"}
    first, second = (here.client.post(BULLETINS, json=WANTED, headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert len(ids(here.client.get(BULLETINS, headers=headers))) == 1


def test_the_first_person_who_opens_it_is_the_reading_its_author_learns_of(pair, here, there):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    officer = there.as_role(Role.OFFICER)
    assert ids(there.client.get(BULLETINS, params={"unread": True}, headers=officer)) == [told]
    opened = there.client.get(f"{BULLETINS}/{told}", headers=officer)
    assert opened.json()["content"]["body"] == ORCHIDS["body"]
    assert opened.json()["opened_at"] is not None
    assert there.client.get(f"{BULLETINS}/{told}", headers=officer).headers["ETag"] == opened.headers["ETag"]
    pair.settle()
    board = here.client.get(f"{BULLETINS}/{told}/recipients", headers=here.as_role(Role.OFFICER)).json()["items"]
    assert board[0]["bureau"]["unit_code"] == QINGYUAN
    assert board[0]["read_at"] is not None
    assert ids(there.client.get(BULLETINS, params={"unread": True}, headers=officer)) == []


def test_a_program_that_fetches_it_is_not_a_person_reading_it(pair, there):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    with there.database.begin() as session:
        _, secret = there.identity.accounts.add_client(
            session,
            client_id="case-system",
            name="Case system",
            roles=[Role.INTEGRATOR],
            by=CONSOLE,
            now=there.clock.now(),
        )
    form = {"grant_type": "client_credentials", "client_id": "case-system", "client_secret": secret}
    token = there.client.post("/api/v1/oauth/token", data=form).json()["access_token"]
    program, where = {"Authorization": f"Bearer {token}"}, f"{BULLETINS}/{told}"
    fetched = there.client.get(where, headers=program).json()
    assert fetched["content"]["title"] == ORCHIDS["title"]
    assert fetched["opened_at"] is None
    assert there.client.post(f"{where}/read", headers=program).json()["opened_at"] is not None


def test_a_holder_uses_it_and_feeds_back_and_the_author_reads_that(pair, here, there):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    officer, where = there.as_role(Role.OFFICER), f"{BULLETINS}/{told}"
    used = {"used_on": "2026-11-23", "used_for": "清查"}
    assert there.client.post(f"{where}/use", json=used, headers=officer).status_code == 200
    wanted = {"used_for": "清查", "usefulness": 4, "outcomes": ["seizure"], "correction_requested": "补充蕙兰"}
    assert there.client.post(f"{where}/feedback", json=wanted, headers=officer).status_code == 200
    wrong = {**wanted, "outcomes": ["none", "seizure"]}
    assert there.client.post(f"{where}/feedback", json=wrong, headers=officer).status_code == 422
    assert there.client.post(f"{where}/feedback", json={**wanted, "usefulness": 6}, headers=officer).status_code == 422
    pair.settle()
    answers = here.client.get(f"{where}/answers", headers=here.as_role(Role.OFFICER)).json()
    assert answers["feedback"][0]["correction_requested"] == "补充蕙兰"
    assert answers["uses"][0]["used_on"] == "2026-11-23"


def test_a_recalled_bulletin_leaves_the_list_and_shows_why(pair, here, there):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    where, approver = f"{BULLETINS}/{told}", here.as_role(Role.APPROVER)
    wanted = {"reason_code": "wrong", "reason": "经核查不属实"}
    assert here.client.post(f"{where}/recall", json=wanted, headers=here.as_role(Role.OFFICER)).status_code == 403
    assert here.client.post(f"{where}/recall", json=wanted, headers=approver).json()["state"] == "recalled"
    again = here.client.post(f"{where}/recall", json=wanted, headers=approver)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/illegal-move")
    pair.settle()
    officer = there.as_role(Role.OFFICER)
    assert ids(there.client.get(BULLETINS, headers=officer)) == []
    assert ids(there.client.get(BULLETINS, params={"state": "recalled"}, headers=officer)) == [told]
    shown = there.client.get(where, headers=officer).json()
    assert (shown["title"], shown["content"], shown["recall"]["reason"]) == (None, None, "经核查不属实")
    versions = there.client.get(f"{where}/versions", headers=officer).json()["items"]
    assert [version["content"] for version in versions] == [None]
    history = there.client.get(f"{where}/history", headers=officer).json()["items"]
    assert [step["act"] for step in history] == ["published", "recalled", "complied"]


def test_persons_are_shown_for_a_reason_only_and_never_found(pair, there):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN], **SUSPECT))
    pair.settle()
    officer, where = there.as_role(Role.OFFICER), f"{BULLETINS}/{told}"
    shown = there.client.get(where, headers=officer)
    assert "林大山" not in shown.text
    assert "331126199001010018" not in shown.text
    assert there.client.post(f"{where}/reveal", json={}, headers=officer).status_code == 422
    revealed = there.client.post(f"{where}/reveal", json={"reason": "核对身份"}, headers=officer)
    assert revealed.json()["persons"][0]["name"] == "林大山"
    assert revealed.headers["Cache-Control"] == "no-store"
    auditor = there.as_role(Role.AUDITOR)
    assert there.client.post(f"{where}/reveal", json={"reason": "看看"}, headers=auditor).status_code == 403
    assert ids(there.client.get(BULLETINS, params={"q": "林大山"}, headers=officer)) == []


def test_permission_is_asked_granted_and_listed(pair, here, there):
    told = pair.shouning.publish(bulletin(onward="ask", recipients=[QINGYUAN]))
    pair.settle()
    asks = f"{BULLETINS}/{told}/permissions"
    wanted = {"recipients": ["350724000000"], "reason": "松溪有同类线索"}
    asked = there.client.post(asks, json=wanted, headers=there.as_role(Role.OFFICER))
    assert (asked.status_code, asked.json()["decision"]) == (201, "open")
    pair.settle()
    request, approver = asked.json()["request"], here.as_role(Role.APPROVER)
    granted = here.client.post(f"{asks}/{request}/grant", json={"conditions": "不得再转"}, headers=approver)
    assert granted.json()["granted_to"] == ["350724000000"]
    refused = here.client.post(f"{asks}/{request}/refuse", json={"reason": "晚了"}, headers=approver)
    assert refused.status_code == 409
    pair.settle()
    (seen,) = there.client.get(asks, headers=there.as_role(Role.OFFICER)).json()["items"]
    assert (seen["decision"], seen["conditions"]) == ("granted", "不得再转")
    elsewhere = {"recipients": ["350724000000"]}
    share = there.client.post(f"{BULLETINS}/{told}/share", json=elsewhere, headers=there.as_role(Role.APPROVER))
    assert share.json()["errors"][0]["pointer"] == "/recipients/0"


def test_the_list_is_filtered_searched_sorted_and_paged(pair, here, there):
    a = pair.shouning
    orchids = a.publish(bulletin(recipients=[QINGYUAN], valid_until="2026-12-31T00:00:00+08:00"))
    pair.town.clock.advance(timedelta(minutes=1))
    timber = a.publish(
        bulletin(
            recipients=[QINGYUAN],
            kind="warning",
            title="盗伐林木预警",
            body="下党乡杉木林连续被盗伐。",
            charges=["345(1)"],
            species=[{"name_zh": "杉木"}],
            valid_until="2026-11-30T00:00:00+08:00",
        )
    )
    drill = a.publish(bulletin(recipients=[QINGYUAN], governance={"purpose": "演练", "is_exercise": True}))
    pair.settle()
    officer = there.as_role(Role.OFFICER)

    def listed(**params):
        return ids(there.client.get(BULLETINS, params=params, headers=officer))

    assert listed() == [timber, orchids]
    assert listed(sort="told_at") == [orchids, timber]
    assert listed(sort="valid_until") == [timber, orchids]
    assert listed(exercise=True) == [drill]
    assert listed(kind="warning") == [timber]
    assert listed(charge="345(1)") == [timber]
    assert listed(species="春兰") == [orchids]
    assert listed(q="林木") == [timber]
    assert listed(q="cymbidium") == [orchids]
    assert listed(q="没有") == []
    assert listed(peer=SHOUNING) == [timber, orchids]
    assert listed(peer="350724000000") == []
    assert listed(direction="out") == []
    assert listed(valid_at="2026-12-15T00:00:00+08:00") == [orchids]
    assert listed(state="corrected") == []
    assert listed(state=["published", "recalled"]) == [timber, orchids]

    first = there.client.get(BULLETINS, params={"limit": 1}, headers=officer)
    assert ids(first) == [timber]
    second = there.client.get(first.links["next"]["url"], headers=officer)
    assert ids(second) == [orchids]
    assert second.json()["next"] is None
    for wrong in ({"peer": "abc"}, {"valid_at": "tomorrow"}, {"sort": "title"}, {"q": "长" * 65}, {"cursor": "x"}):
        assert there.client.get(BULLETINS, params=wrong, headers=officer).status_code == 422


def test_a_correction_goes_over_the_api_from_draft_to_every_holder(pair, here, there):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    where, officer, approver = f"{BULLETINS}/{told}", here.as_role(Role.OFFICER), here.as_role(Role.APPROVER)
    wanted = correction().model_dump(mode="json", exclude_none=True)
    etag = here.client.get(where, headers=officer).headers["ETag"]
    drafted = here.client.put(f"{where}/correction", json=wanted, headers={**officer, "If-Match": etag})
    assert drafted.json()["draft"]["reason"] == "物种有误"
    etag = here.client.post(f"{where}/submit", headers={**officer, "If-Match": drafted.headers["ETag"]}).headers["ETag"]
    back = here.client.post(f"{where}/send-back", json={"reason": "请核对"}, headers={**approver, "If-Match": etag})
    assert back.json()["draft"]["sent_back"] == "请核对"
    etag = here.client.post(f"{where}/submit", headers={**officer, "If-Match": back.headers["ETag"]}).headers["ETag"]
    assert here.client.post(f"{where}/approve", headers={**approver, "If-Match": etag}).json()["state"] == "corrected"
    pair.settle()
    shown = there.client.get(where, headers=there.as_role(Role.OFFICER)).json()
    assert shown["content"]["title"] == "更正：春兰混作茶苗邮寄"
    (row,) = here.client.get(f"{where}/recipients", headers=officer).json()["items"]
    assert row["changes"][0]["reported_by"] == QINGYUAN


def test_what_does_not_exist_is_not_found(here):
    chief = here.as_role(Role.CHIEF)
    nowhere = f"{BULLETINS}/019ab000-0000-7000-8000-00000000ffff"
    for path in ("", "/versions", "/history", "/recipients", "/answers", "/permissions"):
        assert here.client.get(nowhere + path, headers=chief).status_code == 404
    assert here.client.post(f"{nowhere}/read", headers=chief).status_code == 404
