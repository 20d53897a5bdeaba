"""What an agent's own code needs: who called, and calls to the outside that are made on the caller's behalf.

The standard library alone is imported; httpx, requests and aiohttp where the agent uses them.
"""

from sidecar.sdk.api import ConsentRequired, Detached, Refused, Unreachable
from sidecar.sdk.call import Executor, NoInvocation, carry, detach, handle, invocation, principal
from sidecar.sdk.credentials import with_access_token, with_api_key
from sidecar.sdk.for_aiohttp import aiohttp_middleware
from sidecar.sdk.for_httpx import httpx_async_transport, httpx_transport
from sidecar.sdk.for_requests import requests_adapter
from sidecar.sdk.identity import Principal
from sidecar.sdk.middleware import AsgiMiddleware, WsgiMiddleware
from sidecar.sdk.tools import check_tool, require_tool, tools_for, tools_for_async

__all__ = [
    "AsgiMiddleware",
    "ConsentRequired",
    "Detached",
    "Executor",
    "NoInvocation",
    "Principal",
    "Refused",
    "Unreachable",
    "WsgiMiddleware",
    "aiohttp_middleware",
    "carry",
    "check_tool",
    "detach",
    "handle",
    "httpx_async_transport",
    "httpx_transport",
    "invocation",
    "principal",
    "requests_adapter",
    "require_tool",
    "tools_for",
    "tools_for_async",
    "with_access_token",
    "with_api_key",
]
