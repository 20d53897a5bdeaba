"""From the link to the provider: who asks, and who are you."""

import pytest

from sidecar.consent.sessions import Status
from tests.consent.around import (
    ALICE_AT_IDP,
    ALICE_THERE,
    BOB_AT_IDP,
    ISSUER,
    PROVIDER,
    PUBLIC,
    READ,
    RETURN,
    WRITE,
    Around,
    query,
)


async def test_a_user_agrees_once_and_the_grant_is_kept(around: Around) -> None:
    url, session = around.ask(READ)
    assert url == f"{PUBLIC}/connect/{session.id}"
    browser = around.browser()
    said = await around.agree(browser, url)
    assert (said.status, said.title) == (200, "Calendar is connected")
    assert session.status is Status.GRANTED
    (grant,) = await around.grants()
    assert (grant.account, grant.label) == (ALICE_THERE.id, ALICE_THERE.email)
    assert grant.place.scopes == frozenset({READ})
    assert grant.refresh_token is not None
    assert around.journal.names == ["identity.consent_requested", "identity.consent_granted"]
    assert {event["trace_id"] for event in around.journal.events} == {"a" * 32}
    assert "alice" not in str(around.journal.events)


async def test_the_question_is_said_before_anything_is_sent_anywhere(around: Around) -> None:
    url, _ = around.ask(READ)
    said = await around.browser().go(url)
    assert said.title == "travel-agent would like to use your Calendar account"
    assert "calendar.read" in said.words
    assert "alice" not in said.text.lower()  # whoever has the link isn't told whose it is
    assert around.idp.asked == around.provider.asked == []


async def test_the_user_is_proved_before_the_provider_is_asked(around: Around) -> None:
    url, _ = around.ask()
    browser = around.browser()
    said = await browser.submit(await browser.go(url))
    assert said.onward.startswith(f"{ISSUER}/authorize?")
    asked = query(said.onward)
    assert asked["redirect_uri"] == f"{PUBLIC}/login/idp"
    assert asked["scope"] == "openid email"
    said = await browser.go(around.idp.authorize(said.onward, ALICE_AT_IDP))
    assert said.onward.startswith(f"{PROVIDER}/authorize?")
    asked = query(said.onward)
    assert asked["redirect_uri"] == f"{PUBLIC}/callback/calendar"
    assert asked["login_hint"] == "alice@example.com"
    assert READ in asked["scope"].split(" ")


async def test_who_is_signed_in_already_is_not_asked_again(around: Around) -> None:
    browser = around.browser()
    await around.sign_in(browser)
    url, _ = around.ask()
    said = await browser.go(url)
    assert "You sign in" not in said.words
    said = await browser.submit(said)
    assert said.onward.startswith(PROVIDER)


async def test_who_is_signed_in_as_somebody_else_signs_in_afresh(around: Around) -> None:
    browser = around.browser()
    await around.sign_in(browser, BOB_AT_IDP)
    url, _ = around.ask()
    said = await browser.submit(await browser.go(url), "/connect/" + url.rsplit("/", 1)[1])
    assert query(said.onward)["prompt"] == "login"


async def test_a_link_that_went_to_another_user_stores_nothing_and_stays_good(around: Around) -> None:
    url, session = around.ask()
    mallory = around.browser()
    said = await around.to_provider(mallory, url, BOB_AT_IDP)
    assert (said.status, said.title) == (403, "This link is for someone else")
    assert around.provider.asked == []
    assert await around.grants() == await around.grants(around.bob) == []
    assert around.surroundings.sessions.pending(session)
    assert around.journal.names[-1] == "identity.consent_denied"
    assert (await around.agree(around.browser(), url)).status == 200
    assert session.status is Status.GRANTED


async def test_who_signed_in_by_mistake_as_another_can_do_it_again(around: Around) -> None:
    url, session = around.ask()
    browser = around.browser()
    said = await around.to_provider(browser, url, BOB_AT_IDP)
    said = await browser.submit(said, f"/connect/{session.id}")
    assert query(said.onward)["prompt"] == "login"
    said = await browser.go(around.idp.authorize(said.onward, ALICE_AT_IDP))
    assert said.onward.startswith(PROVIDER)


async def test_what_is_over_is_shown_to_its_user_alone(around: Around) -> None:
    url, _ = around.ask()
    browser = around.browser()
    await around.agree(browser, url)
    assert (await browser.go(url)).title == "Calendar is connected"
    other = await around.browser().go(url)
    assert (other.status, other.title) == (409, "This has been answered already")
    assert ALICE_THERE.email not in other.text


async def test_what_was_asked_and_what_was_granted_are_told_apart(around: Around) -> None:
    around.provider.grants = frozenset({READ})
    url, session = around.ask(READ, WRITE)
    said = await around.agree(around.browser(), url)
    assert said.title == "Calendar is connected, in part"
    assert "Not granted calendar.write" in said.words
    assert session.status is Status.DENIED
    assert session.missing == {WRITE}
    (grant,) = await around.grants()
    assert grant.place.scopes == {READ}
    assert around.journal.events[-1]["attributes"]["identity.outcome"] == "partial"


async def test_who_grants_nothing_of_what_was_asked_has_said_no(around: Around) -> None:
    around.provider.grants = frozenset()
    url, session = around.ask(READ, WRITE)
    said = await around.agree(around.browser(), url)
    assert said.title == "Nothing was connected"
    assert session.status is Status.DENIED
    assert session.missing == {READ, WRITE}
    assert await around.grants() == []
    assert len(around.provider.revoked) == 1
    assert around.journal.names[-1] == "identity.consent_denied"


async def test_back_to_the_application_by_exact_match_alone(around: Around) -> None:
    around.change(return_urls=frozenset({RETURN}))
    url, _ = around.ask()
    for astray in (
        RETURN + "&more=1",
        RETURN.upper(),
        "https://app.example/",
        "//app.example/done",
        "javascript:alert(1)",
    ):
        said = await around.browser().go(f"{url}?return_url={astray.replace('&', '%26')}")
        assert (said.status, said.title) == (400, "This link was put together wrongly")
        assert astray not in said.text
    browser = around.browser()
    said = await around.agree(browser, f"{url}?return_url={RETURN}")
    assert f'href="{RETURN}"' in said.text


@pytest.mark.parametrize("return_urls", [(), (RETURN, RETURN + "&more=1")])
async def test_where_nobody_can_be_proved_nobody_is_asked(around: Around, return_urls: tuple[str, ...]) -> None:
    url, _ = around.ask()
    around.without_login(*return_urls)
    said = await around.browser().go(url)
    assert (said.status, said.title) == (403, "Nobody can be asked here")
