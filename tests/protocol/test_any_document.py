"""Every kind of signed document, changed in every way: it is read as it is written, or refused, and nothing else.

A stranger may change bytes; a peer may sign whatever it likes with its own key. Neither makes another exception than
`Refused`, and what is accepted means what it says.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.ids import new_id
from ecolink.kit.times import from_seconds, from_text, to_seconds
from ecolink.protocol import (
    base64url,
    batch,
    bundle,
    card,
    evidence,
    heads,
    jws,
    manifest,
    receipt,
    request,
    sealing,
    statement,
)
from ecolink.protocol.attestation import TYP as ATTESTATION
from ecolink.protocol.attestation import Holding, open_attestation, seal_attestation
from ecolink.protocol.checkpoint import open_checkpoint, origin_of, seal_checkpoint
from ecolink.protocol.keys import SigningKey, Use
from ecolink.protocol.push import open_push
from ecolink.protocol.refusal import Refused
from ecolink.protocol.statement import Lane
from tests.protocol import test_bundle, test_card, test_heads, test_manifest, test_receipt, test_request
from tests.protocol.evidence_story import Story
from tests.support.bureaus import NOW, QINGYUAN, SHOUNING, keyring, sealed

some = settings(max_examples=settings().max_examples // 3)
"""For what is tried on every kind."""

FIND = keyring()
SAID = sealed(
    private={"persons": [{"name": "钟大山"}]},
    attachments=(statement.AttachmentRef(sha256_hex(b"photo"), 5, "现场.jpg", "image/jpeg"),),
    parents=(sha256_hex(b"before"),),
)
NOTE = seal_checkpoint(origin_of(SHOUNING.code, 1), 7, b"\1" * 32, SHOUNING.key("log"))


@dataclass(frozen=True)
class Kind:
    """One kind of document: how it is typed, a good one, who signs it, and how it is opened."""

    typ: str
    token: bytes
    key: SigningKey
    opened: Callable[[bytes], Any]

    def payload(self) -> dict[str, Any]:
        return json.loads(base64url.decode(self.token.split(b".")[1]))


def opened_bundle(token: bytes) -> bundle.Contents:
    first = test_bundle.seal_line(dumps({"iss": SHOUNING.code, "manifests": [["token"]]}))
    raw = first + test_bundle.seal_line(token)
    contents, _ = bundle.read(
        io.BytesIO(raw).readline,
        us=QINGYUAN.code,
        seal_keys={test_bundle.SEAL.kid: test_bundle.SEAL},
        introduce=lambda *_: {test_bundle.SIGN.kid: test_bundle.SIGN_PUBLIC}.get,
        received_at=NOW,
    )
    return contents


BETWEEN = {"find_key": FIND, "us": QINGYUAN.code, "sender": SHOUNING.code, "received_at": NOW}
KINDS = {
    "statement": Kind(
        sealing.TYP,
        SAID.token,
        SHOUNING.key(),
        lambda token: sealing.open_statement(token, SAID.private, **BETWEEN),
    ),
    "batch": Kind(
        batch.TYP,
        batch.seal_batch(
            iss=SHOUNING.code,
            aud=QINGYUAN.code,
            lane=Lane.CASE,
            epoch=2,
            first_seq=5,
            prev=b"\7" * 32,
            entries=[SAID.digest, sha256_hex(b"other")],
            key=SHOUNING.key(),
        ),
        SHOUNING.key(),
        lambda token: batch.open_batch(token, **BETWEEN),
    ),
    "receipt": Kind(receipt.TYP, test_receipt.receipt(), QINGYUAN.key(), test_receipt.opened),
    "heads": Kind(heads.TYP, test_heads.heads(), SHOUNING.key(), test_heads.opened),
    "request": Kind(request.TYP, test_request.request(), SHOUNING.key(), test_request.opened),
    "attestation": Kind(
        ATTESTATION,
        seal_attestation(
            iss=SHOUNING.code,
            aud=QINGYUAN.code,
            now=NOW,
            checkpoint=NOTE,
            holds=[Holding(NOTE, NOW)],
            key=SHOUNING.key(),
        ),
        SHOUNING.key(),
        lambda token: open_attestation(token, **BETWEEN),
    ),
    "card": Kind(card.TYP, test_card.card(), SHOUNING.key(), lambda token: card.open_card(token, NOW)),
    "first manifest": Kind(
        manifest.TYP,
        test_manifest.FIRST[0],
        SHOUNING.key(),
        lambda token: manifest.verify([(token,)], issuer=SHOUNING.code, pinned_head=None),
    ),
    "revoking manifest": Kind(
        manifest.TYP,
        test_manifest.revoked()[0],
        SHOUNING.key("next"),
        lambda token: test_manifest.verify(test_manifest.FIRST, (token,)),
    ),
    "bundle": Kind(
        bundle.TYP,
        jws.sign(
            bundle.TYP,
            {
                "iss": SHOUNING.code,
                "aud": QINGYUAN.code,
                "jti": new_id(NOW),
                "iat": to_seconds(NOW),
                "items": [{"kind": "blob", "digest": sha256_hex(b"photo"), "size": 5}],
            },
            test_bundle.SIGN,
        ),
        test_bundle.SIGN,
        opened_bundle,
    ),
}

# What a stranger does: other bytes ----------------------------------------------------------------------------------


@st.composite
def changed(draw: st.DrawFn, raw: bytes) -> bytes:
    """Return `raw` with a few bytes changed, cut out, doubled, swapped or put in."""
    for _ in range(draw(st.integers(1, 3))):
        start, end = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        match draw(st.sampled_from(["changed", "cut", "doubled", "swapped", "put in"])):
            case "changed" if start < len(raw):
                raw = raw[:start] + bytes([raw[start] ^ draw(st.integers(1, 255))]) + raw[start + 1 :]
            case "cut":
                raw = raw[:start] + raw[end:]
            case "doubled":
                raw = raw[:end] + raw[start:end] + raw[end:]
            case "swapped":
                raw = raw[end:] + raw[start:end] + raw[:start]
            case _:
                raw = raw[:start] + draw(st.binary(max_size=4)) + raw[start:]
    return raw


@pytest.mark.parametrize("name", KINDS)
@some
@given(data=st.data())
def test_a_document_that_is_not_byte_for_byte_what_was_signed_is_refused(name, data):
    kind = KINDS[name]
    token = data.draw(changed(kind.token))
    if token != kind.token:
        with pytest.raises(Refused):
            kind.opened(token)


@given(data=st.data())
def test_a_checkpoint_has_one_spelling(data):
    raw = data.draw(changed(NOTE.encode()))
    if raw != NOTE.encode():
        with pytest.raises(Refused):
            open_checkpoint(raw.decode(errors="surrogateescape"), log_key=SHOUNING.pinned("log", Use.LOG))


UNPRIVATE = sealed()
PUSHED_PARTS = [(SAID.token, SAID.private), (UNPRIVATE.token, None)]
PUSHED = batch.pack(
    batch.seal_batch(
        iss=SHOUNING.code,
        aud=QINGYUAN.code,
        lane=Lane.CASE,
        epoch=1,
        first_seq=1,
        prev=batch.GENESIS,
        entries=[SAID.digest, UNPRIVATE.digest],
        key=SHOUNING.key(),
    ),
    PUSHED_PARTS,
)


@given(data=st.data())
def test_a_push_that_was_changed_on_the_way_brings_the_same_statements_or_none(data):
    try:
        pushed = open_push(data.draw(changed(PUSHED)), **BETWEEN)
    except Refused:
        return
    for entry, part in zip(pushed.entries, PUSHED_PARTS, strict=True):
        assert isinstance(entry, Refused) or (entry.token, entry.private) == part


def test_a_push_that_was_not_changed_brings_its_statements():
    pushed = open_push(PUSHED, **BETWEEN)
    assert [(each.token, each.private) for each in pushed.entries] == PUSHED_PARTS


# What a peer does: signs anything -----------------------------------------------------------------------------------

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.sampled_from([0, 1, -1, 2**53 - 1, 253_402_300_799, 0.5, 1e300, -0.0])
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
    | st.sampled_from(
        ["", " ", SHOUNING.code, QINGYUAN.code, "0" * 64, "A" * 64, "2026-11-22T10:00:00Z", "case", "x" * 600]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any, here: tuple = ()) -> list[tuple]:
    """Return where something stands in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for name, each in inner for path in paths(each, (*here, name)))]


