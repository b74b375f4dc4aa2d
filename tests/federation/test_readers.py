"""Large pushes are read by helper processes, with the same result as without them."""

import json
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ecolink.federation import helper, readers
from ecolink.federation.helper import read_push
from ecolink.federation.readers import WORTH_ASKING, Readers
from ecolink.kit.ids import new_id
from ecolink.protocol.batch import GENESIS, pack, seal_batch
from ecolink.protocol.keys import SigningKey, Use, VerifyKey
from ecolink.protocol.push import Incoming
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward
from tests.support.town import QINGYUAN, SHOUNING

NOW = datetime(2026, 11, 23, 1, 0, 0, 123456, tzinfo=UTC)
PATIENCE_S = 30
KEY, STRANGER = SigningKey.generate(), SigningKey.generate()
PINNED = KEY.verify_key(SHOUNING, Use.SIGN, NOW - timedelta(days=1))
DRAFT = Draft(
    aud=(QINGYUAN,),
    thread="",
    type="bulletin.published.v1",
    lane=Lane.BULK,
    classification="internal",
    handling=Handling(code=HandlingCode.H0, onward=Onward.NONE),
    purpose="通报",
    legal_basis="协作协议",
    author_role="officer",
    retain_until=NOW + timedelta(days=1095),
    private={"name": "某某"},
    body={"title": "情报", "body": "野生兰花" * 100},
)


def push(count: int) -> bytes:
    """A push of which every third statement is by a stranger's key, every fifth late, every seventh in another lane."""
    statements = []
    for number in range(count):
        jti = new_id(NOW)
        lane = Lane.EMERGENCY if number % 7 == 6 else Lane.BULK
        deliver_by = NOW - timedelta(hours=1) if number % 5 == 4 else NOW + timedelta(days=5)
        draft = replace(DRAFT, thread=jti, lane=lane, deliver_by=deliver_by)
        key = STRANGER if number % 3 == 2 else KEY
        statements.append(seal(draft, iss=SHOUNING, jti=jti, iat=NOW.replace(microsecond=0), key=key))
    token = seal_batch(
        iss=SHOUNING,
        aud=QINGYUAN,
        lane=Lane.BULK,
        epoch=1,
        first_seq=1,
        prev=GENESIS,
        entries=[each.digest for each in statements],
        key=KEY,
    )
    return pack(token, [(each.token, each.private) for each in statements])


LARGE, SMALL = push(40), push(3)


def read(how: object, raw: bytes, keys: list[VerifyKey] | None = None) -> object:
    """What reading makes of a push, refusals by their words."""
    assert callable(how)
    try:
        batch, entries = how(
            raw, keys=[PINNED] if keys is None else keys, us=QINGYUAN, sender=SHOUNING, received_at=NOW
        )
    except Refused as refused:
        return refused.reason, refused.detail
    return batch, [(each.reason, each.detail) if isinstance(each, Refused) else each for each in entries]


@pytest.fixture(params=[1, 3], ids=["one helper", "three helpers"])
def helped(request: pytest.FixtureRequest) -> Iterator[Readers]:
    """Helpers that share the large push."""
    helped = Readers(request.param)
    yield helped
    helped.close()


def test_a_helper_reads_what_the_node_would_read(helped: Readers) -> None:
    assert len(LARGE) >= WORTH_ASKING
    told = read(helped, LARGE)
    assert told == read(read_push, LARGE)
    assert isinstance(told, tuple)
    entries = told[1]
    assert {each[0] for each in entries if not isinstance(each, Incoming)} == {
        Reason.UNKNOWN_KEY,
        Reason.EXPIRED,
        Reason.INVALID_CLAIM,
    }
    assert any(isinstance(each, Incoming) and each.private for each in entries)
    assert helped.slots[0].helper is not None


def rewritten(**styles: Any) -> bytes:
    """The large push with the same members, written in another way."""
    return json.dumps(json.loads(LARGE), **styles).encode()


