"""`ecolink init`: a new node, from nothing to ready to serve."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlalchemy import select

from ecolink.configuration import CONFIG_VARIABLE, DEFAULT_FILE, Sources, check, read_sources
from ecolink.entrypoints.cli.context import config_of
from ecolink.entrypoints.cli.operator import operator, usable
from ecolink.entrypoints.cli.printing import AsJson, print_record, say
from ecolink.entrypoints.cli.settings_file import write_settings
from ecolink.entrypoints.cli.user import PasswordFile, chosen_password
from ecolink.entrypoints.databases import opened
from ecolink.errors import ConflictError, SettingError
from ecolink.federation.models import ManifestRow
from ecolink.federation.signer import EXCHANGE, LOCAL, LOG, SEAL, create_keys, read_keys
from ecolink.identity.roles import Role
from ecolink.kit.clock import SystemClock
from ecolink.ownership import closed
from ecolink.protocol.card import fingerprint
from ecolink.settings import Settings
from ecolink.storage import schema

if TYPE_CHECKING:
    from ecolink.entrypoints.wiring import Node

_ASKED = {
    "unit_code": "Unit code (12 digits)",
    "name_zh": "Name in Chinese",
    "name_en": "Name in English",
    "duty_phone": "Duty telephone",
}


def init(
    context: typer.Context,
    unit_code: Annotated[str | None, typer.Option(help="This bureau's unit code: 12 digits.")] = None,
    name_zh: Annotated[str | None, typer.Option(help="This bureau's name in Chinese.")] = None,
    name_en: Annotated[str | None, typer.Option(help="This bureau's name in English.")] = None,
    duty_phone: Annotated[str | None, typer.Option(help="The duty telephone other bureaus call.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The folder of database, keys and attachments.")] = None,
    database_url: Annotated[str | None, typer.Option(help="sqlite:///… or postgresql://… [default: SQLite].")] = None,
    local_host: Annotated[str | None, typer.Option(help="Address of the local API [default: 127.0.0.1].")] = None,
    local_port: Annotated[int | None, typer.Option(help="Port of the local API [default: 8470].")] = None,
    federation_host: Annotated[str | None, typer.Option(help="Address for other nodes [default: 127.0.0.1].")] = None,
    federation_port: Annotated[int | None, typer.Option(help="Port for other nodes [default: 8471].")] = None,
    federation_url: Annotated[str | None, typer.Option(help="Where other nodes reach this one: https://…")] = None,
    allowed_networks: Annotated[
        list[str] | None,
        typer.Option("--allowed-network", help="A private network peers may live in; repeatable."),
    ] = None,
    behind_proxy: Annotated[
        bool | None, typer.Option("--behind-proxy", help="A reverse proxy in front terminates TLS.")
    ] = None,
    admin: Annotated[str, typer.Option(help="The first administrator's username.")] = "admin",
    admin_name: Annotated[str, typer.Option(help="The first administrator's name.")] = "Administrator",
    admin_password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a new node: settings file, keys, database, and the first administrator with a one-time password.

    With a settings file already there, its settings are used and nothing in it is changed. Set
    ECOLINK_KEY_PASSPHRASE to have the keys encrypted. An init that failed or was interrupted can be run again.
    """
    given: dict[str, Any] = {
        "unit_code": unit_code,
        "name_zh": name_zh,
        "name_en": name_en,
        "duty_phone": duty_phone,
        "data_dir": None if data_dir is None else data_dir.absolute(),
        "database_url": database_url,
        "local_host": local_host,
        "local_port": local_port,
        "federation_host": federation_host,
        "federation_port": federation_port,
        "federation_url": federation_url,
        "allowed_networks": allowed_networks or None,
        "behind_proxy": behind_proxy,
    }
    file = config_of(context) or Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_FILE)
    password = chosen_password(admin_password_file, admin)
    settings = _settle(file, {name: value for name, value in given.items() if value is not None})
    _make_keys(settings)
    words = _make_node(settings, admin, admin_name, password)
    record = {
        "unit_code": settings.unit_code,
        "name": settings.name_zh,
        "settings": str(file),
        "data": str(settings.data_dir),
        "keys": "encrypted" if settings.key_passphrase else "mode 0600, not encrypted",
        "fingerprint": words,
        "administrator": admin,
    }
    if admin_password_file is None:
        record["one_time_password"] = password
    print_record(record, as_json=as_json)
    if not as_json:
        say("")
        say("Next: ecolink serve; then give your card to the other bureau: ecolink peer card --out card.txt")
        say("The password is not shown again. Back up the keys now: without them this node cannot prove who it is.")


