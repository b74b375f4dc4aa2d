"""`make bench-check`: a ratio that fell, was not measured, or does not stand on the page does not pass."""

import pytest

from benchmarks.__main__ import RATIOS, fallen, ratio
from benchmarks.page import PAGE, standing

NAMES = [ratio(*each) for each in RATIOS]
STOOD = dict.fromkeys(NAMES, "10.0")
MEASURED = dict.fromkeys(NAMES, 10.0)


def test_ratios_as_good_as_those_on_the_page_pass():
    assert fallen(MEASURED, STOOD) == []


def test_a_ratio_may_be_a_fifth_below_the_one_on_the_page_and_no_more():
    assert fallen(MEASURED | {NAMES[0]: 8.0}, STOOD) == []
    assert fallen(MEASURED | {NAMES[0]: 7.99}, STOOD) == [f"fallen: {NAMES[0]} is 7.99, was 10.0"]


@pytest.mark.parametrize("name", NAMES)
def test_a_ratio_that_was_not_measured_does_not_pass(name):
    measured = {each: value for each, value in MEASURED.items() if each != name}

    assert fallen(measured, STOOD) == [f"not measured: {name}"]


def test_a_ratio_that_does_not_stand_on_the_page_does_not_pass():
    assert fallen(MEASURED, {}) == [f"not on the page, run make bench first: {name}" for name in NAMES]


def test_every_ratio_that_is_checked_stands_on_the_page():
    stood = standing(PAGE.read_text("utf-8"), "receiving")

    assert [name for name in NAMES if float(stood[name]) <= 0] == []
