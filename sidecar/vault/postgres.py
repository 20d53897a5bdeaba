"""Sealed rows in PostgreSQL: for fleets of sidecars that share a vault.

A lock on a row is an advisory lock inside a transaction, so it ends with its connection, and works behind poolers that
hand out connections by the transaction. The version decides; the lock keeps others from asking a provider in vain.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sidecar.secret import Secret
from sidecar.vault import tables
from sidecar.vault.store import KeyGone, Row, Unavailable, Unusable, Wrapped

if TYPE_CHECKING:
    import asyncpg

CONNECTIONS, LOCKS = 4, 8
"""At most, of each sidecar: for its queries, and for as many refreshes at the same time."""
CONNECT_SECONDS, COMMAND_SECONDS = 3.0, 5.0
LOCK_SECONDS = 30
"""How long a refresh waits for another sidecar's."""
_IDLE_SECONDS = 60.0
_PAGE = 500

_GET = "SELECT id, owner, version, key, sealed FROM sidecar_grants WHERE id = $1"
_OF = "SELECT id, owner, version, key, sealed FROM sidecar_grants WHERE owner = $1"
_AFTER = "SELECT id, owner, version, key, sealed FROM sidecar_grants WHERE id > $1 ORDER BY id LIMIT $2"
_INSERT = (
    "INSERT INTO sidecar_grants (id, owner, version, key, sealed) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
)
_UPDATE = "UPDATE sidecar_grants SET owner = $2, version = $3, key = $4, sealed = $5 WHERE id = $1 AND version = $6"
_DELETE = "DELETE FROM sidecar_grants WHERE id = $1 AND version = $2"

_NO_URL = "vault.url is no URL of PostgreSQL\n    write  postgresql://user:password@host/database"

T = TypeVar("T")


class PostgresStore:
    def __init__(self, url: Secret, *, lock_seconds: int = LOCK_SECONDS) -> None:
        """Nobody is called before it is needed."""
        self._url, self._lock_seconds = url, lock_seconds
        self._opening = asyncio.Lock()
        self._pools: tuple[asyncpg.Pool, asyncpg.Pool] | None = None

    async def get(self, row_id: bytes) -> Row | None:
        row = await self._run(lambda db: db.fetchrow(_GET, row_id))
        return Row(*row) if row else None

    async def swap(self, row_id: bytes, old: int | None, new: Row | None) -> bool:
        """A row that was swapped by a connection that then broke is ``False``, too: who reads it finds it."""
        if new is None:
            if old is None:
                return await self.get(row_id) is None
            return await self._changes(_DELETE, row_id, old)
        values = (new.id, new.owner, new.version, new.key, new.sealed)
        if old is None:
            return await self._changes(_INSERT, *values)
        return await self._changes(_UPDATE, *values, old)

    async def of(self, owner: bytes) -> Sequence[Row]:
        return [Row(*row) for row in await self._run(lambda db: db.fetch(_OF, owner))]

    async def all(self) -> AsyncIterator[Row]:
        after = b""
        while True:
            page = await self._page(after)
            for row in page:
                yield row
            if len(page) < _PAGE:
                return
            after = page[-1].id

    async def _page(self, after: bytes) -> list[Row]:
        return [Row(*row) for row in await self._run(lambda db: db.fetch(_AFTER, after, _PAGE))]

    async def left(self, key: bytes) -> int:
        count = "SELECT count(*) FROM sidecar_grants WHERE key <> $1"
        return int(await self._run(lambda db: db.fetchval(count, key)))

    @asynccontextmanager
    async def locked(self, row_id: bytes) -> AsyncIterator[None]:
        _, locks = await self._opened()
        lock = int.from_bytes(row_id[:8], "big", signed=True)
        with _foreign():
            connection = await locks.acquire(timeout=self._lock_seconds)
        try:
            with _foreign():
                await connection.execute("BEGIN")
                await connection.execute(f"SET LOCAL lock_timeout = '{self._lock_seconds}s'")
                await connection.execute("SELECT pg_advisory_xact_lock($1)", lock, timeout=self._lock_seconds + 1)
            yield
        finally:
            await _let_go(locks, connection)

    async def keys(self) -> Sequence[Wrapped]:
        select = "SELECT id, purpose, made, wrapper, wrapped FROM sidecar_keys JOIN sidecar_wrappings ON key = id"
        return [Wrapped(*row) for row in await self._run(lambda db: db.fetch(select))]

    async def add_keys(self, keys: Sequence[Wrapped], *, first: bool = False) -> bool:
        return await self._run(lambda db: _add_keys(db, keys, first=first))

    async def drop_key(self, key_id: bytes, wrapper: str | None = None) -> bool:
        try:
            await self._run(lambda db: _drop_key(db, key_id, wrapper))
        except KeyGone:
            return False
        return True

    async def close(self) -> None:
        async with self._opening:
            pools, self._pools = self._pools, None
            for pool in pools or ():
                pool.terminate()

    async def _changes(self, statement: str, *values: object) -> bool:
        """Whether *statement* changes a row: PostgreSQL says how many, last."""
        said = str(await self._run(lambda db: db.execute(statement, *values)))
        return said.endswith(" 1")

    async def _run(self, work: "Callable[[Any], Awaitable[T]]") -> T:
        """Once more on a new connection, where the first turns out to be broken: a database that was away has left
        such ones behind."""
        queries, _ = await self._opened()
        with _foreign():
            try:
                return await _on(queries, work)
            except TimeoutError:
                raise
            except _broken():
                await queries.expire_connections()
            return await _on(queries, work)

    async def _opened(self) -> "tuple[asyncpg.Pool, asyncpg.Pool]":
        if self._pools is None:
            async with self._opening:
                if self._pools is None:
                    with _foreign():
                        self._pools = await self._connected()
        return self._pools

    async def _connected(self) -> "tuple[asyncpg.Pool, asyncpg.Pool]":
        import asyncpg

        def pool(most: int) -> "asyncpg.Pool":
            return asyncpg.create_pool(
                self._url.reveal(),
                min_size=0,
                max_size=most,
                timeout=CONNECT_SECONDS,
                command_timeout=COMMAND_SECONDS,
                max_inactive_connection_lifetime=_IDLE_SECONDS,
            )

        queries, locks = await pool(CONNECTIONS), await pool(LOCKS)
        try:
            await _on(queries, tables.migrate)
        except ValueError:  # the URL is read now; what asyncpg says quotes it
            raise Unusable(_NO_URL) from None
        except BaseException:
            queries.terminate()
            locks.terminate()
            raise
        return queries, locks


