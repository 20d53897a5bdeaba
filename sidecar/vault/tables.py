"""The vault's tables in PostgreSQL, and how they became what they are."""

from typing import Any

from sidecar.vault.store import Unusable

LOCK = 0x5349_4445_4341_5200
"""The advisory lock under which tables, and the first keys, are made."""
MIGRATIONS = (
    """
    CREATE TABLE sidecar_keys (id bytea PRIMARY KEY, purpose text NOT NULL, made bigint NOT NULL);
    CREATE TABLE sidecar_wrappings (
        key bytea NOT NULL REFERENCES sidecar_keys (id) ON DELETE CASCADE, wrapper text NOT NULL,
        wrapped bytea NOT NULL, PRIMARY KEY (key, wrapper)
    );
    CREATE TABLE sidecar_grants (
        id bytea PRIMARY KEY, owner bytea NOT NULL, version bigint NOT NULL,
        key bytea NOT NULL REFERENCES sidecar_keys (id) ON DELETE RESTRICT, sealed bytea NOT NULL
    );
    CREATE INDEX sidecar_grants_owner ON sidecar_grants (owner);
    CREATE INDEX sidecar_grants_key ON sidecar_grants (key);
    """,
)
"""Each brings the tables from the version of its index to the next; none is ever changed."""
_VERSION = "SELECT max(version) FROM sidecar_migrations"


async def migrate(db: Any) -> None:
    """By the asyncpg connection *db*. Raise ``Unusable``."""
    made = await db.fetchval("SELECT to_regclass('sidecar_migrations')") is not None
    if made and _known(await db.fetchval(_VERSION)) == len(MIGRATIONS):
        return  # so that a user who may not make tables can use them
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await db.execute("CREATE TABLE IF NOT EXISTS sidecar_migrations (version bigint PRIMARY KEY)")
        known = _known(await db.fetchval(_VERSION))
        for version in range(known, len(MIGRATIONS)):
            await db.execute(MIGRATIONS[version])
            await db.execute("INSERT INTO sidecar_migrations VALUES ($1)", version + 1)


def _known(version: int | None) -> int:
    """Raise ``Unusable``."""
    if (version or 0) > len(MIGRATIONS):
        raise Unusable("the vault's tables were made by a newer sidecar\n    run that one")
    return version or 0
