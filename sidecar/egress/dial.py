"""Connections to a destination: resolved once, classified, and made to what was classified.

Between the check of a name and a second look-up of it, its owner can answer another address (DNS rebinding). So there
is no second look-up: what is dialled are the very addresses that were checked, and one that is refused refuses them
all, as a name that has a good address beside a bad one was made for whoever tries the next.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import IPv4Address, ip_address

from sidecar.egress.address import Address, Network, Own, refused
from sidecar.egress.destination import Destination
from sidecar.errors import DestinationDenied, ProviderUnreachable
from sidecar.relay.fetch import resolved
from sidecar.relay.pool import Dial, Upstream

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, best first. Raises ``OSError`` or ``UnicodeError``."""
_FAREWELL_SECONDS = 1.0
"""How long a TLS peer has to say goodbye as well (RFC 8446, section 6.1): without, 30 s."""
HEAD_START_SECONDS = 0.25
"""How long an address is tried alone before the next one is tried beside it (RFC 8305, section 5)."""
_DENIED = (
    "Its address is none that this route may lead to. Private and loopback addresses need  private: true,  or their "
    "networks, on the route; link-local and metadata addresses and the sidecar itself are never connected to."
)
_TRUST = "The sidecar trusts the system's roots and those of  tls.ca_file."
_DISCARD = 9


class Way:
    """The way to one destination: TLS where that is ``https``, else a bare connection.

    *resolve* pins names, *private* is what the route says of private addresses, *tls* hands out the context that
    certificates are verified with, *lookup* is the system's unless it is given.
    """

    def __init__(
        self,
        destination: Destination,
        *,
        resolve: Mapping[str, str],
        private: bool | tuple[Network, ...],
        own: Own,
        tls: Callable[[], ssl.SSLContext],
        loop: asyncio.AbstractEventLoop,
        lookup: Lookup | None = None,
    ) -> None:
        self.destination = destination
        self._resolve = resolve
        self._private = private
        self._own = own
        self._tls = tls
        self._loop = loop
        self._once = _Once(lookup or system(loop), loop)

    @property
    def dial(self) -> Dial:
        """Makes a connection. Raises ``DestinationDenied`` and ``ProviderUnreachable``."""
        return self._dial

    async def _dial(self, make: Callable[[], Upstream]) -> tuple[asyncio.BaseTransport, Upstream]:
        secure = self.destination.scheme == "https"
        try:
            context = self._context() if secure else None
            name, port = resolved(self._resolve, self.destination.host, self.destination.port)
            addresses = self._admitted(await self._addresses(name, port), port)
            connected = await self._connected(addresses, port)
        except OSError as error:
            raise self._unreachable(_said(error)) from error
        try:
            return await self._loop.create_connection(
                make,
                sock=connected,
                ssl=context,
                server_hostname=self.destination.host if secure else None,
                ssl_shutdown_timeout=_FAREWELL_SECONDS if secure else None,
            )
        except ssl.SSLCertVerificationError as error:
            raise self._unreachable(f"its certificate does not verify: {error.verify_message}", _TRUST) from error
        except ssl.SSLError as error:
            why = (error.reason or type(error).__name__).replace("_", " ").lower()
            raise self._unreachable(f"the TLS handshake failed: {why}") from error
        except OSError as error:
            raise self._unreachable(f"the connection ended before it could be used: {_said(error)}") from error

    def _context(self) -> ssl.SSLContext:
        context = self._tls()
        context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def _addresses(self, name: str, port: int) -> Sequence[str]:
        try:
            ip_address(name)
        except ValueError:
            found = await self._once.addresses(name, port)
        else:
            return [name]
        if isinstance(found, str):
            raise self._unreachable(f"the name {name} is not resolved: {found}")
        return found

    def _admitted(self, found: Sequence[str], port: int) -> Sequence[Address]:
        addresses = [ip_address(text) for text in found]
        for address in addresses:
            why = refused(address, port, private=self._private, own=self._own)
            if why is not None:
                raise DestinationDenied(f"{self.destination}: {why}", mend=_DENIED)
        return addresses

    async def _connected(self, addresses: Sequence[Address], port: int) -> socket.socket:
        from aiohappyeyeballs import start_connection

        try:
            connected = await start_connection(
                [
                    (_family(address), socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (str(address), port))
                    for address in addresses
                ],
                happy_eyeballs_delay=HEAD_START_SECONDS,
                loop=self._loop,
            )
        except RuntimeError as error:  # uvloop's, for what is none of the kernel's answers
            raise OSError(str(error)) from error
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def _unreachable(self, why: str, remedy: str = "") -> ProviderUnreachable:
        said = f"No connection to {self.destination}: {why}."
        return ProviderUnreachable(said, mend=f"{said} {remedy}".rstrip())


class _Once:
    """One look-up at a time for all who ask: threads for resolving are few, and a slow name must not take them all."""

    def __init__(self, lookup: Lookup, loop: asyncio.AbstractEventLoop) -> None:
        self._lookup = lookup
        self._loop = loop
        self._running: asyncio.Future[list[str] | str | None] | None = None

    async def addresses(self, name: str, port: int) -> list[str] | str:
        """The addresses, or why there are none."""
        while self._running is not None:
            shared = await asyncio.shield(self._running)
            if shared is not None:  # else who looked was cancelled
                return shared
        self._running = running = self._loop.create_future()
        found: list[str] | str | None = None
        try:
            found = list(await self._lookup(name, port)) or "it has no address"
        except socket.gaierror as error:
            found = (error.strerror or type(error).__name__).lower()
        except (OSError, UnicodeError) as error:  # the latter of a name that can't be one
            found = _said(error) if isinstance(error, OSError) else "it is too long"
        finally:
            self._running = None
            running.set_result(found)
        return found


def system(loop: asyncio.AbstractEventLoop) -> Lookup:
    """The system's resolver."""

    async def lookup(name: str, port: int) -> Sequence[str]:
        found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    return lookup


def here(address: Address) -> bool:
    """Whether *address* is one of this machine's: the kernel then sends from it, or from loopback. No packet is sent,
    as connecting a UDP socket only looks up the way. (Where a whole IPv6 prefix has a route of type ``local``, only
    its addresses that an interface has are found.)"""
    with socket.socket(_family(address), socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((str(address), _DISCARD))
        except OSError:
            return False
        source = ip_address(asking.getsockname()[0])
    return source == address or source.is_loopback


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6


def _said(error: OSError) -> str:
    """The system's own words, without the address that asyncio adds."""
    if error.errno:
        return os.strerror(error.errno).lower()
    return str(error) or ("it was reset" if isinstance(error, ConnectionResetError) else type(error).__name__)
