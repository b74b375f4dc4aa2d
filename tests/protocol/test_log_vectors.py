"""The published vectors of logs, evidence files and bundles hold, every one."""

import io
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ecolink.kit.times import from_text, to_text
from ecolink.protocol import base64url, bundle, evidence, leaves, merkle
from ecolink.protocol.attestation import open_attestation
from ecolink.protocol.checkpoint import open_checkpoint
from ecolink.protocol.evidence import Trust
from ecolink.protocol.keys import SigningKey, Use
from ecolink.protocol.refusal import Refused
from tests.vectors.cases.common import PINNED
from tests.vectors.logs import regenerate

FIND = {key.kid: key for key in PINNED}.get


def read_tree(case):
    hashes = [leaves.hash_of("received", f"{number:064x}") for number in range(case["size"])]
    root = merkle.root_of(hashes)
    for each in case["inclusion"]:
        proof = [bytes.fromhex(part) for part in each["proof"]]
        merkle.verify_inclusion(hashes[each["index"]], each["index"], case["size"], proof, root)
    for each in case["consistency"]:
        proof = [bytes.fromhex(part) for part in each["proof"]]
        merkle.verify_consistency(each["old"], bytes.fromhex(each["root"]), case["size"], root, proof)
    return {"root": root.hex()}


def read_checkpoint(case):
    [log_key] = [key for key in PINNED if (key.issuer, key.use) == (case["log_of"], Use.LOG)]
    read = open_checkpoint(case["text"], log_key=log_key)
    return {"origin": read.origin, "size": read.size, "root": read.root.hex()}


def read_attestation(case):
    read = open_attestation(
        case["token"].encode(),
        find_key=FIND,
        us=case["us"],
        sender=case["sender"],
        received_at=from_text(case["received_at"]),
    )
    return {
        "checkpoint": read.checkpoint,
        "holds": [[held.checkpoint, to_text(held.since)] for held in read.holds],
    }


def read_evidence(case):
    trust = Trust.given([card.encode() for card in case["cards"]], case["fingerprints"])
    report = evidence.verify(case["file"].encode(), trust)
    first = report.first_wrong
    return {"ok": report.ok, "statements": len(report.lines), "first_wrong": first and first.code}


def read_bundle(case):
    scalar = int.from_bytes(base64url.decode(case["seal"]["d"].encode()))
    seal_key = SigningKey(ec.derive_private_key(scalar, ec.SECP256R1()))
    contents, parts = bundle.read(
        io.BytesIO(case["file"].encode()).readline,
        us=case["us"],
        seal_keys={seal_key.kid: seal_key},
        introduce=lambda *_: FIND,
        received_at=from_text(case["received_at"]),
    )
    return {"iss": contents.iss, "items": [[part.item.kind, part.item.digest] for part in parts if part.read() or True]}


READERS = {
    "leaves.json": lambda case: {"hash": leaves.hash_of(case["kind"], case["digest"]).hex()},
    "trees.json": read_tree,
    "checkpoints.json": read_checkpoint,
    "attestations.json": read_attestation,
    "evidence.json": read_evidence,
    "bundle.json": read_bundle,
}
CASES = [
    pytest.param(READERS[name], case, id=f"{name}: {case['name']}")
    for name in READERS
    for case in json.loads((regenerate.FOLDER / name).read_text("ascii"))["cases"]
]


@pytest.mark.parametrize(("read", "case"), CASES)
def test_every_vector_holds(read, case):
    expected = case["expect"]
    if "refused" in expected:
        with pytest.raises(Refused) as refused:
            read(case)
        assert refused.value.reason == expected["refused"]
    else:
        learned = read(case)
        assert {name: learned[name] for name in expected} == expected


def test_every_file_is_read_and_is_what_we_would_write_today():
    held = {path.name for path in regenerate.FOLDER.glob("*.json")}
    assert held == set(READERS) == {*regenerate.FILES, *regenerate.KEPT}
    for name, text in regenerate.written().items():
        assert (regenerate.FOLDER / name).read_text("ascii") == text, name
