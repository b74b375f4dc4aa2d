"""The doctor names what is wrong, in two languages, with its mend; a broken node makes findings and no traceback."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ecolink.entrypoints.backup import shelf
from ecolink.entrypoints.backup.shelf import Verdict
from ecolink.entrypoints.doctor import exchange, machine
from ecolink.entrypoints.doctor.examination import Examined, examine
from ecolink.entrypoints.doctor.finding import Level
from ecolink.entrypoints.wiring import Node
from ecolink.federation.models import OutChannel, PeerRow, StatementRow
from ecolink.identity.models import AccountKind, SecondFactor
from ecolink.kit.clock import HandClock, SystemClock
from ecolink.kit.times import to_text
from ecolink.protocol.manifest import changes
from tests.operations.operator import Operator, aged
from tests.processes.bureau import Bureau
from tests.support.town import QINGYUAN

pytestmark = pytest.mark.by_turns

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

ELSEWHERE = "350781000000"
FOUND_WITH_NOTHING_DONE = {"backups": "warn", "worker": "warn"}
"""A node freshly made and never started, on a server that keeps what it promises."""


def found(operator: Operator, clock: HandClock | None = None) -> dict[str, Examined]:
    return {each.name: each for each in examine(operator.bureau.config, clock or SystemClock())}


def not_ok(operator: Operator) -> dict[str, str]:
    """Return the level of every check that is not in order; PostgreSQL of the tests keeps no promise to the disk."""
    told = {name: each.finding.level.value for name, each in found(operator).items()}
    if operator.bureau.database_url:
        assert told.pop("database") == "warn"
    return {name: level for name, level in told.items() if level != "ok"}


def change(operator: Operator, statement: Any) -> None:
    node = operator.node()
    with node.database.begin() as session:
        session.execute(statement)
    node.close()


@pytest.fixture
def befriended(bureaus: tuple[Bureau, Bureau]) -> Operator:
    """Shouning, which knows Qingyuan; both nodes stand still."""
    return Operator(bureaus[0])


def test_a_new_node_has_no_backup_and_no_worker_and_all_else_is_in_order(shouning: Operator) -> None:
    assert not_ok(shouning) == FOUND_WITH_NOTHING_DONE
    result = shouning.done("doctor")
    assert "Make one every day: ecolink backup key (once), then ecolink backup create." in result.stdout
    assert "没有工作进程在运行" in result.stdout
    told = shouning.told("doctor")
    assert told["ok"] is True
    assert [each["number"] for each in told["checks"]] == list(range(1, 25))
    assert all(each["detail_zh"] and each["detail_en"] for each in told["checks"])
    assert all(each["mend_zh"] and each["mend_en"] for each in told["checks"] if each["level"] in {"warn", "fail"})


@pytest.mark.processes
def test_a_node_at_work_with_a_verified_backup_is_well(shouning: Operator, new_url: Callable[[], str | None]) -> None:
    shouning.make_key()
    with shouning.bureau.process("serve"):
        scratch = ("--scratch", new_url()) if shouning.bureau.database_url else ()
        assert shouning.verify(shouning.back_up(), *scratch).exit_code == 0
        assert not_ok(shouning) == {}
    assert not_ok(shouning) == {"worker": "warn"}, "a worker that was told to stop takes its sign of life away"


@pytest.mark.processes
def test_a_worker_that_was_killed_is_missed(shouning: Operator) -> None:
    with shouning.bureau.process("serve") as running:
        running.stop(9)
    later = HandClock(SystemClock().now() + timedelta(minutes=2))
    finding = found(shouning, later)["worker"].finding
    assert finding.level is Level.FAIL
    assert "it hangs or died" in finding.detail_en


def test_wrong_settings_fail_and_nothing_else_is_looked_at(shouning: Operator) -> None:
    text = shouning.bureau.config.read_text("utf-8")
    shouning.bureau.config.write_text(text.replace("unit_code =", "unit_cod ="), "utf-8")
    told = json.loads(shouning.run("doctor", "--json").stdout)
    assert told["ok"] is False
    assert "Did you mean unit_code?" in told["checks"][0]["detail_en"]
    assert {each["level"] for each in told["checks"][1:]} == {"skipped"}
    assert shouning.run("doctor").exit_code == 1


def test_a_variable_that_is_no_setting_is_noted(shouning: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_LOG_LEVL", "debug")
    assert not_ok(shouning) == {**FOUND_WITH_NOTHING_DONE, "settings": "warn"}


def test_keys_and_files_that_others_may_read_fail_with_the_command_that_mends_it(shouning: Operator) -> None:
    key = next((shouning.data / "keys").iterdir())
    key.chmod(0o644)
    shouning.data.chmod(0o755)
    told = found(shouning)
    assert told["keys"].finding.mend_en == f"chmod 600 {key}"
    assert told["files"].finding.mend_en == f"chmod 700 {shouning.data}"
    assert told["worker"].finding.level is Level.SKIPPED, "what needs the keys is not looked at"
    key.chmod(0o600)
    shouning.data.chmod(0o700)
    shouning.bureau.config.chmod(0o666)
    assert "ecolink.toml" in found(shouning)["files"].finding.detail_en


def test_little_room_warns_and_hardly_any_fails(shouning: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(shouning.data)
    for free, level in (
        (machine.ROOM_WANTED, "ok"),
        (machine.ROOM_WANTED - 1, "warn"),
        (machine.ROOM_NEEDED - 1, "fail"),
    ):
        monkeypatch.setattr(machine.shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert found(shouning)["disk"].finding.level.value == level


@on_sqlite
def test_a_missing_database_is_told_and_none_is_made(shouning: Operator) -> None:
    (shouning.data / "ecolink.db").unlink()
    assert not_ok(shouning)["database"] == "fail"
    assert not_ok(shouning)["schema"] == "skipped"
    assert not (shouning.data / "ecolink.db").exists()


@on_sqlite
@pytest.mark.parametrize("start", [0, 8192], ids=["from its beginning", "in the middle"])
def test_a_broken_database_makes_a_finding_and_no_traceback(shouning: Operator, start: int) -> None:
    with (shouning.data / "ecolink.db").open("r+b") as file:
        file.seek(start)
        file.write(os.urandom(400_000))
    result = shouning.run("doctor")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    told = found(shouning)
    assert told["database"].finding.level is Level.FAIL
    assert told["evidence log"].finding.level is Level.SKIPPED


@on_postgresql
def test_a_database_that_does_not_answer_makes_a_finding(shouning: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    told = found(shouning)
    assert "cannot be used" in told["database"].finding.detail_en
    assert told["schema"].finding.level is Level.SKIPPED


def test_a_schema_of_another_version_names_the_command(shouning: Operator) -> None:
    from sqlalchemy import text

    change(shouning, text("UPDATE alembic_version SET version_num = '20990101_later'"))
    told = found(shouning)
    assert "20990101_later is not known" in told["schema"].finding.detail_en
    assert told["queues"].finding.level is Level.SKIPPED


@on_sqlite
def test_a_rewritten_evidence_log_fails(shouning: Operator) -> None:
    with closing(sqlite3.connect(shouning.data / "ecolink.db")) as database, database:
        database.execute("UPDATE log_leaves SET digest = ? WHERE idx = 1", ("ab" * 32,))
    assert not_ok(shouning) == {**FOUND_WITH_NOTHING_DONE, "evidence log": "fail"}


def test_an_attachment_that_is_gone_from_the_disk_fails(shouning: Operator) -> None:
    digest = shouning.attach(b"a map of the ridge")
    assert not_ok(shouning) == FOUND_WITH_NOTHING_DONE
    shouning.blob(digest).unlink()
    assert digest in found(shouning)["attachments"].finding.detail_en


@pytest.mark.parametrize(("skew", "level"), [(30, "ok"), (-90, "warn"), (600, "fail")])
def test_a_peer_whose_clock_is_off_is_named(befriended: Operator, skew: int, level: str) -> None:
    change(befriended, update(PeerRow).values(clock_skew_s=skew))
    finding = found(befriended)["clocks"].finding
    assert finding.level.value == level
    assert (QINGYUAN in finding.detail_en) == (level != "ok")


def test_of_two_peers_whose_clocks_are_off_both_are_named_the_worse_one_first(befriended: Operator) -> None:
    change(befriended, update(PeerRow).values(clock_skew_s=-90))
    node = befriended.node()
    with node.database.begin() as session:
        (known,) = session.scalars(select(PeerRow))
        columns = {column.key: getattr(known, column.key) for column in PeerRow.__mapper__.column_attrs}
        session.add(PeerRow(**{**columns, "unit_code": ELSEWHERE, "clock_skew_s": 600}))
    node.close()
    told = found(befriended)["clocks"].finding.told
    assert [(each.level.value, each.detail_en[:25]) for each in told] == [
        ("fail", f"The clock of {ELSEWHERE}"),
        ("warn", f"The clock of {QINGYUAN}"),
    ]

    text, (check,) = (
        befriended.run("doctor").stdout,
        [each for each in json.loads(befriended.run("doctor", "--json").stdout)["checks"] if each["check"] == "clocks"],
    )
    for each in told:
        assert f"clocks: {each.detail_en}" in text
    assert (check["level"], check["detail_en"]) == ("fail", told[0].detail_en)
    assert [each["detail_en"] for each in check["findings"]] == [each.detail_en for each in told]


@pytest.mark.processes
def test_what_waits_for_a_peer_that_is_down_warns_and_then_fails(befriended: Operator) -> None:
    with befriended.bureau.process("serve"):
        befriended.bureau.raise_emergency("后山火情", QINGYUAN)
    now = SystemClock().now()
    levels = {}
    for minutes in (1, 3, 20):
        finding = found(befriended, HandClock(now + timedelta(minutes=minutes)))["queues"].finding
        levels[minutes] = finding.level.value
    assert levels == {1: "ok", 3: "warn", 20: "fail"}
    assert f"wait for {QINGYUAN} in lane emergency" in finding.detail_en
    assert "ConnectError" in finding.detail_en

    change(befriended, update(OutChannel).values(last_error="clock-skew: the clocks are 600 s apart"))
    assert found(befriended)["clocks"].finding.level is Level.FAIL

    change(befriended, update(OutChannel).values(leased_until=now - timedelta(hours=1)))
    assert found(befriended)["leases"].finding.level is Level.WARN

    change(befriended, update(StatementRow).values(state="parked", state_reason="waits: a predecessor"))
    assert found(befriended)["messages set aside"].finding.level is Level.WARN
    change(befriended, update(StatementRow).values(state="parked", state_reason="KeyError"))
    assert found(befriended)["messages set aside"].finding.level is Level.FAIL


def test_what_is_set_aside_for_a_fault_hides_nothing_that_waits() -> None:
    kept = [SimpleNamespace(jti="1", reason="KeyError"), SimpleNamespace(jti="2", reason="waits: a predecessor")]
    node = cast("Node", SimpleNamespace(applier=SimpleNamespace(parked=lambda _: kept)))
    told = exchange.parked(node, cast("Session", None)).told
    assert [(each.level.value, each.detail_en[:10]) for each in told] == [
        ("fail", "1 messages"),
        ("warn", "1 messages"),
    ]


def test_keys_that_grow_old_or_end_are_told_in_good_time(befriended: Operator) -> None:
    now = SystemClock().now()
    old = found(befriended, HandClock(now + timedelta(days=366)))["own keys in force"].finding
    assert old.level is Level.WARN
    assert "ecolink key rotate" in old.mend_en

    signing = {path.name for path in (befriended.data / "keys").glob("sign-*")}
    head = befriended.told("key", "list")
    (in_use,) = [f"sign-{key['kid']}.pem" for key in head if key["use"] == "sign"]
    (committed,) = signing - {in_use}
    (befriended.data / "keys" / committed).unlink()
    assert "neither rotate nor revoke" in found(befriended)["own keys in force"].finding.detail_en


def test_a_key_that_will_end_is_told_on_both_sides_a_month_before_and_fails_once_it_is_over(
    bureaus: tuple[Bureau, Bureau], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ecolink gives its own keys no end; another implementation, or a later one, may."""
    shouning, qingyuan = map(Operator, bureaus)
    now, fresh = SystemClock().now(), changes._fresh
    with monkeypatch.context() as ending:
        ends = now + timedelta(days=50)
        ending.setattr(changes, "_fresh", lambda *made: [replace(key, not_after=ends) for key in fresh(*made)])
        qingyuan.done("key", "rotate")
    card = qingyuan.bureau.config.parent / "newest.card"
    qingyuan.done("peer", "card", "--out", card)
    shouning.done("peer", "add", card)

    for operator, name in ((qingyuan, "own keys in force"), (shouning, "peers' keys in force")):
        levels = {}
        for days in (10, 30, 51):
            finding = found(operator, HandClock(now + timedelta(days=days)))[name].finding
            levels[days] = finding.level.value
            assert (QINGYUAN in finding.detail_en) == (days > 10), finding
            assert (f"ends {to_text(ends)}, and none after it is known" in finding.detail_en) == (days == 30)
        assert levels == {10: "ok", 30: "warn", 51: "fail"}


