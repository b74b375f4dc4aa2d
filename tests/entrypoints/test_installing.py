"""What `make wheelhouse` makes installs itself without a network; its wheels are small ones of the same names here."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP = """#!{python}
import pathlib, shutil, sys
(to,) = (pathlib.Path(after) for word, after in zip(sys.argv[1:], sys.argv[2:]) if word in ("--dest", "--wheel-dir"))
to.mkdir(exist_ok=True)
for wheel in pathlib.Path("{wheels}").iterdir():
    shutil.copy(wheel, to)
"""
ECOLINK = """
import typer

def main():
    print("built {built}, beside typer", typer.VERSION)
"""
House = Callable[[str, str], Path]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Have ecolink 0.1.0 as somebody built it, beside a version of typer, put into a house, and unpack it."""

    def make(built: str, typer: str) -> Path:
        (place := tmp_path / built).mkdir()
        for name in ("Makefile", "LICENSE", "deploy"):
            (place / name).symlink_to(ROOT / name)
        (wheels := place / "wheels").mkdir()
        write_wheel(wheels, "ecolink", "0.1.0", ECOLINK.format(built=built), "Requires-Dist: typer>=1")
        write_wheel(wheels, "typer", typer, f"VERSION = {typer!r}")
        (pip := place / "pip").write_text(PIP.format(python=sys.executable, wheels=wheels))
        pip.chmod(0o700)
        subprocess.run(
            ["make", "--old-file=setup", "wheelhouse", f"BIN={Path(sys.executable).parent}", f"PIP={pip}"],
            cwd=place,
            check=True,
            capture_output=True,
        )
        (packed,) = (place / "dist").glob("*.tar.gz")
        with tarfile.open(packed) as archive:
            archive.extractall(place / "carried", filter="data")
        return next((place / "carried").iterdir())

    return make


def write_wheel(folder: Path, name: str, version: str, code: str, *said: str) -> None:
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{about}/METADATA": "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *said, ""]),
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{about}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"]))


def install(house: Path, into: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*without_network(), house / "install.sh", into],
        env={**os.environ, "PYTHON": sys.executable, **settings},
        check=False,
        capture_output=True,
        text=True,
    )


@cache
def without_network() -> tuple[str, ...]:
    """Return what to put before a command so that it has no network at all, where the system lets us."""
    alone = ("unshare", "--map-root-user", "--net")
    may = shutil.which("unshare") and subprocess.run([*alone, "true"], check=False, capture_output=True).returncode == 0
    return alone if may else ()


def test_a_machine_without_a_network_gets_exactly_what_was_carried_there_also_where_the_number_stayed(
    house: House, tmp_path: Path
):
    elsewhere = house("elsewhere", "3.0") / "wheels"
    for built, typer in (("first", "2.0"), ("again", "1.0")):
        done = install(house(built, typer), tmp_path / "opt", PIP_FIND_LINKS=str(elsewhere))
        assert (done.returncode, done.stdout) == (0, f"built {built}, beside typer {typer}\n"), done.stderr


def test_the_units_lie_beside_the_program(house: House):
    carried = {path.name for path in house("first", "1.0").iterdir()}
    units = {path.name for path in (ROOT / "deploy").iterdir() if path.suffix in {".service", ".timer"}}
    assert len(units) > 1
    assert carried == {*units, "LICENSE", "PLATFORM", "SHA256SUMS", "ecolink.sh", "install.sh", "wheels"}


def test_a_file_that_was_changed_on_its_way_is_told_and_nothing_is_installed(house: House, tmp_path: Path):
    carried = house("first", "1.0")
    write_wheel(carried / "wheels", "typer", "1.0", "VERSION = 'not what was sent'")
    done = install(carried, tmp_path / "opt")
    assert done.returncode != 0
    assert "./wheels/typer-1.0-py3-none-any.whl: FAILED" in done.stdout
    assert not (tmp_path / "opt").exists()


def test_wheels_for_another_kind_of_machine_are_not_installed(house: House, tmp_path: Path):
    (other := tmp_path / "python").write_text("#!/bin/sh\necho cp399-plan9_mips\n")
    other.chmod(0o700)
    done = install(house("first", "1.0"), tmp_path / "opt", PYTHON=str(other))
    assert done.returncode == 1
    assert "is cp399-plan9_mips: name another with PYTHON=…" in done.stderr
    assert not (tmp_path / "opt").exists()


def test_a_python_that_makes_no_virtual_environments_is_told_with_the_package_it_lacks(house: House, tmp_path: Path):
    (bare := tmp_path / "python").write_text(
        f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    )
    bare.chmod(0o700)
    done = install(house("first", "1.0"), tmp_path / "opt", PYTHON=str(bare))
    assert done.returncode == 1
    assert "install python3-venv first" in done.stderr
    assert not (tmp_path / "opt").exists()
