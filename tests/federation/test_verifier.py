"""Signatures of large batches are verified by a helper process, with the same verdicts as without it."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from ecolink.federation.verifier import WORTH_ASKING, Verifier
from ecolink.protocol.keys import Check, SigningKey, Use, verify_all
from tests.support.town import QINGYUAN, SHOUNING

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PATIENCE_S = 30


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    verifier = Verifier()
    yield verifier
    verifier.close()


def checks(count: int) -> list[Check]:
    """Signatures of two bureaus; every third is for other data, every fifth by the other bureau's key."""
    keys = [SigningKey.generate(), SigningKey.generate()]
    pinned = [key.verify_key(code, Use.SIGN, NOW) for key, code in zip(keys, (SHOUNING, QINGYUAN), strict=True)]
    made = []
    for number in range(count):
        data = f"statement {number}".encode()
        signature = keys[number % 2].sign(data + (b"!" if number % 3 == 0 else b""))
        made.append(Check(pinned[(number + (number % 5 == 0)) % 2], sha256(data).digest(), signature))
    return made


def test_the_helper_gives_the_verdicts_the_node_would_give(verifier: Verifier) -> None:
    asked = checks(60)
    told = verifier(asked)
    assert list(told) == verify_all(asked)
    assert set(told) == {True, False}
    assert verifier._helper is not None


def test_a_signature_of_another_length_is_none(verifier: Verifier) -> None:
    asked = checks(WORTH_ASKING)
    asked[1] = asked[1]._replace(signature=asked[1].signature[:-1])
    assert list(verifier(asked)) == verify_all(asked)
    assert not verifier(asked)[1]


def test_few_signatures_need_no_helper(verifier: Verifier) -> None:
    asked = checks(WORTH_ASKING - 1)
    assert list(verifier(asked)) == verify_all(asked)
    assert verifier._helper is None


def test_a_node_whose_helper_was_killed_goes_on_and_starts_another(verifier: Verifier) -> None:
    asked = checks(WORTH_ASKING)
    verifier(asked)
    first = verifier._helper
    assert first is not None
    first.kill()
    assert list(verifier(asked)) == verify_all(asked)
    assert list(verifier(asked)) == verify_all(asked)
    assert verifier._helper is not None
    assert verifier._helper.pid != first.pid


def test_a_helper_that_hangs_is_given_up(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = checks(WORTH_ASKING)
    verifier(asked)
    hanging = verifier._helper
    assert hanging is not None
    os.kill(hanging.pid, signal.SIGSTOP)
    monkeypatch.setattr("ecolink.federation.verifier.PATIENCE_S", 0.01)
    assert list(verifier(asked)) == verify_all(asked)
    assert hanging.poll() is not None


def test_where_no_process_can_be_started_the_node_verifies_by_itself(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    asked = checks(WORTH_ASKING)
    assert list(verifier(asked)) == verify_all(asked)


_A_NODE = """
import sys
from ecolink.federation.verifier import _start
helper = _start()
print(helper.pid, flush=True)
sys.stdin.read()
"""


def test_the_helper_ends_when_its_node_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _A_NODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
        assert node.stdout is not None
        pid = int(node.stdout.readline())
        # Its standard input is the pipe only the node writes to; a handle on the process tells when it is gone.
        helper = os.pidfd_open(pid)
        node.kill()
        node.wait(PATIENCE_S)
    try:
        assert select.select([helper], [], [], PATIENCE_S)[0]
    finally:
        os.close(helper)
