"""A document as a bureau prints it: the same content on the screen and on paper, and no text can break either."""

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from io import BytesIO

import pytest
from pypdf import PdfReader

from ecolink.documents import figures, paper, screen
from ecolink.documents.document import Document, Figure, Heading, Paragraph, Series, Signature, Table
from ecolink.documents.lines import broken

MADE = datetime(2026, 10, 8, 2, 30, tzinfo=UTC)
COMPARED = Figure(
    "bar",
    "图1 与上季度对比",
    ("情报通报", "协查函"),
    (Series("第二季度", (3, 5)), Series("第三季度", (4, None))),
    "类别",
    "数量（件）",
)


def letter(*body, **others):
    parts = {
        "title": "关于2026年第三季度情报交流情况的函",
        "bureau": "寿宁县公安局",
        "number": "寿公协〔2026〕3号",
        "addressee": "庆元县公安局",
        "day": date(2026, 10, 8),
        "made_at": MADE,
        "red_head": True,
    }
    return Document(body=body, **{**parts, **others})


def read(document):
    """Return the text of a document's PDF, its lines joined and its page numbers left out."""
    pages = PdfReader(BytesIO(paper.pdf(document))).pages
    return re.sub(r"— \d+ —|\n", "", "\n".join(page.extract_text() for page in pages))


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.seen = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


WHOLE = letter(
    Heading("一、情报通报"),
    Paragraph("本季度共通报情报4件。"),
    COMPARED,
    Table(("序号", "事项"), ((1, "核查下党乡木材来源"),), "表1 未结请求"),
    signatures=(Signature("寿宁县公安局", MADE, "摘要 ab12"), Signature("庆元县公安局", None)),
    notes=("抄送：六县警务协作联盟各成员单位。",),
)


@pytest.mark.parametrize("shown", [read, screen.html])
def test_a_letter_says_the_same_on_the_screen_and_on_paper(shown):
    text = shown(WHOLE)

    for part in (
        "寿宁县公安局",
        "寿公协〔2026〕3号",
        "庆元县公安局：",
        "关于2026年第三季度情报交流情况的函",
        "本季度共通报情报4件。",
        "数量（件）",
        "核查下党乡木材来源",
        "2026年10月8日 10:30 电子签署",
        "尚未签署",
        "抄送：六县警务协作联盟各成员单位。",
    ):
        assert part in text


def test_a_report_without_number_addressee_or_body_is_printed_too():
    assert "履约情况" in read(
        letter(Paragraph(""), Table(("甲",), (("",),)), title="履约情况", number="", addressee="", red_head=False)
    )


def test_the_same_document_makes_the_same_bytes():
    assert paper.pdf(WHOLE) == paper.pdf(WHOLE)
    assert paper.pdf(WHOLE) != paper.pdf(letter(*WHOLE.body, made_at=datetime(2026, 10, 9, tzinfo=UTC)))
    assert screen.html(WHOLE) == screen.html(WHOLE)


def test_a_letter_holds_only_the_characters_it_uses():
    assert len(paper.pdf(WHOLE)) < 60_000


def test_rare_characters_of_names_are_printed():
    names = "䶮㛃𬊈𫖯镕喆堃砼淏"

    assert names in read(letter(Paragraph(names)))


def test_a_character_the_font_lacks_is_printed_as_its_code_and_told_of():
    text = read(letter(Paragraph("证人😀称")))

    assert "证人〔U+1F600〕称" in text
    assert "字库缺少下列字符，文中以其编码代替：〔U+1F600〕。" in text


@pytest.mark.parametrize("shown", [read, screen.html])
def test_what_would_act_unseen_is_shown_as_its_code(shown):
    text = shown(letter(Paragraph("甲\u202e乙\x07丙\u200b丁\x00戊\ud800己"), title="标题\u202e"))

    assert "标题〔U+202E〕" in text
    assert "甲〔U+202E〕乙〔U+0007〕丙〔U+200B〕丁〔U+0000〕戊〔U+D800〕己" in text


