"""Officers bring files in and take them out; nothing about a file is believed, and every look leaves a trace."""

import errno
import os
from collections.abc import Iterator
from hashlib import sha256

import pytest
from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.identity.roles import Role
from ecolink.protocol.statement import AttachmentRef
from tests.exchanges.records.conftest import MAX_BYTES, Neighbours, Records

pytestmark = pytest.mark.by_turns

PHOTO = bytes(range(256)) * 2048
KEY = {"Idempotency-Key": "c0b0f5f8-6d43-4a8f-9d0b-9a1b0a2d7f11"}


def test_an_upload_is_named_by_what_is_in_it_and_comes_out_as_it_went_in(records: Records) -> None:
    told = records.upload(PHOTO)

    assert told == {
        "digest": sha256(PHOTO).hexdigest(),
        "size": len(PHOTO),
        "name": "杉木.jpg",
        "media_type": "image/jpeg",
    }
    answer = records.client.get(f"/api/v1/attachments/{told['digest']}", headers=records.desk.as_role(Role.OFFICER))
    assert answer.status_code == 200
    assert answer.content == PHOTO
    path = next(records.shelf.store.root.glob("??/??/*"))
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_comes_out_is_never_run_by_a_browser(records: Records) -> None:
    told = records.upload(b"<script>alert(1)</script>", "../../x\u202egpj.html", **{"Content-Type": "text/html"})
    headers = records.client.get(
        f"/api/v1/attachments/{told['digest']}", headers=records.desk.as_role(Role.OFFICER)
    ).headers

    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"] == "attachment; filename=\"xgpj.html\"; filename*=UTF-8''xgpj.html"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("wanted", "status", "content_range", "body"),
    [
        ("bytes=0-3", 206, "bytes 0-3/10", b"0123"),
        ("bytes=7-", 206, "bytes 7-9/10", b"789"),
        ("bytes=-2", 206, "bytes 8-9/10", b"89"),
        ("bytes=10-", 416, "bytes */10", b""),
        ("bytes=0-1,4-5", 200, None, b"0123456789"),
        ("bytes=abc", 200, None, b"0123456789"),
    ],
)
def test_a_download_is_resumed_where_it_stopped(
    records: Records, wanted: str, status: int, content_range: str | None, body: bytes
) -> None:
    told = records.upload(b"0123456789")
    answer = records.client.get(
        f"/api/v1/attachments/{told['digest']}", headers={**records.desk.as_role(Role.OFFICER), "Range": wanted}
    )

    assert (answer.status_code, answer.headers.get("content-range"), answer.content) == (status, content_range, body)


def test_a_range_of_another_file_gives_the_whole_of_this_one(records: Records) -> None:
    told = records.upload(b"0123456789")
    address, officer = f"/api/v1/attachments/{told['digest']}", records.desk.as_role(Role.OFFICER)
    other = records.client.get(address, headers={**officer, "Range": "bytes=2-3", "If-Range": '"other"'})
    same = records.client.get(address, headers={**officer, "Range": "bytes=2-3", "If-Range": f'"{told["digest"]}"'})

    assert (other.status_code, same.status_code, same.content) == (200, 206, b"23")


def test_a_look_at_size_and_name_brings_no_bytes(records: Records) -> None:
    told = records.upload(b"0123456789")
    answer = records.client.head(f"/api/v1/attachments/{told['digest']}", headers=records.desk.as_role(Role.OFFICER))

    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "10", b"")


def test_every_upload_and_download_stands_in_the_access_log(records: Records) -> None:
    told = records.upload(PHOTO)
    records.client.get(f"/api/v1/attachments/{told['digest']}", headers=records.desk.as_role(Role.OFFICER))

    with records.database.read() as session:
        entries = session.execute(
            select(AccessRow.action, AccessRow.actor).where(AccessRow.object_id == told["digest"]).order_by(AccessRow.n)
        ).all()
    assert entries == [("collect", "officer"), ("consult", "officer")]


