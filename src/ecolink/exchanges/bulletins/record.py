"""The bulletins' rows: found, locked, and written anew from the fold."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session, make_transient_to_detached

from ecolink.errors import IllegalMoveError, NotFoundError, UnavailableError
from ecolink.exchanges.bulletins.models import (
    FOR_EVER,
    Bulletin,
    BulletinDraft,
    BulletinRecipient,
    BulletinSubject,
)
from ecolink.exchanges.bulletins.reading import Thread, ThreadReader
from ecolink.exchanges.bulletins.rules.matter import Holder, Matter, Move
from ecolink.exchanges.bulletins.rules.tables import TABLE, Side, State
from ecolink.federation.statements import Stored
from ecolink.kit.ids import new_id
from ecolink.protocol.kinds.bulletins import BulletinContent
from ecolink.protocol.statement import Statement
from ecolink.search.index import SearchIndex
from ecolink.storage.base import table_of
from ecolink.storage.queries import Query
from ecolink.storage.upsert import insert_new

KIND = "bulletin"
"""What the search index calls them."""

_BULLETINS = table_of(Bulletin).c
# Built once: they are asked for every statement that comes in.
_LOCKED = (
    select(Bulletin)
    .where(Bulletin.thread == bindparam("thread"), Bulletin.author == bindparam("author"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_KNOWN = Query(
    select(_BULLETINS.id).where(_BULLETINS.thread == bindparam("thread"), _BULLETINS.author == bindparam("author"))
)
_COLUMNS = table_of(Bulletin).c.keys()
_TOLD = table_of(BulletinRecipient).c
_ANSWERS = ("via", "read_at", "uses", "feedback", "outstanding")
_RECIPIENTS = Query(
    select(_TOLD.unit_code, *(_TOLD[name] for name in _ANSWERS)).where(_TOLD.bulletin_id == bindparam("bulletin"))
)
_OF_RECIPIENT = (_TOLD.bulletin_id == bindparam("bulletin"), _TOLD.unit_code == bindparam("unit"))
_ANSWERED = Query(update(table_of(BulletinRecipient)).where(*_OF_RECIPIENT))
_NOT_TOLD = Query(delete(table_of(BulletinRecipient)).where(*_OF_RECIPIENT))
_NO_SUBJECTS = Query(
    delete(table_of(BulletinSubject)).where(table_of(BulletinSubject).c.bulletin_id == bindparam("bulletin"))
)


@dataclass(frozen=True)
class Dossier:
    """One bulletin with all this node holds of it."""

    row: Bulletin
    thread: Thread
    matter: Matter
    draft: BulletinDraft | None

    @property
    def is_ours(self) -> bool:
        """Tell whether we wrote it."""
        return self.row.direction == "out"

    @property
    def is_unread(self) -> bool:
        """Tell whether it was told to us, stands, and nobody here has opened it."""
        return not self.is_ours and self.row.opened_at is None and self.state is not State.RECALLED

    @property
    def state(self) -> State:
        """Where it stands."""
        return State(self.row.state)

    @property
    def moves(self) -> tuple[str, ...]:
        """The moves open to us now."""
        side = Side.AUTHOR if self.is_ours else Side.HOLDER
        return TABLE.moves(self.row.state, side)

    def refuse_unless_open(self, move: str) -> None:
        """Return if `move` is one of ours to make now.

        Raises:
            IllegalMoveError: it is not.

        """
        if move not in self.moves:
            raise IllegalMoveError(
                f"In the state {self.row.state} this cannot be done here: {move}.",
                f"当前状态（{self.row.state}）不允许此操作：{move}。",
            )

    def current(self) -> Statement:
        """Return the statement of the version that stands, or stood when it was recalled.

        Raises:
            IllegalMoveError: nothing was told yet, or it was recalled before it came.

        """
        if self.matter.current is None:
            raise IllegalMoveError("Nothing was told yet.", "该通报尚无内容。")
        return self.thread.statement(self.matter.current.digest)

    def root(self) -> Statement:
        """Return a statement of the author that carries the terms: the version that stands, or the recall.

        Raises:
            IllegalMoveError: nothing was told yet.

        """
        if self.matter.current is None and self.matter.recall is not None:
            return self.thread.statement(self.matter.recall.digest)
        return self.current()


@dataclass(frozen=True, repr=False)
class Record:
    """Keeps the rows true to what the threads say."""

    us: str
    reader: ThreadReader
    search: SearchIndex

    def view(self, session: Session, bulletin_id: str) -> Dossier:
        """Return one bulletin for reading.

        Raises:
            NotFoundError: there is no such bulletin.

        """
        row = session.get(Bulletin, bulletin_id)
        if row is None:
            raise NotFoundError
        return self._dossier(session, row)

    def open(self, session: Session, bulletin_id: str) -> Dossier:
        """Return one bulletin for changing; nobody else changes it until the transaction ends.

        Raises:
            NotFoundError: there is no such bulletin.

        """
        row = session.get(Bulletin, bulletin_id, with_for_update=True, populate_existing=True)
        if row is None:
            raise NotFoundError
        return self._dossier(session, row)

    def receive(self, session: Session, stored: Stored, move: Move, author: str) -> Dossier | None:
        """Return the bulletin an incoming statement speaks of, for changing; a peer's that is new has no row yet.

        None when it speaks of one of ours that does not exist.
        """
        row = self._locked(session, stored.statement.thread, author)
        if row is None and author != self.us:
            row = self._begun(stored, author)
        return None if row is None else self._dossier(session, row, (stored, move))

    def take_back(self, session: Session, stored: Stored, move: Move, author: str, *, begins: bool) -> Dossier | None:
        """Return the bulletin a returned statement of ours speaks of; one of ours begins if it `begins` with it."""
        row = self._locked(session, stored.statement.thread, author)
        if row is None and begins and author == self.us:
            row = self._begun(stored, author)
        return None if row is None else self._dossier(session, row, (stored, move))

    def drop_draft(self, session: Session, dossier: Dossier) -> None:
        """Delete what was a draft when the backup was made, and was told since."""
        if dossier.draft is not None:
            session.delete(dossier.draft)
            session.flush()

    def of_thread(self, session: Session, thread: str) -> list[Bulletin]:
        """Return every bulletin opened under a thread id, locked: one, unless another bureau took the same id."""
        rows = select(Bulletin).where(Bulletin.thread == thread).order_by(Bulletin.id).with_for_update()
        return list(session.scalars(rows.execution_options(populate_existing=True)))

    def titles(self, session: Session, threads: Collection[str]) -> dict[str, str]:
        """Return the titles of the bulletins of these threads, as far as they are known and may be shown here."""
        known = select(Bulletin.thread, Bulletin.title).where(Bulletin.thread.in_(threads), Bulletin.title.is_not(None))
        return {thread: title or "" for thread, title in session.execute(known)} if threads else {}

    def renew(self, session: Session, row: Bulletin, now: datetime) -> Dossier:
        """Read the thread again and write the row from it."""
        session.flush()
        dossier = self._dossier(session, row)
        self.write(session, dossier, now)
        return dossier

    def write(self, session: Session, dossier: Dossier, now: datetime) -> None:
        """Write the row from what was read, unless nothing was told yet.

        Raises:
            UnavailableError: another worker has just written this row for the first time.

        """
        row, matter = dossier.row, dossier.matter
        if matter.state is None:
            return
        told = matter.versions[0] if matter.versions else matter.recall
        row.state = matter.state.value
        row.told_at = told.at if told else row.told_at
        row.updated_at = now
        row.holders = len(matter.holders)
        row.readers = sum(holder.read is not None for holder in matter.holders.values())
        row.outstanding = sum(bool(matter.owes(unit)) for unit in matter.holders)
        changed = self._write_content(row, matter)
        is_new = row not in session
        if is_new:
            self._insert(session, row)
        self._write_recipients(session, row, matter, is_new=is_new)
        if changed:
            self._write_index(session, row, matter, is_new=is_new)
        session.flush()

    def index_draft(self, session: Session, row: Bulletin, text: BulletinContent) -> None:
        """Have a draft found by what it says so far."""
        _show(row, text)
        self._index(session, row, text)

    def forget(self, session: Session, row: Bulletin) -> None:
        """Delete a bulletin that was never told."""
        self.search.remove(session, KIND, row.id)
        session.delete(row)
        session.flush()

    def _dossier(self, session: Session, row: Bulletin, at_hand: tuple[Stored, Move] | None = None) -> Dossier:
        thread = self.reader.read(session, row.thread, at_hand)
        draft = session.get(BulletinDraft, row.id) if row.direction == "out" else None
        return Dossier(row, thread, thread.fold(row.author), draft)

    def _locked(self, session: Session, thread: str, author: str) -> Bulletin | None:
        of = {"thread": thread, "author": author}
        # Most that come are new: there is nothing to lock, and asking past the mapper costs a quarter.
        return session.scalars(_LOCKED, of).one_or_none() if _KNOWN.first(session, of) else None

    def _begun(self, stored: Stored, author: str) -> Bulletin:
        """Return the row of a bulletin that is new here; `write` inserts it."""
        thread = stored.statement.thread
        return Bulletin(
            id=thread,
            thread=thread,
            author=author,
            direction="out" if author == self.us else "in",
            is_exercise=stored.statement.is_exercise,
            told_at=stored.statement.iat,
            valid_until=FOR_EVER,
            left_out=[],
            version=1,
        )

    def _insert(self, session: Session, row: Bulletin) -> None:
        """Insert a row past the mapper, at a fraction of the cost; the session knows it from then on."""
        if not insert_new(session, Bulletin, [_values(row)]):
            if self._locked(session, row.thread, row.author) is not None:
                raise UnavailableError("Another worker began this bulletin just now.", "该通报正由另一进程写入。")
            row.id = new_id(row.updated_at)  # another bureau's bulletin has the thread's own id
            insert_new(session, Bulletin, [_values(row)])
        make_transient_to_detached(row)
        session.add(row)

    def _write_content(self, row: Bulletin, matter: Matter) -> bool:
        """Show what stands; return whether that is something else than before."""
        current = matter.current
        digest = current.digest if current else None
        recalled_at = matter.recall.at if matter.recall else None
        if (row.current, row.recalled_at) == (digest, recalled_at) and row.kind is not None:
            return False
        row.current, row.recalled_at = digest, recalled_at
        if current is not None and current.content is not None:
            _show(row, current.content)
        if matter.recall is not None and row.direction == "in":
            row.title = row.number = row.grading = None
        return True

    def _write_index(self, session: Session, row: Bulletin, matter: Matter, *, is_new: bool) -> None:
        content = matter.current.content if matter.current else None
        if matter.recall is not None or content is None:
            self.search.remove(session, KIND, row.id)
            _NO_SUBJECTS.run(session, {"bulletin": row.id})
        else:
            self._index(session, row, content, is_new=is_new)

    def _index(self, session: Session, row: Bulletin, text: BulletinContent, *, is_new: bool = False) -> None:
        words = [text.number, text.title, text.body, *text.suggested_actions]
        words += [name for each in text.species for name in (each.name_zh, each.name_latin)]
        self.search.put(session, KIND, row.id, "\n".join(word for word in words if word), is_new=is_new)
        subjects = {("charge", code) for code in text.charges} | {("species", each.name_zh) for each in text.species}
        if not is_new:
            session.flush()
            _NO_SUBJECTS.run(session, {"bulletin": row.id})
        insert_new(
            session,
            BulletinSubject,
            [{"bulletin_id": row.id, "facet": facet, "value": value} for facet, value in sorted(subjects)],
        )

    def _write_recipients(self, session: Session, row: Bulletin, matter: Matter, *, is_new: bool) -> None:
        held = {} if is_new else {unit: said for unit, *said in _RECIPIENTS.all(session, {"bulletin": row.id})}
        told = {unit: _answers(matter, holder) for unit, holder in matter.holders.items()}
        new = [{"bulletin_id": row.id, "unit_code": unit, **told[unit]} for unit in told if unit not in held]
        insert_new(session, BulletinRecipient, new)
        for unit, said in held.items():
            which = {"bulletin": row.id, "unit": unit}
            if unit not in told:
                _NOT_TOLD.run(session, which)
            elif list(told[unit].values()) != said:
                _ANSWERED.run(session, which | told[unit])


def _answers(matter: Matter, holder: Holder) -> dict[str, object]:
    """Return how far a bureau answered, by the columns `_ANSWERS`."""
    return {
        "via": holder.via,
        "read_at": holder.read.at if holder.read else None,
        "uses": len(holder.uses),
        "feedback": len(holder.feedback),
        "outstanding": len(matter.owes(holder.unit_code)),
    }


def _values(row: Bulletin) -> dict[str, object]:
    return {name: getattr(row, name) for name in _COLUMNS}


def _show(row: Bulletin, text: BulletinContent) -> None:
    """Put what lists show and sort by into the row."""
    row.kind, row.title, row.number = text.kind.value, text.title, text.number
    row.grading = str(text.grading)
    row.valid_until = text.valid_until or FOR_EVER
