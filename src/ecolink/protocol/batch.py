"""A batch: the next entries of one channel, signed by the sender; the statements ride beside it.

A channel is (sender, recipient, lane, epoch). Its entries are numbered from 1 without gaps and chained
one by one, so how they are batched, and which key signs, may change without breaking the chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from ecolink.kit import canonical
from ecolink.protocol import base64url, claims, jws, strict_json
from ecolink.protocol.claims import Claims
from ecolink.protocol.keys import FindKey, SigningKey
from ecolink.protocol.limits import MAX_BATCH_BYTES, MAX_ENTRIES, MAX_PUSH_BYTES
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane, Part

TYP = "ecolink-batch+jws"

GENESIS = bytes(32)
"""The chain's value before its first entry."""

ALL: Final = slice(None)


class Entry(NamedTuple):
    """One entry of a batch with the bytes that ride beside it, not yet verified."""

    seq: int
    digest: str
    token: bytes
    private: bytes | None

    def refuse_other(self, digest: str) -> None:
        """Return if `digest`, that of the token beside it, is the entry's.

        Raises:
            Refused: `batch-mismatch`.

        """
        if digest != self.digest:
            raise Refused(Reason.BATCH_MISMATCH, f"the statement at seq {self.seq} is not the entry's")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A verified batch."""

    token: bytes = field(repr=False)
    digest: str
    kid: str
    iss: str
    aud: str
    lane: Lane
    epoch: int
    first_seq: int
    prev: bytes
    """The chain's value before `first_seq`."""
    entries: tuple[str, ...] = field(repr=False)

    @property
    def last_seq(self) -> int:
        """The sequence number of the last entry."""
        return self.first_seq + len(self.entries) - 1

    def head(self) -> bytes:
        """Return the chain's value after the last entry."""
        value = self.prev
        for seq, digest in enumerate(self.entries, self.first_seq):
            value = chain(value, seq, digest)
        return value

    def pair(self, parts: Sequence[Part], share: slice = ALL) -> list[Entry]:
        """Lay the statements that came beside the batch next to its entries, or a share of them.

        Whether the bytes are the entry's is seen when they are opened: see `Entry.refuse_other`.

        Raises:
            Refused: `batch-mismatch`: another number of statements.

        """
        if len(parts) != len(self.entries):
            raise Refused(Reason.BATCH_MISMATCH, f"{len(self.entries)} entries, {len(parts)} statements")
        seqs = range(self.first_seq, self.last_seq + 1)
        told = zip(seqs[share], self.entries[share], parts[share], strict=True)
        return [Entry(seq, digest, token, private) for seq, digest, (token, private) in told]


def chain(prev: bytes, seq: int, digest_hex: str) -> bytes:
    """Return the chain's value after entry `seq`: SHA-256(prev || seq as 8 bytes, big endian || digest)."""
    return sha256(prev + seq.to_bytes(8) + bytes.fromhex(digest_hex)).digest()


def seal_batch(
    *,
    iss: str,
    aud: str,
    lane: Lane,
    epoch: int,
    first_seq: int,
    prev: bytes,
    entries: Sequence[str],
    key: SigningKey,
) -> bytes:
    """Return the signed token of the entries `first_seq`, `first_seq` + 1, and so on."""
    payload = {
        "iss": iss,
        "aud": aud,
        "lane": lane,
        "epoch": epoch,
        "first_seq": first_seq,
        "prev": prev.hex(),
        "entries": list(entries),
    }
    return jws.sign(TYP, payload, key)


def open_batch(
    token: bytes, *, find_key: FindKey, us: str | None, sender: str | None, received_at: datetime | None = None
) -> Batch:
    """Verify a batch token.

    `us` must be its audience, `sender` its issuer, and its key valid at `received_at` (UTC, our clock); None
    skips the check, as when a third party reads it years later.

    Raises:
        Refused: the first check that failed.

    """
    opened = jws.open_between(
        token,
        typ=TYP,
        find_key=find_key,
        us=us,
        sender=sender,
        received_at=received_at,
        max_bytes=MAX_BATCH_BYTES,
    )
    return _read(token, opened.digest, opened.kid, opened.payload)


def read_batch(token: bytes) -> Batch:
    """Read a batch again that this node verified before it stored it. The signature is not looked at.

    Raises:
        Refused: the bytes are no batch; the store was damaged.

    """
    kept = jws.reread(token, typ=TYP, max_bytes=MAX_BATCH_BYTES)
    return _read(token, kept.digest, kept.kid, kept.payload)


def pack(batch_token: bytes, parts: Sequence[Part]) -> bytes:
    """Return the body of a push: the batch token and, in the order of its entries, the statements.

    Private parts travel as base64url, like every segment of a token: bytes arrive as they left, and the
    body is plain ASCII, which is read in a third of the time.
    """
    return canonical.dumps({"batch": batch_token.decode("ascii"), "statements": [written_part(part) for part in parts]})


def unpack(raw: bytes, *, max_bytes: int = MAX_PUSH_BYTES) -> tuple[bytes, list[Part]]:
    """Take the body of a push apart; nothing in it is verified yet.

    Raises:
        Refused: `too-large`, `bad-json`, or `invalid-claim` for a body of another form.

    """
    body = strict_json.loads(raw, max_bytes=max_bytes)
    if not isinstance(body, dict):
        raise Refused(Reason.INVALID_CLAIM, "the body of a push is an object")
    statements = claims.items(body, "statements", least=1, most=MAX_ENTRIES)
    return ascii_of(body, "batch"), [part_of(each) for each in statements]


def written_part(part: Part) -> dict[str, str | None]:
    """Return a statement with its private part as it travels beside a batch."""
    token, private = part
    return {"token": token.decode("ascii"), "private": None if private is None else base64url.encode(private).decode()}


def part_of(said: object) -> Part:
    """Read a statement that travelled beside a batch; nothing in it is verified yet.

    Raises:
        Refused: `invalid-claim`: it is of another form.

    """
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "a statement of a push is an object")
    if "private" not in said:
        # An erased private part is said to be null: one lost on the way must not pass for it.
        raise claims.wrong(said, "private", "base64url text or null")
    private = None if said["private"] is None else base64url.decode(ascii_of(said, "private"))
    return ascii_of(said, "token"), private


def ascii_of(said: Claims, name: str) -> bytes:
    """Return a member that holds a token or base64url text.

    Raises:
        Refused: `invalid-claim`: it does not.

    """
    value = said.get(name)
    if type(value) is not str or not value.isascii():
        raise claims.wrong(said, name, "base64url text")
    return value.encode()


def _read(token: bytes, digest: str, kid: str, said: Claims) -> Batch:
    return Batch(
        token=token,
        digest=digest,
        kid=kid,
        iss=claims.unit(said, "iss"),
        aud=claims.unit(said, "aud"),
        lane=claims.choice(said, "lane", Lane),
        epoch=claims.epoch(said),
        first_seq=claims.whole(said, "first_seq", least=1),
        prev=bytes.fromhex(claims.digest(said, "prev")),
        entries=_entries(said),
    )


def _entries(said: Claims) -> tuple[str, ...]:
    entries = claims.items(said, "entries", least=1, most=MAX_ENTRIES)
    if not claims.are_digests(entries):
        raise claims.wrong(said, "entries", "digests of 64 lower-case hexadecimal digits")
    return tuple(entries)
