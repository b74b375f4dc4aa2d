"""OpenTAXII under gunicorn; run as a program, it makes one open collection and prints the two names in its address."""

import json
from functools import partial
from types import SimpleNamespace

from opentaxii.taxii2 import http

# 0.9.3 answers every upload with 500 after keeping it, because a job's id is a UUID, which JSON does not know.
http.json = SimpleNamespace(dumps=partial(json.dumps, default=str))

from opentaxii.http import app, server  # noqa: E402 - it is mended first

if __name__ == "__main__":
    with app.app_context():
        store = server.servers.taxii2.persistence.api
        root = store.add_api_root(title="benchmark", description="", default=True)
        collection = store.add_collection(
            api_root_id=str(root.id),
            title="benchmark",
            description="",
            alias=None,
            is_public=True,
            is_public_write=True,
        )
        print(root.id, collection.id)
