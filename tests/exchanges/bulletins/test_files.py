"""The files of a bulletin: told with it, passed on with it, replaced and taken back with it."""

import pytest
from sqlalchemy import select

from ecolink.attachments.models import Transfer
from ecolink.errors import InvalidError, NotFoundError
from ecolink.protocol.statement import Lane
from tests.exchanges.bulletins.bureaux import Bureau, Three, bulletin, correction
from tests.support.town import JINGNING, QINGYUAN

pytestmark = pytest.mark.by_turns


def files(bureau: Bureau, told: str) -> list[tuple[str, bool]]:
    """Return what a bureau's people see of its files."""
    return [(file.digest, file.held) for file in bureau.shown(told).attachments]


def can_read(bureau: Bureau, file: dict[str, str]) -> bool:
    try:
        bureau.see(lambda session: bureau.service.attachments.shelf.find(session, file["digest"]))
    except NotFoundError:
        return False
    return True


def test_the_files_of_a_bulletin_go_with_it_and_on_with_it_and_are_taken_back_with_it(three: Three):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    parcel, orchid = a.attach(b"a parcel"), a.attach(b"an orchid")
    group = a.ally(QINGYUAN, JINGNING)
    wanted = bulletin(onward="group", alliance_id=group, recipients=[QINGYUAN], attachments=[parcel])
    told = a.draft(wanted).row.id
    draft = a.shown(told).draft
    assert draft is not None
    assert [file.name for file in draft.attachments] == ["包裹.jpg"]
    a.submit(told)
    a.approve(told)
    three.settle()
    assert files(b, told) == [(parcel["digest"], False)]
    b.fetch()
    b.share(told, JINGNING)
    three.settle()
    c.fetch()
    assert files(a, told) == files(b, told) == files(c, told) == [(parcel["digest"], True)]

    a.correct(told, correction(attachments=[orchid]))
    three.settle()
    b.fetch()
    three.settle()
    c.fetch()
    assert files(b, told) == [(orchid["digest"], True)]
    assert not can_read(b, parcel)
    assert not can_read(c, parcel)

    a.recall(told)
    three.settle()
    assert files(a, told) == files(b, told) == files(c, told) == []
    assert not can_read(b, orchid)
    assert can_read(a, orchid), "its own files stay its own"


def test_a_correction_that_a_recall_overtook_brings_no_file_any_more(three: Three):
    a, b = three.shouning, three.qingyuan
    parcel, orchid = a.attach(b"a parcel"), a.attach(b"an orchid")
    told = a.publish(bulletin(recipients=[QINGYUAN], attachments=[parcel]))
    three.settle()
    b.fetch()
    a.correct(told, correction(attachments=[parcel, orchid]))
    a.recall(told)
    while a.node.delivery.step((Lane.CONTROL,), a.node.clock.now):
        pass
    three.settle()

    assert files(b, told) == []
    assert not can_read(b, parcel)
    assert b.see(lambda session: session.scalars(select(Transfer).where(Transfer.state == "waiting")).all()) == []


def test_a_bulletin_names_no_file_that_is_not_here(three: Three):
    with pytest.raises(InvalidError) as refused:
        three.shouning.draft(bulletin(recipients=[QINGYUAN], attachments=[{"digest": "0" * 64}]))
    assert refused.value.pointer == "/attachments"
