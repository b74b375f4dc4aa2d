"""A bureau brought back from a backup has signed what it had signed, and is bound as before."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from ecolink.protocol.kinds.agreements import EndingV1
from tests.exchanges.test_giving_back import bring_back
from tests.federation.backups import back_up
from tests.support.agreements import Chief, conclude, terms
from tests.support.town import QINGYUAN, SHOUNING, Town


@pytest.mark.parametrize("lost", [SHOUNING, QINGYUAN])
def test_a_restored_bureau_is_bound_by_what_it_had_proposed_and_signed(
    town: Town, new_database_url: Callable[[], str], lost: str
) -> None:
    first = terms()
    backup = back_up(town.nodes[lost], new_database_url)
    conclude(town, first)
    second = terms(version=2, replaces=first.digest(), retention_months=48)
    ending = EndingV1(ends=first.digest(), last_day=date(2027, 12, 31), reason="到期不再续签")
    here, there = (Chief(node) for node in town.nodes.values())
    there.propose(second)
    declined = here.end(ending)
    town.settle()
    here.sign(second.digest())
    there.decline(declined, "尚需协作")
    town.settle()
    before = [chief.in_force() for chief in (here, there)]
    words = here.words(declined)

    restored = Chief(bring_back(town, town.nodes[lost], backup))
    assert [restored.in_force(), here.in_force() if lost == QINGYUAN else there.in_force()] == before
    assert restored.words(declined) == words == {SHOUNING: (True, None), QINGYUAN: (False, "尚需协作")}
    town.wait(timedelta(days=1))
    with restored.node.database.read() as session:
        assert restored.service.subject(session, first.code, second.digest())[0].document["retention_months"] == 48
