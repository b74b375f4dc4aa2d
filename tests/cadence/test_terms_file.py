"""Reading an agreement's file as somebody wrote it, wrongly or well."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.cadence.calendars import published_digest
from ecolink.cadence.findings import Finding, Path, Severity
from ecolink.cadence.terms_file import MAX_LENGTH, MAX_LINES, read, write
from ecolink.cadence.toml_lines import lines_of
from ecolink.protocol.kinds.agreements import TermsV1
from tests.support.agreements import LIAISON, terms
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

DIGEST_2026 = published_digest([2026])
FILE = f"""\
# 寿宁—庆元警务协作协议书（“151”）
code = "sn-qy-151"
version = 1
name_zh = "寿宁—庆元警务协作协议书"
name_en = "Shouning and Qingyuan co-operation agreement"
scope_zh = \"\"\"
一张网络，
五项机制。\"\"\"
scope_en = "One network, five mechanisms."
valid_from = 2026-01-01
valid_until = 2026-12-31

[[party]]
unit_code = "350924000000"
name_zh = "寿宁县公安局"
name_en = "Shouning"

[[party]]
unit_code = "331126000000"
name_zh = "庆元县公安局"
name_en = "Qingyuan"

[[duty]]
code = "liaison"
kind = "liaison"
name_zh = "月联系"
name_en = "Monthly liaison"
period = "month"
rule = "FREQ=MONTHLY;BYMONTHDAY=-1"
working_day = "before"
remind_days = [7, 3, 0]

[[duty]]
code = "exchange"
kind = "exchange"
name_zh = "季度通报交流"
name_en = "Quarterly exchange"
period = "quarter"
rule = "FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1"
escalate = [
  {{ after_days = 1, to = "liaison_officer" }},
  {{ after_days = 5, to = "chief" }},
]

[calendar]
years = [2026]
digest = "{DIGEST_2026}"

[deadlines]
urgent_answer_days = 2

[rotation]
period = "quarter"
begins = "2026-Q1"
order = ["350924000000", "331126000000"]

