"""Nothing is kept that its owner hasn't agreed to, whoever tries what."""

import pytest

from sidecar.consent.sessions import Status
from tests.consent.around import Around
from tests.consent.consent_attacks import CASES


@pytest.mark.parametrize("name", [*CASES])
async def test_it_keeps_nothing_and_says_no(around: Around, name: str) -> None:
    case = CASES[name]
    said = await case.attack(around)
    assert said.status == case.status
    assert await around.grants() == await around.grants(around.bob) == []
    assert "identity.consent_granted" not in around.journal.names
    assert bool(around.provider.spent) == case.code_spent
    assert not around.other.spent
    assert all(each.status is not Status.GRANTED for each in around.surroundings.sessions._held.values())


@pytest.mark.parametrize("name", [*CASES])
async def test_it_is_told_nothing(around: Around, name: str) -> None:
    """Pages and problems hold nothing that was sent, no secret, and no name of anybody else's."""
    said = await CASES[name].attack(around)
    for secret in ("<script>", "evil.example", "at-", "rt-", "the client's secret", "acme.example", "Traceback"):
        assert secret not in said.text
    assert said.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in said.headers["content-security-policy"]
    assert "server" not in said.headers


def test_there_are_at_least_fifty() -> None:
    assert len(CASES) >= 50
