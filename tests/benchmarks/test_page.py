"""The tables of figures: medians of rounds, what is missed, and where they stand on the page."""

from datetime import date

import pytest

from benchmarks import machine
from benchmarks.page import PAGE, Figure, measure, origin_of, put, report, rows_of, standing, table_of

PAGE_OF_TWO = (
    "Before.\n\n<!-- one -->\n\nold\n\n<!-- end of one -->\n\nBetween.\n\n<!-- two -->\n\n<!-- end of two -->\n"
)


def cells(rounds):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table_of(rounds).splitlines()[2:]]


def rounds_of(*values, unit="ms", **asked):
    return [[Figure("an emergency", value, unit, **asked)] for value in values]


def test_a_figure_of_several_rounds_is_told_by_its_median_its_least_and_its_most():
    assert cells(rounds_of(12.04, 30.0, 11.02)) == [["an emergency", "12.0 ms", "11.0", "30.0", ""]]


def test_a_figure_of_one_round_has_no_least_and_no_most():
    assert cells(rounds_of(12.04)) == [["an emergency", "12.0 ms", "", "", ""]]


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.314, "0.31 ms"), (9.0, "9.00 ms"), (16.82, "16.8 ms"), (100.0, "100.0 ms"), (1234.5, "1,234 ms")],
)
def test_a_figure_has_no_more_digits_than_mean_something(value, told):
    assert cells(rounds_of(value))[0][1] == told


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"most": 20.0}, "at most 20 ms"),
        ({"most": 11.9}, "at most 11.9 ms, missed"),
        ({"least": 12.0}, "at least 12 ms"),
        ({"least": 12.1}, "at least 12.1 ms, missed"),
    ],
)
def test_what_is_asked_is_asked_of_the_median(asked, told):
    assert cells(rounds_of(11.0, 12.0, 30.0, **asked))[0][4] == told


def test_a_ratio_has_no_unit():
    assert cells(rounds_of(16.0, 17.0, unit="", least=15)) == [["an emergency", "16.5", "16.0", "17.0", "at least 15"]]


def test_a_figure_that_one_round_lacks_stands_by_those_that_have_it():
    rounds = [[Figure("a", 1, "s"), Figure("b", 5, "s")], [Figure("a", 3, "s")]]

    assert [(row.figure.name, row.median) for row in rows_of(rounds)] == [("a", 2), ("b", 5)]


def test_two_figures_of_one_name_in_a_round_are_a_mistake():
    with pytest.raises(ValueError, match="two figures of one name"):
        rows_of([[Figure("the same", 1, "s"), Figure("the same", 2, "s")]])


def test_every_round_is_measured_anew():
    numbers = iter(range(9))

    assert measure(3, lambda: [Figure("a", next(numbers), "s")]) == [[("a", n, "s", None, None)] for n in range(3)]


@pytest.mark.parametrize(("most", "ended"), [(2.0, 0), (1.0, 1)])
def test_a_benchmark_that_misses_what_was_asked_of_it_ends_with_one(most, ended, capsys):
    before = PAGE.read_text("utf-8")

    assert report("one", rounds_of(1.5, most=most), write=False) == ended
    assert "| an emergency | 1.50 ms |" in capsys.readouterr().out
    assert PAGE.read_text("utf-8") == before


def test_a_table_is_written_with_the_machine_and_by_what_it_was_measured(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(PAGE_OF_TWO + "<!-- machine -->\n<!-- end of machine -->\n", "utf-8")
    monkeypatch.setattr("benchmarks.page.PAGE", page)
    monkeypatch.setattr("sys.argv", ["/somewhere/benchmarks/hub.py", "--write"])

    report("one", rounds_of(1.0, 2.0), write=True, note="Found by an index.")

    written = page.read_text("utf-8")
    assert standing(written, "one") == {"an emergency": "1.50 ms"}
    assert "Found by an index.\n\n2 rounds of `python -m benchmarks.hub --write` on " in written
    assert standing(written, "machine") == machine.facts()
    assert "old" not in written
    assert written.startswith("Before.\n\n<!-- one -->\n\n| ")
    assert "<!-- end of one -->\n\nBetween.\n\n<!-- two -->\n\n<!-- end of two -->" in written


def test_a_table_without_a_place_on_the_page_is_not_lost_without_a_word():
    with pytest.raises(SystemExit, match="no place for three"):
        put(PAGE_OF_TWO, "three", "table")
    with pytest.raises(SystemExit, match="no place for one"):
        put(PAGE_OF_TWO.replace("<!-- end of one -->", ""), "one", "table")


@pytest.mark.parametrize(
    ("arguments", "rounds", "told"),
    [
        (["/x/benchmarks/__main__.py", "--write"], 3, "3 rounds of `python -m benchmarks --write` on 5 March 2027, "),
        (["/x/benchmarks/hub.py", "--peers", "9"], 1, "One round of `python -m benchmarks.hub --peers 9` on 5 March"),
    ],
)
def test_a_table_says_by_which_command_it_was_measured_and_how_often(arguments, rounds, told):
    assert origin_of(arguments, rounds, date(2027, 3, 5)).startswith(told)


@pytest.mark.parametrize(
    "name",
    ["machine", "receiving", "delivery", "hub", "workers", "cadence", "watching", "growth", "console"],
)
def test_every_benchmark_finds_its_place_on_the_page(name):
    page = PAGE.read_text("utf-8")

    assert page.count(f"<!-- {name} -->") == page.count(f"<!-- end of {name} -->") == 1
    assert put(page, name, "measured anew").count("measured anew") == 1
