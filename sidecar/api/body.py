"""The bodies that the identity API takes: one JSON object of known members, read strictly. Pure."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sidecar.errors import BadRequest
from sidecar.wire.strict import json_object

MOST = 64 * 1024
"""Of a body, in bytes."""
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 256, 1024
"""Bodies of one call, and the bytes of each."""
_MOST_SCOPES = 64
_MOST_TOOLS, _LONGEST_TOOL = 1024, 256
_TOOL = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{_LONGEST_TOOL}}}")  # as on MCP routes
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}")  # RFC 6749, section 3.3
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")


class BadBody(BadRequest):
    title = "The request's body is not what this call takes."
    mend = "Send one JSON object with the members that the reference of the identity API names."


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a body."""

    takes: Callable[[Any], bool]
    says: str
    """What it has to be."""
    default: Any = ...
    """Where it isn't given; ``...``: it has to be."""


def _is_scopes(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= _MOST_SCOPES
        and all(isinstance(scope, str) and _SCOPE.fullmatch(scope) for scope in value)
    )


def _is_tool(value: Any) -> bool:
    return isinstance(value, str) and _TOOL.fullmatch(value) is not None


def _are_tools(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_TOOLS and all(map(_is_tool, value))


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


PROVIDER = Member(lambda value: isinstance(value, str) and value != "", "the name of a provider")
SCOPES = Member(_is_scopes, f"a list of at most {_MOST_SCOPES} scopes", default=())
FORCE = Member(lambda value: isinstance(value, bool), "true or false", default=False)
TOOL = Member(_is_tool, f"the name of a tool, route/tool or set/tool, of at most {_LONGEST_TOOL} characters")
TOOLS = Member(_are_tools, f"a list of at most {_MOST_TOOLS} names of tools")
ARGUMENTS = Member(lambda value: isinstance(value, dict), "an object, the tool's arguments by name", default={})
SECONDS = Member(_is_seconds, "a number of seconds above zero")


def read(text: bytes, members: Mapping[str, Member]) -> dict[str, Any]:
    """The members of *text*, all of *members*. Raise ``BadBody``."""
    try:
        given = json_object(text)
    except ValueError as error:
        raise BadBody(f"the body: {error}") from None  # whose own text may quote what was sent
    for name in given:
        if name not in members:
            raise BadBody("a member that this call doesn't take", mend=_unknown(name, members))
    return {name: _member(name, member, given) for name, member in members.items()}


def remembered(members: Mapping[str, Member]) -> Callable[[bytes], Mapping[str, Any]]:
    """``read`` for *members* that hold no secret: bodies that are the same, as an agent's are again and again, are read
    once."""
    short = lru_cache(_MOST_REMEMBERED)(lambda text: MappingProxyType(read(text, members)))
    return lambda text: short(text) if len(text) <= _LONGEST_REMEMBERED else read(text, members)


def _member(name: str, member: Member, given: Mapping[str, Any]) -> Any:
    value = given.get(name, member.default)
    if value is ...:
        raise BadBody(f"{name} is missing", mend=f'Send "{name}": {member.says}.')
    if name in given and not member.takes(value):
        raise BadBody(f"{name} is something else", mend=f'Send as "{name}" {member.says}.')
    return value


def _unknown(name: str, members: Mapping[str, Member]) -> str:
    """Named only where it is a word: it is what was sent."""
    what = f'"{name}" is none of the members' if _NAME.fullmatch(name) else "There is another member than those"
    return f"{what} that this call takes: {', '.join(members)}."
