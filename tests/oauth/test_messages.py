"""The messages to and from authorization servers."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import GrantDead, ProviderRefused, Refusal
from sidecar.oauth.messages import (
    MOST_BYTES,
    MOST_LIFETIME,
    MOST_TOKEN,
    Granted,
    Reading,
    Way,
    client_assertion,
    granted,
    proved,
    token_request,
)
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.wire.http import Request, Response

NOW = 1795515001.0
URL = "https://as.example.com/token"
SECRET = "s:e%c+r&t=/ ~"
GOOD: dict[str, Any] = {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}


def provider(**settings: Any) -> Provider:
    usual = {"client_id": "the client:1", "client_secret": Secret(SECRET), "grant": "client_credentials"}
    return Provider("crm", "oauth2", "agent", **{**usual, **settings})


def asked(one: Provider, *scopes: str, assertion: str | None = None) -> Request:
    return token_request(one, URL, frozenset(scopes), assertion, 7.0)


def form(request: Request) -> dict[str, str]:
    fields = parse_qs(request.body.decode("ascii"), strict_parsing=True, keep_blank_values=True)
    assert all(len(values) == 1 for values in fields.values())
    return {name: value for name, (value,) in fields.items()}


def said(body: Any, status: int = 200, **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, headers, raw)


def read(body: Any, status: int = 200, **headers: str) -> Granted:
    return granted(said(body, status, **headers), "crm", NOW)


# asking


def test_by_basic_the_client_is_form_encoded_first() -> None:
    request = asked(provider(), "b", "a")
    scheme, _, pair = request.headers["Authorization"].partition(" ")
    client, secret = base64.b64decode(pair, validate=True).decode("ascii").split(":")
    assert (scheme, unquote_plus(client), unquote_plus(secret)) == ("Basic", "the client:1", SECRET)
    assert form(request) == {"grant_type": "client_credentials", "scope": "a b"}
    assert (request.url, request.method, request.seconds) == (URL, "POST", 7.0)
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_by_post_it_is_in_the_form_alone() -> None:
    request = asked(provider(client_auth="post"))
    assert form(request) == {
        "grant_type": "client_credentials",
        "client_id": "the client:1",
        "client_secret": SECRET,
    }
    assert "Authorization" not in request.headers


def test_by_a_key_there_is_no_secret() -> None:
    request = asked(provider(client_auth="private_key_jwt"), "a", assertion="x.y.z")
    assert form(request) == {
        "grant_type": "client_credentials",
        "scope": "a",
        "client_id": "the client:1",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "x.y.z",
    }
    assert "Authorization" not in request.headers
    assert b"s%3Ae" not in request.body


def test_audience_and_resource_go_along() -> None:
    request = asked(provider(audience="https://api.example.com/", resource="https://r.example.com/x"))
    assert form(request)["audience"] == "https://api.example.com/"
    assert form(request)["resource"] == "https://r.example.com/x"
    assert "scope" not in form(request)


def test_a_clients_assertion_is_good_in_one_place_for_a_minute() -> None:
    assert client_assertion("c", URL, "j", NOW + 0.7) == {
        "iss": "c",
        "sub": "c",
        "aud": URL,
        "jti": "j",
        "iat": 1795515001,
        "exp": 1795515061,
    }


def test_a_request_never_shows_its_secret() -> None:
    for auth in ("basic", "post"):
        shown = repr(asked(provider(client_auth=auth)))
        assert "s:e" not in shown
        assert "Basic" not in shown
        assert "s%3Ae" not in shown


# its answer


def test_a_good_answer_is_a_token() -> None:
    one = read({**GOOD, "scope": "b a  c"})
    assert (one.token.reveal(), one.lifetime, one.scopes) == ("abc", 3600.0, frozenset("abc"))
    assert read(GOOD).scopes is None
    assert read({**GOOD, "scope": ""}).scopes == frozenset()
    assert read({**GOOD, "scope": {"a": 1}}).scopes is None
    assert read({**GOOD, "scope": ["a", 7, "b c"]}).scopes == frozenset("abc")
    assert read({**GOOD, "more": {"deep": [1]}}, 201).token.reveal() == "abc"


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", None])
def test_a_bearer_token_is_one_however_it_is_spelled(kind: str | None) -> None:
    body = {name: value for name, value in {**GOOD, "token_type": kind}.items() if value is not None}
    assert read(body).token.reveal() == "abc"


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (3600, 3600.0),
        ("3600", 3600.0),
        ("3599.5", 3599.5),
        (0.5, 0.5),
        (10**400, MOST_LIFETIME),
        (1e308, MOST_LIFETIME),
        ("999999999999999", MOST_LIFETIME),
        ("9" * 400, None),
        (0, None),
        (-1, None),
        ("-1", None),
        ("", None),
        ("1e9", None),
        ("soon", None),
        (True, None),
        (None, None),
        ([3600], None),
        ({"seconds": 3600}, None),
    ],
)
def test_how_long_a_token_lives_is_believed_within_bounds(expires_in: Any, lifetime: float | None) -> None:
    assert read({**GOOD, "expires_in": expires_in}).lifetime == lifetime


def test_without_a_word_on_it_nobody_knows_how_long_a_token_lives() -> None:
    assert read({"access_token": "abc", "token_type": "Bearer"}).lifetime is None
    assert read(b'{"access_token":"abc","expires_in":1e999}').lifetime == MOST_LIFETIME


@pytest.mark.parametrize(
    "body",
    [
        {**GOOD, "access_token": ""},
        {**GOOD, "access_token": None},
        {**GOOD, "access_token": 7},
        {**GOOD, "access_token": ["abc"]},
        {**GOOD, "access_token": "a\r\nX-Admin: 1"},
        {**GOOD, "access_token": "a\x00b"},
        {**GOOD, "access_token": "a b"},
        {**GOOD, "access_token": "ä"},
        {**GOOD, "access_token": "a" * (MOST_TOKEN + 1)},
        {**GOOD, "access_token": "a" * (1 << 20)},
        {**GOOD, "token_type": "DPoP"},
        {**GOOD, "token_type": "mac"},
        {**GOOD, "token_type": "N_A"},
        {**GOOD, "token_type": ["Bearer"]},
        {"token_type": "Bearer"},
        {},
        [GOOD],
        "abc",
        None,
        b"",
        b"<html>Sign in</html>",
        b"access_token=abc&token_type=bearer",
        b'{"access_token":"abc"',
        b'{"access_token":"abc","access_token":"abd"}',
        b'{"access_token":"abc","expires_in":NaN}',
        b'{"access_token":"\xff"}',
        b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
        b'"' + b"a" * MOST_BYTES + b'"',
    ],
    ids=lambda body: repr(body)[:40],
)
def test_an_answer_that_makes_no_sense_is_no_token(body: Any) -> None:
    with pytest.raises(ProviderRefused) as refused:
        read(body)
    assert refused.value.status == 502
    assert "abc" not in refused.value.reason + refused.value.detail
    assert len(refused.value.reason) < 200


def test_the_longest_token_is_one() -> None:
    assert len(read({**GOOD, "access_token": "a" * MOST_TOKEN}).token.reveal()) == MOST_TOKEN


@pytest.mark.parametrize(
    ("error", "status", "mends"),
    [
        ("invalid_client", 401, "client_secret"),
        ("invalid_client", 400, "client_auth"),
        ("unauthorized_client", 400, "client_credentials"),
        ("unsupported_grant_type", 400, "client_credentials"),
        ("invalid_scope", 400, "scopes"),
        ("invalid_target", 400, "resource"),
        ("invalid_request", 400, "audience"),
        ("invalid_grant", 400, "providers.crm"),
        ("access_denied", 403, "providers.crm"),
        ("invalid_client", 200, "client_secret"),
    ],
)
def test_an_error_says_what_to_check(error: str, status: int, mends: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        read(
            {"error": error, "error_description": f"no: {SECRET} hunter2", "error_uri": "https://evil.example"}, status
        )
    refusal = refused.value
    assert (refusal.code, refusal.status, refusal.retry_after) == ("provider_unreachable", 502, None)
    assert mends in refusal.detail
    assert error in refusal.reason
    assert error not in refusal.detail or error == mends
    for text in (refusal.reason, refusal.detail):
        assert SECRET not in text
        assert "hunter2" not in text
        assert "evil" not in text


@pytest.mark.parametrize("error", ["hunter2", "a" * 10_000, "", 7, None, ["invalid_client"], "invalid_client\r\n"])
def test_an_error_that_nobody_knows_is_not_repeated(error: Any) -> None:
    with pytest.raises(ProviderRefused) as refused:
        read({"error": error}, 400)
    assert "an error of its own" in refused.value.reason
    assert "hunter2" not in refused.value.reason + refused.value.detail


def test_of_microsofts_errors_the_number_is_kept() -> None:
    text = "AADSTS7000215: Invalid client secret provided. hunter2"
    with pytest.raises(ProviderRefused, match=r"invalid_client \(status 401, AADSTS7000215\)$") as refused:
        read({"error": "invalid_client", "error_description": text}, 401)
    assert "AADSTS" not in refused.value.detail


@pytest.mark.parametrize(
    ("status", "body", "headers", "code", "wait"),
    [
        (429, b"slow down", {"retry-after": "17"}, "rate_limited", 17),
        (429, b"", {}, "rate_limited", 1),
        (429, b"", {"retry-after": "nonsense"}, "rate_limited", 1),
        (429, b"", {"retry-after": "86400"}, "rate_limited", 3600),
        (429, b"", {"retry-after": "Tue, 24 Nov 2026 10:10:31 GMT"}, "rate_limited", 30),
        (503, b"<html>", {"retry-after": "5"}, "provider_unreachable", 5),
        (500, b'{"error":"server_error"}', {}, "provider_unreachable", 1),
        (502, b"", {}, "provider_unreachable", 1),
        (500, b"{}", {}, "provider_unreachable", 1),
        (599, b"", {}, "provider_unreachable", 1),
        (400, b'{"error":"temporarily_unavailable"}', {"retry-after": "9"}, "provider_unreachable", 9),
        (400, b'{"error":"slow_down"}', {}, "provider_unreachable", 1),
        (301, b"", {"location": "https://evil.example"}, "provider_unreachable", None),
        (404, b"<html>Not found</html>", {}, "provider_unreachable", None),
        (401, b"", {}, "provider_unreachable", None),
    ],
)
def test_a_server_that_fails_or_limits_is_told_from_one_that_refuses(
    status: int, body: bytes, headers: dict[str, str], code: str, wait: int | None
) -> None:
    with pytest.raises(Refusal) as refused:
        read(body, status, **headers)
    assert (refused.value.code, refused.value.retry_after) == (code, wait)
    assert str(status) in refused.value.reason
    assert "evil" not in refused.value.reason + refused.value.detail


@given(st.binary(max_size=200), st.integers(200, 599), st.text(max_size=20))
def test_whatever_answers_is_refused_in_order(body: bytes, status: int, header: str) -> None:
    with pytest.raises(Refusal) as refused:
        granted(Response(status, {"retry-after": header}, body), "crm", NOW)  # no bytes by chance are a good answer
    assert refused.value.status in (429, 502)


@given(
    st.dictionaries(
        st.sampled_from(["access_token", "token_type", "expires_in", "scope", "error", "error_description"]),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.text()),
    )
)
def test_whatever_members_say_a_token_fits_a_header_and_a_life_is_bounded(members: dict[str, Any]) -> None:
    try:
        one = read(members)
    except Refusal:
        return
    assert one.token.reveal().isascii()
    assert one.token.reveal().isprintable()
    assert one.lifetime is None or 0 < one.lifetime <= MOST_LIFETIME


# what providers do differently


def test_a_refresh_token_is_read_as_carefully_as_the_other() -> None:
    one = read({**GOOD, "refresh_token": "r", "refresh_token_expires_in": 400 * 86400})
    assert one.refresh_token is not None
    assert (one.refresh_token.reveal(), one.refresh_lifetime) == ("r", 400 * 86400.0)
    assert read({**GOOD, "refresh_token": None}).refresh_token is None
    assert read({**GOOD, "refresh_token": ""}).refresh_token is None
    assert "abc" not in repr(one)
    for bad in ("a b", "a\nb", 7, ["r"], "x" * (MOST_TOKEN + 1)):
        with pytest.raises(ProviderRefused):
            read({**GOOD, "refresh_token": bad})


def test_a_form_is_read_where_it_is_said_to_be_one() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    one = granted(Response(200, headers, b"access_token=abc&token_type=bearer&scope=a+b"), "crm", NOW)
    assert (one.token.reveal(), one.scopes) == ("abc", frozenset("ab"))
    for bad in (b"access_token=a&access_token=b", b"access_token", b"\xff=a", b"", b"access_token=%ff"):
        with pytest.raises(ProviderRefused):
            granted(Response(200, headers, bad), "crm", NOW)


def test_a_proof_takes_the_form_that_the_provider_wants() -> None:
    one = provider()
    plain = proved(one, URL, {"a": "b"}, None, 7.0, Way("basic", plain=True, as_json=True, headers={"X-A": "1"}))
    pair = base64.b64decode(plain.headers["Authorization"].partition(" ")[2]).decode()
    assert pair == f"the client:1:{SECRET}"
    assert (plain.headers["Content-Type"], json.loads(plain.body)) == ("application/json", {"a": "b"})
    assert plain.headers["X-A"] == "1"
    bare = proved(one, URL, {}, None, 7.0, Way("none", method="DELETE"))
    assert (bare.method, bare.body, dict(bare.headers)) == ("DELETE", b"", {})


def test_what_an_error_means_is_the_readings_affair() -> None:
    reading = Reading(
        lambda said: {"error": "invalid_grant"}, {"invalid_grant": GrantDead}, {"invalid_grant": "Ask {0}."}
    )
    with pytest.raises(GrantDead) as refused:
        granted(said({"odd": True}), "crm", NOW, reading=reading)
    assert refused.value.detail == "Ask crm."