[[sharing]]
what = ["lead", "bulletin"]
"""


def look(text: str, **known: Any) -> tuple[Finding, ...]:
    """Return what is found; whatever it is, it says so in English and in Chinese, and where."""
    found = read(text, **known).findings
    for finding in found:
        assert finding.text_en
        assert re.search("[\u4e00-\u9fff]", finding.text_zh)
        assert isinstance(finding.path, tuple)
        assert isinstance(finding.severity, Severity)
        assert finding.line
    return found


def notices(text: str, about: str) -> list[Finding]:
    return [each for each in look(text) if each.severity is Severity.NOTICE and about in each.text_en]


def errors(text: str, **known: Any) -> list[Finding]:
    look(text, **known)
    reading = read(text, **known)
    found = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
    assert (reading.terms is None) == bool(found)
    return found


def line_of(text: str, fragment: str) -> int:
    return text[: text.index(fragment)].count("\n") + 1


def test_a_file_as_it_should_be_has_terms_and_nothing_wrong() -> None:
    reading = read(FILE)
    assert reading.terms is not None
    assert [finding.severity for finding in reading.findings] == [Severity.NOTICE]  # December 2026 is not announced
    assert [party.unit_code for party in reading.terms.parties] == [SHOUNING, QINGYUAN]
    assert reading.terms.scope_zh == "一张网络，\n五项机制。"
    assert reading.terms == reading.terms.settled()


def test_what_is_written_reads_back_to_the_same_digest() -> None:
    agreed = read(FILE).terms
    assert agreed is not None
    again = read(write(agreed)).terms
    assert again is not None
    assert again.digest() == agreed.digest()
    assert tomllib.loads(write(agreed))["name_zh"] == "寿宁—庆元警务协作协议书"
    assert "寿宁—庆元警务协作协议书" in write(agreed)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("valid_until = 2026-12-31", "valid_until = 2056-12-31"),
        ("[7, 3, 0]", "[7, 3, 0]\nopens_days = 7"),
        ("[7, 3, 0]", "[]\nopens_days = 0"),
        ("after_days = 5", "after_days = 2"),
        ('to = "liaison_officer"', 'to = "chief"'),
    ],
)
def test_what_is_just_allowed_is_not_refused(good: str, bad: str) -> None:
    text = FILE.replace(good, bad, 1)
    assert text != FILE
    assert errors(text) == []


def test_an_agreement_of_one_day_may_oblige_to_nothing() -> None:
    day = FILE.replace("valid_until = 2026-12-31", "valid_until = 2026-01-01")
    assert all("before it begins" not in finding.text_en for finding in errors(day))


def test_each_duty_whose_rule_is_wrong_is_told() -> None:
    wrong = FILE.replace("FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=DAILY", 1)
    assert len(errors(wrong.replace("FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1", "FREQ=WEEKLY"))) == 2
    wrong = FILE.replace("FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=MONTHLY;BYMONTHDAY=31", 1)
    assert len(errors(wrong.replace("BYMONTH=3,6,9,12;BYMONTHDAY=-1", "BYMONTH=3,6,9,12;BYMONTHDAY=31"))) == 2


def test_each_term_of_answer_that_is_wrong_is_told() -> None:
    wrong = FILE.replace("urgent_answer_days = 2", "urgent_answers = 2\nurgent_answer_days = 0\nother = 1")
    assert [finding.path for finding in errors(wrong)] == [
        ("deadlines", "urgent_answers"),
        ("deadlines", "urgent_answer_days"),
        ("deadlines", "other"),
    ]


def test_what_is_missing_is_told_apart_from_what_is_wrong() -> None:
    (missing,) = errors(FILE.replace('kind = "exchange"\n', "", 1))
    (wrong,) = errors(FILE.replace('kind = "exchange"', 'kind = "fair"'))
    assert [missing.text_en[:16], missing.text_zh[:7]] == ["kind is missing:", "缺少 kind"]
    assert [wrong.text_en[:14], wrong.text_zh[:7]] == ["kind is wrong:", "kind 有误"]
    assert "drill" in missing.text_en
    assert "drill" in wrong.text_en


def test_a_rule_that_names_no_day_or_several_says_of_which_period_in_chinese_too() -> None:
    (none,) = errors(FILE.replace("FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=MONTHLY;BYMONTHDAY=31", 1))
    (five,) = errors(FILE.replace("FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=MONTHLY;BYDAY=FR", 1))
    assert "每月必须有且只有一个到期日" in none.text_zh
    assert "每月只能有一个到期日" in five.text_zh


def test_whatever_a_key_is_called_it_can_be_written() -> None:
    odd = {"a b": 2, "界": 3, "plain_days": 4}
    written = write(terms(deadlines=odd))
    assert tomllib.loads(written)["deadlines"] == odd
    assert '"界" = 3' in written
    assert "\nplain_days = 4" in written


def test_a_drill_binds_two() -> None:
    drill = {**LIAISON, "code": "drill", "kind": "drill"}
    pair = {**drill, "between": (SHOUNING, QINGYUAN)}
    everybody = (SHOUNING, QINGYUAN, JINGNING)
    assert errors(write(terms(duties=[drill]))) == []
    assert errors(write(terms(*everybody, duties=[pair]))) == []
    (finding,) = errors(write(terms(*everybody, duties=[drill])))
    assert finding.path == ("duties", 0, "between")
    assert "name two by 'between'" in finding.text_en


def test_days_of_a_year_nobody_has_announced_are_told_from_when() -> None:
    assert notices(FILE.replace("2026-12-31", "2026-11-30", 1), "ordinary weeks") == []
    (told,) = notices(FILE, "ordinary weeks")
    assert told.text_en.startswith("from December 2026 on")
    assert "自 2026 年 12 月起" in told.text_zh
    none = FILE.replace("years = [2026]", "years = []").replace(DIGEST_2026, published_digest([]))
    (told,) = notices(none, "ordinary weeks")
    assert told.text_en.startswith("from the first day on")
    assert "自起始日起" in told.text_zh
    assert notices(FILE.replace("years = [2026]", "years = [2026, 2027]"), "ordinary weeks") == []


def test_a_file_saved_on_windows_with_a_byte_order_mark_reads_the_same() -> None:
    assert read("\ufeff" + FILE.replace("\n", "\r\n")) == read(FILE)


@pytest.mark.parametrize(
    ("good", "bad", "at", "says"),
    [
        ('name_zh = "庆元县公安局"', "name_zh = “庆元县公安局”", "name_zh = “庆元", "“ ”"),
        ("version = 1", "version 1", "version 1", "not TOML"),
        ("valid_from = 2026-01-01", "valid_from = 2026-02-30", "valid_from", "not TOML"),
        ("valid_from = 2026-01-01", "valid_from = 20260101", "valid_from", "such as 2026-01-01"),
        ("version = 1", "version = 1\nvalidity = 3", "validity", "not known here"),
        ("valid_until = 2026", "valid_untill = 2026", "valid_untill", "Did you mean valid_until?"),
        ("remind_days = [7", "remind_day = [7", "remind_day", "Did you mean remind_days?"),
        ('to = "chief"', 'to = "boss"', "escalate", '"deputy", "head" or "chief"'),
        ("after_days = 1,", "after_days = 0,", "escalate", "from 1"),
        ("after_days = 1,", "after = 1, after_days = 1,", "escalate", "Did you mean after_days?"),
        ('kind = "exchange"\n', "", '[[duty]]\ncode = "exchange"', "kind is missing"),
        ('"331126000000"\nname', "331126000000\nname", "331126000000\nname", "12 digits in quotes"),
        ('kind = "liaison"', 'kind = "phone"', 'kind = "phone"', '"consultation" or "drill"'),
        ('what = ["lead"', 'what = ["leads"', "what", '"lead", "bulletin"'),
        ("urgent_answer_days = 2", "urgent_answer_days = 0", "urgent_answer_days", "urgent_answer_days = 3"),
        ("urgent_answer_days = 2", "urgent_answer_days = [2]", "urgent_answer_days", "urgent_answer_days = 3"),
        ("urgent_answer_days = 2", "urgent_answers = 2", "urgent_answers", "Did you mean urgent_answer_days?"),
        ("urgent_answer_days = 2", 'urgent_answer_days = "2"', "urgent_answer_days", "a whole number, or"),
        (DIGEST_2026, "0" * 64, "digest", DIGEST_2026),
        (f'digest = "{DIGEST_2026}"\n', "", "[calendar]", DIGEST_2026),
        ("years = [2026]", "years = [2026, 2027]", "years", "2027 is not published"),
        ('rule = "FREQ=MONTHLY;BYMONTHDAY=-1"', 'rule = "FREQ=MONTHLY;BYMONTHDAY=31"', "rule", "no day in 2026-02"),
        ('rule = "FREQ=MONTHLY;BYMONTHDAY=-1"', 'rule = "FREQ=MONTHLY;BYDAY=FR"', "rule", "5 days in 2026-01"),
        ('rule = "FREQ=MONTHLY;BYMONTHDAY=-1"', 'rule = "FREQ=DAILY;BYMONTHDAY=1"', "rule", "FREQ=YEARLY"),
        ("valid_until = 2026-12-31", "valid_until = 2025-12-31", "valid_until", "before it begins"),
        ("valid_until = 2026-12-31", "valid_until = 2057-12-31", "valid_until", "30 years at most"),
        ("[7, 3, 0]", "[0, 3, 7]", "remind_days", "remind_days = [7, 3, 0]"),
        ("[7, 3, 0]", "[7, 3, 0]\nopens_days = 5", "remind_days", "opens_days = 7"),
        ("after_days = 5", "after_days = 1", "escalate", "sort them by after_days"),
        ('1, to = "liaison_officer" },\n  { after_days = 5, to = "chief"',
         '1, to = "chief" },\n  { after_days = 5, to = "head"', "escalate", "never down"),
        ('code = "exchange"', 'code = "liaison"', 'code = "liaison"\nkind = "exchange"', "another duty's"),
        ('331126000000"\nname', '350924000000"\nname', '350924000000"\nname_zh = "庆元', "a party already"),
        ('order = ["350924000000", "331126000000"]', 'order = ["350924000000", "331127000000"]', "order", "331127000000"),
        ('order = ["350924000000", "331126000000"]', 'order = ["350924000000", "350924000000"]', "order", "each once"),
        ('begins = "2026-Q1"', 'begins = "2026"', "begins", '"2026-Q1"'),
        ('what = ["lead"', 'recipients = ["331127000000"]\nwhat = ["lead"', "recipients", "no party"),
        ("remind_days =", 'between = ["350924000000", "331127000000"]\nremind_days =', "between", "no party"),
        ("remind_days =", 'between = ["350924000000"]\nremind_days =', "between", "at least two"),
        ("[deadlines]", '[handling]\ncode = "H3"\n\n[deadlines]', "[handling]", "add 'text'"),
        ('kind = "exchange"', 'kind = "exchange"\nleast = 2', "least = 2", "write least = 1"),
        ("[7, 3, 0]", "[7, 7, 0]", "remind_days", "remind_days = [7, 0]"),
        ("urgent_answer_days = 2", "emergency_levels = 2", "emergency_levels", "is no term of answer"),
        ("[deadlines]", '[handling]\ncode = "H9"\n\n[deadlines]', 'code = "H9"', '"H0", "H1", "H2" or "H3"'),
        ('what = ["lead"', 'recipients = ["331126000000", "331126000000"]\nwhat = ["lead"', "recipients",
         "name each once: 331126000000"),
        ("valid_until = 2026-12-31", "valid_until = 2057-01-01", "valid_until", "30 years at most"),
        ("version = 1", "version = 2", "# 寿宁", "names the digest it replaces"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_on_its_line_with_the_mend(good: str, bad: str, at: str, says: str) -> None:
    text = FILE.replace(good, bad, 1)
    assert text != FILE
    told = {finding.text_en: finding.line for finding in errors(text) if finding.text_zh}
    assert [line for text_en, line in told.items() if says in text_en] == [line_of(text, at)]


def test_everything_wrong_is_told_at_once_and_in_order() -> None:
    text = FILE.replace('kind = "liaison"', 'kind = "phone"').replace("[2026]", '["2026"]').replace("what =", "who =")
    assert [finding.line for finding in errors(text)] == [
        line_of(text, wrong) for wrong in ('kind = "phone"', "years", "[[sharing]]", "who =")
    ]


def test_two_duties_that_bind_the_same_bureaus_to_the_same_are_refused_on_the_second() -> None:
    twice = FILE.replace('kind = "exchange"', 'kind = "liaison"').replace(
        'period = "quarter"\nrule', 'period = "month"\nrule'
    )
    twice = twice.replace("BYMONTH=3,6,9,12;", "")
    (finding,) = errors(twice)
    assert "overlaps with 'liaison'" in finding.text_en
    assert finding.line == line_of(twice, '[[duty]]\ncode = "exchange"')


def test_duties_of_one_kind_may_bind_different_pairs_or_different_periods() -> None:
    pairs = [
        {**LIAISON, "code": f"liaison-{at}", "between": pair}
        for at, pair in enumerate([(SHOUNING, QINGYUAN), (QINGYUAN, JINGNING)])
    ]
    yearly = {**LIAISON, "code": "yearly", "period": "year", "rule": "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31"}
    three = terms(SHOUNING, QINGYUAN, JINGNING, duties=[*pairs, yearly])
    assert not errors(write(three))


def test_a_party_nobody_knows_is_refused_and_the_nearest_one_named() -> None:
    (finding,) = errors(FILE, known={SHOUNING, "331126000001"})
    assert finding.line == line_of(FILE, 'unit_code = "331126000000"')
    assert "Did you mean 331126000001?" in finding.text_en
    assert not errors(FILE, known={SHOUNING, QINGYUAN, JINGNING})


def test_an_amendment_follows_the_terms_in_force() -> None:
    before = read(FILE).terms
    assert before is not None
    second = FILE.replace("version = 1", "version = 2")
    amended = read(second, before=before).terms
    assert amended is not None
    assert amended.replaces == before.digest()
    assert ["version = 2" in finding.text_en for finding in errors(FILE, before=before)] == [True]
    other = second.replace("sn-qy-151", "sn-qy").replace("331126000000", JINGNING)
    assert [finding.path[0] for finding in errors(other, before=before)] == ["code", "parties"]
    wrong = second.replace("version = 2", f'version = 2\nreplaces = "{"0" * 64}"')
    assert before.digest() in errors(wrong, before=before)[0].text_en


def test_an_agreement_that_begins_within_a_period_is_told_what_is_due_first() -> None:
    late = FILE.replace("valid_from = 2026-01-01", "valid_from = 2026-02-10")
    reading = read(late)
    assert reading.terms is not None
    told = [finding.text_en for finding in reading.findings if "first obligation" in finding.text_en]
    assert ["sn-qy-151/liaison/2026-03, due 2026-03-31" in text for text in told] == [True, False]
    assert "sn-qy-151/exchange/2026-Q2, due 2026-06-30" in told[1]
    month, quarter = notices(late, "first obligation")
    assert month.text_zh.endswith("该月不产生任务：首个任务为 sn-qy-151/liaison/2026-03，2026-03-31 到期")
    assert quarter.text_zh.endswith("该季度不产生任务：首个任务为 sn-qy-151/exchange/2026-Q2，2026-06-30 到期")


def test_a_duty_that_can_never_be_due_is_found() -> None:
    brief = FILE.replace("valid_from = 2026-01-01", "valid_from = 2026-02-10").replace("2026-12-31", "2026-03-15", 1)
    (finding,) = errors(brief)
    assert "no quarter begins" in finding.text_en
    brief = brief.replace('"quarter"\nrule = "FREQ=YEARLY', '"month"\nrule = "FREQ=YEARLY').replace(
        "BYMONTH=3,6,9,12;", "BYMONTH=3;"
    )
    reading = read(brief)
    assert [finding.text_en.partition(":")[0] for finding in reading.findings if "nothing" in finding.text_en] == [
        "nothing is ever due"
    ] * 2


def test_a_reminder_before_the_period_begins_is_told() -> None:
    early = FILE.replace("FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=MONTHLY;BYMONTHDAY=5")
    reading = read(early)
    (told,) = [finding for finding in reading.findings if "first reminder" in finding.text_en]
    assert (told.line, told.severity) == (line_of(early, "remind_days"), Severity.NOTICE)
    assert notices(early.replace("[7, 3, 0]", "[4, 0]"), "first reminder") == []
    assert len(notices(early.replace("[7, 3, 0]", "[5, 0]"), "first reminder")) == 1
    first_day = early.replace("BYMONTHDAY=5", "BYMONTHDAY=1").replace("[7, 3, 0]", "[]")
    assert notices(first_day, "first reminder") == []


def test_a_file_that_is_a_little_too_long_is_told_so_and_a_full_one_is_read() -> None:
    full = FILE + "#" * (MAX_LENGTH - len(FILE))
    assert errors(full) == []
    assert errors(FILE + "\n" * (MAX_LINES - FILE.count("\n") - 1)) == []
    for text in (full + "#", FILE + "\n" * (MAX_LINES - FILE.count("\n"))):
        (finding,) = errors(text)
        assert (finding.line, finding.path) == (1, ())
        assert f"{MAX_LENGTH:,} characters and {MAX_LINES:,} lines" in finding.text_en


@pytest.mark.parametrize(
    ("text", "line", "column", "says_en", "says_zh"),
    [
        ('code = "a"\nversion 1', 2, 9, "texts stand in straight quotes", "文字须加英文引号"),
        ("code = “a”", 1, 8, "Chinese punctuation “ ”", "中文标点 “ ”"),
        ('code = "a"\nname = """', 2, None, "one key on each line", "每行一项"),
    ],
)
def test_what_is_no_toml_is_told_where(text: str, line: int, column: int | None, says_en: str, says_zh: str) -> None:
    (finding,) = errors(text)
    assert (finding.line, finding.column, finding.path) == (line, column, ())
    assert says_en in finding.text_en
    assert says_zh in finding.text_zh
    assert ("Chinese punctuation" in finding.text_en) == ("中文标点" in finding.text_zh) == ("“" in text)