@st.composite
def rewritten(draw: st.DrawFn, payload: dict[str, Any]) -> dict[str, Any]:
    """Return `payload` with a few members, however deep, replaced, removed, doubled or exchanged."""
    payload = json.loads(json.dumps(payload))
    for _ in range(draw(st.integers(1, 3))):
        *above, name = draw(st.sampled_from([path for path in paths(payload) if path]))
        outer: Any = payload
        for step in above:
            outer = outer[step]
        match draw(st.sampled_from(["replaced", "removed", "doubled", "exchanged", "nested"])):
            case "replaced":
                outer[name] = draw(JUNK)
            case "removed":
                del outer[name]
            case "doubled" if isinstance(outer, list):
                outer.insert(name, outer[name])
            case "nested":
                outer[name] = [outer[name]]
            case _:
                other = draw(st.sampled_from([path for path in paths(payload) if path]))
                value: Any = payload
                for step in other:
                    value = value[step]
                outer[name] = json.loads(json.dumps(value))
        if not payload:
            break
    return payload


def moment(said: Any) -> datetime | None:
    try:
        return from_seconds(said) if type(said) is int else from_text(said)
    except ValueError:
        return None


def compared(read: Any, payload: dict[str, Any]) -> dict[str, Any]:
    """Return what was read of each member of the payload."""
    names = {each.name for each in fields(read)} & set(payload)
    return {name: getattr(read, "private_digest" if name == "private" else name) for name in names - {"digest"}}