async def _on(pool: "asyncpg.Pool", work: "Callable[[Any], Awaitable[T]]") -> T:
    async with pool.acquire(timeout=COMMAND_SECONDS) as connection:
        return await work(connection)


async def _let_go(pool: "asyncpg.Pool", connection: Any) -> None:
    """Whatever is wrong with it, the lock is gone with the connection."""
    try:
        await connection.execute("ROLLBACK")
    except BaseException as error:
        with suppress(*_broken()):
            connection.terminate()
        if not isinstance(error, _broken()):
            raise
    finally:
        await pool.release(connection)


async def _add_keys(db: Any, keys: Sequence[Wrapped], *, first: bool) -> bool:
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", tables.LOCK)
        if first and await db.fetchval("SELECT 1 FROM sidecar_keys LIMIT 1"):
            return False
        for key in keys:
            known = "INSERT INTO sidecar_keys VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
            await db.execute(known, key.id, key.purpose, key.made)
            wrapping = "INSERT INTO sidecar_wrappings VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
            await db.execute(wrapping, key.id, key.wrapper, key.wrapped)
    return True


async def _drop_key(db: Any, key_id: bytes, wrapper: str | None) -> None:
    async with db.transaction():
        if wrapper is not None:
            await db.execute("DELETE FROM sidecar_wrappings WHERE key = $1 AND wrapper = $2", key_id, wrapper)
            if await db.fetchval("SELECT 1 FROM sidecar_wrappings WHERE key = $1 LIMIT 1", key_id):
                return
        await db.execute("DELETE FROM sidecar_keys WHERE id = $1", key_id)


def _broken() -> tuple[type[Exception], ...]:
    """What an asyncpg connection raises that is good for nothing any more."""
    from asyncpg import InterfaceError, InternalClientError, PostgresConnectionError
    from asyncpg.exceptions import AdminShutdownError, CrashShutdownError, IdleInTransactionSessionTimeoutError

    ended = (AdminShutdownError, CrashShutdownError, IdleInTransactionSessionTimeoutError)
    return PostgresConnectionError, InterfaceError, InternalClientError, OSError, *ended


@contextmanager
def _foreign() -> Iterator[None]:
    """asyncpg's errors as ours. None of PostgreSQL's messages holds a password."""
    import asyncpg
    from asyncpg import exceptions

    try:
        yield
    except asyncpg.ForeignKeyViolationError as error:
        raise KeyGone("the data key is gone, or is in use") from error
    except (
        exceptions.InvalidAuthorizationSpecificationError,  # InvalidPasswordError is one
        exceptions.InvalidCatalogNameError,
        exceptions.InvalidSchemaNameError,
        exceptions.InsufficientPrivilegeError,
    ) as error:
        raise Unusable(
            f"PostgreSQL doesn't let the sidecar use the vault: {error}\n"
            "    check the user, the password and the database of vault.url, and the user's rights"
        ) from error
    except asyncpg.PostgresError as error:
        raise Unavailable(f"PostgreSQL: {error}") from error
    except _broken() as error:
        raise Unavailable(f"PostgreSQL: {str(error) or type(error).__name__}") from error
