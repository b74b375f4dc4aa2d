"""Two bureaus in memory, their logs and what they told each other: the stuff evidence files are made of."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.ids import new_id
from ecolink.kit.times import to_text
from ecolink.protocol import evidence, leaves, manifest, merkle
from ecolink.protocol.attestation import Holding, seal_attestation
from ecolink.protocol.batch import GENESIS, chain, seal_batch
from ecolink.protocol.card import build_card
from ecolink.protocol.checkpoint import origin_of, seal_checkpoint
from ecolink.protocol.evidence import Content, GrowthProof, LeafProof, StatementRecord, Trust
from ecolink.protocol.jws import digest_of
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.receipt import Outcome, Verdict, seal_receipt
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward

SHOUNING, QINGYUAN = "350924000000", "331126000000"
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@dataclass
class Bureau:
    """One bureau's keys and its evidence log."""

    unit_code: str
    sign: SigningKey = field(default_factory=SigningKey.generate)
    log: SigningKey = field(default_factory=SigningKey.generate)
    committed: SigningKey = field(default_factory=SigningKey.generate)
    documents: list = field(default_factory=list)
    logs: dict[int, list[tuple[str, str]]] = field(default_factory=lambda: {1: []})

    def __post_init__(self):
        self.documents = [
            manifest.new_manifest(
                iss=self.unit_code,
                now=START,
                sign_key=self.sign,
                log_key=self.log,
                seal_key=SigningKey.generate(),
                next_kid=self.committed.kid,
            )
        ]

    @property
    def head(self):
        return manifest.verify(self.documents, issuer=self.unit_code, pinned_head=None)

    @property
    def epoch(self):
        return max(self.logs)

    def append(self, kind, digest):
        self.logs[self.epoch].append((kind, digest))

    def hashes(self, epoch):
        return [leaves.hash_of(*leaf) for leaf in self.logs[epoch]]

    def note(self, size=None, epoch=None):
        hashes = self.hashes(epoch or self.epoch)[:size]
        return seal_checkpoint(
            origin_of(self.unit_code, epoch or self.epoch), len(hashes), merkle.root_of(hashes), self.log
        )

    def prove(self, ranges, epoch):
        hashes = self.hashes(epoch)
        return tuple(
            merkle.prove(
                ranges,
                lambda part: merkle.root_of(hashes[part.number << part.level : (part.number + 1) << part.level]),
            )
        )

    def rotate(self, now):
        old, self.sign, self.committed = self.sign, self.committed, SigningKey.generate()
        self.documents.append(
            manifest.rotate(
                self.head, now=now, new_key=self.sign, old_key=old, next_kid=self.committed.kid, overlap=timedelta(7)
            )
        )

    def lose_key(self, now, since):
        """Revoke the signing key, stolen since a moment."""
        self.sign, self.committed = self.committed, SigningKey.generate()
        self.documents.append(
            manifest.revoke(self.head, now=now, new_key=self.sign, next_kid=self.committed.kid, compromised_since=since)
        )

    def restore(self, size, held_by, now):
        """Forget what came after `size` leaves, close the log there and declare it in a new one."""
        self.logs[self.epoch] = self.logs[self.epoch][:size]
        text = dumps({"closed": self.note(), "held_by_peers": held_by, "at": to_text(now)}).decode()
        self.logs[self.epoch + 1] = [("restore", sha256_hex(text.encode()))]
        return text

    def card(self):
        return build_card(
            iss=self.unit_code,
            name_zh="公安局",
            name_en="Bureau",
            region=self.unit_code[:6],
            federation_url="https://node.example",
            duty_phone="0593-0000001",
            manifests=self.documents,
            now=START,
            key=self.sign,
        )


