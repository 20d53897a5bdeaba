"""MCP routes: what passes between the agent and a server of tools is what the principal may see and call.

A request is decided on once its body is here, for that says what is asked. Its credential is got after that, so that
nobody is asked to agree to what they may not do. Answers are looked through as they pass: lists show what may be
called, in whatever stream they come, and everything else goes on as it comes.
"""

from collections.abc import Awaitable, Callable

from sidecar.egress import fields
from sidecar.egress.exit import Exit
from sidecar.egress.fields import Plan
from sidecar.egress.leaving import ask, awaited, context
from sidecar.egress.passing import Outward, attached, outgoing
from sidecar.egress.record import Call
from sidecar.egress.spoken import NOT_SENT, answered, spoken
from sidecar.egress.talk import Filter, Talk
from sidecar.errors import BadRequest, ConsentRequired, SessionUnknown
from sidecar.invocation.carrier import Carried
from sidecar.mcp import message, notes
from sidecar.mcp.listing import sifted
from sidecar.mcp.message import Message
from sidecar.mcp.stream import Events, Text
from sidecar.oauth.credential import Credential, Signing
from sidecar.policy.decision import Policy
from sidecar.relay.answer import Answer
from sidecar.relay.head import Head
from sidecar.relay.passage import Gathered, Outcome, Peer, Reply, Sieve

_SOUND = range(200, 300)
_ENDED = 404
"""What a server says of a session that it doesn't know (any more)."""


def passage(
    by: Filter, head: Head[Plan], peer: Peer, call: Call, out: Exit, found: Carried, below: bytes, target: bytes
) -> "Filtered":
    """*below*: the path behind the route's own; *target*: what the upstream is asked for. Raise ``Refusal``."""
    talk = Talk(by, head, peer, call, out, found, target, spoken(head, below))
    session = talk.spoken.session
    if session is not None and by.conversations.sessions.owner(talk.route, session) != talk.owner:
        raise SessionUnknown("a session of another's, or of before the sidecar's last start")
    return Filtered(talk)


class Filtered(Outward, Gathered):
    """A request to an MCP route, and its answer."""

    __slots__ = ("_goes_on", "_push", "_talk", "body")

    most = message.MOST

    def __init__(self, talk: Talk) -> None:
        super().__init__(talk.out.pool, b"", talk.call, talk.peer, talk.by.invocations, talk.out.times)
        self.body = None
        self._talk = talk
        self._push: Callable[[bytes], None] | None = None
        self._goes_on = False
        """It was decided on again, and doesn't rest on the capability that let it out."""

    @property
    def capability(self) -> str | None:
        return None if self._goes_on else super().capability

    # what is asked

    def gathered(self, body: bytes) -> bytes | Reply | Awaitable[bytes | Reply]:
        if self._talk.head.method != b"POST":
            if body:
                raise BadRequest("a body where MCP has none", mend="Send GET and DELETE without a body.")
            self._talk.converse()
            return self._leave(None, body)
        try:
            said = message.read(body)
        except ValueError as error:
            mend = "Send one JSON-RPC 2.0 message of MCP in UTF-8, with each member once and in its usual spelling."
            raise BadRequest(f"the body: {error}", mend=mend) from error
        return self._talk.say(said) or self._leave(said, body)

    def _leave(self, said: Message | None, body: bytes) -> bytes | Reply | Awaitable[bytes | Reply]:
        """The head that leaves, with its credential; *said*: what the body says."""
        talk = self._talk
        source = talk.out.source
        if source is None:
            return self._sent(said, body, None)
        asked = ask(talk.call, talk.out)
        try:
            credential = source.ready(asked)
        except ConsentRequired as refusal:
            return self._asks(said, refusal)
        if credential is not None:
            return self._sent(said, body, credential)
        return self._obtained(said, body, talk.by.agreeing.obtain(source, asked, said))

    async def _obtained(
        self, said: Message | None, body: bytes, coming: Awaitable[Credential | Signing]
    ) -> bytes | Reply:
        talk = self._talk
        try:
            credential = await awaited(coming, talk.call, talk.peer, talk.by.invocations)
        except ConsentRequired as refusal:
            return self._asks(said, refusal)
        return self._sent(said, body, credential)

    def _asks(self, said: Message | None, refusal: ConsentRequired) -> Reply:
        """Have the client ask its user. Raise *refusal* where it asked for nothing itself."""
        talk = self._talk
        asking = talk.by.agreeing.asks(said, refusal, talk.spoken.version) if said is not None else None
        if asking is None:
            raise refusal
        return talk.replied(refusal, *asking)

    def _sent(self, said: Message | None, body: bytes, credential: Credential | Signing | None) -> bytes:
        talk = self._talk
        head, leg, source = talk.head, talk.out.leg, talk.out.source
        if said is not None and (without := talk.by.agreeing.without(said)) is not None:
            body = self.body = without
        kept = fields.kept(head, talk.found.consumed, source.fills | fields.CREDENTIAL if source is not None else ())
        lines = [line for line in kept if line.partition(b":")[0].lower() not in NOT_SENT]
        talk.recorded()
        if not head.shape.kept:
            talk.by.keep(head)
        behind = context(head, talk.call, talk.found)
        if credential is None or isinstance(credential, Credential):
            parameter = source.parameter if source is not None else b""
            return attached(head, leg, talk.target, lines, credential, parameter) + behind
        first = b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (head.method, talk.target, leg.destination.authority)
        return first + behind + credential.sign(outgoing(head, leg, talk.target, lines), body)

    # what is answered

    def sieve(self, answer: Answer) -> Sieve | None:
        head = answered(answer.lines)
        self._bind(answer.status, head.session)
        if head.events:
            return Events(self._event)
        if head.json:
            # In a session a server may take an answer for one to another request with the same id.
            return Text(self._message) if self._talk.due or self._talk.spoken.session is not None else None
        if self._talk.due and answer.status in _SOUND and answer.length:
            raise ValueError("a list is due, and it is something else")
        return None

    def _bind(self, status: int, session: bytes | None) -> None:
        """Remember whose the session is that the answer names, and that one has ended."""
        talk = self._talk
        sessions, asked = talk.by.conversations.sessions, talk.spoken.session
        if session is not None and status in _SOUND and not sessions.bind(talk.route, session, talk.owner):
            raise ValueError("it gives another principal's session")
        if asked is not None and (status == _ENDED or (talk.head.method == b"DELETE" and status in _SOUND)):
            sessions.forget(talk.route, asked)

    def _event(self, data: bytes) -> bytes | None:
        promise = notes.acknowledged(data) if self._talk.note else None
        return promise if promise is not None else self._message(data)

    def _message(self, data: bytes) -> bytes | None:
        return sifted(data, self._talk, due=self._talk.due)

    # notes of ours

    def streaming(self, push: Callable[[bytes], None]) -> None:
        if self._talk.note:
            self._push = push
            self._talk.by.conversations.begin(self)

    def changed(self, policy: Policy, now: float) -> None:
        changes = self._talk.decides_by(policy, now)
        if changes is None:
            if self._talk.peer.connection is not None:
                self._talk.peer.connection.stop()
            return
        self._goes_on = True
        if changes and self._push is not None:
            self._push(self._talk.note)

    def ended(self, outcome: Outcome, status: int) -> None:
        self._talk.by.conversations.end(self)
        super().ended(outcome, status)
