"""Bodies and private parts of every type that came with 0.2.0, as `bodies` has those of 0.1.0.

Digests are written out, not computed: what one is taken over is a rule as well.
"""

from collections.abc import Iterator

from tests.vectors.cases.bodies import AT, DAY, HERE, ONE, THERE, THIRD, THREAD, TWO, Case, Json, listed

THREE = "3" * 64
OFFICER = {"name": "吴建国"}
CHIEF = {"name": "陈远山", "post": "局长", "phone": "0593-0000011"}
SIGNED: Json = {"by": OFFICER}
APPROVED: Json = {"by": OFFICER | {"post": "民警", "phone": "110"}, "approver": CHIEF}
BOTH: Json = {"by": CHIEF, "approver": OFFICER}
CODE = "sn-qy-151"
KEY, QUARTER, YEAR = f"{CODE}/liaison/2026-07", f"{CODE}/exchange/2026-Q3", f"{CODE}/consultation/2026"
CHECKPOINT = "350924000000/evidence\n12\nMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=\n"

# Agreements ------------------------------------------------------------------------------------------------

PARTIES = [
    {"unit_code": HERE, "name_zh": "寿宁县公安局", "name_en": "Shouning County Public Security Bureau"},
    {"unit_code": THERE, "name_zh": "庆元县公安局", "name_en": "Qingyuan County Public Security Bureau"},
]
DUTY: Json = {
    "code": "liaison",
    "kind": "liaison",
    "name_zh": "月联系",
    "name_en": "Monthly contact",
    "period": "month",
    "rule": "FREQ=MONTHLY;BYMONTHDAY=-1",
}
FULL_DUTY = DUTY | {
    "code": "exchange",
    "kind": "exchange",
    "period": "quarter",
    "rule": "FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1",
    "working_day": "before",
    "least": 2,
    "between": [HERE, THERE],
    "opens_days": 20,
    "grace_days": 2,
    "remind_days": [10, 0],
    "escalate": [{"after_days": 1, "to": "liaison_officer"}, {"after_days": 30, "to": "chief"}],
}
TERMS: Json = {
    "code": CODE,
    "version": 1,
    "name_zh": "警务协作协议",
    "name_en": "Co-operation agreement",
    "scope_zh": "两县毗邻乡镇。",
    "scope_en": "The townships on both sides.\nNothing else.",
    "parties": PARTIES,
    "valid_from": "2026-01-01",
    "valid_until": "2028-12-31",
    "calendar": {"years": [], "digest": ONE},
}
FULL_TERMS = TERMS | {
    "attempt": 2,
    "version": 2,
    "replaces": TWO,
    "calendar": {"years": [2026, 2027], "digest": ONE},
    "duties": [
        DUTY,
        FULL_DUTY,
        DUTY | {"code": "talk", "kind": "consultation", "period": "year", "escalate": [], "remind_days": []},
        DUTY | {"code": "drill", "kind": "drill", "working_day": "after", "opens_days": 0},
    ],
    "rotation": {"period": "quarter", "order": [HERE, THERE], "begins": "2026-Q1"},
    "deadlines": {"urgent_answer_days": 2, "emergency_escalation_minutes": [10, 30]},
    "handling": {"code": "H3", "onward": "ask", "text": "仅供森林案件使用。"},
    "retention_months": 36,
    "sharing": [
        {"what": ["lead", "bulletin", "emergency", "package"]},
        {"what": ["lead"], "sharers": [HERE], "recipients": [THERE]},
    ],
}
ENDING: Json = {"ends": ONE, "last_day": "2026-12-31", "reason": "双方另订新约。"}
CALENDAR: Json = {
    "year": 2026,
    "days": [
        {"date": "2025-12-28", "day": "work"},
        {"date": "2026-01-01", "day": "off"},
        {"date": "2026-11-30", "day": "off"},
    ],
    "source": "国办发明电〔2025〕7号",
}


def _proposed(digest: str, **subject: object) -> Json:
    return {"agreement": CODE, "digest": digest} | subject


