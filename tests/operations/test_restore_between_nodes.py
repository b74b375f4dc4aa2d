"""Two real nodes, one of which burns down and is brought back from a backup that was made while it worked."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from ecolink.federation.models import Alarm, InChannel, OutChannel, StatementRow
from tests.operations.operator import Operator
from tests.processes.bureau import Bureau, Traffic, kill, wait_until
from tests.support.town import QINGYUAN, SHOUNING

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

BOTH = ("actual", "exercise")


def operators(bureaus: tuple[Bureau, Bureau]) -> tuple[Operator, Operator]:
    return Operator(bureaus[0]), Operator(bureaus[1])


def titles(bureau: Bureau) -> list[str]:
    return sorted(title for status in BOTH for title in bureau.emergencies(status))


def raised(*streams: Traffic) -> list[str]:
    return sorted(title for stream in streams for status in BOTH for title in stream.titles[status])


def statements(operator: Operator, author: str) -> list[str]:
    """Return the digest of every statement of `author` that a node holds; a doubled one would stand twice."""
    node = operator.node()
    with node.database.read() as session:
        digests = list(session.scalars(select(StatementRow.digest).filter_by(iss=author).order_by(StatementRow.digest)))
    node.close()
    return digests


def sent_heads(operator: Operator) -> dict[tuple[str, int], tuple[int, str]]:
    """Return by lane and epoch how far a node's channels reach that are open."""
    node = operator.node()
    with node.database.read() as session:
        rows = session.scalars(select(OutChannel).where(OutChannel.closed.is_(False), OutChannel.last_seq > 0))
        heads = {(row.lane, row.epoch): (row.last_seq, row.last_chain) for row in rows}
    node.close()
    return heads


def received_heads(operator: Operator) -> dict[tuple[str, int], tuple[int, str]]:
    """Return by lane and epoch how far a node holds what its peer sends."""
    node = operator.node()
    with node.database.read() as session:
        rows = session.scalars(select(InChannel))
        heads = {(row.lane, row.epoch): (row.head_seq, row.head_chain) for row in rows}
    node.close()
    return heads


def alarms(operator: Operator) -> set[str]:
    node = operator.node()
    with node.database.read() as session:
        kinds = set(session.scalars(select(Alarm.kind)))
    node.close()
    return kinds


def sign_for(bureau: Bureau, emergency_id: str) -> None:
    bureau.call(
        "POST", f"/emergencies/{emergency_id}/acknowledge", {"decision": "dispatching", "phone": "0578-0000022"}
    )


def is_signed_for(bureau: Bureau, emergency_id: str) -> bool:
    """Tell whether the author of an emergency knows that its recipient signed for it."""
    (line,) = bureau.call("GET", f"/emergencies/{emergency_id}/board")["bureaus"]
    return line["signed"] is not None


def back_up_under_traffic(bureaus: tuple[Bureau, Bureau]) -> tuple[Path, list[str], str]:
    """Back Shouning up while both raise emergencies.

    Return the backup, the titles of all that was raised, before and after, and the last of Shouning's by its id.
    """
    shouning, qingyuan = bureaus
    operator = operators(bureaus)[0]
    operator.make_key()
    with qingyuan.process("serve"), shouning.process("serve") as running:
        with Traffic(shouning, QINGYUAN, 9) as there, Traffic(qingyuan, SHOUNING, 9, "火警") as back:
            there.until(4)
            back.until(4)
            backup = operator.back_up("--with-keys")
            there.until(9)
            back.until(9)
        last = shouning.raise_emergency("火情余烬", QINGYUAN)
        before = sorted([*raised(there, back), "火情余烬"])
        wait_until(lambda: all(titles(bureau) == before for bureau in bureaus))
        wait_until(lambda: all(bureau.waiting() == 0 for bureau in bureaus))
        refusal = operator.refused("backup", "restore", backup, "--key", operator.key, "--force")
        assert refusal.startswith("This node is running: stop 'serve'")
        kill(running)
    shouning.token = qingyuan.token = ""
    return Path(shutil.move(backup, operator.key.parent)), before, last


