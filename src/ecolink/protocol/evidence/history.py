"""What the documents of a thread say together: one history without holes, told to whom it was told."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ecolink.kit import canonical
from ecolink.protocol.batch import Batch
from ecolink.protocol.evidence.documents import Documents
from ecolink.protocol.evidence.proofs import Proofs
from ecolink.protocol.evidence.record import Content
from ecolink.protocol.evidence.report import Findings, Line
from ecolink.protocol.keys import VerifyKey
from ecolink.protocol.leaves import LeafKind
from ecolink.protocol.receipt import Outcome, Receipt
from ecolink.protocol.refusal import Refused
from ecolink.protocol.statement import Statement
from ecolink.protocol.threads import Node, order


def check(content: Content, documents: Documents, proofs: Proofs, findings: Findings) -> None:
    """Check the thread, its private parts, its receipts and channels, and when keys were valid."""
    _check_thread(content, documents, findings)
    _check_private_parts(content, documents, proofs, findings)
    _check_receipts(documents, findings)
    _check_channels(documents, findings)
    _check_keys(documents, findings)
    _note_undelivered(documents, findings)


def tell(documents: Documents, proofs: Proofs) -> tuple[Line, ...]:
    """Return the thread's statements for people to read."""
    lines = [
        Line(
            digest=statement.digest,
            type=statement.type,
            jti=statement.jti,
            iss=statement.iss,
            aud=statement.aud,
            iat=statement.iat,
            deliveries=tuple(told for told, _ in documents.delivered(statement.digest)),
            log_index=proofs.place_of(statement.digest),
            private=_private_state(documents, statement),
        )
        for statement in _in_order(documents)
    ]
    return tuple(lines)


def _in_order(documents: Documents) -> list[Statement]:
    """Return the statements after what they answer, and by their authors' clocks where they crossed."""
    held = documents.statements
    nodes = [
        Node(digest, tuple(parent for parent in each.parents if parent in held), round(each.iat.timestamp()))
        for digest, each in held.items()
    ]
    return [held[node.digest] for node in order(nodes)]


def _check_thread(content: Content, documents: Documents, findings: Findings) -> None:
    ids: dict[tuple[str, str], str] = {}
    refused = {
        verdict.digest
        for receipt in documents.receipts.values()
        for verdict in receipt.verdicts
        if verdict.verdict is Outcome.REFUSED
    }
    for digest, statement in documents.statements.items():
        if statement.thread != content.thread:
            findings.wrong("wrong-thread", digest, "The statement is of another thread.", "该报文属于另一线程。")
        if ids.setdefault((statement.iss, statement.jti), digest) != digest:
            findings.wrong(
                "equivocation",
                digest,
                f"{statement.iss} signed two statements under one id.",
                f"{statement.iss} 用同一编号签署了两份报文。",
            )
        for parent in statement.parents:
            if parent not in documents.statements and parent not in refused:
                findings.wrong(
                    "missing-parent", digest, f"It answers {parent}, which is missing.", "所答复的报文不在文件中。"
                )


def _check_private_parts(content: Content, documents: Documents, proofs: Proofs, findings: Findings) -> None:
    for digest, statement in documents.statements.items():
        record = documents.records[digest]
        if record.tombstone is not None:
            _check_tombstone(content.made_by, record.tombstone, statement, proofs, findings)
        elif record.withheld:
            findings.note("withheld", digest, "The private part is withheld.", "个人信息部分未随文件提供。")
        elif statement.private_digest is not None and statement.private is None:
            findings.wrong("private-missing", digest, "The private part is missing.", "缺少个人信息部分。")


