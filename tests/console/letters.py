"""A bulletin typed at the console, and told: what several tests begin with."""

import re

from ecolink.identity.roles import Role
from tests.support.console import Reception, Visitor
from tests.support.town import QINGYUAN, Town

TYPED: dict[str, str | list[str]] = {
    "/title": "野生兰花混作茶苗邮寄出省",
    "/kind": "modus_operandi",
    "/body": "近期发现有人将采挖的野生兰花夹带在茶苗包裹中寄往外省。",
    "/suggested_actions@lines": "检查茶苗包裹\n提示快递网点落实收寄验视",
    "/period/start": "2026-10-01",
    "/period/end": "2026-11-20",
    "/species/0/name_zh": "春兰",
    "/species/0/name_latin": "Cymbidium goeringii",
    "/charges@lines": "344",
    "/grading/source": "B",
    "/grading/information": "2",
    "/valid_until@china": "2027-02-28T23:59",
    "/sanitised@yes": "1",
    "/governance/purpose": "提示邻县查控",
    "/governance/handling/code": "H0",
    "/governance/handling/onward": "none",
    "/recipients@list": [QINGYUAN],
    "/persons/0/ref": "P1",
    "/persons/0/category": "suspect",
    "/persons/0/basis": "fact",
    "/items/0/ref": "I1",
}


def version_of(visitor: Visitor, address: str) -> dict[str, str | list[str]]:
    found = re.search(r'name="version" value="(\d+)"', visitor.get(address).text)
    assert found is not None
    return {"version": found[1]}


def tell(reception: Reception, town: Town, **more: str | list[str]) -> str:
    """Have a bulletin written by one person and approved by another; return its address."""
    officer, chief = reception.signed_in(Role.OFFICER), reception.signed_in(Role.APPROVER)
    officer.get("/bulletins/new")
    kept = officer.send("/bulletins", TYPED | more)
    assert kept.status_code == 200, kept.text
    address = kept.headers["hx-redirect"]
    assert officer.send(f"{address}/submit", version_of(officer, address)).status_code == 200
    assert chief.send(f"{address}/approve", version_of(chief, address)).status_code == 200
    town.settle()
    return address
