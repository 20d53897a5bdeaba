"""Which addresses may be connected to. Pure.

A name's owner decides what it resolves to, and a name may be what an injected prompt made the agent ask for. So each
resolved address is looked up here before it is dialled: what the internet doesn't route is refused unless the route
admits it, and some is refused whatever the route says. The tables follow IANA's special-purpose registries (RFC 6890
and its updates), not the ``ipaddress`` module, whose ``is_private`` has changed between releases.

An IPv6 address may hold an IPv4 address that a gateway, a tunnel or this very kernel goes on to: then both are looked
up, and either is reason enough to refuse.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_IPV4 = 0xFFFFFFFF


class Own:
    """The sidecar's own listeners. No call of the agent's may come back in by one of them.

    *here* says whether an address is this machine's: a listener on a wildcard is reached by every one of them. A port
    of ours is refused on all addresses of this machine, not only where it is listened on: a name for a listener
    (``localhost``) has more than one.
    """

    def __init__(self, here: Callable[[Address], bool]) -> None:
        self._here = here
        self._ports: set[int] = set()

    def add(self, port: int) -> None:
        """A listener has been opened on *port*."""
        self._ports.add(port)

    def reached(self, address: Address, port: int) -> bool:
        """Whether who connects to *port* of *address* may come to a listener of ours."""
        return port in self._ports and (address.is_loopback or address.is_unspecified or self._here(address))


class Admitted(Enum):
    """To whom a block of addresses is open."""

    ALL = "all"
    PRIVATE = "private"
    """Routes that say ``private: true``, or name a network that holds the address."""
    NONE = "none"


BLOCKS: tuple[tuple[Network, Admitted, str], ...] = tuple(
    (ip_network(network), admitted, what)
    for network, admitted, what in (
        # Where clouds hand out the machine's own credentials. The link-local ones are below.
        ("100.100.100.200/32", Admitted.NONE, "a metadata service (Alibaba Cloud)"),
        ("168.63.129.16/32", Admitted.NONE, "a metadata service (Azure's wire server)"),
        ("192.0.0.192/32", Admitted.NONE, "a metadata service (Oracle Cloud)"),
        ("fd00:ec2::/32", Admitted.NONE, "a metadata service (AWS)"),
        ("fd20:ce::254/128", Admitted.NONE, "a metadata service (Google Cloud)"),
        ("fd00:42::42/128", Admitted.NONE, "a metadata service (Scaleway)"),
        ("0.0.0.0/8", Admitted.NONE, "unspecified"),
        ("127.0.0.0/8", Admitted.PRIVATE, "loopback"),
        ("10.0.0.0/8", Admitted.PRIVATE, "private"),
        ("172.16.0.0/12", Admitted.PRIVATE, "private"),
        ("192.168.0.0/16", Admitted.PRIVATE, "private"),
        ("100.64.0.0/10", Admitted.PRIVATE, "a carrier's (CGNAT)"),
        ("169.254.0.0/16", Admitted.NONE, "link-local, as metadata services are"),
        ("192.0.0.0/24", Admitted.NONE, "reserved for protocols"),
        ("192.0.2.0/24", Admitted.PRIVATE, "for documentation"),
        ("198.51.100.0/24", Admitted.PRIVATE, "for documentation"),
        ("203.0.113.0/24", Admitted.PRIVATE, "for documentation"),
        ("192.88.99.0/24", Admitted.PRIVATE, "a 6to4 relay"),
        ("198.18.0.0/15", Admitted.PRIVATE, "for benchmarks"),
        ("224.0.0.0/4", Admitted.NONE, "multicast"),
        ("255.255.255.255/32", Admitted.NONE, "broadcast"),
        ("240.0.0.0/4", Admitted.NONE, "reserved"),
        ("0.0.0.0/0", Admitted.ALL, "public"),
        ("::1/128", Admitted.PRIVATE, "loopback"),
        ("::/128", Admitted.NONE, "unspecified"),
        ("::ffff:0:0/96", Admitted.ALL, "IPv4-mapped"),  # what it holds decides
        ("64:ff9b::/96", Admitted.PRIVATE, "behind NAT64"),
        ("64:ff9b:1::/48", Admitted.PRIVATE, "behind NAT64"),
        ("fc00::/7", Admitted.PRIVATE, "unique local"),
        ("fe80::/10", Admitted.NONE, "link-local, as metadata services are"),
        ("fec0::/10", Admitted.PRIVATE, "site-local"),
        ("ff00::/8", Admitted.NONE, "multicast"),
        ("2001::/32", Admitted.NONE, "behind a Teredo tunnel"),
        ("2001::/23", Admitted.NONE, "reserved for protocols"),
        ("2001:db8::/32", Admitted.PRIVATE, "for documentation"),
        ("3fff::/20", Admitted.PRIVATE, "for documentation"),
        ("2002::/16", Admitted.PRIVATE, "behind a 6to4 tunnel"),
        ("2000::/3", Admitted.ALL, "public"),
        ("::/0", Admitted.NONE, "reserved"),
    )
)
"""The first block that holds an address is the one that counts."""

_MAPPED, _NAT64, _NAT64_LOCAL, _6TO4 = map(
    IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")
)
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The upper half of an interface's identifier whose lower half is its IPv4 address (RFC 5214, section 6.1)."""


