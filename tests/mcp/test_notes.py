import json

import pytest

from sidecar.mcp import notes
from sidecar.mcp.message import Message, read


def listening(**notifications: object) -> Message:
    said = {"jsonrpc": "2.0", "id": "l-1", "method": "subscriptions/listen", "params": {"notifications": notifications}}
    return read(json.dumps(said).encode())


def told(event: bytes) -> object:
    first, data, *rest = event.split(b"\n")
    assert (first, rest) == (b"event: message", [b"", b""])
    return json.loads(data.removeprefix(b"data: "))


def test_a_note_says_that_the_tools_have_changed() -> None:
    assert told(notes.tools_changed()) == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}


def test_in_the_newer_era_it_names_its_subscription() -> None:
    assert told(notes.tools_changed("l-1")) == {
        "jsonrpc": "2.0",
        "method": "notifications/tools/list_changed",
        "params": {"_meta": {"io.modelcontextprotocol/subscriptionId": "l-1"}},
    }


@pytest.mark.parametrize("asked", [True, False, None, "yes"])
def test_who_asks_for_it_wants_it(asked: object) -> None:
    assert notes.wants_tools(listening(toolsListChanged=asked)) is (asked is True)
    assert not notes.wants_tools(read(b'{"jsonrpc":"2.0","id":1,"method":"ping"}'))


def test_who_names_resources_asks_for_them() -> None:
    assert notes.wants_resources(listening(resourceSubscriptions=["file:///a"]))
    assert notes.wants_resources(listening(resourceSubscriptions={"x": 1}))
    assert not notes.wants_resources(listening(resourceSubscriptions=[]))
    assert not notes.wants_resources(listening(toolsListChanged=True))


def acknowledgement(**promised: object) -> bytes:
    method = "notifications/subscriptions/acknowledged"
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": {"notifications": promised}}).encode()


def test_a_promise_includes_what_we_tell() -> None:
    said = notes.acknowledged(acknowledgement(promptsListChanged=True))
    assert said is not None
    assert json.loads(said)["params"]["notifications"] == {"promptsListChanged": True, "toolsListChanged": True}


@pytest.mark.parametrize(
    "data",
    [
        acknowledgement(toolsListChanged=True),
        b'{"method":"ping"}',
        b"",
        acknowledgement().replace(b"method", b"x") + b"",
    ],
)
def test_anything_else_stays(data: bytes) -> None:
    if b'"x"' in data:
        with pytest.raises(ValueError, match="can't be read"):
            notes.acknowledged(data)
    else:
        assert notes.acknowledged(data) is None
