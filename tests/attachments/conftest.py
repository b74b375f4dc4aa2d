"""Two bureaus whose attachments move over the town's network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from ecolink.attachments.arrivals import Arrivals
from ecolink.attachments.confirmations import Confirmations
from ecolink.attachments.exchange import BlobDesk
from ecolink.attachments.service import Attachments
from ecolink.attachments.shelf import Shelf
from ecolink.attachments.store import BlobStore
from ecolink.attachments.transfers import Transfers
from ecolink.entrypoints.wiring import Node
from ecolink.federation.statements import Stored
from ecolink.protocol.statement import AttachmentRef, Draft, Handling, HandlingCode, Lane, Onward
from tests.support.town import QINGYUAN, SHOUNING, Town

MAX_BYTES = 4 * 1024 * 1024


@dataclass
class Bureau:
    """One node and its attachment room."""

    node: Node
    store: BlobStore
    shelf: Shelf
    attachments: Attachments
    arrivals: Arrivals
    transfers: Transfers
    confirmations: Confirmations

    def upload(self, data: bytes, name: str = "杉木.jpg", by: str = "lin.qing") -> AttachmentRef:
        with self.store.stage() as staged:
            staged.write(data)
            staged.seal()
            with self.node.database.begin() as session:
                return self.attachments.keep(
                    session, staged, name=name, media_type="image/jpeg", by=by, now=self.node.clock.now()
                )

    def send(self, *refs: AttachmentRef, to: str = QINGYUAN, recalls: str | None = None, **said: object) -> Stored:
        now = self.node.clock.now()
        draft = Draft(
            **{
                "type": "lead.requested.v1",
                "lane": Lane.CASE if recalls is None else Lane.CONTROL,
                "classification": "internal",
                "handling": Handling(code=HandlingCode.H0, onward=Onward.NONE),
                "purpose": "查办盗伐林木案",
                "legal_basis": "警务协作协议书",
                "author_role": "liaison_officer",
                "retain_until": now + timedelta(days=1100),
                "attachments": refs,
                "recalls": recalls,
                "body": {},
                **said,
            }
        )
        with self.node.database.begin() as session:
            return self.node.outbox.send(session, draft, now=now, recipients=[to])

    def holds(self, digest: str) -> bool:
        with self.node.database.read() as session:
            return digest in self.shelf.held(session, [digest])

    def work(self) -> int:
        """Move and confirm until there is nothing to do now; return how many steps that took."""
        steps = 0
        while self.move() or self.confirmations.step(self.node.clock.now()):
            steps += 1
            assert steps < 200
        return steps

    def move(self) -> bool:
        """Move a few parts of what has waited longest; tell whether there was something."""
        taken = self.transfers.take(self.node.clock.now())
        if taken is not None:
            self.transfers.carry(taken, self.node.clock.now)
        return taken is not None


def furnish(node: Node, quota_bytes: int = 64 * 1024 * 1024) -> Bureau:
    store = BlobStore(node.settings.data_dir / "blobs", MAX_BYTES)
    shelf = Shelf(store, quota_bytes)
    attachments = Attachments(node.us, shelf)
    arrivals = Arrivals(node.database, shelf, Random(1))  # noqa: S311 - jitter
    node.hooks.kept[:] = [attachments.link]  # in place of the room the node came with
    node.handlers.update(attachments.handlers())
    node.handlers["lead.requested.v1"] = lambda *_: None
    node.gate.rooms.update(BlobDesk(node.database, node.callers, arrivals).rooms())
    return Bureau(
        node=node,
        store=store,
        shelf=shelf,
        attachments=attachments,
        arrivals=arrivals,
        transfers=Transfers(node.database, arrivals, node.client, Random(2)),  # noqa: S311 - jitter
        confirmations=Confirmations(node.database, node.outbox),
    )


@pytest.fixture
def town(tmp_path: Path, new_database_url: Callable[[], str]) -> Iterator[Town]:
    town = Town(tmp_path, new_database_url)
    for code in (SHOUNING, QINGYUAN):
        town.add(code)
    town.introduce(SHOUNING, QINGYUAN)
    yield town
    town.close()


@pytest.fixture
def shouning(town: Town) -> Bureau:
    return furnish(town.nodes[SHOUNING])


@pytest.fixture
def qingyuan(town: Town) -> Bureau:
    return furnish(town.nodes[QINGYUAN])
