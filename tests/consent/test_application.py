"""The consent listener as browsers see it."""

import logging
import re

import pytest

from sidecar.consent.frame import Place, assets
from sidecar.consent.visit import pairs
from sidecar.wire.http import Response
from tests.consent.around import NAVIGATION, PUBLIC, Around, Said


@pytest.mark.parametrize("path", ["/accounts", "/connect/x", "/nowhere", "/assets/nothing.css", "/consents/x/complete"])
async def test_every_answer_is_kept_to_itself(around: Around, path: str) -> None:
    said = await around.browser().send("GET", path, {})
    policy = said.headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert not any("unsafe" in each or "*" in each for each in policy)
    assert "frame-ancestors 'none'" in policy
    for name, value in (
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("strict-transport-security", "max-age=31536000"),
        ("cache-control", "no-store"),
    ):
        assert said.headers[name] == value
    assert "server" not in said.headers


async def test_files_are_kept_for_ever(around: Around) -> None:
    for name, (kind, content) in assets().items():
        said = await around.browser().send("GET", f"/assets/{name}", {})
        assert said.status == 200
        assert said.headers["content-type"].startswith(kind)
        assert "immutable" in said.headers["cache-control"]
        assert said.text.encode() == content
    assert (await around.browser().send("POST", f"/assets/{name}", {})).status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_are_not_served(around: Around, method: str) -> None:
    said = await around.browser().send(method, "/accounts", {})
    assert (said.status, said.headers["allow"]) == (405, "GET, HEAD")
    said = await around.browser().send(method, "/callback/calendar", {})
    assert (said.status, said.headers["allow"]) == (405, "GET")


async def test_head_is_get_without_a_body(around: Around) -> None:
    said = await around.browser().send("HEAD", "/accounts", {})
    assert (said.status, said.text) == (200, "")


async def test_pages_may_be_below_a_path(around: Around) -> None:
    around.change(place=Place(f"{PUBLIC}/of/travel", "travel-agent"))
    around.idp.redirect_uris = [f"{PUBLIC}/of/travel/login/idp"]
    around.provider.redirect_uris = [f"{PUBLIC}/of/travel/callback/calendar"]
    url, _ = around.ask()
    assert url.startswith(f"{PUBLIC}/of/travel/connect/")
    assert (await around.agree(around.browser(), url)).title == "Calendar is connected"
    assert (await around.browser().go("/accounts")).status == 404


async def test_a_bug_is_shown_as_ours_and_told_in_the_log(around: Around, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> tuple[str, ...]:
        raise RuntimeError("a bug with a secret in it")

    url, _ = around.ask()
    around.change(told=broken)
    said = await around.browser().go(url)
    assert (said.status, said.title) == (500, "Something went wrong")
    assert "secret" not in said.text
    assert "a bug with a secret in it" in caplog.text
    assert reference(said) in caplog.text


async def test_the_reference_that_a_user_is_shown_is_in_the_log_with_the_reason(
    around: Around, caplog: pytest.LogCaptureFixture
) -> None:
    around.provider.fault = Response(500, {}, b"")
    url, _ = around.ask()
    browser = around.browser()
    said = await around.agree(browser, url)
    assert said.title == "The connection didn’t work"
    (told,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert "provider_unreachable: calendar: the token endpoint was answered with status 500" in told
    assert reference(said) in told


@pytest.mark.parametrize(("error", "told"), [("invalid_scope", "the error invalid_scope"), ("a\nb", "an error")])
async def test_a_providers_error_is_in_the_log_where_it_is_a_known_one(
    around: Around, caplog: pytest.LogCaptureFixture, error: str, told: str
) -> None:
    url, _ = around.ask()
    browser = around.browser()
    said = await around.to_provider(browser, url)
    said = await browser.go(around.provider.authorize(said.onward, None, error=error))
    assert said.title == "The connection didn’t work"
    assert f"callback of calendar: {told}" in caplog.text
    assert reference(said) in caplog.text
    assert error not in said.text


def reference(said: Said) -> str:
    found = re.search("Reference: <code>([0-9a-f]{32})</code>", said.text)
    assert found is not None
    return found[1]


async def test_a_reload_is_in_force_at_once(around: Around) -> None:
    assert (await around.browser().go("/accounts")).status == 200
    around.change(place=Place(PUBLIC, "another-agent"))
    assert "another-agent" in (await around.browser().go("/accounts")).words


async def test_in_development_cookies_have_other_names(around: Around) -> None:
    around.change(place=Place("http://127.0.0.1:8082", "travel-agent"))
    async with around.client.get(f"{around.base}/accounts", headers=NAVIGATION) as answer:
        assert answer.headers["Set-Cookie"].startswith("consent-browser=")
        assert "Secure" not in answer.headers["Set-Cookie"]
        assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize("text", ["a=1&a=2", "a=%FF", "&".join(f"a{number}=1" for number in range(65))])
def test_what_can_be_read_in_two_ways_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"twice|codec|fields"):
        pairs(text)


def test_a_query_is_read() -> None:
    assert pairs("a=1&b=%20x&c=") == {"a": "1", "b": " x", "c": ""}
    assert pairs("") == {}
