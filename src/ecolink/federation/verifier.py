"""Verifying many signatures in a process of its own, so that it costs the node's other work nothing.

CPython lets go of its lock for each verification, but takes it back after it: with two threads at work most of
the gain is lost in handing the lock to and fro. A helper process is asked once for a whole batch. It holds
nothing, opens nothing and ends when its standard input does, also when the node is killed. Where it cannot be had,
the node verifies by itself, as it always does for small batches.

Both sides are in this module; `python -m ecolink.federation.verifier` is the helper.
"""

import contextlib
import select
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, Final

from ecolink.protocol.keys import SIGNATURE_BYTES, Check, public_at, signature_holds, verify_all

WORTH_ASKING: Final = 16
"""Signatures from which on the way to the helper and back is the shorter one."""

PATIENCE_S: Final = 30.0
"""A helper that has not answered by then is taken for dead; a full batch takes a tenth of a second."""

_POINT_BYTES: Final = 64
_DIGEST_BYTES: Final = 32
_CHECK_BYTES: Final = 1 + _DIGEST_BYTES + SIGNATURE_BYTES
_LENGTH: Final = struct.Struct(">I")
_MOST_KEYS: Final = 255


class Verifier:
    """Verifies signatures; threads may share it. The helper is started when it is first needed."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._helper: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def __call__(self, checks: Sequence[Check]) -> Sequence[bool]:
        """Tell of each signature whether it holds."""
        if len(checks) < WORTH_ASKING:
            return verify_all(checks)
        question = _written(checks)
        if question is None:
            return verify_all(checks)
        with self._turn:
            try:
                return self._ask(question, len(checks))
            except OSError:
                self._end()
        return verify_all(checks)

    def close(self) -> None:
        """End the helper."""
        with self._turn:
            self._end()

    def _ask(self, question: bytes, count: int) -> list[bool]:
        if self._helper is None or self._helper.poll() is not None:
            self._end()
            self._helper = _start()
        to_helper, from_helper = self._helper.stdin, self._helper.stdout
        if to_helper is None or from_helper is None:
            raise BrokenPipeError
        to_helper.write(_LENGTH.pack(len(question)) + question)
        to_helper.flush()
        if not select.select([from_helper], [], [], PATIENCE_S)[0]:
            raise TimeoutError
        answer = from_helper.read(count)
        if len(answer) != count:
            raise BrokenPipeError
        return [each == 1 for each in answer]

    def _end(self) -> None:
        helper, self._helper = self._helper, None
        if helper is None:
            return
        helper.kill()
        for pipe in (helper.stdin, helper.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        helper.wait()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "ecolink.federation.verifier"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def _written(checks: Sequence[Check]) -> bytes | None:
    """Return a question: the points of the keys, then for each check its key's number, digest and signature.

    None where it cannot be put: a signature of another length, or more keys than a byte can number.
    """
    keys = {check.key.kid: check.key for check in checks}
    if len(keys) > _MOST_KEYS or any(len(check.signature) != SIGNATURE_BYTES for check in checks):
        return None
    numbers = {kid: number.to_bytes() for number, kid in enumerate(keys)}
    points = b"".join(key.point() for key in keys.values())
    asked = b"".join(numbers[key.kid] + digest + signature for key, digest, signature in checks)
    return len(keys).to_bytes() + points + asked


def _answer(question: bytes) -> bytes:
    """Return a byte for each check: 1 where the signature holds."""
    start = 1 + question[0] * _POINT_BYTES
    keys = [public_at(question[at : at + _POINT_BYTES]) for at in range(1, start, _POINT_BYTES)]
    answer = bytearray()
    for at in range(start, len(question), _CHECK_BYTES):
        digest, signature = at + 1, at + 1 + _DIGEST_BYTES
        held = signature_holds(keys[question[at]], question[digest:signature], question[signature : at + _CHECK_BYTES])
        answer.append(held)
    return bytes(answer)


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer questions until there are no more."""
    while len(head := questions.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        question = questions.read(length)
        if len(question) < length:
            return
        answers.write(_answer(question))
        answers.flush()


if __name__ == "__main__":
    # A signal to stop the node goes to all its processes; this one ends when the node has done with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