@pytest.mark.parametrize("level", ["warn", "fail"])
def test_a_bad_backup_fails_and_an_old_one_warns(shouning: Operator, level: str) -> None:
    shouning.make_key()
    backup = shouning.back_up()
    if level == "warn":
        assert "ever opened" in found(shouning)["backups"].finding.detail_en
        finding = found(shouning, HandClock(SystemClock().now() + timedelta(days=3)))["backups"].finding
    else:
        with backup.open("r+b") as file:
            file.truncate(backup.stat().st_size - 1)
        assert shouning.verify(backup).exit_code == 1
        finding = found(shouning)["backups"].finding
    assert finding.level.value == level


@on_postgresql
def test_a_dump_that_was_only_looked_through_counts_as_no_verified_backup(shouning: Operator) -> None:
    shouning.make_key()
    assert shouning.verify(shouning.back_up()).exit_code == 3
    assert "No backup was ever opened" in found(shouning)["backups"].finding.detail_en


def test_a_bad_backup_that_is_old_has_a_mend_for_each_of_its_faults(shouning: Operator) -> None:
    shouning.make_key()
    shelf.record(shouning.back_up(), Verdict(SystemClock().now(), ok=False, looked_inside=True, why="the tag is wrong"))
    told = found(shouning, HandClock(SystemClock().now() + timedelta(days=3)))["backups"].finding.told
    assert [each.level.value for each in told] == ["fail", "warn", "warn"]
    assert len({each.mend_en for each in told}) == 3
    (check,) = [
        each for each in json.loads(shouning.run("doctor", "--json").stdout)["checks"] if each["check"] == "backups"
    ]
    assert [each["mend_en"] for each in check["findings"]] == [told[0].mend_en, told[2].mend_en], "it is new by now"


