"""Who may stand on a roster."""

import pytest

from ecolink.errors import InvalidError
from ecolink.exchanges.alliances.rules import settle_members
from ecolink.protocol.kinds.rosters import MAX_MEMBERS

US, PEER, STRANGER = "350924000000", "331126000000", "331127000000"
MANY = tuple(f"3509{number:08}" for number in range(MAX_MEMBERS))
"""As many other bureaus as a roster has places."""


def refusal(*named: str) -> tuple[str, str | None]:
    """Return what is refused of a roster, in English, and where; it is said in Chinese as well."""
    with pytest.raises(InvalidError) as refused:
        settle_members(named, us=US, active={PEER, *MANY})
    assert not refused.value.detail_zh.isascii()
    return refused.value.detail_en, refused.value.pointer


def test_a_roster_is_sorted_and_always_names_ourselves() -> None:
    assert settle_members([PEER], us=US, active={PEER}) == (PEER, US)
    assert settle_members([US, PEER], us=US, active={PEER}) == (PEER, US)


def test_whoever_is_named_twice_or_is_no_active_peer_is_refused_by_place() -> None:
    assert refusal(PEER, PEER) == (f"{PEER} is named twice.", "/members/1")
    assert refusal(PEER, STRANGER) == (
        f"{STRANGER} is not an active peer of this node: finish its onboarding first.",
        "/members/1",
    )


def test_a_roster_of_ourselves_alone_is_none() -> None:
    assert refusal() == refusal(US) == ("Name at least one other bureau.", "/members")


def test_a_roster_may_be_filled_to_its_last_place_and_no_further() -> None:
    assert len(settle_members(MANY[1:], us=US, active={*MANY})) == MAX_MEMBERS
    assert refusal(*MANY) == (f"An alliance has at most {MAX_MEMBERS} members.", "/members")
