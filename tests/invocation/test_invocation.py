"""Invocations: when they live, when they die, and how many of the dead are remembered."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.principal import Kind, Principal
from sidecar.invocation.handle import Handles
from sidecar.invocation.invocation import Invocation, Invocations, Lifetimes
from tests.fuzzing import examples


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


def test_an_open_invocation_is_found_by_its_handle_alone() -> None:
    scene = Scene()
    invocation, handle = scene.open()
    other, other_handle = scene.open(BOB)
    assert scene.all.find(handle) is invocation
    assert scene.all.find(other_handle) is other
    assert scene.all.find(handle + b"x") is None
    assert scene.all.find(b"") is None
    assert (invocation.principal, invocation.id, invocation.trace_id) == (ALICE, b"span", b"trace")
    assert (scene.all.open_count, scene.all.lingering_count) == (2, 0)


def test_the_handle_is_kept_nowhere() -> None:
    scene = Scene()
    invocation, handle = scene.open()
    assert handle not in repr(invocation).encode()
    assert invocation.key != handle


def test_it_lingers_after_its_response_and_dies() -> None:
    scene = Scene(Lifetimes(linger=30.0))
    invocation, handle = scene.open()
    scene.now += 100
    scene.all.end(invocation)
    assert (scene.all.open_count, scene.all.lingering_count) == (0, 1)
    scene.now += 29.9
    assert scene.all.find(handle) is invocation
    scene.now += 0.1
    assert scene.all.find(handle) is None


def test_without_linger_it_dies_with_its_response() -> None:
    scene = Scene(Lifetimes(linger=0.0))
    invocation, handle = scene.open()
    scene.all.end(invocation)
    assert scene.all.find(handle) is None
    assert scene.all.lingering_count == 0


def test_it_dies_at_the_latest_after_the_most_however_long_the_response_takes() -> None:
    scene = Scene(Lifetimes(most=3600.0, linger=30.0))
    _, handle = scene.open(token_seconds=60.0)
    scene.now += 3599
    assert scene.all.find(handle) is not None  # a token that expires doesn't end the call that it opened
    scene.now += 1
    assert scene.all.find(handle) is None


def test_linger_does_not_outlive_the_most() -> None:
    scene = Scene(Lifetimes(most=100.0, linger=30.0))
    invocation, handle = scene.open()
    scene.now += 90
    scene.all.end(invocation)
    scene.now += 10
    assert scene.all.find(handle) is None


def test_it_ends_with_its_token_where_that_is_asked_for() -> None:
    scene = Scene(Lifetimes(end_with_token=True))
    _, handle = scene.open(token_seconds=60.0)
    scene.now += 59
    assert scene.all.find(handle) is not None
    scene.now += 1
    assert scene.all.find(handle) is None


def test_ending_twice_is_ending_once() -> None:
    scene = Scene()
    invocation, handle = scene.open()
    scene.all.end(invocation)
    scene.now += 20
    scene.all.end(invocation)
    assert scene.all.lingering_count == 1
    scene.now += 10
    assert scene.all.find(handle) is None


def test_of_those_that_linger_the_oldest_die_first() -> None:
    scene = Scene(most_lingering=3)
    made = [scene.open() for _ in range(5)]
    for invocation, _ in made:
        scene.all.end(invocation)
    assert [scene.all.find(handle) is not None for _, handle in made] == [False, False, True, True, True]
    assert scene.all.lingering_count == 3


def test_each_end_buries_some_of_what_has_lingered_long_enough() -> None:
    scene = Scene()
    for _ in range(20):
        scene.all.end(scene.open()[0])
    scene.now += 31
    for _ in range(20):
        scene.all.end(scene.open()[0])
    assert scene.all.lingering_count == 20


def test_a_second_handle_only_attaches_and_dies_with_the_first() -> None:
    scene = Scene()
    invocation, handle = scene.open()
    second = scene.all.attach(invocation)
    assert second != handle
    assert scene.all.find(second) is None
    assert scene.all.find_attaching(handle) is None
    assert scene.all.find_attaching(second) is invocation
    scene.all.end(invocation)
    scene.now += 30
    assert scene.all.find_attaching(second) is None


def test_a_second_handle_is_forgotten_with_its_invocation() -> None:
    scene = Scene()
    seconds = []
    for end in (lambda invocation: scene.all.end_all(lambda who: True), scene.all.end):
        invocation, _ = scene.open()
        seconds.append(scene.all.attach(invocation))
        end(invocation)
    scene.now += 31
    scene.all.sweep()
    scene.now -= 31  # had it been kept, it would be alive again
    assert [scene.all.find_attaching(second) for second in seconds] == [None, None]


def test_a_sweep_forgets_all_the_dead_and_none_of_the_living() -> None:
    scene = Scene(Lifetimes(most=100.0, linger=30.0))
    forgotten, _ = scene.open()
    scene.now += 95
    alive, handle = scene.open()
    for _ in range(50):
        scene.all.end(scene.open()[0])
    scene.now += 31
    scene.all.sweep()
    assert (scene.all.open_count, scene.all.lingering_count) == (1, 0)
    assert scene.all.find(handle) is alive
    scene.all.end(forgotten)  # its response ends at last, and nothing is left of it
    assert (scene.all.open_count, scene.all.lingering_count) == (1, 0)


def test_everything_of_one_principal_dies_at_once() -> None:
    scene = Scene()
    opened, handle = scene.open()
    lingering, lingering_handle = scene.open()
    scene.all.end(lingering)
    _, bobs = scene.open(BOB)
    assert scene.all.end_all(lambda who: who.id == ALICE.id) == 2
    assert scene.all.find(handle) is None
    assert scene.all.find(lingering_handle) is None
    assert scene.all.find(bobs) is not None
    assert (scene.all.open_count, scene.all.lingering_count) == (1, 0)
    scene.all.end(opened)
    assert (scene.all.open_count, scene.all.lingering_count) == (1, 0)
    assert scene.all.end_all(lambda who: who.id == ALICE.id) == 0


_steps = st.one_of(
    st.tuples(st.just("open"), st.sampled_from([ALICE, BOB])),
    st.tuples(st.just("end"), st.integers(0, 30)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 29.0, 31.0, 200.0])),
    st.tuples(st.just("doom"), st.sampled_from([ALICE, BOB])),
    st.tuples(st.just("sweep"), st.none()),
)


@examples(200)
@given(st.lists(_steps, max_size=40))
def test_whatever_happens_counts_and_lives_are_right(steps: list[tuple[str, object]]) -> None:
    """Against a model that keeps everything and forgets nothing."""
    scene = Scene(Lifetimes(linger=30.0, most=150.0), most_lingering=5)
    made: list[tuple[Invocation, bytes]] = []
    dies: dict[bytes, float] = {}
    ended: list[bytes] = []
    for step, argument in steps:
        match step, argument:
            case "open", Principal():
                made.append(scene.open(argument))
                dies[made[-1][1]] = scene.now + 150
            case "end", int() if made:
                invocation, handle = made[argument % len(made)]
                scene.all.end(invocation)
                if handle not in ended and dies[handle] > scene.now:
                    ended.append(handle)
                    dies[handle] = min(dies[handle], scene.now + 30)
            case "wait", float():
                scene.now += argument
            case "doom", Principal():
                scene.all.end_all(lambda who, doomed=argument: who == doomed)  # type: ignore[misc]  # a default binds it
                dies |= {handle: 0.0 for invocation, handle in made if invocation.principal == argument}
            case _:
                scene.all.sweep()
    scene.all.sweep()
    lingering = [handle for handle in ended if dies[handle] > scene.now]
    alive = {handle for handle, until in dies.items() if until > scene.now} - set(lingering[:-5])
    assert {handle for _, handle in made if scene.all.find(handle) is not None} <= alive | set(lingering)
    assert {handle for _, handle in made if scene.all.find(handle) is not None} >= alive - set(ended)
    assert scene.all.open_count == len(alive - set(ended))
    assert 0 <= scene.all.lingering_count <= 5


@pytest.mark.parametrize("count", [1000])
def test_sweeping_many_is_cheap_enough_to_do_every_second(count: int) -> None:
    scene = Scene()
    for _ in range(count):
        scene.all.end(scene.open()[0])
    scene.now += 31
    scene.all.sweep()
    assert scene.all.lingering_count == 0
