"""`ecolink backup`: one sealed file that holds the node, and the way back from it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.configuration import read_sources
from ecolink.entrypoints.backup.snapshot import Tell
from ecolink.entrypoints.cli.context import config_of, settings_of
from ecolink.entrypoints.cli.files import read_secret
from ecolink.entrypoints.cli.operator import note, open_node, usable
from ecolink.entrypoints.cli.printing import AsJson, complain, print_record, print_rows, say
from ecolink.errors import InvalidError

app = typer.Typer(help="Backups of this node: make, list, verify, prune, restore.", no_args_is_help=True)

Key = Annotated[Path, typer.Option("--key", help="The private half of the backup key, as `backup key` wrote it.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="Take the backup key's passphrase from this file, - for standard input [default: ask]."),
]
NOT_EXAMINED = 3
"""Exit code of `verify` for a backup that opens, and whose database and evidence log nobody looked at."""

BackupFile = Annotated[Path, typer.Argument(help="The backup.", exists=True, dir_okay=False)]


@app.command()
def key(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the private half goes; best a medium you take away.")],
    passphrase_file: PassphraseFile = None,
    no_passphrase: Annotated[bool, typer.Option("--no-passphrase", help="Leave the private half unencrypted.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Make a new key though there is one.")] = False,
) -> None:
    """Make the pair of keys of the backups: this node keeps the half that seals, you keep the half that opens."""
    from ecolink.entrypoints.backup.key import make_key

    settings = usable(settings_of(context))
    kid = make_key(settings.data_dir, out, _new_passphrase(passphrase_file, without=no_passphrase), replace=replace)
    say(f"Backups are sealed to {kid} from now on.")
    say(f"Take {out} away from this machine, with a copy at another place: without it no backup opens.")


@app.command()
def create(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option("--to", help="The folder it goes to [default: the setting].")] = None,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="The node's private keys and settings file go in as well.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a backup of the node, which may go on working: its database and attachments, sealed into one file."""
    from ecolink.entrypoints.backup.making import make

    file = read_sources(config_of(context)).file
    with open_node(context) as node, _progress() as tell:
        now = node.clock.now()
        folder = to or node.settings.backup_dir
        made = make(node.settings, node.log, folder, now, tell, with_keys=with_keys, settings_file=file)
        with node.database.begin() as session:
            note(node, session, "backup-create", made.path.name, now=now)
    record = {
        "backup": str(made.path),
        "made_at": made.about.made_at,
        "bytes": made.size,
        "statements": made.about.statements,
        "attachments": made.about.blobs - len(made.missing),
        "keys": made.about.with_keys,
    }
    print_record(record, as_json=as_json)
    if made.missing:
        complain(f"{len(made.missing)} attachments are missing on this node, so in its backup too: ecolink doctor")


@app.command("list")
def list_(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="The folder [default: the setting].")] = None,
    as_json: AsJson = False,
) -> None:
    """List the backups in a folder, newest first, and when each was verified."""
    from ecolink.entrypoints.backup.shelf import backups

    where = folder or settings_of(context).backup_dir
    rows = [
        {
            "backup": backup.path.name,
            "made_at": backup.made_at,
            "bytes": backup.size,
            "opens_with": backup.opens_with,
            "verified_at": backup.verdict.at if backup.verdict else None,
            "result": _result(backup.verdict),
        }
        for backup in backups(where)
    ]
    print_rows(rows, as_json=as_json, empty=f"No backup in {where}: ecolink backup create")


