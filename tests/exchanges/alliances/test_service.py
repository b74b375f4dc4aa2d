"""Alliances as a bureau keeps them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.errors import IllegalMoveError, InvalidError, NotFoundError, StaleError
from ecolink.exchanges.alliances.rules import settle_members
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.federation.models import PeerRow
from ecolink.federation.peers import PeerState
from ecolink.protocol.kinds.rosters import MAX_MEMBERS, RosterV1
from tests.exchanges.alliances.neighbours import (
    CHIEF,
    JINGNING,
    MORNING,
    QINGYUAN,
    SHOUNING,
    SONGXI,
    TAISHUN,
    add_peer,
    hooked_access,
    peers_of_shouning,
)

pytestmark = pytest.mark.by_turns

LATER = MORNING + timedelta(days=1)


@pytest.fixture
def service(database):
    with database.begin() as session:
        for unit_code in (QINGYUAN, JINGNING, TAISHUN):
            add_peer(session, unit_code)
        add_peer(session, SONGXI, PeerState.PENDING)
    return AllianceService(us=SHOUNING, peers=peers_of_shouning(), access=hooked_access(database))


@pytest.fixture
def alliance_id(database, service):
    with database.begin() as session:
        alliance = service.found(
            session, name_zh="边界联盟", name_en="Border alliance", members=[JINGNING, QINGYUAN], by=CHIEF, now=MORNING
        )
        return alliance.id


def change(service, session, alliance_id, *, version, members, name_zh="边界联盟"):
    return service.change(
        session,
        alliance_id,
        version=version,
        name_zh=name_zh,
        name_en="Border alliance",
        members=members,
        reason="名单调整",
        by=CHIEF,
        now=LATER,
    )


def test_a_new_alliance_has_its_first_roster_with_us_on_it(database, service, alliance_id):
    with database.read() as session:
        roster = service.roster(session, alliance_id)
    assert roster.members == tuple(sorted([SHOUNING, QINGYUAN, JINGNING]))
    assert roster.version == 1
    assert RosterV1.model_validate(roster.to_wire()) == roster


def test_a_changed_membership_makes_a_new_roster_and_keeps_the_old_one(database, service, alliance_id):
    with database.begin() as session:
        first = service.roster(session, alliance_id)
        change(service, session, alliance_id, version=1, members=[QINGYUAN, TAISHUN])
    with database.read() as session:
        rosters = service.rosters(session, alliance_id)
        now = service.roster(session, alliance_id)
    assert [roster.version for roster in rosters] == [2, 1]
    assert rosters[1].digest == first.digest != now.digest
    assert JINGNING not in now.members


def test_a_change_that_changes_nothing_makes_no_roster(database, service, alliance_id):
    with database.begin() as session:
        change(service, session, alliance_id, version=1, members=[QINGYUAN, JINGNING, SHOUNING])
        assert len(service.rosters(session, alliance_id)) == 1


def test_a_rename_is_a_new_roster_too(database, service, alliance_id):
    with database.begin() as session:
        change(service, session, alliance_id, version=1, members=[QINGYUAN, JINGNING], name_zh="三县联盟")
        assert service.roster(session, alliance_id).name_zh == "三县联盟"
        assert service.roster(session, alliance_id).version == 2


def test_a_change_built_on_an_old_version_is_refused(database, service, alliance_id):
    with database.begin() as session:
        change(service, session, alliance_id, version=1, members=[QINGYUAN])
    with pytest.raises(StaleError), database.begin() as session:
        change(service, session, alliance_id, version=1, members=[TAISHUN])


def test_a_pending_peer_cannot_become_a_member(database, service):
    with pytest.raises(InvalidError) as refused, database.begin() as session:
        service.found(session, name_zh="联盟", name_en="Alliance", members=[QINGYUAN, SONGXI], by=CHIEF, now=MORNING)
    assert refused.value.pointer == "/members/1"


def test_a_member_that_was_suspended_meanwhile_may_stay(database, service, alliance_id):
    with database.begin() as session:
        session.get(PeerRow, JINGNING).state = PeerState.SUSPENDED
    with database.begin() as session:
        change(service, session, alliance_id, version=1, members=[QINGYUAN, JINGNING, TAISHUN])
        assert JINGNING in service.roster(session, alliance_id).members


def test_a_dissolved_alliance_takes_nothing_more_but_keeps_its_rosters(database, service, alliance_id):
    with database.begin() as session:
        service.dissolve(session, alliance_id, version=1, by=CHIEF, now=LATER)
    with database.begin() as session:
        with pytest.raises(IllegalMoveError):
            service.roster(session, alliance_id)
        with pytest.raises(IllegalMoveError):
            change(service, session, alliance_id, version=2, members=[QINGYUAN])
        assert len(service.rosters(session, alliance_id)) == 1
        assert session.scalars(service.all()).all() == []
        assert len(session.scalars(service.all(include_dissolved=True)).all()) == 1


def test_an_unknown_alliance_is_not_found(database, service):
    with database.read() as session, pytest.raises(NotFoundError):
        service.roster(session, "019ab000-0000-7000-8000-00000000ffff")


def test_every_change_of_an_alliance_stands_in_the_access_log(database, service, alliance_id):
    with database.begin() as session:
        change(service, session, alliance_id, version=1, members=[QINGYUAN, TAISHUN])
    with database.begin() as session:
        service.dissolve(session, alliance_id, version=2, by=CHIEF, now=LATER)
    with database.read() as session:
        rows = session.scalars(select(AccessRow).where(AccessRow.object_id == alliance_id).order_by(AccessRow.n)).all()
    assert [row.details["what"] for row in rows] == ["roster 1", "roster 2", "dissolved"]
    assert {(row.actor, row.action) for row in rows} == {("lin.guodong", "administer")}


def test_a_roster_names_nobody_twice_and_is_never_empty_or_too_long():
    codes = [f"{number:012}" for number in range(MAX_MEMBERS)]
    for members, pointer in (([QINGYUAN, QINGYUAN], "/members/1"), ([SHOUNING], "/members"), (codes, "/members")):
        with pytest.raises(InvalidError) as refused:
            settle_members(members, us=SHOUNING, active={QINGYUAN, *codes})
        assert refused.value.pointer == pointer


def test_a_roster_with_another_digest_or_order_is_refused():
    roster = RosterV1.freeze(
        alliance_id="019ab000-0000-7000-8000-000000000001",
        name_zh="联盟",
        name_en="Alliance",
        version=1,
        members=[SHOUNING, QINGYUAN],
    ).to_wire()
    for change in ({"digest": "0" * 64}, {"members": roster["members"][::-1]}, {"version": 2}, {"name_zh": "他盟"}):
        with pytest.raises(ValueError, match=r"digest|sorted"):
            RosterV1.model_validate({**roster, **change})
