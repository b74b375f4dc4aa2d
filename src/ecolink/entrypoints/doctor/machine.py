"""Checks of the machine: settings, keys, who may read the files, room on the disks."""

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.engine import make_url

from ecolink.configuration import unknown_variables
from ecolink.entrypoints import open_files
from ecolink.entrypoints.doctor import access
from ecolink.entrypoints.doctor.finding import Finding, worst
from ecolink.federation.signer import read_keys
from ecolink.settings import Settings

MEBIBYTE = 1 << 20
ROOM_NEEDED = 512 * MEBIBYTE
"""With less the node stops taking things in soon."""

ROOM_WANTED = 4096 * MEBIBYTE
"""With less somebody should make room in the next days."""


def settings(given: Settings, config: Path | None) -> Finding:
    """Look whether every variable that looks like a setting is one; that they hold together is known by now."""
    strangers = unknown_variables()
    if strangers:
        names = ", ".join(strangers)
        return Finding.warn(
            f"{names}: no such setting.",
            f"{names}：没有这样的配置项。",
            "Correct the name, or take it out of the environment.",
            "请更正名称，或从环境变量中删除。",
        )
    where = config or "the environment"
    return Finding.ok(
        f"The settings of {given.name_en} ({given.unit_code}) from {where} hold together.",
        f"{given.name_zh}（{given.unit_code}）的配置正确。",
    )


def keys(given: Settings) -> Finding:
    """Look whether every private key opens and is its owner's alone.

    Raises:
        SettingError: one does not open; the text says which, and the mend.
        PermissionError: the folder is closed to us.

    """
    held_here = (
        sorted(path for path in given.key_dir.iterdir() if path.match("*-*.pem")) if given.key_dir.exists() else []
    )
    findings = [finding for path in held_here if (finding := _shut_or_exposed(path, given)) is not None]
    if findings:
        return worst(findings, findings[0])
    passphrase = given.key_passphrase.get_secret_value().encode() if given.key_passphrase else None
    held = read_keys(given.key_dir, passphrase)
    count = sum(map(len, held.by_use.values()))
    if passphrase is None:
        return Finding.ok(
            f"{count} keys in {given.key_dir}, readable by their owner only, not encrypted.",
            f"{given.key_dir} 中有 {count} 把密钥，仅属主可读，未加密。",
        )
    return Finding.ok(f"{count} encrypted keys in {given.key_dir}.", f"{given.key_dir} 中有 {count} 把加密密钥。")


def files(given: Settings, config: Path | None) -> Finding:
    """Look whether the node's files are all its own, and who else on this machine may read or change them."""
    findings = [*access.not_the_nodes(given)]
    owner, us = access.owner(given.data_dir), os.geteuid()
    if owner != us:
        findings.append(
            Finding.warn(
                f"{given.data_dir} belongs to {access.name_of(owner)}, and you are {access.name_of(us)}.",
                f"{given.data_dir} 属于用户 {access.name_of(owner)}，而当前用户是 {access.name_of(us)}。",
                "Run 'ecolink' as the user that the node runs as; what it makes would else be closed to the node.",
                "请以运行节点的用户执行 ecolink 命令，否则生成的文件节点无法使用。",
            )
        )
    findings += [_exposed(path) for path in access.places(given) if path.exists() and _mode(path) & stat.S_IRWXO]
    if config is not None and config.exists():
        secret = stat.S_IROTH if make_url(given.database_url).password else 0
        if _mode(config) & (stat.S_IWGRP | stat.S_IWOTH | secret):
            findings.append(_exposed(config))
    return worst(
        findings,
        Finding.ok("Nobody else on this machine may read the node's data.", "本机其他用户无法读取节点数据。"),
    )


def disk(given: Settings) -> Finding:
    """Look how much room there is where the node writes."""
    findings = []
    for path in {given.data_dir, given.backup_dir}:
        if path.exists():
            free = shutil.disk_usage(path).free
            if free < ROOM_WANTED:
                said = (
                    f"{path} has {free // MEBIBYTE} MiB left.",
                    f"{path} 仅剩 {free // MEBIBYTE} MiB。",
                    "Make room or enlarge the disk: a full node takes nothing in and says so to its peers.",
                    "请清理或扩容：磁盘满时节点将拒收一切消息。",
                )
                findings.append(Finding.fail(*said) if free < ROOM_NEEDED else Finding.warn(*said))
    free = shutil.disk_usage(given.data_dir).free
    return worst(findings, Finding.ok(f"{free // MEBIBYTE} MiB are free.", f"剩余空间 {free // MEBIBYTE} MiB。"))


def files_allowed(given: Settings, pids: Sequence[int]) -> Finding:
    """Look whether the node's processes on this machine may open as many files as their callers' connections need."""
    allowed, enough = open_files.allowed(pids), open_files.needed(given.most_connections)
    if allowed < enough:
        return Finding.warn(
            f"A process may open {allowed} files; {given.most_connections} connections to each API need {enough}.",
            f"进程最多可打开 {allowed} 个文件，而两个接口各 {given.most_connections} 个连接需要 {enough} 个。",
            f"Set LimitNOFILE={enough} in the unit and restart the node, or lower most_connections.",
            f"请在服务单元中设置 LimitNOFILE={enough} 并重启节点，或调低 most_connections。",
        )
    return Finding.ok(f"{enough} open files are needed and allowed.", f"允许打开所需的 {enough} 个文件。")


def _shut_or_exposed(key: Path, given: Settings) -> Finding | None:
    """Return what is wrong with a key that we may not read, or that others may."""
    try:
        access.refuse_closed(key)
    except PermissionError as fault:
        return access.closed(fault, given)
    return _exposed(key) if _mode(key) & (stat.S_IRWXG | stat.S_IRWXO) else None


def _exposed(path: Path) -> Finding:
    mode = "700" if path.is_dir() else "600"
    return Finding.fail(
        f"Other users of this machine may read or change {path}.",
        f"本机其他用户可访问 {path}。",
        f"chmod {mode} {path}",
        f"请执行 chmod {mode} {path}。",
    )


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
