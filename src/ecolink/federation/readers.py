"""Reading pushes in processes of their own, so that every processor helps and the node's other work does not wait.

CPython runs one thread at a time, and reading a push (signatures, JSON, claims) is most of what receiving costs.
A helper process is asked for a whole push at once, and finds the next one in its pipe when it has answered: a node
that receives all the time would otherwise be what helpers wait for. It holds nothing, opens nothing and ends when its
standard input does, also when the node is killed, or when nothing was asked of it for a while. Where it cannot be had,
the node reads by itself, as it always does for small pushes: an emergency never waits for a helper.

Both sides are in this module; `python -m ecolink.federation.readers` is the helper. They speak in pickles: the helper
is our own program, and nobody else has the pipe.
"""

import contextlib
import fcntl
import gc
import os
import pickle
import signal
import struct
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ecolink.federation.pipes import is_readable, read_all, write_all
from ecolink.protocol.batch import ALL, Batch
from ecolink.protocol.keys import Use, VerifyKey
from ecolink.protocol.push import Incoming, Push, open_push
from ecolink.protocol.refusal import Refused

if TYPE_CHECKING:
    import subprocess

WORTH_ASKING: Final = 24 * 1024
"""Bytes of a push from which on the way to the helper and back is the shorter one: about 16 statements."""

PATIENCE_S: Final = 30.0
"""A helper that has not answered by then is taken for dead; a full push takes a tenth of a second."""

IDLE_S: Final = 60.0
"""After which a helper that is asked nothing gives its memory back."""

MOST: Final = 8
"""Helpers of one node; it writes what they read in one transaction after the other."""

IN_LINE: Final = 2
"""Pushes a helper has at once: the one it reads, and the next, so that it need not wait to be handed it."""

BEHIND: Final = 5
"""By how much a helper stands back where processors are short (`nice`)."""

SPARINGLY: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""What GNU's library is told of memory: a push and its answer are given back to the system once they are done."""

PIPE_BYTES: Final = 1 << 20
"""A pipe that takes a whole push at once, where the system allows it: nobody waits for the other to read."""

_LENGTHS: Final = struct.Struct(">II")
_LENGTH: Final = struct.Struct(">I")

Pin = tuple[Mapping[str, str], str, Use, datetime, datetime | None, datetime | None, datetime | None]
"""What a pinned key is made of."""


class ReadPush(Protocol):
    """Reads a push as `protocol.push.open_push` does, with the keys of its sender."""

    def __call__(self, raw: bytes, *, keys: Iterable[VerifyKey], us: str, sender: str, received_at: datetime) -> Push:
        """Return what was pushed."""


class _Terms(NamedTuple):
    ring: bytes
    us: str
    sender: str
    received_at: datetime
    share: slice


def read_push(
    raw: bytes, *, keys: Iterable[VerifyKey], us: str, sender: str, received_at: datetime, share: slice = ALL
) -> Push:
    """Read a push in this process.

    Raises:
        Refused: as `open_push`.

    """
    by_kid = {key.kid: key for key in keys}
    return open_push(raw, find_key=by_kid.get, us=us, sender=sender, received_at=received_at, share=share)


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

    def __call__(self, raw: bytes, *, keys: Iterable[VerifyKey], us: str, sender: str, received_at: datetime) -> Push:
        """Read a push.

        Raises:
            Refused: as `open_push`.

        """
        keys = tuple(keys)
        if len(raw) >= WORTH_ASKING:
            terms = _Terms(_ring_of(keys), us, sender, received_at, ALL)
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
                self._room.wait()
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


def _ask(slots: Sequence["_Slot"], terms: _Terms, raw: bytes) -> Push:
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
    shares = [_push_of(answer, raw) for answer in answers if not isinstance(answer, Refused)]
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

    def ask(self, terms: _Terms, raw: bytes) -> "_Question":
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
        helper, self.helper = self.helper, None
        if helper is not None:
            helper.end()


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

    def ask(self, terms: _Terms, raw: bytes) -> "_Question":
        """Hand over a push; one at a time may ask.

        Raises:
            OSError: it died.

        """
        with self._lock:
            self._open += 1
        question = _Question(self, self._turn)
        try:
            written = pickle.dumps(terms)
            write_all(self.process.stdin, _LENGTHS.pack(len(written), len(raw)) + written)
            write_all(self.process.stdin, raw)
        except BaseException:
            question.give_up()
            raise
        self._turn = question.fetched
        return question

    def read(self) -> "_Answer":
        """Return the next answer.

        Raises:
            OSError: it died or hangs.

        """
        pipe = self.process.stdout
        if pipe is None or not is_readable(pipe, PATIENCE_S):
            raise TimeoutError
        (length,) = _LENGTH.unpack(read_all(pipe, _LENGTH.size))
        answer: _Answer = pickle.loads(read_all(pipe, length))  # noqa: S301 - our own helper's words
        return answer

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

    def answer(self) -> "_Answer":
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


