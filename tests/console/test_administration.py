"""The administrator at the console: a partner made known by telephone, keys, queues, health, backups."""

import re
from html import unescape

import pytest

from ecolink.entrypoints.backup import shelf
from ecolink.entrypoints.backup.key import make_key
from ecolink.entrypoints.backup.shelf import Verdict
from ecolink.identity.roles import Role
from tests.support.console import Reception
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

PARTNERS = "/administration/partners"


def test_a_new_partner_is_made_known_and_trusted_only_once_the_fingerprint_was_read_out(new_database_url, tmp_path):
    town = Town(tmp_path, new_database_url)
    for code in (SHOUNING, QINGYUAN):
        town.add(code)
    here = Reception(town.nodes[SHOUNING]).signed_in(Role.ADMINISTRATOR)
    there = Reception(town.nodes[QINGYUAN]).signed_in(Role.ADMINISTRATOR)
    here.get(PARTNERS)
    card = there.client.get(f"{PARTNERS}/card").text
    read_out = re.findall(r"<code>([0-9 ]{60,})</code>", there.get(PARTNERS).text)[0]

    assert here.send(PARTNERS, {"/card": card}).headers["hx-redirect"] == f"{PARTNERS}/{QINGYUAN}"
    assert "尚未核对指纹" in here.get(PARTNERS).text
    misheard = here.send(f"{PARTNERS}/{QINGYUAN}/activate", {"/fingerprint": read_out[::-1]})
    assert misheard.status_code == 422
    assert here.send(f"{PARTNERS}/{QINGYUAN}/activate", {"/fingerprint": read_out}).status_code == 200
    assert "已启用" in here.get(f"{PARTNERS}/{QINGYUAN}").text
    assert here.send(f"{PARTNERS}/{QINGYUAN}/suspend", {"/reason": "节点迁移"}).status_code == 200
    assert "节点迁移" in here.get(f"{PARTNERS}/{QINGYUAN}").text
    town.close()


def test_the_signing_key_is_changed_and_revoked(reception: Reception):
    administrator = reception.signed_in(Role.ADMINISTRATOR)
    before = administrator.get("/administration/keys").text

    assert administrator.send("/administration/keys/rotate").status_code == 200
    assert administrator.get("/administration/keys").text.count("<code>") > before.count("<code>")
    assert administrator.send("/administration/keys/revoke", {"/reason": ""}).status_code == 422
    assert administrator.send("/administration/keys/revoke", {"/reason": "备份光盘遗失"}).status_code == 200
    assert "已吊销" in administrator.get("/administration/keys").text


def test_the_node_is_examined_and_what_is_not_in_order_has_its_mend(reception: Reception):
    administrator = reception.signed_in(Role.ADMINISTRATOR)

    assert "正在检查" in administrator.get("/administration/health").text
    report = unescape(administrator.get("/administration/health/report").text)
    assert "数据库" in report
    assert "→" in report


def test_a_backup_is_made_once_there_is_a_key_and_stands_in_the_list(reception: Reception, tmp_path):
    administrator = reception.signed_in(Role.ADMINISTRATOR)
    administrator.get("/administration/backups")

    refused = administrator.send("/administration/backups")
    assert refused.status_code == 404
    assert "ecolink backup key" in refused.json()["detail_zh"]
    make_key(reception.node.settings.data_dir, tmp_path / "backup-key.pem", None)
    made = administrator.send("/administration/backups")
    assert made.status_code == 200, made.text
    page = administrator.get("/administration/backups").text
    assert ".backup" in page
    assert "尚未验证" in page

    (backup,) = shelf.backups(reception.node.settings.backup_dir)
    for looked_inside, shown in ((False, "尚未验证"), (True, "验证可用")):
        shelf.record(backup.path, Verdict(reception.node.clock.now(), ok=True, looked_inside=looked_inside))
        assert shown in administrator.get("/administration/backups").text


def test_queues_alarms_and_what_was_set_aside_are_shown(reception: Reception):
    page = reception.signed_in(Role.ADMINISTRATOR).get("/administration/queues").text

    for word in ("没有未处理的告警", "待发送", "没有搁置的消息"):
        assert word in page


def test_what_somebody_may_not_do_is_neither_offered_nor_done(reception: Reception):
    officer, auditor = reception.signed_in(Role.OFFICER), reception.signed_in(Role.AUDITOR)

    assert 'href="/administration"' not in officer.get("/").text
    for path in (PARTNERS, "/administration/keys", "/administration/health", "/administration/backups"):
        assert officer.get(path).status_code == 403, path
    keys = auditor.get("/administration/keys").text
    assert "更换签名密钥" not in keys
    assert auditor.send("/administration/keys/rotate").status_code == 403