_PROPOSED = _proposed("9c6a25b593266462ceef622179f495105af858d94599101414c75686faed674d", terms=TERMS)
_REASONED = {"agreement": CODE, "digest": ONE, "reason": "第三条需修改。"}

# Liaison ---------------------------------------------------------------------------------------------------

CONTACT: Json = {"held_at": AT, "method": "call", "nothing_to_report": True}
TALKED: Json = {"held_at": AT, "method": "video", "topics": ["盗伐林木线索"], "conclusions": "继续核查。\n下月再议。"}
_FULL_CONTACT = TALKED | {
    "agreement": CODE,
    "method": "shared_station",
    "makes_up": KEY,
    "open_matters": [
        {"partner": THERE, "topic": "undelivered", "count": 0},
        {"partner": THERE, "topic": "lead", "owing": THERE, "count": 12, "threads": [THREAD]},
    ],
    "footing": [
        {"partner": THERE, "state": "active", "keys": ONE, "clock_skew_s": -3, "last_contact_at": AT}
        | {"checkpoint": CHECKPOINT},
        {"partner": THIRD, "state": "pending", "keys": TWO},
    ],
    "checkpoint": CHECKPOINT,
    "supersedes": TWO,
}
_TOOK_PART = {
    "by": OFFICER,
    "participants": [
        {"unit_code": HERE, "name": "吴建国"},
        {"unit_code": THERE, "name": "叶知秋", "post": "联络员"},
    ],
}

# Consultations ---------------------------------------------------------------------------------------------

INVITED: Json = {
    "title": "年度会商",
    "planned": True,
    "chair": HERE,
    "times": [AT],
    "duration_minutes": 120,
    "where": "寿宁县公安局三楼",
}
_FULL_INVITED = INVITED | {
    "planned": False,
    "agreement": CODE,
    "trigger": {"kind": "emergency", "thread": THREAD},
    "times": [AT, "2026-11-23T10:00:00.000+08:00"],
    "agenda": ["通报案情", "分工"],
}
_SET = {"at": AT, "duration_minutes": 10, "where": "视频"}
_TASK = {"code": "T1", "text": "调取监控", "owner": THERE, "due_on": "2026-12-15"}
MINUTED: Json = {"held_at": AT, "method": "meeting", "minutes": "双方通报。\n\t详见附件。", "conclusions": "并案侦查。"}
_TOLD = {"task": "T1", "status": "under_way"}

# Quarterly exchange ----------------------------------------------------------------------------------------

PACKAGE: Json = {"as_of": AT, "obligation": QUARTER}
NIL = PACKAGE | {"nothing_to_report": True, "statistics": [{"code": "leads_asked", "now": 0, "before": 4}]}
_TOLD_BULLETIN = {"thread": THREAD, "kind": "modus_operandi", "title": "野生兰花混作茶苗邮寄出省", "told_on": DAY}
_OPEN = {
    "thread": THREAD,
    "letter_number": "寿公协〔2026〕18号",
    "kind": "household_registration",
    "urgency": "U3",
    "state": "accepted",
    "asked_by": HERE,
    "asked_on": DAY,
}
_FULL_PACKAGE = PACKAGE | {
    "number": "寿公通〔2026〕3号",
    "highlights": "盗伐案件下降。\n\t其他平稳。",
    "outlook": "加强联合巡护。",
    "statistics": [
        {"code": "leads_asked", "now": 3, "before": 4},
        {"code": "of_a_later_version", "now": 0, "before": 0},
    ],
    "bulletins": [_TOLD_BULLETIN, _TOLD_BULLETIN | {"number": "公情通〔2026〕1号"}],
    "open_requests": [_OPEN, _OPEN | {"answer_due": AT}],
    "supersedes": ONE,
    "correction": "更正一处数字。",
}
_VERDICT = {"package": ONE, "usefulness": 5}
_SIGNED_OFF = {"digest": "055373d2d5916d7245990454c54ab62817bf787538ca4475c73a310b556aabef", "packages": [ONE, TWO]}
_WAIVER = {"key": KEY, "waiver": ONE, "reason": "两地均受台风影响。"}
_LATE = {"key": KEY, "due_on": "2026-07-31", "owing": [HERE], "done": False, "terms": ONE}


