"""The worker's tidying takes persons out of matters that are over and whose time is over, in every room."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.federation.models import StatementRow
from ecolink.storage.engine import Database
from tests.exchanges.bulletins.bureaux import SUSPECT, Bureau, bulletin, correction
from tests.exchanges.emergencies.desks import Desk
from tests.exchanges.leads.bureaux import Border
from tests.support.town import QINGYUAN, SHOUNING, Town

HALF_A_YEAR = timedelta(days=180)
THREE_YEARS = timedelta(days=3 * 365 + 1)
TERMS = {"purpose": "侦办盗伐林木案", "retain_days": 180}
TOLD = {**SUSPECT, "governance": TERMS}


def has_persons(database: Database, thread: str) -> bool:
    with database.read() as session:
        return bool(
            session.scalars(
                select(StatementRow.n).where(StatementRow.thread == thread, StatementRow.private.is_not(None))
            ).all()
        )


def tidy(town: Town) -> None:
    for node in town.nodes.values():
        node.tidy(town.clock.now())


def where_persons_are(town: Town, thread: str) -> list[str]:
    return [code for code, node in town.nodes.items() if has_persons(node.database, thread)]


def test_an_open_lead_keeps_its_persons_and_a_closed_one_loses_them_when_its_time_is_over(town: Town) -> None:
    border = Border(town)
    lead = border.ask("acknowledged", "accepted", "started", "replied", governance=TERMS)
    town.clock.advance(THREE_YEARS)
    tidy(town)
    assert where_persons_are(town, lead) == [SHOUNING, QINGYUAN], "nobody has closed it"

    border.run(lead, "feedback", "closed")
    tidy(town)
    assert where_persons_are(town, lead) == [SHOUNING, QINGYUAN], "what was said last may be kept for three years"
    town.clock.advance(THREE_YEARS)
    tidy(town)
    assert where_persons_are(town, lead) == []
    shown = border.shouning.lead(lead)
    assert (shown.state, shown.letter_number) == ("closed", "寿公协〔2026〕18号"), "the matter itself stays"


@pytest.fixture
def shouning(town: Town) -> Bureau:
    Bureau.open(town, town.nodes[QINGYUAN])
    return Bureau.open(town, town.nodes[SHOUNING])


def test_a_bulletin_keeps_its_persons_as_long_as_it_is_good(town: Town, shouning: Bureau) -> None:
    short = shouning.publish(bulletin(recipients=[QINGYUAN], **TOLD))
    good_until = (town.clock.now() + THREE_YEARS).isoformat()
    long = shouning.publish(bulletin(recipients=[QINGYUAN], valid_until=good_until, **TOLD))
    town.settle()

    town.clock.advance(HALF_A_YEAR - timedelta(seconds=1))
    tidy(town)
    assert where_persons_are(town, short) == [SHOUNING, QINGYUAN], "its time is not over"
    town.clock.advance(timedelta(seconds=1))
    tidy(town)
    assert where_persons_are(town, short) == []
    assert where_persons_are(town, long) == [SHOUNING, QINGYUAN], "it is good until a day to come"
    town.clock.advance(THREE_YEARS)
    tidy(town)
    assert where_persons_are(town, long) == []


def test_a_bulletin_that_is_being_corrected_keeps_its_persons_until_that_is_told(town: Town, shouning: Bureau) -> None:
    told = shouning.publish(bulletin(recipients=[QINGYUAN], **TOLD))
    town.settle()
    shouning.draft_correction(told, correction(**SUSPECT))

    town.clock.advance(HALF_A_YEAR)
    tidy(town)
    assert where_persons_are(town, told) == [SHOUNING]


def test_an_emergency_keeps_who_signed_for_it_until_it_is_over(town: Town) -> None:
    here, there = (Desk.open(town.nodes[code]) for code in (SHOUNING, QINGYUAN))
    fire = here.raise_alert(governance=TERMS)
    town.settle()
    there.acknowledge(fire)
    town.settle()
    assert where_persons_are(town, fire) == [SHOUNING, QINGYUAN]

    town.clock.advance(2 * THREE_YEARS)
    tidy(town)
    assert where_persons_are(town, fire) == [SHOUNING, QINGYUAN], "it still burns, says the node"
    here.cancel(fire)
    town.settle()
    tidy(town)
    with town.nodes[SHOUNING].database.read() as session:
        assert session.get_one(Emergency, fire).raised_by_name is None
        reasons = session.scalars(select(AccessRow.reason).where(AccessRow.actor == "retention")).all()
    assert reasons == ["retention-over"]


def test_the_setting_says_how_long_is_usual_and_the_officer_may_say_otherwise(
    tmp_path: Path, new_database_url: Callable[[], str]
) -> None:
    town = Town(tmp_path, new_database_url, settings={"retention_months": 60})
    for code in (SHOUNING, QINGYUAN):
        town.add(code)
    town.introduce(SHOUNING, QINGYUAN)
    border = Border(town)
    usual, chosen = border.ask(), border.ask(governance=TERMS)

    with town.nodes[QINGYUAN].database.read() as session:
        kept = dict(session.execute(select(StatementRow.thread, StatementRow.retain_until)).all())
    assert kept[usual] == town.clock.now().replace(year=2031)
    assert kept[chosen] == town.clock.now() + HALF_A_YEAR
    town.close()
