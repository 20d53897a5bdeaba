"""A travel desk by the ``mcp`` package's own server, over TLS with the certificate and the key in a file:
``python -m tests.clients.mcp.native PORT FILE``. Both eras, at /mcp."""

import asyncio
import sys

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from typing_extensions import TypedDict

from tests.clients.mcp.desk import COUNT, PAUSE, PLAIN, TRIPS


class Paid(TypedDict):
    paid: int


desk = MCPServer("native")


def _say(name: str) -> None:
    def say() -> str:
        return f"this is {name}"

    desk.add_tool(say, name=name, description=f"Says that it is {name}.")


for each in PLAIN:
    _say(each)


def find_trips(city: str) -> str:
    """Trips to a city."""
    return f"trips to {city}"


def pay(amount: int) -> Paid:
    """Pay for a trip."""
    return {"paid": amount}


async def count(ctx: Context) -> str:
    """Count, in public."""
    for number in range(1, COUNT + 1):
        await ctx.report_progress(number, COUNT)
        await asyncio.sleep(PAUSE)
    return "counted"


async def grow(ctx: Context) -> str:
    """One tool more, and word of it."""
    _say("grown")
    await ctx.notify_tools_changed()
    return "grew"


def welcome() -> str:
    """How to welcome somebody."""
    return "welcome!"


def trips() -> str:
    """Every trip."""
    return TRIPS


def trip(city: str) -> str:
    """One trip."""
    return f"a trip to {city}"


for tool in (find_trips, pay, count, grow):
    desk.add_tool(tool)
desk.prompt()(welcome)
desk.resource("trip://all")(trips)
desk.resource("trip://{city}")(trip)

if __name__ == "__main__":
    named = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # it has a name, and no address
    app = desk.streamable_http_app(transport_security=named)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), ssl_certfile=sys.argv[2])
