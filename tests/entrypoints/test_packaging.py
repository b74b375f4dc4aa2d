"""What is installed is whole: a node that runs from the wheel alone finds all that it reads beside its code."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A folder with what the wheel puts into site-packages."""
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    return tmp_path / "site" / "ecolink"


def test_the_wheel_carries_all_that_lies_beside_the_code(unpacked: Path):
    for source, inside in ((ROOT / "src" / "ecolink", unpacked), (ROOT / "migrations", unpacked / "migrations")):
        expected = {path.relative_to(source) for path in source.rglob("*") if is_ours(path)}
        assert expected
        assert {path for path in expected if not (inside / path).is_file()} == set()


def is_ours(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def test_a_database_is_brought_up_from_the_wheel_alone(unpacked: Path, tmp_path: Path):
    settings = {
        "PYTHONPATH": str(unpacked.parent), "ECOLINK_DATA_DIR": str(tmp_path), "ECOLINK_UNIT_CODE": "350924000000",
        "ECOLINK_NAME_ZH": "寿宁县公安局", "ECOLINK_NAME_EN": "Shouning", "ECOLINK_DUTY_PHONE": "0593-0000001",
    }  # fmt: skip
    for command in ("upgrade", "check"):
        subprocess.run(
            [sys.executable, "-m", "ecolink", "db", command],
            env={**os.environ, **settings},
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    assert (tmp_path / "ecolink.db").is_file()
