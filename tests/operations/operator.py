"""An operator at the machine of a node: commands, and what they say."""

import io
import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from click.testing import Result
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from ecolink.configuration import load
from ecolink.entrypoints.backup import shelf
from ecolink.entrypoints.cli import app
from ecolink.entrypoints.wiring import Node, build_node
from ecolink.kit.clock import SystemClock
from tests.processes.bureau import Bureau

Json = dict[str, Any]


@dataclass
class Operator:
    """Whoever works at the machine of a bureau."""

    bureau: Bureau

    @property
    def data(self) -> Path:
        return self.bureau.config.parent / "data"

    @property
    def key(self) -> Path:
        """The private half of the backup key, on a medium that is taken away."""
        return self.bureau.config.parent.parent / f"{self.bureau.unit_code}-medium" / "backup-key.pem"

    def make_key(self) -> None:
        self.key.parent.mkdir(exist_ok=True)
        self.done("backup", "key", "--out", self.key, "--no-passphrase")

    def run(self, *arguments: object) -> Result:
        return CliRunner().invoke(app, [str(each) for each in ("--config", self.bureau.config, *arguments)])

    def done(self, *arguments: object) -> Result:
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result

    def told(self, *arguments: object) -> Any:
        return json.loads(self.done(*arguments, "--json").stdout)

    def refused(self, *arguments: object) -> str:
        """Return the one line in which a command refused."""
        result = self.run(*arguments)
        assert result.exit_code == 1, result.output
        (line,) = result.stderr.strip().splitlines()
        return line.removeprefix("ecolink: ")

    def back_up(self, *options: object) -> Path:
        return Path(self.told("backup", "create", *options)["backup"])

    def verify(self, backup: Path, *options: object) -> Result:
        return self.run("backup", "verify", backup, "--key", self.key, *options)

    def verdict(self, backup: Path) -> Json:
        """Return how `backup list` speaks of one backup."""
        (told,) = [row for row in self.told("backup", "list", backup.parent) if row["backup"] == backup.name]
        return told

    def node(self) -> Node:
        return build_node(load(self.bureau.config), SystemClock())

    def attach(self, content: bytes, name: str = "伐桩.jpg") -> str:
        """Keep an attachment as an upload does, and return its digest."""
        node = self.node()
        try:
            attachments = node.rooms.attachments
            with attachments.shelf.store.stage() as staged:
                staged.write(content)
                staged.seal()
                with node.database.begin() as session:
                    ref = attachments.keep(
                        session, staged, name=name, media_type="image/jpeg", by="wu", now=node.clock.now()
                    )
            return ref.digest
        finally:
            node.close()

    def blob(self, digest: str) -> Path:
        return self.data / "blobs" / digest[:2] / digest[2:4] / digest

    def lose_everything(self) -> None:
        """The machine burnt down; what is left is the settings file and a new, empty machine."""
        shutil.rmtree(self.data)
        if self.bureau.database_url:
            self.execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")

    def execute(self, *commands: str) -> None:
        """Do something to the PostgreSQL database behind the node's back."""
        assert self.bureau.database_url
        address = make_url(self.bureau.database_url).set(drivername="postgresql")
        with psycopg.connect(address.render_as_string(hide_password=False)) as connection:
            for command in commands:
                connection.execute(command.encode())


def flip(path: Path, offset: int) -> None:
    """Change one byte of a file."""
    with path.open("r+b") as file:
        file.seek(offset if offset >= 0 else path.stat().st_size + offset)
        byte = file.read(1)
        file.seek(-1, io.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def aged(backup: Path, days: int, unit_code: str = "350924000000") -> Path:
    """Put a copy of a backup beside it, made so many days ago, which nobody verified."""
    made_at = SystemClock().now() - timedelta(days=days)
    return shutil.copy(backup, backup.with_name(shelf.name_of(unit_code, made_at)))
