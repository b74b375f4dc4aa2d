"""`ecolink cadence`, without a node."""

import json
from pathlib import Path

import pytest

from ecolink.cadence.terms_file import write
from tests.entrypoints.conftest import Run
from tests.support.agreements import terms


@pytest.fixture
def agreement(tmp_path: Path) -> Path:
    file = tmp_path / "agreement.toml"
    file.write_text(write(terms(valid_until="2035-12-31")), "utf-8")
    return file


def test_every_due_day_of_ten_years_is_printed_and_those_that_may_move_are_marked(run: Run, agreement: Path) -> None:
    result = run("cadence", "simulate", "--agreement", agreement, "--from", "2026-01", "--to", "2035-12", "--json")
    assert result.exit_code == 0
    days = json.loads(result.stdout)
    assert len(days) == 120
    assert [day["due"] for day in days[:2]] == ["2026-01-30", "2026-02-28"]
    assert days[-1]["obligation"] == "sn-qy-151/liaison/2035-12"
    assert [day["may_move"] for day in days] == [False] * 11 + [True] * 109


def test_a_person_reads_a_table_of_the_periods_asked_for(run: Run, agreement: Path) -> None:
    result = run("cadence", "simulate", "-a", agreement, "--from", "2026-Q4", "--to", "2026")
    heading, *lines, _, total = result.stdout.splitlines()
    assert heading.split()[:2] == ["due", "obligation"]
    assert [line.split()[0] for line in lines] == ["2026-10-30", "2026-11-30", "2026-12-31"]
    assert "工作日历未公布" in lines[-1]
    assert "3 due days, 1 of them may move" in total


def test_a_wrong_agreement_is_told_with_its_lines_in_both_languages(run: Run, agreement: Path) -> None:
    agreement.write_text(agreement.read_text("utf-8").replace("BYMONTHDAY=-1", "BYMONTHDAY=31"), "utf-8")
    result = run("cadence", "simulate", "-a", agreement)
    assert result.exit_code == 1
    line = next(at for at, text in enumerate(agreement.read_text("utf-8").split("\n"), 1) if "BYMONTHDAY" in text)
    assert f"{agreement}:{line}: the rule names no day in 2026-02" in result.stderr
    assert f"{agreement}:{line}: 错误：规则在 2026-02 没有指定任何一天" in result.stderr
    assert not result.stdout


def test_what_is_no_period_and_what_is_no_text_is_told(run: Run, agreement: Path) -> None:
    assert run("cadence", "simulate", "-a", agreement, "--from", "26").exit_code == 2
    agreement.write_bytes(b"\xff\xfe")
    refused = run("cadence", "simulate", "-a", agreement)
    assert refused.exit_code == 1
    assert "cannot be read" in refused.stderr