def _settle(file: Path, given: dict[str, Any]) -> Settings:
    """Use the file that is there, or write one."""
    if file.exists():
        sources = read_sources(file)
        settings = check(sources)
        if names := ", ".join(name for name, value in given.items() if _changes(settings, sources, name, value)):
            raise SettingError(
                f"{file} exists: set {names} there, or name another file by --config before 'init'.",
                f"{file} 已存在：请在其中设置 {names}，或用 --config 指定另一文件。",
            )
        return usable(settings)
    if sys.stdin.isatty():
        for name, question in _ASKED.items():
            if name not in given and f"ECOLINK_{name.upper()}" not in os.environ:
                given[name] = typer.prompt(question)
    return write_settings(file, given)


def _changes(settings: Settings, sources: Sources, name: str, value: object) -> bool:
    """Tell whether what was given is something else than what is set, as the same command has set it when it failed."""
    return check(replace(sources, values={**sources.values, name: value})) != settings


def _make_keys(settings: Settings) -> None:
    """Make the keys, unless an interrupted init left them whole."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except PermissionError:
        raise closed(settings.data_dir) from None
    passphrase = settings.key_passphrase.get_secret_value().encode() if settings.key_passphrase else None
    if not any(settings.key_dir.glob("*.pem")):
        create_keys(settings.key_dir, passphrase)
    read_keys(settings.key_dir, passphrase)


def _make_node(settings: Settings, admin: str, admin_name: str, password: str) -> str:
    """Make the database, the first manifest and the first administrator; return the fingerprint."""
    from ecolink.entrypoints.wiring import build_node

    with opened(settings.database_url) as bare, bare.read():  # for what it says when it cannot be reached
        schema.upgrade(bare.engine)
    node = build_node(settings, SystemClock())
    try:
        return _found(node, admin, admin_name, password)
    finally:
        node.close()


def _found(node: "Node", admin: str, admin_name: str, password: str) -> str:
    now = node.clock.now()
    hashed = node.identity.passwords.hash(password)
    with node.database.begin() as session:
        if session.scalar(select(ManifestRow.version).where(ManifestRow.unit_code == node.us).limit(1)) is not None:
            raise ConflictError(
                f"The node {node.us} is initialised already; its database is {node.database.engine.url!r}.",
                f"节点 {node.us} 已经初始化。",
            )
        _refuse_partial_keys(node)
        head = node.keystore.begin(session, now)
        node.identity.accounts.add_user(
            session,
            username=admin,
            name=admin_name,
            roles=[Role.ADMINISTRATOR],
            password_hash=hashed,
            by=operator(),
            now=now,
        )
    return fingerprint(node.us, head.digest)


def _refuse_partial_keys(node: "Node") -> None:
    held = {use: len(keys) for use, keys in node.keys.by_use.items()}
    if held != {EXCHANGE: 2, LOG: 1, SEAL: 1, LOCAL: 1}:
        raise SettingError(
            f"{node.keys.directory} holds something else than a new node's keys: empty it, then run init again.",
            f"密钥目录 {node.keys.directory} 的内容不完整或另有他物：请清空后重新初始化。",
        )
