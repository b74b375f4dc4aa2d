"""medallion under gunicorn, configured as its own command does it, with the backend in memory that it ships."""

import os

from medallion import application_instance as app
from medallion import register_blueprints, set_config

SETTINGS = {
    "backend": {
        "module": "medallion.backends.memory_backend",
        "module_class": "MemoryBackend",
        "filename": os.environ["MEDALLION_DATA"],
    },
    "users": {"bench": "bench"},
    "taxii": {"max_page_size": 100},
}
for name in ("users", "taxii", "backend"):
    set_config(app, name, SETTINGS)
register_blueprints(app)
