"""Write the vectors of logs, evidence and bundles again, or with `--check` see whether that would change anything.

Run from the project's root: `python -m tests.vectors.logs.regenerate [--check]`. `evidence.json` and `bundle.json` hold
random salts and ephemeral keys: they were written once, and are only ever read.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ecolink.protocol import leaves, merkle
from ecolink.protocol.attestation import Holding, seal_attestation
from ecolink.protocol.checkpoint import origin_of, seal_checkpoint
from ecolink.protocol.merkle import consistency_ranges, inclusion_ranges, prove, root_of
from tests.support.bureaus import JINGNING, NOW, QINGYUAN, SHOUNING
from tests.vectors.cases.common import Case, case, moment

FOLDER = Path(__file__).parent
SIZES = (1, 2, 3, 7, 8, 13)


def leaf_cases() -> list[Case]:
    """Return leaves and their hashes."""
    pairs = [("received", "00" * 32), ("sent", "ab" * 32), ("receipt", "ff" * 32), ("restore", "0123456789abcdef" * 4)]
    return [
        case(kind, {"hash": leaves.hash_of(kind, digest).hex()}, kind=kind, digest=digest) for kind, digest in pairs
    ]


def tree_cases() -> list[Case]:
    """Return roots, and proofs of every leaf and every earlier size."""
    hashes = [leaves.hash_of("received", f"{number:064x}") for number in range(max(SIZES))]
    cases = [case("no leaves", {"root": merkle.EMPTY_ROOT.hex()}, size=0, inclusion=[], consistency=[])]
    for size in SIZES:

        def proof(ranges: list[merkle.Range]) -> list[str]:
            made = prove(
                ranges, lambda part: root_of(hashes[part.number << part.level : part.number + 1 << part.level])
            )
            return [each.hex() for each in made]

        inclusion = [{"index": index, "proof": proof(inclusion_ranges(index, size))} for index in range(size)]
        consistency = [
            {"old": old, "root": root_of(hashes[:old]).hex(), "proof": proof(consistency_ranges(old, size))}
            for old in range(1, size)
        ]
        root = root_of(hashes[:size]).hex()
        cases.append(case(f"{size} leaves", {"root": root}, size=size, inclusion=inclusion, consistency=consistency))
    return cases


def checkpoint_cases() -> list[Case]:
    """Return checkpoints of Shouning's log."""
    root = bytes(range(32))
    good = seal_checkpoint(origin_of(SHOUNING.code, 1), 42, root, SHOUNING.key("log"))
    learned = {"origin": origin_of(SHOUNING.code, 1), "size": 42, "root": root.hex()}
    by_signing_key = seal_checkpoint(origin_of(SHOUNING.code, 1), 42, root, SHOUNING.key("sign"))
    texts: dict[str, tuple[str, Any]] = {
        "a checkpoint": (good, learned),
        "of a second log": (
            seal_checkpoint(origin_of(SHOUNING.code, 2), 1, root, SHOUNING.key("log")),
            learned | {"origin": origin_of(SHOUNING.code, 2), "size": 1},
        ),
        "of the empty log": (
            seal_checkpoint(origin_of(SHOUNING.code, 1), 0, merkle.EMPTY_ROOT, SHOUNING.key("log")),
            {"size": 0, "root": merkle.EMPTY_ROOT.hex()},
        ),
        "another size than signed": (good.replace("\n42\n", "\n43\n"), "bad-signature"),
        "a leading zero": (good.replace("\n42\n", "\n042\n"), "bad-checkpoint"),
        "carriage returns": (good.replace("\n", "\r\n"), "bad-checkpoint"),
        "an extension line": (good.replace("\n\n", "\nmore\n\n"), "bad-checkpoint"),
        "no last newline": (good[:-1], "bad-checkpoint"),
        "a second signature": (good + good.split("\n\n")[1], "bad-checkpoint"),
        "signed with the signing key": (by_signing_key, "bad-checkpoint"),
        "of another bureau's log": (
            seal_checkpoint(origin_of(QINGYUAN.code, 1), 42, root, SHOUNING.key("log")),
            "bad-checkpoint",
        ),
    }
    return [case(name, expect, text=text, log_of=SHOUNING.code) for name, (text, expect) in texts.items()]


def attestation_cases() -> list[Case]:
    """Return an attestation of Shouning for Qingyuan."""
    own = seal_checkpoint(origin_of(SHOUNING.code, 1), 7, bytes(32), SHOUNING.key("log"))
    held = seal_checkpoint(origin_of(QINGYUAN.code, 1), 5, bytes(32), QINGYUAN.key("log"))
    token = seal_attestation(
        iss=SHOUNING.code,
        aud=QINGYUAN.code,
        now=NOW,
        checkpoint=own,
        holds=[Holding(held, NOW)],
        key=SHOUNING.key(),
    ).decode()
    inputs = {"token": token, "sender": SHOUNING.code, "received_at": moment(NOW)}
    learned = {"checkpoint": own, "holds": [[held, moment(NOW)]]}
    return [
        case("one holding", learned, us=QINGYUAN.code, **inputs),
        case("addressed to someone else", "wrong-audience", us=JINGNING.code, **inputs),
    ]


FILES = {
    "leaves.json": ("A leaf's kind and digest, and its hash in the tree (RFC 6962).", leaf_cases),
    "trees.json": ("Logs whose leaf n is received/n (64 hex digits): roots and proofs.", tree_cases),
    "checkpoints.json": ("Checkpoints (C2SP signed notes, ECDSA P-256).", checkpoint_cases),
    "attestations.json": ("Attestations: own checkpoint, and those held of others.", attestation_cases),
}
KEPT = ("evidence.json", "bundle.json")


def written() -> dict[str, str]:
    """Return every file's name and what it should hold."""
    return {
        name: json.dumps({"about": about, "cases": cases()}, ensure_ascii=True, indent=1) + "\n"
        for name, (about, cases) in FILES.items()
    }


def main(arguments: list[str]) -> int:
    """Write the files; or compare them and return 1 if one differs."""
    different = {name: text for name, text in written().items() if _held(name) != text}
    for name, text in different.items():
        sys.stdout.write(f"{name} {'differs' if '--check' in arguments else 'written'}\n")
        if "--check" not in arguments:
            (FOLDER / name).write_text(text, "ascii")
    return 1 if different and "--check" in arguments else 0


def _held(name: str) -> str | None:
    path = FOLDER / name
    return path.read_text("ascii") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
