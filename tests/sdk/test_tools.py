"""A model is shown what its caller may call, and nothing where that can't be told."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from sidecar import sdk
from tests.sdk.answering import Api
from tests.sdk.handles import HANDLES

ALICE = HANDLES[0]
CHAT = {"type": "function", "function": {"name": "list_events", "parameters": {"type": "object"}}}
CUSTOM = {"type": "custom", "custom": {"name": "list_events"}}
RESPONSES = {"type": "function", "name": "list_events", "parameters": {"type": "object"}, "strict": True}
ANTHROPIC = {"name": "list_events", "description": "Events.", "input_schema": {"type": "object"}}
HOSTED = {"type": "web_search_20250305", "name": "list_events"}
MCP = {"name": "list_events", "title": "Events", "inputSchema": {"type": "object"}}
BEDROCK = {"toolSpec": {"name": "list_events", "inputSchema": {"json": {}}}}


@dataclass
class Tool:
    """As MCP's and agent frameworks' own classes are."""

    name: str
    description: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)


OBJECTS = [Tool("list_events"), SimpleNamespace(type="function", function=Tool("list_events"))]


def showing(api: Api, *names: str) -> None:
    api.say("/v1/tools/shown", lambda said: {"tools": [name for name in said["tools"] if name in names]})


@pytest.mark.parametrize(
    "tool", [CHAT, CUSTOM, RESPONSES, ANTHROPIC, HOSTED, MCP, BEDROCK, *OBJECTS], ids=lambda tool: type(tool).__name__
)
async def test_every_shape_of_tool_is_shown_or_hidden_by_its_name(api: Api, tool: Any) -> None:
    other: Any = {"name": "other"}
    with sdk.invocation(ALICE):
        showing(api, "travel/list_events")
        assert sdk.tools_for([other, tool, other, tool], route="travel") == [tool, tool]
        assert await sdk.tools_for_async([other, tool], route="travel") == [tool]
        showing(api)
        assert sdk.tools_for([tool], route="travel") == []
    asked = {"tools": ["travel/other", "travel/list_events"]}
    assert api.asked[:2] == [("POST", "/v1/tools/shown", ALICE, asked)] * 2


def test_names_are_whole_already_or_are_made_by_a_function(api: Api) -> None:
    showing(api, "travel/list", "desk/book")
    with sdk.invocation(ALICE):
        tools = [Tool("desk/book"), Tool("travel/list"), Tool("list")]
        assert sdk.tools_for(tools) == tools[:2]
        prefixed = [{"name": "travel__list"}, {"name": "desk__book"}, {"name": "desk__list"}]
        assert sdk.tools_for(prefixed, name=lambda tool: tool["name"].replace("__", "/")) == prefixed[:2]

        def book() -> None: ...

        assert sdk.tools_for([book, showing], route="desk", name=lambda work: work.__name__) == [book]
        assert sdk.tools_for(iter(tools)) == tools[:2]


def test_many_tools_are_asked_for_in_parts_and_keep_their_order(api: Api) -> None:
    tools = [Tool(f"desk/{number:03}") for number in range(600)]
    showing(api, *(tool.name for tool in tools[::2]))
    with sdk.invocation(ALICE):
        assert sdk.tools_for(tools) == tools[::2]
        assert [len(said["tools"]) for *_, said in api.asked] == [256, 256, 88]
        assert sdk.tools_for([]) == []
        assert len(api.asked) == 3


@pytest.mark.parametrize(
    ("tools", "why"),
    [
        ([{"type": "web_search"}], "has no name"),
        ([{"function_declarations": [MCP]}], "has no name"),
        ([{"name": ""}], "has no name"),
        ([{"name": 1}], "has no name"),
        (["list_events"], "the type str has no name"),
        ([None], "has no name"),
        ([print], "has no name"),
        ([{"name": "shown", "function": {"name": "hidden"}}], "names itself twice"),
        (MCP, "a list of tools"),
        ("travel/list_events", "a list of tools"),
    ],
)
async def test_what_is_no_known_shape_is_refused(api: Api, tools: Any, why: str) -> None:
    showing(api, "list_events")
    with sdk.invocation(ALICE):
        with pytest.raises(TypeError, match=why):
            sdk.tools_for(tools)
        with pytest.raises(TypeError):
            await sdk.tools_for_async(tools)
    assert api.asked == []


def test_where_it_cannot_be_told_there_is_no_list(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(sdk.NoInvocation):
        sdk.tools_for([MCP])
    with sdk.invocation(ALICE):
        api.refuse("/v1/tools/shown", 401, "invocation_invalid")
        with pytest.raises(sdk.Refused):
            sdk.tools_for([MCP])
        monkeypatch.setenv("SIDECAR_URL", "http://127.0.0.1:1")
        with pytest.raises(sdk.Unreachable):
            sdk.tools_for([MCP])


def test_outside_of_a_call_it_is_what_the_agent_itself_may_call(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    showing(api, "travel/list_events")
    monkeypatch.setenv("HTTPS_PROXY", f"http://ag_mine:x@127.0.0.1:{api.server_port}")
    assert sdk.tools_for([MCP], route="travel") == [MCP]
    assert api.asked[0][2] == "ag_mine"


# calls


async def test_a_call_is_checked_with_its_arguments_before_it_is_made(api: Api) -> None:
    api.say("/v1/tools/check", b"", 204)
    begun = []

    class Desk:
        @sdk.require_tool("desk/book")
        def book(self, room: str, hours: int = 1, **more: Any) -> str:
            begun.append(room)
            return room

    @sdk.require_tool("desk/open", arguments=["door"])
    async def opened(door: str, key: object) -> str:
        begun.append(door)
        return door

    with sdk.invocation(ALICE):
        assert Desk().book("red", note="soon") == "red"
        assert await opened("front", object()) == "front"
        assert [said for *_, said in api.asked] == [
            {"tool": "desk/book", "arguments": {"room": "red", "hours": 1, "note": "soon"}},
            {"tool": "desk/open", "arguments": {"door": "front"}},
        ]
        api.refuse("/v1/tools/check", 403, "tool_denied")
        begun.clear()
        with pytest.raises(sdk.Refused) as refused:
            Desk().book("red")
        with pytest.raises(sdk.Refused):
            await opened("front", None)
        with pytest.raises(TypeError, match="room"):
            Desk().book()  # type: ignore[call-arg]  # that is what is tested
    assert (refused.value.code, begun) == ("tool_denied", [])


def test_a_check_says_nothing_or_raises(api: Api) -> None:
    with sdk.invocation(ALICE):
        api.say("/v1/tools/check", b"", 204)
        sdk.check_tool("desk/book", {"room": "red"})
        sdk.check_tool("desk/book")
        assert [said["arguments"] for *_, said in api.asked] == [{"room": "red"}, {}]
        for unsayable in (object(), float("nan"), {1, 2}):
            with pytest.raises(TypeError, match="JSON") as caught:
                sdk.check_tool("desk/book", {"room": unsayable})
            assert caught.value.__cause__ is None
        assert len(api.asked) == 2
    with pytest.raises(sdk.NoInvocation):
        sdk.check_tool("desk/book")


def test_a_token_is_no_argument(api: Api) -> None:
    api.say("/v1/tools/check", b"", 204)
    api.say("/v1/token", {"access_token": "the-token"})

    @sdk.require_tool("desk/book")
    @sdk.with_access_token("google")
    def book(room: str, access_token: str) -> str:
        return access_token

    with sdk.invocation(ALICE):
        assert book("red") == "the-token"
    assert api.asked[0] == ("POST", "/v1/tools/check", ALICE, {"tool": "desk/book", "arguments": {"room": "red"}})


def test_what_cannot_be_checked_is_said_at_once() -> None:
    async def streaming() -> Any:
        yield 1

    with pytest.raises(TypeError, match="generator"):
        sdk.require_tool("desk/stream")(streaming)
    with pytest.raises(TypeError, match="takes no door"):
        sdk.require_tool("desk/open", arguments=["door"])(lambda key: key)