def refused(address: Address, port: int, *, private: bool | tuple[Network, ...], own: Own) -> str | None:
    """Why *address* must not be connected to, or ``None``. *private*: what a route says of private addresses."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return f"{address} names a zone of this machine"
    for found in (address, *held(address)):
        where = str(address) if found is address else f"{found}, which {address} stands for,"
        if own.reached(found, port):
            return f"port {port} of {where} is the sidecar's own"
        admitted, what = _block(found)
        if admitted is Admitted.NONE or (admitted is Admitted.PRIVATE and not _within(found, private)):
            return f"{where} is {what}"
    return None


def held(address: Address) -> Iterator[IPv4Address]:
    """Every IPv4 address that a packet to *address* may end at."""
    if isinstance(address, IPv4Address):
        return
    value = int(address)
    if address in _MAPPED or address in _NAT64 or value >> 32 & _IPV4 in _ISATAP:
        yield IPv4Address(value & _IPV4)
    if address in _6TO4:
        yield IPv4Address(value >> 80 & _IPV4)  # RFC 3056, section 2
    if address in _NAT64_LOCAL:
        yield from _translated(value)


def _translated(value: int) -> Iterator[IPv4Address]:
    """How a gateway may read an address of the prefix that networks divide as they like (RFC 8215; RFC 6052, section
    2.2: around the octet from bit 64, which is left out). Zeros are what is in no use, not an address."""
    without = value >> 64 << 56 | value & ((1 << 56) - 1)
    for read in (value, *(without >> (88 - length) for length in (48, 56, 64))):
        if read & _IPV4 >> 24 << 24:
            yield IPv4Address(read & _IPV4)


def opens(network: Network) -> str | None:
    """Why a route that names *network* as private opens no address by it, or ``None`` where it opens one."""
    passed: list[Network] = []
    for block, admitted, _ in BLOCKS:
        if block.version != network.version or not block.overlaps(network):
            continue
        both = block if block.prefixlen > network.prefixlen else network
        if admitted is Admitted.PRIVATE and not any(both.subnet_of(one) for one in passed):  # type: ignore[arg-type]  # one version
            return None
        passed.append(block)
    return _block(network.network_address)[1]


def _block(address: Address) -> tuple[Admitted, str]:
    return next((admitted, what) for network, admitted, what in BLOCKS if address in network)


def _within(address: Address, private: bool | tuple[Network, ...]) -> bool:
    return private if isinstance(private, bool) else any(address in network for network in private)
