"""Addresses, hosts, networks, URLs."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from sidecar.settings import addresses
from sidecar.settings.addresses import Url
from sidecar.settings.problem import Misfit
from sidecar.wire.endpoint import Endpoint, Tcp, Unix


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:8080", Tcp("127.0.0.1", 8080)),
        ("0.0.0.0:0", Tcp("0.0.0.0", 0)),
        ("[::1]:80", Tcp("::1", 80)),
        ("[::]:65535", Tcp("::", 65535)),
        ("localhost:8080", Tcp("localhost", 8080)),
        ("Agent.Internal:8080", Tcp("agent.internal", 8080)),
        ("unix:/run/agent.sock", Unix(Path("/run/agent.sock"))),
        ("unix:agent.sock", Unix(Path("agent.sock"))),
    ],
)
def test_an_address_to_listen_on_is_read(text: str, endpoint: Endpoint) -> None:
    assert addresses.listen(text) == endpoint


SHOWN = "Write host:port, such as 127.0.0.1:8080, or unix:/path."


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("8080", "is not an address to listen on", SHOWN),
        ("localhost", "is not an address to listen on", SHOWN),
        ("127.0.0.1:", "is not an address to listen on", SHOWN),
        ("127.0.0.1:65536", "is not an address to listen on", SHOWN),
        ("127.0.0.1:080", "is not an address to listen on", SHOWN),
        ("127.0.0.1:http", "is not an address to listen on", SHOWN),
        (":8080", "names no host", "Write 127.0.0.1:8080 for this machine alone, 0.0.0.0:8080 for every one."),
        ("::1:80", "has an IPv6 address without brackets", 'Write "[::1]:80", in quotes.'),
        ("[127.0.0.1]:80", "has brackets around what is not an IPv6 address", SHOWN),
        ("[x]:80", "has brackets around what is not an IPv6 address", SHOWN),
        ("a b:80", "names no host that can be", "Write a name like  host.example.com, or an address."),
        ("http://127.0.0.1:80", "has an IPv6 address without brackets", 'Write "[http://127.0.0.1]:80", in quotes.'),
        ("127.1:80", "is an address in a spelling that hides it", "Write it in four decimals, such as 127.0.0.1."),
        ("unix:", "names no socket", "Write it like  unix:/run/agent/http.sock"),
        ("unix://run/x", "names no socket", "Write it like  unix:/run/agent/http.sock"),
        ("unix:/run/", "names no socket", "Write it like  unix:/run/agent/http.sock"),
    ],
)
def test_what_cannot_be_listened_on_is_refused_with_a_remedy(text: str, what: str, mend: str) -> None:
    with pytest.raises(Misfit) as refused:
        addresses.listen(text)
    assert (refused.value.what, refused.value.mend) == (what, mend)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("http://127.0.0.1:8000", Tcp("127.0.0.1", 8000)),
        ("http://127.0.0.1:8000/", Tcp("127.0.0.1", 8000)),
        ("http://agent", Tcp("agent", 80)),
        ("http://[::1]:8000", Tcp("::1", 8000)),
        ("http://LOCALHOST:8000", Tcp("localhost", 8000)),
        ("unix:/run/agent.sock", Unix(Path("/run/agent.sock"))),
    ],
)
def test_an_agents_url_is_where_it_listens(text: str, endpoint: Endpoint) -> None:
    assert addresses.agent_url(text) == endpoint


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("127.0.0.1:8000", "is not an absolute http or https URL"),
        ("https://127.0.0.1:8000", "is not http"),
        ("http://127.0.0.1:8000/api", "has a path"),
        ("http://127.0.0.1:8000/?a", "has a query"),
        ("unix:", "names no socket"),
    ],
)
def test_another_url_is_no_agents(text: str, what: str) -> None:
    with pytest.raises(Misfit) as refused:
        addresses.agent_url(text)
    assert refused.value.what == what


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://id.example.com", Url("https", "id.example.com", 443, "")),
        ("https://ID.example.com:8443/realms/a%20b/", Url("https", "id.example.com", 8443, "/realms/a%20b/")),
        ("http://[fd00::1]/x", Url("http", "fd00::1", 80, "/x")),
        ("http://127.0.0.1", Url("http", "127.0.0.1", 80, "")),
    ],
)
def test_a_url_is_taken_apart_and_kept_as_it_was(text: str, url: Url) -> None:
    assert addresses.taken(text) == url
    assert addresses.url(text) == text
    assert addresses.url_with_query(text + "?a=b") == text + "?a=b"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("id.example.com", "is not an absolute http or https URL"),
        ("//id.example.com", "is not an absolute http or https URL"),
        ("ftp://id.example.com", "is not an absolute http or https URL"),
        ("https://", "is not an absolute http or https URL"),
        ("https://id.example.com/a b", "is not an absolute http or https URL"),
        ("https://größer.example", "is not an absolute http or https URL"),
        ("https://id.example.com\n", "is not an absolute http or https URL"),
        ("https://alice:secret@id.example.com", "holds a user name"),
        ("https://id.example.com/#part", "has a fragment"),
        ("https://id.example.com/?query", "has a query"),
        ("https://id.example.com:0", "names no host that can be"),
        ("https://id.example.com:99999", "is not a URL"),
        ("https://id.example.com:port", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://[x::1]", "is not a URL"),
        ("https://-host", "names no host that can be"),
        ("https://host..example", "names no host that can be"),
        ("https://0x7f000001", "is an address in a spelling that hides it"),
        ("https://2130706433", "is an address in a spelling that hides it"),
        ("https://127.0.0.256", "is an address in a spelling that hides it"),
    ],
)
def test_what_is_no_url_is_refused_with_a_remedy(text: str, what: str) -> None:
    with pytest.raises(Misfit) as refused:
        addresses.url(text)
    assert refused.value.what == what
    assert refused.value.mend.startswith("Write ")
    assert "secret" not in refused.value.mend


def test_hosts_addresses_and_networks_are_read() -> None:
    assert addresses.host("ID.Example.com.") == "id.example.com."
    assert addresses.address("fd00::1") == "fd00::1"
    assert addresses.network("10.0.0.0/8") == ip_network("10.0.0.0/8")
    assert addresses.network("10.1.2.3") == ip_network("10.1.2.3/32")
    assert addresses.network("fd00::/8") == ip_network("fd00::/8")


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("10.0.0.1/8", "has bits beyond its prefix", "Write 10.0.0.0/8, or 10.0.0.1 for the one address."),
        ("10.0.0.0/33", "is not a network", "Write it like  10.0.0.0/8  or  fd00::/8"),
        ("proxy", "is not a network", "Write it like  10.0.0.0/8  or  fd00::/8"),
    ],
)
def test_what_is_no_network_is_refused_with_a_remedy(text: str, what: str, mend: str) -> None:
    with pytest.raises(Misfit) as refused:
        addresses.network(text)
    assert (refused.value.what, refused.value.mend) == (what, mend)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(Misfit, match="is not an IP address"):
        addresses.address("localhost")


@pytest.mark.parametrize(
    ("name", "loopback", "unspecified"),
    [
        ("127.0.0.1", True, False),
        ("127.8.8.8", True, False),
        ("::1", True, False),
        ("localhost", True, False),
        ("LOCALHOST.", True, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("10.0.0.1", False, False),
        ("api.example.com", False, False),
        ("localhost.example.com", False, False),
        ("127.0.0.1.example.com", False, False),
    ],
)
def test_hosts_are_told_apart(name: str, loopback: bool, unspecified: bool) -> None:
    assert addresses.loopback(name) is loopback
    assert addresses.unspecified(name) is unspecified


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.1", "::1", "fd00::1"])
def test_an_address_is_read_as_one(text: str) -> None:
    assert str(addresses.parsed(text)) == text
    assert addresses.parsed(f"{text}.example.com") is None
