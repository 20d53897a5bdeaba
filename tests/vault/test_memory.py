from collections.abc import AsyncIterator

import pytest

from sidecar.vault.memory import MemoryStore
from sidecar.vault.store import Store
from tests.vault.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[Store]:
        store = MemoryStore()
        yield store
        await store.close()
