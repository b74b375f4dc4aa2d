"""Files stay as long as something gives a right to them, and no longer."""

import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from ecolink.attachments.models import Blob
from ecolink.attachments.service import Attachments
from ecolink.attachments.shelf import ORPHANS_KEPT, UNFINISHED_KEPT, UNUSED_UPLOADS_KEPT, Shelf
from ecolink.attachments.store import BlobStore
from ecolink.errors import InvalidError, NotFoundError, TooLargeError, UnavailableError
from ecolink.protocol.statement import AttachmentRef
from ecolink.storage.engine import Database

NOW = datetime.now(UTC)  # beside files, whose times are the machine's


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(BlobStore(tmp_path / "blobs", max_bytes=1000), quota_bytes=2000)


def upload(database: Database, shelf: Shelf, data: bytes, name: str = "fir.jpg", now: datetime = NOW) -> AttachmentRef:
    with shelf.store.stage() as staged:
        staged.write(data)
        staged.seal()
        with database.begin() as session:
            return Attachments("350924000000", shelf).keep(
                session, staged, name=name, media_type="image/jpeg", by="lin.qing", now=now
            )


def files(shelf: Shelf) -> list[str]:
    return sorted(path.name for path in shelf.store.root.rglob("*") if path.is_file())


def test_the_same_content_lies_there_once(database: Database, shelf: Shelf) -> None:
    one, two = upload(database, shelf, b"fir"), upload(database, shelf, b"fir", "other.jpg")

    assert one.digest == two.digest == sha256(b"fir").hexdigest()
    assert files(shelf) == [one.digest]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Blob)) == 1


def test_only_the_node_itself_may_read_the_folder(database: Database, shelf: Shelf) -> None:
    upload(database, shelf, b"fir")

    for path in [shelf.store.root, *shelf.store.root.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0


def test_an_upload_that_is_cut_off_leaves_nothing(shelf: Shelf) -> None:
    with pytest.raises(ZeroDivisionError), shelf.store.stage() as staged:
        staged.write(bytes(10 // 0))

    assert files(shelf) == []


def test_an_upload_whose_transaction_fails_can_be_repeated(database: Database, shelf: Shelf) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    database.before_commit(fail)
    with pytest.raises(ZeroDivisionError):
        upload(database, shelf, b"fir")
    database._before_commit.remove(fail)

    ref = upload(database, shelf, b"fir")
    assert shelf.store.read(ref.digest, 0, 10) == b"fir"


def test_a_file_larger_than_allowed_is_cut_at_the_limit(shelf: Shelf) -> None:
    with shelf.store.stage() as staged:
        staged.write(bytes(1000))
        with pytest.raises(TooLargeError):
            staged.write(b"x")


def test_all_files_together_keep_to_the_quota(database: Database, shelf: Shelf) -> None:
    upload(database, shelf, bytes(1000))
    upload(database, shelf, bytes(999) + b"1")
    with pytest.raises(UnavailableError):
        upload(database, shelf, b"x")

    assert len(files(shelf)) == 2


def test_a_statement_names_a_file_only_while_it_is_here(database: Database, shelf: Shelf) -> None:
    ref = upload(database, shelf, b"fir")
    room = Attachments("350924000000", shelf)
    with database.begin() as session:
        assert room.refer(session, ref.digest) == ref
        assert room.refer(session, ref.digest, "../另一个.jpg").name == "另一个.jpg"
        shelf.forget_upload(session, [ref.digest])
        shelf.release(session, [ref.digest], NOW)

    with database.read() as session:
        with pytest.raises(InvalidError) as refused:
            room.refer(session, ref.digest)
        with pytest.raises(NotFoundError):
            shelf.find(session, ref.digest)
    assert refused.value.pointer == "/attachments"


def test_what_was_dropped_goes_with_the_next_sweep(database: Database, shelf: Shelf) -> None:
    gone, kept = upload(database, shelf, b"gone"), upload(database, shelf, b"kept")
    with database.begin() as session:
        shelf.forget_upload(session, [gone.digest])
        shelf.release(session, [gone.digest, kept.digest], NOW)

    assert shelf.sweep(database, NOW) == 1
    assert files(shelf) == [kept.digest]
    assert shelf.sweep(database, NOW) == 0


def test_what_was_dropped_and_brought_again_stays(database: Database, shelf: Shelf) -> None:
    ref = upload(database, shelf, b"fir")
    with database.begin() as session:
        shelf.forget_upload(session, [ref.digest])
        shelf.release(session, [ref.digest], NOW)
    upload(database, shelf, b"fir")

    assert shelf.sweep(database, NOW) == 0
    with database.read() as session:
        assert shelf.find(session, ref.digest).size == 3


def test_an_upload_that_nothing_ever_named_goes_after_its_time(database: Database, shelf: Shelf) -> None:
    upload(database, shelf, b"fir")

    assert shelf.sweep(database, NOW + UNUSED_UPLOADS_KEPT - timedelta(hours=1)) == 0
    assert shelf.sweep(database, NOW + UNUSED_UPLOADS_KEPT + timedelta(hours=1)) == 1
    assert files(shelf) == []


def test_a_file_without_a_row_goes_after_a_day(database: Database, shelf: Shelf) -> None:
    ref, kept = upload(database, shelf, b"fir"), upload(database, shelf, b"kept")
    with database.begin() as session:
        session.execute(Blob.__table__.delete().where(Blob.digest == ref.digest))

    assert shelf.sweep(database, NOW + ORPHANS_KEPT - timedelta(hours=1)) == 0
    assert shelf.sweep(database, NOW + ORPHANS_KEPT + timedelta(hours=1)) == 1
    assert files(shelf) == [kept.digest]


def test_what_was_begun_and_left_goes_after_a_week(database: Database, shelf: Shelf) -> None:
    shelf.store.write_part("0" * 64, "331126000000", 0, b"some")

    assert shelf.sweep(database, NOW + UNFINISHED_KEPT - timedelta(hours=1)) == 0
    assert shelf.sweep(database, NOW + UNFINISHED_KEPT + timedelta(hours=1)) == 1


def test_an_upload_and_a_sweep_at_once_never_lose_the_file(database: Database, shelf: Shelf) -> None:
    ref = upload(database, shelf, b"fir")
    stop = threading.Event()
    faults: list[BaseException] = []

    def sweep() -> None:
        while not stop.is_set():
            try:
                with database.begin() as session:
                    session.execute(update(Blob).values(uploaded_by=None, dropped_at=NOW))
                shelf.sweep(database, NOW)
            except BaseException as fault:  # noqa: BLE001 - shown below
                faults.append(fault)
                return

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    for _ in range(25):
        upload(database, shelf, b"fir")
        with database.begin() as session:
            # While its row is locked and stands, the file is there.
            row = session.get(Blob, ref.digest, with_for_update=True)
            if row is not None and row.dropped_at is None:
                assert shelf.store.read(ref.digest, 0, 3) == b"fir"
    stop.set()
    sweeper.join()

    assert faults == []
    upload(database, shelf, b"fir")
    assert shelf.store.read(ref.digest, 0, 3) == b"fir"


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "A" * 64, "0" * 63, "\0" * 64, ""])
def test_no_name_but_a_digest_reaches_the_disk(shelf: Shelf, name: str) -> None:
    for reach in (shelf.store.open, shelf.store.remove, lambda name: shelf.store.partial(name, "331126000000")):
        with pytest.raises(ValueError, match="64 lower-case hex digits"):
            reach(name)
