"""A post office on a database of its own, with people to tell and services that answer as a test wants."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from random import Random
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from ecolink.alerts.channels.wire import Answer, MailRequest, Request
from ecolink.alerts.dispatch_models import Channel, ContactPoint
from ecolink.alerts.dispatches import Message, Recipient, Told
from ecolink.alerts.health import health_of_channels
from ecolink.alerts.post_office import PostOffice
from ecolink.alerts.register import Wanted
from ecolink.alerts.sending import PACE
from ecolink.audit.access import AccessLog
from ecolink.egress import Unreachable
from ecolink.identity.models import Account
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.kit.clock import HandClock
from ecolink.kit.ids import new_id
from ecolink.kit.vault import Vault
from ecolink.storage.engine import Database

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
CONSOLE = "https://ecolink.shouning.example"
VAULT = Vault(ec.derive_private_key(350924, ec.SECP256R1()))
"""The same one for every post office of a test run, as a node keeps its key when it starts again."""

ROOT = Principal(id="root", username="root", name="root", roles=frozenset({Role.ADMINISTRATOR}))

SETTINGS: dict[str, dict[str, Any]] = {
    "email": {
        "kind": "email",
        "host": "mail.shouning.example",
        "username": "ecolink",
        "password": "mail-password",
        "sender": "ecolink@shouning.example",
    },
    "dingtalk": {
        "kind": "dingtalk",
        "webhook": "https://dingtalk.example/robot/send?access_token=ding-token",
        "sign_secret": "SECding-secret",
    },
    "wecom": {"kind": "wecom", "webhook": "https://wecom.example/cgi-bin/webhook/send?key=wecom-key"},
    "feishu": {
        "kind": "feishu",
        "webhook": "https://feishu.example/open-apis/bot/v2/hook/feishu-token",
        "sign_secret": "feishu-secret",
    },
    "ntfy": {"kind": "ntfy", "server": "https://ntfy.example", "token": "tk_ntfy"},
    "sms": {
        "kind": "sms",
        "url": "https://sms.example/send",
        "body": {"mobile": "{to}", "content": "{text}", "account": {"token": "{token}", "serial": "{id}"}},
        "token": "sms-token",
        "success_pointer": "/result/code",
        "success_value": "0",
    },
    "webhook": {"kind": "webhook", "url": "https://webhook.example/alerts", "sign_secret": "webhook-secret-of-ours"},
}
ADDRESSES = {
    "email": "lin@shouning.example",
    "dingtalk": "13800000000",
    "wecom": "13800000000",
    "feishu": "ou_0123456789abcdef",
    "ntfy": "shouning-lin",
    "sms": "13800000000",
    "webhook": "lin",
}
MESSAGE = Message(
    alert_id="alert-1",
    step="tell",
    number="E7",
    urgency="urgent",
    status="actual",
    kind="new",
    title_zh="下党乡山火",
    title_en="Wildfire at Xiadang",
    text_zh="0.8 公顷，距省界 600 米。",
    text_en="0.8 ha, 600 m from the border.",
    link="/emergencies/7",
    occurred_at=NOON,
)


def right_answer(kind: str, request: Request) -> Answer:
    """Return what each service says to a message it takes."""
    if isinstance(request, MailRequest):
        return Answer(250, b"2.0.0 Ok: queued")
    said: dict[str, object] = {
        "dingtalk": {"errcode": 0, "errmsg": "ok"},
        "wecom": {"errcode": 0, "errmsg": "ok"},
        "feishu": {"code": 0, "msg": "success", "data": {}},
        "ntfy": {"id": "Yl1XQZ7Dfq", "event": "message"},
        "sms": {"result": {"code": 0}},
        "webhook": {"id": request.headers.get("ecolink-id")},
    }
    return Answer(200, json.dumps(said[kind]).encode())


@dataclass
class Services:
    """Stands for every service; by the name of its host, one may answer otherwise or not at all."""

    carried: list[Request] = field(default_factory=list)
    otherwise: dict[str, Callable[[Request], Answer]] = field(default_factory=dict)

    def carry(self, request: Request) -> Answer:
        self.carried.append(request)
        kind = kind_of(request)
        if kind in self.otherwise:
            return self.otherwise[kind](request)
        return right_answer(kind, request)

    def is_dead(self, *kinds: str) -> None:
        def silent(_: Request) -> Answer:
            raise Unreachable("the service is silent")

        self.otherwise |= dict.fromkeys(kinds, silent)


def kind_of(request: Request) -> str:
    host = "email" if isinstance(request, MailRequest) else urlsplit(request.url).hostname or ""
    return host.partition(".")[0]


def text_of(request: Request) -> str:
    """Return all that can be read in a request: a mail's parts decoded."""
    if not isinstance(request, MailRequest):
        return request.body.decode()
    mail = message_from_bytes(request.content, policy=default)
    bodies = [part.get_content() for part in mail.walk() if not part.is_multipart()]
    return "\n".join([*(f"{name}: {value}" for name, value in mail.items()), *bodies])


