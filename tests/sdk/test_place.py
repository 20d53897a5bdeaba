"""Which way a request goes."""

import pytest

from sidecar.sdk.place import Place, Way, split

SIDECAR, PROXIED, DIRECT = Way
NO_PROXY = "127.0.0.1,localhost,.internal,example.org,db.example.net:5432,10.0.0.0/8,fd00::/8,[::1]"


@pytest.mark.parametrize(
    ("url", "way"),
    [
        ("http://127.0.0.1:8181/to/github/user", SIDECAR),
        ("http://localhost:8181/v1/principal", SIDECAR),
        ("http://LOCALHOST:8181/v1/principal", SIDECAR),
        ("http://[::1]:8181/v1/principal", SIDECAR),
        ("ws://127.0.0.1:8181/to/live", SIDECAR),
        ("https://127.0.0.1:8181/", DIRECT),
        ("http://127.0.0.1:8182/", DIRECT),
        ("http://127.0.0.1/", DIRECT),
        ("http://127.0.0.1.evil.example:8181/", PROXIED),
        ("http://127.0.0.2:8181/", PROXIED),
        ("https://api.github.com/user", PROXIED),
        ("http://api.github.com/user", PROXIED),
        ("https://store.internal/", DIRECT),
        ("https://internal/", DIRECT),
        ("https://notinternal/", PROXIED),
        ("https://example.org/", DIRECT),
        ("https://EXAMPLE.org:8443/", DIRECT),
        ("https://a.example.org/", DIRECT),
        ("https://example.org.evil.example/", PROXIED),
        ("http://db.example.net:5432/", DIRECT),
        ("http://db.example.net/", PROXIED),
        ("https://10.1.2.3/", DIRECT),
        ("https://11.1.2.3/", PROXIED),
        ("https://[fd12::1]/", DIRECT),
        ("https://[2001:db8::1]/", PROXIED),
        ("https://[::1]/", DIRECT),
    ],
)
def test_only_what_the_sidecar_sees_is_the_sidecars(url: str, way: Way) -> None:
    place = Place.found({"NO_PROXY": NO_PROXY})
    parts = split(url)
    assert parts is not None
    assert place.way(parts.scheme, parts.hostname or "", parts.port) is way


@pytest.mark.parametrize("no_proxy", ["*", "a.example, *"])
def test_everything_can_go_past_the_sidecar_but_its_own(no_proxy: str) -> None:
    place = Place.found({"no_proxy": no_proxy})
    assert place.way("https", "api.github.com", None) is DIRECT
    assert place.way("http", "127.0.0.1", 8181) is SIDECAR


@pytest.mark.parametrize("no_proxy", ["", " , ", ".", "[]", "300.1.1.1/8"])
def test_what_names_nothing_sends_nothing_past_it(no_proxy: str) -> None:
    assert Place.found({"NO_PROXY": no_proxy}).way("https", "api.github.com", None) is PROXIED


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("", "http://127.0.0.1:8181"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("http://sidecar", "http://sidecar:80"),
        ("http://[::1]:8181", "http://[::1]:8181"),
        ("unix:/run/sidecar/egress.sock", "unix:/run/sidecar/egress.sock"),
    ],
)
def test_it_is_where_the_environment_says(url: str, found: str) -> None:
    assert Place.found({"SIDECAR_URL": url}).url == found


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:8181", "127.0.0.1:8181", "http://127.0.0.1:8181/to/x", "http://", "http://[::1", "http://a:b"],
)
def test_another_place_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="SIDECAR_URL"):
        Place.found({"SIDECAR_URL": url})


@pytest.mark.parametrize(
    ("proxy", "agent"),
    [
        ("http://ag_secret:@127.0.0.1:8181", "ag_secret"),
        ("http://ag%5Fsecret:@localhost:8181/", "ag_secret"),
        ("http://127.0.0.1:8181", None),
        ("http://ag_secret:@proxy.example:8181", None),
        ("http://ag_secret:@127.0.0.1:3128", None),
        ("http://ag_secret:@[", None),
        ("", None),
    ],
)
def test_the_agents_own_handle_is_that_of_its_proxy_url(proxy: str, agent: str | None) -> None:
    place = Place.found({"HTTPS_PROXY": proxy})
    assert place.agent == agent
    assert "secret" not in repr(place)


AT = "https://accounts.example.com"


@pytest.mark.parametrize(
    ("consent", "url", "own"),
    [
        (None, f"{AT}/connect/abc", True),
        (None, f"{AT}:8443/below/connect/abc", True),
        (None, "http://127.0.0.1:8082/connect/abc", True),
        (None, "http://[::1]:8082/connect/abc", True),
        (None, "http://accounts.example.com/connect/abc", False),
        (None, "ftp://accounts.example.com/connect/abc", False),
        (None, "https:///connect/abc", False),
        (None, "//accounts.example.com/connect/abc", False),
        (None, "https://alice@accounts.example.com/connect/abc", False),
        (None, f"{AT}?to=/connect/abc", False),
        (None, f"{AT}/connect/abc?to=/connect/abc", False),
        (None, f"{AT}/#/connect/abc", False),
        (None, f"{AT}/connect/abcd", False),
        (None, f"{AT}/connect/abc/", False),
        (None, f"{AT}\\@evil.example/connect/abc", False),
        (None, f"{AT}/ /connect/abc", False),
        (None, f"{AT}/\n/connect/abc", False),
        (None, "https://[broken/connect/abc", False),
        (AT, f"{AT}/connect/abc", True),
        (f"{AT}/", f"{AT}/connect/abc", True),
        (f"{AT}/below", f"{AT}/below/connect/abc", True),
        (AT, f"{AT}.evil.example/connect/abc", False),
        (AT, f"{AT}/below/connect/abc", False),
        (AT, "http://127.0.0.1:8082/connect/abc", False),
        ("http://127.0.0.1:8082", "http://127.0.0.1:8082/connect/abc", True),
    ],
)
def test_a_page_where_users_agree_is_the_sidecars_own(consent: str | None, url: str, own: bool) -> None:
    environ = {} if consent is None else {"SIDECAR_CONSENT_URL": consent}
    for place in (Place.found(environ), Place.found(environ | {"SIDECAR_URL": "unix:/run/egress.sock"})):
        assert place.asks_at(url, "abc") is own


@pytest.mark.parametrize("session", ["", "a/b", "..", "a?b", "a b", "é"])
def test_a_session_is_named_as_the_sidecar_names_them(session: str) -> None:
    assert not Place.found({}).asks_at(f"{AT}/connect/{session}", session)
