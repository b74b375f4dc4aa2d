"""A real node, and a page left open: the stream of a login that somebody ended is over within a minute."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from ecolink.entrypoints.demo.clock import PlayClock
from tests.processes.bureau import PASSWORD, Bureau

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

BROWSER = {"Sec-Fetch-Site": "same-origin", "User-Agent": "Mozilla/5.0 (Linux; Android 15) Chrome/140"}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_open_stream_of_a_login_that_was_ended_is_over_within_a_minute(unfounded, tmp_path: Path):
    bureau: Bureau = unfounded[0]
    bureau.found()
    clock = PlayClock.at_present(tmp_path / "clock")
    program = (sys.executable, Path(__file__).with_name("mortal.py"), clock.file, "inf")
    with bureau.process("serve", program=program), lost_telephone(bureau) as telephone:
        with telephone.stream("GET", "/live") as stream:
            lines = stream.iter_lines()
            while next(lines) != "event: beat":
                pass
            (login,) = (each for each in bureau.call("GET", "/sessions")["items"] if "Chrome" in (each["agent"] or ""))
            bureau.call("POST", f"/sessions/{login['id']}/revoke")
            clock.move_to(clock.now() + timedelta(seconds=40))

            assert "event: ended" in list(lines)
        assert telephone.get("/live").headers["location"] == "/sign-in?to=/live&ended=yes"


@contextmanager
def lost_telephone(bureau: Bureau) -> Iterator[httpx.Client]:
    """Sign in with a browser."""
    address = f"http://127.0.0.1:{bureau.local_port}"
    with httpx.Client(base_url=address, headers=BROWSER, timeout=30, trust_env=False) as client:
        signed_in = client.post("/sign-in", data={"/username": "wu", "/password": PASSWORD})
        assert signed_in.headers["location"] == "/"
        yield client