def test_markup_in_a_text_stays_text():
    evil = "<script>alert(1)</script><img src=x onerror=y>\"'>{{ 7*7 }}{nb}"
    figure = Figure("line", evil, (evil,), (Series(evil, (1,)),), evil, evil)
    document = letter(Heading(evil), Paragraph(evil), Table((evil,), ((evil,),), evil), figure, title=evil, bureau=evil)
    tags = Tags(screen.html(document)).seen

    assert {tag for tag, _ in tags}.isdisjoint({"script", "img", "link", "iframe"})
    assert not [attributes for _, attributes in tags if "style" in attributes or "onerror" in attributes]
    assert "{{ 7*7 }}{nb}" in read(document)


def test_a_page_asks_no_network_for_anything_and_allows_only_its_own_styles():
    page = screen.html(WHOLE)

    assert "http" not in page.replace("http-equiv", "")
    assert not [attributes for _, attributes in Tags(page).seen if {"src", "href", "style"} & attributes.keys()]
    assert screen.POLICY.startswith("default-src 'none'; style-src 'sha256-")


def test_a_word_longer_than_a_line_is_broken_and_nothing_is_lost():
    assert "x" * 3000 in read(letter(Paragraph("x" * 3000)))
    assert read(letter(Table(("甲", "乙"), (("y" * 3000, 1),)))).count("y") == 3000


def test_a_row_longer_than_a_page_goes_on_under_the_same_header():
    document = letter(Table(("说明", "数量"), (("共同巡护边界山林，" * 400, 3),)))
    pages = PdfReader(BytesIO(paper.pdf(document))).pages

    assert len(pages) > 2
    assert read(document).count("巡") == 400
    assert all("说明" in page.extract_text() for page in pages[:-1])
    assert "— 2 —" in pages[1].extract_text()


def test_no_line_begins_with_what_belongs_to_the_line_before():
    lines = broken("甲乙丙丁，戊己（庚辛）壬癸。ABC def", 4, len)

    assert "".join(lines).replace(" ", "") == "甲乙丙丁，戊己（庚辛）壬癸。ABCdef"
    assert not [line for line in lines if line[0] in "，。）" or line[-1] == "（"]
    assert all(len(line) <= 4 for line in lines)


@pytest.mark.parametrize("kind", ["bar", "line"])
@pytest.mark.parametrize("values", [(0, 0, 0), (None, None, None), (1, -3, 2), (10**9, 1, None), (0.25, 0.5, 0.75)])
def test_every_shape_of_a_figure_stands_within_it(kind, values):
    figure = Figure(
        kind, "图", ("一月", "二月", "很长很长很长很长很长很长很长的名称"), (Series("甲", values),), "月", "件"
    )

    for shape in figures.shapes(figure):
        match shape:
            case figures.Rectangle(x, y, width, height):
                corners = ((x, y), (x + width, y + height))
                assert height >= 0
            case figures.Stroke(points):
                corners = points
            case figures.Text(x, y):
                corners = ((x, y),)
        assert all(0 <= x <= figures.WIDTH and 0 <= y <= figures.HEIGHT for x, y in corners)


def test_a_higher_value_stands_higher_and_a_missing_one_is_not_drawn():
    bars = [shape for shape in figures.shapes(COMPARED) if isinstance(shape, figures.Rectangle) and shape.width > 5]

    assert len(bars) == 3
    three, five, four = bars  # series by series
    assert five.height > four.height > three.height > 0


@pytest.mark.parametrize(
    ("header", "rows"), [((), ()), (("甲",) * 21, ()), (("甲", "乙"), (("一",),))], ids=["no-column", "many", "ragged"]
)
def test_a_table_that_cannot_be_laid_out_is_refused(header, rows):
    with pytest.raises(ValueError, match="table"):
        Table(header, rows)


@pytest.mark.parametrize(
    ("categories", "series"),
    [((), (Series("甲", ()),)), (("一月",), (Series("甲", (1, 2)),)), (("一月",), (Series("甲", (1,)),) * 5)],
    ids=["nothing", "ragged", "many"],
)
def test_a_figure_that_cannot_be_drawn_is_refused(categories, series):
    with pytest.raises(ValueError, match="figure"):
        Figure("bar", "图", categories, series, "月", "件")
