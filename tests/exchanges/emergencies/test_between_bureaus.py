"""An emergency between two bureaus: told, signed for, brought up to date, ended; the same on both nodes."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.errors import ConflictError, ForbiddenError, IllegalMoveError, InvalidError, NotFoundError, StaleError
from ecolink.exchanges.emergencies.drafting import ConfirmationError
from ecolink.exchanges.governance import SecondPersonError
from ecolink.federation.models import StatementRow
from ecolink.protocol.sealing import read_statement
from tests.exchanges.emergencies.desks import AUDITOR, CHIEF, FIRE, LIAISON, OFFICER, PROGRAM, Desk
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns


def test_a_wildfire_reaches_the_neighbour_graded_flagged_and_word_for_word(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    fire = shouning.raise_alert()
    town.settle()
    here, there = shouning.show(fire), qingyuan.show(fire)
    assert here.situation == there.situation
    assert (here.direction, there.direction) == ("out", "in")
    assert there.state.value == "open"
    assert there.fire_grade_zh == "一般森林火灾"
    assert there.border.report.value == "required"
    assert 400 < (there.border.distance_m or 0) < 800
    assert there.border.schematic
    assert any("12119" in each.zh for each in there.reminders)
    assert any("三十二条" in each.zh for each in there.reminders)
    assert there.author.name_zh == "寿宁县公安局"
    assert there.moves == ["acknowledged", "note"]
    assert here.moves == ["update", "cancel", "note"]


def test_an_alert_travels_in_its_own_lane_and_expires_after_a_day(town: Town, shouning: Desk) -> None:
    shouning.raise_alert()
    with shouning.node.database.read() as session:
        sent = session.scalars(select(StatementRow)).one()
    assert sent.lane == "emergency"
    assert sent.deliver_by == town.clock.now() + timedelta(hours=24)


def test_a_person_signs_and_the_author_sees_who_comes_and_when(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    town.settle()
    qingyuan.acknowledge(fire, estimated_arrival="2026-11-23T10:00:00+08:00", note="12人出发")
    town.settle()
    signed = shouning.line(fire).signed
    assert signed is not None
    assert (signed.name, signed.phone, signed.role) == ("林一鸣", "0578-0000022", "liaison_officer")
    assert signed.decision.value == "dispatching"
    assert signed.message == "alert"
    assert signed.estimated_arrival is not None
    assert shouning.show(fire).acknowledged == 1
    assert [message.state for message in shouning.line(fire).messages] == ["delivered"]


def test_whoever_only_reads_sees_the_signers_name_masked(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    town.settle()
    qingyuan.acknowledge(fire)
    town.settle()
    signed = shouning.line(fire, by=AUDITOR).signed
    assert signed is not None
    assert signed.name == "林某"
    assert signed.phone == "057" + "*" * 7 + "22"


def test_whoever_is_put_in_charge_is_named_to_the_author_in_the_private_part_alone(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    fire = shouning.raise_alert()
    town.settle()
    qingyuan.acknowledge(fire)
    qingyuan.acknowledge(fire, note="12人携风力灭火机", in_charge={"name": "张承林", "phone": "0578-0000023"})
    town.settle()

    for desk in (shouning, qingyuan):
        signed = desk.board(fire).bureaus[0].signed
        assert signed is not None
        assert signed.in_charge is not None
        assert (signed.in_charge.name, signed.in_charge.phone) == ("张承林", "0578-0000023")
    masked = shouning.line(fire, by=AUDITOR).signed
    assert masked is not None
    assert masked.in_charge is not None
    assert masked.in_charge.name == "张某"
    with shouning.node.database.read() as session:
        told = session.scalars(select(StatementRow).where(StatementRow.type == "emergency.acknowledged.v1")).all()
    assert not any("张承林" in str(read_statement(row.token, row.private).body) for row in told)


def test_the_signers_name_rides_in_the_private_part_alone(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    town.settle()
    qingyuan.acknowledge(fire)
    with qingyuan.node.database.read() as session:
        (sent,) = session.scalars(select(StatementRow).where(StatementRow.type == "emergency.acknowledged.v1"))
    statement = read_statement(sent.token, sent.private)
    assert statement.private_data == {"by": {"name": "林一鸣", "phone": "0578-0000022"}}
    assert "林一鸣" not in str(statement.body)
    assert "0000022" not in str(statement.body)


def test_an_update_changes_what_it_names_and_keeps_the_rest(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    shouning.update(fire, colour="red", fire={"area_ha": 2.4, "open_flame": False}, assistance=None)
    town.settle()
    there = qingyuan.show(fire)
    assert there.situation == shouning.show(fire).situation
    assert there.situation.colour.value == "red"
    assert there.situation.fire is not None
    assert there.situation.fire.area_ha == 2.4
    assert there.situation.fire.wind is not None
    assert there.situation.fire.wind.force == 4
    assert there.situation.assistance is None
    assert there.fire_grade_zh == "较大森林火灾"


def test_new_words_for_the_place_never_stand_beside_old_coordinates(shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    shouning.update(fire, location={"text": "下党乡曹坑村"})
    there = shouning.show(fire)
    assert there.situation.location.geometry is None
    assert there.border.distance_m is None
    assert there.border.report.value == "unknown"


def test_an_update_on_a_version_somebody_changed_meanwhile_is_stale(shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    version = shouning.show(fire).version
    shouning.update(fire, version=version, colour="red")
    with pytest.raises(StaleError):
        shouning.update(fire, version=version, colour="yellow")


def test_an_acknowledgement_never_makes_an_update_stale(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    version = shouning.show(fire).version
    town.settle()
    qingyuan.acknowledge(fire)
    town.settle()
    assert shouning.show(fire).acknowledged == 1
    shouning.update(fire, version=version, colour="red")


def test_an_update_that_breaks_a_rule_names_the_member(shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    with pytest.raises(InvalidError) as refused:
        shouning.update(fire, title=None)
    assert refused.value.pointer == "/title"
    slide = shouning.raise_alert(kind="natural_disaster", fire=..., title="山体滑坡", confirm="山体滑坡")
    with pytest.raises(InvalidError):
        shouning.update(slide, fire={"area_ha": 1.0})


def test_a_cancellation_ends_it_on_both_sides_and_nothing_more_is_said(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    fire = shouning.raise_alert()
    town.settle()
    shouning.cancel(fire)
    town.settle()
    assert shouning.show(fire).state == qingyuan.show(fire).state == "cancelled"
    assert qingyuan.show(fire).cancel_explanation == "明火已扑灭。"
    for move in (lambda: shouning.update(fire), lambda: shouning.cancel(fire), lambda: shouning.note(fire)):
        with pytest.raises(IllegalMoveError):
            move()
    with pytest.raises(IllegalMoveError):
        qingyuan.note(fire)


def test_a_false_alarm_is_taken_back_in_one_call_and_signed_for(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    town.settle()
    shouning.cancel(fire, reason="retraction")
    town.settle()
    qingyuan.acknowledge(fire, decision="noted")
    town.settle()
    signed = shouning.line(fire).signed
    assert signed is not None
    assert (signed.message, signed.crossed) == ("cancel", False)
    assert qingyuan.show(fire).cancel_reason == "retraction"


def test_a_signature_that_crosses_the_cancellation_is_kept_and_says_so(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    fire = shouning.raise_alert()
    town.settle()
    qingyuan.acknowledge(fire)
    shouning.cancel(fire)
    town.settle()
    signed = shouning.line(fire).signed
    assert signed is not None
    assert signed.crossed
    assert shouning.history(fire) == qingyuan.history(fire)
    assert [verdict for _, _, verdict in shouning.history(fire)] == ["applied", "applied", "crossed"]


def test_who_signed_before_a_cancellation_to_several_bureaus_need_not_be_called_back(
    town: Town, shouning: Desk, qingyuan: Desk, jingning: Desk
) -> None:
    fire = shouning.raise_alert(recipients=[QINGYUAN, JINGNING])
    town.settle()
    qingyuan.acknowledge(fire)
    town.settle()
    jingning.acknowledge(fire)
    shouning.cancel(fire)
    town.settle()
    assert shouning.line(fire, QINGYUAN).signed.crossed is False
    assert shouning.line(fire, JINGNING).signed.crossed is True


def test_notes_go_both_ways_while_it_is_open(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    town.settle()
    qingyuan.note(fire, "请问风向？")
    town.settle()
    shouning.note(fire, "西南风四级。")
    town.settle()
    said = [entry.text for entry in qingyuan.board(fire).history if entry.move == "note"]
    assert said == ["请问风向？", "西南风四级。"]
    assert shouning.history(fire) == qingyuan.history(fire)


def test_each_side_makes_only_its_own_moves(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    town.settle()
    with pytest.raises(IllegalMoveError):
        shouning.acknowledge(fire)
    with pytest.raises(IllegalMoveError):
        qingyuan.cancel(fire)
    with pytest.raises(IllegalMoveError):
        qingyuan.update(fire)
    with pytest.raises(ForbiddenError):
        qingyuan.acknowledge(fire, by=PROGRAM)


def test_nothing_real_goes_out_without_its_title_typed_again(shouning: Desk, qingyuan: Desk) -> None:
    for confirm in (None, "下党乡森林", ""):
        with pytest.raises(ConfirmationError):
            shouning.raise_alert(confirm=confirm)
    assert shouning.found() == []


@pytest.mark.parametrize("by", [OFFICER, PROGRAM])
def test_an_officers_or_programs_emergency_waits_for_somebody_who_may_send_it(
    town: Town, shouning: Desk, qingyuan: Desk, by
) -> None:
    fire = shouning.raise_alert(by=by, confirm=...)
    town.settle()
    assert shouning.show(fire).state.value == "awaiting_approval"
    assert qingyuan.found() == []
    shouning.approve(fire)
    town.settle()
    assert qingyuan.show(fire).state.value == "open"
    assert shouning.show(fire).approved_by == CHIEF.name
    assert shouning.show(fire).raised_by == by.name


def test_where_the_bureau_wants_two_persons_even_the_chief_needs_another(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    strict = Desk.open(shouning.node, approval_required=True)
    fire = strict.raise_alert(by=CHIEF)
    with pytest.raises(SecondPersonError):
        strict.approve(fire, by=CHIEF)
    with pytest.raises(ConfirmationError):
        strict.approve(fire, by=LIAISON, confirm="yes")
    strict.approve(fire, by=LIAISON)
    with pytest.raises(IllegalMoveError):
        strict.approve(fire, by=LIAISON)
    town.settle()
    assert qingyuan.show(fire).state.value == "open"


def test_what_was_discarded_is_never_sent(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert(by=OFFICER)
    shouning.discard(fire)
    with pytest.raises(IllegalMoveError):
        shouning.approve(fire)
    town.wait(timedelta(hours=2))
    assert qingyuan.found() == []
    assert shouning.tasks() == []


@pytest.mark.parametrize("status", ["exercise", "test"])
def test_a_drill_is_kept_apart_everywhere(town: Town, shouning: Desk, qingyuan: Desk, status: str) -> None:
    drill = shouning.raise_alert(by=OFFICER, status=status)
    fire = shouning.raise_alert()
    town.settle()
    prefix = {"exercise": "【演练】", "test": "【测试】"}[status]
    assert qingyuan.show(drill).display_title == prefix + FIRE["title"]
    assert qingyuan.show(fire).display_title == FIRE["title"]
    for desk in (shouning, qingyuan):
        assert desk.found() == [fire]
        assert desk.found(status=status) == [drill]
        assert desk.found(q="火情") == [fire]
    with shouning.node.database.read() as session:
        (lane,) = session.scalars(select(StatementRow.lane).where(StatementRow.thread == drill))
    assert lane == "bulk"
    town.wait(timedelta(minutes=31))
    for desk in (shouning, qingyuan):
        assert {task.emergency_id for task in desk.tasks()} == {fire}
        assert {task.emergency_id for task in desk.tasks(status=status)} == {drill}
        assert all(prefix in task.title_zh for task in desk.tasks(status=status))
        assert not any("【" in task.title_zh for task in desk.tasks())


def test_a_real_emergency_marked_as_exercise_in_its_terms_is_refused(shouning: Desk, qingyuan: Desk) -> None:
    with pytest.raises(InvalidError) as refused:
        shouning.raise_alert(governance={"purpose": "演练", "is_exercise": True})
    assert refused.value.pointer == "/governance/is_exercise"


def test_bureaus_or_an_alliance_are_told_and_not_both_or_neither(shouning: Desk, qingyuan: Desk) -> None:
    for changes in (
        {"recipients": []},
        {"alliance_id": "019ab000-0000-7000-8000-000000000001"},
        {"recipients": ["350724000000"]},
        {"recipients": [SHOUNING]},
    ):
        with pytest.raises(InvalidError) as refused:
            shouning.raise_alert(**changes)
        assert refused.value.pointer == "/recipients"
    with pytest.raises(NotFoundError):
        shouning.raise_alert(recipients=[], alliance_id="019ab000-0000-7000-8000-000000000001")
    assert shouning.found() == []


def picture(desk: Desk, content: bytes) -> str:
    """Bring a picture in; return its digest."""
    attachments = desk.room.raising.attachments
    with attachments.shelf.store.stage() as staged:
        staged.write(content)
        staged.seal()
        with desk.node.database.begin() as session:
            kept = attachments.keep(
                session, staged, name="火场.jpg", media_type="image/jpeg", by="liaison", now=desk.now
            )
    return kept.digest


def test_pictures_of_the_fire_travel_with_the_alert_and_with_an_update(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    smoke, flames = picture(shouning, b"a picture of smoke"), picture(shouning, b"a picture of flames")
    fire = shouning.raise_alert(by=OFFICER, attachments=[{"digest": smoke, "name": "上党村火场.jpg"}])
    assert [file.digest for file in shouning.show(fire).attachments] == [smoke], "whoever approves it sees it too"
    shouning.approve(fire)
    town.settle()
    shouning.update(fire, attachments=[{"digest": flames}])
    town.settle()

    for desk in (shouning, qingyuan):
        shown = [(file.digest, file.name, file.size) for file in desk.show(fire).attachments]
        assert shown == [(smoke, "上党村火场.jpg", 18), (flames, "火场.jpg", 19)]
        assert [entry.attachments for entry in desk.board(fire).history] == [[smoke], [flames]]
    with pytest.raises(InvalidError) as refused:
        shouning.raise_alert(attachments=[{"digest": "0" * 64}])
    assert refused.value.pointer == "/attachments"


def test_a_burning_area_that_reaches_the_border_is_at_no_distance_from_it(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    ring = [[119.23, 27.42], [119.25, 27.42], [119.25, 27.44], [119.23, 27.44], [119.23, 27.42]]
    area = {"text": "下党乡", "datum": "WGS-84", "geometry": {"type": "Polygon", "coordinates": [ring]}}
    fire = shouning.raise_alert(location=area)
    town.settle()
    assert qingyuan.show(fire).border.distance_m == 0
    assert qingyuan.show(fire).situation.border.distance_m == 0


def test_an_identity_number_in_the_text_is_refused(shouning: Desk, qingyuan: Desk) -> None:
    with pytest.raises(InvalidError) as refused:
        shouning.raise_alert(description="嫌疑人331126199001010018点火")
    assert refused.value.pointer == "/description"


def test_state_secrets_are_refused_with_the_reason(shouning: Desk, qingyuan: Desk) -> None:
    with pytest.raises(InvalidError, match="State secrets"):
        shouning.raise_alert(governance={"purpose": "x", "classification": "secret"})


def test_a_suspended_peer_is_not_told(shouning: Desk, qingyuan: Desk, town: Town) -> None:
    node = shouning.node
    with node.database.begin() as session:
        node.peers.suspend(session, QINGYUAN, reason="key lost", by="administrator", now=town.clock.now())
    with pytest.raises(ConflictError):
        shouning.raise_alert()
    assert shouning.found() == []


def test_what_is_told_is_recorded_in_the_access_log(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    with shouning.node.database.read() as session:
        (entry,) = session.scalars(select(AccessRow).where(AccessRow.object_id == fire))
    assert (entry.action, entry.recipient, entry.actor) == ("disclose", QINGYUAN, LIAISON.username)


def test_an_emergency_is_found_by_two_chinese_characters_and_never_by_a_persons_name(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    fire = shouning.raise_alert()
    town.settle()
    qingyuan.acknowledge(fire)
    town.settle()
    for desk in (shouning, qingyuan):
        assert desk.found(q="松林") == [fire]
        assert desk.found(q="下党") == [fire]
        assert desk.found(q="一鸣") == []


def test_lists_filter_by_kind_direction_state_and_openness(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    slide = qingyuan.raise_alert(
        kind="natural_disaster", fire=..., title="山体滑坡", confirm="山体滑坡", recipients=[SHOUNING]
    )
    town.settle()
    shouning.cancel(fire)
    town.settle()
    assert shouning.found(direction="out") == [fire]
    assert shouning.found(direction="in") == [slide]
    assert shouning.found(kind="natural_disaster") == [slide]
    assert shouning.found(open=True) == [slide]
    assert shouning.found(open=False) == [fire]
    assert shouning.found(state="cancelled") == [fire]


def test_an_unknown_emergency_is_not_found(shouning: Desk, qingyuan: Desk) -> None:
    with pytest.raises(NotFoundError):
        shouning.show("019ab000-0000-7000-8000-000000000001")
    with pytest.raises(NotFoundError):
        qingyuan.acknowledge("019ab000-0000-7000-8000-000000000001")


def test_names_kept_beside_the_thread_are_dropped_when_it_is_erased(shouning: Desk, qingyuan: Desk, town: Town) -> None:
    fire = shouning.raise_alert()
    town.network.down.add(QINGYUAN)
    town.wait(timedelta(minutes=3))
    shouning.finish(shouning.tasks()[0].id)
    with shouning.node.database.begin() as session:
        shouning.room.forget_names(session, fire, town.clock.now())
    assert shouning.show(fire).raised_by is None
    (task,) = shouning.tasks(state="closed")
    assert task.closed_by is None
    assert task.note is None
