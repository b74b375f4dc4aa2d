"""Two bureaus that say hostile things to each other, by every call of the API that takes text."""

import gc
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from importlib.resources import files
from typing import Any

from starlette.testclient import TestClient

from ecolink.alerts import links
from ecolink.entrypoints.wiring import Node
from ecolink.federation.alarms import raise_alarm
from ecolink.identity.roles import Role
from tests.browser.hostile.pen import Json, Pen
from tests.support.agreements import CODE
from tests.support.console import PASSWORD, Reception, Visitor
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

DESK = (Role.OFFICER, Role.LIAISON_OFFICER, Role.INTAKE_REVIEWER, Role.DEPUTY, Role.ADMINISTRATOR)
LEADERS = (Role.CHIEF, Role.AUDITOR, Role.ADMINISTRATOR)

PERSON = {
    "ref": "P1",
    "category": "suspect",
    "basis": "assessment",
    "name": "林大山",
    "address": "龙溪乡",
    "note": "有前科",
}
THINGS: Json = {
    "persons": [PERSON],
    "vehicles": [{"description": "蓝色农用车", "plate": "闽J00000"}],
}
REQUEST: Json = {
    "to": QINGYUAN,
    **THINGS,
    "organisations": [{"name": "锯板厂", "note": "收购杉木"}],
    "items": [{"name": "杉木", "species": "杉木"}],
    "location": {"text": "上党村", "region_code": "350924"},
    "governance": {"purpose": "侦办盗伐林木案", "handling": {"code": "H3", "text": "仅限办案", "onward": "none"}},
}
BULLETIN: Json = {
    "recipients": [QINGYUAN],
    "alliance_id": ...,
    "kind": "person_or_item",
    "sanitised": False,
    "case_number": "闽寿林立〔2026〕7号",
    "persons": [PERSON],
    "items": [{"ref": "I1", "kind": "摩托车", "identifier": "闽J00001", "note": "无牌"}],
    "governance": {"purpose": "提示邻县查控", "handling": {"code": "H3", "text": "仅限办案", "onward": "ask"}},
}
CORRECTION = {name: BULLETIN[name] for name in ("kind", "sanitised", "case_number", "persons", "items")}
EMERGENCY: Json = {
    "location": {
        "text": "下党乡上党村",
        "region_code": "350924",
        "datum": "CGCS2000",
        "geometry": {"type": "Point", "coordinates": [119.2355, 27.4275]},
    },
    "recipients": [QINGYUAN],
    "alliance_id": ...,
    "governance": {"purpose": "扑救", "handling": {"code": "H3", "text": "仅限扑救", "onward": "none"}},
}
"""What the examples of the description say otherwise; `...` is left out."""

PAGES = {
    "leads": "/leads",
    "bulletins": "/bulletins",
    "emergencies": "/emergencies",
    "agreements": "/cooperation/agreements",
    "liaison-contacts": "/cooperation/contacts",
    "consultations": "/cooperation/consultations",
    "exchanges": "/cooperation/exchanges",
}
"""Where the console shows what a call of the API is about, by the first word of its path."""


