"""Holding an opened backup to what it promises: its database is whole, its log adds up, its attachments are there."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ecolink.attachments.models import Blob
from ecolink.audit.log import EvidenceLog
from ecolink.audit.models import LogLeaf
from ecolink.entrypoints.backup.about import About, look
from ecolink.entrypoints.backup.unpacking import Unpacked
from ecolink.errors import SettingError
from ecolink.federation.models import ManifestRow, StatementRow
from ecolink.kit.clock import SystemClock
from ecolink.protocol import leaves, manifest
from ecolink.protocol.jws import digest_of
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.manifest import Manifest
from ecolink.protocol.merkle import Frontier
from ecolink.protocol.refusal import Refused
from ecolink.storage import schema
from ecolink.storage.engine import Database

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a backup that is not as it should be."""

    detail_en: str
    detail_zh: str


def examine(database: Database, unpacked: Unpacked) -> list[Problem]:
    """Examine the database of a backup, brought to this ecolink's schema on the way; return what is wrong."""
    if database.is_sqlite and (broken := _broken_pages(database)):
        return [Problem(f"The database is broken: {broken}", f"数据库已损坏：{broken}")]
    refusal = _bring_up(database)
    if refusal is not None:
        return [refusal]
    log = reading_log(unpacked.about.unit_code)
    with database.read() as session:
        return [
            *_against_about(session, log, unpacked.about),
            *_log(session, log),
            *_statements(session),
            *_own_keys(session, unpacked.about.unit_code),
            *_blobs(session, unpacked.blobs, unpacked.missing, unpacked.spoilt),
        ]


def reading_log(unit_code: str) -> EvidenceLog:
    """Return the evidence log of a database that is only read; its key signs nothing."""
    return EvidenceLog(unit_code, SigningKey.generate(), SystemClock())


def own_manifest(session: Session, unit_code: str) -> Manifest:
    """Return the newest key manifest that the database holds of its own node.

    Raises:
        Refused: there is none, or it does not verify.

    """
    rows = session.scalars(
        select(ManifestRow.tokens).where(ManifestRow.unit_code == unit_code).order_by(ManifestRow.version)
    )
    return manifest.verify(manifest.from_text([list(tokens) for tokens in rows]), issuer=unit_code, pinned_head=None)


def _broken_pages(database: Database) -> str | None:
    with database.read() as session:
        first = session.scalar(text("PRAGMA integrity_check(1)"))
    return None if first == "ok" else str(first)


def _bring_up(database: Database) -> Problem | None:
    try:
        present, newest = schema.versions(database.engine)
        if present not in schema.known():
            schema.refuse_unless_current(database.engine)
        if present != newest:
            schema.upgrade(database.engine)
    except SettingError as refused:
        return Problem(refused.detail_en, refused.detail_zh)
    return None


def _against_about(session: Session, log: EvidenceLog, about: About) -> Iterator[Problem]:
    found = look(
        session, log, unit_code=about.unit_code, name_zh=about.name_zh, now=about.made_at, with_keys=about.with_keys
    )
    if (found.log, found.statements) != (about.log, about.statements):
        yield Problem(
            f"The database holds {found.statements} statements and {found.log.size} leaves of evidence log "
            f"{found.log.log_epoch}; the backup says {about.statements}, {about.log.size} and {about.log.log_epoch}.",
            "数据库中的报文数或存证日志与备份说明不符。",
        )


def _log(session: Session, log: EvidenceLog) -> Iterator[Problem]:
    """Add every log up anew from its leaves, and compare with its head."""
    for log_epoch in log.epochs(session):
        head = log.head(session, log_epoch)
        rows = session.execute(
            select(LogLeaf.kind, LogLeaf.digest)
            .where(LogLeaf.log_epoch == log_epoch)
            .order_by(LogLeaf.idx)
            .execution_options(yield_per=_PAGE)
        )
        tree = Frontier()
        tree.extend(leaves.hash_of(row.kind, row.digest) for row in rows)
        if (tree.size, tree.root()) != (head.tree.size, head.tree.root()):
            yield Problem(
                f"The evidence log {head.origin} does not add up: its leaves are not those its head was made of.",
                f"存证日志 {head.origin} 与其叶子不一致。",
            )


def _statements(session: Session) -> Iterator[Problem]:
    rows = session.execute(
        select(StatementRow.jti, StatementRow.digest, StatementRow.token).execution_options(yield_per=_PAGE)
    )
    altered = [row.jti for row in rows if digest_of(row.token) != row.digest]
    if altered:
        yield Problem(
            f"{len(altered)} statements are not what their digest names, such as {altered[0]}.",
            f"{len(altered)} 份报文与其摘要不符，例如 {altered[0]}。",
        )


def _own_keys(session: Session, unit_code: str) -> Iterator[Problem]:
    try:
        own_manifest(session, unit_code)
    except Refused as refused:
        yield Problem(
            f"The node's own key manifest does not verify: {refused}", f"本单位密钥清单未通过验证：{refused.reason}"
        )


def _blobs(
    session: Session, held: AbstractSet[str], missing: AbstractSet[str], spoilt: AbstractSet[str]
) -> Iterator[Problem]:
    named = set(session.scalars(select(Blob.digest).where(Blob.dropped_at.is_(None))))
    if lost := named - held - missing - spoilt:
        yield Problem(
            f"{len(lost)} attachments that the database names are not in the backup.",
            f"备份缺少数据库中登记的 {len(lost)} 个附件。",
        )
    if spoilt:
        yield Problem(
            f"{len(spoilt)} attachments are not what their digest names, such as {min(spoilt)}.",
            f"{len(spoilt)} 个附件与其摘要不符，例如 {min(spoilt)}。",
        )
