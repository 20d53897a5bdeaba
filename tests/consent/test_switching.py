"""Another account than the one that is connected is never taken without a word."""

import asyncio

import pytest

from sidecar.consent.attempts import LIFETIME
from sidecar.consent.sessions import Status
from sidecar.errors import AuditUnavailable
from tests.consent.around import ALICE_PRIVATE, ALICE_THERE, RETURN, WRITE, Around, Browser, Said, query


async def switching(around: Around, browser: Browser, *scopes: str) -> tuple[Said, str]:
    """Alice's account is connected; now she has agreed with another one: the page that asks, and the old token."""
    await around.agree(browser, around.ask()[0])
    (before,) = await around.grants()
    assert before.refresh_token is not None
    said = await around.to_provider(browser, around.ask(*(scopes or (WRITE,)))[0])
    said = await browser.go(around.provider.authorize(said.onward, ALICE_PRIVATE))
    return said, before.refresh_token.reveal()


@pytest.mark.parametrize("scopes", [(WRITE,), ("calendar.read", WRITE)])
async def test_the_user_is_asked_and_nothing_has_changed_yet(around: Around, scopes: tuple[str, ...]) -> None:
    said, _ = await switching(around, around.browser(), *scopes)
    assert said.title == "Use another Calendar account?"
    assert ALICE_THERE.email in said.words
    assert ALICE_PRIVATE.email in said.words
    assert [grant.label for grant in await around.grants()] == [ALICE_THERE.email]
    assert around.provider.revoked == []


async def test_the_new_account_takes_the_place_of_the_old_one_which_is_given_back(around: Around) -> None:
    browser = around.browser()
    said, old = await switching(around, browser)
    said = await browser.submit(said, "/account", use="new")
    assert said.title == "Calendar is connected"
    assert [grant.label for grant in await around.grants()] == [ALICE_PRIVATE.email]
    assert around.provider.revoked == [old]
    event = around.journal.events[-1]
    assert (event["name"], event["attributes"]["identity.scopes"]) == ("identity.grant_revoked", ["calendar.read"])
    assert event["attributes"]["identity.reason"] == "by the user: another account was connected"


async def test_at_the_same_place_too(around: Around) -> None:
    browser = around.browser()
    await around.agree(browser, around.ask()[0])
    (before,) = await around.grants()
    around.clock.moved += 1
    said = await around.to_provider(browser, around.ask()[0])
    said = await browser.go(around.provider.authorize(said.onward, ALICE_PRIVATE))
    await browser.submit(said, "/account", use="new")
    assert [grant.label for grant in await around.grants()] == [ALICE_PRIVATE.email]
    assert before.refresh_token is not None
    assert around.provider.revoked == [before.refresh_token.reveal()]


async def test_the_old_account_stays_and_the_new_one_is_given_back(around: Around) -> None:
    browser = around.browser()
    said, old = await switching(around, browser)
    said = await browser.submit(said, "/account", use="old")
    assert said.title == "Nothing has changed"
    (grant,) = await around.grants()
    assert grant.label == ALICE_THERE.email
    assert len(around.provider.revoked) == 1
    assert old not in around.provider.revoked
    assert around.journal.names[-1] == "identity.consent_denied"


@pytest.mark.parametrize("use", ["", "both"])
async def test_no_decision_changes_nothing(around: Around, use: str) -> None:
    browser = around.browser()
    said, _ = await switching(around, browser)
    assert (await browser.submit(said, "/account", use=use)).status == 403
    assert [grant.label for grant in await around.grants()] == [ALICE_THERE.email]
    assert (await browser.submit(said, "/account", use="new")).status == 200


async def test_a_decision_is_taken_once_and_in_its_browser(around: Around) -> None:
    browser = around.browser()
    said, _ = await switching(around, browser)
    other = around.browser()
    assert (await other.go(said.url)).status == 400
    await browser.submit(said, "/account", use="old")
    assert (await browser.submit(said, "/account", use="new")).status == 400
    assert [grant.label for grant in await around.grants()] == [ALICE_THERE.email]


