"""The one decision point: what somebody may want, and what is said to it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sidecar.identity.principal import Principal


class Act(StrEnum):
    """What is wanted."""

    ENTER = "enter"
    """The agent is called (``inbound.who``)."""
    CALL = "call"
    """A call on a route; on an MCP route: the route itself, with its prompts and resources."""
    CREDENTIAL = "credential"
    """A provider's token or key is handed out."""
    CONVERSE = "converse"
    """An MCP route's handshake and listings."""
    TOOL = "tool"
    """A tool is called, with arguments, or seen, without."""


@dataclass(slots=True)  # not frozen: a frozen one takes thrice as long to make, and every call makes one
class Access:
    """What somebody wants. It isn't changed once it is made."""

    principal: Principal | None
    """Whom the agent works for; ``None``: for itself, or for nobody on an unattended route."""
    route: str | None = None
    """Of a call; ``None``: a token or a key is asked for. Of a tool, its own name says it."""
    provider: str | None = None
    """The route's, or the one whose token or key is asked for."""
    scopes: frozenset[str] = frozenset()
    """What the route needs, or what is asked for."""
    method: str = ""
    path: str = ""
    """Of a call: as it came, without query, below the route's url."""
    act: Act | None = None
    """``None``: a call where a route is given, else a credential."""
    tool: str | None = None
    """``route/tool`` or ``set/tool``, exactly as its server has it."""
    arguments: Mapping[str, object] | None = None
    """The tool's, as JSON has them; ``None``: the question is whether it may be seen at all."""

    @property
    def wanted(self) -> Act:
        """What it is, whether or not it was said."""
        return self.act or (Act.CALL if self.route is not None else Act.CREDENTIAL)

    @property
    def place(self) -> str | None:
        """The route, or of a tool: the route or the set of tools that it is of."""
        return self.tool.partition("/")[0] if self.tool is not None else self.route


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What a tool's name begins with: an MCP route, or a named set of tools."""

    provider: str | None = None
    scopes: frozenset[str] = frozenset()
    """The route's; a set has none."""
    tools: frozenset[str] = frozenset()
    """The names of a set's tools; which ones a route has, its server says."""


@dataclass(frozen=True, slots=True)
class Decision:
    capability: str | None
    """The one that allows it, of several the first; ``None``: none does."""
    scopes: frozenset[str] = frozenset()
    """Where none were asked for: those that the capabilities that allow it name, so that nobody is asked for what they
    give of themselves."""
    nearest: str | None = None
    """The one that came nearest, and"""
    failed: str = ""
    """the first condition that it failed: what the configuration names, and nothing that is the principal's."""
    shadow: bool = False
    """It is let through only because ``policy.mode`` is ``shadow``: ``nearest`` and ``failed`` say why it would not."""

    @property
    def allowed(self) -> bool:
        return self.capability is not None or self.shadow

    @property
    def why(self) -> str:
        """Why no capability allows it: for the record, and where the agent is told."""
        return f"{self.nearest}: {self.failed}" if self.nearest else "no capability allows it"


class Policy(Protocol):
    """*now*: epoch seconds."""

    def decide(self, access: Access, now: float) -> Decision: ...

    def tools(self, principal: Principal | None, names: Iterable[str], now: float) -> list[bool]:
        """Whether *principal* may see each of the tools: as ``decide`` says of ``Act.TOOL`` without arguments."""

    def declared(self, principal: Principal | None, now: float) -> tuple[str, ...]:
        """The declared tools that *principal* may see, sorted: those that capabilities name in full, and those of the
        sets of tools."""
