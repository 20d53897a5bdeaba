"""What the sidecar says of itself on the agent's address: how to get a token (RFC 9728), and its public keys."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp import web

PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"
JWKS = "/.well-known/identity-sidecar/jwks.json"


@dataclass(frozen=True, slots=True)
class Resource:
    """The agent as a protected resource."""

    public_url: str
    name: str
    authorization_servers: Sequence[str]
    scopes: Sequence[str] = ()
    """What a client asks there for."""


def metadata_url(public_url: str) -> str:
    """Where the document of *public_url* is: the well-known part goes between host and path (RFC 9728, section 3.1)."""
    parts = urlsplit(public_url)
    return f"{parts.scheme}://{parts.netloc}{PROTECTED_RESOURCE}{parts.path.rstrip('/')}"


def document(resource: Resource, behind: str) -> dict[str, Any]:
    """The metadata (RFC 9728, section 2) of the resource whose path stands *behind* the well-known part, or of the
    agent as a whole."""
    parts = urlsplit(resource.public_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    identifier = origin + behind if behind.strip("/") else resource.public_url
    found = {
        "resource": identifier,
        "resource_name": resource.name,
        "authorization_servers": list(resource.authorization_servers),
        "bearer_methods_supported": ["header"],
        "jwks_uri": origin + JWKS,
    }
    return found | ({"scopes_supported": list(resource.scopes)} if resource.scopes else {})


def application(resource: Resource, keys: Callable[[], Mapping[str, Any]]) -> "web.Application":
    """Serves the two documents."""
    from aiohttp import web

    open_to_all = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300"}

    async def protected_resource(request: web.Request) -> web.Response:
        return web.json_response(document(resource, request.match_info.get("behind", "")), headers=open_to_all)

    async def jwks(_request: web.Request) -> web.Response:
        return web.json_response(keys(), headers=open_to_all)

    application = web.Application()
    application.router.add_get(PROTECTED_RESOURCE, protected_resource)
    application.router.add_get(PROTECTED_RESOURCE + "{behind:/.*}", protected_resource)
    application.router.add_get(JWKS, jwks)
    return application
