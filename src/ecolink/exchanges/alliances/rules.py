"""Who may stand on a roster."""

from collections.abc import Container, Sequence

from ecolink.errors import InvalidError
from ecolink.protocol.kinds.rosters import MAX_MEMBERS


def settle_members(named: Sequence[str], *, us: str, active: Container[str]) -> tuple[str, ...]:
    """Return the members of a roster, sorted: ourselves, always, and the named bureaus, each an active peer.

    Raises:
        InvalidError: one is named twice or is no active peer, nobody else is named, or there are too many.

    """
    seen: set[str] = set()
    for place, unit_code in enumerate(named):
        if unit_code in seen:
            raise InvalidError(f"{unit_code} is named twice.", f"{unit_code} 重复出现。", pointer=f"/members/{place}")
        if unit_code != us and unit_code not in active:
            raise InvalidError(
                f"{unit_code} is not an active peer of this node: finish its onboarding first.",
                f"{unit_code} 不是本节点已启用的对端，请先完成接入。",
                pointer=f"/members/{place}",
            )
        seen.add(unit_code)
    members = seen | {us}
    if len(members) == 1:
        raise InvalidError("Name at least one other bureau.", "请至少列入一个对方单位。", pointer="/members")
    if len(members) > MAX_MEMBERS:
        raise InvalidError(
            f"An alliance has at most {MAX_MEMBERS} members.", f"联盟成员最多 {MAX_MEMBERS} 个。", pointer="/members"
        )
    return tuple(sorted(members))
