"""Fetch the font that printable documents are set in, cut it to what Chinese texts need, and keep it in the tree.

Nodes have no internet and often no fonts, and a name must never print wrong. Run this only to change the version or
the characters: `npm pack` brings the package from wherever npm is set up to fetch from, and its digest is compared.
The same package and the same version of fontTools make the same bytes.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset

PACKAGE = "@expo-google-fonts/noto-sans-sc"
VERSION = "0.4.3"
SHA512 = "9rAwdFTFHbO/u6Cs0gj2jZbW74TGIiaFNQnXYH2s5wA1bzVkwbaviL4t8YUV642eGYjg86eH6DkAEQmfNHDncQ=="
FONT = "package/400Regular/NotoSansSC_400Regular.ttf"
LICENCE = "package/LICENSE_FONT"
PLACE = Path(__file__).parent.parent / "src/ecolink/documents/fonts"

SIGNS = range(0x0020, 0x3400)
"""Latin, Greek, punctuation, arrows, numbers in circles, kana, units: all the font has below the ideographs."""
IDEOGRAPHS = range(0x4E00, 0xA000)
COMPATIBLE = (range(0xF900, 0xFB00), range(0xFE30, 0xFE50), range(0xFF00, 0xFFF0))
"""Compatibility ideographs, vertical forms, full and half width forms."""
STANDARD_BEYOND = (
    "㑇㑊㕮㘎㙍㙘㙦㛃㛚㛹㟃㠇㠓㤘㥄㧐㧑㧟㫰㬊㬎㬚㭎㭕㮾㰀㳇㳘㳚㴔㵐㶲㸆㸌㺄㻬㽏㿠"
    "䁖䂮䃅䃎䅟䌹䎃䎖䏝䏡䏲䐃䓖䓛䓨䓫䓬䗖䗛䗪䗴䜣䝙䢺䢼䣘䥽䦃䲟䲠䲢䴓䴔䴕䴖䴗䴘䴙䶮"
)
"""What the Table of General Standard Chinese Characters (2013) has of Extension A."""
SUPPLEMENTARY = range(0x20000, 0x32000)
"""All the font has of the further extensions: they are in it because that table has them."""


def main() -> None:
    """Fetch, compare, cut."""
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
            whole = Path(folder) / "whole.ttf"
            whole.write_bytes(_content(package, FONT))
            (PLACE / "OFL.txt").write_bytes(_content(package, LICENCE))
        wanted = [*SIGNS, *IDEOGRAPHS, *map(ord, STANDARD_BEYOND), *SUPPLEMENTARY]
        cut(whole, [*wanted, *(one for block in COMPATIBLE for one in block)], PLACE / "NotoSansSC-Regular.ttf")
    (PLACE / "VERSION").write_text(f"{PACKAGE} {VERSION}, OFL-1.1, cut by scripts/refresh_fonts.py\nsha512 {SHA512}\n")


def cut(whole: Path, wanted: Iterable[int], to: Path) -> None:
    """Write a font with the `wanted` code points alone, without what only screens and vertical setting use."""
    options = subset.Options(
        hinting=False,
        layout_features=[],
        glyph_names=False,
        notdef_outline=True,
        recalc_timestamp=False,
        name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14],
    )
    options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "STAT", "gasp", "vhea", "vmtx"]
    font = subset.load_font(str(whole), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=wanted)
    subsetter.subset(font)
    subset.save_font(font, str(to), options)


def _content(package: tarfile.TarFile, name: str) -> bytes:
    content = package.extractfile(name)
    if content is None:
        sys.exit(f"{PACKAGE} {VERSION} has no {name}")
    return content.read()


if __name__ == "__main__":
    main()
