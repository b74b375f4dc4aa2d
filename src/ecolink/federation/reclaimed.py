"""Holding what we reclaimed against our keys and the peer's: a batch of ours, its receipt, its statements."""

from collections.abc import Sequence
from typing import NamedTuple

from ecolink.federation.keystore import BureauKeys
from ecolink.federation.receipts import WRONG_VERDICTS
from ecolink.protocol.batch import Batch, open_batch
from ecolink.protocol.receipt import Outcome, Receipt, open_receipt
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.returned import Returned
from ecolink.protocol.sealing import open_statement
from ecolink.protocol.statement import Lane, Statement


class Checked(NamedTuple):
    """One batch of ours that a peer gave back, verified; None where it gave no statement beside an entry."""

    batch: Batch
    receipt: Receipt
    statements: Sequence[Statement | None]


def check_reclaimed(us: str, own: BureauKeys, keys: BureauKeys, lane: Lane, returned: Returned) -> Checked:
    """Verify one batch: ours, to the bureau with `keys`, in `lane`, with its receipt and its statements.

    Raises:
        Refused: the first check that failed.

    """
    peer = keys.unit_code
    # What was valid when it was signed may have ended since: no time is asked for.
    batch = open_batch(returned.batch, find_key=own.find, us=peer, sender=us)
    receipt = open_receipt(returned.receipt, find_key=keys.find, us=us, sender=peer)
    if batch.lane is not lane or len(returned.parts) != len(batch.entries):
        raise Refused(Reason.BATCH_MISMATCH, f"not a batch of lane {lane} with a place for each statement")
    if receipt.batch != batch.digest or [each.digest for each in receipt.verdicts] != list(batch.entries):
        raise Refused(WRONG_VERDICTS, "the receipt beside a batch is not about its entries")
    opened: list[Statement | None] = []
    for verdict, part in zip(receipt.verdicts, returned.parts, strict=True):
        if part is None:
            if verdict.verdict is Outcome.STORED:
                raise Refused(Reason.BATCH_MISMATCH, "it keeps back a statement that it said it stored")
            opened.append(None)
            continue
        statement = open_statement(*part, find_key=own.find, us=peer, sender=us, received_at=None)
        if statement.digest != verdict.digest or statement.lane is not lane:
            raise Refused(Reason.BATCH_MISMATCH, "a statement beside a batch is not its entry's")
        opened.append(statement)
    return Checked(batch, receipt, opened)
