"""What one configuration decides by: its policy, and the tools that are declared in it."""

from sidecar.policy import tool
from sidecar.policy.decision import Policy
from sidecar.policy.declared import Declared
from sidecar.policy.shadow import Shadow, Whole
from sidecar.settings import Settings, ways


def policy(settings: Settings) -> Policy:
    """Cedar, and the time it takes to load, only where something is declared."""
    capabilities, boxes = settings.capabilities.values(), ways.toolboxes(settings)
    decides: Whole = Declared(capabilities, settings.inbound.who, boxes)
    if capabilities or settings.policy.files:
        from sidecar.policy.cedar import Cedar

        decides = Cedar(capabilities, settings.inbound.who, boxes)
    return Shadow(decides) if settings.policy.mode == "shadow" else decides


def declared_tools(settings: Settings) -> tuple[str, ...]:
    """Every tool that a capability names in full, or that is in a set; sorted."""
    named = {each for capability in settings.capabilities.values() for each in capability.tools if not tool.wild(each)}
    boxes = ways.toolboxes(settings).items()
    return tuple(sorted(named.union(f"{of}/{name}" for of, box in boxes for name in box.tools)))


def tool_route(settings: Settings) -> str | None:
    """The one MCP route, where there is just one: tools are its own where they name none."""
    served = [name for name, route in settings.egress.routes.items() if route.mcp]
    return served[0] if len(served) == 1 else None
