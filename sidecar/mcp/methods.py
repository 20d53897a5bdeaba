"""What each of the protocol's methods takes. Pure.

Both eras' (2025-11-25, 2026-07-28) stand in one table: which of them a server knows is its own affair. What isn't here
isn't passed on, for nobody knows what it would show or do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto


class Need(Enum):
    """What the principal must be allowed."""

    CONVERSE = auto()
    """To talk with the server at all."""
    TOOL = auto()
    """The tool that is named, with its arguments."""
    ROUTE = auto()
    """Everything of the server."""


@dataclass(frozen=True, slots=True)
class Method:
    need: Need
    lists: str = ""
    """The member of the result in which its answer has a list."""
    names: str = ""
    """The parameter that ``Mcp-Name`` repeats (2026-07-28, "Streamable HTTP")."""


_CONVERSE, _ROUTE = Method(Need.CONVERSE), Method(Need.ROUTE)

REQUESTS: Mapping[str, Method] = {
    "initialize": _CONVERSE,
    "ping": _CONVERSE,
    "server/discover": _CONVERSE,
    "logging/setLevel": _CONVERSE,
    "subscriptions/listen": _CONVERSE,
    "tools/list": Method(Need.CONVERSE, lists="tools"),
    "prompts/list": Method(Need.CONVERSE, lists="prompts"),
    "resources/list": Method(Need.CONVERSE, lists="resources"),
    "resources/templates/list": Method(Need.CONVERSE, lists="resourceTemplates"),
    "tools/call": Method(Need.TOOL, names="name"),
    "prompts/get": Method(Need.ROUTE, names="name"),
    "resources/read": Method(Need.ROUTE, names="uri"),
    "resources/subscribe": _ROUTE,
    "resources/unsubscribe": _ROUTE,
    "completion/complete": _ROUTE,
    # A task is whoever's who knows its id. ``tasks/list`` isn't here: a server that is called with the agent's own
    # credential can't tell whose tasks it may show (2025-11-25, "Tasks", security considerations).
    "tasks/get": _ROUTE,
    "tasks/result": _ROUTE,
    "tasks/cancel": _ROUTE,
    "tasks/update": _ROUTE,
}
NOTIFICATIONS = frozenset(
    {
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
        "notifications/tasks/status",
    }
)
LISTS = frozenset(method.lists for method in REQUESTS.values() if method.lists)
