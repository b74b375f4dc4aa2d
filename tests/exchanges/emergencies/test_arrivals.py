"""What comes in, in whatever order and shape: applied, waiting for its alert, or refused with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import update as sql_update

from ecolink.exchanges.emergencies import arrivals
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.federation.handling import Park, Reject
from ecolink.federation.models import StatementRow
from ecolink.federation.statements import keep, stored
from ecolink.kit.ids import new_id
from ecolink.protocol.kinds.emergencies import EmergencyAlertV1, EmergencyUpdateV1
from ecolink.protocol.kinds.rosters import RosterV1
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward, Statement
from tests.exchanges.emergencies.desks import FIRE, Desk
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

SITUATION = {name: value for name, value in FIRE.items() if name not in ("recipients", "confirm")}


@dataclass
class Post:
    """Bureaus' statements, sealed but not sent, and put before one desk in any order."""

    town: Town
    desk: Desk
    thread: str = ""
    waiting: list[Statement] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = self.thread or new_id(self.town.clock.now())

    def say(self, move: str, *parents: Statement, by: str = SHOUNING, **changes: Any) -> Statement:
        """Seal a statement of `by`; `changes` go to the statement, `body` to what it says."""
        now = self.town.clock.now()
        said: dict[str, Any] = {
            "aud": (QINGYUAN,) if by != QINGYUAN else (SHOUNING,),
            "type": f"emergency.{move}.v1",
            "thread": self.thread,
            "parents": tuple(sorted(parent.digest for parent in parents)),
            "lane": Lane.EMERGENCY,
            "classification": "internal",
            "handling": Handling(code=HandlingCode.H0, onward=Onward.NONE),
            "purpose": "紧急通报",
            "legal_basis": "警务协作协议书",
            "author_role": "liaison_officer",
            "retain_until": now + timedelta(days=1095),
            "body": BODIES[move],
            "private": {"by": {"name": "林一鸣"}},
        }
        key = self.town.nodes[by].signer.key
        return seal(Draft(**(said | changes)), iss=by, jti=new_id(now), iat=now, key=key)

    def arrive(self, statement: Statement) -> str:
        """Hand it over as the worker does, then again whatever waited for it; return what became of it."""
        node = self.desk.node
        outcome = "applied"
        with node.database.begin() as session:
            row = session.get_one(StatementRow, keep(session, statement, state="pending", now=self.town.clock.now()).n)
            row.direction = "in"
            session.flush()
            try:
                with session.begin_nested():
                    node.handlers[statement.type](session, stored(row), self.town.clock.now())
            except Park:
                outcome = "parked"
            except Reject as refused:
                outcome = refused.code
            row.state = outcome if outcome in ("applied", "parked") else "rejected"
        if outcome == "applied":
            again, self.waiting = self.waiting, []
            for each in again:
                self._forget(each)
                self.arrive(each)
        elif outcome == "parked":
            self.waiting.append(statement)
        return outcome

    def _forget(self, statement: Statement) -> None:
        with self.desk.node.database.begin() as session:
            session.query(StatementRow).filter_by(digest=statement.digest).delete()

    def state(self) -> str:
        return self.desk.show(self.thread).state.value


