"""A provider's source, where users grant."""

from pathlib import Path

import pytest

from sidecar.errors import ConsentRequired, Refusal
from sidecar.oauth.credential import Personal, Source
from sidecar.oauth.granted import Granted
from tests.oauth.granting import ALICE, BOB, READ, asking, stage


async def test_it_gives_what_the_broker_has_and_asks_where_that_is_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        source: Source = Granted(one.broker)
        assert (source.fills, source.parameter) == (frozenset({b"authorization"}), b"")
        assert source.ready(asking(READ)) is None
        with pytest.raises(ConsentRequired):
            await source.obtain(asking(READ))
        await one.grant(READ)
        credential = await source.obtain(asking(READ))
        assert source.ready(asking(READ)) is credential
        assert isinstance(source, Personal)
        assert source.forget(lambda principal: principal == BOB.id) == 0
        assert source.forget(lambda principal: principal == ALICE.id) == 1
        assert source.ready(asking(READ)) is None
        await source.obtain(asking(READ))
        source.close()
        assert source.ready(asking(READ)) is None
        with pytest.raises(Refusal, match="its configuration has changed"):
            await source.obtain(asking(READ))
