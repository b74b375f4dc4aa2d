"""A restored node's own leads, bulletins, emergencies and alliances stand again as if they had never been lost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.bulletins.models import Bulletin, BulletinDraft, BulletinRecipient
from ecolink.exchanges.emergencies.models import CallTask, Emergency
from ecolink.exchanges.leads.models import Lead, LeadDraft, LeadProposal
from ecolink.federation.erasure import Ordered
from ecolink.federation.models import StatementRow
from tests.exchanges.bulletins.bureaux import SUSPECT, Bureau, bulletin
from tests.exchanges.emergencies.desks import OFFICER, Desk
from tests.exchanges.leads.bureaux import Border, Office
from tests.federation.backups import back_up, rebuild
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

ALL_THE_WAY = ("acknowledged", "accepted", "started", "information_requested", "information_provided", "replied")


def bring_back(town: Town, node: Node, url: str) -> Node:
    """Let a node come back from a backup, ask its peers, and come to rest."""
    restored = rebuild(town, node, url)
    assert set(restored.compare(town.clock.now).values()) == {"mended"}
    town.settle()
    with restored.database.read() as session:
        assert restored.applier.parked(session) == []
    return restored


def said(node: Node) -> list[tuple[str, str]]:
    """Return author and id of every statement held; what was said twice would stand twice."""
    with node.database.read() as session:
        return sorted(tuple(row) for row in session.execute(select(StatementRow.iss, StatementRow.jti)))


CAME_IN = {"delivered_at", "receipt_due", "answer_due", "next_due", "raised_at"}
"""When a peer's word came in is known by a receipt of ours that is lost: it counts as come when it came again."""


def columns(node: Node, table: type, *ignored: str) -> list[dict[str, Any]]:
    """Return a table's rows without what tells when this node last wrote them, or first received them."""
    with node.database.read() as session:
        rows = session.scalars(select(table).order_by(*table.__table__.primary_key.columns)).all()
        return [
            {
                column.key: getattr(row, column.key)
                for column in table.__table__.columns
                if column.key not in {"version", "updated_at", "created_at", *ignored}
                and (is_ours(row, node) or column.key not in CAME_IN)
            }
            for row in rows
        ]


def is_ours(row: object, node: Node) -> bool:
    return getattr(row, "direction", "out") == "out" and getattr(row, "author", node.us) == node.us


# Leads -------------------------------------------------------------------------------------------------


def test_leads_asked_and_leads_answered_stand_as_before(town: Town, new_database_url: Callable[[], str]) -> None:
    border = Border(town)
    url = back_up(border.shouning.node, new_database_url)
    asked = border.ask(*ALL_THE_WAY, "feedback", "closed")
    answered = border.qingyuan.send(to=SHOUNING)
    town.settle()
    for move in ("acknowledged", "accepted", "started", "replied"):
        town.clock.advance(timedelta(minutes=1))
        border.shouning.make(answered, move)
        town.settle()
    before = [columns(border.shouning.node, Lead), said(border.shouning.node), said(border.qingyuan.node)]
    histories = [border.shouning.history(lead) for lead in (asked, answered)]
    shown = border.shouning.lead(asked)

    office = Office.open(bring_back(town, border.shouning.node, url))
    assert [columns(office.node, Lead), said(office.node), said(border.qingyuan.node)] == before
    assert [office.history(lead) for lead in (asked, answered)] == histories
    again = office.lead(asked)
    assert again.model_dump(exclude={"version", "updated_at", "created_at"}) == shown.model_dump(
        exclude={"version", "updated_at", "created_at"}
    )


def test_a_draft_that_was_sent_after_the_backup_is_a_draft_no_more(
    town: Town, new_database_url: Callable[[], str]
) -> None:
    border = Border(town)
    office = border.shouning
    lead_id = office.draft()
    with office.node.database.begin() as session:
        office.service.drafting.submit(session, lead_id, by=office.officer, now=office.now)
    url = back_up(office.node, new_database_url)
    with office.node.database.begin() as session:
        version = session.get_one(Lead, lead_id).version
        office.service.drafting.approve(session, lead_id, version=version, by=office.approver, now=office.now)
    town.settle()
    border.run(lead_id, "acknowledged")

    office = Office.open(bring_back(town, office.node, url))
    assert office.state(lead_id) == "acknowledged"
    with office.node.database.read() as session:
        assert session.get(LeadDraft, lead_id) is None
        assert session.scalar(select(func.count()).select_from(StatementRow)) == 2


