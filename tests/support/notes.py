"""A tiny exchange room for tests of the federation itself: notes, which are sent and listed and nothing else."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from ecolink.entrypoints.wiring import Node
from ecolink.federation.handling import Park, Reject
from ecolink.federation.statements import Stored
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward
from ecolink.storage.engine import after_commit

NOTE = "note.written.v1"


@dataclass
class Notebook:
    """What one node applied and committed, in order; `refuse` and `stumble` name texts it will not take."""

    node: Node
    texts: list[str] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    stumble: set[str] = field(default_factory=set)
    wait_for: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.node.handlers[NOTE] = self.apply

    def apply(self, session: Session, stored: Stored, now: datetime) -> None:
        text = stored.statement.body["text"]
        if text in self.refuse:
            raise Reject("not-wanted", "this note is not wanted here")
        if text in self.stumble:
            raise ZeroDivisionError
        if self.wait_for.get(text, text) not in (*self.texts, text):
            raise Park(f"{text} waits for {self.wait_for[text]}")
        after_commit(session, lambda: self.texts.append(text))

    def send(self, text: str, *recipients: str, lane: Lane = Lane.CASE, **members: Any) -> Stored:
        """Send a note to other bureaus."""
        with self.node.database.begin() as session:
            draft = note(text, self.node.clock.now(), lane=lane, **members)
            return self.node.outbox.send(session, draft, now=self.node.clock.now(), recipients=recipients)


def note(text: str, now: datetime, *, lane: Lane = Lane.CASE, **members: Any) -> Draft:
    """Return the draft of a note."""
    said: dict[str, Any] = {
        "type": NOTE,
        "lane": lane,
        "classification": "internal",
        "handling": Handling(code=HandlingCode.H0, onward=Onward.NONE),
        "purpose": "tests of the exchange",
        "legal_basis": "co-operation agreement",
        "author_role": "officer",
        "retain_until": now + timedelta(days=1095),
        "body": {"text": text},
    }
    return Draft(**{**said, **members})
