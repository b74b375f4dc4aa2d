"""The compliance report tells apart who recorded in time, and is safe to open in a spreadsheet."""

import csv
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from io import BytesIO, StringIO
from typing import Any

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader
from starlette.testclient import TestClient

from ecolink.entrypoints.applications import local_app
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.obligations.report_forms import inert
from tests.exchanges.obligations.covenant import record, take_records
from tests.storage.test_plans import log_in
from tests.support.agreements import LIAISON, conclude, terms
from tests.support.town import QINGYUAN, SHOUNING, Town

PAIR = (SHOUNING, QINGYUAN)
MONTHS = {month: f"sn-qy-151/liaison/2027-{month:02}" for month in range(1, 13)}


@pytest.fixture
def backend() -> str:
    """The figures are counted in Python, from rows that every database gives alike."""
    return "sqlite"


@pytest.fixture
def pair(town: Town) -> Sequence[Node]:
    """A year of liaison: in time, confirmed late by Qingyuan, confirmed by nobody, recorded by nobody, and to come."""
    nodes = [town.nodes[code] for code in PAIR]
    take_records(*nodes)
    duty = {**LIAISON, "name_zh": "=HYPERLINK(“月联系”)"}
    conclude(town, terms(valid_from="2027-01-01", duties=[duty]))

    def on(day: date, month: int, *signers: str) -> None:
        town.wait(timedelta(days=(day - town.clock.now().date()).days))
        record(nodes, MONTHS[month], PAIR, signers, town.clock.now())

    on(date(2027, 1, 20), 1, *PAIR)
    on(date(2027, 2, 20), 2, SHOUNING)
    on(date(2027, 3, 5), 2, SHOUNING, QINGYUAN)
    on(date(2027, 3, 20), 3, QINGYUAN)
    town.wait(timedelta(days=45))  # into May: nothing was recorded of April
    return nodes


@pytest.fixture
def shouning(pair: Sequence[Node]) -> Iterator[TestClient]:
    """Somebody of Shouning at the local API."""
    node = pair[0]
    with TestClient(local_app(node), base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
        client.headers["Authorization"] = f"Bearer {log_in(node)}"
        yield client


def fetch(client: TestClient, form: str) -> Any:
    answer = client.get("/api/v1/obligations/report", params={"year": 2027, "format": form})
    assert answer.status_code == 200, answer.text
    return answer


def test_the_report_tells_what_was_in_time_made_up_and_missing_and_on_which_side(shouning: TestClient) -> None:
    report = fetch(shouning, "json").json()
    (line,) = report["lines"]
    assert line["partner"]["name_zh"] == "庆元县公安局"
    assert line["figures"] == report["total"]
    assert report["total"] == {
        "due": 4,
        "on_time": 1,
        "made_up": 1,
        "waived": 0,
        "missing": 2,
        "not_due": 8,
        "late_by_partner": 1,
        "late_by_us": 1,
        "late_unsigned": 0,
        "late_unrecorded": 1,
        "in_time_percent": 25.0,
    }


def test_a_spreadsheet_runs_nothing_that_a_partner_wrote(shouning: TestClient) -> None:
    rows = list(csv.reader(StringIO(fetch(shouning, "csv").content.decode("utf-8-sig"))))
    assert rows[1][2].startswith("'=HYPERLINK")
    assert rows[1][3:8] == ["4", "1", "1", "0", "2"]
    sheet = load_workbook(BytesIO(fetch(shouning, "xlsx").content)).active
    assert sheet is not None
    cell = sheet.cell(2, 3)
    assert (cell.data_type, str(cell.value)[:10]) == ("s", "=HYPERLINK")
    assert [sheet.cell(2, column).value for column in range(4, 9)] == [4, 1, 1, 0, 2]
    assert [inert(text) for text in ("@SUM(1)", "＝1", "-1", "月联系", 3)] == ["'@SUM(1)", "'＝1", "'-1", "月联系", 3]


def test_the_report_is_printed_in_chinese(shouning: TestClient) -> None:
    page = fetch(shouning, "html")
    assert "2027年度警务协作履约情况" in page.text
    assert "逾期补办1项" in page.text
    pdf = PdfReader(BytesIO(fetch(shouning, "pdf").content))
    assert "履约情况" in "".join(sheet.extract_text() for sheet in pdf.pages)
