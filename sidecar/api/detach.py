"""``POST /v1/invocation/detach``: a handle for work that goes on after the answer."""

from collections.abc import Mapping
from typing import Any

from sidecar.api import body
from sidecar.api.asked import Asked
from sidecar.errors import NotPermitted

_AGENT = "The agent's own handle ends with no answer: only an invocation's is detached."
_OFF = "Whoever runs the sidecar can allow it, and for how long: invocation.detach."


async def detach(asked: Asked) -> Mapping[str, Any]:
    """More seconds than are allowed are refused, not cut: who asks for an hour would find out after ten minutes."""
    surroundings = asked.surroundings
    invocation = asked.invocation(instead=_AGENT)
    seconds = body.read(asked.body, {"seconds": body.SECONDS})["seconds"]
    most = surroundings.invocations.lifetimes.detach
    if most is not None and seconds > most:
        raise NotPermitted("more seconds than invocation.detach", mend=f"Ask for at most {most:g} seconds.")
    handle = surroundings.invocations.detach(invocation, seconds)
    if handle is None:
        raise NotPermitted("invocation.detach is off", mend=_OFF)
    lives = min(seconds, invocation.token_dies - surroundings.monotonic())
    return {"handle": handle.decode(), "expires_at": int(surroundings.clock() + lives)}
