from pathlib import Path

from sqlalchemy.engine import make_url

from tests.support.unsynced import synced_sqlite


def test_what_sqlite_has_committed_is_on_the_disk(tmp_path: Path) -> None:
    engine = synced_sqlite(make_url(f"sqlite:///{tmp_path / 'node.db'}"))
    with engine.connect() as connection:
        full = 2
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == full
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    engine.dispose()
