"""What the evidence logs prove: everything is in the exporter's, no log shows two pasts, and times hold."""

import json
from collections.abc import Sequence
from datetime import datetime

from ecolink.kit import canonical
from ecolink.protocol import merkle
from ecolink.protocol.checkpoint import Checkpoint
from ecolink.protocol.evidence.documents import Documents, open_note
from ecolink.protocol.evidence.proofs import Proofs
from ecolink.protocol.evidence.record import Content
from ecolink.protocol.evidence.report import Findings
from ecolink.protocol.leaves import LeafKind
from ecolink.protocol.receipt import Outcome, Receipt
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Statement

_OF_STATEMENTS = frozenset({LeafKind.SENT, LeafKind.RECEIVED, LeafKind.REFUSED, LeafKind.EQUIVOCATION})
_OF_RECEIPTS = frozenset({LeafKind.RECEIPT, LeafKind.RECEIPT_HELD})


def check(content: Content, documents: Documents, proofs: Proofs, findings: Findings) -> None:
    """Check proofs, forks, gaps and times."""
    for leaf, refused in proofs.failed:
        findings.wrong(refused.reason, leaf.digest, refused.detail, "存证日志的包含证明不成立。")
    _check_everything_logged(documents, proofs, findings)
    _check_forks(documents, findings)
    gaps = _check_gaps(content, documents, proofs, findings)
    _check_growth(content, documents, gaps, findings)
    _check_times(content, documents, proofs, findings)


def _check_everything_logged(documents: Documents, proofs: Proofs, findings: Findings) -> None:
    for digests, kinds in ((documents.statements, _OF_STATEMENTS), (documents.receipts, _OF_RECEIPTS)):
        for digest in digests:
            if not proofs.has(digest, kinds):
                findings.wrong(
                    "not-in-log",
                    digest,
                    "It is not proven to be in the exporter's log.",
                    "未证明其在导出单位的存证日志中。",
                )


def _check_forks(documents: Documents, findings: Findings) -> None:
    roots: dict[tuple[str, int], bytes] = {}
    for note in documents.shown:
        if roots.setdefault((note.origin, note.size), note.root) != note.root:
            findings.wrong(
                "log-fork",
                note.origin,
                f"The log showed two pasts: two roots over {note.size} leaves.",
                f"日志在 {note.size} 条处出现两个不同的根，存在两种历史。",
            )


def _check_gaps(content: Content, documents: Documents, proofs: Proofs, findings: Findings) -> set[int]:
    """Check that each further log of a bureau is declared; return the exporter's that were declared closed."""
    epochs: dict[str, set[int]] = {}
    for note in documents.shown:
        epochs.setdefault(note.unit_code, set()).add(note.log_epoch)
    for unit_code in epochs.keys() - {content.made_by}:
        for log_epoch in sorted(epochs[unit_code])[1:]:
            findings.caution(
                "log-began-anew",
                unit_code,
                f"Its evidence log began anew as log {log_epoch}; ask that bureau for its declaration.",
                f"其存证日志重新开始（第 {log_epoch} 个），请向该单位索取恢复声明。",
            )
    declared = set()
    for log_epoch in sorted(epochs.get(content.made_by, ()))[1:]:
        closed = _closed_by(content, documents, log_epoch, proofs)
        if closed is None:
            findings.wrong(
                "undeclared-gap",
                content.made_by,
                f"Its log {log_epoch} began without a declaration as its first leaf.",
                f"其第 {log_epoch} 个存证日志开始时没有恢复声明。",
            )
            continue
        declared.add(closed.log_epoch)
        if any(
            note.origin == closed.origin and note.size > closed.size for note in filter(None, documents.checkpoints)
        ):
            findings.wrong(
                "log-regrown",
                closed.origin,
                "The log grew on after it was declared closed.",
                "日志在声明关闭后仍有增长。",
            )
        findings.caution(
            "declared-gap",
            content.made_by,
            f"Restored from a backup: log {closed.log_epoch} ends at {closed.size}, as log {log_epoch} declares.",
            f"曾从备份恢复：第 {closed.log_epoch} 个日志止于 {closed.size} 条，第 {log_epoch} 个日志已声明。",
        )
    return declared


