"""Reading pushes in processes of their own, so that every processor helps and the node's other work does not wait.

CPython runs one thread at a time, and reading a push (signatures, JSON, claims) is most of what receiving costs.
A helper (`federation/helper.py`) is asked for a whole push at once, and finds the next one in its pipe when it has
answered: a node that receives all the time would otherwise be what helpers wait for. Where none can be had, the node
reads by itself, as it always does for small pushes: an emergency never waits for a helper.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Protocol

from ecolink.federation import helper
from ecolink.federation.helper import Answer, Terms, push_of, read_push, ring_of
from ecolink.federation.pipes import is_readable
from ecolink.protocol.batch import ALL
from ecolink.protocol.keys import VerifyKey
from ecolink.protocol.push import Incoming, Push
from ecolink.protocol.refusal import Refused

WORTH_ASKING: Final = 24 * 1024
"""Bytes of a push from which on the way to the helper and back is the shorter one: about 16 statements."""

PATIENCE_S: Final = 30.0
"""A helper that has not answered by then is taken for dead; a full push takes a tenth of a second."""

MOST: Final = 8
"""Helpers of one node; it writes what they read in one transaction after the other."""

IN_LINE: Final = 2
"""Pushes a helper has at once: the one it reads, and the next, so that it need not wait to be handed it."""

SPARINGLY: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""What GNU's library is told of memory: a push and its answer are given back to the system once they are done."""

PIPE_BYTES: Final = 1 << 20
"""A pipe that takes a whole push at once, where the system allows it: nobody waits for the other to read."""


class ReadPush(Protocol):
    """Reads a push as `protocol.push.open_push` does, with the keys of its sender."""

    def __call__(self, raw: bytes, *, keys: Iterable[VerifyKey], us: str, sender: str, received_at: datetime) -> Push:
        """Return what was pushed."""


