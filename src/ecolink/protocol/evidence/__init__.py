"""The evidence file of one thread: everything said, receipted and logged, checkable by anyone with the public keys.

`record` is the file's form, `trust` whose keys count, `documents` opens every signed piece, `proofs` tries what is said
to be in a log, `history` and `logs` check what the pieces say together, `report` is what a person is told. `verify`
narrates it.
"""

from ecolink.protocol.evidence import history, logs
from ecolink.protocol.evidence.documents import check_seal, open_documents
from ecolink.protocol.evidence.proofs import try_proofs
from ecolink.protocol.evidence.record import (
    FORM,
    MAX_FILE_BYTES,
    TYP,
    Content,
    GrowthProof,
    LeafProof,
    StatementRecord,
    read,
    write,
)
from ecolink.protocol.evidence.report import Delivery, Finding, Findings, Level, Line, Report
from ecolink.protocol.evidence.trust import UNTRUSTED, Keys, Trust
from ecolink.protocol.refusal import Refused

__all__ = [
    "FORM",
    "MAX_FILE_BYTES",
    "TYP",
    "UNTRUSTED",
    "Content",
    "Delivery",
    "Finding",
    "GrowthProof",
    "LeafProof",
    "Level",
    "Line",
    "Report",
    "StatementRecord",
    "Trust",
    "read",
    "verify",
    "write",
]


def verify(raw: bytes, trust: Trust) -> Report:
    """Check an evidence file, offline, against what the verifier holds from elsewhere; never raises.

    1. The file has its one spelling and is what its exporter sealed.
    2. Every bureau's keys are joined to a card or a fingerprint from outside.
    3. Every signed document verifies.
    4. The documents fit each other: one thread without holes, receipts that answer batches, valid keys.
    5. Everything is in the exporter's evidence log, and no log shows two pasts.
    6. What was signed with a key that was stolen later was there before, by another's word.
    """
    findings = Findings()
    try:
        file = read(raw)
    except Refused as refused:
        findings.wrong(refused.reason, "file", refused.detail, "文件格式不正确，或内容被改动。")
        return _report(findings)
    content = file.content
    keys = _settle(content, trust, findings)
    if not check_seal(file, keys, findings):
        return _report(findings, content, keys)
    documents = open_documents(content, keys, findings)
    proofs = try_proofs(content, documents)
    history.check(content, documents, proofs, findings)
    logs.check(content, documents, proofs, findings)
    return _report(findings, content, keys, history.tell(documents, proofs))


def _settle(content: Content, trust: Trust, findings: Findings) -> Keys:
    believed = {}
    for unit_code in sorted({content.made_by, *content.manifests}):
        try:
            believed[unit_code] = trust.settle(unit_code, content.manifests.get(unit_code))
        except Refused as refused:
            findings.wrong(
                refused.reason, unit_code, refused.detail, f"没有文件之外的名片或指纹可证明 {unit_code} 的密钥。"
            )
    return Keys(believed)


def _report(
    findings: Findings, content: Content | None = None, keys: Keys | None = None, lines: tuple[Line, ...] = ()
) -> Report:
    return Report(
        thread=content.thread if content else None,
        made_by=content.made_by if content else None,
        made_at=content.made_at if content else None,
        fingerprints=keys.fingerprints() if keys else {},
        findings=tuple(findings.found),
        lines=lines,
    )
