"""Other people's scripts and styles stand in the tree as they were published; no network is asked."""

import shutil
from pathlib import Path

import pytest

from scripts import vendor


def test_every_vendored_file_is_what_the_list_says():
    assert vendor.faults(vendor.read()) == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda file: file.write_text("alert(1)"), "not as it came in leaflet 1.9.4"),
        (lambda file: file.unlink(), "missing"),
        (lambda file: file.with_name("more.js").touch(), "not in the list"),
        (lambda file: file.parents[1].joinpath("README.md").unlink(), "not written from the list"),
    ],
)
def test_a_vendored_file_that_was_touched_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil, told):
    leaflet = [package for package in vendor.read() if package.name == "leaflet"]
    place = Path(leaflet[0].place)
    shutil.copytree(vendor.ROOT / place, tmp_path / place)
    monkeypatch.setattr(vendor, "ROOT", tmp_path)
    for path, text in vendor._notes(leaflet):
        path.write_text(text, "utf-8")
    assert vendor.faults(leaflet) == []

    spoil(tmp_path / place / "leaflet.js")

    (fault,) = vendor.faults(leaflet)
    assert fault.endswith(told)
