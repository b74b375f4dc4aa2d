"""What is remembered until the commit shares the fate of the savepoint it was remembered in."""

from sqlalchemy.orm import SessionTransaction


def is_undone(within: SessionTransaction | None, rolled_back: SessionTransaction) -> bool:
    """Tell whether what was remembered `within` a savepoint, or outside of any, went with what was rolled back."""
    while within is not None:
        if within is rolled_back:
            return True
        within = within.parent
    return not rolled_back.nested