@app.command()
def verify(
    file: BackupFile,
    key: Key,
    passphrase_file: PassphraseFile = None,
    scratch: Annotated[
        str | None,
        typer.Option(help="An empty PostgreSQL database to open a dump in: postgresql://… It is emptied again."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open a backup and examine it as if it had to be brought back now. Needs no node: any machine will do.

    The result is written beside the backup; `backup list` and `doctor` know it from there.

    Exit codes: 0 verified; 1 it is bad or does not open; 3 it opens, but is not verified: its database and evidence log
    were not examined, for a dump of PostgreSQL needs --scratch.
    """
    from ecolink.entrypoints.backup.verifying import verify
    from ecolink.kit.clock import SystemClock

    private = _open_key(key, passphrase_file)
    with _progress() as tell:
        verified = verify(file, private, scratch, SystemClock().now(), tell)
    about = verified.about
    record: dict[str, Any] = {
        "bureau": f"{about.name_zh} ({about.unit_code})",
        "made_at": about.made_at,
        "fingerprint": verified.fingerprint or None,
        "statements": about.statements,
        "attachments": about.blobs - verified.missing,
        "evidence_log": f"{about.log.log_epoch}: {about.log.size} leaves",
        "keys": about.with_keys,
        "database_opened": verified.looked_inside,
        "ok": verified.looked_inside and not verified.problems,
        "problems": [each.detail_en for each in verified.problems],
    }
    print_record(record, as_json=as_json)
    for problem in verified.problems:
        complain(f"{problem.detail_en} {problem.detail_zh}")
    if verified.problems:
        raise typer.Exit(1)
    if not verified.looked_inside:
        complain(
            "NOT VERIFIED: the file opens, but its database and evidence log were not examined. Make an empty "
            "PostgreSQL database (createdb) and name it: --scratch postgresql://…/empty "
            "未验证：文件可以打开，但未检查数据库与存证日志。请新建空的 PostgreSQL 数据库，并用 --scratch 指定。"
        )
        raise typer.Exit(NOT_EXAMINED)
    if not as_json:
        say("OK: it opens and holds what it says. 验证通过。")


@app.command()
def prune(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="The folder [default: the setting].")] = None,
    older_than: Annotated[
        int | None, typer.Option(min=1, metavar="DAYS", help="How old they must be [default: backup_keep_days].")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delete this node's old backups, in which lives on what was erased since.

    Whatever their age these stay: the newest, the newest that is not known to be bad, the newest that was verified.
    """
    from ecolink.entrypoints.backup.shelf import backups, drop, overdue

    with open_node(context) as node:
        now, where = node.clock.now(), folder or node.settings.backup_dir
        ours = [backup for backup in backups(where) if backup.unit_code == node.settings.unit_code]
        days = older_than or node.settings.backup_keep_days
        gone = overdue(ours, now - timedelta(days=days))
        for backup in gone:
            drop(backup)
            with node.database.begin() as session:
                note(node, session, "backup-prune", backup.path.name, now=now)
    rows = [{"deleted": backup.path.name, "made_at": backup.made_at, "bytes": backup.size} for backup in gone]
    print_rows(rows, as_json=as_json, empty=f"No backup in {where} is older than {days} days and may go.")


@app.command()
def settings(
    file: BackupFile,
    key: Key,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Print the settings file of a backup made --with-keys: the first step on a new machine."""
    from ecolink.entrypoints.backup.unpacking import describe

    about, held = describe(file, _open_key(key, passphrase_file))
    if held is None:
        raise InvalidError(
            f"This backup of {about.unit_code} holds no settings: it was made without --with-keys, or the node had no "
            "settings file. Write them anew.",
            "该备份不含配置文件，请重新编写。",
        )
    typer.echo(held.decode(), nl=False)


@app.command()
def restore(
    context: typer.Context,
    file: BackupFile,
    key: Key,
    passphrase_file: PassphraseFile = None,
    force: Annotated[bool, typer.Option("--force", help="Set aside the data that this node holds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring this node back from a backup: examine it, put it in place, declare the restore, ask the peers.

    Stop the node first. What was there is set aside, not deleted.
    """
    from ecolink.entrypoints.backup.restoring import declare, restore
    from ecolink.entrypoints.logs import set_up_logs
    from ecolink.kit.clock import SystemClock

    given, now = usable(settings_of(context)), SystemClock().now()
    set_up_logs(given.log_level, given.log_format)
    private = _open_key(key, passphrase_file)
    with _progress() as tell:
        restored = restore(given, file, private, now, tell, force=force)
        tell("asking the peers", 0, 0)
        with open_node(context) as node:
            told = declare(node, now)
            with node.database.begin() as session:
                note(node, session, "backup-restore", file.name, now=now)
    record = {
        "made_at": restored.about.made_at,
        "statements": restored.about.statements,
        "attachments": restored.about.blobs - restored.missing,
        "set_aside": list(restored.set_aside),
        "peers": told,
    }
    print_record(record, as_json=as_json)
    if not as_json:
        say("")
        say("The restore is declared in the evidence log. Start the node: what peers hold comes back by itself, and a")
        say("peer that could not be asked is compared with when it is back. Order erasures since the backup again.")


def _result(verdict: Any) -> str | None:  # noqa: ANN401 - a Verdict, imported where it is needed
    if verdict is None:
        return None
    if not verdict.ok:
        return f"FAILED: {verdict.why}"
    return "ok" if verdict.looked_inside else "NOT VERIFIED: its database was not opened"


def _open_key(path: Path, passphrase_file: Path | None) -> Any:  # noqa: ANN401 - a SigningKey, imported here
    from ecolink.entrypoints.backup.key import is_encrypted, read_private

    passphrase = read_secret(passphrase_file) if passphrase_file else None
    if passphrase is None and is_encrypted(path) and sys.stdin.isatty():
        passphrase = typer.prompt("Passphrase of the backup key", hide_input=True)
    return read_private(path, passphrase.encode() if passphrase else None)


def _new_passphrase(file: Path | None, *, without: bool) -> bytes | None:
    if without:
        return None
    if file is not None:
        passphrase = read_secret(file)
    elif sys.stdin.isatty():
        passphrase = typer.prompt("Passphrase of the backup key", hide_input=True, confirmation_prompt=True)
    else:
        passphrase = ""
    if not passphrase:
        raise InvalidError(
            "Give a passphrase for the private half: --passphrase-file, or say --no-passphrase.",
            "请用 --passphrase-file 给出口令，或明确使用 --no-passphrase。",
        )
    return str(passphrase).encode()


@contextmanager
def _progress() -> Iterator[Tell]:
    """Show on a terminal how far long work has come; elsewhere stay silent."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("", total=None)

        def tell(what: str, done: int, total: int) -> None:
            shown.update(task, description=what, completed=done, total=total or None)

        yield tell
