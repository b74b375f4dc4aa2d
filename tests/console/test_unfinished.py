"""What was typed and not sent: there at another desk, for nobody else, and not for ever."""

from datetime import timedelta
from itertools import count

import pytest

from ecolink.console.unfinished import MOST
from ecolink.identity.roles import Role
from tests.support.console import PASSWORD, Reception, Visitor
from tests.support.town import Town

pytestmark = pytest.mark.by_turns


TURNS = count(1)


def keep(visitor: Visitor, typed: str, name: str = "lead-new@0", page: str = "morning", turn: int | None = None) -> int:
    form = {"/name": name, "/typed@json": typed, "/page": page, "/turn": str(turn or next(TURNS))}
    return visitor.send("/unfinished", form).status_code


def test_what_was_typed_is_there_at_another_desk_for_the_same_person_until_it_is_sent(reception: Reception, town: Town):
    officer, chief = reception.signed_in(Role.OFFICER), reception.signed_in(Role.CHIEF)
    assert officer.get("/unfinished?name=lead-new@0").status_code == 204
    assert keep(officer, '{"/facts": ["杉木被盗"]}') == 204
    assert keep(officer, '{"/facts": ["杉木被盗6.2立方米"]}') == 204
    another_desk = reception.visitor()
    another_desk.post("/sign-in", {"/username": "officer", "/password": PASSWORD})
    assert another_desk.get("/unfinished?name=lead-new@0").json() == {"/facts": ["杉木被盗6.2立方米"]}
    assert chief.get("/unfinished?name=lead-new@0").status_code == 204
    assert keep(officer, '{"/facts": "no list"}') == 422

    another_desk.get("/")
    assert keep(another_desk, "{}") == 204
    assert officer.get("/unfinished?name=lead-new@0").status_code == 204

    keep(officer, '{"/facts": ["杉木被盗"]}')
    town.clock.advance(timedelta(days=31))
    returned = reception.visitor()
    returned.post("/sign-in", {"/username": "chief", "/password": PASSWORD})
    returned.get("/")
    keep(returned, '{"/title": ["火情"]}')
    again = reception.visitor()
    again.post("/sign-in", {"/username": "officer", "/password": PASSWORD})
    assert again.get("/unfinished?name=lead-new@0").status_code == 204


def test_what_was_kept_before_the_form_was_sent_and_arrives_after_it_does_not_come_back(reception: Reception):
    officer = reception.signed_in(Role.OFFICER)
    keep(officer, '{"/facts": ["杉木"]}', page="morning", turn=1)
    keep(officer, "{}", page="morning", turn=3)
    keep(officer, '{"/facts": ["杉木被盗"]}', page="morning", turn=2)
    assert officer.get("/unfinished?name=lead-new@0").status_code == 204

    keep(officer, '{"/facts": ["松木"]}', page="evening", turn=1)
    assert officer.get("/unfinished?name=lead-new@0").json() == {"/facts": ["松木"]}


def test_of_very_many_forms_those_left_alone_longest_are_forgotten(reception: Reception, town: Town):
    officer = reception.signed_in(Role.OFFICER)
    for n in range(MOST + 2):
        town.clock.advance(timedelta(seconds=1))
        keep(officer, '{"/facts": ["杉木被盗"]}', f"reply@{n}")

    statuses = [officer.get(f"/unfinished?name=reply@{n}").status_code for n in range(MOST + 2)]
    assert statuses == [204, 204, *[200] * MOST]
