"""An alert channel, as an administrator sets it up in a browser: tried out, seen to arrive, seen to fail."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import axe
from tests.browser.nodes import enter

SECRET = "a-secret-of-the-bureau"


@dataclass
class Listener:
    """A program of the bureau's own that takes alerts; it may begin to refuse them, with a 200."""

    refuses: bool = False
    heard: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""

    def answer(self, said: dict[str, Any]) -> dict[str, Any]:
        if self.refuses:
            return {"errcode": 40035, "errmsg": "invalid parameter"}
        self.heard.append(said)
        return {"id": said["id"]}


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Return a listener with a server of its own."""
    listening = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(listening.answer(said)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        listening.address = f"http://127.0.0.1:{server.server_port}/alerts"
        yield listening
        server.shutdown()


def test_an_administrator_sets_a_channel_up_sees_a_test_arrive_and_sees_it_fail(new_page, shouning, listener):
    page = new_page()
    enter(page, shouning, "administrator", "/administration/channels")
    page.get_by_role("link", name="自定义接口").click()
    form = page.locator("form[action='/administration/channels']")
    form.get_by_label("名称").fill("值班平台")
    form.get_by_label("本单位内网").check()
    form.get_by_role("textbox", name="接口地址").fill(listener.address)
    form.get_by_label("签名密钥").fill(SECRET)
    axe(page)
    form.get_by_role("button", name="新增").click()

    page.get_by_role("heading", name="值班平台").wait_for()
    assert SECRET not in page.content()
    send_test(page)
    expect(page.get_by_text("服务已收下")).to_be_visible()
    assert [said["kind"] for said in listener.heard] == ["test"]

    listener.refuses = True
    send_test(page)
    expect(page.get_by_text("未发出")).to_be_visible()
    expect(page.get_by_text("invalid parameter").first).to_be_visible()
    axe(page)

    page.goto(f"{shouning.address}/")
    health = page.locator("section", has=page.get_by_role("heading", name="提醒渠道"))
    expect(health.get_by_role("link", name="值班平台")).to_contain_text("未确认收下")
    health.get_by_role("link", name="值班平台").click()
    listener.refuses = False
    send_test(page)
    expect(page.get_by_role("note")).to_have_count(0)
    page.get_by_text("删除", exact=True).first.click()
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("form[action$='/remove']").get_by_role("button").click()
    expect(page.get_by_role("status").first).to_contain_text("值班平台")


def send_test(page: Page) -> None:
    """Send a test from the channel's page."""
    page.locator("form[action$='/test']").get_by_role("button").click()
    expect(page.get_by_role("status").first).to_contain_text("测试已进入发送队列")
