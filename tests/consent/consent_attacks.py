"""Abuses of the consent pages: each is tried as an attacker, a browser or a mistake would, and says what it got.
After each of them nothing may be kept that its owner hasn't agreed to (``test_consent_attacks``)."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlencode

from sidecar.consent.sessions import LIFETIME
from tests.consent.around import (
    ALICE_AT_IDP,
    ALICE_THERE,
    BOB_AT_IDP,
    BOB_THERE,
    ISSUER,
    NAVIGATION,
    OTHER,
    PROVIDER,
    PUBLIC,
    RETURN,
    Around,
    Browser,
    Said,
    query,
)
from tests.consent.servers import Account

Attack = Callable[[Around], Awaitable[Said]]


class Case(NamedTuple):
    attack: Attack
    status: int
    """What it is answered with."""
    code_spent: bool = False
    """Whether a code gets as far as the provider's token endpoint."""


CASES: dict[str, Case] = {}


def abuse(status: int, *, code_spent: bool = False) -> Callable[[Attack], Attack]:
    def noted(attack: Attack) -> Attack:
        CASES[attack.__name__] = Case(attack, status, code_spent)
        return attack

    return noted


async def ready(around: Around, browser: Browser, account: Account = ALICE_THERE) -> str:
    """Alice is signed in and has agreed at the provider: the URL that she is sent back to."""
    url, _ = around.ask()
    said = await around.to_provider(browser, url)
    return around.provider.authorize(said.onward, account)


def changed(url: str, **parameters: str | None) -> str:
    """*url* with other parameters; ``None``: without one."""
    whole = {**query(url), **parameters}
    return f"{url.partition('?')[0]}?{urlencode({name: value for name, value in whole.items() if value is not None})}"


# the link


@abuse(404)
async def a_link_that_was_guessed(around: Around) -> Said:
    around.ask()
    return await around.browser().go(f"{PUBLIC}/connect/{'A' * 43}")


@abuse(404)
async def a_link_that_has_expired(around: Around) -> Said:
    url, _ = around.ask()
    around.clock.moved += LIFETIME
    return await around.browser().go(url)


