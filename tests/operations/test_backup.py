"""Backups of one node: made, listed, really opened, and brought back to an empty machine."""

import errno
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.entrypoints.backup import postgres, shelf
from ecolink.entrypoints.backup.shelf import Verdict
from ecolink.kit.clock import SystemClock
from tests.operations.operator import Operator, aged, flip
from tests.support.town import QINGYUAN

PHOTO = b"\xff\xd8 a stump \xff\xd9" * 200_000
"""Larger than a piece and a frame."""

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


@pytest.fixture
def backed_up(shouning: Operator) -> Path:
    """Return a backup of Shouning, which holds a photograph."""
    shouning.make_key()
    shouning.attach(PHOTO)
    return shouning.back_up()


def keep_keys(operator: Operator) -> Path:
    """Put a copy of the keys into the safe."""
    return shutil.copytree(operator.data / "keys", operator.key.parent / "keys")


def antedate(backup: Path) -> None:
    """Backups are named by the second: make as if this one were of long ago."""
    backup.rename(backup.with_name("ecolink-350924000000-20260101T000000Z.backup"))


def users(operator: Operator) -> list[str]:
    return [row["username"] for row in operator.told("user", "list")]


def test_a_backup_is_one_file_that_only_its_owner_reads_and_only_the_kept_key_opens(
    shouning: Operator, backed_up: Path
) -> None:
    assert backed_up.parent == shouning.data / "backups"
    assert stat.S_IMODE(backed_up.stat().st_mode) == 0o600
    assert stat.S_IMODE(shouning.key.stat().st_mode) == 0o600
    assert sorted(path.name for path in backed_up.parent.iterdir()) == [backed_up.name], "nothing half made stays"
    assert not list(shouning.data.glob(".backup-*"))
    content = backed_up.read_bytes()
    assert b"a stump" not in content
    assert b"statements" not in content

    shouning.done("backup", "key", "--out", shouning.key.with_name("other.pem"), "--no-passphrase", "--replace")
    wrong = shouning.refused("backup", "verify", backed_up, "--key", shouning.key.with_name("other.pem"))
    assert wrong.startswith("This backup is sealed to another key: it opens with ")
    assert shouning.verdict(backed_up)["result"] is None, "a wrong key says nothing of the backup"


def test_without_a_backup_key_nothing_is_made_and_the_mend_is_named(shouning: Operator) -> None:
    assert "run 'ecolink backup key --out FILE'" in shouning.refused("backup", "create")


def test_a_second_backup_key_replaces_the_first_only_when_told_to(shouning: Operator) -> None:
    shouning.make_key()
    other = shouning.key.with_name("other.pem")
    assert "add --replace" in shouning.refused("backup", "key", "--out", other, "--no-passphrase")
    assert not other.exists()
    assert "exists already" in shouning.refused("backup", "key", "--out", shouning.key, "--no-passphrase", "--replace")


def test_an_encrypted_backup_key_opens_with_its_passphrase_only(
    shouning: Operator, tmp_path: Path, new_url: Callable[[], str]
) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("fir and tea\n")
    shouning.key.parent.mkdir()
    assert "Give a passphrase" in shouning.refused("backup", "key", "--out", shouning.key)
    shouning.done("backup", "key", "--out", shouning.key, "--passphrase-file", passphrase)
    assert b"ENCRYPTED" in shouning.key.read_bytes()
    backup = shouning.back_up()
    assert "does not open" in shouning.refused("backup", "verify", backup, "--key", shouning.key)
    scratch = ("--scratch", new_url()) if shouning.bureau.database_url else ()
    assert shouning.verify(backup, "--passphrase-file", passphrase, *scratch).exit_code == 0