@dataclass
class Person:
    """Somebody with a login, who calls the API with the pen."""

    house: "House"
    username: str
    _token: str = ""

    def __call__(self, operation: str, changes: Json | None = None, **ids: str) -> Any:
        """Make a call with the body that the API's description shows, changed, in hostile words."""
        method, template = operation.split(" ")
        path = template.format_map(ids)
        pen = self.house.pen
        version = ids.get("version") or (self._version_of(method, path) if pen.is_versioned(operation) else "")
        headers = {"If-Match": f'"{version}"'} if version else {}
        example = pen.example(operation) | (changes or {})
        answer = pen.write(operation, example, lambda body: self.ask(method, path, json=body or None, headers=headers))
        assert answer.is_success, (operation, answer.status_code, answer.text)
        self.house.town.settle()
        self.house.town.clock.advance(timedelta(seconds=1))
        self.house.turn(path)
        return answer.json() if "json" in answer.headers.get("content-type", "") else None

    def get(self, path: str, **query: str) -> Any:
        """Read something."""
        answer = self.ask("GET", path, params=query)
        assert answer.is_success, (path, answer.text)
        return answer.json()

    def ask(self, method: str, path: str, headers: Mapping[str, str] = {}, **more: Any) -> Any:
        """Call the API; who has no token, or one that is over, gets one first."""
        client = self.house.client
        for _ in range(2):
            authorized = {"Authorization": f"Bearer {self._token}", **headers}
            answer = client.request(method, f"/api/v1{path}", headers=authorized, **more)
            if answer.status_code != 401:
                break
            form = {"grant_type": "password", "username": self.username, "password": PASSWORD}
            self._token = client.post("/api/v1/oauth/token", data=form).json()["access_token"]
        return answer

    def _version_of(self, method: str, path: str) -> str:
        for address in (path, path.rsplit("/", 1)[0]) if method == "PUT" else (path.rsplit("/", 1)[0],):
            answer = self.ask("GET", address)
            if answer.is_success:
                return str(answer.json()["version"])
        raise AssertionError(f"no version of {path}")


@dataclass
class House:
    """One bureau's node, and its people."""

    node: Node
    town: Town
    pen: Pen
    turn: Callable[[str], None]
    """What is done whenever something was said, with the path of the call."""
    people: dict[str, Person] = field(default_factory=dict)
    _visitors: dict[str, Visitor] = field(default_factory=dict)

    @cached_property
    def reception(self) -> Reception:
        return Reception(self.node)

    @cached_property
    def client(self) -> TestClient:
        return self.reception.visitor().client

    def employ(self, username: str, *roles: Role) -> Person:
        """Give somebody an account."""
        self.reception.person(username, *roles)
        return self.people.setdefault(username, Person(self, username))

    def visitor(self, username: str) -> Visitor:
        """Return somebody at the console."""
        if username not in self._visitors:
            self._visitors[username] = self.reception.visitor()
            self.sign_in(username)
        return self._visitors[username]

    def sign_in(self, username: str) -> None:
        """Have somebody sign in, again where the login was over."""
        answer = self._visitors[username].post("/sign-in", {"/username": username, "/password": PASSWORD})
        assert answer.status_code == 303, answer.text