def test_a_backup_that_should_be_gone_is_named_with_what_lets_it_go(shouning: Operator) -> None:
    shouning.make_key()
    newest = shouning.back_up()
    now = SystemClock().now()
    verdict = Verdict(now, ok=True, looked_inside=True)
    shelf.record(newest, verdict)
    aged(newest, 91)
    assert found(shouning)["backups"].finding.level is Level.OK, "the unit deletes it tonight"
    aged(newest, 93)
    told = found(shouning)["backups"].finding
    assert told.level is Level.WARN
    assert "older than 90 days" in told.detail_en
    assert told.mend_en.startswith("Delete them: ecolink backup prune")
    shouning.done("backup", "prune")
    assert found(shouning)["backups"].finding.level is Level.OK

    newest.with_name(f"{newest.name}.verdict").unlink()
    shelf.record(aged(newest, 95), verdict)
    told = found(shouning)["backups"].finding
    assert told.level is Level.WARN
    assert "make one, verify it, then: ecolink backup prune" in told.mend_en


@on_sqlite
def test_the_doctor_changes_nothing(befriended: Operator) -> None:
    def everything() -> tuple[list[str], list[Path]]:
        with closing(sqlite3.connect(befriended.data / "ecolink.db")) as database:
            return list(database.iterdump()), sorted(befriended.data.rglob("*"))

    before = everything()
    befriended.run("doctor")
    assert everything() == before


