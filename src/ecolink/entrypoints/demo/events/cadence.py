"""A quarter under the agreement: what it obliges to is done, missed, escalated and made up for, with proof at both."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from typing import Any

from ecolink.cadence.calendars import china_day
from ecolink.cadence.periods import Period, periods
from ecolink.entrypoints.demo.events.bulletins import publish
from ecolink.entrypoints.demo.houses import DemoFailed
from ecolink.entrypoints.demo.people import Json, Person, wait_for, wait_for_object
from ecolink.entrypoints.demo.stage import Stage
from ecolink.kit.times import CHINA, to_text

AGREEMENT = "sn-qy-151"
PAIR = ("shouning", "qingyuan")
IN_OFFICE = time(9, 5, tzinfo=CHINA)
"""A few minutes after the hour at which reminders of the day come."""
CHAIN = ((-7, "remind-7"), (-3, "remind-3"), (0, "remind-0"), (1, "escalate-1"), (3, "escalate-3"), (7, "escalate-7"),
         (14, "escalate-14"))  # fmt: skip
"""Days before and after the due day, and what the agreement says is to happen then."""

LEVELS = {
    "liaison_officer": ("联络员", "liaison officer"),
    "deputy": ("部门副职", "deputy"),
    "head": ("部门负责人", "head of department"),
    "chief": ("局领导", "chief"),
}


def play(stage: Stage) -> None:
    """Play the whole next quarter, on a clock that the demo moves on."""
    quarter = Period.containing(china_day(stage.clock.now()), "quarter").next()
    months = list(periods(quarter.first, quarter.last, "month"))
    agree(stage, quarter)
    first_month(stage, months[0])
    missed_month(stage, months[1])
    last_month(stage, months[2])
    exchange(stage, quarter)
    compare(stage)


def agree(stage: Stage, quarter: Period) -> None:
    """Propose the agreement that comes with ecolink, its dates changed, and have the other side sign it."""
    tell = stage.narrator
    tell.scene("13", "协议签署：双方签署同一摘要方可生效", "The agreement: in force once both signed the same digest")
    text = files("ecolink").joinpath(f"data/agreements/{AGREEMENT}.toml").read_text("utf-8")
    dated = text.replace("valid_from = 2026-01-01", f"valid_from = {quarter.first}")
    dated = dated.replace("valid_until = 2028-12-31", f"valid_until = {quarter.first.year + 2}-12-31")
    ours, theirs = (stage.who(slug, "chief") for slug in PAIR)
    proposed = ours.post("/agreements", {"text": dated})
    digest = str(proposed["proposals"][0]["digest"])
    tell.step("陈远山 Shouning", f"提议“151”协议，摘要 {digest[:12]}…", "proposes the 151 agreement", "signed")
    wait_for_object(theirs, f"/agreements/{AGREEMENT}")
    theirs.post(f"/agreements/{AGREEMENT}/proposals/{digest}/sign")
    wait_for("both signatures", lambda: ours.get(f"/agreements/{AGREEMENT}")["state"] == "agreed")
    tell.step(
        "陈远山 Qingyuan",
        f"签署同一摘要；{quarter.first} 起生效，两个节点各自推算出同样的义务",
        "signs the same digest; from then on both nodes derive the same obligations, without a word",
        "signed",
    )


def first_month(stage: Stage, month: Period) -> None:
    """Record a contact on the form that opened by itself, and have it confirmed."""
    tell = stage.narrator
    tell.scene(
        "14", "月联系：表单自动打开，一方记录，另一方确认", "Monthly liaison: recorded by one, confirmed by the other"
    )
    travel(stage, month.first + timedelta(days=18))
    bulletin = publish(
        stage,
        {"recipients": [stage.bureau("qingyuan").unit_code]},
        ["qingyuan"],
        kind="warning",
        title="近期边界林区盗伐预警",
        body="节后木材需求上升，请加强边界林区和木材加工点巡查。",
        charges=["345(1)"],
        valid_until=to_text(stage.clock.now() + timedelta(days=90)),
    )
    form = open_form(stage, "shouning", month)
    waiting = "；".join(f"{matter['zh']}{matter['count']}" for matter in form["open_matters"])
    tell.step("周小河 Shouning", f"表单已预填：{waiting or '无未结事项'}", "the form is filled in with what is open")
    hold(
        stage,
        "shouning",
        form,
        topics=["未结线索协查", "边界林区巡查"],
        conclusions="线索三日内反馈；下旬联合巡护一次。",
    )
    wait_for_object(officer(stage, "qingyuan"), f"/bulletins/{bulletin}")  # opening it is the signed read record
    tell.count("bulletin", "acknowledged")
    tell.step(
        "周小河 Qingyuan", "确认同一份记录，本月义务完成", "confirms the same record: this month is met", "signed"
    )


def missed_month(stage: Stage, month: Period) -> None:
    """Let a month pass: reminders, then up the chain, and the partner is told; then make up for it."""
    tell = stage.narrator
    tell.scene("15", "漏办一个月：提醒、逐级督办、补办", "A month is missed: reminders, up the chain, made up for")
    key = f"{AGREEMENT}/liaison/{month.label}"
    due_on = date.fromisoformat(officer(stage, "shouning").get(f"/obligations/{key}")["due_on"])
    for days, step in CHAIN:
        day = due_on + timedelta(days=days)
        stage.travel(datetime.combine(day, IN_OFFICE))
        for slug in PAIR:
            notice = wait_for(f"{step} of {key} at {slug}", told(officer(stage, slug), key, step))
        level_zh, level_en = LEVELS[notice["role"]]
        tell.step(
            f"{day}",
            f"→{level_zh}：{notice['title_zh']}",
            f"to the {level_en}: {notice['title_en']}",
            "alarm" if days > 0 else "note",
        )
    for slug, other in (PAIR, PAIR[::-1]):
        wait_for("the partner's word", late_word(officer(stage, slug), key, of=stage.bureau(other).unit_code))
    tell.step(
        "双方 Both", "各以签名告知对方：该月联系逾期", "each told the other, signed: this month is late", "signed"
    )

    form = open_form(stage, "qingyuan", month)
    hold(stage, "qingyuan", form, nothing_to_report=True)
    tell.step("周小河 Qingyuan", "补办上月联系，仍记为逾期", "made up for it; it stays marked as late", "signed")


def last_month(stage: Stage, month: Period) -> None:
    """Hold the last month's contact in time."""
    hold(
        stage, "shouning", open_form(stage, "shouning", month), topics=["季度材料准备"], conclusions="月底前互送材料。"
    )
    stage.narrator.step("周小河 Shouning", "第三个月按期联系", "the third month is met in time", "signed")


