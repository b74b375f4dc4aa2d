"""Two real nodes: people are told of an emergency at once, a killed node tells them once, and a signature is seen."""

import pytest

from ecolink.kit.times import from_text
from tests.processes.bureau import Bureau, Json, kill, wait_until
from tests.support.town import QINGYUAN

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]


def alerts(bureau: Bureau) -> list[Json]:
    """Return a bureau's alerts about emergencies, with their steps."""
    listed = bureau.call("GET", "/alerts?kind=emergency")["items"]
    return [bureau.call("GET", f"/alerts/{alert['id']}") for alert in listed]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_node_killed_with_an_alert_open_goes_on_and_its_signature_is_seen_within_two_seconds(
    bureaus: tuple[Bureau, Bureau],
) -> None:
    shouning, qingyuan = bureaus
    with shouning.process("serve"):
        with qingyuan.process("serve") as running:
            raised = shouning.raise_emergency("下党乡火情", QINGYUAN)
            wait_until(lambda: [len(alert["steps"]) for alert in alerts(qingyuan)] == [1])
            kill(running)
        with qingyuan.process("serve"):
            (alert,) = alerts(qingyuan)
            (step,) = alert["steps"]
            assert [person["name"] for person in step["told"]] == ["吴建国"]
            assert (alert["state"], alert["urgency"]) == ("open", "urgent")
            signed = qingyuan.call("POST", f"/alerts/{alert['id']}/acknowledge", {"decision": "dispatching"})
            at = from_text(signed["acknowledged_at"])

            def seen() -> Json | None:
                (line,) = shouning.call("GET", f"/emergencies/{raised}/board")["bureaus"]
                found: Json | None = line["signed"]
                return found

            wait_until(lambda: seen() is not None, seconds=2)
            told = seen()
            assert told is not None
            assert (told["name"], told["decision"]) == ("吴建国", "dispatching")
            assert abs((from_text(told["acknowledged_at"]) - at).total_seconds()) < 1
            assert [len(each["steps"]) for each in alerts(qingyuan)] == [1]
