"""Notes that a list has changed, which are put into a client's open stream. Pure."""

import json

from sidecar.mcp.message import Message

_METHOD = "notifications/tools/list_changed"
_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
ACKNOWLEDGED = b"notifications/subscriptions/acknowledged"
_WANTED = "toolsListChanged"


def tools_changed(subscription: str | int | None = None) -> bytes:
    """An event that says so; *subscription*: the id of the ``subscriptions/listen`` that it answers (2026-07-28)."""
    note: dict[str, object] = {"jsonrpc": "2.0", "method": _METHOD}
    if subscription is not None:
        note["params"] = {"_meta": {_SUBSCRIPTION: subscription}}
    return b"event: message\ndata: %b\n\n" % json.dumps(note, separators=(",", ":")).encode()


def wants_tools(message: Message) -> bool:
    """Whether a ``subscriptions/listen`` asks for them."""
    asked = message.params.get("notifications")
    return isinstance(asked, dict) and asked.get(_WANTED) is True


def wants_resources(message: Message) -> bool:
    """Whether it asks what becomes of some resources."""
    asked = message.params.get("notifications")
    return isinstance(asked, dict) and bool(asked.get("resourceSubscriptions"))


def acknowledged(data: bytes) -> bytes | None:
    """The server's acknowledgement *data*, which promises what we tell besides; ``None``: it is another message, or
    promises it already."""
    if ACKNOWLEDGED not in data:
        return None
    try:
        note = json.loads(data)
        promised = note["params"]["notifications"]
        if note["method"] != ACKNOWLEDGED.decode() or promised.get(_WANTED) is True:
            return None
        promised[_WANTED] = True
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("an acknowledgement that can't be read") from error
    return json.dumps(note, separators=(",", ":")).encode()
