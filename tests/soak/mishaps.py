"""Somebody who breaks things while others work: kills nodes, changes keys, puts clocks wrong and right again."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.soak.desk import Act, Attempt, Desks, Json, NotYet
from tests.soak.plan import Event, Mishap
from tests.soak.station import Station
from tests.soak.violations import Violation

NOTICED_WITHIN_S = 240.0
"""How long a wrong clock may go unnoticed by those who are called."""
ROTATED_WITHIN_S = 240.0


@dataclass
class Breaker:
    """Does what the plan says, one mishap after the other, each when its share of the traffic has passed."""

    desks: Desks
    events: Sequence[Event]
    share: Callable[[], float]
    tell: Callable[[str], None]
    done: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def run(self) -> None:
        """Break everything there is to break; whatever goes wrong in that is a violation as well."""
        for number, event in enumerate(self.events):
            while self.share() < event.at_share:
                time.sleep(0.05)
            self.tell(f"{event.mishap} {event.unit_code}" + (f", {event.amount:+.0f} s" if event.amount else ""))
            station = self.desks.stations[event.unit_code]
            try:
                match event.mishap:
                    case Mishap.KILL:
                        self._kill(station, event.amount)
                    case Mishap.ROTATE:
                        self._rotate(station, number)
                    case Mishap.SKEW:
                        self._skew(station, event.amount)
            except Exception as fault:  # noqa: BLE001 - a thread's exception would be lost
                self.violations.append(Violation("mishap-not-survived", event.unit_code, f"{event}: {fault}"))
                return
            self.done[event.mishap] += 1

    def _kill(self, station: Station, down_s: float) -> None:
        station.kill()
        time.sleep(down_s)
        station.start()

    def _rotate(self, station: Station, number: int) -> None:
        before = self._asked(station, "/keys")["manifest_version"]
        rotation = Attempt(Act(station.unit_code, "POST", "/keys/rotate"), f"soak-rotation-{number:08}")
        deadline = time.monotonic() + ROTATED_WITHIN_S
        while time.monotonic() < deadline:
            try:
                after = self.desks.attempt(rotation)["manifest_version"]
            except NotYet:
                time.sleep(rotation.pause)
                continue
            if after != before + 1:
                self.violations.append(Violation("key-rotated-twice", station.unit_code, f"{before} to {after}"))
            return
        self.violations.append(Violation("key-not-rotated", station.unit_code, ""))

    def _skew(self, station: Station, wrong_by_s: float) -> None:
        """Give a node a wrong clock; when its peers' refusals show it, set the clock right."""
        station.kill()
        station.start(wrong_by_s=wrong_by_s)
        deadline = time.monotonic() + NOTICED_WITHIN_S
        while not self._is_refused(station):
            if time.monotonic() > deadline:
                self.violations.append(Violation("skew-not-refused", station.unit_code, f"{wrong_by_s:+.0f} s"))
                break
            time.sleep(0.3)
        station.kill()
        station.start()

    def _is_refused(self, station: Station) -> bool:
        """Tell whether the node was refused by a peer, or refused one: either has it in its queue."""
        refused = (
            queue
            for other in self.desks.stations.values()
            for queue in self._asked(other, "/queues")["items"]
            if station in (other, self.desks.stations[queue["peer"]])
        )
        return any("clock-skew" in (queue["last_error"] or "") for queue in refused)

    def _asked(self, station: Station, path: str) -> Json:
        while True:
            with suppress(NotYet):
                asked: Json = self.desks.ask(station.unit_code, path)
                return asked
            time.sleep(0.2)
