"""Which tools a model is shown, and whether one may be called, for whoever is being answered.

A tool's name is ``route/tool``, or ``set/tool`` for the agent's own functions. The sidecar is asked each time: what
isn't known to be permitted isn't shown, and where it can't be asked there is an exception and no list.
"""

import functools
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from sidecar.sdk.api import IdentityApi
from sidecar.sdk.call import speaker
from sidecar.sdk.elsewhere import elsewhere

T = TypeVar("T")
Work = TypeVar("Work", bound=Callable[..., Any])

CHECKED = "__sidecar_checked__"
_INSIDE = ("function", "custom", "toolSpec")
"""Where a tool's name may stand one step further in: chat completions' ``function`` and ``custom``, Bedrock's."""
_AT_ONCE = 256
"""How many names one question holds."""


def tools_for(tools: Iterable[T], *, route: str | None = None, name: Callable[[T], str] | None = None) -> list[T]:
    """Those of *tools* that may be called, in their order.

    OpenAI's (chat completions and responses), Anthropic's, Bedrock's and MCP's tools, as dictionaries or as objects.
    Their names are ``route/tool`` already, or are those of the tools of *route*, an MCP route or a set; *name* gives
    the name of a tool of any other shape. Outside of a call it is what the agent itself may call.

    Raise ``TypeError`` for what has no such name; ``Refused``, ``Unreachable`` or ``NoInvocation`` where it can't be
    told what may be called.
    """
    named = _named(tools, route, name)
    handle, api = speaker(), IdentityApi()
    asked, shown = [*dict.fromkeys(each for each, _ in named)], set[str]()
    for start in range(0, len(asked), _AT_ONCE):
        shown |= api.shown(handle, asked[start : start + _AT_ONCE])
    return [tool for each, tool in named if each in shown]


async def tools_for_async(
    tools: Iterable[T], *, route: str | None = None, name: Callable[[T], str] | None = None
) -> list[T]:
    """``tools_for``, for code that awaits."""
    return await elsewhere(tools_for, [*tools], route=route, name=name)


def check_tool(tool: str, arguments: Mapping[str, Any] | None = None) -> None:
    """Raise ``Refused`` unless *tool* may be called with *arguments*; the record says that it was, or was refused.

    Besides, raise ``Unreachable`` or ``NoInvocation``; ``TypeError`` for arguments that JSON can't say.
    """
    IdentityApi().check(speaker(), tool, _told(arguments or {}))


def require_tool(tool: str, *, arguments: Sequence[str] | None = None) -> Callable[[Work], Work]:
    """The function is called only where *tool* may be called with its arguments; else ``check_tool`` raises.

    *arguments*: which of them the sidecar is told, by default all; they have to be what JSON can say. For functions,
    generators, and coroutine functions.
    """

    def decorate(work: Work) -> Work:
        if inspect.isasyncgenfunction(work):
            raise TypeError("an asynchronous generator can't be checked: check_tool before it is")
        signature = inspect.signature(work)
        if arguments is not None and (unknown := set(arguments) - signature.parameters.keys()):
            raise TypeError(f"the function takes no {', '.join(sorted(unknown))}")

        @functools.wraps(work)
        def at_once(*args: Any, **kwargs: Any) -> Any:
            check_tool(tool, _bound(signature, arguments, args, kwargs))
            return work(*args, **kwargs)

        @functools.wraps(work)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            await elsewhere(check_tool, tool, _bound(signature, arguments, args, kwargs))
            return await work(*args, **kwargs)

        found: Any = awaited if inspect.iscoroutinefunction(work) else at_once
        setattr(found, CHECKED, True)
        return cast(Work, found)

    return decorate


def _named(tools: Iterable[T], route: str | None, name: Callable[[T], str] | None) -> list[tuple[str, T]]:
    """Each tool with what the sidecar calls it."""
    if isinstance(tools, str | bytes | Mapping):
        raise TypeError("tools is a list of tools, not one of them")
    before = "" if route is None else f"{route}/"
    return [(before + (_name(tool) if name is None else name(tool)), tool) for tool in tools]


def _name(tool: object) -> str:
    """The one name that *tool* has. Raise ``TypeError``."""
    places = (tool, *(_member(tool, key) for key in _INSIDE))
    names = {name for place in places if isinstance(name := _member(place, "name"), str) and name}
    if len(names) != 1:
        what = "names itself twice" if names else "has no name"
        raise TypeError(
            f"a tool of the type {type(tool).__name__} {what}: give  name=  a function that says it; what a model's"
            " provider does by itself is no tool of the agent's, and goes into the list afterwards"
        )
    return names.pop()


def _member(place: object, key: str) -> object:
    return place.get(key) if isinstance(place, Mapping) else getattr(place, key, None)


def _bound(
    signature: inspect.Signature, told: Sequence[str] | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments by name, defaults included, without the object that a method is called on."""
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    found = dict(bound.arguments)
    for index, (key, parameter) in enumerate(signature.parameters.items()):
        if parameter.kind is parameter.VAR_KEYWORD:
            found |= found.pop(key)
        elif index == 0 and key in ("self", "cls"):
            del found[key]
    return found if told is None else {key: found[key] for key in told}


def _told(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        json.dumps(arguments, allow_nan=False)
    except (TypeError, ValueError):
        raise TypeError(
            "the sidecar can be told only of arguments that JSON can say: name those by  arguments"
        ) from None  # whose own text may quote one
    return arguments
