"""Who is calling: a person or a program, with the roles they hold at this moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ecolink.identity.roles import Permission, Role, permissions, senior_role


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One caller, as the database knew them when the call came in."""

    id: str
    username: str
    name: str
    roles: frozenset[Role]
    kind: Literal["user", "client"] = "user"
    session_id: str = ""
    """The login session the call was made under; empty for the command line."""
    seen_at: datetime | None = None
    """When their browser was last heard of before; None without one."""
    must_change_password: bool = False
    must_enrol: bool = False
    """Whether one of the roles asks for a second factor, and there is none yet."""

    @property
    def is_ready(self) -> bool:
        """Whether nothing is to be done at the own profile first."""
        return not (self.must_change_password or self.must_enrol)

    def may(self, permission: Permission) -> bool:
        """Tell whether one of the caller's roles grants `permission`."""
        return permission in permissions(self.roles)

    @property
    def lead_role(self) -> str:
        """The most senior role held: what a statement names as its author's role."""
        return senior_role(self.roles)