def _by_whom(body: Json) -> list[tuple[Json, Json | None]]:
    return [(body, SIGNED), (body, APPROVED), (body, BOTH)]


GOOD: dict[str, list[tuple[Json, Json | None]]] = {
    "agreement.proposed.v1": [
        (_PROPOSED, None),
        (
            _proposed(
                "cd2d16d0ae49183bec0b5536fb0f75947b15f11a5d219361540a8eb6de6b7a85",
                terms=FULL_TERMS,
                text="# 协议\ncode = 'sn-qy-151'\n",
            ),
            None,
        ),
        (_proposed("e7ee14606013f120138f10c46fe808d09bfdbffeacbec2fc4915d68d5b293df1", ending=ENDING), None),
        (
            _proposed(
                "ea5e1a5d216cce3705c07be1ae6065faebf55586f8b884e5c69039b5f4736271", ending=ENDING | {"attempt": 3}
            ),
            None,
        ),
        (_proposed("8aac9e738f0195d8fec664337bb5ca359da464cc8465af76b3ed70e711b61ed9", calendar=CALENDAR), None),
        (
            _proposed(
                "9289f728137b0af5f5fc7c791a620f1f5697001f69076f0675ccc89c7f82ba20", calendar=CALENDAR | {"attempt": 100}
            ),
            None,
        ),
        # What stands at its default counts where it is said, and not where it is not.
        (
            _proposed(
                "c34ea8960ac98c1877a32e56ddd9afc8eb0fb4cfbecf591ca9b67093528c9892",
                terms=TERMS | {"duties": [DUTY | {"least": 1, "working_day": "as-is"}]},
            ),
            None,
        ),
        (
            _proposed(
                "2ce720d474f98bb9c964e3d2162811e817fb6e61046e35b7e45e5cdf1da93551", terms=TERMS | {"duties": [DUTY]}
            ),
            None,
        ),
        # What a newer node adds counts too.
        (
            _proposed(
                "a2f12f09bc895e3983835023d8ffacd693f87b707be169d9df2e4c8431516160",
                terms=TERMS | {"weather": {"rain": [True, 0.5]}, "handling": {"code": "H0"}},
            ),
            None,
        ),
    ],
    "agreement.signed.v1": [({"agreement": CODE, "digest": ONE}, None)],
    "agreement.declined.v1": [(_REASONED, None)],
    "agreement.withdrawn.v1": [(_REASONED, None)],
    "obligation.late.v1": [
        (_LATE, None),
        (_LATE | {"key": QUARTER, "owing": [HERE, THERE, THIRD], "done": True}, None),
        (_LATE | {"key": YEAR}, None),
    ],
    "obligation.waiver_proposed.v1": [
        ({"key": KEY, "reason": "两地均受台风影响。"}, SIGNED),
        ({"key": QUARTER, "reason": "第一条\n第二条"}, APPROVED),
        ({"key": YEAR, "reason": "无。"}, BOTH),
        ({"key": YEAR, "reason": "无。"}, None),
    ],
    "obligation.waiver_accepted.v1": _by_whom(_WAIVER),
    "obligation.waiver_declined.v1": _by_whom(_WAIVER),
    "obligation.waiver_withdrawn.v1": _by_whom(_WAIVER),
    "liaison.recorded.v1": [
        (CONTACT, {"by": OFFICER, "participants": _TOOK_PART["participants"][:1]}),
        (TALKED, None),
        (_FULL_CONTACT, _TOOK_PART | {"by": CHIEF}),
        (CONTACT | {"method": "meeting", "topics": []}, _TOOK_PART),
    ],
    "liaison.confirmed.v1": [({"record": ONE}, SIGNED), ({"record": ONE}, {"by": CHIEF})],
    "liaison.objected.v1": [
        ({"record": ONE, "reason": "时间有误。"}, SIGNED),
        ({"record": ONE, "reason": "时间有误。"}, {"by": CHIEF}),
    ],
    "liaison.withdrawn.v1": [
        ({"record": ONE, "reason": "重复登记。"}, SIGNED),
        ({"record": ONE, "reason": "重复登记。"}, {"by": CHIEF}),
    ],
    "consultation.invited.v1": [(INVITED, SIGNED), (_FULL_INVITED, APPROVED), (INVITED, BOTH)],
    "consultation.answered.v1": [
        ({"answer": "accepts", "times": [AT]}, SIGNED),
        ({"answer": "proposes", "times": [AT], "note": "当日另有任务。"}, APPROVED),
        ({"answer": "declines", "note": "与本局无关。"}, BOTH),
    ],
    "consultation.set.v1": [(_SET, SIGNED), (_SET | {"agenda": ["通报案情"]}, APPROVED), (_SET, BOTH)],
    "consultation.cancelled.v1": _by_whom({"reason": "案件已破。"}),
    "consultation.minuted.v1": [
        (MINUTED, SIGNED),
        (
            MINUTED | {"method": "shared_station", "tasks": [_TASK, _TASK | {"code": "T99", "owner": HERE}]},
            APPROVED | {"participants": [OFFICER, CHIEF]},
        ),
        (MINUTED, BOTH),
    ],
    "consultation.confirmed.v1": _by_whom({"minutes": ONE}),
    "consultation.objected.v1": _by_whom({"minutes": ONE, "reason": "第二条不符。"}),
    "consultation.task_updated.v1": [
        (_TOLD, SIGNED),
        (_TOLD | {"status": "done", "note": "已调取。"}, APPROVED),
        (_TOLD | {"status": "not_possible", "note": "录像已覆盖。"}, BOTH),
    ],
    "exchange.submitted.v1": [
        (PACKAGE, SIGNED),
        (_FULL_PACKAGE, APPROVED),
        (NIL | {"outlook": "加强联合巡护。"}, BOTH),
    ],
    "exchange.read.v1": _by_whom({"package": ONE}),
    "exchange.feedback.v1": [
        (_VERDICT, SIGNED),
        (_VERDICT | {"usefulness": 1, "remarks": "谢谢。", "correction_wanted": "总数不符。"}, APPROVED),
        (_VERDICT, BOTH),
    ],
    "exchange.signed_off.v1": [
        (_SIGNED_OFF, SIGNED),
        (
            {
                "digest": "793773bd498ce5ce8e7936d9e04d089fabffab2b70ffaa91168174a7ba158b91",
                "packages": [ONE, TWO, THREE],
            },
            APPROVED,
        ),
        (_SIGNED_OFF, BOTH),
    ],
}
"""What a bureau may say, with its private part where it has one that was not erased."""


