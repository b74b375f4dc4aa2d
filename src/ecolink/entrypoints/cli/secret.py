"""Passwords and passphrases, as commands are given them."""

import sys
from pathlib import Path

from ecolink.errors import InvalidError


def read_secret(file: Path) -> str:
    """Return the first line of `file`, `-` being standard input.

    Raises:
        InvalidError: it cannot be read.

    """
    try:
        text = sys.stdin.readline() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise InvalidError(f"The password cannot be read: {fault}", f"无法读取口令：{fault}") from None
    return text.partition("\n")[0].rstrip("\r")
