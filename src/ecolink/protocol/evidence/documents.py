"""Opening every signed piece of an evidence file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from ecolink.protocol import claims, jws
from ecolink.protocol.attestation import Attestation, open_attestation
from ecolink.protocol.batch import Batch, open_batch
from ecolink.protocol.checkpoint import Checkpoint, open_checkpoint
from ecolink.protocol.evidence.record import TYP, Content, EvidenceFile, StatementRecord
from ecolink.protocol.evidence.report import Delivery, Findings
from ecolink.protocol.evidence.trust import Keys
from ecolink.protocol.keys import Use, VerifyKey
from ecolink.protocol.receipt import Outcome, Receipt, open_receipt
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.sealing import open_statement
from ecolink.protocol.statement import Statement

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held:
    """A checkpoint that a bureau attests to hold since a moment (UTC)."""

    checkpoint: Checkpoint
    holder: str
    since: datetime
    key: VerifyKey


@dataclass(slots=True)
class Documents:
    """All pieces that verified."""

    keys: Keys
    statements: dict[str, Statement] = field(default_factory=dict)
    """By digest, in the order of the file."""
    records: dict[str, StatementRecord] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    deliveries: dict[str, list[tuple[Delivery, Receipt]]] = field(default_factory=dict)
    """By statement what receipts say: of each recipient the first that says it holds it, else the last word."""
    attestations: list[Attestation] = field(default_factory=list)
    checkpoints: list[Checkpoint | None] = field(default_factory=list)
    """In the order of the file, which proofs refer to."""
    shown: list[Checkpoint] = field(default_factory=list)
    """Every checkpoint that appears anywhere."""
    held: list[Held] = field(default_factory=list)

    def checkpoint(self, number: int) -> Checkpoint | None:
        """Return the checkpoint that proofs call by this number; None where there is none that verified."""
        return self.checkpoints[number] if number < len(self.checkpoints) else None

    def delivered(self, digest: str) -> Sequence[tuple[Delivery, Receipt]]:
        """Return what receipts say of a statement."""
        return self.deliveries.get(digest, ())

    def key_of(self, document: Statement | Receipt | Attestation) -> VerifyKey:
        """Return the key a document was verified with."""
        key = self.keys.find(document.kid)
        if key is None:
            raise LookupError(document.kid)
        return key


def check_seal(file: EvidenceFile, keys: Keys, findings: Findings) -> bool:
    """Tell whether the file is what its exporter sealed, with a key that counted on that day."""
    made_at = file.content.made_at
    try:
        key = _open_seal(file, keys)
        key.refuse_unless_valid(made_at)
    except Refused as refused:
        findings.wrong(refused.reason, "seal", refused.detail, "文件与导出单位的封签不一致。")
        return False
    if key.compromised_since is not None and made_at >= key.compromised_since:
        findings.wrong("stolen-seal", "seal", "The key of the seal was stolen by then.", "封签所用密钥当时已失窃。")
    return True


def _open_seal(file: EvidenceFile, keys: Keys) -> VerifyKey:
    content = file.content
    opened = jws.open_token(file.seal, typ=TYP, find_key=keys.find, max_bytes=len(file.seal))
    said = opened.payload
    sealed = (said["iss"], claims.digest(said, "content"), claims.ident(said, "thread"))
    if sealed != (content.made_by, file.content_digest, content.thread):
        raise Refused(Reason.BAD_EVIDENCE, "the content is not what its exporter sealed")
    if claims.seconds(said, "iat") != content.made_at.replace(microsecond=0):
        raise Refused(Reason.BAD_EVIDENCE, "the seal is of another moment than the content")
    return opened.key


def open_documents(content: Content, keys: Keys, findings: Findings) -> Documents:
    """Open every piece; each that does not verify is a finding."""
    opened = Documents(keys)
    anyone = {"find_key": keys.find, "us": None, "sender": None}
    for number, record in enumerate(content.statements, 1):
        subject = f"statement {number}"
        statement = _try(findings, subject, open_statement, record.token, record.private, received_at=None, **anyone)
        if statement is None:
            continue
        if statement.digest in opened.statements:
            findings.wrong("doubled", subject, "The statement stands twice.", "该报文重复出现。")
        opened.statements[statement.digest] = statement
        opened.records[statement.digest] = record
    opened.batches = {each.digest: each for each in _open_each(findings, "batch", content.batches, open_batch, anyone)}
    receipts = _open_each(findings, "receipt", content.receipts, open_receipt, anyone)
    opened.receipts = {each.digest: each for each in receipts}
    opened.deliveries = _deliveries(opened.receipts.values())
    opened.attestations = _open_each(findings, "attestation", content.attestations, open_attestation, anyone)
    _open_notes(content, opened, findings)
    return opened


def open_note(text: str, keys: Keys) -> Checkpoint:
    """Open a checkpoint with whichever log key its bureau had.

    Raises:
        Refused: none fits.

    """
    owner = text.split("\n", 1)[0].split("/")[1:2]
    refusal = Refused(Reason.BAD_CHECKPOINT, "a checkpoint of a log whose bureau's keys are not known")
    for key in keys.of(owner[0]) if owner else ():
        if key.use is Use.LOG:
            try:
                return open_checkpoint(text, log_key=key)
            except Refused as refused:
                refusal = refused
    raise refusal


def _deliveries(receipts: Iterable[Receipt]) -> dict[str, list[tuple[Delivery, Receipt]]]:
    told: dict[str, dict[str, tuple[Delivery, Receipt]]] = {}
    for receipt in sorted(receipts, key=lambda each: each.received_at):
        for verdict in receipt.verdicts:
            of_statement = told.setdefault(verdict.digest, {})
            before = of_statement.get(receipt.iss)
            if before is None or before[0].outcome is Outcome.REFUSED:
                delivery = Delivery(receipt.iss, verdict.verdict, receipt.received_at, verdict.reason)
                of_statement[receipt.iss] = (delivery, receipt)
    return {digest: list(of_statement.values()) for digest, of_statement in told.items()}


def _open_notes(content: Content, opened: Documents, findings: Findings) -> None:
    """Open every checkpoint: the file's own, those in receipts and attestations, and those attested to."""
    keys = opened.keys
    opened.checkpoints = [
        _try(findings, f"checkpoint {number}", open_note, text, keys)
        for number, text in enumerate(content.checkpoints, 1)
    ]
    inside: list[Receipt | Attestation] = [*opened.receipts.values(), *opened.attestations]
    notes = [_try(findings, f"checkpoint in {each.digest}", open_note, each.checkpoint, keys) for each in inside]
    opened.shown.extend(note for note in (*opened.checkpoints, *notes) if note is not None)
    for attestation in opened.attestations:
        for holding in attestation.holds:
            try:
                note = open_note(holding.checkpoint, keys)
            except Refused:
                continue  # it holds checkpoints of bureaus that have nothing to do with this thread
            opened.shown.append(note)
            opened.held.append(Held(note, attestation.iss, holding.since, opened.key_of(attestation)))


def _open_each(
    findings: Findings, what: str, tokens: Sequence[bytes], open_one: Callable[..., T], how: Mapping[str, Any]
) -> list[T]:
    opened = [_try(findings, f"{what} {number}", open_one, token, **how) for number, token in enumerate(tokens, 1)]
    return [each for each in opened if each is not None]


def _try(findings: Findings, subject: str, open_one: Callable[..., T], *what: object, **how: object) -> T | None:
    try:
        return open_one(*what, **how)
    except Refused as refused:
        findings.wrong(refused.reason, subject, refused.detail, "签名文件未通过验证。")
        return None
