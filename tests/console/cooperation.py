"""What the bureaus of a town owe each other, for tests of the pages of liaison and exchange."""

from datetime import timedelta

from tests.support.agreements import LIAISON, conclude, terms
from tests.support.console import Reception
from tests.support.town import QINGYUAN, SHOUNING, Town

EXCHANGE = {
    "code": "exchange",
    "kind": "exchange",
    "name_zh": "季度通报交流",
    "name_en": "Quarterly exchange",
    "period": "quarter",
    "rule": "FREQ=MONTHLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1",
}
CONSULTATION = {
    "code": "consultation",
    "kind": "consultation",
    "name_zh": "情报会商研判",
    "name_en": "Intelligence consultation",
    "period": "year",
    "rule": "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31",
}
DECEMBER = "sn-qy-151/liaison/2026-12"
WINTER = "sn-qy-151/exchange/2027-Q1"


def agree(town: Town) -> tuple[Reception, Reception]:
    """Let Shouning and Qingyuan have an agreement in force, on 3 December 2026; return the consoles of both."""
    conclude(town, terms(duties=[LIAISON, EXCHANGE, CONSULTATION]))
    town.wait(timedelta(days=9))
    return Reception(town.nodes[SHOUNING]), Reception(town.nodes[QINGYUAN])
