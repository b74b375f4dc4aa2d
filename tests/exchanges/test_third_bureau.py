"""A third bureau, which knows both and trusts both, learns nothing of what the two tell each other."""

import json
from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from ecolink.entrypoints.applications import local_app
from ecolink.federation import operations
from ecolink.federation.operations import Operation
from ecolink.protocol import heads, jws
from tests.exchanges.leads.bureaux import Border
from tests.storage.test_plans import log_in
from tests.support.apis import LOCAL
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

WORD = "罗汉松"
NOBODYS = "019ab000-0000-7000-8000-000000000000"
Door = Callable[[str], TestClient]

pytestmark = pytest.mark.by_turns


@pytest.fixture
def lead_id(town: Town) -> str:
    """A lead of Shouning with Qingyuan, answered; Jingning is friends with both."""
    town.add(JINGNING)
    for code in (SHOUNING, QINGYUAN):
        town.introduce(code, JINGNING)
    return Border(town).ask("acknowledged", "accepted", "started", "replied", facts=f"盗伐{WORD}三株。")


@pytest.fixture
def door(town: Town) -> Iterator[Door]:
    """Somebody with every role, at the local API of whichever bureau."""
    clients: dict[str, TestClient] = {}

    def enter(unit_code: str) -> TestClient:
        node = town.nodes[unit_code]
        if unit_code not in clients:
            clients[unit_code] = TestClient(local_app(node), base_url="http://127.0.0.1", client=("127.0.0.1", 50000))
            clients[unit_code].headers["Authorization"] = f"Bearer {log_in(node)}"
        return clients[unit_code]

    yield enter
    for client in clients.values():
        client.close()


def test_a_bureau_that_has_no_part_in_a_matter_is_answered_as_if_there_were_none(lead_id: str, door: Door):
    about_it = [
        path.replace(member, "{}")
        for path, calls in LOCAL.openapi()["paths"].items()
        for member in ("{lead_id}", "{thread}")
        if "get" in calls and member in path
    ]
    assert len(about_it) >= 9

    def answers(unit_code: str, matter: str) -> list[tuple[int, str]]:
        client, asked = door(unit_code), {"params": {"reason": "移送检察机关"}, "headers": {"X-Request-ID": "0" * 32}}
        said = [client.get(path.format(matter), **asked) for path in about_it]
        return [(each.status_code, each.text.replace(matter, "")) for each in said]

    assert {status for status, _ in answers(QINGYUAN, lead_id)} == {200}
    of_none = answers(JINGNING, NOBODYS)
    assert answers(JINGNING, lead_id) == of_none
    assert [status for status, _ in of_none].count(404) >= 7  # what is left are lists, and empty


def test_a_bureau_that_has_no_part_in_a_matter_finds_and_counts_nothing_of_it(lead_id: str, door: Door):
    def found(unit_code: str, **wanted: str) -> list[str]:
        return [each["id"] for each in door(unit_code).get("/api/v1/leads", params=wanted).json()["items"]]

    assert found(QINGYUAN, q=WORD) == [lead_id]
    assert found(JINGNING, q=WORD) == found(JINGNING) == []
    assert set(door(JINGNING).get("/api/v1/leads/counts").json().values()) == {0}


def test_a_bureau_that_has_no_part_in_a_matter_is_not_told_how_much_the_others_say(town: Town, lead_id: str):
    def ask(asker: str, operation: Operation, **params: str) -> bytes:
        url = town.nodes[SHOUNING].settings.federation_url
        answer = town.nodes[asker].client.call(SHOUNING, url, operation, params=params, now=town.clock.now())
        assert answer.status == 200
        return answer.body

    def channels(asker: str) -> list[list]:
        said = jws.reread(ask(asker, operations.HEADS), typ=heads.TYP).payload
        return [said["received"], said["sent"]]

    case = {"lane": "case", "epoch": "1", "after": "0"}
    assert all(channels(QINGYUAN))
    assert channels(JINGNING) == [[], []]
    for operation, member in ((operations.PULL, "batches"), (operations.RETURN, "returned")):
        assert json.loads(ask(QINGYUAN, operation, **case))[member]
        assert json.loads(ask(JINGNING, operation, **case)) == {member: []}
