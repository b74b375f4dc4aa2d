"""Write the test vectors again, or with `--check` see whether that would change anything.

Run from the project's root: `python -m tests.vectors.regenerate [--check]`.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from tests.vectors.cases import channels, identity, statements, texts
from tests.vectors.cases.common import Case, keys_file

FOLDER = Path(__file__).parent

FILES: dict[str, tuple[str, Callable[[], list[Case]]]] = {
    "base64url.json": ("A segment's text and its bytes (hexadecimal).", texts.base64url_cases),
    "strict_json.json": ("Bytes of JSON (base64url) and their value.", texts.strict_json_cases),
    "envelopes.json": ("Tokens with something wrong around a statement that is fine.", statements.envelope_cases),
    "statements.json": ("Statements with their private parts.", statements.statement_cases),
    "chain.json": ("The chain's value after an entry (hexadecimal).", channels.chain_cases),
    "batches.json": ("Batches and the chain's value after them.", channels.batch_cases),
    "receipts.json": ("Receipts and their verdicts: digest, verdict, reason.", channels.receipt_cases),
    "heads.json": ("Channel heads: lane, epoch, seq, chain.", channels.heads_cases),
    "requests.json": ("Request tokens and the call each came with.", channels.request_cases),
    "manifests.json": ("Chains of key manifests.", identity.manifest_cases),
    "cards.json": ("Cards and their fingerprints.", identity.card_cases),
    "fingerprints.json": ("What two people read to each other by phone.", identity.fingerprint_cases),
}


def written() -> dict[str, str]:
    """Return every file's name and what it should hold."""
    contents: dict[str, Case] = {"keys.json": keys_file()}
    for name, (about, cases) in FILES.items():
        contents[name] = {"about": about, "cases": cases()}
    return {name: json.dumps(content, ensure_ascii=True, indent=1) + "\n" for name, content in contents.items()}


def main(arguments: list[str]) -> int:
    """Write the files; or compare them and return 1 if one differs."""
    different = [name for name, text in written().items() if _held(name) != text]
    for name in different:
        sys.stdout.write(f"{name} {'differs' if '--check' in arguments else 'written'}\n")
    if "--check" in arguments:
        return 1 if different else 0
    for name in different:
        (FOLDER / name).write_text(written()[name], "ascii")
    return 0


def _held(name: str) -> str | None:
    path = FOLDER / name
    return path.read_text("ascii") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
