"""A machine is set up by the very lines at the head of the units, and its node is run as the units run it.

The lab is a mount namespace with an /etc, /opt, /var/lib, /usr/local/bin and /srv of its own, in which root may do what
the lines say. There is no systemd in it: what a unit starts is started as its user, with its credentials.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
PROGRAM = "/opt/ecolink/bin/ecolink"
RUNS_A_UNIT = f"runuser -u ecolink -- env CREDENTIALS_DIRECTORY=/run/lab HOME=/var/lib/ecolink {PROGRAM}"
PASSPHRASE = "| install -m 0600 /dev/stdin /etc/ecolink/key_passphrase"

LAB = """
set -eu
for own in /usr/local/bin /var/lib /srv /run; do mount -t tmpfs -o mode=755 lab $own; done
number=0
for folder in /opt $CLOSED; do  # what lies in it is there again, in a folder of the lab's own that is open to every user
    number=$((number + 1)) there=$LAB/$number
    mkdir "$there" && mount --rbind "$folder" "$there" && mount -t tmpfs -o mode=755 lab "$folder"
    for name in $(ls -A "$there"); do
        [ ! -d "$there/$name" ] || { mkdir "$folder/$name" && mount --rbind "$there/$name" "$folder/$name"; }
    done
done
cp -a /etc "$LAB/etc" && mount --bind "$LAB/etc" /etc
mkdir -p /opt/ecolink/bin /run/lab
printf '#!/bin/sh\\nprintf "%%s\\\\n" "$@" >> /run/arguments\\nexec %s -m ecolink "$@"\\n' "$PYTHON" > /opt/ecolink/bin/ecolink
touch /run/arguments && chmod 666 /run/arguments
printf '#!/bin/sh\\necho "$@" >> /run/systemctl\\n' > /usr/local/bin/systemctl
chmod 755 /opt/ecolink/bin/ecolink /usr/local/bin/systemctl
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd "$DEPLOY"
"""
LOADS_CREDENTIALS = """
printf '\\n' > /run/lab/ecolink_key_passphrase
if [ -f /etc/ecolink/key_passphrase ]; then cp /etc/ecolink/key_passphrase /run/lab/ecolink_key_passphrase; fi
chown -R ecolink /run/lab && chmod 700 /run/lab
mkdir -p /etc/systemd/system && mount --bind -o ro /etc/ecolink /etc/ecolink && mount -o remount,bind,ro /etc/ecolink
"""


def possible() -> bool:
    """Tell whether this machine lets us make the lab."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "runuser", "useradd"))):
        return False
    mounts = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs lab /srv"]
    return subprocess.run(mounts, check=False, capture_output=True).returncode == 0


def closed_folders() -> list[str]:
    """Return what stands between other users and the program: the outermost first."""
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), DEPLOY}
    way = {folder for path in needed for folder in (path, *path.parents)}
    return [str(folder) for folder in sorted(way) if folder.stat().st_mode & 0o5 != 0o5]


pytestmark = [
    pytest.mark.skipif(not possible(), reason="needs root and a mount namespace of its own"),
    pytest.mark.timeout(300),
]


def head_of(unit: str) -> list[str]:
    """Return the commands at the head of a unit."""
    comment = (DEPLOY / unit).read_text("utf-8").partition("\n[Unit]")[0]
    block = "\n".join(re.findall(r"^#   (.*)$", comment, re.MULTILINE))
    return block.replace("\\\n", " ").splitlines()


def started_by(unit: str) -> list[str]:
    lines = (DEPLOY / unit).read_text("utf-8").splitlines()
    return [line.removeprefix(f"ExecStart={PROGRAM} ") for line in lines if line.startswith("ExecStart=")]


