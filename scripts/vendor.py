"""Keep in the tree what pages need of other people's work: scripts and styles, each of one exact version.

    make vendor                         fetch again what scripts/vendored.json lists
    python scripts/vendor.py --check    compare the files in the tree with it; asks nothing of any network

Nodes have no internet, so a page must need nothing from it. To change a version, write it into the list with an empty
`integrity` and run `make vendor`: `npm pack` brings the package from wherever npm is set up to fetch from, and the
list then holds its digest, as npm writes it, and that of each file kept. From then on another package under the same
version is refused, and a file changed in the tree is told. The first folder inside a package (`dist`) falls away.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parent.parent
LIST = Path(__file__).with_name("vendored.json")


@dataclass
class Package:
    """One package of the list, and which of its files are kept."""

    name: str
    version: str
    licence: str
    integrity: str
    """Of the whole package, as npm writes it."""
    place: str
    """Where its files lie in the tree."""
    files: dict[str, str]
    """Path in the package → SHA-256 of what was there, in hex."""

    def fetch(self) -> None:
        """Bring the package and keep the files that are wanted of it; exit when it is not what it was."""
        npm = shutil.which("npm") or sys.exit("npm is needed to fetch packages")
        with tempfile.TemporaryDirectory() as folder:
            command = [npm, "pack", "--silent", "--pack-destination", folder, f"{self.name}@{self.version}"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - nothing of it comes from outside
            archive = next(Path(folder).glob("*.tgz"))
            found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
            if self.integrity not in {"", found}:
                sys.exit(f"{self.name} {self.version} is not what it was: {found}")
            self.integrity = found
            shutil.rmtree(ROOT / self.place, ignore_errors=True)
            with tarfile.open(archive) as package:
                for path in self.files:
                    self.files[path] = self._keep(path, package)

    def faults(self) -> Iterator[str]:
        """Say which files are not, or not only, those of the list."""
        kept = {self.kept(path): digest for path, digest in self.files.items()}
        there = {path for path in (ROOT / self.place).rglob("*") if path.is_file()}
        for path in sorted(there | kept.keys()):
            if path not in kept:
                yield f"{path.relative_to(ROOT)}: not in the list"
            elif path not in there:
                yield f"{path.relative_to(ROOT)}: missing"
            elif hashlib.sha256(path.read_bytes()).hexdigest() != kept[path]:
                yield f"{path.relative_to(ROOT)}: not as it came in {self.name} {self.version}"

    def kept(self, path: str) -> Path:
        """Return where a file of the package lies in the tree."""
        parts = PurePosixPath(path).parts
        return ROOT.joinpath(self.place, *(parts[1:] if len(parts) > 1 else parts))

    def _keep(self, path: str, package: tarfile.TarFile) -> str:
        content = package.extractfile(f"package/{path}")
        if content is None:
            sys.exit(f"{self.name} {self.version} has no {path}")
        data = content.read()
        kept = self.kept(path)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)
        return hashlib.sha256(data).hexdigest()


def read() -> list[Package]:
    """Return the list."""
    return [Package(**each) for each in json.loads(LIST.read_text("utf-8"))["packages"]]


def faults(packages: list[Package]) -> list[str]:
    """Say what in the tree is not as the list has it."""
    found = [fault for package in packages for fault in package.faults()]
    stale = [path for path, text in _notes(packages) if not path.exists() or path.read_text("utf-8") != text]
    return found + [f"{path.relative_to(ROOT)}: not written from the list" for path in stale]


def main(*arguments: str) -> None:
    """Fetch everything, or only compare."""
    packages = read()
    if arguments == ("--check",):
        sys.exit("\n".join(faults(packages)) or 0)
    for package in packages:
        package.fetch()
    LIST.write_text(json.dumps({"packages": [asdict(each) for each in packages]}, indent=2) + "\n", "utf-8")
    for path, text in _notes(packages):
        path.write_text(text, "utf-8")


def _notes(packages: list[Package]) -> Iterator[tuple[Path, str]]:
    """Say beside each folder of packages what lies in it."""
    for folder in sorted({Path(each.place).parent for each in packages}):
        rows = [
            f"| `{Path(each.place).name}/` | {each.name} {each.version} | {each.licence} | `{each.integrity}` |"
            for each in packages
            if Path(each.place).parent == folder
        ]
        head = ["| folder | npm package | licence | integrity |", "|---|---|---|---|"]
        intro = (
            "Other people's work, exactly as published, each with its licence. Written by `make vendor`; do not edit."
        )
        yield ROOT / folder / "README.md", "\n".join(["# Vendored", "", intro, "", *head, *rows, ""])


if __name__ == "__main__":
    main(*sys.argv[1:])
