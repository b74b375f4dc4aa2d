"""A bundle: what one bureau has for another, sealed into a file that a person carries across an air gap.

The file is lines of compact JWE (RFC 7516, ECDH-ES with A256GCM), each sealed to the recipient's seal key with a
key of its own. The first line holds the sender's key manifests, as in `POST /federation/v1/keys`: between bureaus
that share no network it is the only way to learn of a new key. The second holds the *contents*: a signed list of
what follows, each item with its kind, digest and size. The other lines are the items' bytes, in that order, a
mebibyte to a line. Nothing is compressed,
so nothing can swell; both sides work line by line, whatever the size. What the contents do not name, is cut
short, out of order or does not match its digest is refused. The items themselves are the same signed documents
that travel over HTTP, and are checked and receipted in the same way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from ecolink.kit import canonical
from ecolink.kit.times import to_seconds
from ecolink.protocol import attestation, base64url, claims, jws, limits, manifest, strict_json
from ecolink.protocol.claims import Claims
from ecolink.protocol.keys import FindKey, SigningKey, Use, VerifyKey
from ecolink.protocol.manifest import Document
from ecolink.protocol.refusal import Reason, Refused

TYP = "ecolink-bundle+jws"
LINE_TYP = "ecolink-bundle+jwe"

CHUNK_BYTES = 1_048_576
"""Bytes of an item in one line."""

MAX_LINE_BYTES = 1_500_000
"""A sealed chunk: a third longer for base64, and its header."""

MAX_CONTENTS_BYTES = 1_048_576
MAX_ITEMS = 5_000
MAX_BLOB_BYTES = 2 * 1024**3
MAX_BUNDLE_BYTES = 16 * 1024**3
"""All items together."""


class Kind(StrEnum):
    """What an item is."""

    ATTESTATION = "attestation"
    """The state of the sender's log and the checkpoints it holds."""
    RECEIPT = "receipt"
    """A receipt for a batch of the recipient's."""
    BATCH = "batch"
    """The body of a push: a batch with its statements."""
    BLOB = "blob"
    """An attachment."""


_MOST: Mapping[str, int] = {
    Kind.ATTESTATION: attestation.MAX_BYTES,
    Kind.RECEIPT: limits.MAX_RECEIPT_BYTES,
    Kind.BATCH: limits.MAX_PUSH_BYTES,
    Kind.BLOB: MAX_BLOB_BYTES,
}
_ORDER = list(Kind)


Introduce = Callable[[str, Sequence[Document]], FindKey]
"""Takes a bureau's unit code and its key manifests, nothing verified, and returns what finds its pinned keys."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a bundle, by the SHA-256 of its bytes."""

    kind: Kind
    digest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The verified list of what a bundle holds."""

    token: bytes = field(repr=False)
    iss: str
    aud: str
    jti: str
    iat: datetime
    items: tuple[Item, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """An item and its bytes; read the chunks to their end before the next part, for only then are they verified."""

    item: Item
    chunks: Iterator[bytes]

    def read(self) -> bytes:
        """Return all of it; for the kinds that are small."""
        return b"".join(self.chunks)


def item_of(kind: Kind, data: bytes) -> Item:
    """Return the entry in the contents for `data`."""
    return Item(kind, sha256(data).hexdigest(), len(data))


def write(
    items: Sequence[Item],
    bytes_of: Callable[[Item], Iterable[bytes]],
    *,
    iss: str,
    aud: str,
    jti: str,
    now: datetime,
    manifests: Sequence[Document],
    key: SigningKey,
    seal_key: VerifyKey,
) -> Iterator[bytes]:
    """Yield the lines of a bundle from `iss` for `aud`, whose `seal_key` alone opens them.

    Raises:
        Refused: `bad-bundle`: there are too many items, too large ones, or their bytes are not those announced;
            `wrong-key-use` when the key is not the recipient's for sealing.

    """
    if seal_key.use is not Use.SEAL or seal_key.issuer != aud:
        raise Refused(Reason.WRONG_KEY_USE, f"key {seal_key.kid} is not a key to seal for {aud}")
    arranged = sorted(items, key=lambda item: _ORDER.index(item.kind))
    _refuse_oversize(arranged)
    payload = {
        "iss": iss,
        "aud": aud,
        "jti": jti,
        "iat": to_seconds(now),
        "items": [{"kind": item.kind, "digest": item.digest, "size": item.size} for item in arranged],
    }
    seal = _Sealer(seal_key)
    yield seal.line(canonical.dumps({"iss": iss, "manifests": manifest.as_text(manifests)}))
    yield seal.line(jws.sign(TYP, payload, key))
    for item in arranged:
        yield from map(seal.line, _verified(item, _rechunked(bytes_of(item))))


def read(
    read_line: Callable[[int], bytes],
    *,
    us: str,
    seal_keys: Mapping[str, SigningKey],
    introduce: Introduce,
    received_at: datetime,
) -> tuple[Contents, Iterator[Part]]:
    """Open a bundle and return its contents, verified, and its parts, verified as they are read.

    Args:
        read_line: a binary file's `readline`, which is told the most bytes to return.
        us: our unit code, which it must be addressed to.
        seal_keys: our private seal keys, by kid.
        introduce: takes the sender's manifests, if they follow from the pinned ones, and returns what finds its keys.
        received_at: the moment (UTC) at which the sender's key must be valid.

    Raises:
        Refused: it is not sealed to us, not signed by a known bureau, or not within the limits; reading the parts
            raises it for whatever does not match the contents.

    """
    opener = _Opener(read_line, seal_keys)
    iss, documents = _manifests(opener.next_line())
    opened = jws.open_between(
        opener.next_line(),
        typ=TYP,
        find_key=introduce(iss, documents),
        us=us,
        sender=iss,
        received_at=received_at,
        max_bytes=MAX_CONTENTS_BYTES,
    )
    said = opened.payload
    contents = Contents(
        token=opened.token,
        iss=claims.unit(said, "iss"),
        aud=claims.unit(said, "aud"),
        jti=claims.ident(said, "jti"),
        iat=claims.seconds(said, "iat"),
        items=tuple(map(_item, claims.items(said, "items", most=MAX_ITEMS))),
    )
    _refuse_oversize(contents.items)
    return contents, _parts(contents, opener)


def _parts(contents: Contents, opener: "_Opener") -> Iterator[Part]:
    for item in contents.items:
        chunks = _verified(item, opener.lines_of(item))
        yield Part(item, chunks)
        for _ in chunks:  # whatever the caller left unread is still checked, and passed over
            pass
    if opener.read_line(1):
        raise Refused(Reason.BAD_BUNDLE, "there is more in the file than its contents name")


def _verified(item: Item, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass the chunks on and refuse, at their end, what is not the item."""
    digest, size = sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    if size != item.size or digest.hexdigest() != item.digest:
        raise Refused(Reason.BAD_BUNDLE, f"the bytes of {item.kind} {item.digest} are not those announced")


