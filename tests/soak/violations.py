"""What a soak complains of."""

from typing import NamedTuple


class Violation(NamedTuple):
    """Something that does not hold: the rule, the bureau, and what it is about, with ids."""

    rule: str
    at: str
    what: str

    def __str__(self) -> str:
        """Return it as the list prints it."""
        return f"{self.rule} [{self.at}] {self.what}"
