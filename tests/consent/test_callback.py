"""The provider sends the browser back."""

from dataclasses import replace

import pytest

from sidecar.consent.callback import answered_by, with_query
from sidecar.consent.sessions import Status
from sidecar.errors import AuditUnavailable
from sidecar.oauth import catalog
from sidecar.oauth.provider import Provider
from sidecar.wire.http import Response
from tests.consent.around import ALICE_THERE, PROVIDER, RETURN, WRITE, Around, query

ENTRY = replace(
    catalog.entry(
        Provider("p", "oauth2", "principal", authorize_url="https://as.example/a", token_url="https://as.example/t")
    ),
    issuer="https://as.example",
)
TENANTS = replace(ENTRY, issuer="https://login.example/{tenantid}/v2.0")


@pytest.mark.parametrize(
    ("entry", "iss", "is_so"),
    [
        (ENTRY, None, True),
        (ENTRY, "https://as.example", True),
        (ENTRY, "https://as.example/", False),
        (ENTRY, "", False),
        (replace(ENTRY, says_iss=True), None, False),
        (replace(ENTRY, issuer=None), "https://anything.example", True),
        (TENANTS, "https://login.example/4f2d-00/v2.0", True),
        (TENANTS, "https://login.example//v2.0", False),
        (TENANTS, "https://login.example/a/b/v2.0", False),
        (TENANTS, "https://evil.example/4f2d-00/v2.0", False),
        (TENANTS, "https://login.example/4f2d-00/v2.0/more", False),
    ],
)
def test_an_answer_is_the_providers_own(entry: catalog.Entry, iss: str | None, is_so: bool) -> None:
    assert answered_by(entry, iss) is is_so


def test_a_return_url_keeps_what_it_has() -> None:
    assert with_query("https://app.example/done", a="1 &") == "https://app.example/done?a=1+%26"
    assert with_query("https://app.example/done?b=2", a="1") == "https://app.example/done?b=2&a=1"


async def test_a_refusal_is_told_to_the_user_and_the_agent(around: Around) -> None:
    url, session = around.ask()
    said = await around.agree(around.browser(), url, None)
    assert (said.status, said.title) == (200, "Nothing was connected")
    assert session.status is Status.DENIED
    assert around.journal.names == ["identity.consent_requested", "identity.consent_denied"]


async def test_a_provider_that_fails_is_asked_again(around: Around) -> None:
    url, session = around.ask()
    browser = around.browser()
    said = await around.to_provider(browser, url)
    back = around.provider.authorize(said.onward, None, error="temporarily_unavailable")
    said = await browser.go(back)
    assert (said.status, said.title) == (502, "The connection didn’t work")
    assert around.surroundings.sessions.pending(session)
    assert (await around.agree(browser, url)).status == 200


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Response(500, {}, b""), 502),
        (Response(429, {"retry-after": "9"}, b"{}"), 503),
        (Response(200, {}, b"<html>"), 502),
        (Response(200, {}, b'{"access_token": "x"}'), 502),
        (Response(400, {}, b'{"error": "invalid_client"}'), 502),
    ],
)
async def test_what_the_provider_answers_badly_keeps_nothing(around: Around, answer: Response, status: int) -> None:
    around.provider.fault = answer
    url, session = around.ask()
    said = await around.agree(around.browser(), url)
    assert said.status == status
    assert await around.grants() == []
    assert around.surroundings.sessions.pending(session)


async def test_without_a_record_nothing_is_kept(around: Around) -> None:
    url, session = around.ask()
    browser = around.browser()
    said = await around.to_provider(browser, url)
    around.journal.fault = AuditUnavailable("full")
    said = await browser.go(around.provider.authorize(said.onward, ALICE_THERE))
    assert (said.status, said.title) == (503, "We can’t do this right now")
    assert await around.grants() == []
    assert len(around.provider.revoked) == 1
    assert session.status is not Status.GRANTED


async def test_more_is_granted_beside_what_there_is(around: Around) -> None:
    browser = around.browser()
    await around.agree(browser, around.ask()[0])
    said = await around.agree(browser, around.ask(WRITE)[0])
    assert said.title == "Calendar is connected"
    assert {grant.place.scopes for grant in await around.grants()} == {
        frozenset({"calendar.read"}),
        frozenset({"calendar.write"}),
    }


async def test_two_users_side_by_side_each_have_their_own(around: Around) -> None:
    from tests.consent.around import BOB_AT_IDP, BOB_THERE

    alices, bobs = around.browser(), around.browser()
    of_alice, _ = around.ask()
    of_bob, _ = around.ask(principal=around.bob)
    alice = await around.to_provider(alices, of_alice)
    bob = await around.to_provider(bobs, of_bob, BOB_AT_IDP)
    await bobs.go(around.provider.authorize(bob.onward, BOB_THERE))
    await alices.go(around.provider.authorize(alice.onward, ALICE_THERE))
    assert [grant.label for grant in await around.grants()] == [ALICE_THERE.email]
    assert [grant.label for grant in await around.grants(around.bob)] == [BOB_THERE.email]


async def test_without_a_sign_in_the_application_gets_a_code_and_no_more(around: Around) -> None:
    around.without_login(RETURN)
    url, session = around.ask()
    browser = around.browser()
    said = await browser.submit(await browser.go(url))
    assert said.onward.startswith(PROVIDER)
    said = await browser.go(around.provider.authorize(said.onward, ALICE_THERE))
    assert said.status == 303
    assert said.location.startswith(RETURN)
    back = query(said.location)
    assert back.keys() == {"tab", "consent_session", "consent_code"}
    assert back["consent_session"] == session.id
    assert around.provider.spent == []


async def test_without_a_sign_in_the_application_is_told_of_a_refusal(around: Around) -> None:
    around.without_login(RETURN)
    url, session = around.ask()
    browser = around.browser()
    said = await browser.submit(await browser.go(url))
    said = await browser.go(around.provider.authorize(said.onward, None))
    assert query(said.location) == {"tab": "calendar", "consent_session": session.id, "consent_error": "access_denied"}
    assert session.status is Status.DENIED
