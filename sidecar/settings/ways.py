"""What must hold between routes, their providers, and the capabilities that open them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import unquote

from sidecar.egress.address import Own, refused
from sidecar.egress.destination import Destination
from sidecar.egress.route import Route
from sidecar.policy.capability import Capability
from sidecar.policy.decision import Toolbox
from sidecar.policy.tool import names
from sidecar.settings import addresses, sockets
from sidecar.settings.finding import Finding
from sidecar.settings.problem import nearest
from sidecar.settings.settings import Settings
from sidecar.wire.endpoint import Tcp


def credentials(settings: Settings) -> Iterator[Finding]:
    """A credential goes where it may, and only a shared one without anybody asking."""
    for name, route in settings.egress.routes.items():
        provider = settings.providers.get(route.provider or "")
        url = addresses.taken(route.url)
        if provider is not None and route.unattended and provider.acts_as != "agent":
            what = f"is true, but {provider.name} acts as each principal, and no handle says as which"
            mend = "Remove it, or use a provider that acts as the agent."
            yield Finding(
                f"egress.routes.{name}.unattended", what, mend, (f"egress.routes.{name}", f"providers.{provider.name}")
            )
        if provider is not None and url.scheme == "http" and not addresses.loopback(url.host) and not route.insecure:
            what = f"is plain http, over which the credential of {provider.name} is not sent to another machine"
            yield Finding(
                f"egress.routes.{name}.url", what, "Use https, or set  insecure: true", (f"egress.routes.{name}",)
            )


def destinations(settings: Settings) -> Iterator[Finding]:
    """A route leads to where calls may end."""
    own = Own(lambda _address: False)  # which other addresses this machine has is for who dials to find out
    for listener in sockets.listeners(settings).values():
        if isinstance(listener, Tcp):
            own.add(listener.port)
    for name, route in settings.egress.routes.items():
        path = f"egress.routes.{name}"
        try:
            destination = Destination.of_url(route.url)
        except ValueError as error:
            mend = "Write its host as requests will have it: a name without a dot at its end, or an address."
            yield Finding(f"{path}.url", f"leads nowhere: {error}", mend)
            continue
        pinned = settings.resolve.get(destination.host)
        address = addresses.parsed(pinned or {"localhost": "127.0.0.1"}.get(destination.host, destination.host))
        about = (f"{path}.private", *(("resolve",) if pinned else ()))
        if address is None:
            continue
        if why := refused(address, destination.port, private=True, own=own):
            mend = f"{why[0].upper()}{why[1:]}: nothing is ever connected to it."
            yield Finding(f"{path}.url", "leads to an address that is always refused", mend, about)
        elif refused(address, destination.port, private=route.private, own=own):
            mend = "Set  private: true, or a list of networks."
            yield Finding(f"{path}.url", "leads to a private address, which is refused", mend, about)


def segments(settings: Settings) -> Iterator[Finding]:
    """No route's path is another one than it seems."""
    for name, route in settings.egress.routes.items():
        if {".", ".."} & set(unquote(addresses.taken(route.url).path).split("/")):
            mend = "Write it without  /./  and  /../ : servers differ in what they make of them."
            yield Finding(f"egress.routes.{name}.url", "has a dot segment", mend)


def doubles(settings: Settings) -> Iterator[Finding]:
    """No call belongs on two routes alike."""
    seen: dict[tuple[object, ...], str] = {}
    for name, route in settings.egress.routes.items():
        url = addresses.taken(route.url)
        key = (url.scheme, url.host, url.port, url.path.rstrip("/"), route.methods, route.paths)
        first = seen.setdefault(key, name)
        if first != name:
            mend = "Tell them apart by url, paths or methods, or remove one."
            yield Finding(
                f"egress.routes.{name}", f"takes the same calls as {first}", mend, (f"egress.routes.{first}",)
            )


def tools(settings: Settings) -> Iterator[Finding]:
    """A tool belongs to one MCP route, or to a set of tools."""
    routes = settings.egress.routes
    serving = [name for name, route in routes.items() if route.mcp]
    for name, capability in settings.capabilities.items():
        for tool in sorted(capability.tools):
            route, slash, member = tool.partition("/")
            path = f"capabilities.{name}.tools"
            if route in settings.tools and slash:
                yield from _of_set(settings, path, route, member)
            elif slash and route in routes and not routes[route].mcp:
                mend = f"Set  egress.routes.{route}.mcp: true, or name a route that has tools."
                yield Finding(path, f"names {tool}, but {route} is no MCP route", mend, (f"egress.routes.{route}",))
            if not slash and len(serving) != 1:
                mend = f"Write route/{tool}; MCP routes: {', '.join(serving) or 'none'}."
                yield Finding(
                    path,
                    f"names {tool} without its route, and there is not just one MCP route",
                    mend,
                    ("egress.routes",),
                )


def _of_set(settings: Settings, path: str, name: str, member: str) -> Iterator[Finding]:
    members = settings.tools[name]
    if not any(map(names({member}).__contains__, members)):
        close = nearest(member, members)
        mend = f'Did you mean "{close}"?' if close else f"There are {', '.join(members)}: add it to tools.{name}."
        yield Finding(path, f"names {name}/{member}, and the set {name} has no such tool", mend, (f"tools.{name}",))


def arguments(settings: Settings) -> Iterator[Finding]:
    """Arguments are tools'."""
    routes = settings.egress.routes
    for name, capability in settings.capabilities.items():
        whole = any(routes[route].mcp for route in capability.routes if route in routes)
        if capability.arguments and not capability.tools and not whole:
            mend = "Name the tools that it opens, or an MCP route, or remove the arguments."
            path = f"capabilities.{name}"
            yield Finding(f"{path}.arguments", "are those of tools, and it opens none", mend, (f"{path}.tools",))


def sets(settings: Settings) -> Iterator[Finding]:
    """What stands before a tool's name is one thing."""
    for name in settings.tools:
        route = settings.egress.routes.get(name)
        if route is not None and route.mcp:
            mend = "Give the set another name: it would be told who may call the route's tools."
            yield Finding(f"tools.{name}", "is the name of an MCP route, too", mend, (f"egress.routes.{name}",))


def toolboxes(settings: Settings) -> Mapping[str, Toolbox]:
    """What tools are of, by name."""
    routes = settings.egress.routes.items()
    served = {name: Toolbox(route.provider, route.scopes) for name, route in routes if route.mcp}
    return {name: Toolbox(tools=frozenset(tools)) for name, tools in settings.tools.items()} | served


def routed(capability: Capability, routes: Mapping[str, Route]) -> Capability:
    """*capability* with every tool as ``route/tool``."""
    serving = next((name for name, route in routes.items() if route.mcp), "")
    return replace(
        capability, tools=frozenset(tool if "/" in tool else f"{serving}/{tool}" for tool in capability.tools)
    )


CHECKS = (credentials, destinations, segments, doubles, tools, arguments, sets)