def exchange(stage: Stage, quarter: Period) -> None:
    """Exchange the quarter's packages: drawn up by the nodes, approved by people, read, fed back, signed off."""
    tell = stage.narrator
    tell.scene("16", "季度通报交流：自动编制、审批、互阅、反馈、双方确认", "The quarterly exchange, signed off by both")
    key = f"{AGREEMENT}/exchange/{quarter.label}"
    travel(stage, date.fromisoformat(officer(stage, "shouning").get(f"/obligations/{key}")["due_on"]))
    found = {slug: send_package(stage, slug, quarter) for slug in PAIR}
    for slug, other in (PAIR, PAIR[::-1]):
        read_package(stage, slug, found[slug], of=stage.bureau(other).unit_code)
    for slug in PAIR:
        shown = officer(stage, slug).get(f"/exchanges/{found[slug]}")
        stage.who(slug, "chief").post(f"/exchanges/{found[slug]}/sign-off", {"digest": shown["sign_off"]["digest"]})
    for slug in PAIR:
        wait_until_met(stage, slug, key)
    tell.step("双方 Both", "对同一组材料签名确认，季度交流完成", "both signed off the same packages", "signed")


def compare(stage: Stage) -> None:
    """Show that both nodes came to the same, and count it.

    Raises:
        DemoFailed: they did not.

    """
    stage.wait_until_delivered()
    books = [officer(stage, slug).listed("/obligations", agreement=AGREEMENT, limit="200") for slug in PAIR]
    judged = ("key", "due_on", "state", "late", "fulfilled_at", "owing")
    first, second = ([[line[name] for name in judged] for line in book] for book in books)
    if first != second:
        differing = [pair for pair in zip(first, second, strict=False) if pair[0] != pair[1]]
        raise DemoFailed(f"the two nodes judge differently: {differing[:2]}")
    for slug, book in zip(PAIR, books, strict=True):
        counts = {
            "created": len(book),
            "fulfilled": sum(line["state"] == "fulfilled" for line in book),
            "late": sum(line["late"] for line in book),
            "escalated": sum(escalated(officer(stage, slug), line["key"]) for line in book if line["late"]),
        }
        stage.narrator.obligations[slug] = counts
        stage.narrator.step(
            stage.bureau(slug).short,
            "义务 {created} 项：完成 {fulfilled}，逾期 {late}，督办 {escalated}".format(**counts),
            "obligations: {created}; fulfilled {fulfilled}, late {late}, escalated {escalated}".format(**counts),
            "signed",
        )


def officer(stage: Stage, slug: str) -> Person:
    """Return a bureau's liaison officer."""
    return stage.who(slug, "liaison")


def travel(stage: Stage, day: date) -> None:
    """Have it be the morning of another day, everywhere."""
    stage.travel(datetime.combine(day, IN_OFFICE))
    stage.narrator.step(f"{day}", "时钟拨至该日上午", "the clock is moved on to that morning", "note")


def open_form(stage: Stage, slug: str, month: Period) -> Json:
    """Return the record form of a month, as soon as it is open."""
    key = f"{AGREEMENT}/liaison/{month.label}"

    def look() -> Json | None:
        forms = officer(stage, slug).listed("/liaison-contacts/forms")
        return next((form for form in forms if form["obligation"] == key), None)

    return wait_for(f"the form of {key} at {slug}", look)


