"""Files that a command is given or writes; where one is read, `-` is standard input."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ecolink.entrypoints.new_files import appearing
from ecolink.errors import InvalidError
from ecolink.protocol.limits import MAX_CARD_BYTES


def read_text(file: Path) -> str:
    """Return what a file says.

    Raises:
        InvalidError: it cannot be read, or is no UTF-8 text.

    """
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise InvalidError(f"{file} cannot be read: {fault}", f"无法读取 {file}：{fault}") from None


def read_document(file: Path) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON document in a file.

    Raises:
        InvalidError: it cannot be read, or is no JSON.

    """
    try:
        return json.loads(sys.stdin.read() if str(file) == "-" else file.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise InvalidError(f"{file} cannot be read as JSON: {fault}", f"无法读取 {file}：{fault}") from None


def read_secret(file: Path) -> str:
    """Return the password or passphrase in a file: its first line.

    Raises:
        InvalidError: it cannot be read.

    """
    try:
        text = sys.stdin.readline() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise InvalidError(f"The password cannot be read: {fault}", f"无法读取口令：{fault}") from None
    return text.partition("\n")[0].rstrip("\r")


def read_card(file: Path) -> bytes:
    """Return a bureau's card; of a file too long for one, no more than shows that it is.

    Raises:
        InvalidError: it cannot be read.

    """
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(MAX_CARD_BYTES + 1).strip()
        with file.open("rb") as opened:
            return opened.read(MAX_CARD_BYTES + 1).strip()
    except OSError as fault:
        raise InvalidError(f"The card {file} cannot be read: {fault.strerror}.", f"无法读取名片 {file}。") from None


def write(file: Path, content: bytes) -> None:
    """Write a file, over one that is there.

    Raises:
        InvalidError: it cannot be written.

    """
    try:
        file.write_bytes(content)
    except OSError as fault:
        raise InvalidError(f"{file} cannot be written: {fault}", f"无法写入 {file}：{fault}") from None


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Lend a new file that appears whole when the block is done, or not at all.

    Raises:
        InvalidError: there is a file of that name.

    """
    try:
        with appearing(path) as file:
            yield file
    except FileExistsError:
        raise InvalidError(f"{path} exists already; choose another name.", f"{path} 已存在，请另选文件名。") from None
