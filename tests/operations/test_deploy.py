"""What is ready-made in deploy/ fits the node: every metric it names is told, every service stops in the time it is given."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from ecolink.entrypoints.applications import local_app
from ecolink.entrypoints.serving import GRACE_S
from ecolink.entrypoints.worker import STOP_S
from ecolink.kit.meters import CERTIFICATE_EXPIRES, HTTP_REQUESTS, RECEIPTS_VERIFIED, REFUSALS
from tests.support.town import QINGYUAN, SHOUNING, Town

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text("utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))

_STRINGS = re.compile(r'"[^"]*"')
_LABELS = re.compile(r"(?P<metric>[a-z_]+)?\{(?P<matchers>[^}]*)\}")
_WORDS = re.compile(r"(?<![\w.$])[a-z_]\w*")
_GRAMMAR = {
    "by",
    "on",
    "and",
    "or",
    "sum",
    "max",
    "min",
    "abs",
    "rate",
    "increase",
    "deriv",
    "time",
    "vector",
    "histogram_quantile",
    "label_values",
}


@pytest.fixture
def told(town: Town) -> dict[str, Metric]:
    """Return what a node with a peer tells, by the name of each series."""
    node = town.nodes[SHOUNING]
    RECEIPTS_VERIFIED.labels(QINGYUAN)
    REFUSALS.labels("bad-signature")
    HTTP_REQUESTS.labels("GET", "/livez", 200)
    CERTIFICATE_EXPIRES.labels("tls_certificate")
    with TestClient(local_app(node), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        text = client.get("/metrics").text
    return {name: family for family in text_string_to_metric_families(text) for name in series_of(family)}


def series_of(family: Metric) -> list[str]:
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(family.type, [""])
    return [family.name.removesuffix("_total") + ending for ending in endings]


def metrics_in(expression: str) -> set[str]:
    """Return the metrics an expression asks for, and fail on what is no expression."""
    bare = _STRINGS.sub('""', expression)
    assert bare.count("(") == bare.count(")"), expression
    bare = re.sub(r"\b(by|on) \([a-z, ]+\)|\[\d+[smh]\]", "", _LABELS.sub(r"\g<metric> ", bare))
    bare = re.sub(r"(?<=label_values\()(\w+), \w+", r"\1", bare)
    return {word for word in _WORDS.findall(bare) if word not in _GRAMMAR} - {"up"}


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    variables = [one["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    return [rule["expr"] for rule in RULES] + panels + variables


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_metric_an_alert_or_a_panel_asks_for_is_told_with_its_labels(told: dict[str, Metric]):
    for expression in expressions():
        assert metrics_in(expression) <= told.keys(), expression
        for found in _LABELS.finditer(expression):
            family = told.get(found["metric"])
            known = {label for sample in family.samples for label in sample.labels} if family else set()
            asked = set(re.findall(r"(\w+)\s*(?:=~|!=|=)", found["matchers"])) - {"instance", "job"}
            assert asked <= known or (family is not None and not family.samples), expression


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_page_for_operators_lists_every_metric_and_no_other(told: dict[str, Metric]):
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(ecolink_\w+)", page, re.MULTILINE))
    assert listed == {family.name for family in told.values() if family.name.startswith("ecolink_")}


def test_a_made_up_metric_would_be_seen():
    assert metrics_in('sum(rate(ecolink_nothing_total{a="b"}[5m])) by (le) > 1e3') == {"ecolink_nothing_total"}


def test_every_alert_says_what_happened_in_chinese_first_and_what_to_do():
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
    for rule in RULES:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert re.fullmatch(r"Ecolink[A-Z]\w+", rule["alert"])
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
        assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
        summary = rule["annotations"]["summary"]
        assert re.search(r"[\u4e00-\u9fff].*/ ", summary), summary
        assert len(rule["annotations"]["description"]) > 20


def test_what_an_alert_refers_to_is_there():
    for page, anchor in re.findall(
        r"(docs/\w+\.md)(?:#([\w-]+))?", (DEPLOY / "prometheus-alerts.yml").read_text("utf-8")
    ):
        text = (ROOT / page).read_text("utf-8")
        assert not anchor or f"## {anchor.replace('-', ' ')}\n" in text.lower()


def test_the_dashboards_panels_lie_beside_one_another():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("name", ["ecolink.service", "ecolink-worker@.service"])
def test_a_service_is_given_the_time_it_needs_to_stop_and_nothing_it_does_not_need(name: str):
    lines = (DEPLOY / name).read_text("utf-8").splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith(("#", "SystemCallFilter")))
    assert int(said["TimeoutStopSec"].removesuffix("s")) > GRACE_S + STOP_S
    for wanted in ("NoNewPrivileges", "PrivateUsers", "PrivateDevices", "MemoryDenyWriteExecute", "RestrictNamespaces"):
        assert said[wanted] == "yes"
    assert (said["ProtectSystem"], said["CapabilityBoundingSet"], said["UMask"]) == ("strict", "", "0077")


@pytest.mark.parametrize("name", ["ecolink.service", "ecolink-worker@.service", "ecolink-backup.service"])
def test_a_service_is_not_killed_for_a_call_it_may_not_make(name: str):
    """systemd kills for a forbidden call unless told what error to give; who reads large pushes asks to stand back."""
    lines = (DEPLOY / name).read_text("utf-8").splitlines()
    assert "SystemCallErrorNumber=EPERM" in lines
    filters = [line.removeprefix("SystemCallFilter=") for line in lines if line.startswith("SystemCallFilter=")]
    assert filters[0] == "@system-service"
    denied = [number for number, calls in enumerate(filters) if "@resources" in calls]
    assert not denied or "setpriority" in filters[denied[-1] + 1 :]


def test_the_nightly_unit_makes_a_backup_and_only_then_lets_old_ones_go():
    """systemd runs the commands of a oneshot one after the other, and none after one that failed."""
    lines = (DEPLOY / "ecolink-backup.service").read_text("utf-8").splitlines()
    assert "Type=oneshot" in lines
    commands = [line.rpartition(".toml ")[2] for line in lines if line.startswith("ExecStart=")]
    assert commands == ["backup create", "backup prune"]


@pytest.mark.parametrize("unit", sorted(path.name for path in DEPLOY.glob("*.service")))
def test_a_unit_starts_also_where_the_keys_have_no_passphrase(unit: str):
    """systemd refuses to start what a credential is missing for, unless the unit says what stands for it (not nothing)."""
    lines = (DEPLOY / unit).read_text("utf-8").splitlines()
    loaded = {line.partition("=")[2].partition(":")[0] for line in lines if line.startswith("LoadCredential=")}
    standing_in = dict(line.partition("=")[2].split(":") for line in lines if line.startswith("SetCredential="))
    assert standing_in == {"ecolink_key_passphrase": "\\n"} == dict.fromkeys(loaded, "\\n")