@pytest.mark.parametrize(
    "text", ["x" * (MAX_LENGTH + 1), "\n" * MAX_LINES, "a = " + "[" * 20_000, "a = " + "9" * 9_999, ""]
)
def test_a_file_of_a_size_no_agreement_has_is_refused_and_does_not_hang(text: str) -> None:
    assert errors(text)


@given(st.text(max_size=200))
def test_whatever_is_read_there_is_an_answer(text: str) -> None:
    assert errors(text)


@given(st.integers(0, len(FILE) - 1), st.sampled_from(["", '"', "[", "]", "{", "=", "\n", "9", "x", "，"]))
def test_one_slip_of_the_pen_is_answered_with_a_line_of_the_file(at: int, slip: str) -> None:
    text = FILE[:at] + slip + FILE[at + 1 :]
    for finding in read(text).findings:
        assert finding.line is not None
        assert 1 <= finding.line <= text.count("\n") + 1


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "scope_zh": st.sampled_from(['"引号"', "两行\n文字", "反斜\\杠\t"]),
            "valid_until": st.dates(date(2026, 6, 1), date(2050, 1, 1)),
            "rotation": st.just({"period": "year", "order": [QINGYUAN, SHOUNING], "begins": "2026"}),
            "deadlines": st.just({"urgent_answer_days": 5, "emergency_escalation_minutes": (5, 10)}),
            "handling": st.just({"code": "H3", "text": "仅供本案"}),
            "retention_months": st.integers(6, 360),
            "sharing": st.just([{"what": ["lead"], "sharers": [SHOUNING]}, {"what": ["package"]}]),
            "duties": st.sampled_from(
                [[], [{**LIAISON, "remind_days": [], "escalate": [], "between": [SHOUNING, QINGYUAN]}]]
            ),
        },
    )
)
def test_any_terms_that_may_be_proposed_survive_being_written(changes: Mapping[str, Any]) -> None:
    agreed = terms(**changes)
    reading = read(write(agreed))
    assert reading.terms == agreed
    assert reading.terms.digest() == agreed.digest()


