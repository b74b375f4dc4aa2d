"""What the documents of a thread say together: one history without holes, told to whom it was told."""

from collections.abc import Iterator
from datetime import datetime

from ecolink.kit import canonical
from ecolink.protocol.batch import Batch
from ecolink.protocol.evidence.documents import Documents
from ecolink.protocol.evidence.record import Content
from ecolink.protocol.evidence.report import Delivery, Findings, Line
from ecolink.protocol.keys import VerifyKey
from ecolink.protocol.leaves import LeafKind
from ecolink.protocol.receipt import Outcome, Receipt
from ecolink.protocol.refusal import Refused
from ecolink.protocol.statement import Statement
from ecolink.protocol.threads import Node, order


def check(content: Content, documents: Documents, findings: Findings) -> None:
    """Check the thread, its private parts, its receipts and channels, and when keys were valid."""
    _check_thread(content, documents, findings)
    _check_private_parts(content, documents, findings)
    _check_receipts(documents, findings)
    _check_channels(documents, findings)
    _check_keys(documents, findings)
    _note_undelivered(documents, findings)


def deliveries(documents: Documents, digest: str) -> list[tuple[Delivery, Receipt]]:
    """Return what receipts say of a statement: per recipient the first that says it holds it, else the last word."""
    found: dict[str, tuple[Delivery, Receipt]] = {}
    for receipt in sorted(documents.receipts.values(), key=lambda each: each.received_at):
        for verdict in receipt.verdicts:
            if verdict.digest != digest:
                continue
            held = found.get(receipt.iss)
            if held is None or held[0].outcome is Outcome.REFUSED:
                told = Delivery(receipt.iss, verdict.verdict, receipt.received_at, verdict.reason)
                found[receipt.iss] = (told, receipt)
    return list(found.values())


def tell(content: Content, documents: Documents) -> tuple[Line, ...]:
    """Return the thread's statements for people to read."""
    places = {leaf.digest: leaf.index for leaf in content.leaves}
    lines = [
        Line(
            digest=statement.digest,
            type=statement.type,
            jti=statement.jti,
            iss=statement.iss,
            aud=statement.aud,
            iat=statement.iat,
            deliveries=tuple(told for told, _ in deliveries(documents, statement.digest)),
            log_index=places.get(statement.digest),
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


def _check_private_parts(content: Content, documents: Documents, findings: Findings) -> None:
    for digest, statement in documents.statements.items():
        record = documents.records[digest]
        if record.tombstone is not None:
            _check_tombstone(content, documents, statement, findings)
        elif record.withheld:
            findings.note("withheld", digest, "The private part is withheld.", "个人信息部分未随文件提供。")
        elif statement.private_digest is not None and statement.private is None:
            findings.wrong("private-missing", digest, "The private part is missing.", "缺少个人信息部分。")


def _check_tombstone(content: Content, documents: Documents, statement: Statement, findings: Findings) -> None:
    stone = dict(documents.records[statement.digest].tombstone or {})
    told = (stone.get("statement"), stone.get("private"), stone.get("unit_code"))
    if told != (statement.digest, statement.private_digest, content.made_by) or statement.private is not None:
        findings.wrong(
            "wrong-tombstone", statement.digest, "The tombstone is of another private part.", "删除记录与该报文不符。"
        )
        return
    digest = canonical.sha256_hex(canonical.dumps(stone))
    if not any(leaf.kind == LeafKind.ERASURE and leaf.digest == digest for leaf in content.leaves):
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
        told = [each for each, _ in deliveries(documents, digest)]
        for delivery in told:
            if delivery.outcome is Outcome.STORED:
                yield digest, documents.key_of(statement), delivery.received_at
        if not told:
            yield digest, documents.key_of(statement), statement.iat


def _note_undelivered(documents: Documents, findings: Findings) -> None:
    for digest, statement in documents.statements.items():
        told = {each.recipient: each for each, _ in deliveries(documents, digest)}
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
