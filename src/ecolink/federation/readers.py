"""Reading pushes in processes of their own, so that every processor helps and the node's other work does not wait.

CPython runs one thread at a time, and reading a push (signatures, JSON, claims) is most of what receiving costs.
A helper process is asked for a whole push at once. It holds nothing, opens nothing and ends when its standard input
does, also when the node is killed, or when nothing was asked of it for a while. Where it cannot be had, the node reads
by itself, as it always does for small pushes: an emergency never waits for a helper.

Both sides are in this module; `python -m ecolink.federation.readers` is the helper. They speak in pickles: the helper
is our own program, and nobody else has the pipe.
"""

import contextlib
import fcntl
import gc
import os
import pickle
import select
import signal
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from queue import Empty, LifoQueue
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ecolink.protocol.batch import Batch
from ecolink.protocol.keys import Use, VerifyKey
from ecolink.protocol.push import ALL, Incoming, Push, open_push
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
        self._free: LifoQueue[_Slot] = LifoQueue()
        for slot in self.slots:
            self._free.put(slot)

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
                for slot in slots:
                    self._free.put(slot)
        return read_push(raw, keys=keys, us=us, sender=sender, received_at=received_at)

    def _take(self, most: int) -> list["_Slot"]:
        """Wait for a slot, and take others that have nothing to do: they share a push."""
        slots = [self._free.get()]
        with contextlib.suppress(Empty):
            while len(slots) < most:
                slots.append(self._free.get_nowait())
        return slots

    def close(self) -> None:
        """End the helpers, each as soon as it has answered."""
        for _ in self.slots:
            self._free.get().end()
        for slot in self.slots:
            self._free.put(slot)


def _ask(slots: Sequence["_Slot"], terms: _Terms, raw: bytes) -> Push:
    """Have each helper read every so many'th statement of a push."""
    count = len(slots)
    asked: list[_Slot] = []
    try:
        for number, slot in enumerate(slots):
            asked.append(slot)
            slot.ask(terms._replace(share=slice(number, None, count)), raw)
        answers = [slot.answer() for slot in slots]
    except OSError:
        # An answer that nobody fetched would be taken for that to the next question.
        for slot in asked:
            slot.end()
        raise
    refused = next((answer for answer in answers if isinstance(answer, Refused)), None)
    if refused is not None:
        raise refused
    shares = [_push_of(answer) for answer in answers if not isinstance(answer, Refused)]
    entries: list[Incoming | Refused] = [None] * len(shares[0].batch.entries)  # type: ignore[list-item]  # all are filled
    for number, share in enumerate(shares):
        entries[number::count] = share.entries
    return Push(shares[0].batch, tuple(entries))


class _Slot:
    """The place of one helper."""

    def __init__(self) -> None:
        self.helper: subprocess.Popen[bytes] | None = None

    def ask(self, terms: _Terms, raw: bytes) -> None:
        """Have a push read; `answer` must follow.

        Raises:
            OSError: the helper cannot be had, or died.

        """
        if self.helper is None or self.helper.poll() is not None:
            self.end()
            self.helper = _start()
        pipe = self.helper.stdin
        if pipe is None:
            raise BrokenPipeError
        written = pickle.dumps(terms)
        pipe.write(_LENGTHS.pack(len(written), len(raw)) + written)
        pipe.write(raw)
        pipe.flush()

    def answer(self) -> "_Answer":
        """Return what was asked for.

        Raises:
            OSError: the helper died or hangs.

        """
        pipe = self.helper.stdout if self.helper else None
        if pipe is None:
            raise BrokenPipeError
        if not select.select([pipe], [], [], PATIENCE_S)[0]:
            raise TimeoutError
        answer: _Answer = pickle.loads(_framed(pipe))  # noqa: S301 - our own helper's words
        return answer

    def end(self) -> None:
        """End the helper, if there is one."""
        helper, self.helper = self.helper, None
        if helper is None:
            return
        helper.kill()
        for pipe in (helper.stdin, helper.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        helper.wait()


def _start() -> "subprocess.Popen[bytes]":
    import subprocess  # noqa: PLC0415 - a helper starts none

    helper = subprocess.Popen(
        [sys.executable, "-I", "-m", "ecolink.federation.readers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **SPARINGLY},
    )
    for pipe in (helper.stdin, helper.stdout):
        with contextlib.suppress(OSError, AttributeError):  # only Linux has it, and allows so much to each user
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)  # type: ignore[arg-type]  # both are pipes
    return helper


def _framed(source: IO[bytes]) -> bytes:
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise BrokenPipeError
    (length,) = _LENGTH.unpack(head)
    framed = source.read(length)
    if len(framed) < length:
        raise BrokenPipeError
    return framed


_Written = tuple[Batch, list[tuple[Any, ...] | Refused]]
_Answer = _Written | Refused


def _written(push: Push) -> _Written:
    """Return a push in plain tuples, which take a third of the time to pickle."""
    return push.batch, [tuple(entry) if isinstance(entry, Incoming) else entry for entry in push.entries]


def _push_of(written: _Written) -> Push:
    batch, entries = written
    return Push(batch, tuple(Incoming._make(entry) if isinstance(entry, tuple) else entry for entry in entries))


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
        return _written(
            read_push(
                raw, keys=keys, us=terms.us, sender=terms.sender, received_at=terms.received_at, share=terms.share
            )
        )
    except Refused as refused:
        return refused


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer questions until there are no more, or none for a while."""
    while select.select([questions], [], [], IDLE_S)[0]:
        head = questions.read(_LENGTHS.size)
        if len(head) < _LENGTHS.size:
            return
        terms_length, raw_length = _LENGTHS.unpack(head)
        written, raw = questions.read(terms_length), questions.read(raw_length)
        if len(raw) < raw_length:
            return
        answer = pickle.dumps(_answer(pickle.loads(written), raw))  # noqa: S301 - the words of the node this helps
        answers.write(_LENGTH.pack(len(answer)) + answer)
        answers.flush()


if __name__ == "__main__":
    # A signal to stop the node goes to all its processes; this one ends when the node has done with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Only large pushes come here, so what is urgent is never read by a helper: the node's own threads go first.
    os.nice(BEHIND)
    # What reading makes is let go of at once; looking for rings among it would take a tenth of the time.
    gc.disable()
    serve(sys.stdin.buffer, sys.stdout.buffer)
