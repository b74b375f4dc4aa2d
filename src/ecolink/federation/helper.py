"""A helper: a process that reads pushes for its node, beside it; and what the two say to each other.

The node asks with the keys of the sender and the push as it came; the helper answers with what was pushed, or why it is
refused. They speak in pickles, as long as said before: the helper is our own program, and nobody else has the pipe.
`python -m ecolink.federation.helper` is that program. It holds nothing, opens nothing and ends when its standard input
does, also when the node is killed, or when nothing was asked of it for a while.
"""

import contextlib
import gc
import os
import pickle
import signal
import struct
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import IO, Any, Final, NamedTuple

from ecolink.federation.pipes import is_readable, read_all, write_all
from ecolink.protocol.batch import ALL, Batch
from ecolink.protocol.keys import Use, VerifyKey
from ecolink.protocol.push import Incoming, Push, open_push
from ecolink.protocol.refusal import Refused

IDLE_S: Final = 60.0
"""After which a helper that is asked nothing gives its memory back."""

BEHIND: Final = 5
"""By how much a helper stands back where processors are short (`nice`)."""

_LENGTHS: Final = struct.Struct(">II")
_LENGTH: Final = struct.Struct(">I")

_BEFORE_A_TOKEN: Final = b'"token":"'
"""What stands there in a push, in the form in which nodes write it."""

Pin = tuple[Mapping[str, str], str, Use, datetime, datetime | None, datetime | None, datetime | None]
"""What a pinned key is made of."""

Entries = list[tuple[Any, ...] | Refused]
"""What was pushed, in plain tuples, which take a third of the time to pickle."""

Answer = tuple[Batch, Entries] | Refused
"""What a helper says of a push: what it is, or why it is none."""


class Terms(NamedTuple):
    """How a push is to be read."""

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


# --- What the node says, and hears ---


def ask(pipe: IO[bytes] | None, terms: Terms, raw: bytes) -> None:
    """Have a push read.

    Raises:
        OSError: the helper is gone.

    """
    written = pickle.dumps(terms)
    write_all(pipe, _LENGTHS.pack(len(written), len(raw)) + written)
    write_all(pipe, raw)


def hear(pipe: IO[bytes]) -> Answer:
    """Return the next answer.

    Raises:
        OSError: the helper is gone.

    """
    (length,) = _LENGTH.unpack(read_all(pipe, _LENGTH.size))
    answer: Answer = pickle.loads(read_all(pipe, length))  # noqa: S301 - our own helper's words
    return answer


def ring_of(keys: Iterable[VerifyKey]) -> bytes:
    """Return keys as they are told to a helper, which makes them only once."""
    pins: list[Pin] = [
        (dict(key.jwk), key.issuer, key.use, key.not_before, key.not_after, key.revoked_at, key.compromised_since)
        for key in keys
    ]
    return pickle.dumps(pins)


def push_of(batch: Batch, entries: Entries, raw: bytes) -> Push:
    """Return the push of an answer, given the push as it came."""
    return Push(batch, tuple(one if isinstance(one, Refused) else _incoming(one, raw) for one in entries))


def _incoming(entry: tuple[Any, ...], raw: bytes) -> Incoming:
    place, *others = entry
    return Incoming(place if isinstance(place, bytes) else raw[slice(*place)], *others)


# --- What the helper hears, and says ---


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer questions until there are no more, or none for a while. Both pipes are without buffers."""
    with contextlib.suppress(BrokenPipeError):
        while is_readable(questions, IDLE_S):
            terms_length, raw_length = _LENGTHS.unpack(read_all(questions, _LENGTHS.size))
            terms: Terms = pickle.loads(read_all(questions, terms_length))  # noqa: S301 - the words of the node this helps
            answer = pickle.dumps(_answer(terms, read_all(questions, raw_length)))
            write_all(answers, _LENGTH.pack(len(answer)) + answer)


def _answer(terms: Terms, raw: bytes) -> Answer:
    try:
        keys = _keys_in(terms.ring)
        push = read_push(
            raw, keys=keys, us=terms.us, sender=terms.sender, received_at=terms.received_at, share=terms.share
        )
        return push.batch, _entries_of(push, raw)
    except Refused as refused:
        return refused


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


def _entries_of(push: Push, raw: bytes) -> Entries:
    """Return what was pushed. A token, most of what there is to say, is told by its place: the node has the body."""
    entries: Entries = []
    end = 0
    for entry in push.entries:
        if isinstance(entry, Refused):
            entries.append(entry)
        elif (start := _place_of(entry.token, raw, end)) is None:
            entries.append(tuple(entry))
        else:
            end = start + len(entry.token)
            entries.append(((start, end), *entry[1:]))
    return entries


def _place_of(token: bytes, raw: bytes, start: int) -> int | None:
    """Return where a token of a body begins, if it is found beyond `start`."""
    while (found := raw.find(_BEFORE_A_TOKEN, start)) >= 0:
        start = found + len(_BEFORE_A_TOKEN)
        if raw.startswith(token, start):
            return start
    return None


def main() -> None:
    """Serve the node that started this process."""
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


if __name__ == "__main__":
    main()