def hold(stage: Stage, slug: str, form: Json, **said: Any) -> None:  # noqa: ANN401 - members of the record
    """Hold a contact: record it here, have it confirmed there, and wait until it counts at both."""
    other = next(each for each in PAIR if each != slug)
    contact = record(stage, slug, form, **said)
    shown = officer(stage, slug).get(contact)
    officer(stage, other).post(f"{contact}/confirm", {"record": shown["record"]})
    for each in PAIR:
        wait_until_met(stage, each, form["obligation"])


def record(stage: Stage, slug: str, form: Json, **said: Any) -> str:  # noqa: ANN401 - members of the record
    """Record a contact, wait until the other side has it before it, and return its address."""
    other = next(each for each in PAIR if each != slug)
    recorded = officer(stage, slug).post(
        "/liaison-contacts",
        {
            "partners": form["partners"],
            "agreement": form["agreement"],
            "makes_up": form["makes_up"],
            "held_at": to_text(stage.clock.now() - timedelta(minutes=1)),
            "method": "video",
            "participants": [
                {"unit_code": stage.bureau(each).unit_code, "name": officer(stage, each).name, "post": "联络员"}
                for each in PAIR
            ],
            **said,
        },
    )
    contact = f"/liaison-contacts/{recorded['id']}"
    wait_for_object(officer(stage, other), contact)
    return contact


def send_package(stage: Stage, slug: str, quarter: Period) -> str:
    """Complete our package, which the node drew up, and send it with the chief's approval; return its exchange."""
    liaison, chief = officer(stage, slug), stage.who(slug, "chief")
    today = china_day(stage.clock.now()).isoformat()

    def look() -> Json | None:
        for each in liaison.listed("/exchanges", agreement=AGREEMENT, period=quarter.label):
            draft = liaison.get(f"/exchanges/{each['id']}/draft")
            if china_day(datetime.fromisoformat(draft["compiled_at"])).isoformat() == today:
                return draft
        return None

    draft = wait_for(f"the quarter's package at {slug}", look)
    path = f"/exchanges/{draft['exchange_id']}/draft"
    written = liaison.put(
        path,
        {"highlights": "本季度边界林区总体平稳。", "outlook": "下季度组织联合巡护一次。"},
        version=draft["version"],
    )
    chief.post(f"{path}/approve", version=written["version"])
    stage.narrator.step(
        f"陈远山 {stage.bureau(slug).short}",
        "审批节点自动编制的季度材料并提交（不含个人信息）",
        "approves and sends the package the node drew up; no personal data",
        "signed",
    )
    return str(draft["exchange_id"])


def read_package(stage: Stage, slug: str, exchange_id: str, *, of: str) -> None:
    """Read the other side's package, print it, and feed back."""
    liaison = officer(stage, slug)

    def look() -> Json | None:
        packages = liaison.get(f"/exchanges/{exchange_id}")["packages"]
        return next((package for package in packages if package["author"]["unit_code"] == of), None)

    package = wait_for(f"the partner's package at {slug}", look)["digest"]
    printed = liaison.download(f"/exchanges/{exchange_id}/packages/{package}/document", format="pdf")
    if not printed.startswith(b"%PDF-"):
        raise DemoFailed("the package was not printed")
    stage.narrator.check("packages_printed")
    liaison.post(f"/exchanges/{exchange_id}/read", {"package": package})
    liaison.post(
        f"/exchanges/{exchange_id}/feedback", {"package": package, "usefulness": 4, "remarks": "已转各派出所。"}
    )
    stage.narrator.step(
        f"周小河 {stage.bureau(slug).short}",
        "阅读、打印对方材料并反馈，有用程度4",
        "reads and prints the other side's package, feeds back: usefulness 4",
        "signed",
    )


def wait_until_met(stage: Stage, slug: str, key: str) -> None:
    """Wait until an obligation counts as met at a bureau."""

    def look() -> bool:
        return bool(officer(stage, slug).get(f"/obligations/{key}")["state"] == "fulfilled")

    wait_for(f"{key} to be met at {slug}", look)


def told(person: Person, key: str, step: str) -> Callable[[], Json | None]:
    """Return what looks whether somebody was told of a step."""

    def look() -> Json | None:
        notices = person.get(f"/obligations/{key}")["notices"]
        return next((each for each in notices if each["step"] == step and each["state"] != "skipped"), None)

    return look


def late_word(person: Person, key: str, *, of: str) -> Callable[[], bool]:
    """Return what looks whether a bureau said, signed, that an obligation is late."""

    def look() -> bool:
        return any(word["author"]["unit_code"] == of for word in person.get(f"/obligations/{key}")["lateness"])

    return look


def escalated(person: Person, key: str) -> bool:
    """Tell whether an obligation went up the chain."""
    notices = person.get(f"/obligations/{key}")["notices"]
    return any(each["kind"] == "escalation" and each["state"] != "skipped" for each in notices)