def test_a_reply_that_awaited_approval_at_the_backup_counts_as_sent(
    town: Town, new_database_url: Callable[[], str]
) -> None:
    border = Border(town)
    lead_id = border.qingyuan.send(to=SHOUNING)
    town.settle()
    for move in ("acknowledged", "accepted", "started"):
        town.clock.advance(timedelta(minutes=1))
        border.shouning.make(lead_id, move)
        town.settle()
    proposal = border.shouning.propose(lead_id, "replied")
    url = back_up(border.shouning.node, new_database_url)
    border.shouning.approve(lead_id, proposal)
    town.settle()

    office = Office.open(bring_back(town, border.shouning.node, url))
    assert office.state(lead_id) == "replied"
    assert office.proposals(lead_id) == []
    with office.node.database.read() as session:
        sent = session.get_one(LeadProposal, proposal)
        assert (sent.state, sent.decided_by, sent.content) == ("sent", "郑长青", None)
        assert session.get_one(Lead, lead_id).proposal_count == 0


# Bulletins ----------------------------------------------------------------------------------------------


def three(town: Town) -> None:
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    town.introduce(QINGYUAN, JINGNING)


def test_bulletins_told_corrected_recalled_and_read_stand_as_before(
    town: Town, new_database_url: Callable[[], str]
) -> None:
    three(town)
    bureaus = [Bureau.open(town, town.nodes[code]) for code in (SHOUNING, QINGYUAN, JINGNING)]
    shouning, qingyuan, jingning = bureaus
    url = back_up(shouning.node, new_database_url)
    alliance = shouning.ally(QINGYUAN, JINGNING)
    corrected = shouning.publish(bulletin(alliance_id=alliance))
    recalled = shouning.publish(bulletin(**SUSPECT, recipients=[QINGYUAN]))
    town.settle()
    town.clock.advance(timedelta(minutes=1))
    shouning.correct(corrected)
    shouning.recall(recalled)
    town.settle()
    for bureau in (qingyuan, jingning):
        bureau.read(corrected)
        bureau.feed_back(corrected)
    theirs = qingyuan.publish(bulletin(onward="ask", recipients=[SHOUNING]))
    town.settle()
    shouning.read(theirs)
    request = shouning.ask(theirs, JINGNING)
    town.settle()
    qingyuan.grant(theirs, request.request.digest)
    town.settle()
    shouning.share(theirs, JINGNING)
    town.settle()
    qingyuan.recall(theirs)
    town.settle()
    ignored = ("opened_by", "drafted_by")
    before = [columns(shouning.node, Bulletin, *ignored), columns(shouning.node, BulletinRecipient)]
    held = [said(bureau.node) for bureau in bureaus]

    node = bring_back(town, shouning.node, url)
    assert [columns(node, Bulletin, *ignored), columns(node, BulletinRecipient)] == before
    assert [said(node), said(qingyuan.node), said(jingning.node)] == held
    bureau = Bureau.open(town, node)
    with node.database.read() as session:
        assert bureau.alliances.roster(session, alliance).members == (QINGYUAN, JINGNING, SHOUNING)
    bureau.publish(bulletin(alliance_id=alliance))
    town.settle()


def test_a_correction_drafted_at_the_backup_and_told_after_it_is_told(
    town: Town, new_database_url: Callable[[], str]
) -> None:
    shouning = Bureau.open(town, town.nodes[SHOUNING])
    Bureau.open(town, town.nodes[QINGYUAN])
    told = shouning.publish(bulletin(recipients=[QINGYUAN]))
    waiting = shouning.draft(bulletin(recipients=[QINGYUAN])).row.id
    town.settle()
    shouning.draft_correction(told)
    url = back_up(shouning.node, new_database_url)
    town.clock.advance(timedelta(minutes=1))
    for bulletin_id in (told, waiting):
        shouning.submit(bulletin_id)
        shouning.approve(bulletin_id)
    town.settle()

    node = bring_back(town, shouning.node, url)
    with node.database.read() as session:
        states = [session.get_one(Bulletin, each).state for each in (told, waiting)]
        assert states == ["corrected", "published"]
        assert session.scalars(select(BulletinDraft)).all() == []


# Emergencies --------------------------------------------------------------------------------------------