def test_an_open_alarm_is_named(befriended: Operator) -> None:
    from ecolink.federation.alarms import raise_alarm

    node = befriended.node()
    with node.database.begin() as session:
        raise_alarm(session, "log-fork", "somewhere", SystemClock().now(), peer=QINGYUAN)
    node.close()
    assert "log-fork" in found(befriended)["alarms"].finding.detail_en


def test_second_factors_that_are_wanting_or_do_not_open_are_told_with_the_mend(
    shouning: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(shouning)["second factors"].finding.level is Level.OK
    monkeypatch.setenv("ECOLINK_SECOND_FACTOR_ROLES", "administrator")
    wanting = found(shouning)["second factors"].finding
    assert wanting.level is Level.WARN
    assert wanting.detail_en.startswith("admin, wu must have a second factor")

    node, now = shouning.node(), SystemClock().now()
    with node.database.begin() as session:
        admin = node.identity.accounts.named(session, AccountKind.USER, "admin")
        node.identity.second_factors.begin(session, admin, now)
        admin.second_factor_since = now
    node.close()
    assert found(shouning)["second factors"].finding.detail_en.startswith("wu must have")
    change(shouning, update(SecondFactor).values(sealed=b"sealed to a key that is gone"))
    told = found(shouning)["second factors"].finding.told
    assert [each.detail_en.partition(" must have")[0] for each in told if each.level is Level.WARN] == ["wu"]
    assert told[0].level is Level.FAIL

    shouning.done("user", "reset-otp", "admin")
    assert found(shouning)["second factors"].finding.level is Level.WARN
