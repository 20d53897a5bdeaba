"""Sealed rows in one SQLite file: for a sidecar of its own.

The standard library's driver, in one thread that all calls go through in order: what asyncio drivers for SQLite do too.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from sidecar.vault.store import KeyGone, Row, Unavailable, Unusable, Wrapped

_PAGE = 500
_GET = "SELECT id, owner, version, key, sealed FROM grants WHERE id = ?"
_OF = "SELECT id, owner, version, key, sealed FROM grants WHERE owner = ?"
_AFTER = "SELECT id, owner, version, key, sealed FROM grants WHERE id > ? ORDER BY id LIMIT ?"
_PUT = "REPLACE INTO grants (id, owner, version, key, sealed) VALUES (?, ?, ?, ?, ?)"
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what was answered is on the disk
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA busy_timeout = 5000",
)
MIGRATIONS = (
    """
    CREATE TABLE keys (id BLOB PRIMARY KEY, purpose TEXT NOT NULL, made INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE wrappings (
        key BLOB NOT NULL REFERENCES keys (id) ON DELETE CASCADE, wrapper TEXT NOT NULL, wrapped BLOB NOT NULL,
        PRIMARY KEY (key, wrapper)
    ) WITHOUT ROWID;
    CREATE TABLE grants (
        id BLOB PRIMARY KEY, owner BLOB NOT NULL, version INTEGER NOT NULL,
        key BLOB NOT NULL REFERENCES keys (id) ON DELETE RESTRICT, sealed BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX grants_owner ON grants (owner);
    CREATE INDEX grants_key ON grants (key);
    """,
)
"""Each brings the file from the version of its index to the next; none is ever changed."""

T = TypeVar("T")


class SqliteStore:
    def __init__(self, path: Path) -> None:
        """Nothing is opened before it is needed."""
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vault")
        self._connection: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    async def get(self, row_id: bytes) -> Row | None:
        rows = await self._run(lambda db: db.execute(_GET, (row_id,)).fetchall())
        return Row(*rows[0]) if rows else None

    async def swap(self, row_id: bytes, old: int | None, new: Row | None) -> bool:
        return await self._run(lambda db: _swap(db, row_id, old, new))

    async def of(self, owner: bytes) -> Sequence[Row]:
        return [Row(*row) for row in await self._run(lambda db: db.execute(_OF, (owner,)).fetchall())]

    async def all(self) -> AsyncIterator[Row]:
        after = b""
        while True:
            page = await self._run(partial(_page, after=after))
            for row in page:
                yield Row(*row)
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    async def left(self, key: bytes) -> int:
        count = "SELECT count(*) FROM grants WHERE key <> ?"
        return int((await self._run(lambda db: db.execute(count, (key,)).fetchone()))[0])

    @asynccontextmanager
    async def locked(self, row_id: bytes) -> AsyncIterator[None]:
        lock = self._locks.setdefault(row_id, asyncio.Lock())  # the file is this process's alone
        async with lock:
            yield

    async def keys(self) -> Sequence[Wrapped]:
        select = "SELECT id, purpose, made, wrapper, wrapped FROM keys JOIN wrappings ON key = id"
        return [Wrapped(*row) for row in await self._run(lambda db: db.execute(select).fetchall())]

    async def add_keys(self, keys: Sequence[Wrapped], *, first: bool = False) -> bool:
        return await self._run(lambda db: _add_keys(db, keys, first=first))

    async def drop_key(self, key_id: bytes, wrapper: str | None = None) -> bool:
        return await self._run(lambda db: _drop_key(db, key_id, wrapper))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with _foreign(self._path):
            if self._connection is None:
                self._connection = self._opened()
            return work(self._connection)

    def _opened(self) -> sqlite3.Connection:
        """Raise ``Unusable``."""
        self._alone()
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        if self._path.stat().st_mode & 0o077:
            raise Unusable(f"{self._path} can be read by others; run  chmod 600 {self._path}")
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            _migrate(connection, self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _alone(self) -> None:
        """Raise ``Unusable`` where another process has the file: it would refresh what we refresh."""
        if self._lock is not None:
            return
        lock = os.open(f"{self._path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise Unusable(
                f"another sidecar uses {self._path}\n"
                "    stop it, or set another vault.url; several sidecars share a vault in PostgreSQL"
            ) from error
        self._lock = lock


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    known = int(db.execute("PRAGMA user_version").fetchone()[0])
    if known > len(MIGRATIONS):
        raise Unusable(f"{path} was written by a newer sidecar\n    run that one, or restore an older copy")
    for version in range(known, len(MIGRATIONS)):
        db.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[version]} PRAGMA user_version = {version + 1}; COMMIT;")


def _page(db: sqlite3.Connection, after: bytes) -> list[tuple[bytes, bytes, int, bytes, bytes]]:
    return db.execute(_AFTER, (after, _PAGE)).fetchall()


def _swap(db: sqlite3.Connection, row_id: bytes, old: int | None, new: Row | None) -> bool:
    with _transaction(db):
        row = db.execute("SELECT version FROM grants WHERE id = ?", (row_id,)).fetchone()
        if (row[0] if row else None) != old:
            return False
        if new is None:
            db.execute("DELETE FROM grants WHERE id = ?", (row_id,))
        else:
            values = (new.id, new.owner, new.version, new.key, new.sealed)
            db.execute(_PUT, values)
    return True


def _add_keys(db: sqlite3.Connection, keys: Sequence[Wrapped], *, first: bool) -> bool:
    with _transaction(db):
        if first and db.execute("SELECT 1 FROM keys").fetchone():
            return False
        for key in keys:
            db.execute("INSERT OR IGNORE INTO keys VALUES (?, ?, ?)", (key.id, key.purpose, key.made))
            db.execute("INSERT OR IGNORE INTO wrappings VALUES (?, ?, ?)", (key.id, key.wrapper, key.wrapped))
    return True


def _drop_key(db: sqlite3.Connection, key_id: bytes, wrapper: str | None) -> bool:
    try:
        with _transaction(db):
            if wrapper is not None:
                db.execute("DELETE FROM wrappings WHERE key = ? AND wrapper = ?", (key_id, wrapper))
            if wrapper is None or not db.execute("SELECT 1 FROM wrappings WHERE key = ?", (key_id,)).fetchone():
                db.execute("DELETE FROM keys WHERE id = ?", (key_id,))
    except sqlite3.IntegrityError:
        return False
    return True


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def _foreign(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise KeyGone(str(error)) from error
    except (sqlite3.OperationalError, OSError) as error:
        raise Unavailable(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Unusable(f"{path} is no vault, or is damaged: {error}\n    restore it from a copy") from error