def means(read: Any, said: Any) -> bool:
    """Tell whether what was read is what was said; a member nobody knows is no part of it, and null is none."""
    match read:
        case None:
            alike = said is None
        case datetime():
            alike = read == moment(said)
        case bytes():
            alike = said in {read.hex(), read.decode("ascii", "replace")}
        case Mapping():
            alike = isinstance(said, dict) and all(
                name in said and means(each, said[name]) for name, each in read.items()
            )
        case tuple() | list():
            alike = isinstance(said, list) and len(read) == len(said) and all(map(means, read, said))
        case _ if is_dataclass(read):
            members = {each.name: getattr(read, each.name) for each in fields(read)}
            alike = isinstance(said, dict) and all(
                means(value, said.get(name)) for name, value in members.items() if value is None or name in said
            )
        case _:
            alike = read == said and (isinstance(read, str) or type(read) is type(said))
    return alike


@pytest.mark.parametrize("name", KINDS)
@some
@given(data=st.data())
def test_whatever_a_peer_signs_means_what_it_says_or_is_refused(name, data):
    kind = KINDS[name]
    payload = data.draw(rewritten(kind.payload()))
    token = jws.sign_bytes(kind.typ, dumps(payload), kind.key)
    try:
        read = kind.opened(token)
    except Refused:
        return
    for name_of_member, value in compared(read, payload).items():
        assert means(value, payload[name_of_member]), name_of_member


@pytest.mark.parametrize("name", KINDS)
def test_a_good_document_means_what_it_says(name):
    kind = KINDS[name]
    read = kind.opened(kind.token)
    members = compared(read, kind.payload())
    assert len(members) >= 3
    bytes_it_had = {"token": kind.token, "digest": jws.digest_of(kind.token), "kid": kind.key.kid}
    if kind.typ != manifest.TYP:  # named by its payload alone, which two keys may have signed
        for member in bytes_it_had.keys() & {each.name for each in fields(read)}:
            assert getattr(read, member) == bytes_it_had[member]
    for member, value in members.items():
        assert means(value, kind.payload()[member])
        assert not means(value, "something else")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"us": SHOUNING.code}, "wrong-audience"),
        ({"sender": QINGYUAN.code}, "wrong-sender"),
        ({"find_key": keyring(SHOUNING.pinned(revoked_at=NOW))}, "key-revoked"),
        ({"find_key": keyring(QINGYUAN.pinned())}, "unknown-key"),
    ],
    ids=lambda given: given if isinstance(given, str) else ", ".join(given),
)
@pytest.mark.parametrize(
    "opens", [batch.open_batch, heads.open_heads, open_attestation], ids=lambda opens: opens.__name__
)
def test_what_is_not_for_us_not_of_its_sender_or_not_under_a_valid_key_is_refused(opens, changes, reason):
    token = KINDS[opens.__name__.removeprefix("open_")].token
    with pytest.raises(Refused) as refused:
        opens(token, **(BETWEEN | changes))
    assert refused.value.reason == reason


@pytest.mark.parametrize("name", KINDS)
@some
@given(data=st.data())
def test_a_member_named_twice_is_refused_wherever_it_stands(name, data):
    kind = KINDS[name]
    raw = dumps(kind.payload())
    member = data.draw(st.sampled_from(sorted(kind.payload())))
    again = b'{"' + member.encode() + b'":' + dumps(data.draw(JUNK)) + b"," + raw[1:]
    with pytest.raises(Refused) as refused:
        kind.opened(jws.sign_bytes(kind.typ, again, kind.key))
    assert refused.value.reason == "bad-json"


# What an exporter does: seals a file of its own making --------------------------------------------------------------

TOLD = Story.told()
TRUST = TOLD.trust()
FILE = json.loads(TOLD.file())
SEALED = json.loads(base64url.decode(FILE["seal"].split(".")[1].encode()))


@given(data=st.data())
def test_an_exporter_that_lies_shows_nothing_that_was_never_signed(data):
    content = data.draw(rewritten(FILE["content"]))
    claim = {**SEALED, "content": sha256_hex(dumps(content))}
    seal = jws.sign("ecolink-evidence+jws", claim, TOLD.shouning.sign)
    report = evidence.verify(dumps({**FILE, "content": content, "seal": seal.decode()}), TRUST)
    if report.ok:
        known = {each.digest: each for each in evidence.verify(dumps(FILE), TRUST).lines}
        for line in report.lines:
            was = known[line.digest]
            assert (line.iss, line.aud, line.type, line.iat) == (was.iss, was.aud, was.type, was.iat)


def test_the_lying_exporters_seal_holds():
    seal = jws.sign("ecolink-evidence+jws", SEALED, TOLD.shouning.sign)
    assert evidence.verify(dumps({**FILE, "seal": seal.decode()}), TRUST).ok
