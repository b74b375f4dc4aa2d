"""Whoever gives a command: what is refused to another user than the node's, and what is said of files closed to one."""

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecolink.entrypoints.backup import shelf
from ecolink.federation import signer
from ecolink.ownership import closed, name_of, refuse_closed
from tests.entrypoints.conftest import NODES, Run, init, refusal

SHOUNING, QINGYUAN = NODES
NOW = datetime(2026, 11, 23, tzinfo=UTC)
NOBODYS = 41_234
"""The number of a user this machine has no name for."""

Give = Callable[[Path], int]


@pytest.fixture
def given_away(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Have a path belong to another user than us, and return its number."""

    def give(path: Path) -> int:
        if os.geteuid() == 0:
            os.chown(path, NOBODYS, -1)
            return NOBODYS
        ours = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: NOBODYS)
        return ours

    return give


@pytest.mark.parametrize("folder", ["data", "data/keys"])
@pytest.mark.parametrize(
    "command",
    [
        ("key", "rotate"),
        ("user", "add", "wu", "--name", "吴", "--role", "officer"),
        ("backup", "create"),
        ("backup", "key", "--out", "half.pem", "--no-passphrase"),
        ("db", "upgrade"),
        ("serve",),
        ("worker",),
        ("init",),
    ],
    ids=" ".join,
)
def test_a_command_of_another_user_than_the_bureaus_node_is_refused_and_changes_nothing(
    run: Run, shouning: Path, folder: str, command: tuple[str, ...], given_away: Give
) -> None:
    before = sorted(shouning.parent.rglob("*"))
    owner = given_away(shouning.parent / folder)
    said = refusal(run("--config", shouning, *command))
    assert f"{shouning.parent / folder} belongs to {name_of(owner)}, and what " in said or folder == "data/keys"
    assert f"would be closed to the node: run it as {name_of(owner)}" in said
    assert sorted(shouning.parent.rglob("*")) == before
    assert not Path("half.pem").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away, and may read what is another's")
class TestRoot:
    """What root may do with another user's node."""

    def test_a_single_key_of_another_users_is_enough_to_know_whose_the_node_is(self, run: Run, shouning: Path) -> None:
        """As in a volume whose folder is root's, and in which the node runs as a user of its group."""
        os.chown(next(shouning.parent.glob("data/keys/log-*.pem")), NOBODYS, -1)
        said = refusal(run("--config", shouning, "key", "rotate"))
        assert f"run it as {NOBODYS}: setpriv --reuid {NOBODYS} --clear-groups -- " in said

    def test_root_may_look_at_another_users_node(self, run: Run, shouning: Path) -> None:
        for path in (shouning.parent / "data", *shouning.parent.rglob("data/**/*")):
            os.chown(path, NOBODYS, -1)
        for command in (("key", "list"), ("user", "list"), ("queue", "status"), ("db", "check"), ("backup", "list")):
            assert run("--config", shouning, *command).exit_code == 0, command
        assert "own keys in force" in run("--config", shouning, "doctor").output
        assert {path.stat().st_uid for path in shouning.parent.rglob("data/**/*")} == {NOBODYS}

    def test_a_node_whose_folder_is_roots_and_whose_user_is_another_works(
        self, run: Run, shouning: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: NOBODYS)
        for key in shouning.parent.glob("data/keys/*.pem"):
            os.chown(key, NOBODYS, -1)
        assert run("--config", shouning, "key", "rotate").exit_code == 0

    def test_a_backup_that_root_opened_is_known_to_be_good_by_the_nodes_own_user(self, tmp_path: Path) -> None:
        backup = tmp_path / shelf.name_of(SHOUNING, NOW)
        backup.write_bytes(b"sealed")
        os.chown(backup, NOBODYS, NOBODYS)
        shelf.record(backup, shelf.Verdict(NOW, ok=True, looked_inside=True))
        (verdict,) = tmp_path.glob("*.verdict")
        assert (verdict.stat().st_uid, verdict.stat().st_mode & 0o777) == (NOBODYS, 0o600)

    def test_an_init_for_another_users_folder_leaves_no_settings_behind(self, run: Run, tmp_path: Path) -> None:
        (data := tmp_path / "data").mkdir()
        os.chown(data, NOBODYS, -1)
        name_zh, name_en, phone, _ = NODES[SHOUNING]
        names = ("--unit-code", SHOUNING, "--name-zh", name_zh, "--name-en", name_en, "--duty-phone", phone)
        assert f"run it as {NOBODYS}" in refusal(run("init", *names))
        assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_same_init_is_run_again_after_it_failed_and_one_that_says_something_else_is_refused(
    run: Run, tmp_path: Path
) -> None:
    config = init(run, tmp_path, SHOUNING, "--allowed-network", "10.20.0.0/16", "--data-dir", str(tmp_path / "held"))
    settings = config.read_text("utf-8")
    for path in (tmp_path / "held").glob("ecolink.db*"):
        path.unlink()
    refused = run("--config", config, "init", "--data-dir", tmp_path / "other", "--unit-code", SHOUNING)
    assert refusal(refused).startswith(f"{config} exists: set data_dir there")
    init(run, tmp_path, SHOUNING, "--allowed-network", "10.20.0.0/16", "--data-dir", str(tmp_path / "held"))
    assert config.read_text("utf-8") == settings


def test_a_new_node_whose_disk_fills_up_keeps_no_half_of_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def fill(handle: int) -> None:
        written.append(handle)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fill)
        with pytest.raises(OSError, match="No space left"):
            signer.create_keys(tmp_path / "keys", None)
    assert list((tmp_path / "keys").iterdir()) == []
    assert len(signer.create_keys(tmp_path / "keys", None).by_use) == 4


def test_what_is_closed_to_a_bureaus_node_is_told_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = name_of(os.geteuid())
    assert closed(tmp_path).detail_en.endswith(f"run 'chmod u+rwX {tmp_path}'.")
    monkeypatch.setattr(os, "geteuid", lambda: NOBODYS)
    belongs = closed(tmp_path)
    assert f"{tmp_path} belongs to {owner} and is closed to {NOBODYS}: run this as {owner}" in belongs.detail_en
    assert f"'chown {NOBODYS}: {tmp_path}'." in belongs.detail_en
    assert f"chown {NOBODYS}: {tmp_path}。" in belongs.detail_zh
    missing = closed(tmp_path / "data")
    assert f"'install -d -o {NOBODYS} -m 0700 {tmp_path / 'data'}'; then run this again." in missing.detail_en


def test_nothing_is_said_of_what_is_open_or_not_there_yet(tmp_path: Path) -> None:
    (file := tmp_path / "ecolink.db").touch()
    refuse_closed(tmp_path, file, tmp_path / "data")


def test_a_file_that_is_closed_wherever_it_is_opened_is_one_line(
    run: Run, shouning: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(path: Path, *_: object, **__: object) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", deny)
    key = min(shouning.parent.glob("data/keys/*.pem"), key=lambda path: path.stat().st_mtime_ns)
    assert refusal(run("--config", shouning, "key", "rotate")).startswith(f"{key} is closed even to ")
    monkeypatch.setattr(Path, "glob", deny)
    assert "is closed even to" in refusal(run("--config", shouning, "backup", "list", shouning.parent / "data"))
