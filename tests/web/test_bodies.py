"""Bad input is told as such, alike on both databases, and never as a fault of the node."""

import asyncio
from collections.abc import Iterator

import pytest

from ecolink.identity.roles import Role
from ecolink.storage.engine import Database
from ecolink.surface import bodies
from tests.support.web import Desk
from tests.web import parcels

MALFORMED = {
    "cut off": b'{"name": "fir"',
    "not JSON": b"name=fir",
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": 1e999}',
    "lone surrogate": b'{"name": "\\ud800"}',
    "U+0000": b'{"name": "fir\\u0000"}',
    "not UTF-8": b'{"name": "\xff"}',
    "byte order mark": b'\xef\xbb\xbf{"name": "fir"}',
    "a member twice": b'{"name": "fir", "name": "pine"}',
    "100,000 brackets": b"[" * 100_000,
    "5,000 digits": b'{"name": ' + b"1" * 5_000 + b"}",
    "beyond 2^53": b'{"name": 9007199254740993}',
    "something after it": b'{"name": "fir"} {}',
}


@pytest.fixture
def yard(database: Database) -> Iterator[Desk]:
    parcels.lay_out(database)
    with Desk.open(database, [parcels.router()]) as desk:
        yield desk


def post(desk: Desk, content, **headers: str):
    everything = desk.as_role(Role.OFFICER) | {"Content-Type": "application/json"} | headers
    return desk.client.post("/api/v1/parcels", content=content, headers=everything)


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_body_that_is_not_sound_json_is_malformed(yard: Desk, content):
    answer = post(yard, content)

    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/malformed"
    assert parcels.names(yard.database) == []


@pytest.mark.parametrize(
    ("content", "pointers"),
    [
        (b"{}", ["/name"]),
        (b'{"name": 7, "yard": []}', ["/name", "/yard"]),
        (b'{"name": ""}', ["/name"]),
        (b"[]", [""]),
        (b"null", [""]),
        (b"", [""]),
        (b'{"name": "' + b"x" * 65 + b'"}', ["/name"]),
    ],
)
def test_a_member_at_fault_is_pointed_at(yard: Desk, content, pointers):
    answer = post(yard, content)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers
    assert all(error["detail_zh"] and error["detail_en"] for error in answer.json()["errors"])


def test_a_body_over_the_limit_is_too_large_whatever_it_claims(yard: Desk):
    large = b'{"name": "' + b"x" * (1024 * 1024) + b'"}'

    def chunks():
        for at in range(0, len(large), 64 * 1024):
            yield large[at : at + 64 * 1024]

    declared, streamed = post(yard, large), post(yard, chunks())

    assert (declared.status_code, streamed.status_code) == (413, 413)
    assert declared.json()["type"] == streamed.json()["type"] == "/problems/too-large"


def test_a_body_that_drips_is_cut_off_at_a_total_time(yard: Desk, monkeypatch):
    monkeypatch.setattr(bodies, "LEAST_SECONDS", 0.2)
    monkeypatch.setattr(bodies, "SLOWEST_BYTES_PER_SECOND", 2**40)
    sent: list[dict] = []
    headers = yard.as_role(Role.OFFICER) | {"Content-Type": "application/json"}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/api/v1/parcels", "raw_path": b"/api/v1/parcels", "root_path": "", "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("10.20.3.4", 1), "server": ("testserver", 80),
    }  # fmt: skip

    async def drip():
        await asyncio.sleep(0.05)  # each byte well within any limit of one read
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message):
        sent.append(message)

    asyncio.run(yard.app(scope, drip, send))

    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    "address",
    ["/api/v1/parcels?q=%00", "/api/v1/parcels?%00=1", "/api/v1/parcels/fir%00"],
    ids=["value", "name", "path"],
)
def test_a_nul_in_the_address_is_refused(yard: Desk, address):
    call = yard.client.put if "fir" in address else yard.client.get
    answer = call(address, headers=yard.as_role(Role.OFFICER) | {"If-Match": '"3"'})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"]


def test_bytes_in_the_address_that_are_no_text_do_no_harm(yard: Desk):
    answer = yard.client.get("/api/v1/users/%ff%fe", headers=yard.as_role(Role.ADMINISTRATOR))

    assert answer.status_code == 404
