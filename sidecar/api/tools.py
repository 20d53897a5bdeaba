"""What the agent may show a model, and call: ``GET /v1/tools``, ``POST /v1/tools/shown``, ``POST /v1/tools/check``.

For tools that no MCP route serves, the agent's own functions: nobody but the agent itself can hold them back. What may
be seen are tools that can be called with some arguments; a call that says none is one without any.
"""

from collections.abc import Mapping
from typing import Any

from sidecar.api import body, record
from sidecar.api.asked import Asked
from sidecar.errors import ToolDenied
from sidecar.identity.principal import Principal
from sidecar.invocation.invocation import Invocation
from sidecar.policy.decision import Access, Act

_SHOWN = {"tools": body.TOOLS}
_CHECKED = {"tool": body.TOOL, "arguments": body.ARGUMENTS}


async def declared(asked: Asked) -> Mapping[str, Any]:
    """The declared tools that may be seen."""
    principal, surroundings = _principal(asked), asked.surroundings
    shown = surroundings.policy.declared(principal, surroundings.clock())
    record.tools_listed(asked, len(shown), len(surroundings.tools) - len(shown))
    return {"tools": list(shown)}


async def shown(asked: Asked) -> Mapping[str, Any]:
    """Of the tools that are named those that may be seen, in their order and as they were named."""
    principal, surroundings = _principal(asked), asked.surroundings
    names = body.read(asked.body, _SHOWN)["tools"]
    whole = [_whole(asked, name) for name in names]
    seen = surroundings.policy.tools(principal, whole, surroundings.clock())
    found = [name for name, may in zip(names, seen, strict=True) if may]
    record.tools_listed(asked, len(found), len(names) - len(found))
    return {"tools": found}


async def check(asked: Asked) -> None:
    """Raise ``ToolDenied`` unless the tool may be called."""
    principal, surroundings = _principal(asked), asked.surroundings
    wanted = body.read(asked.body, _CHECKED)
    asked.tool = _whole(asked, wanted["tool"])
    access = Access(principal, act=Act.TOOL, tool=asked.tool, arguments=wanted["arguments"])
    decision = asked.decision = surroundings.policy.decide(access, surroundings.clock())
    if not decision.allowed:
        raise ToolDenied(decision.why, mend=f"Not permitted. {decision.why}." if surroundings.explains else None)
    record.tool_called(asked)


def _principal(asked: Asked) -> Principal | None:
    caller = asked.identify()
    return caller.principal if isinstance(caller, Invocation) else None


def _whole(asked: Asked, name: str) -> str:
    """*name* as ``route/tool``: a bare one will do where there is one MCP route. Raise ``BadBody``."""
    if "/" in name:
        return name
    route = asked.surroundings.tool_route
    if route is None:
        raise body.BadBody(
            "a tool without its route, and there is not just one MCP route",
            mend="Name tools as route/tool, or as set/tool where they are the agent's own functions.",
        )
    return f"{route}/{name}"
