"""The stage: the houses with their people, introduced to each other, and the one who tells the story."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ecolink.entrypoints.demo.cast import ADMINISTRATOR, PARTS, Bureau
from ecolink.entrypoints.demo.clock import PlayClock
from ecolink.entrypoints.demo.houses import House
from ecolink.entrypoints.demo.people import Person, wait_for
from ecolink.entrypoints.demo.telling import Narrator


@dataclass
class Stage:
    """Everybody there is, by county and part: `stage.who("shouning", "officer")`."""

    houses: list[House]
    narrator: Narrator
    clock: PlayClock
    """What all nodes go by."""
    people: dict[tuple[str, str], Person] = field(default_factory=dict)

    def who(self, slug: str, part: str) -> Person:
        """Return a person."""
        return self.people[slug, part]

    def has(self, slug: str) -> bool:
        """Tell whether that bureau takes part."""
        return any(house.bureau.slug == slug for house in self.houses)

    def bureau(self, slug: str) -> Bureau:
        """Return a bureau that takes part."""
        return next(house.bureau for house in self.houses if house.bureau.slug == slug)

    def house(self, slug: str) -> House:
        """Return a house."""
        return next(house for house in self.houses if house.bureau.slug == slug)

    def others(self, slug: str) -> list[str]:
        """Return the counties of all other houses."""
        return [house.bureau.slug for house in self.houses if house.bureau.slug != slug]

    def wait_until_delivered(self) -> None:
        """Return when nothing is on its way any more."""
        for house in self.houses:
            liaison = self.who(house.bureau.slug, "liaison")
            wait_for(f"{house.bureau.short}'s queues to be empty", partial(_no_statement_waits, liaison))

    def travel(self, to: datetime) -> None:
        """Move every node's clock on to a moment."""
        self.wait_until_delivered()
        self.clock.move_to(to)

    def build(self) -> None:
        """Make every node and start it, several at a time."""
        tell = self.narrator
        tell.scene("0", "搭建节点", "Setting up: every bureau runs a node of its own")
        with ThreadPoolExecutor(4) as hands:
            list(hands.map(House.make, self.houses))
        for house in self.houses:
            house.start()
        for house in self.houses:
            house.wait_until_ready()
            bureau = house.bureau
            tell.step(bureau.short, f"{bureau.name_zh}节点已启动", f"node up at {house.address}")
        with ThreadPoolExecutor(4) as hands:
            list(hands.map(self._employ, self.houses))

    def introduce(self) -> None:
        """Exchange cards both ways, compare fingerprints 'by phone', activate."""
        tell = self.narrator
        tell.scene("1", "互换名片，电话核对指纹", "Onboarding: exchange cards, compare fingerprints by phone")
        cards = {house.bureau.slug: self.who(house.bureau.slug, ADMINISTRATOR).get("/card") for house in self.houses}
        for house in self.houses:
            administrator = self.who(house.bureau.slug, ADMINISTRATOR)
            for slug in self.others(house.bureau.slug):
                read_out = cards[slug]["fingerprint"]
                held = administrator.post("/peers", {"card": cards[slug]["card"]})
                administrator.post(f"/peers/{held['unit_code']}/activate", {"fingerprint": read_out})
        first, second = self.houses[0].bureau, self.houses[1].bureau
        fingerprint = str(cards[second.slug]["fingerprint"])
        tell.step(
            first.short,
            f"{second.name_zh}的指纹：{fingerprint[:23]}…",
            "read out by phone and compared: equal",
            "signed",
        )
        tell.step("All", f"{len(self.houses)} 个节点两两互信", f"{len(self.houses)} nodes trust each other", "signed")

    def _employ(self, house: House) -> None:
        administrator = self._settle_in(house, ADMINISTRATOR, house.password, "管理员", "administrator / 管理员")
        for part in PARTS:
            first = secrets.token_urlsafe(12)
            administrator.post(
                "/users",
                {"username": part.username, "name": part.name, "roles": list(part.roles), "password": first},
            )
            self._settle_in(house, part.username, first, part.name, part.title)

    def _settle_in(self, house: House, username: str, first: str, name: str, title: str) -> Person:
        """Log somebody in for the first time: nobody keeps a password that somebody else chose."""
        newcomer = Person(house, username, first, name)
        newcomer.log_in()
        own = secrets.token_urlsafe(12)
        newcomer.post("/me/password", {"current_password": first, "password": own})
        person = Person(house, username, own, name, title)
        person.log_in()
        self.people[house.bureau.slug, username] = person
        return person


def _no_statement_waits(person: Person) -> bool:
    return all(queue["waiting"] == 0 for queue in person.listed("/queues"))