def _wire(model: type[Any], **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = model.model_validate({**SITUATION, **changes}).to_wire()
    return told


BODIES: dict[str, dict[str, Any]] = {
    "alert": _wire(EmergencyAlertV1),
    "update": _wire(EmergencyUpdateV1, changes="扩大", colour="red"),
    "cancel": {"status": "actual", "reason": "over", "explanation": "已扑灭"},
    "acknowledged": {
        "status": "actual",
        "message": "0" * 64,
        "decision": "noted",
        "role": "liaison_officer",
        "acknowledged_at": "2026-11-23T09:00:00.000+08:00",
    },
    "note": {"status": "actual", "text": "请回电"},
}


@pytest.fixture
def post(town: Town, shouning: Desk, qingyuan: Desk) -> Post:
    return Post(town, qingyuan)


def _row(desk: Desk, thread: str) -> dict[str, Any]:
    hidden = ("version", "raised_at", "id")
    with desk.node.database.read() as session:
        row = session.get_one(Emergency, thread)
        return {
            column.key: getattr(row, column.key) for column in Emergency.__table__.columns if column.key not in hidden
        }


def test_an_update_before_its_alert_waits_and_is_applied_with_it(post: Post) -> None:
    alert = post.say("alert")
    assert post.arrive(post.say("update", alert)) == "parked"
    assert post.desk.found() == []
    assert post.arrive(alert) == "applied"
    assert post.desk.show(post.thread).situation.colour.value == "red"


def test_every_order_of_arrival_ends_in_the_same_row(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    ends = []
    for order in permutations(range(4)):
        post = Post(town, qingyuan)
        alert = post.say("alert")
        update = post.say("update", alert)
        cancel = post.say("cancel", update)
        late = post.say("note", alert)
        said: Sequence[Statement] = (alert, update, cancel, late)
        for place in order:
            post.arrive(said[place])
        history = [(entry.move, entry.verdict) for entry in qingyuan.board(post.thread).history]
        ends.append((_comparable(_row(qingyuan, post.thread)), history))
    assert len(ends) == 24
    assert all(end == ends[0] for end in ends)
    assert ends[0][0]["state"] == "cancelled"
    assert ends[0][1] == [("alert", "applied"), ("update", "applied"), ("cancel", "applied"), ("note", "crossed")]


def _comparable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "situation_digest"}


def test_what_arrives_twice_changes_nothing(post: Post) -> None:
    alert = post.say("alert")
    post.arrive(alert)
    before = _row(post.desk, post.thread)
    post._forget(alert)
    assert post.arrive(alert) == "applied"
    assert _row(post.desk, post.thread) == before


def test_a_cancellation_counts_although_the_update_before_it_expired_on_the_way(post: Post) -> None:
    alert = post.say("alert")
    lost = post.say("update", alert)
    post.arrive(alert)
    assert post.arrive(post.say("cancel", lost)) == "applied"
    assert post.state() == "cancelled"


def test_an_update_whose_predecessor_is_missing_is_applied_on_arrival(post: Post) -> None:
    alert = post.say("alert")
    lost = post.say("update", alert)
    post.arrive(alert)
    assert post.arrive(post.say("update", lost)) == "applied"


@pytest.mark.parametrize("status", ["exercise", "test"])
@pytest.mark.parametrize("move", ["update", "cancel", "note"])
def test_a_real_thread_refuses_a_drills_word(post: Post, status: str, move: str) -> None:
    alert = post.say("alert")
    post.arrive(alert)
    drill = post.say(move, alert, body=BODIES[move] | {"status": status}, is_exercise=True, lane=Lane.BULK)
    assert post.arrive(drill) == "status-mixed"
    assert post.state() == "open"
    assert post.desk.show(post.thread).situation.colour.value == "orange"


@pytest.mark.parametrize("move", ["update", "cancel", "note"])
def test_a_drills_thread_refuses_a_real_word(post: Post, move: str) -> None:
    alert = post.say("alert", body=BODIES["alert"] | {"status": "exercise"}, is_exercise=True, lane=Lane.BULK)
    assert post.arrive(alert) == "applied"
    assert post.arrive(post.say(move, alert)) == "status-mixed"
    assert post.desk.found(status="exercise") == [post.thread]
    assert post.desk.found() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"is_exercise": True, "lane": Lane.BULK},  # the body says actual
        {"lane": Lane.BULK},
        {"body": BODIES["alert"] | {"status": "exercise"}},  # in the emergency lane, not marked
        {"body": BODIES["alert"] | {"status": "test"}, "lane": Lane.BULK},
    ],
)
def test_status_flag_and_lane_must_agree(post: Post, changes: dict[str, Any]) -> None:
    assert post.arrive(post.say("alert", **changes)) == "status-mixed"
    assert post.desk.found() == []


def test_a_body_that_is_no_emergency_is_refused(post: Post) -> None:
    assert post.arrive(post.say("alert", body={"status": "actual"})) == "invalid-body"