async def test_the_same_account_again_asks_nothing(around: Around) -> None:
    browser = around.browser()
    await around.agree(browser, around.ask()[0])
    said = await around.agree(browser, around.ask()[0])
    assert said.title == "Calendar is connected"
    assert len(await around.grants()) == 1


async def test_after_a_completion_the_user_is_asked_too(around: Around) -> None:
    await around.agree(around.browser(), around.ask()[0])
    around.without_login(RETURN)
    url, session = around.ask(WRITE)
    browser = around.browser()
    said = await browser.submit(await browser.go(url))
    back = await browser.go(around.provider.authorize(said.onward, ALICE_PRIVATE))
    done = await around.complete(session, query(back.location)["consent_code"])
    assert '"status": "pending"' in done.text
    import json

    said = await browser.go(json.loads(done.text)["confirm_url"])
    assert said.title == "Use another Calendar account?"
    await browser.submit(said, "/account", use="new")
    assert session.status is Status.GRANTED
    assert [grant.label for grant in await around.grants()] == [ALICE_PRIVATE.email]


@pytest.mark.parametrize("use", ["new", "old"])
async def test_without_a_record_the_old_account_stays_and_the_new_one_is_given_back(around: Around, use: str) -> None:
    browser = around.browser()
    said, old = await switching(around, browser)
    around.journal.fault = AuditUnavailable("full")
    said = await browser.submit(said, "/account", use=use)
    assert (said.status, said.title) == (503, "We can’t do this right now")
    assert [grant.label for grant in await around.grants()] == [ALICE_THERE.email]
    assert len(around.provider.revoked) == 1
    assert old not in around.provider.revoked


async def test_where_nobody_decides_the_new_account_is_given_back(around: Around) -> None:
    _, old = await switching(around, around.browser())
    around.clock.moved += LIFETIME - 1
    around.surroundings.attempts.sweep()
    assert around.giving_back == []
    around.clock.moved += 1
    around.surroundings.attempts.sweep()
    await asyncio.gather(*around.giving_back)
    assert [grant.label for grant in await around.grants()] == [ALICE_THERE.email]
    assert len(around.provider.revoked) == 1
    assert old not in around.provider.revoked
    event = around.journal.events[-1]
    assert event["name"] == "identity.consent_denied"
    assert event["attributes"]["identity.reason"] == "nobody decided for another account"


async def test_of_two_tabs_the_other_ones_account_is_given_back(around: Around) -> None:
    browser = around.browser()
    await around.agree(browser, around.ask()[0])
    url, _ = around.ask(WRITE)
    one, other = await around.to_provider(browser, url), await around.to_provider(browser, url)
    asked = await browser.go(around.provider.authorize(one.onward, ALICE_PRIVATE))
    assert asked.title == "Use another Calendar account?"
    said = await browser.go(around.provider.authorize(other.onward, ALICE_THERE))
    assert said.title == "Calendar is connected"
    await asyncio.gather(*around.giving_back)
    assert {grant.label for grant in await around.grants()} == {ALICE_THERE.email}
    assert len(around.provider.revoked) == 1


async def test_what_is_not_kept_is_not_given_back_where_that_would_end_what_is(around: Around) -> None:
    """Many providers end all of a user's grants of a client by the end of one."""
    browser = around.browser()
    await around.agree(browser, around.ask()[0])
    said = await around.to_provider(browser, around.ask(WRITE)[0])
    around.journal.fault = AuditUnavailable("full")
    await browser.go(around.provider.authorize(said.onward, ALICE_THERE))
    assert len(await around.grants()) == 1
    assert around.provider.revoked == []


async def test_a_provider_that_a_reload_has_removed_is_given_back_what_nobody_decided_about(around: Around) -> None:
    await switching(around, around.browser())
    around.change(providers={})
    around.surroundings.attempts.clear()
    await asyncio.gather(*around.giving_back)
    assert len(around.provider.revoked) == 1