def _calendar(digest: str, *days: str) -> tuple[str, Json]:
    listed = CALENDAR | {"days": [{"date": day, "day": "off"} for day in days]}
    return "agreement.proposed.v1", _proposed(digest, calendar=listed)


def _contact(body: Json) -> tuple[str, Json]:
    return "liaison.recorded.v1", {"held_at": AT, "method": "call"} | body


def _answered(body: Json) -> tuple[str, Json]:
    return "consultation.answered.v1", body


def _package(body: Json) -> tuple[str, Json]:
    return "exchange.submitted.v1", body


def _signed_off(digest: str, *packages: str) -> tuple[str, Json]:
    return "exchange.signed_off.v1", {"digest": digest, "packages": list(packages)}


BAD: dict[str, tuple[str, Json] | tuple[str, Json, Json]] = {
    "a proposal of nothing": ("agreement.proposed.v1", _proposed(ONE)),
    "a proposal of two things": ("agreement.proposed.v1", _PROPOSED | {"ending": ENDING}),
    "a proposal of three things": ("agreement.proposed.v1", _PROPOSED | {"ending": ENDING, "calendar": CALENDAR}),
    "another agreement's terms": ("agreement.proposed.v1", _PROPOSED | {"agreement": "zx-151"}),
    "the digest of other terms": ("agreement.proposed.v1", _PROPOSED | {"terms": TERMS | {"version": 2}}),
    "the digest of the same terms with their defaults said": (
        "agreement.proposed.v1",
        _proposed(
            "2ce720d474f98bb9c964e3d2162811e817fb6e61046e35b7e45e5cdf1da93551",
            terms=TERMS | {"duties": [DUTY | {"least": 1}]},
        ),
    ),
    "the digest of another ending": ("agreement.proposed.v1", _proposed(ONE, ending=ENDING)),
    "the digest of another calendar": ("agreement.proposed.v1", _proposed(ONE, calendar=CALENDAR)),
    "an agreement's code with a line break": ("agreement.signed.v1", {"agreement": f"{CODE}\n", "digest": ONE}),
    "days out of order": _calendar(
        "6465b6921fba490f2df8dc89b11bbb20d9fad5ec264c76d3768de0ace500b973", "2026-05-02", "2026-05-01"
    ),
    "a day twice": _calendar(
        "6b4fa73e03c6e2cd5378daa394fa9ae3f74aa50477f5e00bdd909ec2dcac19bf", "2026-05-01", "2026-05-01"
    ),
    "the December of another year's notice": _calendar(
        "f5477a58030b0253d7475b723fd649dd91845b92b154af233aa9896e2592dd92", "2026-05-01", "2026-12-01"
    ),
    "the November of another year's notice": _calendar(
        "8a3b4e79483a7ac9ac6453c8b1f1113a0b2116327599780f73deada8bc9802f9", "2025-11-30", "2026-05-01"
    ),
    "an obligation's key with a line break": ("obligation.waiver_proposed.v1", {"key": f"{KEY}\n", "reason": "无。"}),
    "a contact of which nothing is said": _contact({}),
    "a contact with topics and nothing to report": _contact({"topics": ["线索"], "nothing_to_report": True}),
    "a contact with conclusions and nothing to report": _contact({"conclusions": "无。", "nothing_to_report": True}),
    "a contact with both and nothing to report": _contact(TALKED | {"nothing_to_report": True}),
    "topics without conclusions": _contact({"topics": ["线索"]}),
    "conclusions without topics": _contact({"conclusions": "继续核查。"}),
    "an invitation accepted for no time": _answered({"answer": "accepts"}),
    "no other time proposed": _answered({"answer": "proposes", "times": [], "note": "另有任务。"}),
    "an invitation declined for a time": _answered({"answer": "declines", "times": [AT], "note": "另有任务。"}),
    "an invitation declined without a reason": _answered({"answer": "declines"}),
    "two tasks with one code": ("consultation.minuted.v1", MINUTED | {"tasks": [_TASK, _TASK | {"owner": HERE}]}),
    "a task not possible without a reason": ("consultation.task_updated.v1", _TOLD | {"status": "not_possible"}),
    "highlights where there is nothing to report": _package(NIL | {"highlights": "盗伐案件下降。"}),
    "a bulletin where there is nothing to report": _package(NIL | {"bulletins": [_TOLD_BULLETIN]}),
    "a request where there is nothing to report": _package(NIL | {"open_requests": [_OPEN]}),
    "a figure where there is nothing to report": _package(
        NIL | {"statistics": [{"code": "leads_asked", "now": 1, "before": 0}]}
    ),
    "a package in another's place without a correction": _package(PACKAGE | {"supersedes": ONE}),
    "a correction of no package": _package(PACKAGE | {"correction": "更正一处数字。"}),
    "packages out of order": _signed_off("055373d2d5916d7245990454c54ab62817bf787538ca4475c73a310b556aabef", TWO, ONE),
    "a package twice": _signed_off("062b47efe06ed152973ae6af76f6d41db7c366772801a182bf11cb15d8a611ad", ONE, ONE),
    "the digest of other packages": _signed_off(
        "055373d2d5916d7245990454c54ab62817bf787538ca4475c73a310b556aabef", ONE, THREE
    ),
}
"""What is beyond a rule that no schema tells, or that no schema keeps by itself."""


def cases() -> Iterator[Case]:
    """Go through all of them."""
    yield from listed(GOOD, BAD)