def _rechunked(data: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream into lines' worth."""
    held = bytearray()
    for piece in data:
        held += piece
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)


def _manifests(raw: bytes) -> tuple[str, list[Document]]:
    said = strict_json.loads(raw, max_bytes=limits.MAX_CARD_BYTES)
    if not isinstance(said, dict):
        raise Refused(Reason.BAD_BUNDLE, "the first line holds the sender's key manifests")
    return claims.unit(said, "iss"), manifest.from_text(said.get("manifests"))


def _item(said: object) -> Item:
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "an item is not an object")
    kind = claims.choice(said, "kind", Kind)
    return Item(kind, claims.digest(said, "digest"), claims.whole(said, "size", most=_MOST[kind]))


def _refuse_oversize(items: Sequence[Item]) -> None:
    if len(items) > MAX_ITEMS or sum(item.size for item in items) > MAX_BUNDLE_BYTES:
        raise Refused(Reason.TOO_LARGE, f"a bundle has at most {MAX_ITEMS} items and {MAX_BUNDLE_BYTES} bytes")
    if any(item.size > _MOST[item.kind] for item in items):
        raise Refused(Reason.TOO_LARGE, "an item of the bundle is larger than its kind may be")


class _Registry(jwe.JWERegistry):
    """Allows lines of our length; the algorithms are named at each use."""

    max_ciphertext_length = MAX_LINE_BYTES


_ALGORITHMS = ["ECDH-ES", "A256GCM"]
_REGISTRY = _Registry(algorithms=_ALGORITHMS)


class _Sealer:
    """Seals lines to one key."""

    def __init__(self, key: VerifyKey) -> None:
        self.header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.kid, "typ": LINE_TYP}
        self.key = ECKey.import_key(dict(key.jwk))

    def line(self, data: bytes) -> bytes:
        """Return one line, with its end."""
        return jwe.encrypt_compact(dict(self.header), data, self.key, registry=_REGISTRY).encode() + b"\n"


class _Opener:
    """Opens lines, never holding more than one."""

    def __init__(self, read_line: Callable[[int], bytes], keys: Mapping[str, SigningKey]) -> None:
        self.read_line = read_line
        self.keys = {kid: ECKey.import_key(key.to_pem(None)) for kid, key in keys.items()}

    def lines_of(self, item: Item) -> Iterator[bytes]:
        """Yield the chunks that belong to `item`."""
        for _ in range(-(-item.size // CHUNK_BYTES)):
            yield self.next_line()

    def next_line(self) -> bytes:
        """Open the next line."""
        line = self.read_line(MAX_LINE_BYTES + 1)
        if not line.endswith(b"\n") or len(line) > MAX_LINE_BYTES:
            raise Refused(Reason.BAD_BUNDLE, "a line is too long, or the file is cut short")
        sealed = line[:-1]
        key = self.keys.get(_kid_of(sealed))
        if key is None:
            raise Refused(Reason.BAD_BUNDLE, "it is not sealed to a key of this bureau")
        try:
            opened = jwe.decrypt_compact(sealed, key, registry=_REGISTRY).plaintext
        except (JoseError, ValueError, KeyError, TypeError) as fault:  # the last two for an odd `epk`
            raise Refused(Reason.BAD_BUNDLE, f"a line does not open: {type(fault).__name__}") from None
        if opened is None:
            raise Refused(Reason.BAD_BUNDLE, "a line is empty")
        return opened


def _kid_of(sealed: bytes) -> str:
    """Return which key a line is sealed to, once its header is exactly what we write."""
    first, *rest = sealed.split(b".")
    header: Claims = strict_json.loads(base64url.decode(first), max_bytes=1024)
    for segment in rest:
        base64url.decode(segment)  # the library is lenient; a line has one spelling
    if not isinstance(header, dict) or set(header) != {"alg", "enc", "epk", "kid", "typ"}:
        raise Refused(Reason.BAD_BUNDLE, "a line's header has exactly alg, enc, epk, kid and typ")
    if (header["alg"], header["enc"], header["typ"]) != ("ECDH-ES", "A256GCM", LINE_TYP):
        raise Refused(Reason.BAD_BUNDLE, "a line is sealed with ECDH-ES and A256GCM")
    return str(header["kid"])