@pytest.mark.parametrize(
    ("raw", "in_place"),
    [
        (LARGE, True),
        (LARGE.replace(b'{"private"', b'{"aside":{"token":"x"},"private"'), True),
        (rewritten(indent=1), False),
    ],
    ids=["as nodes write it", "with other tokens between", "as others write it"],
)
def test_a_helper_tells_a_token_by_its_place_where_it_is_written_as_nodes_do(
    helped: Readers, raw: bytes, *, in_place: bool
) -> None:
    told = read(helped, raw)
    assert told == read(read_push, raw)
    pushed = read_push(raw, keys=[PINNED], us=QINGYUAN, sender=SHOUNING, received_at=NOW)
    tokens = [each.token for each in pushed.entries if isinstance(each, Incoming)]
    answer = pickle.dumps(helper._entries_of(pushed, raw))
    assert len(tokens) > 10
    assert [token in answer for token in tokens] == [not in_place] * len(tokens)


@pytest.mark.parametrize(
    ("raw", "keys", "reason"),
    [
        (LARGE.replace(b'"batch":"e', b'"batch":"f', 1), None, Reason.BAD_HEADER),
        (LARGE + b"}", None, Reason.BAD_JSON),
        (LARGE, [], Reason.UNKNOWN_KEY),
        (LARGE, [replace(PINNED, revoked_at=NOW)], Reason.KEY_REVOKED),
    ],
)
def test_a_helper_refuses_what_the_node_would_refuse(
    helped: Readers, raw: bytes, keys: list[VerifyKey] | None, reason: Reason
) -> None:
    told = read(helped, raw, keys)
    assert told == read(read_push, raw, keys)
    assert isinstance(told, tuple)
    assert told[0] == reason
    assert helped.slots[0].helper is not None


FORBIDDEN = """\
import os, runpy
def nice(_):
    raise PermissionError(1, "Operation not permitted")
os.nice = nice
runpy.run_module("ecolink.federation.helper", run_name="__main__")
"""
"""A helper in a service that may not change priorities; systemd's filters answer so."""


