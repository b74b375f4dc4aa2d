"""The auditor finds who did what, page by page, and sees when the log was tampered with."""

from sqlalchemy import update

from ecolink.audit.access_models import AccessRow
from ecolink.identity.roles import Role
from tests.exchanges.records.conftest import Records


def test_an_auditor_finds_what_one_person_did(records: Records) -> None:
    told = records.upload(b"one")
    records.upload(b"two", role=Role.APPROVER)
    auditor = records.desk.as_role(Role.AUDITOR)

    def found(**wanted: str) -> list[tuple[str, str]]:
        answer = records.client.get("/api/v1/access-log", params=wanted, headers=auditor)
        assert answer.status_code == 200, answer.text
        return [(item["actor"], item["object_id"]) for item in answer.json()["items"]]

    assert found(actor="officer", action="collect") == [("officer", told["digest"])]
    assert found(object_id=str(told["digest"])) == [("officer", told["digest"])]
    assert found(object_type="attachment", until="2026-01-01T00:00:00+08:00") == []
    assert len(found(object_type="attachment", since="2026-01-01T00:00:00+08:00")) == 2


def test_the_log_is_read_in_pages_newest_first(records: Records) -> None:
    for content in (b"1", b"2", b"3"):
        records.upload(content)
    auditor = records.desk.as_role(Role.AUDITOR)
    wanted = {"object_type": "attachment", "limit": "2"}
    first = records.client.get("/api/v1/access-log", params=wanted, headers=auditor).json()
    records.upload(b"4")
    second = records.client.get(
        "/api/v1/access-log", params={**wanted, "cursor": first["next"]}, headers=auditor
    ).json()

    places = [item["n"] for item in (*first["items"], *second["items"])]
    assert places == sorted(places, reverse=True)
    assert len(places) == 3
    assert second["next"] is None


def test_a_changed_entry_is_named_to_the_auditor(records: Records) -> None:
    records.upload(b"one")
    auditor = records.desk.as_role(Role.AUDITOR)
    good = records.client.get("/api/v1/access-log/verify", headers=auditor).json()
    assert (good["holds"], good["fault"]) == (True, None)
    with records.database.begin() as session:
        session.execute(update(AccessRow).where(AccessRow.n == 2).values(actor="someone.else"))

    bad = records.client.get("/api/v1/access-log/verify", headers=auditor).json()
    assert (bad["holds"], bad["fault"]["n"]) == (False, 2)


def test_a_bad_filter_is_refused_with_its_name(records: Records) -> None:
    auditor = records.desk.as_role(Role.AUDITOR)
    for wanted in ({"since": "yesterday"}, {"since": "2026-11-22T10:00:00"}, {"action": "peek"}, {"actor": "x" * 101}):
        answer = records.client.get("/api/v1/access-log", params=wanted, headers=auditor)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["parameter"] == next(iter(wanted))


def test_nobody_but_the_auditor_reads_the_log(records: Records) -> None:
    for role in set(Role) - {Role.AUDITOR}:
        assert records.client.get("/api/v1/access-log", headers=records.desk.as_role(role)).status_code == 403
