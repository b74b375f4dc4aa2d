"""Write a migration from the difference between the tables in the code and the newest schema.

    make migration m="add patrols"

Read what it wrote before you commit it: CHECK constraints on existing tables are not noticed.
"""

import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from ecolink.storage.engine import connect
from ecolink.storage.schema import migrations, upgrade

LONGEST = 32
"""Characters of a revision's name in Alembic's own table; SQLite would let a longer one pass."""


def main(name: str) -> None:
    """Write the migration called `name`."""
    with tempfile.TemporaryDirectory() as folder:
        engine = connect(f"sqlite:///{folder}/empty.db")
        try:
            upgrade(engine)
        except CommandError as fault:
            sys.exit(str(fault))
        config = Config()
        config.set_main_option("script_location", str(migrations()))
        config.set_main_option("file_template", "%%(rev)s")
        slug = re.sub(r"\W+", "_", name.lower()).strip("_")
        revision = f"{datetime.now(UTC):%Y%m%d}_{slug}"
        if len(revision) > LONGEST:
            sys.exit(f"{revision} has {len(revision)} characters; PostgreSQL keeps {LONGEST}: say it in fewer words")
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            written = command.revision(config, name.capitalize(), autogenerate=True, rev_id=revision)
        engine.dispose()
        print(Path(written.path).relative_to(Path.cwd()))  # type: ignore[union-attr]


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or sys.exit("say what it does: make migration m='add patrols'"))
