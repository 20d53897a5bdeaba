"""What an agent's own code needs: who called, and calls to the outside that are made on the caller's behalf.

The standard library alone is imported; httpx, requests and aiohttp where the agent uses them.
"""

from sidecar.sdk.api import Detached, Refused, Unreachable
from sidecar.sdk.call import Executor, NoInvocation, carry, detach, handle, invocation, principal
from sidecar.sdk.for_aiohttp import aiohttp_middleware
from sidecar.sdk.for_httpx import httpx_async_transport, httpx_transport
from sidecar.sdk.for_requests import requests_adapter
from sidecar.sdk.identity import Principal
from sidecar.sdk.middleware import AsgiMiddleware, WsgiMiddleware

__all__ = [
    "AsgiMiddleware",
    "Detached",
    "Executor",
    "NoInvocation",
    "Principal",
    "Refused",
    "Unreachable",
    "WsgiMiddleware",
    "aiohttp_middleware",
    "carry",
    "detach",
    "handle",
    "httpx_async_transport",
    "httpx_transport",
    "invocation",
    "principal",
    "requests_adapter",
]