def _start() -> "subprocess.Popen[bytes]":
    import subprocess  # noqa: PLC0415 - a helper starts none

    helper = subprocess.Popen(
        [sys.executable, "-I", "-m", "ecolink.federation.readers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,  # what is read ahead of an answer would be missed by whoever waits for the next
        env={**os.environ, **SPARINGLY},
    )
    for pipe in (helper.stdin, helper.stdout):
        with contextlib.suppress(OSError, AttributeError):  # only Linux has it, and allows so much to each user
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)  # type: ignore[arg-type]  # both are pipes
    return helper


_Written = tuple[Batch, list[tuple[Any, ...] | Refused]]
_Answer = _Written | Refused

_BEFORE_A_TOKEN: Final = b'"token":"'
"""What stands there in a push, in the form in which nodes write it."""


def _written(push: Push, raw: bytes) -> _Written:
    """Return a push in plain tuples, which take a third of the time to pickle.

    A token, most of what there is to say, is told by its place in the body, which the node has before it.
    """
    entries: list[tuple[Any, ...] | Refused] = []
    end = 0
    for entry in push.entries:
        if isinstance(entry, Refused):
            entries.append(entry)
        elif (start := _place_of(entry.token, raw, end)) is None:
            entries.append(tuple(entry))
        else:
            end = start + len(entry.token)
            entries.append(((start, end), *entry[1:]))
    return push.batch, entries


def _place_of(token: bytes, raw: bytes, start: int) -> int | None:
    """Return where a token of a body begins, if it is found beyond `start`."""
    while (found := raw.find(_BEFORE_A_TOKEN, start)) >= 0:
        start = found + len(_BEFORE_A_TOKEN)
        if raw.startswith(token, start):
            return start
    return None


def _push_of(written: _Written, raw: bytes) -> Push:
    batch, entries = written
    return Push(batch, tuple(one if isinstance(one, Refused) else _incoming(one, raw) for one in entries))


def _incoming(written: tuple[Any, ...], raw: bytes) -> Incoming:
    place, *others = written
    return Incoming(place if isinstance(place, bytes) else raw[slice(*place)], *others)


def _ring_of(keys: Iterable[VerifyKey]) -> bytes:
    pins: list[Pin] = [
        (dict(key.jwk), key.issuer, key.use, key.not_before, key.not_after, key.revoked_at, key.compromised_since)
        for key in keys
    ]
    return pickle.dumps(pins)


@lru_cache(maxsize=4096)
def _keys_in(ring: bytes) -> tuple[VerifyKey, ...]:
    pins: list[Pin] = pickle.loads(ring)  # noqa: S301 - written by the node this process helps
    return tuple(
        VerifyKey.from_jwk(
            jwk,
            issuer=issuer,
            use=use,
            not_before=not_before,
            not_after=not_after,
            revoked_at=revoked_at,
            compromised_since=compromised_since,
        )
        for jwk, issuer, use, not_before, not_after, revoked_at, compromised_since in pins
    )


def _answer(terms: _Terms, raw: bytes) -> _Answer:
    try:
        keys = _keys_in(terms.ring)
        push = read_push(
            raw, keys=keys, us=terms.us, sender=terms.sender, received_at=terms.received_at, share=terms.share
        )
        return _written(push, raw)
    except Refused as refused:
        return refused


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer questions until there are no more, or none for a while. Both pipes are without buffers."""
    with contextlib.suppress(BrokenPipeError):
        while is_readable(questions, IDLE_S):
            terms_length, raw_length = _LENGTHS.unpack(read_all(questions, _LENGTHS.size))
            terms: _Terms = pickle.loads(read_all(questions, terms_length))  # noqa: S301 - the words of the node this helps
            answer = pickle.dumps(_answer(terms, read_all(questions, raw_length)))
            write_all(answers, _LENGTH.pack(len(answer)) + answer)


if __name__ == "__main__":
    # A signal to stop the node goes to all its processes; this one ends when the node has done with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Only large pushes come here, so what is urgent is never read by a helper: the node's own threads go first.
    with contextlib.suppress(PermissionError):  # a service may be locked down so far that it cannot even stand back
        os.nice(BEHIND)
    # What reading makes is let go of at once; looking for rings among it would take a tenth of the time.
    gc.disable()
    with open(0, "rb", buffering=0) as questions, open(1, "wb", buffering=0) as answers:
        serve(questions, answers)
