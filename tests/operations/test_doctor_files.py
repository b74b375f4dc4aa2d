"""The doctor at files that are closed to the node, or open to others: whoever asks, each with the command that mends it.

Who may read what is tried as a user of no privileges: where the tests run as root the node is given to another user, who
then asks; elsewhere somebody else's files are only said to be so.
"""

import json
import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ecolink.entrypoints.doctor import access, machine
from ecolink.entrypoints.doctor.finding import Level
from tests.operations.operator import Operator
from tests.operations.test_doctor import found
from tests.support.certificates import Authority

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

NOBODY = pwd.getpwnam("nobody").pw_uid
AS_ROOT = os.geteuid() == 0
"""Whether the tests run as root, and so may be anybody and give files to anybody."""

Give = Callable[[Path], str]


@contextmanager
def as_the_node(operator: Operator) -> Iterator[int]:
    """Be the user whose the node is, if we may be anybody."""
    user = operator.bureau.config.stat().st_uid
    us = os.geteuid()
    os.seteuid(user)
    try:
        yield user
    finally:
        os.seteuid(us)


@pytest.fixture
def unprivileged(shouning: Operator) -> Iterator[Operator]:
    """Shouning's node in a folder of a user who is not root: ours, or, where we are root, nobody's."""
    with TemporaryDirectory() as folder:
        home = Path(folder) / "shouning"
        shutil.copytree(shouning.bureau.config.parent, home)
        if AS_ROOT:
            for path in (Path(folder), home, *home.rglob("*")):
                os.chown(path, NOBODY, -1)
        yield Operator(replace(shouning.bureau, config=home / "ecolink.toml"))


@pytest.fixture
def to_root(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Give a file to root, or have it look so, and return its path."""

    def give(path: Path) -> str:
        if AS_ROOT:
            os.chown(path, 0, -1)
        else:
            said = access.owner
            monkeypatch.setattr(access, "owner", lambda asked: 0 if asked == path else said(asked))
        return str(path)

    return give


def test_a_key_that_root_made_is_given_back_to_the_nodes_user_and_no_backup_is_restored(
    unprivileged: Operator, to_root: Give
):
    key = next((unprivileged.data / "keys").iterdir())
    path = to_root(key)
    key.chmod(0o600 if AS_ROOT else 0)
    with as_the_node(unprivileged) as user:
        told = found(unprivileged)
    name = access.name_of(user)
    assert told["keys"].finding.level is Level.FAIL
    assert told["keys"].finding.detail_en == f"{path} is closed to {name}: Permission denied."
    assert told["keys"].finding.mend_en == f"chown {name} {path}"
    assert told["files"].finding.mend_en == f"chown {name} {path}"
    assert told["worker"].finding.level is Level.SKIPPED


@pytest.mark.parametrize(
    ("closed", "check"), [("ecolink.db", "database"), ("keys", "keys"), ("backups", "backups"), (".", "keys")]
)
def test_what_its_own_user_may_not_read_is_opened_by_a_mode(unprivileged: Operator, closed: str, check: str):
    (unprivileged.data / "backups").mkdir(exist_ok=True)
    path = unprivileged.data / closed
    if AS_ROOT:
        os.chown(unprivileged.data / "backups", NOBODY, -1)
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        with as_the_node(unprivileged):
            finding = found(unprivileged)[check].finding
    finally:
        path.chmod(mode)
    assert finding.level is Level.FAIL
    assert finding.mend_en == f"chmod {'u+rw' if closed == 'ecolink.db' else 'u+rwx'} {path}"


def test_settings_that_may_not_be_read_are_a_finding_and_no_traceback(unprivileged: Operator):
    unprivileged.bureau.config.chmod(0)
    with as_the_node(unprivileged):
        told = found(unprivileged)
    assert told["settings"].finding.level is Level.FAIL
    assert f"{unprivileged.bureau.config}" in told["settings"].finding.detail_en
    assert {each.finding.level for name, each in told.items() if name != "settings"} == {Level.SKIPPED}


def test_whoever_is_not_the_nodes_user_is_told_to_ask_as_that_user(unprivileged: Operator, to_root: Give):
    unprivileged.data.chmod(0)
    to_root(unprivileged.data)
    with as_the_node(unprivileged):
        finding = found(unprivileged)["keys"].finding
    unprivileged.data.chmod(0o700)
    assert finding.level is Level.FAIL
    assert finding.mend_en.endswith("runuser -u root -- ecolink doctor")


def test_a_tls_key_of_roots_is_given_to_the_node_and_its_certificate_is_looked_at_all_the_same(
    unprivileged: Operator, to_root: Give
):
    home = unprivileged.bureau.config.parent
    authority = Authority(home / "tls")
    certificate, key = authority.issue("shouning", days=-3)
    text = unprivileged.bureau.config.read_text("utf-8").replace('l = "http://', 'l = "https://')
    given = f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    unprivileged.bureau.config.write_text(given + text, "utf-8")
    to_root(key)
    key.chmod(0o600 if AS_ROOT else 0)
    with as_the_node(unprivileged) as user:
        told = found(unprivileged)["certificates"].finding.told
    assert len(told) == 2
    assert "is over since" in told[0].detail_en
    assert told[1].mend_en == f"chown {access.name_of(user)} {key}"


def test_root_is_told_of_open_modes_and_of_files_that_are_not_the_nodes_each_with_its_mend(
    unprivileged: Operator, to_root: Give, monkeypatch: pytest.MonkeyPatch
):
    name = access.name_of(unprivileged.data.stat().st_uid)
    monkeypatch.setattr(machine.os, "geteuid", lambda: 0)
    assert [each.level for each in found(unprivileged)["files"].finding.told] == [Level.WARN]

    unprivileged.data.chmod(0o755)
    first, second = sorted((unprivileged.data / "keys").iterdir())[:2]
    to_root(first)
    mends = [each.mend_en for each in found(unprivileged)["files"].finding.told if each.level is Level.FAIL]
    assert mends == [f"chown {name} {first}", f"chmod 700 {unprivileged.data}"]

    to_root(second)
    mends = [each.mend_en for each in found(unprivileged)["files"].finding.told if each.level is Level.FAIL]
    assert mends == [f"chown -R {name} {unprivileged.data}", f"chmod 700 {unprivileged.data}"]
    assert unprivileged.run("doctor").exit_code == 1
    (check,) = [
        each for each in json.loads(unprivileged.run("doctor", "--json").stdout)["checks"] if each["check"] == "files"
    ]
    assert [each["mend_en"] for each in check["findings"] if each["level"] == "fail"] == mends
    assert check["mend_en"] == mends[0]


def test_what_a_file_system_keeps_for_root_is_no_fault_of_the_nodes(unprivileged: Operator, to_root: Give):
    (unprivileged.data / "lost+found").mkdir()
    to_root(unprivileged.data / "lost+found")
    with as_the_node(unprivileged):
        assert found(unprivileged)["files"].finding.level is Level.OK


def test_every_key_that_others_may_read_is_named(shouning: Operator):
    keys = sorted((shouning.data / "keys").iterdir())[:2]
    for key in keys:
        key.chmod(0o640)
    assert [each.mend_en for each in found(shouning)["keys"].finding.told] == [f"chmod 600 {key}" for key in keys]
