"""Bundles of a node: the exchange's desk, and the attachments that ride along."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom

from sqlalchemy.orm import Session

from ecolink.attachments.arrivals import Arrivals
from ecolink.attachments.service import Attachments
from ecolink.entrypoints.wiring import Node
from ecolink.federation.bundles import BundleDesk
from ecolink.protocol.bundle import CHUNK_BYTES
from ecolink.protocol.statement import AttachmentRef


@dataclass(frozen=True)
class CarriedBlobs:
    """Attachments, as bundles take them out and in."""

    attachments: Attachments
    arrivals: Arrivals

    def owed(self, session: Session, peer: str) -> Sequence[AttachmentRef]:
        """Return what our statements to `peer` name and it has not confirmed."""
        return self.attachments.owed(session, peer)

    def read(self, digest: str) -> Iterator[bytes]:
        """Yield the bytes of an attachment."""
        with self.arrivals.shelf.store.open(digest) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def take(self, peer: str, digest: str, chunks: Iterator[bytes], now: datetime) -> bool:
        """Take in an attachment of `peer`; tell whether a standing statement of it names this one."""
        with self.arrivals.database.read() as session:
            blob = self.arrivals.expected(session, digest, peer)
        if blob is None or blob.too_large:
            return False
        first = 0
        for chunk in chunks:
            blob = self.arrivals.take(blob, first, chunk, now)
            first += len(chunk)
        return blob.shelved


def bundle_desk(node: Node) -> BundleDesk:
    """Return the desk that makes bundles of `node` and takes them in."""
    attachments = node.rooms.attachments
    return BundleDesk(
        us=node.us,
        database=node.database,
        keys=node.keys,
        keystore=node.keystore,
        signer=node.signer,
        peers=node.peers,
        callers=node.callers,
        inbox=node.inbox,
        receipts=node.receipts,
        applier=node.applier,
        witnessing=node.witnessing,
        blobs=CarriedBlobs(attachments, Arrivals(node.database, attachments.shelf, SystemRandom())),
    )