@abuse(404)
async def a_link_that_expires_while_its_page_is_open(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    start = await browser.go(url)
    around.clock.moved += LIFETIME
    return await browser.submit(start)


@abuse(403)
async def a_link_sent_to_another_user(around: Around) -> Said:
    url, _ = around.ask()
    return await around.to_provider(around.browser(), url, BOB_AT_IDP)


@abuse(403)
async def a_link_sent_to_another_user_who_is_signed_in(around: Around) -> Said:
    url, session = around.ask()
    bobs = around.browser()
    await around.sign_in(bobs, BOB_AT_IDP)
    said = await bobs.submit(await bobs.go(url), f"/connect/{session.id}")
    return await bobs.go(around.idp.authorize(said.onward, BOB_AT_IDP))


@abuse(404)
async def a_link_of_a_provider_that_is_configured_no_more(around: Around) -> Said:
    url, _ = around.ask()
    around.change(providers={})
    return await around.browser().go(url)


@abuse(404)
async def a_link_with_more_behind_it(around: Around) -> Said:
    url, _ = around.ask()
    return await around.browser().go(f"{url}/../accounts/x")


@abuse(404)
async def a_link_with_an_encoded_id(around: Around) -> Said:
    url, session = around.ask()
    first = session.id[0]
    return await around.browser().go(url.replace(session.id, f"%{ord(first):02X}{session.id[1:]}"))


@abuse(200)
async def a_link_that_a_mail_scanner_opens(around: Around) -> Said:
    url, _ = around.ask()
    return await around.browser().send("GET", url, {})


@abuse(200)
async def a_link_that_is_asked_for_by_head(around: Around) -> Said:
    url, _ = around.ask()
    return await around.browser().send("HEAD", url, {})


@abuse(200)
async def a_link_that_is_fetched_ahead(around: Around) -> Said:
    url, _ = around.ask()
    return await around.browser().go(url, **{"Sec-Purpose": "prefetch;prerender"})


# forms from elsewhere


@abuse(403)
async def a_start_from_another_site(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, carried = (await browser.go(url)).form()
    return await browser.post(action, carried, **{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})


@abuse(403)
async def a_start_from_a_sibling_host(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, carried = (await browser.go(url)).form()
    return await browser.post(action, carried, **{"Sec-Fetch-Site": "same-site", "Origin": "https://agent.example"})


@abuse(403)
async def a_start_that_claims_our_site_but_not_our_origin(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, carried = (await browser.go(url)).form()
    return await browser.post(action, carried, Origin="https://accounts.example.evil.example")


@abuse(403)
async def a_start_from_a_sandboxed_frame(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, carried = (await browser.go(url)).form()
    return await browser.post(action, carried, Origin="null", **{"Sec-Fetch-Dest": "iframe"})


@abuse(403)
async def a_start_that_says_nothing_of_where_it_is_from(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, carried = (await browser.go(url)).form()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await browser.send("POST", action, headers, urlencode(carried).encode())


@abuse(403)
async def a_start_by_a_script(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, carried = (await browser.go(url)).form()
    return await browser.post(action, carried, **{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"})


@abuse(403)
async def a_start_without_the_forms_token(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, _ = (await browser.go(url)).form()
    return await browser.post(action, {})


@abuse(403)
async def a_start_with_the_token_of_another_browser(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, _ = (await browser.go(url)).form()
    _, others = (await around.browser().go(url)).form()
    return await browser.post(action, others)


@abuse(403)
async def a_start_with_the_token_of_another_form(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, _ = (await browser.go(url)).form()
    _, others = (await browser.go(f"{PUBLIC}/accounts")).form("/sign-in")
    return await browser.post(action, others)


@abuse(403)
async def a_start_without_cookies(around: Around) -> Said:
    url, _ = around.ask()
    action, carried = (await around.browser().go(url)).form()
    return await around.browser().post(action, carried)


@abuse(400)
async def a_start_with_a_field_twice(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, carried = (await browser.go(url)).form()
    return await browser.post(action, {**carried, "form&form": "x"} | {"a": "b"}, **{"Content-Type": "text/plain"})


@abuse(400)
async def a_start_with_a_body_without_end(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    action, carried = (await browser.go(url)).form()
    return await browser.post(action, {**carried, "more": "x" * 20_000})


# the provider's answer


@abuse(400)
async def a_callback_that_is_sent_twice(around: Around) -> Said:
    browser = around.browser()
    back = changed(await ready(around, browser), error="server_error", code=None)
    await browser.go(back)
    return await browser.go(back)


@abuse(400)
async def a_callback_without_a_state(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(changed(await ready(around, browser), state=None))


@abuse(400)
async def a_callback_with_a_state_that_was_guessed(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(changed(await ready(around, browser), state="A" * 43))


@abuse(400)
async def a_callback_in_another_browser(around: Around) -> Said:
    back = await ready(around, around.browser())
    return await around.browser().go(back)


@abuse(400)
async def a_callback_in_a_browser_with_cookies_of_its_own(around: Around) -> Said:
    back = await ready(around, around.browser())
    other = around.browser()
    await around.sign_in(other, BOB_AT_IDP)
    return await other.go(back)


@abuse(400)
async def a_callback_with_the_state_of_another_user(around: Around) -> Said:
    """Mallory has her own code put into alice's browser, with her own state."""
    alices, mallorys = around.browser(), around.browser()
    await ready(around, alices)
    url, _ = around.ask(principal=around.bob)
    said = await around.to_provider(mallorys, url, BOB_AT_IDP)
    return await alices.go(around.provider.authorize(said.onward, BOB_THERE))


@abuse(502, code_spent=True)
async def a_code_that_is_injected(around: Around) -> Said:
    """Mallory's code, in alice's browser and with alice's state: it was made for another verifier."""
    alices, mallorys = around.browser(), around.browser()
    back = await ready(around, alices)
    url, _ = around.ask(principal=around.bob)
    said = await around.to_provider(mallorys, url, BOB_AT_IDP)
    stolen = query(around.provider.authorize(said.onward, BOB_THERE))["code"]
    return await alices.go(changed(back, code=stolen))


@abuse(502, code_spent=True)
async def a_code_that_was_made_up(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(changed(await ready(around, browser), code="made-up"))


@abuse(400)
async def a_callback_without_a_code(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(changed(await ready(around, browser), code=None))


@abuse(400)
async def a_callback_with_an_empty_code(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(changed(await ready(around, browser), code=""))


@abuse(400)
async def a_callback_with_two_codes(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(await ready(around, browser) + "&code=another")


@abuse(400)
async def a_callback_with_two_states(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(await ready(around, browser) + "&state=another")


@abuse(400)
async def a_callback_of_another_provider(around: Around) -> Said:
    browser = around.browser()
    return await browser.go((await ready(around, browser)).replace("/callback/calendar", "/callback/other"))


@abuse(400)
async def a_callback_of_a_provider_that_there_is_not(around: Around) -> Said:
    browser = around.browser()
    return await browser.go((await ready(around, browser)).replace("/callback/calendar", "/callback/nobody"))


@abuse(400)
async def a_callback_in_the_name_of_another_server(around: Around) -> Said:
    """Mix-up: the browser was sent to one server, and another one answers."""
    browser = around.browser()
    return await browser.go(changed(await ready(around, browser), iss=OTHER))


@abuse(400)
async def a_callback_that_hides_whose_it_is(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(changed(await ready(around, browser), iss=None))


@abuse(400)
async def a_callback_in_almost_the_name_of_its_server(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(changed(await ready(around, browser), iss=PROVIDER + "/"))


@abuse(400)
async def a_callback_that_is_late(around: Around) -> Said:
    browser = around.browser()
    back = await ready(around, browser)
    around.clock.moved += LIFETIME
    return await browser.go(back)


@abuse(405)
async def a_callback_by_head(around: Around) -> Said:
    browser = around.browser()
    return await browser.send("HEAD", await ready(around, browser), NAVIGATION)


@abuse(405)
async def a_callback_by_post(around: Around) -> Said:
    browser = around.browser()
    return await browser.post(await ready(around, browser), {})


@abuse(400)
async def a_callback_that_is_fetched_ahead(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(await ready(around, browser), **{"Sec-Purpose": "prefetch"})


@abuse(400)
async def a_callback_that_an_image_asks_for(around: Around) -> Said:
    browser = around.browser()
    headers = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "cross-site"}
    return await browser.send("GET", await ready(around, browser), headers)


@abuse(400)
async def a_callback_in_a_frame(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(await ready(around, browser), **{"Sec-Fetch-Dest": "iframe"})


@abuse(200)
async def a_refusal_by_the_user(around: Around) -> Said:
    url, _ = around.ask()
    return await around.agree(around.browser(), url, None)


@abuse(409)
async def a_yes_after_a_no_in_another_tab(around: Around) -> Said:
    url, _ = around.ask()
    browser = around.browser()
    one, two = await around.to_provider(browser, url), await around.to_provider(browser, url)
    await browser.go(around.provider.authorize(one.onward, None))
    said = await browser.go(around.provider.authorize(two.onward, ALICE_THERE))
    assert said.status == 400  # nothing is expected any more
    return await around.browser().go(url)


@abuse(502)
async def an_error_with_markup_in_it(around: Around) -> Said:
    browser = around.browser()
    back = changed(
        await ready(around, browser), code=None, error="<script>", error_description="<script>alert(1)</script>"
    )
    return await browser.go(back)


@abuse(502)
async def a_provider_that_is_away(around: Around) -> Said:
    browser = around.browser()
    back = await ready(around, browser)
    around.away.add(PROVIDER)
    return await browser.go(back)


# the issuer's answer


async def signing_in(around: Around, browser: Browser, who: Account = ALICE_AT_IDP) -> str:
    """Who has the link has signed in: the URL that the issuer sends back to."""
    url, _ = around.ask()
    said = await browser.submit(await browser.go(url))
    return around.idp.authorize(said.onward, who)


@abuse(400)
async def a_sign_in_that_is_sent_twice(around: Around) -> Said:
    browser = around.browser()
    back = await signing_in(around, browser)
    await browser.go(back)
    return await browser.go(back)


@abuse(400)
async def a_sign_in_in_another_browser(around: Around) -> Said:
    """Login CSRF: alice's browser would be mallory's from then on."""
    back = await signing_in(around, around.browser(), BOB_AT_IDP)
    return await around.browser().go(back)


@abuse(400)
async def a_sign_in_in_the_name_of_another_issuer(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(changed(await signing_in(around, browser), iss=OTHER))


@abuse(400)
async def a_sign_in_that_hides_whose_it_is(around: Around) -> Said:
    browser = around.browser()
    return await browser.go(changed(await signing_in(around, browser), iss=None))


@abuse(502)
async def a_sign_in_with_an_injected_code(around: Around) -> Said:
    browser = around.browser()
    back = await signing_in(around, browser, BOB_AT_IDP)
    stolen = query(await signing_in(around, around.browser()))["code"]
    return await browser.go(changed(back, code=stolen))


@abuse(502)
async def a_sign_in_with_the_id_token_of_another_sign_in(around: Around) -> Said:
    around.idp.claims = {"nonce": "of another sign-in"}
    browser = around.browser()
    return await browser.go(await signing_in(around, browser))


@abuse(502)
async def a_sign_in_with_an_id_token_for_another_client(around: Around) -> Said:
    around.idp.claims = {"aud": "another-client"}
    browser = around.browser()
    return await browser.go(await signing_in(around, browser))


@abuse(502)
async def a_sign_in_with_an_id_token_for_several_clients(around: Around) -> Said:
    around.idp.claims = {"aud": ["the-client", "another-client"]}
    browser = around.browser()
    return await browser.go(await signing_in(around, browser))


@abuse(502)
async def a_sign_in_with_an_id_token_that_has_expired(around: Around) -> Said:
    around.idp.claims = {"exp": int(around.clock.epoch()) - 60}
    browser = around.browser()
    return await browser.go(await signing_in(around, browser))


@abuse(502)
async def a_sign_in_with_an_id_token_of_another_issuer(around: Around) -> Said:
    around.idp.claims = {"iss": OTHER}
    browser = around.browser()
    return await browser.go(await signing_in(around, browser))


@abuse(502)
async def a_sign_in_with_an_id_token_signed_by_another_key(around: Around) -> Said:
    from tests.minting import signer

    around.idp.signer = signer("ES256")
    browser = around.browser()
    return await browser.go(await signing_in(around, browser))


@abuse(502)
async def a_sign_in_with_an_access_token_for_an_id_token(around: Around) -> Said:
    around.idp.claims = {"scope": "openid"}
    browser = around.browser()
    return await browser.go(await signing_in(around, browser))


@abuse(403)
async def a_sign_in_that_was_refused(around: Around) -> Said:
    browser = around.browser()
    url, _ = around.ask()
    said = await browser.submit(await browser.go(url))
    return await browser.go(around.idp.authorize(said.onward, None))


@abuse(400)
async def a_provider_state_at_the_sign_in(around: Around) -> Said:
    browser = around.browser()
    back = await ready(around, browser)
    return await browser.go(changed(back.replace("/callback/calendar", "/login/idp"), iss=ISSUER))


@abuse(400)
async def a_sign_in_state_at_the_callback(around: Around) -> Said:
    browser = around.browser()
    back = await signing_in(around, browser)
    return await browser.go(changed(back.replace("/login/idp", "/callback/calendar"), iss=PROVIDER))


@abuse(404)
async def a_sign_in_at_an_issuer_that_there_is_not(around: Around) -> Said:
    browser = around.browser()
    return await browser.go((await signing_in(around, browser)).replace("/login/idp", "/login/nobody"))


# where it leads


@abuse(400)
async def a_return_url_that_is_not_configured(around: Around) -> Said:
    url, _ = around.ask()
    return await around.browser().go(f"{url}?return_url=https%3A%2F%2Fevil.example%2F")


@abuse(400)
async def a_return_url_that_begins_like_a_configured_one(around: Around) -> Said:
    around.change(return_urls=frozenset({RETURN}))
    url, _ = around.ask()
    return await around.browser().go(f"{url}?{urlencode({'return_url': RETURN + '.evil.example'})}")


@abuse(400)
async def a_return_url_that_is_put_into_the_form(around: Around) -> Said:
    around.change(return_urls=frozenset({RETURN}))
    url, _ = around.ask()
    browser = around.browser()
    start = await browser.go(url)
    return await browser.submit(start, return_url="https://evil.example/")


# without a sign-in: the application completes


async def waiting(around: Around, browser: Browser) -> tuple[str, str]:
    """The user of *browser* has agreed: the session's id and the one-time code on the return URL."""
    around.without_login(RETURN)
    url, session = around.ask()
    said = await browser.submit(await browser.go(url))
    back = await browser.go(around.provider.authorize(said.onward, ALICE_THERE))
    assert back.location.startswith(RETURN + "&consent_session=")
    return session.id, query(back.location)["consent_code"]


async def completed(around: Around, session_id: str, code: str, token: str) -> Said:
    session = around.surroundings.sessions.find(session_id)
    assert session is not None
    return await around.complete(session, code, token)


@abuse(403)
async def a_completion_by_the_user_whom_the_link_was_sent_to(around: Around) -> Said:
    session_id, code = await waiting(around, around.browser())
    return await completed(around, session_id, code, "token-of-bob")


@abuse(403)
async def a_completion_after_somebody_else_tried(around: Around) -> Said:
    session_id, code = await waiting(around, around.browser())
    await completed(around, session_id, code, "token-of-bob")
    return await completed(around, session_id, code, "token-of-alice")


@abuse(403)
async def a_completion_with_a_guessed_code(around: Around) -> Said:
    session_id, _ = await waiting(around, around.browser())
    return await completed(around, session_id, "A" * 43, "token-of-alice")


@abuse(403)
async def a_completion_with_the_sessions_id_alone(around: Around) -> Said:
    session_id, _ = await waiting(around, around.browser())
    return await completed(around, session_id, session_id, "token-of-alice")


@abuse(403)
async def a_completion_that_is_late(around: Around) -> Said:
    session_id, code = await waiting(around, around.browser())
    around.clock.moved += LIFETIME
    return await completed(around, session_id, code, "token-of-alice")


@abuse(403)
async def a_completion_of_another_session(around: Around) -> Said:
    _, code = await waiting(around, around.browser())
    _, other = around.ask("calendar.write")
    return await completed(around, other.id, code, "token-of-alice")


@abuse(401)
async def a_completion_with_nobodys_token(around: Around) -> Said:
    session_id, code = await waiting(around, around.browser())
    return await completed(around, session_id, code, "made-up")


@abuse(401)
async def a_completion_without_a_token(around: Around) -> Said:
    session_id, code = await waiting(around, around.browser())
    return await around.browser().send(
        "POST", f"/consents/{session_id}/complete", {}, b'{"code": "%b"}' % code.encode()
    )


@abuse(303)
async def a_completion_whose_code_is_the_state_of_a_callback(around: Around) -> Said:
    around.without_login(RETURN)
    url, session = around.ask()
    browser = around.browser()
    said = await browser.submit(await browser.go(url))
    state = query(said.onward)["state"]
    refused = await around.complete(session, state)
    assert refused.status == 403
    return await browser.go(around.provider.authorize(said.onward, ALICE_THERE))


@abuse(400)
async def a_completion_without_a_code(around: Around) -> Said:
    session_id, _ = await waiting(around, around.browser())
    headers = {"Authorization": "Bearer token-of-alice"}
    return await around.browser().send("POST", f"/consents/{session_id}/complete", headers, b"{}")


@abuse(400)
async def a_completion_by_get(around: Around) -> Said:
    session_id, code = await waiting(around, around.browser())
    headers = {"Authorization": "Bearer token-of-alice"}
    return await around.browser().send("GET", f"/consents/{session_id}/complete?code={code}", headers)


# somebody else's page


@abuse(403)
async def a_disconnect_from_another_site(around: Around) -> Said:
    browser = around.browser()
    await around.sign_in(browser)
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    return await browser.post("/accounts/disconnect/calendar", {"form": "x"}, **headers)


@abuse(403)
async def a_disconnect_by_who_is_not_signed_in(around: Around) -> Said:
    browser = around.browser()
    await around.sign_in(browser)
    await browser.go("/accounts")
    _, carried = (await browser.go("/accounts")).form("/sign-out")
    return await browser.post("/accounts/disconnect/calendar", carried)


@abuse(404)
async def a_page_that_there_is_not(around: Around) -> Said:
    return await around.browser().go(f"{PUBLIC}/<script>alert(1)</script>")


@abuse(404)
async def a_file_that_is_not_ours_to_give(around: Around) -> Said:
    return await around.browser().go(f"{PUBLIC}/assets/../application.py")


@abuse(200)
async def a_cookie_that_was_planted(around: Around) -> Said:
    """Whoever plants a cookie before the sign-in doesn't have the one after it."""
    browser = around.browser()
    browser.cookies["__Host-signed-in"] = planted = "A" * 43
    await around.sign_in(browser)
    assert browser.cookies["__Host-signed-in"] != planted
    other = around.browser()
    other.cookies["__Host-signed-in"] = planted
    said = await other.go("/accounts")
    assert said.title == "Your connected accounts"
    return said
