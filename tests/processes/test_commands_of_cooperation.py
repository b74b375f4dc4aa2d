"""What officers do at the command line to keep an agreement, between two real nodes: from its file to its report."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result
from icalendar import Calendar

from ecolink.cadence.calendars import china_day
from ecolink.cadence.periods import Period
from ecolink.entrypoints.demo.clock import PlayClock
from ecolink.kit.times import CHINA
from tests.processes.bureau import Bureau, wait_until
from tests.support.town import QINGYUAN, SHOUNING

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(240),
    pytest.mark.parametrize("backend", ["sqlite"], indirect=True),
]

CODE = "sn-qy-151"


@dataclass
class Seat:
    """A bureau's command line; its people say who they are with every command."""

    bureau: Bureau
    folder: Path

    def run(self, *arguments: object, user: str = "wu") -> Result:
        password = self.bureau.config.parent / "password"
        return self.bureau.run(*arguments, "--user", user, "--password-file", password)

    def told(self, *arguments: object, user: str = "wu") -> Any:
        return json.loads(self.run(*arguments, "--json", user=user).stdout)

    def file(self, said: dict[str, Any]) -> Path:
        written = self.folder / "written.json"
        written.write_text(json.dumps(said), "utf-8")
        return written

    def waits_for(self, *arguments: object, until: Callable[[Any], object]) -> Any:
        """Ask until the other node's word is here, and return what is told then."""
        found: list[Any] = []

        def look() -> bool:
            found[:] = [self.told(*arguments)]
            return bool(until(found[0]))

        wait_until(look)
        return found[0]


@dataclass
class Pair:
    """Shouning and Qingyuan, whose nodes run by a clock that the test moves."""

    shouning: Seat
    qingyuan: Seat
    clock: PlayClock
    file: Path
    """The ready agreement, with the dates of this run."""

    def conclude(self) -> None:
        self.shouning.run("agreement", "propose", self.file)
        self.qingyuan.waits_for("agreement", "show", until=lambda items: items and items[0]["awaits_us"])
        self.qingyuan.run("agreement", "accept", CODE)
        self.shouning.waits_for("agreement", "show", until=lambda items: items[0]["state"] in {"agreed", "in_force"})

    def move_to(self, day: date) -> None:
        self.clock.move_to(datetime.combine(day, time(9, 30, tzinfo=CHINA)))


