"""What a letter says, and that by a third party's channel nothing leaves but that there is something."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote_plus

import pytest

from ecolink.alerts.channels.catalogue import CODECS, read_settings
from ecolink.alerts.channels.letter import Letter, cut
from ecolink.alerts.channels.wire import MailRequest
from ecolink.alerts.dispatches import Message
from ecolink.alerts.letters import MOST_TOLD, Reader, write
from tests.alerts.office import ADDRESSES, CONSOLE, MESSAGE, NOON, SETTINGS, Office, kind_of, text_of

CANARY = "canary-秘密-7f3a"
SENSITIVE = {
    "title_zh": f"{CANARY}山火",
    "title_en": f"{CANARY} wildfire",
    "text_zh": f"{CANARY}正文",
    "text_en": f"{CANARY} text",
    "link": f"/emergencies/{CANARY}",
    "alert_id": CANARY,
    "step": CANARY,
}
OUTSIDE = Reader(own=False, language="zh", console_url=CONSOLE)
INSIDE = replace(OUTSIDE, own=True)


def letter(reader: Reader = OUTSIDE, *messages: Message) -> Letter:
    return write([(f"dispatch-{place}", each) for place, each in enumerate(messages or (MESSAGE,))], reader)


def every_way_to_read(data: bytes) -> Iterator[str]:
    """Yield what somebody may read out of the bytes: as they are, unquoted, and each piece out of its base64."""
    text = data.decode(errors="replace")
    yield text
    yield unquote_plus(text)
    yield text.encode().decode("unicode_escape", errors="replace")
    for word in text.replace("\r\n", "").split():
        for piece in word.split("?"):
            try:
                yield b64decode(piece, validate=True).decode(errors="replace")
            except ValueError:
                continue


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("many", [1, 3])
def test_by_a_third_partys_channel_no_sensitive_content_ever_leaves(office: Office, kind: str, many: int):
    lin = office.officer("lin", office.channel(kind))
    for number in range(many):
        office.tell(lin, **{**SENSITIVE, "alert_id": f"{CANARY}-{number}"[:36]})
    office.tell(lin, **{**SENSITIVE, "kind": "repeat", "alert_id": f"{CANARY}-0"[:36], "step": f"{CANARY}-again"})
    office.send()

    (left,) = office.services.carried
    everything = left.content if isinstance(left, MailRequest) else left.body + left.url.encode()
    headers = b"" if isinstance(left, MailRequest) else repr(left.headers).encode()
    seen = [*every_way_to_read(everything), *every_way_to_read(headers), text_of(left)]
    assert not [text for text in seen if "canary" in text or "7f3a" in text or "秘密" in text]
    assert not [text for text in seen if "2026-11-23 12" in text or "2026-11-23T" in text], "nor when it happened"
    assert "编号" in text_of(left)


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_bureaus_own_channels_say_what_it_is_about(office: Office, kind: str):
    office.tell(office.officer("lin", office.channel(kind, own=True)))
    office.send()

    said = text_of(office.services.carried[0])
    assert "下党乡山火" in said
    assert f"{CONSOLE}/emergencies/7" in said


@pytest.mark.parametrize(("status", "mark"), [("exercise", "【演练】"), ("test", "【测试】")])
@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("own", [True, False])
def test_a_drill_says_so_first_in_every_channel_and_wakes_nobody(kind: str, own: bool, status, mark: str):
    drill = letter(replace(OUTSIDE, own=own), replace(MESSAGE, status=status))
    request = CODECS[kind].compose(drill, read_settings(SETTINGS[kind]), ADDRESSES[kind], NOON)
    said = text_of(request)

    assert drill.subject.startswith(mark)
    assert drill.text_zh[0].startswith(mark)
    assert drill.text_en[0].startswith(mark)
    assert mark in said
    if kind == "ntfy":
        assert '"priority": 2' in said
    if kind == "email":
        assert "Importance: low" in said


def test_the_real_thing_is_loud_and_unmarked():
    real = letter()
    assert real.is_loud
    assert "【" not in real.whole()
    push = CODECS["ntfy"].compose(real, read_settings(SETTINGS["ntfy"]), "topic", NOON)
    assert '"priority": 5' in text_of(push)


def test_a_third_party_is_told_the_number_and_where_to_log_in():
    told = letter()
    assert told.text_zh == ("您有一条紧急事项（编号 E7），请登录办理。",)
    assert told.text_en == ("You have an urgent item to see to (number E7): please log in.",)
    assert told.link == f"{CONSOLE}/"


def test_a_one_time_link_goes_by_any_channel():
    assert letter(OUTSIDE, replace(MESSAGE, link="/a/token")).link == f"{CONSOLE}/a/token"


def test_without_an_address_of_the_console_there_is_no_link():
    assert letter(replace(INSIDE, console_url=None)).link is None


def test_of_one_alert_only_the_newest_is_told():
    told = letter(OUTSIDE, MESSAGE, replace(MESSAGE, step="again", kind="repeat"))
    assert told.text_zh == ("再次提醒：您有一条紧急事项（编号 E7）尚未签收，请登录办理。",)


def test_more_than_can_be_told_are_counted():
    told = letter(INSIDE, *(replace(MESSAGE, alert_id=f"a{n}", number=f"E{n}") for n in range(MOST_TOLD + 5)))
    assert f"{MOST_TOLD + 5} 条" in told.text_zh[0]
    assert told.text_zh[-1] == "另有 5 条。"
    assert told.subject == f"下党乡山火 等 {MOST_TOLD + 5} 条"


def test_how_often_the_same_was_raised_is_said():
    assert "（共 4 次）" in letter(INSIDE, replace(MESSAGE, count=4)).whole()


def test_a_title_cannot_begin_a_line_of_its_own_or_turn_round():
    told = letter(INSIDE, replace(MESSAGE, title_zh="山火\r\nBcc: x@y\u202e"))
    assert told.subject == "山火 Bcc: x@y（编号 E7）"


def test_somebody_who_reads_english_is_told_in_english_first():
    told = letter(replace(OUTSIDE, language="en"))
    assert told.short().startswith("You have an urgent item")


@pytest.mark.parametrize(
    ("text", "most", "left"), [("山火", 6, "山火"), ("山火山", 8, "山…"), ("山火山火", 11, "山火…"), ("abc", 3, "abc")]
)
def test_a_text_is_cut_to_bytes_and_says_so(text: str, most: int, left: str):
    assert cut(text, most) == left
    assert len(cut(text, most).encode()) <= most


def test_a_letters_id_is_that_of_what_it_tells():
    assert letter().id == letter().id
    assert letter().id != letter(OUTSIDE, MESSAGE, replace(MESSAGE, alert_id="b")).id


def test_the_requests_test_helper_names_every_service():
    kinds = [kind_of(CODECS[k].compose(letter(), read_settings(SETTINGS[k]), ADDRESSES[k], NOON)) for k in CODECS]
    assert kinds == list(CODECS)
