"""The same travel desk by ``fastmcp``, three tools to a page: ``python -m tests.clients.mcp.fast PORT``."""

import asyncio
import sys

from fastmcp import Context, FastMCP
from fastmcp.tools import Tool

from tests.clients.mcp.desk import COUNT, PAUSE, PLAIN, TRIPS

desk = FastMCP("fast", list_page_size=3)


def _say(name: str) -> None:
    def say() -> str:
        return f"this is {name}"

    desk.add_tool(Tool.from_function(say, name=name, description=f"Says that it is {name}."))


for each in PLAIN:
    _say(each)


def find_trips(city: str) -> str:
    """Trips to a city."""
    return f"trips to {city}"


def pay(amount: int) -> dict[str, int]:
    """Pay for a trip."""
    return {"paid": amount}


async def count(ctx: Context) -> str:
    """Count, in public."""
    for number in range(1, COUNT + 1):
        await ctx.report_progress(number, COUNT)
        await asyncio.sleep(PAUSE)
    return "counted"


def welcome() -> str:
    """How to welcome somebody."""
    return "welcome!"


def trips() -> str:
    """Every trip."""
    return TRIPS


def trip(city: str) -> str:
    """One trip."""
    return f"a trip to {city}"


for tool in (find_trips, pay, count):
    desk.tool(tool)
desk.prompt(welcome)
desk.resource("trip://all")(trips)
desk.resource("trip://{city}")(trip)

if __name__ == "__main__":
    desk.run("http", show_banner=False, host="127.0.0.1", port=int(sys.argv[1]), path="/mcp")