class Readers:
    """Reads pushes; threads may share it. A helper is started when it is first needed."""

    def __init__(self, count: int | None = None) -> None:
        """Start nothing yet; at most `count` helpers, or one for each processor."""
        self.slots = [_Slot() for _ in range(count or min(os.cpu_count() or 1, MOST))]
        lock = threading.Lock()
        self._room = threading.Condition(lock)
        """There is room in a line."""
        self._calm = threading.Condition(lock)
        """A line got shorter; for whoever waits until there is none."""
        self._waiting = 0
        """How many wait for a place in a line."""

    def are_behind(self) -> bool:
        """Tell whether every line is full and more wait for a place in one: pushes come faster than they are read."""
        return self._waiting > 0

    def __call__(self, raw: bytes, *, keys: Iterable[VerifyKey], us: str, sender: str, received_at: datetime) -> Push:
        """Read a push.

        Raises:
            Refused: as `open_push`.

        """
        keys = tuple(keys)
        if len(raw) >= WORTH_ASKING:
            terms = Terms(ring_of(keys), us, sender, received_at, ALL)
            slots = self._take(len(raw) // WORTH_ASKING)
            try:
                return _ask(slots, terms, raw)
            except OSError:  # those that did not get through are ended; the node reads it all by itself
                pass
            finally:
                self._leave(slots)
        return read_push(raw, keys=keys, us=us, sender=sender, received_at=received_at)

    def _take(self, most: int) -> list["_Slot"]:
        """Return slots that have nothing to do, to share a push; else wait for a place in the shortest line."""
        with self._room:
            while True:
                idle = [slot for slot in self.slots if not slot.line]
                taken = idle[:most] or [slot for slot in self.slots if slot.line < IN_LINE][:1]
                if taken:
                    break
                self._waiting += 1
                self._room.wait()
                self._waiting -= 1
            for slot in taken:
                slot.line += 1
            return taken

    def _leave(self, slots: Sequence["_Slot"]) -> None:
        with self._room:
            for slot in slots:
                slot.line -= 1
            # As many as there is room for: each that is woken in vain takes the interpreter from one that is not.
            self._room.notify(len(slots))
            self._calm.notify_all()

    def close(self) -> None:
        """End the helpers, each as soon as it has answered."""
        with self._calm:
            self._calm.wait_for(lambda: not any(slot.line for slot in self.slots))
            for slot in self.slots:
                slot.end()


def _ask(slots: Sequence["_Slot"], terms: Terms, raw: bytes) -> Push:
    """Have each helper read every so many'th statement of a push."""
    count = len(slots)
    asked: list[_Question] = []
    try:
        for number, slot in enumerate(slots):
            asked.append(slot.ask(terms._replace(share=slice(number, None, count)), raw))
        answers = [question.answer() for question in asked]
    except BaseException:  # whatever it was: those behind would wait for ever, or be told what was for this one
        for question in asked:
            question.give_up()
        raise
    refused = next((answer for answer in answers if isinstance(answer, Refused)), None)
    if refused is not None:
        raise refused
    shares = [push_of(*answer, raw) for answer in answers if not isinstance(answer, Refused)]
    entries: list[Incoming | Refused] = [None] * len(shares[0].batch.entries)  # type: ignore[list-item]  # all are filled
    for number, share in enumerate(shares):
        entries[number::count] = share.entries
    return Push(shares[0].batch, tuple(entries))


class _Slot:
    """The place of one helper."""

    def __init__(self) -> None:
        self.helper: _Helper | None = None
        self.line = 0
        """How many are in line; the lock of `Readers` guards it."""
        self._asking = threading.Lock()

    def ask(self, terms: Terms, raw: bytes) -> "_Question":
        """Have a push read; `answer` or `give_up` must follow.

        Raises:
            OSError: the helper cannot be had, or died.

        """
        with self._asking:
            if self.helper is None or not self.helper.is_alive:
                self._end()
                self.helper = _Helper()
            return self.helper.ask(terms, raw)

    def end(self) -> None:
        """End the helper, if there is one."""
        with self._asking:
            self._end()

    def _end(self) -> None:
        ended, self.helper = self.helper, None
        if ended is not None:
            ended.end()


class _Helper:
    """One process, and the line of those who asked it. They are answered in turn; the last one closes its pipes."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            OSError: it cannot be had.

        """
        self.process = _start()
        self._turn: threading.Event | None = None
        """Of whoever asks next: set when the last one before has fetched their answer."""
        self._open = 0
        self._is_ended = False
        self._lock = threading.Lock()

    @property
    def is_alive(self) -> bool:
        """Whether it may be asked."""
        return not self._is_ended and self.process.poll() is None

    def ask(self, terms: Terms, raw: bytes) -> "_Question":
        """Hand over a push; one at a time may ask.

        Raises:
            OSError: it died.

        """
        with self._lock:
            self._open += 1
        question = _Question(self, self._turn)
        try:
            helper.ask(self.process.stdin, terms, raw)
        except BaseException:
            question.give_up()
            raise
        self._turn = question.fetched
        return question

    def read(self) -> Answer:
        """Return the next answer.

        Raises:
            OSError: it died or hangs.

        """
        pipe = self.process.stdout
        if pipe is None or not is_readable(pipe, PATIENCE_S):
            raise TimeoutError
        return helper.hear(pipe)

    def leave(self) -> None:
        """Let go of it; after one `ask`."""
        with self._lock:
            self._open -= 1
            self._close_if_done()

    def end(self) -> None:
        """Kill it; who waits for it hears no more."""
        self.process.kill()
        with self._lock:
            self._is_ended = True
            self._close_if_done()

    def _close_if_done(self) -> None:
        # Not before: the number of a closed pipe is soon another's, and who still waits would read there.
        if self._is_ended and not self._open:
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
            self.process.wait()


class _Question:
    """What was asked of a helper, behind the question before."""

    def __init__(self, helper: _Helper, turn: threading.Event | None) -> None:
        self.fetched = threading.Event()
        self._helper = helper
        self._turn = turn

    def answer(self) -> Answer:
        """Wait for the answer, once those to the questions before were fetched.

        Raises:
            OSError: the helper died or hangs.

        """
        if self._turn is not None:
            self._turn.wait()
        answer = self._helper.read()
        self._done()
        return answer

    def give_up(self) -> None:
        """End the helper, unless this was answered: those behind would get the wrong answers."""
        if not self.fetched.is_set():
            self._helper.end()
            self._done()

    def _done(self) -> None:
        self.fetched.set()
        self._helper.leave()


def _start() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "ecolink.federation.helper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,  # what is read ahead of an answer would be missed by whoever waits for the next
        env={**os.environ, **SPARINGLY},
    )
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError, AttributeError):  # only Linux has it, and allows so much to each user
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)  # type: ignore[arg-type]  # both are pipes
    return process
