"""What an officer types finds the matters that say so, alike on both databases."""

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from ecolink.errors import InvalidError
from ecolink.search import SearchIndex
from ecolink.search.index import MAX_QUERY
from ecolink.search.models import SearchTerm
from ecolink.search.terms import MAX_TEXT, MAX_WORD
from ecolink.storage.engine import Database

INDEX = SearchIndex()


def find(database: Database, query: str, kind: str = "lead") -> set[str]:
    with database.read() as session:
        return set(session.scalars(INDEX.matching_ids(kind, query)))


def put(database: Database, object_id: str, text: str, kind: str = "lead") -> None:
    with database.begin() as session:
        INDEX.put(session, kind, object_id, text)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("林木", True),
        ("盗伐林木", True),
        ("木", True),
        ("下", True),
        ("盗林", False),
        ("竹", False),
        ("盗伐 下党", True),
        ("盗伐 龙溪", False),
        ("浙K", True),
        ("浙k·a1234", True),
        ("A123", True),
        ("1234", False),
        ("cunninghamia", True),
        ("CUNNING lanceo", True),
        ("hamia", False),
        ("６.２", True),
        ("2m3", True),
        ("𠮷", True),
        ("𠮷山", True),
        ("straße", True),
        ("STRASSE", True),
        ("' OR 1=1 --", False),
        ("%", False),
        ("", False),
        ("…！", False),
        ("\x00", False),
        ("\ud800", False),
    ],
)
def test_a_lead_about_felled_fir_is_found_by_what_it_says(database: Database, query: str, *, found: bool) -> None:
    put(database, "fir", "下党乡盗伐林木6.2m³，杉木(Cunninghamia lanceolata)，车牌浙K·A1234，𠮷山Straße")
    put(database, "other", "清明节祭扫用火提醒")

    assert find(database, query) == ({"fir"} if found else set())


def test_an_invisible_mark_inside_a_word_hides_nothing(database: Database) -> None:
    put(database, "fir", "盗\u200b伐林\ufe00木 mun\u00adtjac")

    assert find(database, "盗伐林木") == {"fir"}
    assert find(database, "munt\u202ejac") == {"fir"}


def test_text_put_again_replaces_what_was_found_before(database: Database) -> None:
    put(database, "lead", "黑麂 运输")
    put(database, "lead", "黑麂 收购")

    assert find(database, "收购") == {"lead"}
    assert find(database, "黑麂") == {"lead"}
    assert find(database, "运输") == set()


def test_the_same_text_put_twice_is_kept_once(database: Database) -> None:
    put(database, "lead", "黑麂 黑麂 运输")
    put(database, "lead", "黑麂 黑麂 运输")

    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(SearchTerm)) == len({"黑麂", "麂", "运输", "输"})


def test_a_removed_object_is_found_by_nothing_and_others_still_are(database: Database) -> None:
    put(database, "one", "画眉")
    put(database, "two", "画眉")
    with database.begin() as session:
        INDEX.remove(session, "lead", "one")

    assert find(database, "画眉") == {"two"}


def test_a_bulletin_is_not_found_among_leads(database: Database) -> None:
    put(database, "same-id", "兰花", kind="bulletin")

    assert find(database, "兰花", kind="lead") == set()
    assert find(database, "兰花", kind="bulletin") == {"same-id"}


def test_a_text_of_any_length_is_taken_and_its_beginning_is_found(database: Database) -> None:
    varied = "".join(chr(0x4E00 + at % 20_000) for at in range(MAX_TEXT))
    put(database, "long", varied + "尾巴")

    assert find(database, varied[:2]) == {"long"}
    assert find(database, "尾巴") == set()


def test_a_word_longer_than_any_word_is_found_by_its_beginning(database: Database) -> None:
    put(database, "long", "x" * (MAX_WORD * 3))

    assert find(database, "x" * MAX_QUERY) == {"long"}


def test_a_query_that_is_too_long_is_refused(database: Database) -> None:
    with pytest.raises(InvalidError) as refused, database.read():
        INDEX.matching_ids("lead", "林" * (MAX_QUERY + 1))

    assert refused.value.pointer == "q"


def naive(text: str, query: str) -> bool:
    """Search one text the slow way: every pair of a Han run somewhere, every other word at a word's beginning."""
    words = _words(query)
    return bool(words) and all(_holds(_words(text), word) for word in words)


def _holds(words: list[str], wanted: str) -> bool:
    if wanted >= "\u4e00" and len(wanted) > 1:
        return all(any(wanted[at : at + 2] in word for word in words) for at in range(len(wanted) - 1))
    if wanted >= "\u4e00":
        return any(wanted in word for word in words)
    return any(word.startswith(wanted) for word in words)


def _words(text: str) -> list[str]:
    words, last = [""], None
    for character in unicodedata.normalize("NFKC", text).casefold():
        kind = "han" if character >= "\u4e00" else "word" if character.isalnum() else None
        if kind != last:
            words.append("")
        words[-1] += character if kind else ""
        last = kind
    return [word for word in words if word]


SMALL = st.text("林木盗伐aAbＢ1 ·。", max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(SMALL, min_size=1, max_size=5), queries=st.lists(SMALL, min_size=1, max_size=5))
def test_the_index_finds_what_reading_every_text_would_find(
    database: Database, texts: list[str], queries: list[str]
) -> None:
    with database.begin() as session:
        for number in range(5):
            INDEX.put(session, "lead", str(number), texts[number] if number < len(texts) else "")

    for query in queries:
        assert find(database, query) == {str(number) for number, text in enumerate(texts) if naive(text, query)}