def test_a_helper_that_may_not_stand_back_reads_all_the_same(
    helped: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forbidden.py").write_text(FORBIDDEN)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{tmp_path}/forbidden.py"\n')
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    assert read(helped, LARGE) == read(read_push, LARGE)
    standing = helped.slots[0].helper
    assert standing is not None
    assert standing.is_alive


def test_a_small_push_needs_no_helper(helped: Readers) -> None:
    assert len(SMALL) < WORTH_ASKING
    assert read(helped, SMALL) == read(read_push, SMALL)
    assert helped.slots[0].helper is None


def test_a_node_whose_helper_was_killed_goes_on_and_starts_another(helped: Readers) -> None:
    read(helped, LARGE)
    first = helped.slots[0].helper
    assert first is not None
    first.process.kill()
    assert read(helped, LARGE) == read(read_push, LARGE)
    assert read(helped, LARGE) == read(read_push, LARGE)
    second = helped.slots[0].helper
    assert second is not None
    assert second.process.pid != first.process.pid


def test_a_helper_that_hangs_is_given_up(helped: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    read(helped, LARGE)
    hanging = helped.slots[0].helper
    assert hanging is not None
    os.kill(hanging.process.pid, signal.SIGSTOP)
    monkeypatch.setattr(readers, "PATIENCE_S", 0.01)
    assert read(helped, LARGE) == read(read_push, LARGE)
    assert hanging.process.poll() is not None


def test_a_helper_with_pushes_in_line_answers_each_with_its_own() -> None:
    helped = Readers(1)
    pushes = [push(30 + number) for number in range(4)]
    with ThreadPoolExecutor(8) as senders:
        told = list(senders.map(lambda raw: read(helped, raw), pushes * 4))
    helped.close()
    assert told == [read(read_push, raw) for raw in pushes] * 4


def test_helpers_are_behind_while_more_pushes_wait_than_they_have_in_line() -> None:
    helped = Readers(1)
    read(helped, LARGE)
    reading = helped.slots[0].helper
    assert reading is not None
    os.kill(reading.process.pid, signal.SIGSTOP)
    moment = threading.Event()
    with ThreadPoolExecutor(readers.IN_LINE + 1) as senders:
        told = [senders.submit(read, helped, LARGE) for _ in range(readers.IN_LINE)]
        while helped.slots[0].line < readers.IN_LINE:
            moment.wait(0.001)
        assert not helped.are_behind()
        told.append(senders.submit(read, helped, LARGE))
        while not helped.are_behind():
            moment.wait(0.001)
        os.kill(reading.process.pid, signal.SIGCONT)
    assert [each.result() for each in told] == [read(read_push, LARGE)] * (readers.IN_LINE + 1)
    assert not helped.are_behind()
    helped.close()


def test_short_answers_in_line_are_each_fetched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read ahead of one answer must not be waited for by whoever comes next."""
    helped = Readers(1)
    read(helped, LARGE)
    first = helped.slots[0].helper
    monkeypatch.setattr(readers, "PATIENCE_S", 5)
    with ThreadPoolExecutor(4) as senders:
        told = list(senders.map(lambda _: read(helped, LARGE, []), range(100)))
    assert told == [read(read_push, LARGE, [])] * 100
    assert helped.slots[0].helper is first
    helped.close()


def test_a_helper_that_is_killed_with_pushes_in_line_fails_none_of_them() -> None:
    helped = Readers(1)
    read(helped, LARGE)
    with ThreadPoolExecutor(6) as senders:
        told = [senders.submit(read, helped, LARGE) for _ in range(24)]
        while not all(each.done() for each in told):
            if living := helped.slots[0].helper:
                living.process.kill()
            time.sleep(0.02)
    assert [each.result() for each in told] == [read(read_push, LARGE)] * 24
    assert read(helped, LARGE) == read(read_push, LARGE)
    assert helped.slots[0].line == 0
    helped.close()


def test_a_helper_that_hangs_with_pushes_in_line_is_given_up_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    helped = Readers(1)
    read(helped, LARGE)
    hanging = helped.slots[0].helper
    assert hanging is not None
    os.kill(hanging.process.pid, signal.SIGSTOP)
    monkeypatch.setattr(readers, "PATIENCE_S", 0.2)
    with ThreadPoolExecutor(6) as senders:
        told = list(senders.map(lambda _: read(helped, LARGE), range(6)))
    assert told == [read(read_push, LARGE)] * 6
    assert hanging.process.poll() is not None
    helped.close()


def test_an_answer_that_cannot_be_understood_holds_up_nobody_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    helped = Readers(1)
    read(helped, LARGE)
    understand, faults = pickle.loads, iter([MemoryError])

    def understand_from_the_second_on(written: bytes) -> object:
        for fault in faults:
            raise fault
        return understand(written)

    monkeypatch.setattr(helper.pickle, "loads", understand_from_the_second_on)
    with ThreadPoolExecutor(4) as senders:
        told = [senders.submit(read, helped, LARGE) for _ in range(8)]
    (failed,) = [each for each in told if each.exception()]
    assert all(each.result() == read(read_push, LARGE) for each in told if each is not failed)
    helped.close()


def test_a_node_with_thousands_of_files_open_is_helped() -> None:
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2_000, most), most))
    helped = Readers(1)
    with ExitStack() as opened:
        for _ in range(1_100):
            opened.enter_context(Path(os.devnull).open("rb"))
        assert read(helped, LARGE) == read(read_push, LARGE)
        assert helped.slots[0].helper is not None
    helped.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))


def test_where_no_process_can_be_started_the_node_reads_by_itself(
    helped: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert read(helped, LARGE) == read(read_push, LARGE)


_A_HELPER = """
import sys
from ecolink.federation import helper
helper.IDLE_S = 0.01
helper.serve(open(0, "rb", buffering=0), open(1, "wb", buffering=0))
"""


def test_a_helper_that_is_asked_nothing_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", _A_HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as idle:
        assert idle.wait(PATIENCE_S) == 0


_A_NODE = """
import sys
from ecolink.federation.readers import _start
helper = _start()
print(helper.pid, flush=True)
sys.stdin.read()
"""


def test_the_helper_ends_when_its_node_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _A_NODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
        assert node.stdout is not None
        pid = int(node.stdout.readline())
        # Its standard input is the pipe only the node writes to; a handle on the process tells when it is gone.
        orphan = os.pidfd_open(pid)
        node.kill()
        node.wait(PATIENCE_S)
    try:
        assert select.select([orphan], [], [], PATIENCE_S)[0]
    finally:
        os.close(orphan)
