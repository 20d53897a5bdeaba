"""What must be true of invocations, said the simplest way."""

from sidecar.errors import InvocationInvalid, RateLimited
from sidecar.identity.principal import Principal
from sidecar.invocation.invocation import Invocation, Invocations, Lifetimes
from tests.invocation.scene import Opened, Scene


class Model:
    """Each handle and its time, each stream and whether it is held: kept for ever, and nothing is worked out twice."""

    def __init__(self, linger: float) -> None:
        self.scene = Scene(Lifetimes(linger=linger, most=150.0, detach=60.0))
        self.made: list[Invocation] = []
        self.dies: dict[bytes, float] = {}
        self.names: dict[bytes, Invocation] = {}
        self.own: dict[int, bytes] = {}
        self.held: list[tuple[Invocation, Opened]] = []

    def alive(self, invocation: Invocation) -> bool:
        return any(self.dies[each] > self.scene.now for each, whose in self.names.items() if whose is invocation)

    def open(self, who: Principal) -> None:
        invocation, handle = self.scene.open(who)
        self.made.append(invocation)
        self.own[id(invocation)] = handle
        self.names[handle], self.dies[handle] = invocation, self.scene.now + 150

    def end(self, which: int) -> None:
        invocation = self.made[which % len(self.made)]
        handle = self.own[id(invocation)]
        if not invocation.ended:
            self.dies[handle] = min(self.dies[handle], self.scene.now + self.scene.lifetimes.linger)
        self.scene.all.end(invocation)

    def detach(self, which: int) -> None:
        invocation = self.made[which % len(self.made)]
        own = self.dies[self.own[id(invocation)]]
        try:
            handle = self.scene.all.detach(invocation, which * 3.0 + 1)
        except InvocationInvalid:
            assert own <= self.scene.now
        except RateLimited:
            assert invocation.detached >= Invocations.MOST_DETACHED
        else:
            assert handle is not None
            assert own > self.scene.now
            self.names[handle], self.dies[handle] = invocation, self.scene.now + min(which * 3.0 + 1, 60.0)

    def hold(self, which: int) -> None:
        invocation = self.made[which % len(self.made)]
        stream = Opened()
        alive = self.alive(invocation)
        self.scene.all.hold(invocation, stream)
        assert stream.stopped == (not alive)
        if alive:
            self.held.append((invocation, stream))

    def release(self, which: int) -> None:
        if self.held:
            invocation, stream = self.held.pop(which % len(self.held))
            before = stream.stopped
            self.scene.all.release(invocation, stream)
            assert stream.stopped == before

    def wait(self, seconds: float) -> None:
        self.scene.now += seconds

    def doom(self, who: Principal) -> None:
        for handle, invocation in self.names.items():
            if invocation.principal == who:
                self.dies[handle] = 0.0
        self.scene.all.end_all(lambda each: each == who)

    def sweep(self, _: None = None) -> None:
        self.scene.all.sweep()
        for invocation, stream in self.held:
            assert stream.stopped == (not self.alive(invocation))

    def agrees(self) -> None:
        for handle, invocation in self.names.items():
            assert self.scene.all.find(handle) is (invocation if self.dies[handle] > self.scene.now else None)
        for invocation in self.made:
            assert self.scene.all.living(invocation) is self.alive(invocation)
        for invocation, stream in self.held:
            assert stream.stopped <= (not self.alive(invocation))
