"""Destinations: what has one reading, and that nothing else has any."""

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.egress.destination import Destination, authority
from sidecar.errors import BadRequest

LABEL = "a" * 63


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("api.example.com", "api.example.com", 443),
        ("API.Example.COM:8443", "api.example.com", 8443),
        ("localhost:1", "localhost", 1),
        ("a:65535", "a", 65535),
        ("_dmarc.a_b.example", "_dmarc.a_b.example", 443),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", 443),
        ("3com.example", "3com.example", 443),
        ("0xabad1dea.example", "0xabad1dea.example", 443),
        ("1.2.3.4.example", "1.2.3.4.example", 443),
        ("a--b.example", "a--b.example", 443),
        (f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}", f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}", 443),
        ("93.184.216.34", "93.184.216.34", 443),
        ("127.0.0.1:8181", "127.0.0.1", 8181),
        ("[::1]", "::1", 443),
        ("[::1]:8181", "::1", 8181),
        ("[2001:DB8:0:0:0:0:0:7]:443", "2001:db8::7", 443),
        ("[2001:0db8::0007]", "2001:db8::7", 443),
    ],
)
def test_what_has_one_reading(text: str, host: str, port: int) -> None:
    assert authority(text.encode(), 443) == (host, port)


HIDDEN = [
    *("127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "0X7F.1", "127.0.0.01"),
    *("0177.0.0.1", "127.0.0.0x1", "127.0.0.1.1", "1.2.3", "256.0.0.1", "a.1", "example.0x", "0", "0x"),
]
NO_NAMES = [
    *("", ".", "..", "a..b", ".a", "a.", "127.0.0.1.", "localhost.", "-a", "a-", "a.-b", "a" * 64),
    f"{LABEL}.{LABEL}.{LABEL}.{'a' * 62}",
    *("user@api.example.com", "user:pass@api.example.com", "api.example.com@evil.example"),
    *("api.example.com/", "api.example.com/@evil.example", "api.example.com?x", "api.example.com#@evil.example"),
    *("api.example.com\\@evil.example", "api.example.com\\", "a b", " a", "a ", "a\t", "a\r\n", "a\n", "a\0", "a\x7f"),
    *("a,b", "a;b", "a&b", "a=b", "a+b", "a*b", "*.example.com", "a%2ecom", "%61.example", "127.0.0.1%00.example"),
    *(
        "bücher.example",
        "\u0430pple.example",
        "api。example.com",
        "api\uff0eexample.com",
        "①②⑦.⓪.⓪.①",
        "\uff11\uff12\uff17.0.0.1",
    ),
    *("api.example.com\u200b", "\uff41pi.example.com", "ß.example", "a\u0301.example"),
]
NO_PORTS = [
    *("a:", "a:0", "a:00", "a:0443", "a:65536", "a:99999", "a:443443443", "a:+443", "a:-1", "a: 443", "a:443 "),
    *("a:443\n", "a:0x1bb", "a:4_43", "a:٤٤٣", "a:https", "a:443:80", "a:80@b", "a:443/", "::1", "::1:80", ":443"),
    *("[::1]:", "[::1]:0", "[::1]:65536", "[::1]:x"),
]
NO_BRACKETS = [
    *("[", "[]", "[::1", "[::1]x", "[::1]443", "[::1]]", "[[::1]]", "[127.0.0.1]", "[api.example.com]", "[v1.a]"),
    *("[:::]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[12345::]", "[::1%25lo]", "[::1%lo]", "[fe80::1%25eth0]:80"),
    *(
        "[fe80::1%1]",
        "[::1%]",
        "[::1/64]",
        "[::127.1]",
        "[::ffff:0x7f.0.0.1]",
        "[\uff1a\uff1a1]",
        "[ ::1]",
        "[::\u0661]",
    ),
]


@pytest.mark.parametrize("text", [*HIDDEN, *NO_NAMES, *NO_PORTS, *NO_BRACKETS])
def test_what_could_be_read_in_two_ways_or_in_none(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        authority(text.encode(), 443)
    assert caught.value.detail.startswith("Write the destination as host:port")
    if not set("/?#") & set(text):  # what ends an authority in a URL
        with pytest.raises(ValueError, match=r"^the destination"):
            Destination.of_url(f"https://{text}")


@pytest.mark.parametrize("text", ["a", "[::1]", "127.0.0.1"])
def test_connect_names_its_port(text: str) -> None:
    with pytest.raises(BadRequest, match="names no port"):
        authority(text.encode(), None)
    assert authority(f"{text}:80".encode(), None)[1] == 80


@given(st.binary(max_size=40) | st.text("a1.:[]%@-x0F", max_size=20).map(str.encode))
def test_whatever_is_read_reads_the_same_again(text: bytes) -> None:
    try:
        host, port = authority(text, 443)
    except BadRequest:
        return
    once = Destination("http", host, port)
    assert authority(once.authority, 80) == (host, port)
    assert re.fullmatch(r"[a-z0-9_.-]+|[0-9a-f:.]+", host)
    assert text.lower().startswith(host.encode()) or text.startswith(b"[")


@given(st.ip_addresses(v=6), st.integers(1, 65535))
def test_every_spelling_of_an_ipv6_address_is_one_destination(address: object, port: int) -> None:
    parsed = ip_address(str(address))
    spellings = (parsed.compressed, parsed.exploded, parsed.exploded.upper())
    assert len({authority(f"[{text}]:{port}".encode(), None) for text in spellings}) == 1


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "named"),
    [
        ("https://api.example.com", "https", "api.example.com", 443, "api.example.com"),
        ("https://api.example.com:443/v1/", "https", "api.example.com", 443, "api.example.com"),
        ("https://API.example.com:8443?x=@y", "https", "api.example.com", 8443, "api.example.com:8443"),
        ("http://api.example.com:443#x", "http", "api.example.com", 443, "api.example.com:443"),
        ("http://127.0.0.1:9000/mcp", "http", "127.0.0.1", 9000, "127.0.0.1:9000"),
        ("http://[::1]/mcp", "http", "::1", 80, "[::1]"),
        ("https://[::1]:80/mcp", "https", "::1", 80, "[::1]:80"),
    ],
)
def test_where_a_url_leads_and_what_its_host_is_called(url: str, scheme: str, host: str, port: int, named: str) -> None:
    destination = Destination.of_url(url)
    assert destination == Destination(scheme, host, port)
    assert destination.authority == named.encode()
    assert str(destination) == f"{scheme}://{named}"


@pytest.mark.parametrize(
    "url",
    [
        *("api.example.com", "//api.example.com", "HTTPS://api.example.com", "ftp://api.example.com", "https:/a", ""),
        *("https://", "https:///a", "https://user@a", "https://a.", "https://127.1", "https://a:0", "https://a\\b"),
    ],
)
def test_what_is_no_url_that_a_request_could_ask_for(url: str) -> None:
    with pytest.raises(ValueError, match=r"the destination|an http or https URL"):
        Destination.of_url(url)
