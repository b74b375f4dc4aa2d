"""The author's node with a hand inside it: a whole node, and a thread that queues statements by a plan made beforehand.

The hand does what an endpoint does after its checks: `outbox.send`, in a transaction for each statement. The moments
are fixed before it begins; when it is late it queues at once, and the time is still counted from the planned moment.
A statement has arrived when the peer's verified receipt for it is committed here. Where other processes do the node's
work (`--no-worker`) it is theirs to tell (`ear.py`): the hand then says only what it planned.
"""

import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from ecolink.configuration import load
from ecolink.entrypoints import serving
from ecolink.entrypoints.wiring import Node, build_node
from ecolink.exchanges.emergencies.examples import FIRE
from ecolink.federation.receipts import Confirmed
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward
from ecolink.storage.engine import after_commit

PATIENCE_S = 180.0
BULLETIN = {
    "kind": "trend",
    "title": "野生兰花混作茶苗邮寄出省",
    "body": "近期发现有人将采挖的野生兰花夹带在茶苗包裹中。" * 6,
    "grading": {"source": "A", "information": "1"},
    "sanitised": True,
}
"""Makes a token of about 1.5 KB."""


def draft(lane: Lane, now: datetime) -> Draft:
    """Return a statement as a bureau would say it in `lane`: an alert, or a bulletin."""
    alert = lane is Lane.EMERGENCY
    return Draft(
        type="emergency.alert.v1" if alert else "bulletin.published.v1",
        lane=lane,
        classification="internal",
        handling=Handling(code=HandlingCode.H0, onward=Onward.NONE),
        purpose="benchmark",
        legal_basis="benchmark",
        author_role="officer",
        approver={"id": "approver", "role": "approver"},
        retain_until=now + timedelta(days=1095),
        body={**FIRE, "status": "actual"} if alert else BULLETIN,
    )


@dataclass
class Hand:
    """Queues statements to `recipient`, and notes when each has arrived."""

    node: Node
    recipient: str
    arrived: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each statement arrived at each of its recipients."""
    waiting: threading.Condition = field(default_factory=threading.Condition)
    receipted: int = 0

    def hear(self, session: Session, confirmed: Sequence[Confirmed], now: datetime) -> None:  # noqa: ARG002 - a hook
        """Note what a receipt confirmed, once it is committed."""
        places = [(each.jti, each.recipient) for each in confirmed]

        def note() -> None:
            moment = time.monotonic()
            with self.waiting:
                self.receipted += len(places)
                self.arrived.update(dict.fromkeys(places, moment))
                self.waiting.notify_all()

        after_commit(session, note)

    def send(self, voices: Sequence[dict[str, Any]], wait_for: int = 0) -> dict[str, Any]:
        """Let voices speak at their moments, and return how long each statement took, in milliseconds.

        With `wait_for`, wait until so many statements were receipted in all, and say how long that took.
        """
        before, began = self.receipted, time.monotonic()
        told: list[dict[str, Any]] = [{} for _ in voices]
        threads = [
            threading.Thread(target=self._speak, args=(voice, began + voice.get("after_s", 0.2), place))
            for voice, place in zip(voices, told, strict=True)
        ]
        for thread in threads:
            thread.start()
        if wait_for:
            self.open_up()
        for thread in threads:
            thread.join()
        seconds = None
        if wait_for:
            with self.waiting:
                self.waiting.wait_for(lambda: self.receipted - before >= wait_for, PATIENCE_S)
            seconds = time.monotonic() - began
        return {"voices": told, "seconds": seconds, "receipted": self.receipted - before}

    def open_up(self) -> None:
        """Trust the peer again: what was queued while it was suspended begins to flow."""
        now = self.node.clock.now()
        with self.node.database.begin() as session:
            peer = self.node.peers.get(session, self.recipient)
            self.node.peers.activate(session, self.recipient, read_out=peer.fingerprint, by="benchmark", now=now)

    def _speak(self, voice: dict[str, Any], start: float, told: dict[str, Any]) -> None:
        lane, count = Lane(voice["lane"]), voice["count"]
        circles: list[list[str]] = voice.get("to") or [[self.recipient]]
        silent = set(voice.get("silent", ()))
        planned: dict[tuple[str, str], float] = {}
        late = 0.0
        for number in range(count):
            moment = start + number * voice["every_s"]
            if (wait := moment - time.monotonic()) > 0:
                time.sleep(wait)
            late = max(late, time.monotonic() - moment)
            now = self.node.clock.now()
            with self.node.database.begin(urgent=lane is Lane.EMERGENCY) as session:
                circle = circles[number % len(circles)]
                sent = self.node.outbox.send(session, draft(lane, now), now=now, recipients=circle)
            planned |= {(sent.statement.jti, each): moment for each in circle if each not in silent}
        told |= {"lane": lane.value, "sent": count, "latest_start_ms": late * 1000}
        if voice.get("elsewhere"):
            told["planned"] = [(*place, moment) for place, moment in planned.items()]
            return
        with self.waiting:
            self.waiting.wait_for(lambda: planned.keys() <= self.arrived.keys(), PATIENCE_S)
            took = [(self.arrived[place] - at) * 1000 for place, at in planned.items() if place in self.arrived]
        told["took_ms"] = took


def main() -> None:
    """Serve, and obey orders from standard input."""
    settings = load(Path(sys.argv[1]))

    def build(*args: Any, **kwargs: Any) -> Node:
        node = build_node(*args, **kwargs)
        threading.Thread(target=_obey, args=(node,), daemon=True).start()
        return node

    serving.build_node = build  # type: ignore[attr-defined]  # the one thing that is not as in `ecolink serve`
    serving.serve(settings, worker="--no-worker" not in sys.argv, announce=lambda: print("{}", flush=True))


def _obey(node: Node) -> None:
    hand: Hand | None = None
    for line in sys.stdin:
        order = json.loads(line)
        if hand is None:
            hand = Hand(node, order["recipient"])
            node.hooks.receipted.append(hand.hear)
        told = hand.send(order.get("voices", ()), order.get("wait_for", 0))
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
