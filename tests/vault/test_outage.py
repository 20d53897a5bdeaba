import logging

import pytest

from sidecar.errors import VaultUnavailable
from sidecar.vault.outage import Outage
from sidecar.vault.store import Unavailable, Unusable


@pytest.mark.parametrize("error", [Unavailable("no answer"), Unusable("another key")])
def test_a_store_that_is_away_is_refused_and_said_once(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outage = Outage()
    for _ in range(3):
        with pytest.raises(VaultUnavailable, match=str(error)) as raised, outage.refused():
            raise error
        assert raised.value.retry_after == 1
    for _ in range(3):
        with outage.refused():
            pass

    assert caplog.messages == [f"the vault is not available: {error}", "the vault is available again"]
