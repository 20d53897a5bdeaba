"""The story's chapter on tools: who may not use one doesn't see it, and doesn't get it either."""

import json
from collections.abc import Mapping
from typing import Any

from sidecar.demo.issuer import BOB
from sidecar.demo.stage import Stage
from sidecar.demo.terminal import Terminal
from sidecar.demo.travel import BOOK, LIST, TRIPS

BOOKING = f"/tools/{BOOK}?to=Oxford"


async def tell(
    stage: Stage, terminal: Terminal, alice: Mapping[str, str], bob: Mapping[str, str], declared: Mapping[str, str]
) -> None:
    """*alice*, *bob*: the headers with which they call the agent. *declared*: the tools that handlers were told of."""
    terminal.say(
        """The agent has a travel desk's tools, which an MCP server offers to everybody alike. What the agent is shown
        is up to whom it works for: so a model can't pick a tool that its user has no right to."""
    )
    for name, headers, expected in (("Alice", alice, [LIST, BOOK]), ("Bob", bob, [LIST])):
        terminal.asks("GET /tools", [f"Authorization: Bearer <{name}'s token>"])
        answer = (await stage.call("/tools", headers)).json()
        shown = [str(tool.get("name")) for tool in _result(answer).get("tools", ())]
        terminal.answers(f"the travel desk: {answer.get('status')}", [", ".join(shown)])
        terminal.step(f"{name} is shown {' and '.join(expected)}", shown == expected, answer)
    terminal.say("Its handlers were told the same, whichever tools they have, of an MCP server or their own:")
    terminal.table({f"X-Identity-Tools ({name.capitalize()})": said for name, said in declared.items()})
    told = {name: said.split(",") for name, said in declared.items()}
    expected_told = {"alice": [f"travel/{BOOK}", f"travel/{LIST}"], "bob": [f"travel/{LIST}"]}
    terminal.step("each handler knew its caller's tools", told == expected_told, told)
    booked = await _used(stage, terminal, "Alice", BOOKING, alice)
    terminal.step("Alice's trip is booked", stage.travel.booked == ["Oxford"], booked)
    trips = await _used(stage, terminal, "Bob", f"/tools/{LIST}", bob)
    terminal.step("Bob's agent uses the tool that he has", trips == ", ".join(TRIPS), trips)
    terminal.say("Bob's agent has heard of the tool, and calls it anyway:")
    terminal.asks(f"GET {BOOKING}", ["Authorization: Bearer <Bob's token>"])
    answer = (await stage.call(BOOKING, bob)).json()
    error = _document(answer).get("error", {})
    terminal.answers(f"{answer.get('status')}", [f"Sidecar-Error: {answer.get('code')}", str(error.get("message"))])
    terminal.step("refused: tool_denied", answer.get("code") == "tool_denied", answer)
    terminal.step("and nothing more is booked", stage.travel.booked == ["Oxford"], stage.travel.booked)
    terminal.say("Whoever runs the agent asks why:")
    terminal.code([f"sidecar explain --token bob.jwt --tool travel/{BOOK}"])
    lines = await stage.explained(BOB, f"travel/{BOOK}")
    terminal.answers(lines[0] if lines else "nothing", lines[1:])
    why = any("needs group sales" in line for line in lines)
    terminal.step("the tool is for the group sales, and Bob isn't in it", why, lines)


async def _used(stage: Stage, terminal: Terminal, name: str, path: str, headers: Mapping[str, str]) -> str:
    """What a tool says."""
    terminal.asks(f"GET {path}", [f"Authorization: Bearer <{name}'s token>"])
    answer = (await stage.call(path, headers)).json()
    said = " ".join(str(block.get("text")) for block in _result(answer).get("content", ()))
    terminal.answers(f"the travel desk: {answer.get('status')}", [said])
    return said


def _document(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON-RPC message that the agent got; empty where it is none."""
    try:
        found = json.loads(answer.get("answer", ""))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _result(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    found = _document(answer).get("result", {})
    return found if isinstance(found, dict) else {}
