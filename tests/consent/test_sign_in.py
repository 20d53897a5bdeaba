"""To the issuer and back."""

import pytest

from sidecar.consent.sign_in import KNOWN_SECONDS
from tests.consent.around import ALICE_AT_IDP, ISSUER, PUBLIC, Around, query


@pytest.mark.parametrize("methods", [["client_secret_post"], ["client_secret_basic"]])
async def test_the_client_proves_itself_as_the_issuer_takes_it(around: Around, methods: list[str]) -> None:
    around.idp.methods = methods
    said = await around.sign_in(around.browser())
    assert said.title == "Connected accounts"


async def test_where_the_issuer_offers_two_ways_the_other_one_is_tried(around: Around) -> None:
    around.idp.methods = ["client_secret_basic"]
    around.idp.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"]}
    said = await around.sign_in(around.browser())
    assert said.title == "Connected accounts"
    assert len(around.idp.spent) == 2


async def test_an_issuer_that_is_away_is_said_to_be(around: Around) -> None:
    url, session = around.ask()
    browser = around.browser()
    start = await browser.go(url)
    around.away.add(ISSUER)
    said = await browser.submit(start)
    assert (said.status, said.title) == (502, "Signing in didn’t work")
    assert f'href="/connect/{session.id}"' in said.text
    around.away.clear()
    assert (await around.agree(browser, url)).status == 200


async def test_each_sign_in_has_a_state_a_nonce_and_a_verifier_of_its_own(around: Around) -> None:
    url, _ = around.ask()
    browser = around.browser()
    one, two = [query((await browser.submit(await browser.go(url))).onward) for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert one[name] != two[name]
        assert len(one[name]) == 43
    assert one["redirect_uri"] == two["redirect_uri"] == f"{PUBLIC}/login/idp"


async def test_two_tabs_come_back_in_any_order(around: Around) -> None:
    url, _ = around.ask()
    browser = around.browser()
    one, two = await browser.submit(await browser.go(url)), await browser.submit(await browser.go(url))
    assert (await browser.go(around.idp.authorize(two.onward, ALICE_AT_IDP))).status == 200
    assert (await browser.go(around.idp.authorize(one.onward, ALICE_AT_IDP))).status == 200


async def test_an_issuer_is_asked_where_its_users_sign_in_once_a_minute(around: Around) -> None:
    browser = around.browser()
    await around.sign_in(browser)
    around.idp.metadata = {"authorization_endpoint": f"{ISSUER}/elsewhere"}
    url, _ = around.ask(principal=around.bob)
    said = await browser.submit(await browser.go(url), f"/connect/{url.rsplit('/', 1)[1]}")
    assert said.onward.startswith(f"{ISSUER}/authorize?")
    around.clock.moved += KNOWN_SECONDS
    said = await browser.submit(await browser.go(url), f"/connect/{url.rsplit('/', 1)[1]}")
    assert said.onward.startswith(f"{ISSUER}/elsewhere?")
