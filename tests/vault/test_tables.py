import asyncio
from uuid import uuid4

import pytest

from sidecar.secret import Secret
from sidecar.vault.postgres import PostgresStore
from sidecar.vault.store import Unavailable, Unusable
from tests.database import Database
from tests.vault.store_contract import KEY


async def test_many_sidecars_make_the_tables_once(url: Secret) -> None:
    stores = [PostgresStore(url) for _ in range(6)]
    won = await asyncio.gather(*(store.add_keys([KEY], first=True) for store in stores))

    assert sum(won) == 1
    assert [list(await store.keys()) for store in stores] == [[KEY]] * 6
    for store in stores:
        await store.close()


async def test_a_vault_of_a_newer_sidecar_is_refused(url: Secret) -> None:
    store = PostgresStore(url)
    await store._run(lambda db: db.execute("INSERT INTO sidecar_migrations VALUES (99)"))
    await store.close()

    with pytest.raises(Unusable, match="newer sidecar"):
        await store.keys()
    await store.close()


async def test_who_may_not_make_tables_uses_those_that_are_there(database: Database, url: Secret) -> None:
    name, schema = f"u{uuid4().hex}", url.reveal().rpartition("=")[2]
    database.sql(f"CREATE USER {name}; GRANT USAGE ON SCHEMA {schema} TO {name}")
    theirs = PostgresStore(Secret(url.reveal().replace("postgres@", f"{name}@")))
    with pytest.raises(Unusable, match="permission denied"):
        await theirs.keys()
    ours = PostgresStore(url)
    await ours.add_keys([KEY])
    database.sql(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {name}")

    assert await theirs.keys() == [KEY]
    await theirs.close()
    await ours.close()


async def test_tables_that_are_half_there_are_no_half_vault(database: Database, url: Secret) -> None:
    schema = url.reveal().rpartition("=")[2]
    database.sql(f"CREATE TABLE {schema}.sidecar_grants (id int)")
    store = PostgresStore(url)
    with pytest.raises(Unavailable, match="already exists"):
        await store.keys()
    assert database.sql(f"SELECT to_regclass('{schema}.sidecar_keys')") == "\n"
    await store.close()
