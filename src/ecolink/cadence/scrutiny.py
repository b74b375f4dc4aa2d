"""What is wrong with an agreement's terms, each with the mend: found before anybody signs them.

Every party looks: the author before it proposes, the others when the proposal comes. What passes can be derived from
for as long as it is valid (`obligations.derive` never fails on it).
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from itertools import combinations, pairwise
from typing import get_args

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import WorkingCalendar, published_digest
from ecolink.cadence.deadlines import DeadlinePolicy
from ecolink.cadence.findings import Finding, Path, Severity, did_you_mean
from ecolink.cadence.obligations import derive
from ecolink.cadence.periods import Period, periods
from ecolink.cadence.rules import rule_days
from ecolink.protocol.kinds.agreements import MAX_YEARS, DutyV1, Level, PeriodKind, TermsV1, notice_year

_PERIOD_ZH: Mapping[PeriodKind, str] = {"month": "月", "quarter": "季度", "year": "年"}
_LEVELS: tuple[Level, ...] = get_args(Level)
_PAIR = 2


def scrutinise(terms: TermsV1, *, known: Collection[str] | None = None, before: TermsV1 | None = None) -> list[Finding]:
    """Return all that is wrong with terms, and what is good to know.

    `known` are the unit codes of the bureaus one can come to terms with, our own among them; None: any. `before` are
    the terms in force that these amend.
    """
    findings = list(_dates(terms))
    if not findings:
        findings += _due_days(terms)
    for look in (_duties, _overlaps, _rotation, _sharing, _deadlines, _calendar):
        findings += look(terms)
    findings += [*_parties(terms, known), *_amendment(terms, before)]
    if not any(finding.severity is Severity.ERROR for finding in findings):
        findings += _first_obligations(terms)
    return findings


def _dates(terms: TermsV1) -> Iterator[Finding]:
    if terms.valid_until < terms.valid_from:
        yield Finding(
            ("valid_until",),
            f"the agreement ends ({terms.valid_until}) before it begins ({terms.valid_from}): write a later last day",
            f"协议终止日（{terms.valid_until}）早于起始日（{terms.valid_from}）：请改为更晚的日期",
        )
    elif terms.valid_until.year - terms.valid_from.year > MAX_YEARS:
        yield Finding(
            ("valid_until",),
            f"an agreement runs {MAX_YEARS} years at most: write an earlier last day, and amend it when the time comes",
            f"协议有效期最长 {MAX_YEARS} 年：请改为更早的日期，到期前再修订",
        )


def _parties(terms: TermsV1, known: Collection[str] | None) -> Iterator[Finding]:
    codes = [party.unit_code for party in terms.parties]
    for at, code in enumerate(codes):
        path = ("parties", at, "unit_code")
        if code in codes[:at]:
            yield Finding(
                path, f"{code} is a party already: name each bureau once", f"{code} 重复列出：每个单位只列一次"
            )
        elif known is not None and code not in known:
            perhaps_en, perhaps_zh = did_you_mean(code, known)
            yield Finding(
                path,
                f"{code} is no bureau this node knows.{perhaps_en} A new one is added as a peer first (ecolink peer)",
                f"本节点不认识单位 {code}。{perhaps_zh}如为新单位，请先将其添加为对端（ecolink peer）",
            )


def _amendment(terms: TermsV1, before: TermsV1 | None) -> Iterator[Finding]:
    if before is None:
        if (terms.version == 1) != (terms.replaces is None):
            yield Finding(
                ("replaces",),
                "version 1 replaces nothing and has no 'replaces'; every later version names the digest it replaces",
                "只有后续版本才替代前一版本：第 1 版不写 replaces，其他版本写明所替代版本的摘要",
            )
        return
    if terms.code != before.code:
        yield Finding(
            ("code",),
            f"an amendment keeps the agreement's code: write {before.code!r}",
            f"修订不得改变协议代码：请写 {before.code!r}",
        )
    if terms.version != before.version + 1:
        yield Finding(
            ("version",),
            f"version {before.version} is in force: write version = {before.version + 1}",
            f"现行为第 {before.version} 版：请写 version = {before.version + 1}",
        )
    if terms.replaces != before.digest():
        yield Finding(
            ("replaces",),
            f'these terms replace others than those in force: write replaces = "{before.digest()}"',
            f'所替代的不是现行版本：请写 replaces = "{before.digest()}"',
        )
    if terms.members != before.members:
        yield Finding(
            ("parties",),
            "an amendment has the same parties; with others, end this agreement and make a new one",
            "修订不得改变协议各方；如需变更，请终止本协议并另行签订",
        )


def _duties(terms: TermsV1) -> Iterator[Finding]:
    codes: list[str] = []
    for at, duty in enumerate(terms.duties):
        path = ("duties", at)
        if duty.code in codes:
            yield Finding(
                (*path, "code"),
                f"the code {duty.code!r} is another duty's: obligations are named by it, so write a different one",
                f"任务代码 {duty.code!r} 已被使用：任务以代码命名，请另写一个",
            )
        codes.append(duty.code)
        if duty.kind == "exchange" and duty.least > 1:
            yield Finding(
                (*path, "least"),
                "an exchange is held once in its period, so more is never met: write least = 1, or a shorter period",
                "每个周期只进行一次通报交流，要求更多次将永远无法完成：请写 least = 1，或改用更短的周期",
            )
        if duty.kind == "drill" and len(duty.between or terms.members) != _PAIR:
            yield Finding(
                (*path, "between"),
                "a drill is signed for to whoever raised it, so that a third bureau could not see it: name two by"
                " 'between', and write a duty for each pair",
                "演练由接收方向发起方签收，第三方无从得知：请用 between 写明两个单位，每两个单位各写一项任务",
            )
        yield from _strangers(terms, duty.between, (*path, "between"), least=_PAIR)
        yield from _warnings(duty, path)


def _due_days(terms: TermsV1) -> Iterator[Finding]:
    """Find rules that do not name one day in every period of the agreement, and say in which."""
    for at, duty in enumerate(terms.duties):
        path = ("duties", at)
        within = periods(terms.valid_from, terms.valid_until, duty.period)
        if not within:
            yield Finding(
                (*path, "period"),
                f"no {duty.period} begins while the agreement is valid, so nothing is ever due: write a shorter one",
                f"协议有效期内没有任何一个{_PERIOD_ZH[duty.period]}开始，该任务永远不会到期：请改用更短的周期",
            )
        try:
            named = {period: rule_days(duty.rule, period) for period in within}
        except ValueError as fault:
            yield Finding(
                (*path, "rule"),
                f"the rule {duty.rule!r} cannot be read: {fault}. A month's last day is FREQ=MONTHLY;BYMONTHDAY=-1",
                f"规则 {duty.rule!r} 无法识别（{fault}）。每月最后一天写作 FREQ=MONTHLY;BYMONTHDAY=-1",
            )
            continue
        wrong = next((period for period, days in named.items() if len(days) != 1), None)
        if wrong is not None:
            yield _not_one_day(duty, wrong, len(named[wrong]), path)
            continue
        first_reminder = max(duty.remind_days, default=0)
        early = next((period for period, (day,) in named.items() if (day - period.first).days < first_reminder), None)
        if early is not None:
            yield Finding(
                (*path, "remind_days"),
                f"in {early} the first reminder would come before the {duty.period} begins, and is left out",
                f"在 {early}，第一次提醒早于该{_PERIOD_ZH[duty.period]}开始之日，将不发送",
                Severity.NOTICE,
            )


def _not_one_day(duty: DutyV1, period: Period, count: int, path: Path) -> Finding:
    kind_zh = _PERIOD_ZH[duty.period]
    if count:
        return Finding(
            (*path, "rule"),
            f"the rule names {count} days in {period}: exactly one must be due in every {duty.period}; narrow it"
            " by BYMONTH or BYSETPOS",
            f"规则在 {period} 指定了 {count} 天：每{kind_zh}只能有一个到期日，请用 BYMONTH 或 BYSETPOS 缩小范围",
        )
    return Finding(
        (*path, "rule"),
        f"the rule names no day in {period}: exactly one must be due in every {duty.period}; the last day of a month is"
        " BYMONTHDAY=-1",
        f"规则在 {period} 没有指定任何一天：每{kind_zh}必须有且只有一个到期日；月末写作 BYMONTHDAY=-1",
    )


def _warnings(duty: DutyV1, path: Path) -> Iterator[Finding]:
    """Find reminders and escalations that are out of order, or come before anybody sees what they are about."""
    if any(later >= earlier for earlier, later in pairwise(duty.remind_days)):
        ordered = sorted(set(duty.remind_days), reverse=True)
        yield Finding(
            (*path, "remind_days"),
            f"reminders stand farthest first, each once: write remind_days = {ordered}",
            f"提醒天数须由远到近、不重复：请写 remind_days = {ordered}",
        )
    if duty.opens_days is not None and max(duty.remind_days, default=0) > duty.opens_days:
        yield Finding(
            (*path, "remind_days"),
            f"a reminder comes before it opens: write opens_days = {max(duty.remind_days)} or more, or remind later",
            f"提醒早于任务开启：请写 opens_days = {max(duty.remind_days)} 或更大，或推迟提醒",
        )
    if any(higher.after_days <= lower.after_days for lower, higher in pairwise(duty.escalate)):
        yield Finding(
            (*path, "escalate"),
            "escalations stand in order of time, each on a day of its own: sort them by after_days",
            "逐级上报须按时间先后排列且各占一天：请按 after_days 由小到大排列",
        )
    if any(_LEVELS.index(higher.to) < _LEVELS.index(lower.to) for lower, higher in pairwise(duty.escalate)):
        yield Finding(
            (*path, "escalate"),
            f"escalations go up, never down: {' → '.join(_LEVELS)}",
            "逐级上报只能向上：联络员 → 部门副职 → 部门负责人 → 局领导",
        )


def _overlaps(terms: TermsV1) -> Iterator[Finding]:
    """Find duties of one kind and period that bind two bureaus twice: one record would count for both."""
    bound = [frozenset(duty.between) or terms.members for duty in terms.duties]
    for one, other in combinations(range(len(terms.duties)), 2):
        first, second = terms.duties[one], terms.duties[other]
        both = bound[one] & bound[other]
        if (first.kind, first.period) == (second.kind, second.period) and len(both) > 1:
            names, kind_zh = ", ".join(sorted(both)), _PERIOD_ZH[first.period]
            yield Finding(
                ("duties", other),
                f"this duty overlaps with {first.code!r}: both bind {names} to a {first.kind} in every {first.period};"
                " write one duty with a higher 'least', or bind other parties by 'between'",
                f"该任务与 {first.code!r} 重复：二者都要求 {names} 每{kind_zh}完成同类任务；"
                "请合并为一项并提高 least，或用 between 限定不同的单位",
            )


def _rotation(terms: TermsV1) -> Iterator[Finding]:
    rotation = terms.rotation
    if rotation is None:
        return
    yield from _strangers(terms, rotation.order, ("rotation", "order"), least=2)
    if Period.parse(rotation.begins).kind != rotation.period:
        example = Period.containing(terms.valid_from, rotation.period)
        yield Finding(
            ("rotation", "begins"),
            f'{rotation.begins} is no {rotation.period}: write it as "{example}"',
            f"{rotation.begins} 不是{_PERIOD_ZH[rotation.period]}：请写成 “{example}” 的形式",
        )


def _sharing(terms: TermsV1) -> Iterator[Finding]:
    for at, line in enumerate(terms.sharing):
        yield from _strangers(terms, line.sharers, ("sharing", at, "sharers"))
        yield from _strangers(terms, line.recipients, ("sharing", at, "recipients"))
    if terms.handling is not None and terms.handling.code == "H3" and not terms.handling.text:
        yield Finding(("handling",), "H3 says its restriction in words: add 'text'", "H3 须用文字说明限制：请补充 text")


def _strangers(terms: TermsV1, codes: tuple[str, ...], path: Path, least: int = 0) -> Iterator[Finding]:
    strangers = sorted({*codes} - terms.members)
    for code in strangers:
        perhaps_en, perhaps_zh = did_you_mean(code, terms.members)
        yield Finding(
            path,
            f"{code} is no party to this agreement.{perhaps_en}",
            f"{code} 不是本协议的一方。{perhaps_zh}",
        )
    twice = sorted(code for code, count in Counter(codes).items() if count > 1)
    if twice or (codes and len(codes) < least):
        yield Finding(
            path,
            f"name {'at least two parties, ' if least else ''}each once{': ' + ', '.join(twice) if twice else ''}",
            f"请列出{'至少两个单位，' if least else '单位，'}每个只列一次{'：' + '、'.join(twice) if twice else ''}",
        )


def _deadlines(terms: TermsV1) -> Iterator[Finding]:
    known = {member.name: member.default for member in fields(DeadlinePolicy)}
    for name, value in terms.deadlines.items():
        path = ("deadlines", name)
        if name not in known:
            perhaps_en, perhaps_zh = did_you_mean(name, known)
            yield Finding(
                path,
                f"{name} is no term of answer.{perhaps_en}",
                f"{name} 不是答复期限的名称。{perhaps_zh}",
            )
            continue
        example = known[name]
        wrong = isinstance(value, tuple) != isinstance(example, tuple)
        if not wrong:
            try:
                DeadlinePolicy(**{name: value})  # type: ignore[arg-type]  # compared with the default above
            except ValueError:
                wrong = True
        if wrong:
            shown = list(example) if isinstance(example, tuple) else example
            yield Finding(
                path,
                f"{name} is a whole number from 1, or several that ascend, as in {name} = {shown}",
                f"{name} 须为 1 以上的整数，或由小到大的多个整数，例如 {name} = {shown}",
            )


def _calendar(terms: TermsV1) -> Iterator[Finding]:
    years = terms.calendar.years
    official = WorkingCalendar()
    unpublished = [year for year in years if not official.published(year)]
    if unpublished:
        told = ", ".join(map(str, unpublished))
        yield Finding(
            ("calendar", "years"),
            f"the working calendar of {told} is not published, as far as this software knows: leave it out; all parties"
            " can sign it later (ecolink agreement calendar)",
            f"本软件尚无 {told} 年的放假调休安排：请先删去，待公布后由各方另行签署（ecolink agreement calendar）",
        )
    elif terms.calendar.digest != (digest := published_digest(years)):
        yield Finding(
            ("calendar", "digest"),
            f'the calendar of these years is not the one this node knows: write digest = "{digest}"; where the other'
            " parties' software has another, one of them is out of date",
            f'所列年份的工作日历与本节点不一致：请写 digest = "{digest}"；如对方软件计算结果不同，则有一方需要升级',
        )
    last = max(years, default=0)
    if not unpublished and notice_year(terms.valid_until) > last:
        since = f"December {last}" if years else "the first day"
        since_zh = f" {last} 年 12 月起" if years else "起始日起"
        yield Finding(
            ("calendar", "years"),
            f"from {since} on working days are those of ordinary weeks, until all parties sign a calendar for them",
            f"自{since_zh}按普通周计算工作日，直至各方签署相应年份的日历",
            Severity.NOTICE,
        )


def _first_obligations(terms: TermsV1) -> Iterator[Finding]:
    """Tell of duties that begin later than the agreement, because it begins within a period."""
    agreement = Agreement.assume(terms)
    for at, duty in enumerate(terms.duties):
        kind_zh = _PERIOD_ZH[duty.period]
        began = Period.containing(terms.valid_from, duty.period)
        due = [each for each in derive(agreement, terms.valid_from, terms.valid_until) if each.duty.code == duty.code]
        if not due:
            yield Finding(
                ("duties", at),
                f"nothing is ever due: the agreement ends before the first due day of {duty.code!r}",
                f"该任务永远不会到期：协议在 {duty.code!r} 首个到期日之前终止",
                Severity.NOTICE,
            )
        elif began.first != terms.valid_from:
            yield Finding(
                ("duties", at),
                f"the agreement begins within {began}, which therefore obliges nobody: the first obligation is"
                f" {due[0].key}, due {due[0].due_on}",
                f"协议在 {began} 中途开始，该{kind_zh}不产生任务：首个任务为 {due[0].key}，{due[0].due_on} 到期",
                Severity.NOTICE,
            )