def in_lab(folder: Path, *script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join([LAB, *script])],
        env={
            "LAB": str(folder),
            "CLOSED": " ".join(closed_folders()),
            "DEPLOY": str(DEPLOY),
            "PYTHON": sys.executable,
            "PATH": os.environ["PATH"],
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("encrypted", [True, False])
def test_the_lines_at_the_head_of_the_units_make_a_node_that_its_units_can_run(encrypted: bool, tmp_path: Path):
    lines = [line for line in head_of("ecolink.service") if encrypted or PASSPHRASE not in line]
    assert encrypted == any(PASSPHRASE in line for line in lines)
    (makes_key,) = [line for line in head_of("ecolink-backup.service") if " backup key " in line]
    told = in_lab(
        tmp_path,
        *lines,
        LOADS_CREDENTIALS,
        "install -d -o ecolink /srv/key",
        makes_key.partition("#")[0].replace("/media/key", "/srv/key") + " --no-passphrase",
        *(f"{RUNS_A_UNIT} {command}" for command in started_by("ecolink-backup.service")),
        "echo @@@; ls /etc/ecolink /etc/systemd/system; stat -c '%U %a %n' /etc/ecolink /var/lib/ecolink",
        "find /var/lib/ecolink ! -user ecolink; cat /run/systemctl",
        "head -1 /var/lib/ecolink/keys/sign-*; if [ -f /etc/ecolink/key_passphrase ]; then",
        "grep --fixed-strings --count --file /etc/ecolink/key_passphrase /run/arguments || true; fi",
        "echo @@@; ecolink doctor --json || true",
    )
    assert told.returncode == 0, told.stderr
    _, found, doctors = told.stdout.split("@@@\n")
    assert "root 750 /etc/ecolink\necolink 700 /var/lib/ecolink\ndaemon-reload\nenable --now ecolink\n" in found
    assert ("BEGIN ENCRYPTED PRIVATE KEY" in found) == encrypted
    assert not encrypted or found.endswith("\n0\n"), "the passphrase stood in a command line"
    assert all(unit.name in found for unit in DEPLOY.glob("*.service"))
    checks = {check["check"]: check["level"] for check in json.loads(doctors)["checks"]}
    assert {checks[name] for name in ("settings", "keys", "files", "database", "schema", "evidence log")} == {"ok"}


def test_a_command_that_root_gives_by_mistake_says_how_to_give_it(tmp_path: Path):
    as_root = f"{PROGRAM} --config /etc/ecolink/ecolink.toml"
    told = in_lab(
        tmp_path,
        *(line for line in head_of("ecolink.service") if PASSPHRASE not in line),
        f"{as_root} key list > /srv/listed && {as_root} queue status > /srv/queues",  # these only read
        *(f"! {as_root} {each} 2>> /srv/told" for each in ("key rotate", "serve")),
        "cat /srv/told; echo @@@; find /var/lib/ecolink ! -user ecolink",
        "sh -c \"$(sed -n '1s/.* run it as ecolink: //p' /srv/told)\"",
        "find /var/lib/ecolink ! -user ecolink",
    )
    assert told.returncode == 0, told.stderr
    lines, _, rotated = told.stdout.partition("@@@\n")
    refused = lines.splitlines()[-2:]
    assert all("/var/lib/ecolink belongs to ecolink, and what root writes would be closed" in line for line in refused)
    assert refused[0].endswith(
        f"run it as ecolink: runuser -u ecolink -- {sys.executable} -m ecolink --config "
        "/etc/ecolink/ecolink.toml key rotate"
    )
    assert "The signing key is now" in rotated
    assert "/var/lib" not in rotated


def test_a_key_that_is_roots_is_told_with_its_mend_and_no_traceback(tmp_path: Path):
    told = in_lab(
        tmp_path,
        *(line for line in head_of("ecolink.service") if PASSPHRASE not in line),
        "for part in keys/local-*.pem keys ecolink.db; do",
        "chown root /var/lib/ecolink/$part; chmod go= /var/lib/ecolink/$part",
        "echo @@@; if ecolink serve 2>&1; then exit 9; fi",
        "chown ecolink /var/lib/ecolink/$part; done",
        "install -m 600 /dev/null /var/lib/ecolink/backup-key.pub; echo @@@; ecolink backup create 2>&1 || true",
        "chmod 600 /etc/ecolink/ecolink.toml; chown root /etc/ecolink/ecolink.toml",
        "echo @@@; if ecolink user list 2>&1; then exit 9; fi",
    )
    assert told.returncode == 0, told.stdout + told.stderr
    _, *answers = told.stdout.split("@@@\n")
    for answer, part in zip(
        answers, ("keys/local-", "keys ", "ecolink.db ", "backup-key.pub ", "ecolink.toml "), strict=True
    ):
        (line,) = answer.splitlines()
        assert re.search(rf"/{part}.*belongs to root and is closed to ecolink: .*'chown ecolink: \S+'\.$", line), line


def test_an_init_that_failed_for_its_folder_is_run_again_unchanged(tmp_path: Path):
    (init,) = [line for line in head_of("ecolink.service") if line.startswith("ecolink init")]
    makes_folder = "install -d -o ecolink -g ecolink -m 0700 /var/lib/ecolink"
    assert makes_folder in head_of("ecolink.service")
    told = in_lab(
        tmp_path,
        *(
            line
            for line in head_of("ecolink.service")[: head_of("ecolink.service").index(init)]
            if line != makes_folder
        ),
        f"if {init} 2> /srv/told; then exit 9; fi; cat /srv/told; ls /etc/ecolink",
        'sh -c "$(sed -n "s/.*as root, run \'\\(.*\\)\'; then run this again.*/\\1/p" /srv/told)"',
        f"{init} --json",
    )
    assert told.returncode == 0, told.stdout + told.stderr
    line, _, later = told.stdout.partition("\n")
    assert line.startswith("ecolink: ecolink may not make /var/lib/ecolink: ")
    assert "ecolink.toml" in later
    assert json.loads(later[later.index("{") :])["data"] == "/var/lib/ecolink"
