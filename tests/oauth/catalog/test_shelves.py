"""Box, Dropbox, Spotify."""

import pytest

from sidecar.oauth.catalog import entry
from sidecar.oauth.provider import Provider


@pytest.mark.parametrize(("type", "rotates"), [("box", True), ("dropbox", False), ("spotify", False)])
def test_which_refresh_tokens_are_spent_by_use(type: str, rotates: bool) -> None:  # noqa: A002 - a table's
    assert entry(Provider("one", type, "principal", client_id="c")).renewal.rotates is rotates


def test_dropbox_gives_a_refresh_token_for_offline_access_alone() -> None:
    one = entry(Provider("one", "dropbox", "principal", client_id="c"))
    assert one.parameters["token_access_type"] == "offline"
    assert one.revocation is not None
    assert one.revocation.proof == "bearer"
