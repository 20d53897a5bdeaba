"""The user's own page."""

from dataclasses import replace

from sidecar.errors import VaultUnavailable
from sidecar.vault.grant import Owner
from tests.consent.around import (
    ALICE_THERE,
    BOB_AT_IDP,
    BOB_THERE,
    OTHER,
    PROVIDER,
    READ,
    WRITE,
    Around,
    Browser,
)


async def connected(around: Around, browser: Browser) -> None:
    await around.agree(browser, around.ask(READ)[0])


async def test_a_stranger_is_asked_to_sign_in(around: Around) -> None:
    said = await around.browser().go("/accounts")
    assert said.title == "Your connected accounts"
    assert said.form("/sign-in")[1]["issuer"] == "idp"
    assert (await around.browser().go("/")).title == "Your connected accounts"


async def test_a_user_sees_what_is_connected_and_what_it_may_do(around: Around) -> None:
    browser = around.browser()
    await connected(around, browser)
    said = await browser.go("/accounts")
    assert said.title == "Connected accounts"
    assert "Alice Liddell" not in said.text  # of the sign-in, whose ID token has no name, the email is shown
    assert "alice@example.com" in said.words
    for word in ("Calendar", ALICE_THERE.email, "calendar.read", "Connected", "Last used", "Not yet"):
        assert word in said.words


async def test_last_use_is_told_with_the_agent(around: Around) -> None:
    browser = around.browser()
    await connected(around, browser)
    (grant,) = await around.grants()
    await around.vault.used(grant, "travel-agent")
    around.clock.moved += 7200
    around.surroundings.visitors.sign_out(browser.cookies["__Host-signed-in"])
    said = await around.sign_in(browser)
    assert "2 hours ago by travel-agent" in said.words


async def test_a_connection_that_has_ended_is_told(around: Around) -> None:
    browser = around.browser()
    await connected(around, browser)
    (grant,) = await around.grants()
    await around.vault.latch(grant, "revoked at the provider")
    assert "no longer accepts this connection" in (await browser.go("/accounts")).words


async def test_several_grants_of_one_account_are_one_connection(around: Around) -> None:
    browser = around.browser()
    await connected(around, browser)
    await around.agree(browser, around.ask(WRITE)[0])
    said = await browser.go("/accounts")
    assert said.text.count('class="card connection"') == 1
    assert "calendar.read" in said.words
    assert "calendar.write" in said.words


async def test_nobody_sees_anothers(around: Around) -> None:
    await connected(around, around.browser())
    bobs = around.browser()
    said = await around.sign_in(bobs, BOB_AT_IDP)
    assert "Nothing is connected" in said.words
    assert ALICE_THERE.email not in said.text
    said = await bobs.go("/accounts/disconnect/calendar")
    assert said.title == "Connected accounts"


async def test_disconnecting_is_asked_for_twice_and_revokes_at_the_provider(around: Around) -> None:
    browser = around.browser()
    await connected(around, browser)
    (grant,) = await around.grants()
    assert grant.refresh_token is not None
    said = await browser.go("/accounts/disconnect/calendar")
    assert said.title == "Disconnect Calendar?"
    assert ALICE_THERE.email in said.words
    assert len(await around.grants()) == 1
    said = await browser.submit(said, "/disconnect/calendar")
    assert said.title == "Connected accounts"
    assert "Disconnected." in said.words
    assert await around.grants() == []
    assert around.provider.revoked == [grant.refresh_token.reveal()]
    assert around.journal.names[-1] == "identity.grant_revoked"
    assert around.journal.events[-1]["trace_id"]


async def test_a_provider_that_is_away_hinders_no_disconnecting(around: Around) -> None:
    browser = around.browser()
    await connected(around, browser)
    said = await browser.go("/accounts/disconnect/calendar")
    around.away.add(PROVIDER)
    await browser.submit(said, "/disconnect/calendar")
    assert await around.grants() == []


async def test_a_second_disconnect_finds_nothing_and_says_nothing(around: Around) -> None:
    browser = around.browser()
    await connected(around, browser)
    said = await browser.go("/accounts/disconnect/calendar")
    await browser.submit(said, "/disconnect/calendar")
    assert (await browser.submit(said, "/disconnect/calendar")).title == "Connected accounts"
    assert around.journal.names.count("identity.grant_revoked") == 1


async def test_what_was_asked_for_and_not_granted_can_be_connected(around: Around) -> None:
    browser = around.browser()
    await around.agree(browser, around.ask(READ, WRITE)[0], None)
    said = await browser.go("/accounts")
    assert "Asked for, not granted" in said.words
    said = await browser.submit(said, "/accounts/connect")
    assert said.onward.startswith(PROVIDER)
    said = await browser.go(around.provider.authorize(said.onward, ALICE_THERE))
    assert said.title == "Calendar is connected"
    assert "Asked for, not granted" not in (await browser.go("/accounts")).words


async def test_what_nobody_asked_for_can_not_be_connected(around: Around) -> None:
    browser = around.browser()
    await around.agree(browser, around.ask(READ)[0], None)
    said = await browser.go("/accounts")
    said = await browser.submit(said, "/accounts/connect", provider="other")
    assert said.title == "Connected accounts"
    assert around.other.asked == []


async def test_a_user_signs_out(around: Around) -> None:
    browser = around.browser()
    said = await around.sign_in(browser)
    cookie = browser.cookies["__Host-signed-in"]
    said = await browser.submit(said, "/sign-out")
    assert said.title == "Your connected accounts"
    assert "__Host-signed-in" not in browser.cookies
    browser.cookies["__Host-signed-in"] = cookie
    assert (await browser.go("/accounts")).title == "Your connected accounts"


async def test_a_provider_that_can_not_be_told_of_hides_no_other(around: Around) -> None:
    browser = around.browser()
    await connected(around, browser)
    around.away.add(OTHER)
    assert ALICE_THERE.email in (await browser.go("/accounts")).words


async def test_a_vault_that_is_away_is_said_to_be(around: Around) -> None:
    browser = around.browser()
    await around.sign_in(browser)

    class Away:
        async def held(self, owner: Owner) -> None:
            raise VaultUnavailable("away")

    around.change(grants=Away())
    said = await browser.go("/accounts")
    assert (said.status, said.title) == (503, "We can’t do this right now")


async def test_where_no_issuer_has_a_login_it_is_said(around: Around) -> None:
    idp = around.surroundings.issuers["idp"]
    around.change(issuers={"idp": replace(idp, login=None)})
    assert "Nobody can sign in here" in (await around.browser().go("/accounts")).words


async def test_bobs_grants_are_bobs(around: Around) -> None:
    browser = around.browser()
    said = await around.to_provider(browser, around.ask(principal=around.bob)[0], BOB_AT_IDP)
    await browser.go(around.provider.authorize(said.onward, BOB_THERE))
    assert BOB_THERE.email in (await browser.go("/accounts")).words
