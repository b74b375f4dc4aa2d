"""The board of an emergency, as far as our own people go: how each was told, who opened it, and whom to call."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ecolink.identity.roles import Role
from tests.alerts.office import Services
from tests.alerts.watchroom import Watchroom
from tests.support.console import Reception
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns


@pytest.fixture
def town(tmp_path: Path, new_database_url: Callable[[], str], services: Services) -> Iterator[Town]:
    town = Town(tmp_path, new_database_url, postman=services)
    for unit_code in (SHOUNING, QINGYUAN):
        town.add(unit_code)
    town.introduce(SHOUNING, QINGYUAN)
    yield town
    town.close()


def test_the_board_tells_how_each_of_our_people_was_told_and_whom_to_call(town: Town, services: Services) -> None:
    room = Watchroom.staffed(town.nodes[QINGYUAN])
    reception = Reception(room.node)
    approver = reception.signed_in(Role.APPROVER)
    robot, gateway = room.channel("dingtalk"), room.channel("sms")
    room.reach("lin", robot, gateway)
    services.is_dead("dingtalk")
    Watchroom(town.nodes[SHOUNING]).raise_emergency()
    town.wait(timedelta())
    room.send()
    emergency = room.alert().link

    board = approver.get(f"{emergency}/board").text
    ours = board.partition("本局人员")[2]
    assert "尚未打开" in ours
    assert 'href="tel:13800000000"' in ours
    for words in ("Lin", "dingtalk 发送失败", ">sms<"):
        assert words in ours, words

    alert = room.alert()
    with room.node.database.begin() as session:
        room.node.alerts.note_read(session, alert, room.people["lin"], room.now)
    ours = approver.get(f"{emergency}/board").text.partition("本局人员")[2]
    assert "尚未打开" not in ours
    assert len(re.findall(r'class="reached"', ours)) == 3

    room.acknowledge(alert, "lin", decision="dispatching")
    ours = approver.get(f"{emergency}/board").text.partition("本局人员")[2]
    assert "Lin已签收" in ours
    assert len(re.findall(r'class="reached"', ours)) == 4


def test_who_opens_the_emergency_itself_has_opened_what_they_were_told_of(town: Town) -> None:
    room = Watchroom(town.nodes[QINGYUAN])
    officer = Reception(room.node).signed_in(Role.LIAISON_OFFICER)
    Watchroom(town.nodes[SHOUNING]).raise_emergency()
    town.wait(timedelta())
    board = room.alert().link + "/board"
    assert "尚未打开" in officer.get(board).text, "what an open page asks for by itself is no reading"
    assert "未登记电话" in officer.get(board).text
    officer.get(room.alert().link)
    assert "尚未打开" not in officer.get(board).text
