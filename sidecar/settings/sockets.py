"""What must hold between the sockets that a configuration names: the sidecar's listeners and the agent's."""

from collections.abc import Iterator
from itertools import combinations

from sidecar.settings import addresses
from sidecar.settings.finding import Finding
from sidecar.settings.settings import Settings
from sidecar.wire.endpoint import Endpoint, Tcp, Unix

_CONTROL = "control.sock"


def listeners(settings: Settings) -> dict[str, Endpoint]:
    """The key of every listener that is to be opened, and its address."""
    found = {"inbound.listen": settings.inbound.listen, "egress.listen": settings.egress.listen}
    if settings.consent.public_url is not None:
        found["consent.listen"] = settings.consent.listen
    found["health.listen"] = settings.health.listen
    if settings.admin is not None:
        found["admin.listen"] = settings.admin.listen
    return found


def local(endpoint: Endpoint) -> bool:
    """Whether nobody on another machine can reach *endpoint*."""
    return isinstance(endpoint, Unix) or addresses.loopback(endpoint.host)


def same(one: Endpoint, other: Endpoint) -> bool:
    """Whether both cannot be listened on, or who connects to one reaches the other."""
    if isinstance(one, Unix) or isinstance(other, Unix):
        return one == other
    hosts = (one.host.lower(), other.host.lower())
    met = (
        hosts[0] == hosts[1]
        or any(map(addresses.unspecified, hosts))
        or ("localhost" in hosts and all(map(addresses.loopback, hosts)))
    )
    return met and one.port == other.port != 0


def development(settings: Settings) -> Iterator[Finding]:
    """Plain http is for a machine that nobody else reaches."""
    outside = tuple(path for path, endpoint in listeners(settings).items() if not local(endpoint))
    if settings.development and outside:
        named = ", ".join(outside)
        mend = f"Let {named} listen on 127.0.0.1 or a unix socket, or remove development."
        yield Finding("development", f"is true, and other machines can reach {named}", mend, outside)


def collisions(settings: Settings) -> Iterator[Finding]:
    """Every listener has an address of its own."""
    control: dict[str, Endpoint] = {"state.dir": Unix(settings.state.dir / _CONTROL)}
    for (first, one), (second, other) in combinations((control | listeners(settings)).items(), 2):
        if same(one, other):
            yield Finding(second, f"is where {first} is already", "Choose another address.", (first,))


def agent(settings: Settings) -> Iterator[Finding]:
    """The agent is somebody else."""
    for path, endpoint in listeners(settings).items():
        if same(settings.agent.url, endpoint):
            mend = "Let the agent listen on another port, such as 8000, or move the listener."
            yield Finding("agent.url", f"is the sidecar's own {path}: calls would go round in circles", mend, (path,))
    if isinstance(settings.agent.url, Tcp) and (
        addresses.unspecified(settings.agent.url.host) or not settings.agent.url.port
    ):
        yield Finding("agent.url", "is no address that can be connected to", "Write  http://127.0.0.1:PORT")


def egress(settings: Settings) -> Iterator[Finding]:
    """Egress is the agent's alone."""
    if not local(settings.egress.listen):
        mend = "Let it listen on 127.0.0.1 or a unix socket."
        yield Finding("egress.listen", "can be reached by others than the agent", mend)


def admin(settings: Settings) -> Iterator[Finding]:
    """Operators sign in, or are let in by the file system."""
    if settings.admin is None:
        return
    issuer = settings.issuers.get(settings.admin.issuer or "")
    if settings.admin.issuer is None and not isinstance(settings.admin.listen, Unix):
        mend = "Set  admin.issuer, or let it listen on unix:/path"
        yield Finding("admin.listen", "is no unix socket, and nobody would have to sign in", mend, ("admin.issuer",))
    if issuer is not None and issuer.login is None:
        mend = f"Give  issuers.{issuer.name}  a login: {{client_id: …, client_secret: …}}"
        yield Finding("admin.issuer", "has no login, so nobody can sign in", mend, (f"issuers.{issuer.name}",))


def control(settings: Settings) -> Iterator[Finding]:
    """The control socket's path has to fit (unix(7))."""
    if len(bytes(settings.state.dir / _CONTROL)) > 107:
        yield Finding(
            "state.dir", "is too long a path for the control socket in it", "Choose a path of at most 94 bytes."
        )


CHECKS = (development, collisions, agent, egress, admin, control)
