"""Invocations with a clock that stands still until it is told to go on, and what they have open."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.identity.principal import Kind, Principal
from sidecar.invocation.handle import Handles
from sidecar.invocation.invocation import Invocation, Invocations, Lifetimes


def _counting() -> Callable[[int], bytes]:
    numbers = iter(range(1 << 62))

    def draw(size: int) -> bytes:
        return b"".join(next(numbers).to_bytes(32, "big") for _ in range(size // 32))

    return draw


def principal(subject: str = "alice") -> Principal:
    return Principal("https://idp.example", "", subject, "shop", Kind.USER)


ALICE, BOB = principal(), principal("bob")


@dataclass(slots=True)
class Scene:
    """Invocations with a clock that stands still until it is told to go on."""

    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    most_lingering: int = Invocations.MOST_LINGERING
    now: float = 1000.0
    all: Invocations = field(init=False)

    def __post_init__(self) -> None:
        self.all = Invocations(
            self.lifetimes, handles=Handles(_counting()), clock=lambda: self.now, most_lingering=self.most_lingering
        )

    def open(self, who: Principal = ALICE, token_seconds: float = 600.0) -> tuple[Invocation, bytes]:
        return self.all.open(who, b"trace", b"span", token_seconds)


class Opened:
    """A connection, say. *then*: what else its end brings about."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.stopped = 0
        self.then = then

    def stop(self) -> None:
        self.stopped += 1
        self.then()