def test_a_recipient_cannot_end_the_authors_emergency(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    post = Post(town, shouning, fire)
    alert = shouning.history(fire)[0][0]
    for move in ("cancel", "update"):
        forged = post.say(move, by=QINGYUAN, aud=(SHOUNING,), parents=(alert,))
        assert post.arrive(forged) == "wrong-side"
    assert post.state() == "open"


def test_a_bureau_that_is_no_party_is_refused(town: Town, shouning: Desk, qingyuan: Desk, jingning: Desk) -> None:
    fire = shouning.raise_alert()
    post = Post(town, shouning, fire)
    alert = shouning.history(fire)[0][0]
    for move in ("acknowledged", "cancel", "note"):
        assert post.arrive(post.say(move, by=JINGNING, aud=(SHOUNING,), parents=(alert,))) == "not-a-party"
    assert post.arrive(post.say("alert", by=JINGNING, aud=(SHOUNING,))) == "not-an-opening"
    assert shouning.show(fire).acknowledged == 0


def test_a_word_after_a_cancellation_its_author_had_seen_is_refused(post: Post) -> None:
    alert = post.say("alert")
    cancel = post.say("cancel", alert)
    post.arrive(alert)
    post.arrive(cancel)
    assert post.arrive(post.say("update", cancel)) == "already-cancelled"
    assert post.arrive(post.say("update", alert)) == "applied"  # it crossed: kept, without effect
    assert post.state() == "cancelled"
    assert post.desk.show(post.thread).situation.colour.value == "orange"


def test_a_roster_must_hold_everybody_it_is_told_to(post: Post) -> None:
    def named(*members: str) -> dict[str, Any]:
        roster = RosterV1.freeze(
            alliance_id=new_id(post.town.clock.now()), name_zh="联盟", name_en="Alliance", version=1, members=members
        )
        return BODIES["alert"] | {"alliance": roster.to_wire()}

    assert post.arrive(post.say("alert", body=named(SHOUNING, JINGNING))) == "roster-mismatch"
    assert post.arrive(post.say("alert", body=named(SHOUNING, JINGNING, QINGYUAN))) == "applied"
    assert [each.unit_code for each in post.desk.show(post.thread).left_out] == [JINGNING]


def test_a_flooded_thread_takes_no_more_but_the_cancellation(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MAX_STATEMENTS", 3)
    alert = post.say("alert")
    post.arrive(alert)
    assert [post.arrive(post.say("note", alert)) for _ in range(3)] == ["applied", "applied", "thread-full"]
    assert post.arrive(post.say("cancel", alert)) == "applied"
    assert post.state() == "cancelled"


def test_an_alert_from_the_future_is_believed_and_marked(post: Post) -> None:
    alert = post.say("alert")
    node = post.desk.node
    with node.database.begin() as session:
        row = session.get_one(StatementRow, keep(session, alert, state="pending", now=post.town.clock.now()).n)
        row.direction = "in"
        session.flush()
        session.execute(sql_update(StatementRow).values(clock_suspect=True))
        session.refresh(row)
        node.handlers[alert.type](session, stored(row), post.town.clock.now())
    assert post.desk.show(post.thread).clock_suspect


def test_members_of_a_later_version_are_shown_as_they_came(post: Post) -> None:
    post.arrive(post.say("alert", body=BODIES["alert"] | {"drone": "airborne"}))
    assert post.desk.show(post.thread).situation.model_dump()["drone"] == "airborne"


def test_the_more_dangerous_of_two_maps_decides_whether_to_report(post: Post) -> None:
    told = {"border": {"distance_m": 90_000.0, "source": "sender's map"}}
    post.arrive(post.say("alert", body=BODIES["alert"] | told))
    shown = post.desk.show(post.thread)
    assert shown.border.told.distance_m == 90_000
    assert shown.border.report.value == "required"


def test_a_rejection_by_the_other_node_stands_on_the_board(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    del qingyuan.node.handlers["emergency.alert.v1"]
    town.settle()
    (message,) = shouning.line(fire).messages
    assert message.state == "delivered"
    assert (message.rejected or "").startswith("unsupported")
