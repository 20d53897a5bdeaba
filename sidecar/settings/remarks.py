"""What is worth saying about a configuration though nothing is wrong with it."""

from collections.abc import Iterator

from sidecar.egress.address import opens
from sidecar.identity.issuer import SIDECAR
from sidecar.identity.principal import Kind
from sidecar.oauth.provider import by_users
from sidecar.policy import tool
from sidecar.policy.capability import Capability
from sidecar.settings import addresses, known, sockets, ways
from sidecar.settings.settings import Settings

_SCOPELESS = ("api_key", "bearer", "aws", "agent")
"""Types of providers whose credential has no scopes."""


def remarks(settings: Settings) -> Iterator[str]:
    if not settings.issuers:
        yield "issuers is empty: every call is refused but those to inbound.public"
    if not sockets.local(settings.agent.url):
        yield "agent.url is on another machine: whoever reaches it goes round the sidecar"
    if "/" in settings.inbound.public:
        yield "inbound.public holds /, a prefix of every path: no call needs a token"
    if settings.inbound.groups == "named" and not settings.named_groups | settings.named_roles:
        yield "inbound.groups is named, and nothing names a group or a role: the agent is told of none"
    if any(not network.prefixlen for network in settings.inbound.trusted_proxies):
        yield "inbound.trusted_proxies holds every address: any caller writes X-Forwarded-For as it likes"
    public = settings.inbound.public_url
    if public is not None and public.startswith("http:") and not addresses.loopback(addresses.taken(public).host):
        yield "inbound.public_url is plain http: whoever is on the way reads the tokens"
    yield from _undeclared(settings)
    yield from _unasked(settings)
    yield from _unopened(settings)
    yield from known.remarks(settings)
    yield from _idle(settings)


def _undeclared(settings: Settings) -> Iterator[str]:
    """What the agent can't do where nothing is declared."""
    routes = settings.egress.routes
    barred = [f"call {', '.join(sorted(routes))}"] if routes else []
    if serving := sorted(ways.toolboxes(settings)):
        barred.append(f"see a tool of {', '.join(serving)}")
    if settings.providers:
        barred.append(f"have a credential of {', '.join(sorted(settings.providers))}")
    if barred and not settings.capabilities:
        yield f"capabilities is empty, so that nothing is allowed outward: the agent can't {', or '.join(barred)}"


def _unasked(settings: Settings) -> Iterator[str]:
    """Users whom nobody can ask for what they would have to grant."""
    granted = sorted(name for name, provider in settings.providers.items() if by_users(provider))
    if not granted:
        return
    if settings.consent.public_url is None:
        yield f"providers.{granted[0]}: users can't be asked for what it takes: consent.public_url is not set"
        return
    for name, issuer in settings.issuers.items():
        users = issuer.type != SIDECAR and issuer.kind in (None, Kind.USER)
        if users and issuer.login is None and not settings.consent.return_urls:
            yield f"issuers.{name} has no login, and consent.return_urls is empty: its users can't be asked"


def _unopened(settings: Settings) -> Iterator[str]:
    """Routes that a capability lists and doesn't open, or whose tools it names."""
    for name, capability in settings.capabilities.items():
        if not capability.routes and (capability.methods is not None or capability.paths is not None):
            yield f"capabilities.{name} has methods or paths, and no routes to which they would belong"
        if capability.provider is None:
            continue
        for route in sorted(_places(capability, settings) & settings.egress.routes.keys()):
            provider, scopes = settings.egress.routes[route].provider, settings.egress.routes[route].scopes
            about = f"capabilities.{name} doesn't open the route {route} that it lists: the route"
            if provider not in (None, capability.provider):
                yield f"{about} has the provider {provider}"
            elif not scopes <= capability.scopes:
                yield f"{about} needs the scope {min(scopes - capability.scopes)} as well"


def _places(capability: Capability, settings: Settings) -> frozenset[str]:
    """The routes and the sets of tools that it is about."""
    tools = ways.routed(capability, settings.egress.routes).tools
    return capability.routes.union(tool.place(each) for each in tools)


def _idle(settings: Settings) -> Iterator[str]:
    """Routes of which something, or everything, is in no use."""
    capabilities = settings.capabilities.values()
    named = frozenset().union(*(_places(capability, settings) for capability in capabilities))
    for name, route in settings.egress.routes.items():
        path = f"egress.routes.{name}"
        if capabilities and name not in named and not settings.policy.files:  # those may permit it
            yield f"{path}: no capability names it, so that every call on it is refused"
        provider = settings.providers.get(route.provider or "")
        if route.scopes and provider is None:
            yield f"{path}.scopes mean nothing: the route has no provider"
        elif route.scopes and provider is not None and provider.type in _SCOPELESS:
            yield f"{path}.scopes mean nothing: {provider.name} is of type {provider.type}, which knows none"
        for network in route.private if isinstance(route.private, tuple) else ():
            if (why := opens(network)) is not None:
                yield f"{path}.private: {network} opens nothing: it is {why}"