def test_emergencies_raised_updated_signed_for_and_ended_stand_as_before(
    town: Town, new_database_url: Callable[[], str]
) -> None:
    three(town)
    desks = [Desk(node, node.rooms.emergencies) for node in town.nodes.values()]
    shouning, qingyuan, jingning = desks
    url = back_up(shouning.node, new_database_url)
    burning = shouning.raise_alert(recipients=[QINGYUAN, JINGNING])
    over = shouning.raise_alert()
    drill = shouning.raise_alert(status="exercise", title="演练：下党乡森林火情")
    theirs = qingyuan.raise_alert(recipients=[SHOUNING])
    town.settle()
    town.clock.advance(timedelta(minutes=2))
    shouning.update(burning, colour="red")
    shouning.acknowledge(theirs)
    for desk in (qingyuan, jingning):
        desk.acknowledge(burning)
    shouning.note(burning)
    shouning.cancel(over)
    town.settle()
    before = [columns(shouning.node, Emergency, "raised_by"), [said(desk.node) for desk in desks]]
    shown = [shouning.board(each).history for each in (burning, over, drill, theirs)]

    node = bring_back(town, shouning.node, url)
    desk = Desk(node, node.rooms.emergencies)
    others = [said(each.node) for each in (qingyuan, jingning)]
    assert [columns(node, Emergency, "raised_by"), [said(node), *others]] == before
    assert [desk.board(each).history for each in (burning, over, drill, theirs)] == shown
    with node.database.read() as session:
        live = session.execute(
            select(CallTask.emergency_id, CallTask.kind, CallTask.bureau).where(CallTask.state != "closed").distinct()
        )
        assert {tuple(row) for row in live} == {
            (burning, "update", SHOUNING),
            (drill, "update", SHOUNING),
            (drill, "signature", QINGYUAN),
        }
    assert desk.watch() == 0, "nobody is called about what was answered"
    desk.update(burning, colour="yellow")
    town.settle()
    assert [row["colour"] for row in columns(qingyuan.node, Emergency) if row["id"] == burning] == ["yellow"]


def test_an_emergency_that_awaited_approval_at_the_backup_is_sent(
    town: Town, new_database_url: Callable[[], str]
) -> None:
    desk = Desk(town.nodes[SHOUNING], town.nodes[SHOUNING].rooms.emergencies)
    raised = desk.raise_alert(by=OFFICER)
    url = back_up(desk.node, new_database_url)
    desk.approve(raised)
    town.settle()
    before = columns(desk.node, Emergency)
    node = bring_back(town, desk.node, url)
    assert columns(node, Emergency) == before
    assert before[0]["approved_by_name"] == "郑长青"


# Files and erasures -------------------------------------------------------------------------------------


def test_files_that_were_attached_are_fetched_back_from_whoever_got_them(
    town: Town, new_database_url: Callable[[], str]
) -> None:
    border = Border(town)
    office = border.shouning
    url = back_up(office.node, new_database_url)
    photo = upload(office, "红外相机夜拍影像".encode() * 1000)
    lead_id = office.send(documents=[{"kind": "letter", "title": "夜拍影像", "digest": photo}])
    town.settle()
    work(town)
    office.node.rooms.attachments.shelf.store.remove(photo)

    office = Office.open(bring_back(town, office.node, url))
    with office.node.database.read() as session:
        assert office.node.rooms.attachments.shelf.held(session, [photo]) == set()
    work(town)
    with office.node.database.read() as session:
        (view,) = office.node.rooms.attachments.of_thread(session, lead_id)
    assert (view.held, view.confirmed_at is not None) == (True, True)
    assert office.node.rooms.attachments.shelf.store.read(photo, 0, 24).decode() == "红外相机夜拍影像"


def upload(office: Office, data: bytes) -> str:
    room = office.node.rooms.attachments
    with room.shelf.store.stage() as staged:
        staged.write(data)
        staged.seal()
        with office.node.database.begin() as session:
            ref = room.keep(session, staged, name="夜拍.jpg", media_type="image/jpeg", by="officer", now=office.now)
    return ref.digest


def work(town: Town) -> None:
    """Let the nodes move files and tell of it, until nothing more happens."""
    for _ in range(10):
        for node in town.nodes.values():
            while work := node.fetch(node.clock.now()):
                work.finish()
        town.settle()


def test_an_erasure_ordered_after_the_backup_is_carried_out_again(
    town: Town, new_database_url: Callable[[], str]
) -> None:
    border = Border(town)
    lead_id = border.ask("acknowledged")
    url = back_up(border.shouning.node, new_database_url)
    node = border.shouning.node
    ordered = Ordered(reason="purpose-served", note="案件已结", username="chief", name="郑长青", role="chief")
    with node.database.begin() as session:
        node.rooms.erasure.erase(session, lead_id, ordered, now=town.clock.now())
    town.settle()
    held = said(node), said(border.qingyuan.node)

    node = bring_back(town, node, url)
    with node.database.read() as session:
        rows = session.scalars(select(StatementRow).where(StatementRow.thread == lead_id)).all()
        assert [row.private for row in rows if row.private_digest is not None] == [None] * 2
        (compliance,) = node.rooms.erasure.compliance(session, lead_id)
        assert (compliance.recipient, compliance.erased) == (QINGYUAN, 2)
    assert (said(node), said(border.qingyuan.node)) == held
