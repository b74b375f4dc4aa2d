"""A restored node's exchanges stand again as if they had never been lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from ecolink.cadence.standing import State
from ecolink.federation.models import StatementRow
from tests.exchanges.quarterly.desks import Desk, agreement
from tests.exchanges.test_giving_back import bring_back, said
from tests.support.town import Town


def hold(town: Town, *desks: Desk) -> None:
    for desk in desks:
        desk.submit()
    town.settle()
    town.clock.advance(timedelta(minutes=3))
    desks[0].correct()
    town.settle()
    for desk in desks:
        town.clock.advance(timedelta(minutes=1))
        desk.answer()
        desk.sign_off()
        town.settle()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_packages_words_and_signatures_come_back(
    town: Town, shouning: Desk, qingyuan: Desk, new_database_url: Callable[[], str]
) -> None:
    from tests.federation.backups import back_up

    shouning.open_due()
    url = back_up(shouning.node, new_database_url)
    hold(town, shouning, qingyuan)
    before, held = shouning.picture(), said(shouning.node)
    assert before["standing"].state is State.FULFILLED

    again = Desk.open(bring_back(town, shouning.node, url), agreement())
    assert again.picture() == before == qingyuan.picture()
    assert said(again.node) == held
    assert again.show().ours == "sent"  # the draft that the backup held was sent since
    with qingyuan.node.database.read() as session:
        rejected = select(StatementRow.jti).where(StatementRow.type == "statement.rejected.v1")
        assert session.scalars(rejected).all() == []