@pytest.fixture
def pair(bureaus: tuple[Bureau, Bureau], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    clock = PlayClock.at_present(tmp_path / "clock")
    monkeypatch.setattr("ecolink.entrypoints.cli.cadence.SystemClock", lambda: clock)
    for bureau in bureaus:
        password = bureau.config.parent / "password"
        roles = ("--role", "head", "--role", "liaison_officer")
        given = ("--password-file", password, "--no-must-change")
        bureau.run("user", "add", "zheng", "--name", "郑长青", *roles, *given)
    text = bureaus[0].run("agreement", "ready", CODE).stdout
    today = china_day(clock.now())
    text = text.replace("valid_from = 2026-01-01", f"valid_from = {today}")
    file = tmp_path / "151.toml"
    file.write_text(text.replace("2028-12-31", f"{today.replace(day=1, year=today.year + 3)}"), "utf-8")
    program = (sys.executable, Path(__file__).with_name("mortal.py"), clock.file, "inf")
    with ExitStack() as running:
        for bureau in bureaus:
            running.enter_context(bureau.process("serve", program=program))
        yield Pair(Seat(bureaus[0], tmp_path), Seat(bureaus[1], tmp_path), clock, file)


def test_an_agreement_is_checked_proposed_declined_taken_back_signed_amended_and_ended(pair: Pair) -> None:
    shouning, qingyuan, file = pair.shouning, pair.qingyuan, pair.file
    assert "摘要" in shouning.bureau.run("agreement", "check", file).stdout
    proposed = shouning.told("agreement", "propose", file)
    first = proposed["proposals"][0]["digest"]
    qingyuan.waits_for("agreement", "show", until=lambda items: items and items[0]["awaits_us"])
    assert (
        "庆元县公安局不签（须先报市局）" in qingyuan.run("agreement", "decline", CODE, "--reason", "须先报市局").stdout
    )
    shouning.waits_for("agreement", "show", CODE, until=lambda told: told["proposals"][0]["state"] == "declined")
    shouning.run("agreement", "withdraw", CODE, first[:12], "--reason", "待市局批复")
    qingyuan.waits_for("agreement", "show", CODE, until=lambda told: told["proposals"][0]["state"] == "withdrawn")

    pair.conclude()
    pair.move_to(china_day(pair.clock.now()) + timedelta(days=1))
    shown = shouning.told("agreement", "show", CODE)
    assert (shown["state"], [each["state"] for each in shown["proposals"]]) == ("in_force", ["withdrawn", "in_force"])

    amended = file.with_name("151-2.toml")
    amended.write_text(file.read_text("utf-8").replace("version = 1", "version = 2").replace("= 36 ", "= 60 "), "utf-8")
    qingyuan.run("agreement", "amend", amended)
    shouning.waits_for("agreement", "show", until=lambda items: items[0]["awaits_us"])
    assert "条款 2" in shouning.run("agreement", "accept", CODE).stdout

    table = pair.file.with_name("calendar.csv")
    year = china_day(pair.clock.now()).year + 1
    table.write_text(f"date,day\n{year}-01-04,off\n", "utf-8")
    notice = ("--source", "国办发明电〔2026〕00号（虚构）", "--file", table)
    shouning.run("agreement", "calendar", CODE, year, *notice)
    qingyuan.waits_for("agreement", "show", until=lambda items: items[0]["awaits_us"])
    qingyuan.run("agreement", "accept", CODE)
    qingyuan.waits_for(
        "agreement", "show", CODE, until=lambda told: sum(each["state"] == "agreed" for each in told["proposals"]) == 2
    )
    pair.move_to(china_day(pair.clock.now()) + timedelta(days=1))
    shown = qingyuan.told("agreement", "show", CODE)
    assert (shown["version"], year in shown["settled_years"]) == (2, True)

    last_day = china_day(pair.clock.now()) + timedelta(days=30)
    qingyuan.run("agreement", "end", CODE, "--last-day", last_day, "--reason", "机构调整，另订新协议")
    shouning.waits_for("agreement", "show", until=lambda items: items[0]["awaits_us"])
    shouning.run("agreement", "accept", CODE)
    qingyuan.waits_for("agreement", "show", CODE, until=lambda told: told["last_day"] == f"{last_day}")


def test_a_quarter_is_kept_at_the_command_line(pair: Pair) -> None:
    pair.conclude()
    quarter = Period.containing(china_day(pair.clock.now()) + timedelta(days=1), "quarter").next()
    pair.move_to(quarter.first + timedelta(days=2))
    month = Period.containing(quarter.first, "month")

    keep_in_touch(pair, month)
    let_go(pair, f"{CODE}/liaison/{month.next()}")
    exchange_packages(pair, f"{CODE}/exchange/{quarter}")
    confer(pair)
    read_calendar(pair, f"{CODE}/exchange/{quarter}@ecolink")
    read_cadence(pair, month)


def keep_in_touch(pair: Pair, month: Period) -> None:
    shouning, qingyuan = pair.shouning, pair.qingyuan
    due = shouning.waits_for("liaison", "due", until=bool)
    assert [each["obligation"] for each in due][-1] == f"{CODE}/liaison/{month}", "missed months stand before it"
    form = json.loads(shouning.run("liaison", "form", QINGYUAN).stdout)
    people = [{"unit_code": SHOUNING, "name": "吴建国"}, {"unit_code": QINGYUAN, "name": "周青"}]
    held = (pair.clock.now() - timedelta(hours=1)).isoformat()
    written = {
        **form,
        "makes_up": None,
        "held_at": held,
        "topics": ["线索反馈"],
        "conclusions": "三日内反馈。",
        "participants": people,
    }
    contact = shouning.told("liaison", "record", shouning.file(written))

    waiting = qingyuan.waits_for("liaison", "list", "--to-confirm", until=bool)
    assert [each["id"] for each in waiting] == [contact["id"]]
    qingyuan.run("liaison", "object", contact["id"], contact["record"], "结论应写明由谁反馈")
    shouning.waits_for("liaison", "show", contact["id"], until=lambda told: told["state"] == "objected")
    better = shouning.file({**written, "conclusions": "由庆元三日内反馈。"})
    corrected = shouning.told("liaison", "record", better, contact["id"])
    qingyuan.waits_for("liaison", "show", contact["id"], until=lambda told: told["record"] == corrected["record"])
    said = qingyuan.run("liaison", "confirm", contact["id"], corrected["record"]).stdout
    assert "confirmed" in said
    shouning.waits_for("liaison", "show", contact["id"], until=lambda told: told["state"] == "confirmed")

    twice = shouning.told("liaison", "record", shouning.file({**written, "topics": ["重复记录"]}))
    assert "withdrawn" in shouning.run("liaison", "withdraw", twice["id"], twice["record"], "重复记录").stdout


def let_go(pair: Pair, key: str) -> None:
    shouning, qingyuan = pair.shouning, pair.qingyuan

    def stands(state: str) -> Callable[[Any], bool]:
        return lambda told: [each["state"] for each in told] == [state]

    shouning.run("waiver", "propose", key, "--reason", "误提", user="zheng")
    qingyuan.waits_for("waiver", "show", key, until=stands("proposed"))
    assert "暂不同意" in qingyuan.run("waiver", "decline", key, "--reason", "暂不同意", user="zheng").stdout
    shouning.waits_for("waiver", "show", key, until=stands("declined"))
    shouning.run("waiver", "withdraw", key, "--reason", "另议", user="zheng")
    shouning.run("waiver", "propose", key, "--reason", "两地均在扑救山火", user="zheng")
    qingyuan.waits_for("waiver", "show", key, until=lambda told: told and told[-1]["state"] == "proposed")
    qingyuan.run("waiver", "accept", key, "--reason", "同意", user="zheng")
    told = shouning.waits_for("waiver", "show", key, until=lambda told: told[-1]["state"] == "agreed")
    assert [word["reason"] for word in told[-1]["words"]] == ["两地均在扑救山火", "同意"]


def exchange_packages(pair: Pair, key: str) -> None:
    shouning, qingyuan = pair.shouning, pair.qingyuan
    for seat in (shouning, qingyuan):
        (line,) = seat.waits_for("exchange", "list", until=bool)
        assert line["obligation"] == key
        seat.run("exchange", "draft", line["id"], seat.file({"highlights": "本季度重点情况。"}))
        seat.run("exchange", "approve", line["id"], user="zheng")
    exchange = line["id"]
    printed = pair.file.with_suffix(".pdf")
    for seat in (shouning, qingyuan):
        told = seat.waits_for("exchange", "show", exchange, until=lambda told: told["state"] == "complete")
        theirs = next(each for each in told["packages"] if each["author"]["unit_code"] != seat.bureau.unit_code)
        seat.run("exchange", "read", exchange, theirs["digest"])
        seat.run("exchange", "feedback", exchange, theirs["digest"], "--usefulness", 4, "--remarks", "已用于清查。")
        seat.run("exchange", "print", exchange, printed, "--package", theirs["digest"])
        assert printed.read_bytes().startswith(b"%PDF")
        seat.run("exchange", "sign-off", exchange, seat.told("exchange", "show", exchange)["sign_off"]["digest"])
    for seat in (shouning, qingyuan):
        seat.waits_for("exchange", "show", exchange, until=lambda told: told["state"] == "signed_off")


def confer(pair: Pair) -> None:
    shouning, qingyuan = pair.shouning, pair.qingyuan
    at = pair.clock.now() + timedelta(days=1)
    meeting = {"duration_minutes": 90, "where": "龙溪联合警务站"}
    invitation = {"title": "林区盗伐形势会商", "planned": True, "chair": SHOUNING, "partners": [QINGYUAN], **meeting}
    called = shouning.told("consultation", "call", shouning.file({**invitation, "times": [at.isoformat()]}))["id"]
    (waiting,) = qingyuan.waits_for("consultation", "list", "--awaits-us", until=bool)
    assert waiting["id"] == called
    answer = qingyuan.file({"answer": "accepts", "times": [at.isoformat()]})
    qingyuan.run("consultation", "tell", called, "answer", answer)
    shouning.waits_for("consultation", "show", called, until=lambda told: told["awaits_us"])
    shouning.run("consultation", "tell", called, "date", shouning.file({"at": at.isoformat(), **meeting}))
    pair.move_to(china_day(at) + timedelta(days=1))
    due_on = f"{china_day(at) + timedelta(days=20)}"
    minutes = {
        "held_at": at.isoformat(),
        "method": "shared_station",
        "minutes": "双方通报盗伐案件情况。",
        "conclusions": "开展联合巡护。",
        "tasks": [{"code": "T1", "text": "提供木材加工点清单", "owner": QINGYUAN, "due_on": due_on}],
        "participants": [{"name": "吴建国"}, {"name": "周青"}],
    }
    shouning.run("consultation", "tell", called, "minutes", shouning.file(minutes))
    told = qingyuan.waits_for("consultation", "show", called, until=lambda told: told["minutes"])
    qingyuan.run("consultation", "sign", called, told["minutes"]["digest"])
    qingyuan.run("consultation", "task", called, "T1", "done", "--note", "清单已提供")
    told = shouning.waits_for("consultation", "show", called, until=lambda told: told["state"] == "concluded")
    shouning.waits_for("consultation", "show", called, until=lambda told: told["open_tasks"] == 0)


def read_calendar(pair: Pair, uid: str) -> None:
    seat = pair.shouning
    address = seat.run("calendar", "add", "手机").stdout.strip()
    first, again = (httpx.get(address, trust_env=False) for _ in range(2))
    uids = [str(each["UID"]) for each in Calendar.from_ical(first.content).walk("VEVENT")]
    assert uid in uids
    assert len(uids) == len({*uids})
    assert first.content == again.content
    (feed,) = seat.told("calendar", "list")
    assert address not in json.dumps(feed)
    assert seat.run("calendar", "revoke", feed["id"]).stdout == "Revoked.\n"
    assert httpx.get(address, trust_env=False).status_code == 404


def read_cadence(pair: Pair, month: Period) -> None:
    seat = pair.shouning
    pair.move_to(month.last + timedelta(days=1))
    assert (f"{CODE}/liaison/{month}", "fulfilled", False) in [
        (each["key"], each["state"], each["late"]) for each in seat.told("cadence", "history")
    ]
    upcoming = seat.told("cadence", "next")
    assert upcoming[0]["key"] == f"{CODE}/liaison/{month.next().next()}", "the next month is let go"
    assert CODE in seat.run("cadence", "status").stdout
    for ending, begins in (("pdf", b"%PDF"), ("xlsx", b"PK"), ("csv", b"\xef\xbb\xbf"), ("html", b"<!doctype html>")):
        report = pair.file.with_suffix(f".{ending}")
        seat.run("cadence", "report", "--year", month.first.year, "-o", report)
        assert report.read_bytes()[: len(begins)].lower() == begins.lower()