def test_an_upload_repeated_under_its_key_is_one_upload_with_one_answer(records: Records) -> None:
    officer = {**records.desk.as_role(Role.OFFICER), **KEY, "Content-Type": "image/jpeg"}
    first, second = (
        records.client.post("/api/v1/attachments", params={"name": "杉木.jpg"}, content=PHOTO, headers=officer)
        for _ in range(2)
    )

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["location"] == first.headers["location"] == f"/api/v1/attachments/{first.json()['digest']}"
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    with records.database.read() as session:
        assert len(session.scalars(select(AccessRow).where(AccessRow.object_type == "attachment")).all()) == 1


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [(b"another stump", "stump.jpg", "image/jpeg"), (PHOTO, "other.jpg", "image/jpeg"), (PHOTO, "stump.jpg", "a/b")],
    ids=["content", "name", "type"],
)
def test_a_key_that_came_with_another_file_is_refused_and_nothing_of_this_one_stays(
    records: Records, content: bytes, name: str, media_type: str
) -> None:
    records.upload(PHOTO, "stump.jpg", **KEY)
    answer = records.client.post(
        "/api/v1/attachments",
        params={"name": name},
        content=content,
        headers={**records.desk.as_role(Role.OFFICER), **KEY, "Content-Type": media_type},
    )

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert len([path for path in records.shelf.store.root.rglob("*") if path.is_file()]) == 1


def test_a_refused_upload_leaves_its_key_free(records: Records) -> None:
    officer = {**records.desk.as_role(Role.OFFICER), **KEY}
    refused = records.client.post("/api/v1/attachments", params={"name": "x"}, headers=officer)

    assert refused.status_code == 422
    assert records.upload(PHOTO, **KEY)["size"] == len(PHOTO)


@pytest.mark.parametrize("digest", ["0" * 64, "nonsense", "..%2F..%2Fkeys", "A" * 64, "%00"])
def test_a_file_that_is_not_here_is_not_found(records: Records, digest: str) -> None:
    for method in ("GET", "HEAD"):
        answer = records.client.request(
            method, f"/api/v1/attachments/{digest}", headers=records.desk.as_role(Role.OFFICER)
        )
        assert answer.status_code in {404, 422}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_that_is_too_large_is_cut_off_and_leaves_nothing(records: Records, *, chunked: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(MAX_BYTES // 1024 + 1):
            yield bytes(1024)

    answer = records.client.post(
        "/api/v1/attachments",
        params={"name": "big.bin"},
        content=pieces() if chunked else bytes(MAX_BYTES + 1),
        headers=records.desk.as_role(Role.OFFICER),
    )

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
    assert not [path for path in records.shelf.store.root.rglob("*") if path.is_file()]


def test_an_empty_file_is_refused(records: Records) -> None:
    answer = records.client.post(
        "/api/v1/attachments", params={"name": "x"}, headers=records.desk.as_role(Role.OFFICER)
    )

    assert answer.status_code == 422


def test_a_node_without_room_says_so_and_keeps_nothing(records: Records) -> None:
    object.__setattr__(records.shelf, "quota_bytes", 5)
    answer = records.client.post(
        "/api/v1/attachments", params={"name": "x"}, content=b"123456", headers=records.desk.as_role(Role.OFFICER)
    )

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert not [path for path in records.shelf.store.root.rglob("*") if path.is_file()]


def test_a_full_disk_is_told_and_leaves_nothing(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    officer = records.desk.as_role(Role.OFFICER)
    monkeypatch.setattr(os, "fsync", full)
    answer = records.client.post("/api/v1/attachments", params={"name": "x"}, content=PHOTO, headers=officer)
    monkeypatch.undo()

    assert answer.status_code == 503
    assert not [path for path in records.shelf.store.root.rglob("*") if path.is_file()]
    assert records.upload(PHOTO)["size"] == len(PHOTO)


def test_a_file_lost_from_the_disk_is_a_fault_of_the_node_and_a_new_upload_mends_it(records: Records) -> None:
    told = records.upload(PHOTO)
    address, officer = f"/api/v1/attachments/{told['digest']}", records.desk.as_role(Role.OFFICER)
    records.shelf.store.remove(str(told["digest"]))
    assert records.client.get(address, headers=officer).status_code == 503

    records.upload(PHOTO)
    assert records.client.get(address, headers=officer).content == PHOTO


def test_the_files_of_a_thread_are_listed_with_where_they_are(neighbours: Neighbours) -> None:
    told = neighbours.upload(PHOTO)
    ref = AttachmentRef(str(told["digest"]), len(PHOTO), "伐桩.jpg", "image/jpeg")
    sent = neighbours.send(ref)
    answer = neighbours.client.get(
        f"/api/v1/threads/{sent.statement.thread}/attachments", headers=neighbours.desk.as_role(Role.AUDITOR)
    )

    assert [(item["name"], item["held"], item["confirmed_at"]) for item in answer.json()["items"]] == [
        ("伐桩.jpg", True, None)
    ]


def test_the_administrator_reads_no_file(records: Records) -> None:
    told = records.upload(PHOTO)
    answer = records.client.get(
        f"/api/v1/attachments/{told['digest']}", headers=records.desk.as_role(Role.ADMINISTRATOR)
    )

    assert answer.status_code == 403
