"""Requests to what the sidecar itself serves: to its application, but for what is answered at once."""

from collections.abc import Callable
from typing import Any, Protocol

from sidecar.relay.answer import Answers
from sidecar.relay.head import HOP_BY_HOP, Head
from sidecar.relay.passage import Gathered, Passage, Reply
from sidecar.relay.pool import Pool

_NOT_PASSED = HOP_BY_HOP | {b"content-length"}


class Prompt(Protocol):
    """Answers in place of the application what needs no waiting. It refuses nothing."""

    def takes(self, head: Head[Any]) -> bool:
        """Whether it may have an answer to *head*, once it has the body."""

    def answer(self, head: Head[Any], body: bytes, trace_id: bytes, span_id: bytes) -> Reply | None:
        """The answer to a *head* that it takes; ``None``: the application's is wanted."""


class Own(Passage):
    """One to the application, whose answers pass as they are."""

    __slots__ = ()

    answers = Answers(lambda _name: False)

    def __init__(self, application: Pool, head: Head[Any]) -> None:
        super().__init__(application, _passed(head), b"")


class Prompted(Gathered):
    """One that may be answered at once; if it isn't, it is one to the application."""

    __slots__ = ("_answer", "_asked", "_keep", "most")

    answers = Own.answers

    def __init__(
        self,
        application: Pool,
        head: Head[Any],
        answer: Callable[[bytes], Reply | None],
        keep: Callable[[Head[Any]], None],
    ) -> None:
        """*answer* takes the body; *keep* is told of a head that was answered: it came from who may ask."""
        super().__init__(application, b"", b"")
        self.most = head.length
        self._asked, self._answer, self._keep = head, answer, keep

    def gathered(self, body: bytes) -> bytes | Reply:
        head = self._asked
        reply = self._answer(body)
        if reply is None:
            return _passed(head)
        if not head.shape.kept:
            self._keep(head)
        return reply


def _passed(head: Head[Any]) -> bytes:
    """As the application gets it."""
    kept = (
        head.lines[index] for name, indices in head.shape.at.items() if name not in _NOT_PASSED for index in indices
    )
    return b"%b %b HTTP/1.1\r\n%b" % (head.method, head.target, b"".join([line + b"\r\n" for line in kept]))
