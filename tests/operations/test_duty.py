"""The rota at the node's own keyboard, and what the doctor says of it."""

from datetime import datetime, timedelta

import pytest

from ecolink.entrypoints.doctor.finding import Level
from ecolink.kit.times import CHINA
from tests.operations.operator import Operator
from tests.operations.test_doctor import found

pytestmark = pytest.mark.by_turns


def test_the_operator_puts_people_on_the_rota_and_lets_one_take_over(shouning: Operator) -> None:
    shouning.done("user", "add", "lin", "--name", "林一鸣", "--role", "liaison_officer")
    shouning.done("user", "add", "chen", "--name", "陈小燕", "--role", "liaison_officer")
    assert shouning.told("duty", "now") == []
    assert found(shouning)["duty rota"].finding.level is Level.OK

    today = datetime.now(CHINA).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    begins, ends = today.isoformat(), (today + timedelta(days=3)).isoformat()
    assert "is on duty from" in shouning.done("duty", "add", "lin", begins, ends).stdout
    assert "stands already" in shouning.done("duty", "add", "lin", begins, ends).stdout
    assert [row["who"] for row in shouning.told("duty", "now")] == ["林一鸣"]
    warned = found(shouning)["duty rota"].finding
    assert (warned.level, "1 times in the next 14 days" in warned.detail_en) == (Level.WARN, True)

    made = shouning.told("duty", "handover", "chen", "--note", "巡护车钥匙在值班室")
    assert (made["from"], made["to"], made["note"]) == ("林一鸣", "陈小燕", "巡护车钥匙在值班室")
    assert [row["who"] for row in shouning.told("duty", "list")] == ["林一鸣", "陈小燕", "nobody"][1:]
    assert "on duty already" in shouning.refused("duty", "handover", "chen")
    assert "Nobody logs in as" in shouning.refused("duty", "add", "nobody", begins, ends)
    assert "is no time" in shouning.refused("duty", "add", "lin", "tomorrow", ends)
