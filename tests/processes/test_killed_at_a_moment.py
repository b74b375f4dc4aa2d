"""A node killed at the worst of moments: nothing is sent that was not committed, nothing that was is lost, and it counts once."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.entrypoints.processes import Process, Program
from tests.processes.bureau import Bureau, introduce, kill, settled, wait_until
from tests.processes.line import Line, Moment
from tests.support.town import QINGYUAN

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

KEY = "raised-once-0123456789"
ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""Where the moment lies outside any transaction: the kind of database makes no difference then."""


@pytest.fixture
def line(unfounded: tuple[Bureau, Bureau]) -> Iterator[Line]:
    """The line on which Shouning reaches Qingyuan."""
    line = Line(to_port=unfounded[1].federation_port)
    with line.open():
        yield line


@pytest.fixture
def bureaus(unfounded: tuple[Bureau, Bureau], line: Line) -> tuple[Bureau, Bureau]:
    unfounded[1].federation_url = line.url
    for bureau in unfounded:
        bureau.found()
    introduce(*unfounded)
    return unfounded


def freezing(moment: str) -> Program:
    """Return the program that freezes itself `before` or `after` its first commit of a statement."""
    return (sys.executable, Path(__file__).with_name("stopping.py"), moment)


def wait_until_frozen(process: Process) -> None:
    wait_until(lambda: psutil.Process(process.running.pid).status() == psutil.STATUS_STOPPED)


@contextmanager
def frozen_while_raising(sender: Bureau, title: str, moment: str) -> Iterator[Process]:
    """Go into the block when the sender is frozen at its commit of an emergency; whoever raised it gets no answer."""
    with sender.process("serve", program=freezing(moment)) as running, ThreadPoolExecutor(1) as hand:
        sender.call("GET", "/me")
        raising = hand.submit(sender.raise_emergency, title, QINGYUAN, key=KEY)
        wait_until_frozen(running)
        yield running
        with pytest.raises(httpx.HTTPError):
            raising.result()


def test_a_sender_killed_before_its_commit_sends_nothing_and_remembers_nothing(bureaus: tuple[Bureau, Bureau]):
    shouning, qingyuan = bureaus
    with qingyuan.process("serve"):
        with frozen_while_raising(shouning, "火情", "before") as running:
            kill(running)
        with shouning.process("serve"):
            assert shouning.emergencies() == []
            shouning.raise_emergency("后来的火情", QINGYUAN)
            settled(bureaus, {"actual": ["后来的火情"]})


@ON_SQLITE
def test_a_sender_killed_after_its_commit_sends_on_its_restart(bureaus: tuple[Bureau, Bureau], line: Line):
    shouning, qingyuan = bureaus
    with qingyuan.process("serve"):
        with frozen_while_raising(shouning, "火情", "after") as running:
            kill(running)
        assert (line.pushes, qingyuan.emergencies()) == ([], [])
        with shouning.process("serve"):
            settled(bureaus, {"actual": ["火情"]})
            shouning.raise_emergency("火情", QINGYUAN, key=KEY)  # who had no answer tries again
            settled(bureaus, {"actual": ["火情"]})


@ON_SQLITE
def test_a_sender_killed_while_its_message_is_on_the_way_sends_it_on_its_restart(
    bureaus: tuple[Bureau, Bureau], line: Line
):
    shouning, qingyuan = bureaus
    with qingyuan.process("serve"):
        with shouning.process("serve") as running, line.holding(Moment.ON_THE_WAY):
            shouning.raise_emergency("火情", QINGYUAN)
            line.wait_until_held()
            kill(running)
        assert qingyuan.emergencies() == []
        with shouning.process("serve"):
            settled(bureaus, {"actual": ["火情"]})
            assert len(line.pushes) == 1


@ON_SQLITE
def test_a_sender_killed_before_it_knows_the_receipt_sends_again_and_it_counts_once(
    bureaus: tuple[Bureau, Bureau], line: Line
):
    shouning, qingyuan = bureaus
    with qingyuan.process("serve"):
        with shouning.process("serve") as running, line.holding(Moment.ANSWERED):
            shouning.raise_emergency("火情", QINGYUAN)
            line.wait_until_held()
            kill(running)
        with shouning.process("serve"):
            settled(bureaus, {"actual": ["火情"]})
            first, again = line.pushes
            assert (first.status, again) == (200, first)


def test_a_receiver_killed_before_its_commit_holds_nothing_and_gets_it_again(bureaus: tuple[Bureau, Bureau]):
    shouning, qingyuan = bureaus
    with shouning.process("serve"):
        with qingyuan.process("serve", program=freezing("before")) as running:
            shouning.raise_emergency("火情", QINGYUAN)
            wait_until_frozen(running)
            kill(running)
        assert shouning.waiting() == 1
        with qingyuan.process("serve"):
            settled(bureaus, {"actual": ["火情"]})


def test_a_receiver_killed_between_its_commit_and_its_answer_gives_the_same_receipt_again(
    bureaus: tuple[Bureau, Bureau], line: Line
):
    shouning, qingyuan = bureaus
    with shouning.process("serve"):
        with qingyuan.process("serve") as running, line.holding(Moment.ANSWERED):
            shouning.raise_emergency("火情", QINGYUAN)
            line.wait_until_held()
            kill(running)
        assert shouning.waiting() == 1
        with qingyuan.process("serve"):
            settled(bureaus, {"actual": ["火情"]})
            first, again = line.pushes
            assert (first.status, again) == (200, first)
