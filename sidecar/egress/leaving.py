"""The last steps of a call that leaves: what its provider is asked, how that is waited for, and what goes with it."""

from collections.abc import Awaitable
from typing import TypeVar

from sidecar.egress.exit import Exit
from sidecar.egress.fields import Plan
from sidecar.egress.record import Call
from sidecar.errors import DestinationDenied, InvocationInvalid, NotPermitted
from sidecar.invocation.carrier import Carried
from sidecar.invocation.invocation import Invocation, Invocations
from sidecar.oauth.credential import Ask
from sidecar.relay.head import Head
from sidecar.relay.passage import Peer

_Had = TypeVar("_Had")


def ask(call: Call, out: Exit) -> Ask:
    """What the provider is asked. Raise ``DestinationDenied`` or ``NotPermitted`` where it must not be."""
    if out.clear:
        raise DestinationDenied(
            "a credential over plain http to another machine",
            mend="Use https, or set  insecure: true  on the route.",
        )
    scopes = out.leg.route.scopes or (call.decision.scopes if call.decision is not None else frozenset())
    if isinstance(call.caller, Invocation):
        return Ask(call.caller.principal, scopes, call.caller.id, call.trace_id, call.span_id)
    if out.provider is not None and out.provider.acts_as == "principal":
        raise NotPermitted(
            f"the provider {out.provider.name} acts for principals, and this call is nobody's",
            mend="Send the handle of the invocation that this call is made for.",
        )
    return Ask(None, scopes, trace_id=call.trace_id, span_id=call.span_id)


async def awaited(coming: Awaitable[_Had], call: Call, peer: Peer, invocations: Invocations) -> _Had:
    """Wait, but not beyond the time of the invocation that the call is of. Raise ``InvocationInvalid``."""
    invocation, connection = call.caller, peer.connection
    if not isinstance(invocation, Invocation):
        return await coming
    if connection is not None:
        invocations.hold(invocation, connection)
    try:
        had = await coming
    finally:
        if connection is not None:
            invocations.release(invocation, connection)
    if not invocations.living(invocation):
        raise InvocationInvalid("the invocation ended while its credential was being got")
    return had


def context(head: Head[Plan], call: Call, found: Carried) -> bytes:
    """Trace context and baggage, as they go on: the agent's own span where it belongs to the invocation's trace."""
    index = head.shape.plan.traceparent
    said = head.value(index) if index >= 0 else b""
    if not isinstance(call.caller, Invocation):
        lines = b"traceparent: %b\r\n" % said if said else b""
    elif said[3:35] == call.trace_id:
        lines = b"traceparent: %b\r\n" % said
    else:
        lines = b"traceparent: 00-%b-%b-01\r\n" % (call.trace_id, call.span_id)
    return lines + (b"baggage: %b\r\n" % found.baggage if found.baggage else b"")