@on_sqlite
def test_verifying_opens_the_backup_and_says_whose_it_is(shouning: Operator, backed_up: Path) -> None:
    assert shouning.verdict(backed_up)["verified_at"] is None
    result = shouning.verify(backed_up, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    card = shouning.done("peer", "card").stderr.splitlines()[-1].strip()
    assert told["fingerprint"] == card
    assert (told["ok"], told["attachments"], told["keys"], told["database_opened"]) == (True, 1, False, True)
    assert shouning.verdict(backed_up)["result"] == "ok"
    assert shouning.verdict(backed_up)["verified_at"] is not None


@on_postgresql
def test_a_dump_is_opened_in_a_scratch_database_which_is_empty_again_afterwards(
    shouning: Operator, backed_up: Path, new_url: Callable[[], str]
) -> None:
    scratch = new_url()
    assert shouning.verify(backed_up, "--scratch", scratch).exit_code == 0
    assert shouning.verdict(backed_up)["result"] == "ok"
    assert postgres.tables(scratch) == 0
    assert "is not empty" in shouning.refused(
        "backup", "verify", backed_up, "--key", shouning.key, "--scratch", shouning.bureau.database_url
    )
    assert users(shouning) == ["admin", "wu"], "nothing happened to the node's own database"


@on_postgresql
def test_a_dump_whose_database_nobody_opened_is_not_verified_and_says_what_to_do(
    shouning: Operator, backed_up: Path, new_url: Callable[[], str]
) -> None:
    looked_through = shouning.verify(backed_up, "--json")
    assert looked_through.exit_code == 3, looked_through.output
    assert "name it: --scratch postgresql://" in looked_through.stderr
    told = json.loads(looked_through.stdout)
    assert (told["ok"], told["database_opened"]) == (False, False)
    assert shouning.verdict(backed_up)["result"] == "NOT VERIFIED: its database was not opened"

    shouning.verify(backed_up, "--scratch", new_url())
    assert shouning.verify(backed_up).exit_code == 3
    assert shouning.verdict(backed_up)["result"] == "ok", "it was opened once, and is whole still"
    flip(backed_up, -1)
    assert shouning.verify(backed_up).exit_code == 1
    assert shouning.verdict(backed_up)["result"].startswith("FAILED")


def test_old_backups_go_but_never_the_last_one_that_was_verified(
    shouning: Operator, backed_up: Path, new_url: Callable[[], str | None]
) -> None:
    now = SystemClock().now()
    bad, good, older, oldest = (aged(backed_up, days) for days in (89, 100, 150, 200))
    another_bureaus = aged(backed_up, 300, QINGYUAN)
    shelf.record(bad, Verdict(now, ok=False, looked_inside=True, why="a page"))
    for verified in (good, older):
        shelf.record(verified, Verdict(now, ok=True, looked_inside=True))

    gone = shouning.told("backup", "prune")
    assert [row["deleted"] for row in gone] == [older.name, oldest.name]
    assert backups_in(backed_up.parent) == {backed_up, bad, good, another_bureaus}
    assert not older.with_name(f"{older.name}.verdict").exists()
    assert entered(shouning, "backup-prune") == [older.name, oldest.name]

    scratch = ("--scratch", new_url()) if shouning.bureau.database_url else ()
    assert shouning.verify(backed_up, *scratch).exit_code == 0
    assert [row["deleted"] for row in shouning.told("backup", "prune")] == [good.name]
    assert shouning.told("backup", "prune", "--older-than", 30, backed_up.parent)[0]["deleted"] == bad.name
    assert "No backup in" in shouning.done("backup", "prune", "--older-than", 1).output
    assert backups_in(backed_up.parent) == {backed_up, another_bureaus}


@on_sqlite
def test_a_node_whose_backups_fail_keeps_the_newest_that_is_not_known_to_be_bad(
    shouning: Operator, backed_up: Path
) -> None:
    newest, sound, old = (aged(backed_up, days) for days in (100, 150, 200))
    backed_up.unlink()
    shelf.record(newest, Verdict(SystemClock().now(), ok=False, looked_inside=False, why="it breaks off"))
    shouning.done("backup", "prune")
    assert backups_in(backed_up.parent) == {newest, sound}
    assert not old.exists()


def backups_in(folder: Path) -> set[Path]:
    return set(folder.glob("*.backup"))


def entered(operator: Operator, what: str) -> list[str]:
    """Return what the access log says that was done so to."""
    node = operator.node()
    with node.database.read() as session:
        rows = session.scalars(select(AccessRow).order_by(AccessRow.n)).all()
    node.close()
    return [row.object_id for row in rows if row.details.get("what") == what]


@on_postgresql
def test_a_machine_without_pg_dump_is_told_what_to_install(shouning: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    shouning.make_key()
    monkeypatch.setattr(postgres, "_folders", list)
    monkeypatch.setenv("PATH", str(shouning.data))
    assert shouning.refused("backup", "create").startswith("pg_dump is not installed: install PostgreSQL's client")
    assert list((shouning.data / "backups").iterdir()) == []


@pytest.mark.parametrize("place", [300, 1_000_000, -1], ids=["beginning", "middle", "end"])
@on_sqlite
def test_one_changed_byte_anywhere_is_noticed_and_put_on_record(
    shouning: Operator, backed_up: Path, place: int
) -> None:
    flip(backed_up, place)
    refusal = shouning.refused("backup", "verify", backed_up, "--key", shouning.key)
    # Its head may be changed beyond reading, which depends on the keys in it.
    assert refusal.startswith(("The backup is damaged", "This file is no ecolink backup"))
    if shouning.verdict(backed_up)["opens_with"]:
        assert shouning.verdict(backed_up)["result"].startswith("FAILED: The backup is damaged")


@on_sqlite
def test_a_backup_that_breaks_off_is_noticed_wherever_it_breaks_off(shouning: Operator, backed_up: Path) -> None:
    whole = backed_up.read_bytes()
    header = whole.index(b"\n") + 1
    frame = (1 << 20) + 16
    for size in (0, header, header + frame, header + 2 * frame, len(whole) - 1):
        backed_up.write_bytes(whole[:size])
        refusal = shouning.refused("backup", "verify", backed_up, "--key", shouning.key)
        assert refusal.startswith(("The backup is damaged", "This file is no ecolink backup")), size


@on_sqlite
def test_a_log_that_does_not_add_up_and_a_statement_that_was_altered_are_found(shouning: Operator) -> None:
    shouning.make_key()
    with closing(sqlite3.connect(shouning.data / "ecolink.db")) as database, database:
        database.execute("UPDATE log_leaves SET digest = ? WHERE idx = 0", ("ab" * 32,))
    result = shouning.verify(shouning.back_up())
    assert result.exit_code == 1
    assert "does not add up" in result.stderr


@on_sqlite
def test_an_attachment_that_is_spoilt_or_gone_is_told(shouning: Operator) -> None:
    shouning.make_key()
    spoilt, gone = shouning.attach(PHOTO), shouning.attach(b"a map of the ridge")
    flip(shouning.blob(spoilt), 10)
    shouning.blob(gone).unlink()
    made = shouning.done("backup", "create", "--json")
    assert "1 attachments are missing on this node" in made.stderr
    backup = Path(json.loads(made.stdout)["backup"])
    result = shouning.verify(backup)
    assert result.exit_code == 1
    assert f"1 attachments are not what their digest names, such as {spoilt}" in result.stderr
    assert shouning.verdict(backup)["result"].startswith("FAILED: 1 attachments")


def test_a_full_disk_leaves_no_half_backup(shouning: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    shouning.make_key()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert shouning.refused("backup", "create").startswith("The disk is full: no backup was made")
    monkeypatch.undo()
    assert list((shouning.data / "backups").iterdir()) == []
    assert not list(shouning.data.glob(".backup-*"))


@on_sqlite
def test_a_verdict_on_another_file_of_the_same_name_counts_for_nothing(shouning: Operator, backed_up: Path) -> None:
    assert shouning.verify(backed_up).exit_code == 0
    name = backed_up.name
    backed_up.unlink()
    shouning.back_up().rename(backed_up.with_name(name))
    assert shouning.verdict(backed_up)["result"] is None


def test_a_node_that_lost_everything_but_its_keys_is_brought_back(shouning: Operator, backed_up: Path) -> None:
    kept = keep_keys(shouning)
    digest = shouning.attach(PHOTO)
    away = shutil.move(backed_up, shouning.key.parent)
    shouning.lose_everything()
    refusal = shouning.refused("backup", "restore", away, "--key", shouning.key)
    assert "neither in" in refusal
    assert "introduced anew" in refusal

    shutil.copytree(kept, shouning.data / "keys")
    told = shouning.told("backup", "restore", away, "--key", shouning.key)
    assert (told["attachments"], told["set_aside"], told["peers"]) == (1, [], {})
    assert users(shouning) == ["admin", "wu"]
    assert shouning.blob(digest).read_bytes() == PHOTO
    assert not list(shouning.data.glob(".restore-*"))
    node = shouning.node()
    with node.database.read() as session:
        assert node.log.head(session).log_epoch == 2, "the log began anew and says why"
        declared = json.loads(node.log.declaration(session, 2))
    node.close()
    assert declared["form"] == "ecolink.restore/1"


def test_a_backup_with_keys_brings_back_a_node_of_which_nothing_is_left(shouning: Operator) -> None:
    shouning.make_key()
    away = Path(shutil.move(shouning.back_up("--with-keys"), shouning.key.parent))
    fingerprint = shouning.done("peer", "card").stderr.splitlines()[-1]
    settings = shouning.bureau.config.read_text("utf-8")
    shouning.lose_everything()
    shouning.bureau.config.unlink()

    printed = shouning.done("backup", "settings", away, "--key", shouning.key).stdout
    assert printed == settings
    shouning.bureau.config.write_text(printed, "utf-8")
    shouning.done("backup", "restore", away, "--key", shouning.key)
    assert shouning.done("peer", "card").stderr.splitlines()[-1] == fingerprint
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (shouning.data / "keys").iterdir())


def test_a_backup_without_keys_holds_no_settings(shouning: Operator, backed_up: Path) -> None:
    assert "holds no settings" in shouning.refused("backup", "settings", backed_up, "--key", shouning.key)


def test_a_node_that_holds_data_is_overwritten_only_when_told_to_and_what_it_held_stays(
    shouning: Operator, backed_up: Path, new_url: Callable[[], str | None]
) -> None:
    shouning.done("user", "add", "lin", "--name", "林晓曼", "--role", "officer", "--json")
    assert "Add --force" in shouning.refused("backup", "restore", backed_up, "--key", shouning.key)
    assert users(shouning) == ["admin", "lin", "wu"]

    told = shouning.told("backup", "restore", backed_up, "--key", shouning.key, "--force")
    assert users(shouning) == ["admin", "wu"]
    assert len(told["set_aside"]) == 2, "database and attachments"
    if shouning.bureau.database_url:
        schema = next(each.split()[1] for each in told["set_aside"] if each.startswith("schema"))
        assert postgres.tables(shouning.bureau.database_url, schema) > 0
        antedate(backed_up)
        again = shouning.verify(shouning.back_up(), "--scratch", new_url())
        assert again.exit_code == 0, f"what was set aside is part of no backup: {again.output}"
    else:
        (old,) = [Path(each) for each in told["set_aside"] if each.endswith(".db")]
        with closing(sqlite3.connect(old)) as database:
            assert ("lin",) in database.execute("SELECT username FROM accounts").fetchall()


def test_a_damaged_backup_changes_nothing(shouning: Operator, backed_up: Path) -> None:
    flip(backed_up, -1)
    shouning.done("user", "add", "lin", "--name", "林晓曼", "--role", "officer", "--json")
    assert "damaged" in shouning.refused("backup", "restore", backed_up, "--key", shouning.key, "--force")
    assert users(shouning) == ["admin", "lin", "wu"]


@on_sqlite
def test_the_write_ahead_log_of_a_broken_database_is_not_replayed_into_the_restored_one(
    shouning: Operator, backed_up: Path
) -> None:
    place = shouning.data / "ecolink.db"
    with closing(sqlite3.connect(place)) as database, database:
        database.execute("UPDATE accounts SET name = 'from the past'")
        database.commit()
        wal = place.with_name("ecolink.db-wal").read_bytes()
    place.with_name("ecolink.db-wal").write_bytes(wal)
    place.write_bytes(os.urandom(10_000))

    (old, *_) = shouning.told("backup", "restore", backed_up, "--key", shouning.key, "--force")["set_aside"]
    assert Path(old).parent.joinpath("ecolink.db-wal").read_bytes() == wal
    assert {row["name"] for row in shouning.told("user", "list")} == {"Administrator", "吴建国"}
    assert shouning.told("doctor")["ok"]


@on_sqlite
def test_what_killed_backups_left_behind_goes_after_a_day(shouning: Operator, backed_up: Path) -> None:
    left = backed_up.with_name(".ecolink-350924000000-20260101T000000Z.backup.part")
    work = shouning.data / ".backup-0123456789abcdef"
    left.touch()
    work.mkdir()
    antedate(backed_up)
    second = shouning.back_up("--to", backed_up.parent)
    assert left.exists()
    assert work.exists(), "another backup may be under way"
    for path in (left, work):
        os.utime(path, (0, 0))
    antedate(second)
    shouning.back_up()
    assert not left.exists()
    assert not work.exists()


@on_sqlite
def test_a_folder_that_takes_no_backup_is_named_in_one_line(shouning: Operator, tmp_path: Path) -> None:
    shouning.make_key()
    folder = tmp_path / "file"
    folder.touch()
    assert f"No backup was made in {folder}" in shouning.refused("backup", "create", "--to", folder)


@on_sqlite
def test_a_full_disk_stops_a_restore_before_anything_is_changed(
    shouning: Operator, backed_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shouning.done("user", "add", "lin", "--name", "林晓曼", "--role", "officer", "--json")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refusal = shouning.refused("backup", "restore", backed_up, "--key", shouning.key, "--force")
    monkeypatch.undo()
    assert refusal.startswith("The backup cannot be unpacked")
    assert users(shouning) == ["admin", "lin", "wu"]
    assert not list(shouning.data.glob(".restore-*"))


@on_sqlite
def test_another_bureaus_backup_is_refused(shouning: Operator, backed_up: Path) -> None:
    text = shouning.bureau.config.read_text("utf-8")
    shouning.bureau.config.write_text(text.replace("350924000000", "331126000000"), "utf-8")
    refusal = shouning.refused("backup", "restore", backed_up, "--key", shouning.key, "--force")
    assert refusal.startswith("This is a backup of 寿宁县公安局 (350924000000)")


@pytest.mark.processes
def test_a_worker_alone_is_a_running_node_too(shouning: Operator, backed_up: Path) -> None:
    with shouning.bureau.process("worker"):
        refusal = shouning.refused("backup", "restore", backed_up, "--key", shouning.key, "--force")
    assert refusal == "This node is running: stop 'serve' and every worker, then restore."
    assert users(shouning) == ["admin", "wu"]
