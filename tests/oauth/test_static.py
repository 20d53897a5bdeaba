"""Keys and tokens that the configuration gives."""

from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.oauth.credential import Ask, Credential
from sidecar.oauth.provider import Provider
from sidecar.oauth.static import static
from sidecar.secret import Secret

ASK = Ask(None)
KEY = "sk-live_51/+=~"


def key(**settings: Any) -> Provider:
    return Provider("p", "api_key", "agent", **{"key": Secret(KEY), **settings})


def bearer(token: str) -> Provider:
    return Provider("p", "bearer", "agent", token=Secret(token))


@pytest.mark.parametrize(
    ("provider", "lines"),
    [
        (bearer("abc"), b"Authorization: Bearer abc\r\n"),
        (key(), b"Authorization: sk-live_51/+=~\r\n"),
        (key(header="x-api-key"), b"x-api-key: sk-live_51/+=~\r\n"),
        (key(header="X-Api-Key", prefix="Token "), b"X-Api-Key: Token sk-live_51/+=~\r\n"),
        (key(prefix="Bearer"), b"Authorization: Bearer sk-live_51/+=~\r\n"),
        (key(prefix="Bearer "), b"Authorization: Bearer sk-live_51/+=~\r\n"),
        (key(prefix="Token token="), b"Authorization: Token token=sk-live_51/+=~\r\n"),
        (key(prefix="key-"), b"Authorization: key-sk-live_51/+=~\r\n"),
        (key(basic=True), b"Authorization: Basic c2stbGl2ZV81MS8rPX46\r\n"),
        (key(basic="me"), b"Authorization: Basic bWU6c2stbGl2ZV81MS8rPX4=\r\n"),
        (key(basic="me", key=Secret("a:b")), b"Authorization: Basic bWU6YTpi\r\n"),
        (key(basic="ü", key=Secret("ß")), b"Authorization: Basic w7w6w58=\r\n"),
    ],
)
def test_a_header_is_filled(provider: Provider, lines: bytes) -> None:
    source = static(provider)
    credential = source.ready(ASK)
    assert (credential.lines, credential.query) == (lines, b"")
    assert source.fills == {lines.partition(b":")[0].lower()}
    assert source.parameter == b""


@pytest.mark.parametrize(
    ("name", "value", "query"),
    [
        ("key", KEY, b"key=sk-live_51%2F%2B%3D~"),
        ("api key[]", "a b&c=d", b"api%20key%5B%5D=a%20b%26c%3Dd"),
        ("k", "ü%41", b"k=%C3%BC%2541"),
    ],
)
def test_a_query_parameter_is_filled(name: str, value: str, query: bytes) -> None:
    source = static(key(query=name, key=Secret(value)))
    credential = source.ready(ASK)
    assert (credential.query, credential.lines) == (query, b"")
    assert (source.parameter, source.fills) == (name.encode(), frozenset())


@given(st.text(min_size=1), st.text(min_size=1))
def test_whatever_stands_in_a_query_is_read_back_as_it_was(name: str, value: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in name + value):
        return
    query = static(key(query=name, key=Secret(value))).ready(ASK).query.decode("ascii")
    assert parse_qs(query, strict_parsing=True, encoding="utf-8", errors="strict") == {name: [value]}


async def test_it_is_the_same_for_whoever_asks_and_however() -> None:
    source = static(bearer("abc"))
    assert source.ready(ASK) is await source.obtain(Ask(None, frozenset({"a"}), force=True))
    source.close()


def test_the_token_is_what_is_handed_out() -> None:
    credential = static(key(header="X-Api-Key", prefix="Token ")).ready(ASK)
    assert credential.token.reveal() == KEY
    assert (credential.expires, credential.scopes, credential.token_type) == (None, frozenset(), "api_key")
    assert static(bearer("abc")).ready(ASK).token_type == "Bearer"


def test_a_credential_never_shows_itself() -> None:
    for provider in (bearer(KEY), key(), key(query="k"), key(basic=True)):
        credential = static(provider).ready(ASK)
        shown = repr(credential) + str(credential) + repr(static(provider))
        assert KEY not in shown
        assert "live_51" not in shown
        assert isinstance(credential, Credential)


@pytest.mark.parametrize(
    "provider",
    [
        bearer("a\r\nX-Admin: true"),
        bearer("schlüssel"),
        bearer(""[:0] + "\x00"),
        key(header="X-Api-Key", key=Secret("a\tb")),
        key(basic=True, key=Secret("user:password")),
        key(basic="a:b"),
        Provider("p", "api_key", "agent"),
        Provider("p", "bearer", "agent"),
    ],
)
def test_what_no_header_can_carry_is_no_credential(provider: Provider) -> None:
    with pytest.raises(ValueError, match=r"characters|colon|neither") as refused:
        static(provider)
    assert "password" not in str(refused.value)