def _check_tombstone(
    exporter: str, stone: Mapping[str, Any], statement: Statement, proofs: Proofs, findings: Findings
) -> None:
    told = (stone.get("statement"), stone.get("private"), stone.get("unit_code"))
    if told != (statement.digest, statement.private_digest, exporter) or statement.private is not None:
        findings.wrong(
            "wrong-tombstone", statement.digest, "The tombstone is of another private part.", "删除记录与该报文不符。"
        )
        return
    if not proofs.has(canonical.sha256_hex(canonical.dumps(dict(stone))), {LeafKind.ERASURE}):
        findings.wrong(
            "unlogged-erasure",
            statement.digest,
            "The erasure is not in the evidence log.",
            "存证日志中没有该删除记录。",
        )
        return
    who, when, why = stone.get("by"), stone.get("at"), stone.get("reason")
    findings.note(
        "lawfully-erased",
        statement.digest,
        f"Lawfully erased by {who} at {when}: {why}",
        f"已依法删除：{who}，{when}，{why}",
    )


def _check_receipts(documents: Documents, findings: Findings) -> None:
    for digest, receipt in documents.receipts.items():
        batch = documents.batches.get(receipt.batch)
        if batch is None:
            findings.wrong(
                "receipt-without-batch", digest, "The batch it answers is missing.", "缺少回执所答复的批次。"
            )
        elif not _answers(receipt, batch):
            findings.wrong("receipt-mismatch", digest, "It does not answer its batch.", "回执与批次不符。")


def _answers(receipt: Receipt, batch: Batch) -> bool:
    same_channel = (receipt.iss, receipt.aud, receipt.lane, receipt.epoch) == (
        batch.aud,
        batch.iss,
        batch.lane,
        batch.epoch,
    )
    same_entries = tuple(verdict.digest for verdict in receipt.verdicts) == batch.entries
    head = receipt.head_seq > batch.last_seq or (
        receipt.head_seq == batch.last_seq and receipt.head_chain == batch.head()
    )
    return same_channel and same_entries and head


def _check_channels(documents: Documents, findings: Findings) -> None:
    """Two batches that give one place of a channel to two statements: the sender shows two pasts."""
    places: dict[tuple[str, str, str, int, int], str] = {}
    for batch in documents.batches.values():
        for seq, digest in enumerate(batch.entries, batch.first_seq):
            if places.setdefault((batch.iss, batch.aud, batch.lane, batch.epoch, seq), digest) != digest:
                findings.wrong(
                    "channel-fork",
                    batch.digest,
                    f"{batch.iss} put two statements at place {seq} of its {batch.lane} channel to {batch.aud}.",
                    f"{batch.iss} 在同一通道的同一序号放了两份报文。",
                )
                break


def _check_keys(documents: Documents, findings: Findings) -> None:
    """Each document is judged by its key's validity when its recipient had it."""
    for subject, key, at in _uses(documents):
        try:
            key.refuse_unless_valid(at)
        except Refused as refused:
            findings.wrong(refused.reason, subject, refused.detail, "签署密钥当时无效。")


def _uses(documents: Documents) -> Iterator[tuple[str, VerifyKey, datetime]]:
    for receipt in documents.receipts.values():
        yield receipt.digest, documents.key_of(receipt), receipt.received_at
    for digest, statement in documents.statements.items():
        told = [each for each, _ in documents.delivered(digest)]
        for delivery in told:
            if delivery.outcome is Outcome.STORED:
                yield digest, documents.key_of(statement), delivery.received_at
        if not told:
            yield digest, documents.key_of(statement), statement.iat


def _note_undelivered(documents: Documents, findings: Findings) -> None:
    for digest, statement in documents.statements.items():
        told = {each.recipient: each for each, _ in documents.delivered(digest)}
        for recipient in statement.aud:
            delivery = told.get(recipient)
            if delivery is None:
                findings.note(
                    "unconfirmed",
                    digest,
                    f"No receipt of {recipient} is in the file.",
                    f"文件中没有 {recipient} 的回执。",
                )
            elif delivery.outcome is Outcome.REFUSED:
                findings.note(
                    "refused",
                    digest,
                    f"{recipient} refused it: {delivery.reason}.",
                    f"{recipient} 拒收：{delivery.reason}。",
                )


def _private_state(documents: Documents, statement: Statement) -> str:
    record = documents.records[statement.digest]
    if statement.private_digest is None:
        return "none"
    if record.tombstone is not None:
        return "erased"
    return "withheld" if statement.private is None else "shown"
