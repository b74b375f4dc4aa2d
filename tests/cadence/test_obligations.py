"""A first look at what is due; years of it are lived through in test_ten_years."""

from datetime import UTC, date, datetime

from ecolink.cadence.agreements import Agreement, Proposal
from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import derive
from ecolink.protocol.kinds.agreements import TermsV1

SHOUNING, QINGYUAN = "350924000000", "331126000000"
TERMS = TermsV1.model_validate(
    {
        "code": "sn-qy-151",
        "version": 1,
        "name_zh": "寿宁—庆元警务协作协议书",
        "name_en": "Shouning and Qingyuan co-operation agreement",
        "scope_zh": "生态警务协作",
        "scope_en": "Eco-policing",
        "parties": [
            {"unit_code": SHOUNING, "name_zh": "寿宁县公安局", "name_en": "Shouning"},
            {"unit_code": QINGYUAN, "name_zh": "庆元县公安局", "name_en": "Qingyuan"},
        ],
        "valid_from": "2026-01-15",
        "valid_until": "2026-12-31",
        "calendar": {"years": [2026], "digest": "0" * 64},
        "duties": [
            {
                "code": "liaison",
                "kind": "liaison",
                "name_zh": "月联系",
                "name_en": "Monthly liaison",
                "period": "month",
                "rule": "FREQ=MONTHLY;BYMONTHDAY=-1",
                "working_day": "before",
            }
        ],
    }
).settled()


def signed(terms: TermsV1, *at: datetime) -> Agreement:
    cosigning = Cosigning.begin(terms.digest(), SHOUNING, terms.members, at[0])
    for moment in at[1:]:
        cosigning = cosigning.sign(QINGYUAN, moment)
    agreement = Agreement.read([Proposal(terms, cosigning)])
    assert agreement is not None
    return agreement


def test_the_monthly_liaison_is_due_on_the_last_working_day_from_the_first_whole_month_on() -> None:
    agreement = signed(TERMS, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    due = {each.key: each.due_on for each in derive(agreement, date(2026, 1, 1), date(2027, 1, 31))}
    assert len(due) == 11
    assert due["sn-qy-151/liaison/2026-02"] == date(2026, 2, 28)  # a Saturday worked for the Spring Festival
    assert due["sn-qy-151/liaison/2026-05"] == date(2026, 5, 29)
    assert due["sn-qy-151/liaison/2026-12"] == date(2026, 12, 31)
