"""Where a node's settings come from: the environment, the service manager's credentials and one TOML file.

The environment wins. `load` returns settings that hold together or raises one `SettingError`, whose text is one line
naming the setting, where it may stand, and how to mend it.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, SecretsSettingsSource, SettingsError

from ecolink.errors import SettingError
from ecolink.ownership import closed
from ecolink.settings import PREFIX, MisfitError, Settings

CONFIG_VARIABLE = "ECOLINK_CONFIG"
DEFAULT_FILE = Path("ecolink.toml")
SECRETS = frozenset({"key_passphrase", "metrics_token", "oidc_client_secret"})
"""Settings that a file others may read must not hold."""

NOT_SETTINGS = frozenset({CONFIG_VARIABLE, "ECOLINK_API", "ECOLINK_USER", "ECOLINK_PASSWORD", "ECOLINK_PASSWORD_FILE"})
"""Variables that steer the command line, not the node."""


@dataclass(frozen=True)
class Sources:
    """What the environment, the service manager's credentials and the file say, before it is checked."""

    file: Path | None
    values: Mapping[str, Any]
    origins: Mapping[str, str]
    """For each given setting the place it came from: `environment`, `credential` or the file's name."""

    def origin(self, name: str) -> str:
        """Return where `name` came from, `default` when nobody set it."""
        return self.origins.get(name, "default")


def read_sources(config: Path | None = None) -> Sources:
    """Read every source. `config`, else `ECOLINK_CONFIG`, else `ecolink.toml` here, is the file.

    Raises:
        SettingError: the file is not there, is no TOML, holds a name that is no setting, or shows a secret.

    """
    named = config or (Path(given) if (given := os.environ.get(CONFIG_VARIABLE)) else None)
    file = named or _default_file()
    in_file = _read_file(file) if file else {}
    credentials = _read_credentials()
    in_environment = EnvSettingsSource(Settings)()
    beside = {"data_dir": file.parent.absolute() / "data"} if file else {}
    values = {**beside, **in_file, **credentials, **in_environment}
    if "deadlines" in in_file and "deadlines" in in_environment:
        values["deadlines"] = {**in_file["deadlines"], **in_environment["deadlines"]}
    origins = {
        **dict.fromkeys(in_file, str(file)),
        **dict.fromkeys(credentials, "credential"),
        **dict.fromkeys(in_environment, "environment"),
    }
    return Sources(file, values, origins)


def load(config: Path | None = None) -> Settings:
    """Return the node's settings.

    Raises:
        SettingError: something is missing or wrong; one line says what, and how to mend it.

    """
    return check(read_sources(config))


def check(sources: Sources) -> Settings:
    """Return the settings that `sources` make.

    Raises:
        SettingError: the first thing that is wrong, and how many more there are.

    """
    try:
        return Settings(**sources.values)
    except ValidationError as error:
        first, *others = faults(error, sources)
        more = f" ({len(others)} more: ecolink config check)" if others else ""
        raise SettingError(first + more, f"配置有误：{first}") from None


def faults(error: ValidationError, sources: Sources) -> list[str]:
    """Say everything that is wrong, one line each."""
    consequence = "default_factory_not_called"  # of another fault: nothing to mend there
    return [_fault(item, sources) for item in error.errors() if item["type"] != consequence]


def variable(name: str) -> str:
    """Return the environment variable of the setting `name`."""
    return PREFIX + name.upper()


def unknown_variables() -> list[str]:
    """Name variables that look like settings and are none; they may be a slip, or another program's."""
    known = {variable(name) for name in Settings.model_fields} | NOT_SETTINGS
    return sorted(
        name
        for name in os.environ
        if name.startswith(PREFIX)
        and name not in known
        and not name.startswith((variable("deadlines") + "__", "ECOLINK_TEST_"))
    )


def suggestion(wrong: str, known: Mapping[str, Any] | set[str]) -> str:
    """Return ` Did you mean …?` when a known name is close to `wrong`, else nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - where something is wrong

    close = get_close_matches(wrong, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _fault(item: Any, sources: Sources) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    cause = item.get("ctx", {}).get("error")
    name = cause.name if isinstance(cause, MisfitError) else str(item["loc"][0])
    info = Settings.model_fields[name]
    if item["type"] == "missing":
        what = "is missing"
    elif cause is not None:
        what = f"is wrong: {cause}"
    else:
        what = f"is wrong: {item['msg'][0].lower()}{item['msg'][1:]}"
    where = f"{name} in {sources.file}" if sources.file else f"{name} in a file named by --config"
    came = f" (from {sources.origin(name)})" if name in sources.origins else ""
    return f"{name}{came} {what}. Set {variable(name)}, or {where}: {info.description}."


def _default_file() -> Path | None:
    try:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    except PermissionError:
        return None  # a command that was begun in another user's folder: the settings stand elsewhere


def _read_file(file: Path) -> dict[str, Any]:
    refuse, text = partial(_file_error, file), _text_of(file)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise refuse(f"is no TOML: {fault}") from None
    for name in values:
        if name not in Settings.model_fields:
            raise refuse(f"holds {name!r}, which is no setting.{suggestion(name, Settings.model_fields)}")
    for name in SECRETS & values.keys():
        if file.stat().st_mode & 0o077:
            raise refuse(f"holds {name} and others may read it: chmod 600 {file}, or use {variable(name)}")
    for name, info in Settings.model_fields.items():
        if name in values and _holds_path(info) and isinstance(values[name], str):
            values[name] = file.parent.absolute() / values[name]
    return values


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        what = f"is not there; name another by --config or {CONFIG_VARIABLE}, or run 'ecolink init'"
        raise _file_error(file, what) from None
    except PermissionError:
        raise closed(file) from None
    except (OSError, UnicodeDecodeError) as fault:
        raise _file_error(file, f"cannot be read: {fault}") from None


def _read_credentials() -> dict[str, Any]:
    """Read secrets that the service manager hands over as files (systemd's LoadCredential=)."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not (folder and Path(folder).is_dir()):
        return {}
    try:
        return SecretsSettingsSource(Settings, secrets_dir=folder)()
    except SettingsError as fault:
        why = type(fault.__cause__).__name__  # no more of it: its words may quote the secret
        raise SettingError(
            f"the credentials in {folder} cannot be read ({why}): let this user read them, as text in UTF-8",
            f"无法读取 {folder} 中的凭据（{why}）：请允许本用户读取，内容须为 UTF-8 文本",
        ) from None


def _holds_path(info: FieldInfo) -> bool:
    return info.annotation in (Path, Path | None)


def _file_error(file: Path, what: str) -> SettingError:
    return SettingError(f"{file} {what}", f"配置文件 {file} 有误：{what}")
