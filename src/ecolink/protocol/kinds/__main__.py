"""Write the JSON Schemas of every statement type: `python -m ecolink.protocol.kinds [--check]`."""

import json
import sys
from pathlib import Path
from typing import Any

from ecolink.protocol.kinds import KINDS
from ecolink.protocol.kinds.common import Kind

FILE = Path("openapi/statements.v1.json")


def document() -> str:
    """Return the schemas of all types as JSON, in order of type."""
    said = {
        "$comment": "Bodies and private parts of statements, by type. Unknown members are kept.",
        "types": {name: _kind(KINDS[name]) for name in sorted(KINDS)},
    }
    return json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _kind(kind: Kind) -> dict[str, Any]:
    return {
        "lane": kind.lane.value,
        "several_recipients": kind.many,
        "approver_needed": kind.approval,
        "body": kind.body.model_json_schema(),
        "private": kind.private.model_json_schema() if kind.private else None,
    }


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` tell whether it is as it would be written."""
    if "--check" not in arguments:
        FILE.write_text(document(), "utf-8")
        return 0
    if FILE.read_text("utf-8") == document():
        return 0
    sys.stderr.write(f"{FILE} is not what the code says: run python -m ecolink.protocol.kinds\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
