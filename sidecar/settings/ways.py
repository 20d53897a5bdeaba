"""What must hold between routes, their providers, and the capabilities that open them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sidecar.egress.route import Route
from sidecar.policy.capability import Capability
from sidecar.settings import addresses
from sidecar.settings.finding import Finding
from sidecar.settings.settings import Settings


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
    """An address that is always refused is no destination."""
    for name, route in settings.egress.routes.items():
        host = addresses.taken(route.url).host
        if addresses.link_local(host) or addresses.unspecified(host):
            mend = "Such addresses are never connected to: metadata services are among them."
            yield Finding(f"egress.routes.{name}.url", "leads to an address that is always refused", mend)
        elif addresses.private(host) and not route.private:
            mend = "Set  private: true, or a list of networks."
            about = (f"egress.routes.{name}.private",)
            yield Finding(f"egress.routes.{name}.url", "leads to a private address, which is refused", mend, about)


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
    """A tool belongs to one MCP route."""
    routes = settings.egress.routes
    serving = [name for name, route in routes.items() if route.mcp]
    for name, capability in settings.capabilities.items():
        for tool in sorted(capability.tools):
            route, slash, _ = tool.partition("/")
            path = f"capabilities.{name}.tools"
            if slash and route in routes and not routes[route].mcp:
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


def routed(capability: Capability, routes: Mapping[str, Route]) -> Capability:
    """*capability* with every tool as ``route/tool``."""
    serving = next((name for name, route in routes.items() if route.mcp), "")
    return replace(
        capability, tools=frozenset(tool if "/" in tool else f"{serving}/{tool}" for tool in capability.tools)
    )


CHECKS = (credentials, destinations, doubles, tools)
