"""How the rest of the sidecar asks a user."""

from dataclasses import replace

import pytest

from sidecar.consent.sessions import Status
from sidecar.errors import AuditUnavailable, NotPermitted
from sidecar.identity.principal import Kind
from tests.consent.around import PUBLIC, READ, RETURN, Around


async def test_a_link_is_given_and_recorded_once(around: Around) -> None:
    url, session = around.ask(READ)
    assert url == f"{PUBLIC}/connect/{session.id}"
    assert around.ask(READ)[0] == url
    assert around.journal.names == ["identity.consent_requested"]
    attributes = around.journal.events[0]["attributes"]
    assert attributes["identity.provider"] == "calendar"
    assert attributes["identity.scopes"] == [READ]
    assert attributes["identity.invocation.id"] == "call"


@pytest.mark.parametrize("kind", [Kind.SERVICE, Kind.WORKFLOW])
async def test_only_users_can_be_asked(around: Around, kind: Kind) -> None:
    with pytest.raises(NotPermitted, match="can't be asked"):
        around.ask(principal=replace(around.alice, kind=kind))


async def test_where_nobody_could_be_proved_nobody_is_asked(around: Around) -> None:
    around.without_login()
    with pytest.raises(NotPermitted) as refused:
        around.ask()
    assert "issuers.idp a login" in refused.value.detail
    around.without_login(RETURN)
    around.ask()


async def test_without_a_record_nobody_is_asked(around: Around) -> None:
    around.journal.fault = AuditUnavailable("full")
    with pytest.raises(AuditUnavailable):
        around.ask()
    around.journal.fault = None
    around.ask()
    assert around.journal.names == ["identity.consent_requested"]


async def test_what_came_of_it_is_told_to_its_principal(around: Around) -> None:
    url, session = around.ask()
    assert around.asking.status(around.alice, session.id) is Status.PENDING
    await around.agree(around.browser(), url)
    assert around.asking.status(around.alice, session.id) is Status.GRANTED
    assert around.asking.status(around.bob, session.id) is Status.EXPIRED
