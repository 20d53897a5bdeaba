"""What one configuration decides by: its policy, and the tools that are declared in it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from sidecar.events import Value
from sidecar.identity.principal import Principal
from sidecar.journal.memberships import memberships as recorded
from sidecar.policy import decision, tool
from sidecar.policy.declared import Declared
from sidecar.policy.shadow import Shadow, Whole
from sidecar.settings import Settings, ways

if TYPE_CHECKING:
    from sidecar.policy.own import Policy


def policy(settings: Settings) -> decision.Policy:
    """Cedar, and the time it takes to load, only where something is declared."""
    capabilities, boxes = settings.capabilities.values(), ways.toolboxes(settings)
    decides: Whole = Declared(capabilities, settings.inbound.who, boxes)
    if capabilities or settings.policy.files:
        from sidecar.policy.cedar import Cedar
        from sidecar.policy.own import Own

        decides = Cedar(capabilities, settings.inbound.who, boxes, Own(_own(settings)))
    return Shadow(decides) if settings.policy.mode == "shadow" else decides


def _own(settings: Settings) -> "Iterator[Policy]":
    if settings.policy.files:
        from sidecar.policy.own import read

        for file in settings.policy.files:
            yield from read(str(file.path), file.text)


def load(settings: Settings) -> None:
    """Load Cedar where it decides, before a call waits for it. For a thread."""
    if settings.capabilities or settings.policy.files:
        import cedarpy  # noqa: F401 - that is all of it


def claims(settings: Settings) -> frozenset[str]:
    """The claims, or paths to some, that decisions may still look at once a principal is let in."""
    found = (capability.who.claims_named() for capability in settings.capabilities.values())
    return frozenset().union(*found, *(policy.claims for policy in _own(settings)))


def memberships(settings: Settings) -> Callable[[Principal], Mapping[str, Value]] | None:
    """What is recorded of a principal's groups and roles, where something is declared about principals, or is to be."""
    if settings.policy.mode == "shadow":
        return partial(recorded, named=None)
    if not settings.capabilities:
        return None
    return partial(recorded, named={"groups": settings.named_groups, "roles": settings.named_roles})


def declared_tools(settings: Settings) -> tuple[str, ...]:
    """Every tool that a capability names in full, or that is in a set; sorted."""
    named = {each for capability in settings.capabilities.values() for each in capability.tools if not tool.wild(each)}
    boxes = ways.toolboxes(settings).items()
    return tuple(sorted(named.union(f"{of}/{name}" for of, box in boxes for name in box.tools)))


def tool_route(settings: Settings) -> str | None:
    """The one MCP route, where there is just one: tools are its own where they name none."""
    served = [name for name, route in settings.egress.routes.items() if route.mcp]
    return served[0] if len(served) == 1 else None
