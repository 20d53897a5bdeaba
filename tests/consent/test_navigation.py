"""What a browser says of how a request came about."""

import pytest

from sidecar.consent.navigation import arrives, form_holds, form_token, looked_ahead, own

ORIGIN = "https://accounts.example"
NAVIGATE = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    ("fields", "is_so"),
    [
        ({}, False),
        ({"sec-purpose": "prefetch"}, True),
        ({"sec-purpose": "prefetch;prerender"}, True),
        ({"purpose": "Prefetch"}, True),
        ({"purpose": "preview"}, True),
        ({"x-moz": "prefetch"}, True),
    ],
)
def test_fetching_ahead_is_told(fields: dict[str, str], is_so: bool) -> None:
    assert looked_ahead(fields) is is_so
    assert arrives(fields) is not is_so


@pytest.mark.parametrize(
    ("fields", "is_so"),
    [
        ({}, True),
        (NAVIGATE, True),
        ({**NAVIGATE, "sec-fetch-dest": "iframe"}, False),
        ({**NAVIGATE, "sec-fetch-mode": "no-cors"}, False),
        ({"sec-fetch-mode": "cors"}, False),
        ({"sec-fetch-dest": "image"}, False),
    ],
)
def test_only_a_whole_page_arrives(fields: dict[str, str], is_so: bool) -> None:
    assert arrives(fields) is is_so


@pytest.mark.parametrize(
    ("fields", "is_so"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"origin": ORIGIN}, True),
        ({"origin": ORIGIN, "sec-fetch-site": "same-origin"}, True),
        ({"origin": ORIGIN, "sec-fetch-site": "same-site"}, False),
        ({"origin": ORIGIN, "sec-fetch-site": "none"}, False),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, False),
        ({"origin": ORIGIN + ".evil.example"}, False),
        ({"origin": ORIGIN.upper()}, False),
        ({"origin": "http://accounts.example"}, False),
        ({"origin": ORIGIN, "sec-fetch-dest": "iframe"}, False),
    ],
)
def test_a_form_of_ours_says_so(fields: dict[str, str], is_so: bool) -> None:
    assert own(fields, ORIGIN) is is_so


def test_a_forms_token_is_for_one_browser_and_one_form() -> None:
    token = form_token(b"k" * 32, "cookie", "/accounts")
    assert form_holds(b"k" * 32, "cookie", "/accounts", token)
    for key, cookie, path, said in (
        (b"x" * 32, "cookie", "/accounts", token),
        (b"k" * 32, "other", "/accounts", token),
        (b"k" * 32, "cookie", "/connect", token),
        (b"k" * 32, None, "/accounts", token),
        (b"k" * 32, "cookie", "/accounts", None),
        (b"k" * 32, "cookie", "/accounts", token + "x"),
        (b"k" * 32, "cookie", "/accounts", "é\udcff"),
    ):
        assert not form_holds(key, cookie, path, said)
