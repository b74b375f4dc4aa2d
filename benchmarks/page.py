"""The page on which the figures stand."""

from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def write_table(table: str, begin: str, end: str) -> None:
    """Put `table` between two marks of the page."""
    before, _, rest = PAGE.read_text().partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n\n{table}\n\n{end}{after}")
