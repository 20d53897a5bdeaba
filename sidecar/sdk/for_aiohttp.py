"""aiohttp: a middleware that brings each request to the sidecar as the current invocation's."""

import base64
from typing import TYPE_CHECKING

from sidecar.sdk.hook import Hook
from sidecar.sdk.identity import INVOCATION

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientMiddlewareType, ClientRequest, ClientResponse


def aiohttp_middleware() -> "ClientMiddlewareType":
    """For ``aiohttp.ClientSession(middlewares=[…])``, as the last one there: aiohttp 3.12 and later.

    A session keeps connections apart by what is said to their proxy, so that no invocation ever gets another's tunnel.
    """
    from yarl import URL

    hook = Hook()

    async def middleware(request: "ClientRequest", handler: "ClientHandlerType") -> "ClientResponse":
        # Each hop of a redirect is a request of its own here, with its own headers.
        url, headers = request.url, request.headers
        sent = hook.sent(url.scheme, url.host or "", url.port, headers.get(INVOCATION))
        headers.popall(INVOCATION, None)
        if sent.header is not None:
            headers[INVOCATION] = sent.header
        proxy = URL(sent.proxy) if sent.proxy is not None else None
        request.update_proxy(proxy, None, {"Proxy-Authorization": _basic(sent.user)} if sent.user is not None else None)
        return await handler(request)

    return middleware


def _basic(user: str) -> str:
    """RFC 7617, with an empty password."""
    return "Basic " + base64.b64encode(f"{user}:".encode()).decode()
