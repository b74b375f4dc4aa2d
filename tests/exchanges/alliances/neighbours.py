"""Shouning's peers as rows in its table, and people who act, for tests that need no second node."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from ecolink.audit.access import AccessLog
from ecolink.federation.models import PeerRow
from ecolink.federation.peers import Peers, PeerState
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.storage.engine import Database

SHOUNING, QINGYUAN, JINGNING = "350924000000", "331126000000", "331127000000"
TAISHUN, ZHENGHE, SONGXI = "330329000000", "350725000000", "350724000000"
NAMES = {QINGYUAN: "庆元", JINGNING: "景宁", TAISHUN: "泰顺", ZHENGHE: "政和", SONGXI: "松溪"}
MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CHIEF = Principal(id="u-1", username="lin.guodong", name="林国栋", roles=frozenset({Role.CHIEF}))


class NoLog:
    """Stands where the evidence log stands; keeps nothing."""

    def append(self, session: Session, kind: str, digest: str, ref: str) -> None:
        """Pass over a leaf."""


def hooked_access(database: Database) -> AccessLog:
    access = AccessLog(NoLog().append)
    database.before_commit(access.flush)
    return access


def peers_of_shouning() -> Peers:
    return Peers(us=SHOUNING, log=NoLog())  # type: ignore[arg-type]


def add_peer(session: Session, unit_code: str, state: PeerState = PeerState.ACTIVE) -> None:
    session.add(
        PeerRow(
            unit_code=unit_code,
            name_zh=f"{NAMES[unit_code]}县公安局",
            name_en=f"Bureau {unit_code}",
            region=unit_code[:6],
            federation_url="https://peer.invalid",
            duty_phone="0578-0000002",
            state=state,
            fingerprint="",
            card=b"",
            manifest_version=1,
            manifest_digest="0" * 64,
            imported_at=MORNING,
        )
    )
    session.flush()
