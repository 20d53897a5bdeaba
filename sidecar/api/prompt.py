"""Answers without the application what needs no waiting: a token that is held, a key.

What is decided, recorded and said is decided, recorded and said by what the application calls, too. It refuses
nothing: whatever it can't answer with 200 is asked again of the application, so that there is one place for errors.
Requests that aiohttp might read otherwise than it does here, or not at all, are none that it takes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sidecar.api import answer
from sidecar.api.asked import Asked
from sidecar.api.surroundings import Surroundings
from sidecar.api.tokens import api_key_at_once, token_at_once
from sidecar.errors import Refusal
from sidecar.relay.head import Head
from sidecar.relay.passage import Reply
from sidecar.wire.date import Dates

MOST = 4096
"""The largest body that is taken, in bytes."""
CALLS: Mapping[bytes, Callable[[Asked], bytes | None]] = {
    b"/v1/token": token_at_once,
    b"/v1/api-key": api_key_at_once,
}
"""By target, as it comes; all are made by POST."""
_READ = (b"x-identity-invocation", b"authorization")
_UNUSUAL = frozenset(
    {b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"sec-websocket-key", b"sec-websocket-key1"}
)


class Prompt:
    def __init__(self, surroundings: Callable[[], Surroundings]) -> None:
        """*surroundings* is called for each answer: a reload exchanges them."""
        self._surroundings = surroundings
        self._dates = Dates()

    def takes(self, head: Head[Any]) -> bool:
        """Whether it may have an answer to *head*, once it has the body."""
        at = head.shape.at
        return (
            head.method == b"POST"
            and head.target in CALLS
            and 0 < head.length <= MOST
            and head.minor == 1
            and len(at) == len(head.lines)  # none twice
            and _UNUSUAL.isdisjoint(at)
        )

    def answer(self, head: Head[Any], body: bytes, trace_id: bytes, span_id: bytes) -> Reply | None:
        """The whole answer to a *head* that it takes; ``None``: the application's is wanted."""
        surroundings, at = self._surroundings(), head.shape.at
        fields = tuple([(name, head.value(at[name][0])) for name in _READ if name in at])
        asked = Asked(surroundings, "POST", head.path, "", fields, body, trace_id, span_id)
        try:
            said = CALLS[head.target](asked)
        except Refusal:
            return None
        if said is None:
            return None
        date = self._dates.at(surroundings.clock())
        return Reply(200, answer.lines(asked, date), said)
