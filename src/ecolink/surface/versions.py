"""Changes build on a version: a row counts its own, and a change names the one it builds on."""

from ecolink.errors import StaleError


def check_version(wanted: int, present: int) -> None:
    """Refuse a change that builds on another version than the present one.

    Raises:
        StaleError: somebody else changed the object since it was read.

    """
    if wanted != present:
        raise stale()


def stale() -> StaleError:
    """Return the refusal of a change that builds on a version long gone."""
    return StaleError(
        "Somebody changed this since you read it; read it again and repeat your change.",
        "该对象在您读取后已被他人修改，请重新读取后再提交。",
    )
