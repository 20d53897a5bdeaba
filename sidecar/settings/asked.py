"""What may be asked of a configuration by name: a route, a provider's credential, a tool; and by whom."""

from collections.abc import Iterable, Mapping
from typing import Any

from sidecar.errors import Refusal
from sidecar.identity import supposed
from sidecar.identity.principal import Principal
from sidecar.identity.token import supposed as principal_of
from sidecar.oauth.provider import CATALOGUE
from sidecar.policy.decision import Access, Act
from sidecar.settings import ways
from sidecar.settings.problem import Misfit, nearest, quoted
from sidecar.settings.settings import Settings

METHOD, PATH = "GET", "/"
"""Of a call, where nothing else is said."""


def principal(settings: Settings, claims: Mapping[str, Any], issuer: str | None) -> Principal:
    """Whom *claims* are about, through the mapping of *issuer* (a configured name), or of their ``iss``. Raise
    ``Misfit``."""
    try:
        return principal_of(*supposed.of_claims(claims, settings.issuers, issuer))
    except Refusal as refusal:
        raise Misfit(f"is nobody's: {refusal.reason}", refusal.detail) from None


def entering(principal: Principal | None) -> Access:
    """Raise ``Misfit`` for the agent, which doesn't call itself."""
    if principal is None:
        raise Misfit("is not the agent's to do", "Name a principal: the agent is what is called.")
    return Access(principal, act=Act.ENTER)


def call(settings: Settings, principal: Principal | None, route: str, method: str = METHOD, path: str = PATH) -> Access:
    """Raise ``Misfit``."""
    found = settings.egress.routes.get(route)
    if found is None:
        raise unknown(route, "a route", settings.egress.routes)
    return Access(principal, route, found.provider, found.scopes, method, path)


def credential(settings: Settings, principal: Principal | None, provider: str, scopes: Iterable[str] = ()) -> Access:
    """Raise ``Misfit``."""
    found, asked = settings.providers.get(provider), frozenset(scopes)
    if found is None:
        raise unknown(provider, "a provider", settings.providers)
    if asked and found.type in CATALOGUE:
        from sidecar.oauth.catalog import named

        asked = named(found, asked)
    return Access(principal, provider=provider, scopes=asked, act=Act.CREDENTIAL)


def tool(
    settings: Settings, principal: Principal | None, name: str, arguments: Mapping[str, object] | None = None
) -> Access:
    """Raise ``Misfit``."""
    boxes = ways.toolboxes(settings)
    if "/" not in name:
        serving = [route for route, each in settings.egress.routes.items() if each.mcp]
        if len(serving) != 1:
            raise Misfit(f"{quoted(name)} is without its route", f"Write  route/{name}")
        name = f"{serving[0]}/{name}"
    place, _, short = name.partition("/")
    box = boxes.get(place)
    if box is None:
        raise unknown(place, "an MCP route or a set of tools", boxes)
    if box.tools and short not in box.tools:
        raise unknown(name, f"a tool of {place}", sorted(f"{place}/{each}" for each in box.tools))
    return Access(principal, place, box.provider, box.scopes, act=Act.TOOL, tool=name, arguments=arguments)


def unknown(name: str, noun: str, known: Iterable[str]) -> Misfit:
    names = tuple(known)
    close = nearest(name, names)
    mend = f"Known: {', '.join(names)}." if names else "There is none."
    return Misfit(f"{quoted(name)} is not {noun}", f'Did you mean "{close}"?' if close else mend)


def said(access: Access) -> str:
    """*access* in a few words."""
    if access.wanted is Act.ENTER:
        return "call the agent"
    if access.tool is not None:
        return f"{'see' if access.arguments is None else 'call'} the tool {access.tool}"
    if access.wanted is Act.CREDENTIAL:
        scopes = f" with {', '.join(sorted(access.scopes))}" if access.scopes else ""
        return f"have the credential of {access.provider}{scopes}"
    return f"{access.method} {access.path} by the route {access.route}"
