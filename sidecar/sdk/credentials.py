"""Decorators that give a function a provider's token or key, of whoever is being answered, each time it is called."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from sidecar.sdk.api import IdentityApi
from sidecar.sdk.call import speaker
from sidecar.sdk.elsewhere import elsewhere
from sidecar.sdk.tools import CHECKED

T = TypeVar("T")

_SECONDS = 30.0
"""How long a secret may take: the sidecar may have to get it first."""


def with_access_token(
    provider: str, scopes: Sequence[str] = (), *, into: str = "access_token"
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """The function gets *provider*'s access token with *scopes* as its keyword argument *into*.

    The token is the current call's, and outside of one the agent's own. For functions and coroutine functions; what
    they look like to others has no such parameter any more, so that no model is ever asked for it. Calling one raises
    ``ConsentRequired``, ``Refused``, ``Unreachable`` or ``NoInvocation``.
    """
    if isinstance(scopes, str):
        raise TypeError("scopes is a list of scopes, not one text")
    wanted = tuple(scopes)
    return _giving(into, lambda handle: IdentityApi(seconds=_SECONDS).token(handle, provider, wanted))


def with_api_key(provider: str, *, into: str = "api_key") -> Callable[[Callable[..., T]], Callable[..., T]]:
    """The same for *provider*'s API key, as *into*."""
    return _giving(into, lambda handle: IdentityApi(seconds=_SECONDS).api_key(handle, provider))


def _giving(into: str, secret: Callable[[str], str]) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """*secret* gives it to whose handle it gets.

    What is given is no parameter for those who call: there is no type for that, so that of parameters none is said.
    """

    def decorate(work: Callable[..., T]) -> Callable[..., T]:
        if inspect.isasyncgenfunction(work):
            raise TypeError("an asynchronous generator can't be given a token: have a function in it that is")
        if getattr(work, CHECKED, False):
            raise TypeError("put @require_tool above: what is checked is what the function is called with by others")
        signature = _without(into, inspect.signature(work))

        def given(kwargs: dict[str, Any]) -> str:
            if into in kwargs:
                raise TypeError(f"{into} is given by the sidecar alone")
            return speaker()

        @functools.wraps(work)
        def at_once(*args: Any, **kwargs: Any) -> Any:
            handle = given(kwargs)
            return work(*args, **kwargs, **{into: secret(handle)})

        @functools.wraps(work)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            handle = given(kwargs)
            return await cast(Any, work)(*args, **kwargs, **{into: await elsewhere(secret, handle)})

        found: Any = awaited if inspect.iscoroutinefunction(work) else at_once
        found.__signature__ = signature
        found.__annotations__ = {name: kind for name, kind in found.__annotations__.items() if name != into}
        return cast(Callable[..., T], found)

    return decorate


def _without(name: str, signature: inspect.Signature) -> inspect.Signature:
    """*signature* without the parameter *name*. Raise ``TypeError`` where it can't be given."""
    parameters = signature.parameters
    if name not in parameters:
        if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
            return signature
        raise TypeError(f"the function takes no {name}: give it that parameter, or name another by  into")
    if parameters[name].kind not in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
        raise TypeError(f"{name} can't be given by keyword")
    return signature.replace(parameters=[each for each in parameters.values() if each.name != name])
