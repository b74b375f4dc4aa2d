"""What can go wrong, in the words of the domain. No error here knows HTTP.

`web.problems` turns each class into an RFC 9457 problem; a test walks every class below and fails
when one has no problem. `code` is stable and public: clients switch on it.
"""

from typing import ClassVar


class EcolinkError(Exception):
    """Something the caller can be told. `detail_*` say what to do next; `pointer` names the member (RFC 6901)."""

    code: ClassVar[str] = "error"

    def __init__(self, detail_en: str, detail_zh: str, *, pointer: str | None = None) -> None:
        """Keep both texts; neither may hold personal data or a secret."""
        super().__init__(detail_en)
        self.detail_en = detail_en
        self.detail_zh = detail_zh
        self.pointer = pointer


class NotFoundError(EcolinkError):
    """The object does not exist, or is another bureau's: the two are not told apart."""

    code = "not-found"

    def __init__(self, detail_en: str = "There is no such object.", detail_zh: str = "没有这个对象。") -> None:
        """Say no more than that."""
        super().__init__(detail_en, detail_zh)


class InvalidError(EcolinkError):
    """A member's value breaks a rule of the domain."""

    code = "invalid"


class IllegalMoveError(EcolinkError):
    """The matter's state does not allow this move, or the move belongs to the other side."""

    code = "illegal-move"


class ForbiddenError(EcolinkError):
    """The person is known, but their roles do not allow this."""

    code = "forbidden"


class UnauthenticatedError(EcolinkError):
    """No valid credentials came with the call."""

    code = "unauthenticated"


class StaleError(EcolinkError):
    """Somebody else changed the object since it was read."""

    code = "stale"


class PreconditionRequiredError(EcolinkError):
    """A change needs the version it builds on (`If-Match`)."""

    code = "precondition-required"


class ConflictError(EcolinkError):
    """The request collides with what already stands."""

    code = "conflict"


class TooLargeError(EcolinkError):
    """The input is larger than the documented limit."""

    code = "too-large"


class ThrottledError(EcolinkError):
    """Too many tries; `retry_after` is in whole seconds."""

    code = "throttled"

    def __init__(self, detail_en: str, detail_zh: str, *, retry_after: int) -> None:
        """Keep the wait beside the texts."""
        super().__init__(detail_en, detail_zh)
        self.retry_after = retry_after


class UnavailableError(EcolinkError):
    """The node cannot work just now (database down, disk full); `retry_after` is in whole seconds."""

    code = "unavailable"

    def __init__(self, detail_en: str, detail_zh: str, *, retry_after: int = 5) -> None:
        """Keep the wait beside the texts."""
        super().__init__(detail_en, detail_zh)
        self.retry_after = retry_after


class SettingError(EcolinkError):
    """A setting is missing or wrong; the text is one line that names it and says how to mend it."""

    code = "setting"
