"""Where `ecolink login` keeps an access token: one file per API and person, mode 0600, good for minutes."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ecolink.kit.times import from_seconds, to_seconds

MARGIN = timedelta(seconds=30)
"""A token that ends sooner than this is not used any more."""


@dataclass(frozen=True)
class Login:
    """One login."""

    api: str
    user: str
    token: str = field(repr=False)
    expires_at: datetime
    must_change_password: bool = False


def keep(login: Login) -> Path:
    """Write the login to its file, readable by nobody else, and return where."""
    path = _path(login.api, login.user)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    document = {
        "api": login.api,
        "user": login.user,
        "token": login.token,
        "expires_at": to_seconds(login.expires_at),
    }
    fresh = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(document, file)
    fresh.replace(path)
    return path


def find(api: str, user: str | None, now: datetime) -> Login | None:
    """Return a login that is still good: that of `user`, or the last one made there."""
    paths = [_path(api, user)] if user else sorted(_folder().glob("*.json"), key=_made, reverse=True)
    for path in paths:
        login = _read(path)
        if login is not None and login.api == api and login.expires_at - now > MARGIN:
            return login
    return None


def forget(api: str, user: str | None) -> list[Login]:
    """Remove the logins kept for `api` (of one user, or of all), and return them."""
    removed = []
    for path in list(_folder().glob("*.json")):
        login = _read(path)
        if login is None or (login.api == api and user in {None, login.user}):
            path.unlink(missing_ok=True)
            removed += [login] if login else []
    return removed


def _folder() -> Path:
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "ecolink"


def _path(api: str, user: str) -> Path:
    return _folder() / f"{hashlib.sha256(f'{api} {user}'.encode()).hexdigest()[:16]}.json"


def _made(path: Path) -> float:
    return path.stat().st_mtime


def _read(path: Path) -> Login | None:
    try:
        if path.stat().st_mode & 0o077:
            return None
        held = json.loads(path.read_text())
        return Login(held["api"], held["user"], held["token"], from_seconds(held["expires_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
