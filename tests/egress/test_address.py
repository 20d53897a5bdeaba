"""Addresses: which may be connected to, by block, by what they hold, and by whose they are."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.egress.address import BLOCKS, Address, Admitted, Network, Own, held, opens, refused
from tests.child import ROOT

HERE = ip_address("10.0.0.5")
Networks = tuple[str, ...]


def own(*ports: int) -> Own:
    made = Own(lambda address: address == HERE)
    for port in ports:
        made.add(port)
    return made


def why(text: str, private: bool | Networks = False, port: int = 443, listeners: Own | None = None) -> str | None:
    networks = private if isinstance(private, bool) else tuple(map(ip_network, private))
    return refused(ip_address(text), port, private=networks, own=listeners or own())


PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.0.0.1"),
    *("128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255"),
    *("192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15", "168.63.129.17", "1.0.0.0"),
    *("2600::1", "2a00:1450:4001:82b::200e", "2001:4860:4860::8888", "2001:200::1", "2003::1", "2620:4f:8000::1"),
    *("::ffff:8.8.8.8", "2600::5efe:808:808", "2600::200:5efe:808:808"),
]
PRIVATE = [
    *("10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"),
    *(
        "127.0.0.0",
        "127.0.0.1",
        "127.255.255.255",
        "100.64.0.0",
        "100.100.100.199",
        "100.100.100.201",
        "100.127.255.255",
    ),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1"),
    *(
        "::1",
        "fc00::1",
        "fd00::1",
        "fdff:ffff::1",
        "fd00:ec1::254",
        "fd20:ce::253",
        "fec0::1",
        "2001:db8::1",
        "3fff::1",
    ),
    *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b:1::808:808"),
    *("2002:808:808::1", "2002:a00:1::1", "2600::5efe:a00:1", "fd00::200:5efe:7f00:1", "64:ff9b:1:808:8:800::"),
]
NEVER = [
    *("0.0.0.0", "0.0.0.1", "0.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.0.8", "192.0.0.255"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.254", "255.255.255.255"),
    *("::", "fe80::1", "febf::1", "fe80::a9fe:a9fe", "ff02::1", "ff0e::1", "fd00:ec2::254", "fd00:ec2::23"),
    *("fd20:ce::254", "fd00:42::42", "::7f00:1", "::a9fe:a9fe", "::ffff:0:127.0.0.1", "100::1", "2001::1", "2001:2::1"),
    *("2001:20::1", "5f00::1", "4000::1", "ffff::1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:224.0.0.1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b::0.0.0.0", "64:ff9b::100.100.100.200", "2002:a9fe:a9fe::", "2002:a83f:8110::1"),
    *("2600::5efe:a9fe:a9fe", "2600::200:5efe:c000:c0", "2001:0:808:808::f7f7:f7f7", "fe80::5efe:808:808", "fe80::1%1"),
    # the prefix that networks divide as they like, at 48, 56, 64 and 96 bits
    *("64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1:0:a9:fea9:fe00:0", "64:ff9b:1::a9fe:a9fe"),
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_for_every_route(text: str) -> None:
    assert why(text) is None
    assert why(text, ("10.0.0.0/8",)) is None


@pytest.mark.parametrize("text", PRIVATE)
def test_what_the_internet_does_not_route_is_for_routes_that_say_so(text: str) -> None:
    assert why(text) is not None
    assert why(text, True) is None
    assert why(text, ("10.99.0.0/16", "fd99::/16")) is not None
    assert why(text, ("0.0.0.0/0", "::/0")) is None


@pytest.mark.parametrize("text", NEVER)
def test_some_are_for_no_route_whatever_it_says(text: str) -> None:
    assert why(text) is not None
    assert why(text, True) is not None
    assert why(text, ("0.0.0.0/0", "::/0")) is not None


@pytest.mark.parametrize(
    ("text", "networks", "admitted"),
    [
        ("10.1.2.3", ("10.1.0.0/16",), True),
        ("10.2.2.3", ("10.1.0.0/16",), False),
        ("::ffff:10.1.2.3", ("10.1.0.0/16",), True),
        ("::ffff:10.2.2.3", ("10.1.0.0/16",), False),
        ("64:ff9b::8.8.8.8", ("64:ff9b::/96",), True),
        ("64:ff9b::10.1.2.3", ("64:ff9b::/96",), False),
        ("64:ff9b::10.1.2.3", ("10.1.0.0/16",), False),
        ("64:ff9b::10.1.2.3", ("64:ff9b::/96", "10.1.0.0/16"), True),
        ("64:ff9b::127.0.0.1", ("64:ff9b::/96", "10.1.0.0/16"), False),
        ("2002:a01:203::1", ("2002::/16", "10.1.0.0/16"), True),
        ("2002:a01:203::1", ("2002::/16",), False),
        ("2600::5efe:a01:203", ("10.1.0.0/16",), True),
        ("fd12::5efe:a01:203", ("fd12::/16",), False),
        ("169.254.169.254", ("169.254.0.0/16",), False),
        ("fd00:ec2::254", ("fd00::/8",), False),
    ],
)
def test_networks_admit_what_they_hold_and_no_more(text: str, networks: Networks, admitted: bool) -> None:
    assert (why(text, networks) is None) is admitted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("127.0.0.1", "127.0.0.1 is loopback"),
        ("169.254.169.254", "169.254.169.254 is link-local, as metadata services are"),
        ("64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:a9fe is behind NAT64"),
        ("2600::5efe:a00:1", "10.0.0.1, which 2600::5efe:a00:1 stands for, is private"),
        ("fe80::1%eth0", "fe80::1%eth0 names a zone of this machine"),
    ],
)
def test_the_reason_is_said(text: str, said: str) -> None:
    assert why(text) == said


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "127.0.0.2", "127.255.255.254", "10.0.0.5", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.5"),
        *("64:ff9b::10.0.0.5", "2002:a00:5::1", "fd12::5efe:a00:5", "64:ff9b::7f00:1"),
    ],
)
def test_the_sidecars_own_listeners_are_for_no_route(text: str) -> None:
    listeners = own(8181, 8080)
    for port in (8181, 8080):
        assert "is the sidecar's own" in (why(text, True, port, listeners) or "")
        assert why(text, True, port) is None, "for another sidecar it is a port as others"
    assert why(text, True, 8000, listeners) is None


@pytest.mark.parametrize("text", ["0.0.0.0", "::", "::ffff:0.0.0.0"])
def test_no_address_at_all_is_this_machine(text: str) -> None:
    assert why(text, True, 8181, own(8181)) is not None


def test_another_machine_may_listen_on_the_same_port() -> None:
    assert why("10.0.0.6", True, 8080, own(8080)) is None
    assert why("93.184.216.34", False, 8080, own(8080)) is None


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("10.0.0.1", []),
        ("2600::1", []),
        ("::ffff:10.0.0.1", ["10.0.0.1"]),
        ("64:ff9b::10.0.0.1", ["10.0.0.1"]),
        ("2002:a00:1::1", ["10.0.0.1"]),
        ("2002:a00:1::5efe:a00:2", ["10.0.0.2", "10.0.0.1"]),
        ("64:ff9b:1::10.0.0.1", ["10.0.0.1"]),
        ("64:ff9b:1:a00:0:100::", ["10.0.0.1"]),
    ],
)
def test_what_an_address_holds(text: str, holds: list[str]) -> None:
    assert [str(each) for each in held(ip_address(text))] == holds


@pytest.mark.parametrize("length", [48, 56, 64, 96])
@given(address=st.ip_addresses(v=4).filter(lambda each: int(each) >> 24))
def test_translators_of_every_length_are_read(length: int, address: IPv4Address) -> None:
    """RFC 6052, section 2.2, written the other way round: by octets, the eighth of which is left out."""
    octets = bytearray(ip_address("64:ff9b:1::").packed)
    place = length // 8
    for octet in address.packed:
        place += place == 8 and length != 96
        octets[place] = octet
        place += 1
    assert address in held(IPv6Address(bytes(octets)))


@given(st.ip_addresses(), st.booleans(), st.integers(1, 65535))
def test_what_is_refused_is_refused_in_every_form_that_holds_it(address: Address, private: bool, port: int) -> None:
    if isinstance(address, IPv6Address) or refused(address, port, private=private, own=own(port)) is None:
        return
    value = int(address)
    for prefix in (0xFFFF << 32, 0x64FF9B << 96, 0x26 << 120 | 0x5EFE << 32):
        assert refused(IPv6Address(prefix | value), port, private=private, own=own(port)) is not None
    assert refused(IPv6Address(0x2002 << 112 | value << 80), port, private=private, own=own(port)) is not None


@given(st.ip_addresses())
def test_what_no_route_may_reach_no_setting_opens(address: Address) -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    plain, every, listed = (
        refused(address, 443, private=private, own=own()) is None for private in (False, True, everything)
    )
    assert plain <= every == listed


@pytest.mark.parametrize(
    "network",
    ["10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0", "::/0", "fc00::/7", "fd00:ec2::/31", "100.100.0.0/16", "192.0.0.0/22"],
)
def test_a_network_opens_what_of_it_is_private(network: str) -> None:
    assert opens(ip_network(network)) is None


@given(st.sampled_from([block for block, _, _ in BLOCKS]), st.integers(0, 128), st.integers(0, 2**128 - 1), st.data())
def test_a_network_that_opens_nothing_lets_no_address_through(
    block: Network, prefix: int, place: int, data: st.DataObject
) -> None:
    """Networks in, around and beside the blocks, and addresses of theirs."""
    most = block.max_prefixlen
    start = int(block.network_address) ^ (place % (1 << most) >> block.prefixlen)
    network = ip_network((start, min(prefix, most)), strict=False)
    address = network[data.draw(st.integers(0, network.num_addresses - 1))]
    if opens(network) is not None:
        assert refused(address, 443, private=(network,), own=own()) == refused(address, 443, private=False, own=own())


def test_the_reference_lists_every_block_where_it_belongs() -> None:
    page = (ROOT / "docs" / "reference" / "addresses.md").read_text().split("\n## ")
    documented = {
        admitted: {ip_network(text) for text in re.findall(r"`([0-9a-f.:]+/[0-9]+)`", section)}
        for admitted, section in ((Admitted.NONE, page[1]), (Admitted.PRIVATE, page[2].partition("\nIn a network")[0]))
    }
    for admitted, networks in documented.items():
        known = {network for network, to, _ in BLOCKS if to is admitted and network.prefixlen}
        assert networks - {ip_network("2000::/3")} == known