@dataclass
class Story:
    """A thread between two bureaus, told move by move."""

    shouning: Bureau = field(default_factory=lambda: Bureau(SHOUNING))
    qingyuan: Bureau = field(default_factory=lambda: Bureau(QINGYUAN))
    now: datetime = START
    statements: list = field(default_factory=list)
    batches: list = field(default_factory=list)
    receipts: list = field(default_factory=list)
    attestations: list = field(default_factory=list)
    restores: list = field(default_factory=list)
    channels: dict = field(default_factory=dict)

    def __post_init__(self):
        self.thread = new_id(START)

    @classmethod
    def told(cls):
        """A request with personal data, its answer, and a closing word."""
        story = cls()
        story.say(story.shouning, private={"name": "林某"})
        story.say(story.qingyuan)
        story.say(story.shouning)
        return story

    def other(self, bureau):
        return self.qingyuan if bureau is self.shouning else self.shouning

    def wait(self, **span):
        self.now += timedelta(**span)

    def say(self, author, *, receipted=True, **members):
        self.wait(minutes=10)
        said = {
            "aud": (self.other(author).unit_code,),
            "type": "lead.noted.v1",
            "thread": self.thread,
            "parents": tuple(each.digest for each in self.statements[-1:]),
            "lane": Lane.CASE,
            "classification": "internal",
            "handling": Handling(code=HandlingCode.H0, onward=Onward.NONE),
            "purpose": "timber theft",
            "legal_basis": "co-operation agreement",
            "author_role": "officer",
            "retain_until": START + timedelta(days=1000),
            "body": {"text": f"word {len(self.statements)}"},
        }
        statement = seal(
            Draft(**{**said, **members}), iss=author.unit_code, jti=new_id(self.now), iat=self.now, key=author.sign
        )
        author.append("sent", statement.digest)
        self.statements.append(statement)
        if receipted:
            self.deliver(author, statement)
        return statement

    def deliver(self, author, statement, outcome=Outcome.STORED, reason=None, at=None):
        """Put a statement on the author's channel and have the other side receipt it."""
        recipient = self.other(author)
        seq, prev = self.channels.get(author.unit_code, (0, GENESIS))
        batch = seal_batch(
            iss=author.unit_code,
            aud=recipient.unit_code,
            lane=Lane.CASE,
            epoch=1,
            first_seq=seq + 1,
            prev=prev,
            entries=[statement.digest],
            key=author.sign,
        )
        head = chain(prev, seq + 1, statement.digest)
        self.channels[author.unit_code] = (seq + 1, head)
        recipient.append("received" if outcome is Outcome.STORED else "refused", statement.digest)
        receipt = seal_receipt(
            iss=recipient.unit_code,
            aud=author.unit_code,
            batch=digest_of(batch),
            lane=Lane.CASE,
            epoch=1,
            received_at=at or self.now + timedelta(minutes=1),
            verdicts=[Verdict(statement.digest, outcome, reason)],
            head_seq=seq + 1,
            head_chain=head,
            checkpoint=recipient.note(),
            key=recipient.sign,
        )
        recipient.append("receipt", digest_of(receipt))
        author.append("receipt-held", digest_of(receipt))
        self.batches.append(batch)
        self.receipts.append(receipt)

    def attest(self, holder, of, since=None):
        """`holder` attests to hold the present checkpoint of `of`."""
        note = of.note()
        self.attestations.append(
            seal_attestation(
                iss=holder.unit_code,
                aud=of.unit_code,
                now=self.now,
                checkpoint=holder.note(),
                holds=[Holding(note, since or self.now)],
                key=holder.sign,
            )
        )
        return note

    def content(self, exporter=None, held=()):
        """What `exporter` knows of the thread; `held` are notes of its log that others attest to."""
        exporter = exporter or self.shouning
        present = [exporter.note(epoch=epoch) for epoch in exporter.logs]
        notes = [*present, *held]
        wanted = {each.digest for each in self.statements} | set(map(digest_of, self.receipts))
        wanted |= {sha256_hex(text.encode()) for text in self.restores}
        proofs, growth = [], []
        for number, note in enumerate(notes):
            epoch, size = int(note.split("\n")[0].split("/")[2]), int(note.split("\n")[1])
            for index, (kind, digest) in enumerate(exporter.logs[epoch][:size]):
                if digest in wanted or kind == "erasure":
                    proof = exporter.prove(merkle.inclusion_ranges(index, size), epoch)
                    proofs.append(LeafProof(number, kind, digest, index, proof))
            whole = len(exporter.logs[epoch])
            if note in held and size <= whole:
                proof = exporter.prove(merkle.consistency_ranges(size, whole), epoch)
                growth.append(GrowthProof(number, list(exporter.logs).index(epoch), proof))
        return Content(
            thread=self.thread,
            made_by=exporter.unit_code,
            made_at=self.now + timedelta(days=30),
            manifests={each.unit_code: each.documents for each in (self.shouning, self.qingyuan)},
            statements=[StatementRecord(each.token, each.private) for each in self.statements],
            batches=self.batches,
            receipts=self.receipts,
            attestations=self.attestations,
            checkpoints=notes,
            leaves=proofs,
            growth=growth,
            restores=self.restores,
        )

    def trust(self):
        return Trust.given([self.shouning.card(), self.qingyuan.card()])

    def file(self, exporter=None, held=(), **changes):
        exporter = exporter or self.shouning
        return evidence.write(replace(self.content(exporter, held), **changes), exporter.sign)

    def verify(self, exporter=None, held=(), **changes):
        """Export, perhaps with some members changed before sealing, and verify."""
        return evidence.verify(self.file(exporter, held, **changes), self.trust())


def codes(report, level="wrong"):
    """Return what was found; whatever it is, it says of what, in English and in Chinese."""
    for finding in report.findings:
        assert finding.subject
        assert finding.detail_en.isascii()
        assert re.search("[\u4e00-\u9fff]", finding.detail_zh)
    return [finding.code for finding in report.findings if finding.level == level]