def test_a_node_that_burnt_down_and_its_peer_agree_again(
    bureaus: tuple[Bureau, Bureau], tmp_path: Path, new_url: Callable[[], str | None]
) -> None:
    shouning, qingyuan = bureaus
    at_shouning, at_qingyuan = operators(bureaus)
    backup, before, forgotten = back_up_under_traffic(bureaus)
    scratch = ("--scratch", new_url()) if shouning.database_url else ()
    assert at_shouning.verify(backup, *scratch).exit_code == 0
    at_shouning.lose_everything()

    with qingyuan.process("serve"):
        sign_for(qingyuan, forgotten)  # the answer to a word that Shouning does not know any more
        told = at_shouning.told("backup", "restore", backup, "--key", at_shouning.key)
        assert told["peers"] == {QINGYUAN: "mended"}
        with shouning.process("serve"):
            wait_until(lambda: titles(shouning) == before)
            wait_until(lambda: is_signed_for(shouning, forgotten))
            new = ["火情100", "火情101", "火警100", "火警101"]
            for title in new[:2]:
                shouning.raise_emergency(title, QINGYUAN)
            for title in new[2:]:
                qingyuan.raise_emergency(title, SHOUNING)
            wait_until(lambda: titles(qingyuan) == sorted(before + new))
            wait_until(lambda: titles(shouning) == sorted(before + new))
            wait_until(lambda: all(bureau.waiting() == 0 for bureau in bureaus))
            for bureau in bureaus:
                assert bureau.call("GET", "/inbox/parked")["items"] == []
            check_evidence(bureaus, tmp_path)

    assert statements(at_shouning, QINGYUAN) == statements(at_qingyuan, QINGYUAN)
    ours = statements(at_shouning, SHOUNING)
    assert ours == statements(at_qingyuan, SHOUNING), "what was sent after the backup is back"
    assert len(ours) == len(set(ours))
    for sender, receiver in ((at_shouning, at_qingyuan), (at_qingyuan, at_shouning)):
        assert sent_heads(sender).items() <= received_heads(receiver).items()
    assert alarms(at_shouning) == {"restored", "log-restored"}
    assert alarms(at_qingyuan) == set()
    assert declaration(at_shouning)["held_by_peers"][0]["unit_code"] == QINGYUAN


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_peer_that_was_down_for_the_restore_is_compared_with_at_the_next_start(
    bureaus: tuple[Bureau, Bureau],
) -> None:
    shouning, qingyuan = bureaus
    at_shouning, at_qingyuan = operators(bureaus)
    backup, before, _ = back_up_under_traffic(bureaus)
    at_shouning.lose_everything()
    (why,) = at_shouning.told("backup", "restore", backup, "--key", at_shouning.key)["peers"].values()
    assert "ConnectError" in why
    assert declaration(at_shouning)["held_by_peers"] == [], "the log began anew though nobody could be asked"

    with qingyuan.process("serve"), shouning.process("serve"):
        wait_until(lambda: titles(shouning) == before)
        shouning.raise_emergency("火情100", QINGYUAN)
        wait_until(lambda: titles(qingyuan) == sorted([*before, "火情100"]))
        wait_until(lambda: shouning.waiting() == 0)
    assert statements(at_shouning, QINGYUAN) == statements(at_qingyuan, QINGYUAN)
    assert alarms(at_qingyuan) == set(), "nobody takes the new log for a second past"


def declaration(operator: Operator) -> dict:
    node = operator.node()
    with node.database.read() as session:
        head = node.log.head(session)
        told = json.loads(node.log.declaration(session, head.log_epoch) or "{}")
    node.close()
    return told


def check_evidence(bureaus: tuple[Bureau, Bureau], folder: Path) -> None:
    """Export one thread from before the backup at each node: it verifies, and the gap is declared."""
    author, other = bureaus
    threads = [page["id"] for page in author.call("GET", "/emergencies?limit=50")["items"]]
    cards = [part for bureau in bureaus for part in ("--card", bureau.config.parent / "own.card")]
    for bureau in (author, other):
        file = folder / f"evidence-{bureau.unit_code}.json"
        bureau.run("evidence", "export", threads[-1], "--out", file, "--reason", "test of the restore")
        assert "OK" in bureau.run("evidence", "verify", file, *cards).stdout
