"""The commented `ecolink.toml` that `ecolink init` writes."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from ecolink.configuration import load
from ecolink.entrypoints.cli.operator import usable
from ecolink.errors import SettingError
from ecolink.ownership import closed
from ecolink.settings import PREFIX, Settings

_HEAD = f"""\
# Settings of this ecolink node. Each may also stand in the environment as {PREFIX}<NAME>, which wins.
# Relative paths count from this file's folder. Check them with `ecolink config check`.
"""
_SECRETS = frozenset({"key_passphrase"})
"""Better kept out of files: named, never written."""


def write_settings(file: Path, values: Mapping[str, Any]) -> Settings:
    """Write a new file that sets `values` and explains every other setting; return what it and the environment make.

    Raises:
        SettingError: the file exists or cannot be written, or the settings are wrong or another user's (then no file is
            left behind).

    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w", encoding="utf-8") as opened:
            opened.write(_text(values))
    except FileExistsError:
        raise SettingError(
            f"{file} exists: change the settings there, or name another file by --config before 'init'.",
            f"{file} 已存在：请直接修改，或用 --config 指定另一文件。",
        ) from None
    except PermissionError:
        raise closed(file.parent) from None
    except OSError as fault:
        raise SettingError(f"{file} cannot be written: {fault}", f"无法写入 {file}：{fault}") from None
    try:
        return usable(load(file))
    except SettingError:
        file.unlink()
        raise


def _text(values: Mapping[str, Any]) -> str:
    parts = [_HEAD]
    for name, info in Settings.model_fields.items():
        if name in values:
            line = f"{name} = {_written(values[name])}"
        elif name in _SECRETS:
            line = f"# {name}: set {PREFIX}{name.upper()} instead"
        else:
            line = f"# {name} = {_written(info.default)}".rstrip()
        parts.append(f"# {info.description}\n{line}\n")
    return "\n".join(parts)


def _written(value: Any) -> str:  # noqa: ANN401 - settings are of every type
    """Write a value as TOML; JSON's texts, numbers, truths and lists are TOML's as well."""
    if value is PydanticUndefined or value is None:
        return ""
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
