"""What is told of the machine that was measured."""

from pathlib import Path

import pytest

from benchmarks import machine

MOUNTS = [("/proc", "proc"), ("/", "overlay"), ("/srv", "ext4"), ("/srv/data", "xfs"), ("/srv/data", "tmpfs")]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/bench", "overlay"),
        ("/srv/bench", "ext4"),
        ("/srv/database", "ext4"),
        ("/srv/data/bench", "tmpfs"),
    ],
)
def test_data_lie_on_the_innermost_file_system_and_there_on_the_last(folder, kind):
    assert machine.file_system(Path(folder), MOUNTS) == kind


def test_a_file_system_that_is_not_listed_is_not_known():
    assert machine.file_system(Path("/srv"), []) == "not known"


@pytest.mark.parametrize(
    ("told", "model"),
    [
        (
            "processor\t: 0\nmodel\t\t: 79\nmodel name\t: Example CPU 9 @ 2.0GHz\nmodel name\t: Other\n",
            "Example CPU 9 @ 2.0GHz",
        ),
        ("processor\t: 0\n\nModel\t\t: Example Board 4\n", "Example Board 4"),
        ("processor\t: 0\nmodel name\t: \nflags\t: fpu\n", None),
    ],
)
def test_a_processor_is_told_by_its_model_where_the_system_knows_it(told, model):
    assert machine.processor_model(told) == model


def test_everything_asked_of_the_machine_is_told_and_nothing_is_empty():
    facts = machine.facts()

    assert list(facts) == [
        "processors",
        "memory",
        "kernel",
        "file system of the data",
        "Python",
        "SQLite",
        "OpenSSL",
        "PostgreSQL",
    ]
    assert all(facts.values())
    assert facts["OpenSSL"].count("not known") == 0