def _closed_by(content: Content, documents: Documents, log_epoch: int, proofs: Proofs) -> Checkpoint | None:
    """Return the checkpoint that the declaration opening `log_epoch` says the log before was closed at."""
    for text in content.restores:
        digest = canonical.sha256_hex(text.encode())
        is_first_leaf = any(
            (leaf.kind, leaf.index, note.log_epoch) == (LeafKind.RESTORE, 0, log_epoch)
            for leaf, note in proofs.in_own_log(digest)
        )
        if is_first_leaf:
            try:
                closed = open_note(str(json.loads(text)["closed"]), documents.keys)
            except (Refused, ValueError, KeyError, TypeError):
                return None
            is_earlier = closed.unit_code == content.made_by and closed.log_epoch < log_epoch
            return closed if is_earlier else None
    return None


def _check_growth(content: Content, documents: Documents, gaps: set[int], findings: Findings) -> None:
    """Check that what others attest to hold of the exporter's logs is the past of what the exporter shows."""
    joined = set()
    for growth in content.growth:
        old, new = documents.checkpoint(growth.old), documents.checkpoint(growth.new)
        try:
            joined.add(_join(old, new, growth.proof))
        except Refused as refused:
            findings.wrong(
                refused.reason, f"growth {growth.old}-{growth.new}", refused.detail, "存证日志的一致性证明不成立。"
            )
    newest: dict[str, int] = {}
    for note in filter(None, documents.checkpoints):
        newest[note.origin] = max(note.size, newest.get(note.origin, 0))
    for held in documents.held:
        note = held.checkpoint
        if note.unit_code != content.made_by or held.holder == content.made_by or note.origin not in newest:
            continue
        if note.size > newest[note.origin] and note.log_epoch not in gaps:
            findings.wrong(
                "log-shortened",
                note.origin,
                f"{held.holder} holds it with {note.size} leaves, the exporter shows {newest[note.origin]}.",
                f"{held.holder} 持有 {note.size} 条的检查点，而导出单位只出示 {newest[note.origin]} 条。",
            )
        elif note.size < newest[note.origin] and (note.origin, note.size) not in joined:
            findings.wrong(
                "unproven-growth",
                note.origin,
                f"Nothing joins the {note.size} leaves that {held.holder} holds to those shown.",
                f"没有证明 {held.holder} 持有的 {note.size} 条检查点是所示日志的一部分。",
            )


def _join(old: Checkpoint | None, new: Checkpoint | None, proof: Sequence[bytes]) -> tuple[str, int]:
    if old is None or new is None or old.origin != new.origin:
        raise Refused(Reason.BAD_PROOF, "the proof names no two checkpoints of one log")
    merkle.verify_consistency(old.size, old.root, new.size, new.root, proof)
    return old.origin, old.size


def _check_times(content: Content, documents: Documents, proofs: Proofs, findings: Findings) -> None:
    """Look for another bureau's word that what a stolen key signed was there before the theft."""
    held_since = _held_by_others(content, documents)
    signed: list[Statement | Receipt] = [*documents.statements.values(), *documents.receipts.values()]
    for document in signed:
        stolen = documents.key_of(document).compromised_since
        if stolen is None:
            continue
        # Whose log it is in does not matter: what is under a checkpoint existed before the checkpoint was held.
        moments = [held_since.get(proven.checkpoint) for proven in proofs.under(document.digest)]
        is_proven = any(moment is not None and moment < stolen for moment in moments) or (
            document.digest in documents.statements
            and _was_receipted_before(content, documents, document.digest, document.iss, stolen)
        )
        if not is_proven:
            findings.wrong(
                "time-unproven",
                document.digest,
                f"Its key was stolen by {stolen.isoformat()} and nothing shows it signed before: time unproven.",
                "签署密钥已失窃，且无法证明签署在先：时间未获证明。",
            )


def _held_by_others(content: Content, documents: Documents) -> dict[Checkpoint, datetime]:
    """Return since when (UTC) checkpoints were held by a bureau whose log it is not, and which is not the exporter."""
    since: dict[Checkpoint, datetime] = {}
    for held in documents.held:
        is_another = held.holder not in {held.checkpoint.unit_code, content.made_by}
        if is_another and held.key.compromised_since is None:
            since[held.checkpoint] = min(held.since, since.get(held.checkpoint, held.since))
    return since


def _was_receipted_before(content: Content, documents: Documents, digest: str, issuer: str, moment: datetime) -> bool:
    return any(
        delivery.outcome is not Outcome.REFUSED
        and delivery.recipient not in {issuer, content.made_by}
        and delivery.received_at < moment
        and documents.key_of(receipt).compromised_since is None
        for delivery, receipt in documents.delivered(digest)
    )