@dataclass
class Story:
    """What is said, from beginning to end."""

    town: Town
    pen: Pen
    album: dict[str, str] = field(default_factory=dict)
    """Pages as they were when something had been said: HTML by address, with a number for when."""

    def __post_init__(self) -> None:
        """Let people work at each bureau."""
        self.shouning, self.qingyuan = (
            House(self.town.nodes[code], self.town, self.pen, self.look) for code in (SHOUNING, QINGYUAN)
        )
        self.a, self.b = self.shouning.employ("an", *DESK), self.shouning.employ("bo", *LEADERS)
        self.withdrawn = ""
        self.town.add(JINGNING)
        self.town.introduce(QINGYUAN, JINGNING)
        self.e = self.shouning.employ("en", Role.OFFICER)
        self.c, self.d = self.qingyuan.employ("chen", *DESK), self.qingyuan.employ("du", *LEADERS)

    def tell(self) -> None:
        """Tell all of it."""
        for chapter in self.chapters():
            chapter()
            gc.collect()

    def look(self, path: str) -> None:
        """Take pictures of what was just spoken about, at both bureaus, with the forms that it offers."""
        _, room, *which = path.split("/")
        if room in PAGES and which:
            for house, username in ((self.shouning, "an"), (self.qingyuan, "du")):
                self._picture(house, username, f"{PAGES[room]}/{which[0]}")

    def _picture(self, house: House, username: str, address: str) -> None:
        visitor = house.visitor(username)
        shown = visitor.get(address)
        if shown.status_code == 303:
            house.sign_in(username)
            shown = visitor.get(address)
        pictured = {address: shown.text}
        for form in set(re.findall(rf'hx-get="({re.escape(address)}/[^"]+)"', shown.text)):
            pictured[form] = visitor.get(form, **{"HX-Request": "true"}).text
        for name, html in pictured.items():
            self.album[f"{name} of {username}, no. {len(self.album)}"] = html

    def chapters(self) -> tuple[Callable[[], None], ...]:
        """Return what is told, in order."""
        return (
            self.people_and_programs,
            self.lead_to_its_end,
            self.leads_that_go_elsewhere,
            self.bulletin,
            self.emergency,
            self.alarm,
            self.duty,
            self.agreements,
            self.liaison,
            self.consultation,
            self.exchange,
            self.endings,
        )

    def people_and_programs(self) -> None:
        a = self.a
        person = a("POST /users")
        a("PUT /users/{user_id}", user_id=person["id"])
        program = a("POST /clients")
        a("PUT /clients/{account_id}", account_id=program["account"]["id"] if "account" in program else program["id"])
        a("POST /me/calendar-feeds")

    def lead_to_its_end(self) -> None:
        a, b, c, d = self.a, self.b, self.c, self.d
        ours = {"documents": [self.file(a, "letter")]}
        theirs = {"documents": [self.file(c, "certificate")]}
        lead = a("POST /leads", REQUEST | ours)["id"]
        a("PUT /leads/{lead_id}", REQUEST | ours, lead_id=lead)
        a("POST /leads/{lead_id}/submit", lead_id=lead)
        b("POST /leads/{lead_id}/send-back", lead_id=lead)
        a("POST /leads/{lead_id}/submit", lead_id=lead)
        b("POST /leads/{lead_id}/send", lead_id=lead)
        c("POST /leads/{lead_id}/acknowledge", lead_id=lead)
        c("POST /leads/{lead_id}/return", lead_id=lead)
        d("POST /leads/{lead_id}/proposals/{proposal_id}/decline", lead_id=lead, proposal_id=proposal(c, lead))
        c("POST /leads/{lead_id}/return", lead_id=lead)
        self.approve(c, d, lead)
        again = {name: value for name, value in (REQUEST | ours).items() if name not in ("to", "governance")}
        a("POST /leads/{lead_id}/resubmit", again, lead_id=lead)
        self.approve(a, b, lead)
        c("POST /leads/{lead_id}/accept", lead_id=lead)
        c("POST /leads/{lead_id}/start", lead_id=lead)
        c("POST /leads/{lead_id}/request-information", lead_id=lead)
        a("POST /leads/{lead_id}/provide-information", THINGS | ours, lead_id=lead)
        for person in (a, c):
            person("POST /leads/{lead_id}/messages", lead_id=lead)
        c(
            "POST /leads/{lead_id}/reply",
            THINGS | theirs | {"handling": REQUEST["governance"]["handling"]},
            lead_id=lead,
        )
        self.approve(c, d, lead)
        c("POST /leads/{lead_id}/reveal", lead_id=lead)
        c("POST /leads/{lead_id}/letter", lead_id=lead)
        a("POST /leads/{lead_id}/reply-letter", lead_id=lead)
        a("POST /leads/{lead_id}/feedback", lead_id=lead)
        a("POST /leads/{lead_id}/close", lead_id=lead)

    def leads_that_go_elsewhere(self) -> None:
        a, c, d = self.a, self.c, self.d
        passed_on, taken_back = self.sent_lead(), self.sent_lead()
        self.withdrawn = taken_back
        c("POST /leads/{lead_id}/acknowledge", lead_id=passed_on)
        c("POST /leads/{lead_id}/transfer", lead_id=passed_on)
        self.approve(c, d, passed_on)
        a("POST /leads/{lead_id}/withdraw", lead_id=taken_back)

    def duty(self) -> None:
        a, b = self.a, self.b
        ours, other = a.get("/me")["id"], b.get("/me")["id"]
        times = {"starts_at": "2026-11-23T08:00:00+08:00", "ends_at": "2026-11-30T08:00:00+08:00"}
        (shift,) = b("POST /duty/shifts", {"account_id": ours, **times})
        b("PUT /duty/shifts/{shift_id}", {"account_id": ours, **times}, shift_id=shift["id"], version=shift["version"])
        a("POST /duty/handovers", {"account_id": other, "until": "2026-11-25T08:00:00+08:00"})
        channel = b("POST /channels")["id"]
        b("PUT /channels/{channel_id}", channel_id=channel)
        a("POST /me/contact-points", {"channel_id": channel})

    def agreements(self) -> None:
        a, b, d = self.a, self.b, self.d
        members = {"members": [QINGYUAN]}
        alliance = b("POST /alliances", members)["id"]
        b("PUT /alliances/{alliance_id}", members, alliance_id=alliance)
        a("POST /agreements/check")
        for word, person in (("decline", d), ("withdraw", b), ("sign", d)):
            digest = b("POST /agreements", {"text": self.agreement()})["proposals"][-1]["digest"]
            person(f"POST /agreements/{{code}}/proposals/{{digest}}/{word}", code=CODE, digest=digest)
        self.town.wait(timedelta(days=8))
        self.pen.taken |= {"POST /agreements /text"}

    def liaison(self) -> None:
        a, b, c, d = self.a, self.b, self.c, self.d
        held = {"held_at": "2026-12-01T08:30:00+08:00"}
        for _ in range(2):
            contact = a("POST /liaison-contacts", held)["id"]
            record = c.get(f"/liaison-contacts/{contact}")["record"]
            c("POST /liaison-contacts/{contact_id}/object", {"record": record}, contact_id=contact)
            a("POST /liaison-contacts/{contact_id}/correct", {**held, "record": record}, contact_id=contact)
        record = c.get(f"/liaison-contacts/{contact}")["record"]
        a("POST /liaison-contacts/{contact_id}/withdraw", {"record": record}, contact_id=contact)
        key = {"agreement": CODE, "duty": "liaison", "period": "2026-12"}
        for word, person in (("decline", d), ("withdraw", b), ("accept", d)):
            b("POST /obligations/{agreement}/{duty}/{period}/waivers", **key)
            waiver = b.get(f"/obligations/{CODE}/liaison/2026-12")["waivers"][-1]["digest"]
            person(
                f"POST /obligations/{{agreement}}/{{duty}}/{{period}}/waivers/{{waiver}}/{word}", waiver=waiver, **key
            )

    def consultation(self) -> None:
        a, c = self.a, self.c
        for ending in ("held", "cancelled"):
            called = a("POST /consultations")["id"]
            c("POST /consultations/{consultation_id}/answer", consultation_id=called)
            a("POST /consultations/{consultation_id}/date", consultation_id=called)
            if ending == "cancelled":
                a("POST /consultations/{consultation_id}/cancel", consultation_id=called)
                break
            self.town.wait(timedelta(days=3))
            c("POST /consultations/{consultation_id}/minutes", consultation_id=called)
            minutes = {"minutes": a.get(f"/consultations/{called}")["minutes"]["digest"]}
            a("POST /consultations/{consultation_id}/object", minutes, consultation_id=called)
            c("POST /consultations/{consultation_id}/minutes", consultation_id=called)
            minutes = {"minutes": a.get(f"/consultations/{called}")["minutes"]["digest"]}
            a("POST /consultations/{consultation_id}/confirm", minutes, consultation_id=called)
            c("POST /consultations/{consultation_id}/tasks/{code}", consultation_id=called, code="T1")

    def exchange(self) -> None:
        a, b, c, d = self.a, self.b, self.c, self.d
        self.town.wait(timedelta(days=107))
        for ours, chief in ((a, b), (c, d)):
            exchange = ours.get("/exchanges")["items"][0]["id"]
            ours("PUT /exchanges/{exchange_id}/draft", exchange_id=exchange)
            chief("POST /exchanges/{exchange_id}/draft/approve", exchange_id=exchange)
        package = next(
            each for each in c.get(f"/exchanges/{exchange}")["packages"] if each["author"]["unit_code"] == SHOUNING
        )
        digest = {"package": package["digest"]}
        c("POST /exchanges/{exchange_id}/read", digest, exchange_id=exchange)
        c("POST /exchanges/{exchange_id}/feedback", digest, exchange_id=exchange)
        a("POST /exchanges/{exchange_id}/correct", exchange_id=exchange)

    def endings(self) -> None:
        a, b = self.a, self.b
        b("POST /agreements/{code}/calendars", {"table": "date,day\n2027-01-01,off\n"}, code=CODE)
        b("POST /agreements/{code}/endings", {"last_day": "2027-12-31"}, code=CODE)
        b("POST /keys/revoke", {"compromised_since": ...})
        b("POST /threads/{thread}/erasure", thread=self.withdrawn)
        a("POST /peers/{unit_code}/suspend", unit_code=QINGYUAN)

    def agreement(self) -> str:
        """Return the agreement that comes with ecolink, with hostile names and aims."""
        shipped = files("ecolink").joinpath(f"data/agreements/{CODE}.toml").read_text("utf-8")

        def rename(line: re.Match[str]) -> str:
            return f"{line[1]} = {json.dumps(self.pen.line(90))}"

        return re.sub(r"^((?:name|scope)_(?:zh|en)) = .*$", rename, shipped, flags=re.MULTILINE)

    def sent_lead(self) -> str:
        lead: str = self.a("POST /leads", REQUEST)["id"]
        self.a("POST /leads/{lead_id}/submit", lead_id=lead)
        self.b("POST /leads/{lead_id}/send", lead_id=lead)
        return lead

    def approve(self, proposer: Person, chief: Person, lead: str) -> None:
        """Have what somebody proposes signed."""
        chief(
            "POST /leads/{lead_id}/proposals/{proposal_id}/approve", lead_id=lead, proposal_id=proposal(proposer, lead)
        )

    def bulletin(self) -> None:
        a, b, c, d = self.a, self.b, self.c, self.d
        files = {"attachments": [{"digest": self.file(a, "")["digest"], "name": "照片.pdf"}]}
        told = a("POST /bulletins", BULLETIN | files)["id"]
        a("PUT /bulletins/{bulletin_id}", BULLETIN | files, bulletin_id=told)
        a("POST /bulletins/{bulletin_id}/submit", bulletin_id=told)
        b("POST /bulletins/{bulletin_id}/send-back", bulletin_id=told)
        a("POST /bulletins/{bulletin_id}/submit", bulletin_id=told)
        b("POST /bulletins/{bulletin_id}/approve", bulletin_id=told)
        c.get(f"/bulletins/{told}")
        c("POST /bulletins/{bulletin_id}/use", {"used_on": "2026-11-22"}, bulletin_id=told)
        c("POST /bulletins/{bulletin_id}/feedback", bulletin_id=told)
        c("POST /bulletins/{bulletin_id}/reveal", bulletin_id=told)
        for answer in ("refuse", "grant"):
            c("POST /bulletins/{bulletin_id}/permissions", {"recipients": [JINGNING]}, bulletin_id=told)
            request = b.get(f"/bulletins/{told}/permissions")["items"][-1]["request"]
            b(f"POST /bulletins/{{bulletin_id}}/permissions/{{request}}/{answer}", bulletin_id=told, request=request)
        c("POST /bulletins/{bulletin_id}/letter", bulletin_id=told)
        d("POST /bulletins/{bulletin_id}/share", {"recipients": [JINGNING]}, bulletin_id=told)
        a("PUT /bulletins/{bulletin_id}/correction", CORRECTION | files, bulletin_id=told)
        a("POST /bulletins/{bulletin_id}/submit", bulletin_id=told)
        b("POST /bulletins/{bulletin_id}/approve", bulletin_id=told)
        b("POST /bulletins/{bulletin_id}/recall", bulletin_id=told)

    def emergency(self) -> None:
        a, c = self.a, self.c
        self.town.network.down.add(QINGYUAN)
        picture = {"digest": self.file(a, "")["digest"], "name": "火场.pdf"}
        fire = a("POST /emergencies", EMERGENCY | {"attachments": [picture]})["id"]
        self.town.wait(timedelta(minutes=5))
        a("POST /tasks/{task_id}/done", task_id=a.get("/tasks")["items"][0]["id"])
        self.town.network.down.clear()
        self.town.wait(timedelta(minutes=10))
        more = {"fire": {"cause": "雷击"}, "location": EMERGENCY["location"], "attachments": [picture]}
        a("POST /emergencies/{emergency_id}/updates", more, emergency_id=fire)
        for person in (a, c):
            person("POST /emergencies/{emergency_id}/notes", emergency_id=fire)
        c("POST /emergencies/{emergency_id}/acknowledge", {"estimated_arrival": ...}, emergency_id=fire)
        charged = {"decision": "dispatching", "in_charge": {"name": "Du"}}
        assert c.ask("POST", f"/emergencies/{fire}/acknowledge", json=charged).is_success
        a("POST /emergencies/{emergency_id}/cancel", emergency_id=fire)
        c("POST /alerts/{alert_id}/acknowledge", {"estimated_arrival": ...}, alert_id=self.alert_of_another())
        pin = "493817"
        assert c.ask("PUT", "/me/pin", json={"current_password": PASSWORD, "pin": pin}).is_success
        secret = self.link_to(self.alert_of_another())
        c("POST /alert-links/{secret}/acknowledge", {"pin": pin, "estimated_arrival": ...}, secret=secret)

    def alert_of_another(self) -> str:
        """Have one more emergency raised and approved, and return the alert of it at the other bureau."""
        proposed = self.e("POST /emergencies", EMERGENCY)["id"]
        title = self.b.get(f"/emergencies/{proposed}")["situation"]["title"]
        self.b("POST /emergencies/{emergency_id}/approve", {"confirm": title}, emergency_id=proposed)
        (alert,) = self.c.get("/alerts", kind="emergency", state="open")["items"]
        return str(alert["id"])

    def link_to(self, alert: str) -> str:
        """Return the secret of a one-time link, which goes out in a message only."""
        with self.qingyuan.node.database.begin() as session:
            path = links.make(session, alert, self.c.get("/me")["id"], self.town.clock.now())
        assert path is not None
        return path.removeprefix(links.PATH)

    def alarm(self) -> None:
        """Look into what a partner seems to have signed twice."""
        with self.shouning.node.database.begin() as session:
            raise_alarm(session, "equivocation", "lead", self.town.clock.now(), peer=QINGYUAN, held=self.pen.line(90))
        (alarm,) = self.a.get("/alarms")["items"]
        self.a("POST /alarms/{alarm_id}/close", alarm_id=str(alarm["id"]))

    def file(self, person: Person, kind: str) -> Json:
        """Upload a file with a hostile name, and return how a matter names it."""
        query, headers = {"name": self.pen.line(200)}, {"Content-Type": "application/pdf"}
        answer = person.ask("POST", "/attachments", params=query, content=b"%PDF-1.4", headers=headers)
        assert answer.is_success, answer.text
        return {"digest": answer.json()["digest"], "kind": kind, "title": "协作函"}


def proposal(proposer: Person, lead: str) -> str:
    """Return what waits for a signature."""
    listed = proposer.get(f"/leads/{lead}/proposals")
    return next(str(each["id"]) for each in listed if each["state"] == "awaiting")
