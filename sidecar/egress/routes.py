"""Which route a call takes: by name, or by scheme, host, port and path. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sidecar.egress.destination import Destination
from sidecar.egress.route import Route
from sidecar.errors import DestinationDenied, PathAmbiguous, RouteUnknown
from sidecar.wire.path import plainest, suspect


@dataclass(frozen=True, slots=True)
class Leg:
    """A route as requests meet it."""

    route: Route
    destination: Destination
    base: bytes
    """The path of the route's url, without a slash at its end."""
    methods: frozenset[bytes] | None
    paths: tuple[bytes, ...] | None = field(default=None)

    @classmethod
    def of(cls, route: Route) -> "Leg":
        return cls(
            route,
            Destination.of_url(route.url),
            urlsplit(route.url).path.rstrip("/").encode(),
            None if route.methods is None else frozenset(method.encode() for method in route.methods),
            None if route.paths is None else tuple(path.encode() for path in route.paths),
        )

    def below(self, path: bytes) -> bytes | None:
        """What of *path* follows the route's own; ``None`` where it isn't below it."""
        base = self.base
        if not base:
            return path
        if path.startswith(base) and (len(path) == len(base) or path[len(base)] == _SLASH):
            return path[len(base) :] or b"/"
        return None

    def takes(self, method: bytes, below: bytes) -> bool:
        return (self.methods is None or method in self.methods) and (
            self.paths is None
            or any(below == path or (path.endswith(b"/") and below.startswith(path)) for path in self.paths)
        )


_SLASH = ord("/")


class Routes:
    """All routes of a configuration."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._named: Mapping[bytes, Leg] = {route.name.encode(): Leg.of(route) for route in routes}
        self._at: dict[Destination, list[Leg]] = {}
        for leg in sorted(self._named.values(), key=lambda leg: -len(leg.base)):
            self._at.setdefault(leg.destination, []).append(leg)

    def __iter__(self) -> Iterator[Leg]:
        return iter(self._named.values())

    def lead_to(self, destination: Destination) -> bool:
        return destination in self._at

    @property
    def intercepted(self) -> frozenset[str]:
        """The hosts for which certificates are needed."""
        return frozenset(each.host for each in self._at if each.scheme == "https")

    def named(self, name: bytes, method: bytes, below: bytes) -> Leg:
        """The route *name*, if it takes *below*, the raw path behind it. Raise ``RouteUnknown``,
        ``DestinationDenied`` or ``PathAmbiguous``."""
        leg = self._named.get(name)
        if leg is None:
            raise RouteUnknown("no route of that name")
        _one_reading(below, lambda path: leg.takes(method, path))
        if not leg.takes(method, below):
            raise _not_taken(leg)
        return leg

    def towards(self, destination: Destination, method: bytes, path: bytes) -> tuple[Leg, bytes]:
        """The route to *destination* that takes the raw *path*, that of the longest path first, and what is below it.
        Raise ``DestinationDenied`` or ``PathAmbiguous``."""
        legs = self._at.get(destination)
        if legs is None:
            raise DestinationDenied("no route leads there")

        def found(path: bytes) -> tuple[Leg, bytes] | None:
            for leg in legs:
                below = leg.below(path)
                if below is not None and leg.takes(method, below):
                    return leg, below
            return None

        taken = found(path)
        _one_reading(path, lambda path: (found(path) or (None,))[0])
        if taken is None:
            raise _not_taken(*legs)
        return taken


def _one_reading(path: bytes, selected: Callable[[bytes], object]) -> None:
    """Refuse a path that selects one thing as it came, and another as it decodes."""
    if not suspect(path):
        return
    try:
        plain = plainest(path)
    except ValueError as error:
        raise PathAmbiguous(str(error)) from error
    if selected(plain) is not selected(path):
        raise PathAmbiguous("the path as it came and as it decodes select different rules")


def _not_taken(*legs: Leg) -> DestinationDenied:
    names = " or ".join(leg.route.name for leg in legs)
    mend = f"Call by a method and a path that the route takes, or widen the url, methods or paths of {names}."
    return DestinationDenied(f"no method and path of {names}", mend=mend)
