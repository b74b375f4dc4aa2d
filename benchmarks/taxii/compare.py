"""Objects a second that OpenTAXII and medallion take, with 10,000 stored."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from benchmarks import load
from benchmarks.receiving import free_port, insist, serving

STORED = 10_000
MEASURED = 1_000
BATCH = 50
HERE = Path(__file__).parent
HOMES = HERE.parent.parent / "build" / "benchmarks"
MEDIA_TYPE = "application/taxii+json;version=2.1"
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
THREADS = ["--worker-class", "gthread", "--threads", "4", "--keep-alive", "60", "--log-level", "error"]


class NotInstalledError(Exception):
    """The package index cannot be reached."""


def opentaxii() -> float:
    """Return objects a second of OpenTAXII on SQLite, as its defaults have it."""
    home = _home("opentaxii")
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
        settings = Path(folder) / "opentaxii.json"  # JSON is YAML too
        settings.write_text(json.dumps(_opentaxii(folder)))
        environment = {"OPENTAXII_CONFIG": str(settings)}
        made = subprocess.run(
            [home / "bin" / "python", HERE / "opentaxii_app.py"],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        root, collection = made.stdout.split()[-2:]
        return _measure(home, "opentaxii_app:app", f"/taxii2/{root}/collections/{collection}/objects/", environment)


def medallion() -> float:
    """Return objects a second of medallion with its backend in memory; nothing is on the disk."""
    home = _home("medallion")
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
        data = Path(folder) / "data.json"
        data.write_text(json.dumps(_MEDALLION))
        return _measure(
            home, "medallion_app:app", f"/api/collections/{COLLECTION}/objects/", {"MEDALLION_DATA": str(data)}
        )


def _measure(home: Path, app: str, path: str, environment: Mapping[str, str]) -> float:
    port = free_port()
    command = [home / "bin" / "gunicorn", *THREADS, "--bind", f"127.0.0.1:{port}", "--chdir", HERE, app]
    now = datetime.now(UTC)
    with serving([str(part) for part in command], port, environment=environment):
        before = _requests(STORED, path, port, now - timedelta(days=1))
        insist(load.run("127.0.0.1", port, [before], limit_s=300), len(before), status=202)
        measured = _requests(MEASURED, path, port, now)
        result = load.run("127.0.0.1", port, [measured])
        insist(result, len(measured), status=202)
    return MEASURED / result.seconds


def _requests(count: int, path: str, port: int, start: datetime) -> Sequence[bytes]:
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Accept": MEDIA_TYPE,
        "Authorization": f"Basic {b64encode(b'bench:bench').decode()}" if path.startswith("/api/") else "",
    }
    headers = {name: value for name, value in headers.items() if value}
    objects = [_object(start + timedelta(milliseconds=number)) for number in range(count)]
    bodies = (json.dumps({"objects": objects[at : at + BATCH]}).encode() for at in range(0, count, BATCH))
    return [load.request("127.0.0.1", port, path, body, headers) for body in bodies]


def _object(at: datetime) -> dict[str, str]:
    """An indicator of about the size of a statement."""
    moment = at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid4()}",
        "created": moment,
        "modified": moment,
        "valid_from": moment,
        "name": "benchmark",
        "pattern": "[file:name = 'benchmark']",
        "pattern_type": "stix",
        "description": "x" * 1100,
    }


def _home(name: str) -> Path:
    """Return the server's virtual environment, made when it is first asked for."""
    home, wanted = HOMES / name, (HERE / f"{name}.txt").read_text()
    stamp = home / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return home
    print(f"installing {name} …", file=sys.stderr, flush=True)
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, with_pip=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    command = [*pip, "--requirement", str(HERE / f"{name}.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotInstalledError(done.stderr)
    stamp.write_text(wanted)
    return home


def _opentaxii(folder: str) -> dict[str, object]:
    store = {"db_connection": f"sqlite:///{folder}/data.db", "create_tables": True}
    login = {"db_connection": f"sqlite:///{folder}/auth.db", "create_tables": True, "secret": "benchmark"}
    return {
        "domain": "127.0.0.1",
        "auth_api": {"class": "opentaxii.auth.sqldb.SQLDatabaseAPI", "parameters": login},
        "taxii1": None,
        "taxii2": {
            "title": "benchmark",
            "description": "benchmark",
            "contact": "benchmark",
            "public_discovery": True,
            "max_content_length": 100_000_000,
            "persistence_api": {
                "class": "opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI",
                "parameters": store,
            },
        },
        "logging": {"opentaxii": "error", "root": "error"},
    }


_MEDALLION = {
    "/discovery": {
        "title": "benchmark",
        "description": "benchmark",
        "contact": "benchmark",
        "default": "/api/",
        "api_roots": ["/api/"],
    },
    "api": {
        "information": {
            "title": "benchmark",
            "description": "benchmark",
            "versions": [MEDIA_TYPE],
            "max_content_length": 100_000_000,
        },
        "status": [],
        "collections": [
            {
                "id": COLLECTION,
                "title": "benchmark",
                "description": "benchmark",
                "can_read": True,
                "can_write": True,
                "media_types": ["application/stix+json;version=2.1"],
                "objects": [],
                "manifest": [],
            }
        ],
    },
}
