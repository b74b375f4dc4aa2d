"""Whether an auditor far away would be convinced: the evidence of a matter of each kind, exported and verified offline."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.soak.desk import Ledger
from tests.soak.station import Station
from tests.soak.violations import Violation


def evidence_verifies(stations: Mapping[str, Station], ledger: Ledger, folder: Path) -> Iterator[Violation]:
    """Export the last matter of each kind at its author's node, and verify the file with all bureaus' cards alone."""
    cards = [part for each in stations.values() for part in ("--card", each.bureau.config.parent / "own.card")]
    matters = {entry.type.partition(".")[0]: entry for entry in ledger.accepted}
    for kind, entry in matters.items():
        file = folder / f"{kind}.evidence"
        operator = stations[entry.author].bureau
        try:
            operator.run("evidence", "export", entry.thread, "--out", file, "--reason", "soak")
            operator.run("evidence", "verify", file, *cards)
        except AssertionError as refused:
            yield Violation("evidence-not-valid", entry.author, f"{kind} {entry.thread}: {str(refused)[:1_000]}")