# On which line ----------------------------------------------------------------------------------------------


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from paths(inner, (*path, key))
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        for at, entry in enumerate(value):
            yield (*path, at)
            yield from paths(entry, (*path, at))


DOCUMENT = (
    "a.b = 1",
    'c = """',
    "[no.table]",
    '"""',
    "d = [",
    "  1, # [[e]]",
    "]",
    "[[e]]",
    "f = { g = 1, h = { i = 2 } }",
    "[e.sub]",
    "j = ''' '''",
    "[[e]]",
    "  [[e.k]]",
    "  [[e.k]]",
    "  l = 1",
    '["m.n".o]',
    "p = 2026-01-01",
)


def test_every_key_of_a_file_is_found_on_its_line() -> None:
    text = "\n".join(DOCUMENT)
    lines = lines_of(text)
    assert set(paths(tomllib.loads(text))) <= lines.keys()
    expected = {
        ("a", "b"): 1, ("c",): 2, ("d",): 5, ("e",): 8, ("e", 0): 8, ("e", 0, "f", "h", "i"): 9, ("e", 0, "sub", "j"): 11,
        ("e", 1): 12, ("e", 1, "k", 0): 13, ("e", 1, "k", 1): 14, ("e", 1, "k", 1, "l"): 15, ("m.n", "o", "p"): 17,
    }  # fmt: skip
    assert {path: lines[path] for path in expected} == expected


def test_terms_have_no_member_that_the_file_cannot_say() -> None:
    said = {**tomllib.loads(FILE), "replaces": "", "attempt": 2, "handling": {}, "retention_months": 6}
    renamed = {"party": "parties", "duty": "duties"}
    assert {renamed.get(name, name) for name in said} == set(TermsV1.model_fields)
