"""Two bureaus, each with a real node."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes.bureau import Bureau, introduce
from tests.support.town import QINGYUAN, SHOUNING


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("ECOLINK_") and not name.startswith("ECOLINK_TEST")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def unfounded(tmp_path: Path, backend: str, new_database_url: Callable[[], str]) -> tuple[Bureau, Bureau]:
    """Shouning and Qingyuan, with addresses and nothing else yet."""
    shouning, qingyuan = (
        Bureau(
            unit_code, tmp_path / unit_code / "ecolink.toml", new_database_url() if backend == "postgresql" else None
        )
        for unit_code in (SHOUNING, QINGYUAN)
    )
    return shouning, qingyuan


@pytest.fixture
def bureaus(unfounded: tuple[Bureau, Bureau]) -> tuple[Bureau, Bureau]:
    """Shouning and Qingyuan, founded and introduced to each other over the command line; nothing runs yet."""
    for bureau in unfounded:
        bureau.found()
    introduce(*unfounded)
    return unfounded