@dataclass
class Office:
    """The post office of Shouning."""

    database: Database
    services: Services = field(default_factory=Services)
    clock: HandClock = field(default_factory=lambda: HandClock(NOON))
    post: PostOffice = field(init=False)
    log: AccessLog = field(init=False)

    def __post_init__(self) -> None:
        self.log = AccessLog(append_leaf=lambda *_: None)
        self.database.before_commit(self.log.flush)
        self.post = self.rebuilt()

    def rebuilt(self) -> PostOffice:
        """Return the post office as a process that starts builds it."""
        return PostOffice.build(self.database, VAULT, self.log, self.services, CONSOLE, Random(7))  # noqa: S311

    def channel(self, kind: str, *, own: bool = False, name: str | None = None, **settings: Any) -> Channel:
        wanted = Wanted(name=name or kind, own=own, enabled=True, settings={**SETTINGS[kind], **settings})
        with self.database.begin() as session:
            return self.post.channels.add(session, wanted, by=ROOT, now=self.clock.now())

    def officer(self, username: str, *channels: Channel, language: str = "zh") -> Recipient:
        """Return a person who can be reached by these channels, in this order."""
        now = self.clock.now()
        with self.database.begin() as session:
            account = Account(
                id=new_id(now),
                kind="user",
                username=username,
                name=username,
                credential="-",
                roles=["liaison_officer"],
                created_at=now,
                credential_changed_at=now,
                version=1,
            )
            session.add(account)
            session.flush()
            points = [
                ContactPoint(
                    id=new_id(now),
                    account_id=account.id,
                    channel_id=channel.id,
                    address=ADDRESSES[channel.kind],
                    place=place,
                    created_at=now,
                    confirmed_at=now,
                    code_tries=0,
                    lease_fence=0,
                )
                for place, channel in enumerate(channels, 1)
            ]
            session.add_all(points)
        return Recipient(account.id, username, "en" if language == "en" else "zh", [point.id for point in points])

    def tell(self, *people: Recipient, **changes: Any) -> None:
        with self.database.begin() as session:
            self.post.dispatches.post(session, replace(MESSAGE, **changes), people, self.clock.now())

    def send(self) -> int:
        """Send all that can be sent now; return how many messages left."""
        before = len(self.services.carried)
        while self.post.sending.step(self.clock.now):
            pass
        return len(self.services.carried) - before

    def wait(self, **span: float) -> int:
        """Move the clock on, send, and return how many messages left."""
        self.clock.advance(timedelta(**span))
        return self.send()

    def told(self, alert_id: str = "alert-1") -> Sequence[Told]:
        with self.database.read() as session:
            return self.post.dispatches.of(session, alert_id)

    def states(self, alert_id: str = "alert-1") -> list[str]:
        return [told.dispatch.state for told in self.told(alert_id)]

    def health(self, kind: str) -> Any:
        with self.database.read() as session:
            return next(each for each in health_of_channels(session) if each.channel.kind == kind)


A_MOMENT = PACE.total_seconds()
