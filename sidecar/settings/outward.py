"""What an agent may reach, and who may have it: ``egress.routes`` and ``capabilities``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sidecar.egress.route import Route
from sidecar.policy.capability import Capability
from sidecar.policy.hours import EXAMPLE, FORM, Hours, Unreadable
from sidecar.settings.problem import Misfit, Misfits
from sidecar.settings.reading import At
from sidecar.settings.sections import REQUIRED, Key, List, Named, OneOrMore, Section
from sidecar.settings.shapes import Either, Flag, Text
from sidecar.settings.who import ClaimValue, WhoShape
from sidecar.settings.words import (
    IDENTIFIER,
    METHOD,
    NAME,
    NETWORK,
    PATH,
    POSITIVE,
    PROVIDER,
    ROUTE,
    SENTENCES,
    TEXT,
    WEB,
)

METHODS = OneOrMore(METHOD)
PATHS = List(PATH, "a list of paths", least=1)
SCOPES = List(IDENTIFIER, "a list of scopes")

_TIMES = {
    "head": "Until the agent's request head is complete.",
    "connect": "Until a connection is made.",
    "first_byte": "Until an answer begins.",
    "idle": "How long nothing may move.",
}


def _times(**given: float | None) -> Mapping[str, float]:
    return MappingProxyType({name: seconds for name, seconds in given.items() if seconds is not None})


def _route(scopes: tuple[str, ...], **given: Any) -> Route:
    return Route(scopes=frozenset(scopes), **given)


ROUTE_SECTION = Section(
    _route,
    {
        "url": Key(WEB, REQUIRED, "Where it leads: scheme, host and port match exactly, a path is a prefix."),
        "provider": Key(PROVIDER, None, "Whose credential is attached."),
        "scopes": Key(SCOPES, [], "The scopes that the credential needs."),
        "methods": Key(METHODS, None, "The methods that it takes.", shown="all"),
        "paths": Key(PATHS, None, "The paths that it takes.", shown="all"),
        "private": Key(
            Either(Flag(), List(NETWORK, "a list of networks", least=1)),
            False,
            "Whether it may lead to private addresses; a list: to those alone.",
        ),
        "insecure": Key(Flag(), False, "Whether the credential may go over plain http to another machine."),
        "unattended": Key(Flag(), False, "Whether calls need no handle; its provider must act as the agent."),
        "mcp": Key(Flag(), False, "Whether it is an MCP server: its tools are filtered by principal."),
        "timeouts": Key(
            Section(
                _times,
                {name: Key(POSITIVE, None, says, shown="as in `egress.timeouts`") for name, says in _TIMES.items()},
            ),
            {},
            "Time limits of its own.",
        ),
    },
    named=True,
)
ROUTES = Named(ROUTE_SECTION, "a table of routes", NAME)


def _tool(text: str, at: At) -> str:
    route, slash, _ = text.partition("/")
    if slash:
        at.reading.refer(at, "egress.routes", route, "tools")
    return text


TOOL = Text(
    "a tool: route/tool or set/tool, or a bare name where there is one MCP route",
    "travel/list_events",
    pattern="([A-Za-z0-9][A-Za-z0-9._-]{0,63}/)?[A-Za-z0-9_.*-][A-Za-z0-9_./*-]{0,127}",
    finish=_tool,
)


def _hours(text: str) -> Hours:
    try:
        return Hours.parse(text)
    except Unreadable as unreadable:
        raise Misfit(unreadable.what, unreadable.mend) from None


HOURS = Text(f"hours such as {EXAMPLE}", EXAMPLE, _hours, form=FORM)
ARGUMENTS = Named(OneOrMore(ClaimValue()), "a table of arguments and the values that will do", TEXT)


def _capability(scopes: tuple[str, ...], routes: tuple[str, ...], tools: tuple[str, ...], **given: Any) -> Capability:
    if given["provider"] is None and scopes:
        raise Misfits([Misfit("belong to no provider", "Set  provider: NAME", "scopes", ("provider",))])
    if given["provider"] is None and not routes and not tools:
        raise Misfits([Misfit("allows nothing", "Name a provider, routes or tools.")])
    return Capability(scopes=frozenset(scopes), routes=frozenset(routes), tools=frozenset(tools), **given)


CAPABILITY_SECTION = Section(
    _capability,
    {
        "who": Key(WhoShape(agent=True), REQUIRED, "Who has it."),
        "provider": Key(PROVIDER, None, "The provider whose credential it allows."),
        "scopes": Key(SCOPES, [], "The provider's scopes that it allows."),
        "routes": Key(List(ROUTE, "a list of routes"), [], "The routes that it allows."),
        "methods": Key(METHODS, None, "The methods that it allows on them.", shown="all"),
        "paths": Key(PATHS, None, "The paths that it allows on them.", shown="all"),
        "tools": Key(List(TOOL, "a list of tools"), [], "The tools that it allows."),
        "arguments": Key(ARGUMENTS, {}, "The values that arguments of the tools may have."),
        "hours": Key(OneOrMore(HOURS, tuple), [], "When it holds.", shown="always"),
        "consent_text": Key(SENTENCES, None, "What users are told when they are asked, in plain words."),
    },
    named=True,
)
TOOLS = Named(
    List(
        Text("the name of a tool", "book_room", pattern="[A-Za-z0-9_.-][A-Za-z0-9_./-]{0,127}"),
        "a list of tools' names",
        least=1,
    ),
    "a table of sets of tools",
    NAME,
)
CAPABILITIES = Named(CAPABILITY_SECTION, "a table of capabilities", NAME)
