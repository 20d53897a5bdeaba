"""A CONNECT that was opened: what all requests inside of it have in common."""

from sidecar.egress.destination import Destination
from sidecar.invocation.caller import Caller
from sidecar.invocation.invocation import Invocation, Invocations
from sidecar.relay.passage import Stoppable


class Tunnel:
    """Lives as long as the connection inside. One that an invocation's handle opened dies with that invocation."""

    __slots__ = ("_invocations", "caller", "destination")

    def __init__(self, destination: Destination, caller: Caller, invocations: Invocations) -> None:
        self.destination = destination
        self.caller = caller
        """Whose it is: an invocation's, to which it is bound; the agent's, as a default; nobody's."""
        self._invocations = invocations

    def opened(self, connection: Stoppable) -> None:
        if isinstance(self.caller, Invocation):
            self._invocations.hold(self.caller, connection)

    def closed(self, connection: Stoppable) -> None:
        if isinstance(self.caller, Invocation):
            self._invocations.release(self.caller, connection)
