"""Invocations: when they live, when they die, and how many of the dead are remembered."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import InvocationAmbiguous, InvocationInvalid, RateLimited
from sidecar.identity.principal import Principal
from sidecar.invocation.invocation import Invocation, Invocations, Lifetimes
from tests.fuzzing import examples
from tests.invocation.model import Model
from tests.invocation.scene import ALICE, BOB, Opened, Scene


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
    scene.all.end(scene.open()[0])
    assert scene.all.lingering_count == 20 + 1 - 4
    for _ in range(19):
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
    assert not scene.all._attaching
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


# detached handles


def detached(scene: Scene, invocation: Invocation, seconds: float) -> bytes:
    handle = scene.all.detach(invocation, seconds)
    assert handle is not None
    return handle


def test_there_are_no_detached_handles_unless_that_is_allowed() -> None:
    scene = Scene()
    assert scene.all.detach(scene.open()[0], 10.0) is None


def test_a_detached_handle_outlives_the_response_and_no_other_handle_does() -> None:
    scene = Scene(Lifetimes(linger=30.0, detach=600.0))
    invocation, handle = scene.open()
    attaching = scene.all.attach(invocation)
    longer = detached(scene, invocation, 100.0)
    assert re.fullmatch(rb"ih_[A-Za-z0-9_-]{43}", longer)
    assert longer not in (handle, attaching)
    scene.all.end(invocation)
    for swept in (False, True):
        scene.now += 30
        if swept:
            scene.all.sweep()
        assert scene.all.find(handle) is None
        assert scene.all.find_attaching(attaching) is None
        assert scene.all.find_attaching(longer) is None
        assert scene.all.find(longer) is invocation
        assert scene.all.living(invocation)
    scene.now += 40
    assert scene.all.find(longer) is None
    assert not scene.all.living(invocation)


def test_a_detached_handle_lives_as_long_as_is_asked_and_allowed_whatever_the_most() -> None:
    scene = Scene(Lifetimes(linger=0.0, most=60.0, detach=600.0))
    invocation, handle = scene.open()
    short, long = detached(scene, invocation, 100.0), detached(scene, invocation, 10_000.0)
    scene.now += 99.9
    assert [scene.all.find(each) is invocation for each in (handle, short, long)] == [False, True, True]
    scene.now += 0.1
    assert [scene.all.find(each) is invocation for each in (short, long)] == [False, True]
    scene.now += 499.9
    assert scene.all.find(long) is invocation
    scene.now += 0.1
    assert scene.all.find(long) is None


def test_a_detached_handle_ends_with_the_token_where_that_is_asked_for() -> None:
    scene = Scene(Lifetimes(linger=0.0, end_with_token=True, detach=600.0))
    invocation, _ = scene.open(token_seconds=60.0)
    longer = detached(scene, invocation, 100.0)
    scene.all.end(invocation)
    scene.now += 59
    assert scene.all.find(longer) is invocation
    scene.now += 1
    assert scene.all.find(longer) is None


def test_a_detached_handle_may_die_before_the_others() -> None:
    scene = Scene(Lifetimes(detach=600.0))
    invocation, handle = scene.open()
    shorter = detached(scene, invocation, 10.0)
    scene.now += 10
    assert scene.all.find(shorter) is None
    scene.all.sweep()
    assert scene.all.find(handle) is invocation
    assert scene.all.living(invocation)


def test_no_detached_handle_begets_another() -> None:
    scene = Scene(Lifetimes(linger=30.0, detach=600.0))
    invocation, _ = scene.open()
    detached(scene, invocation, 600.0)
    scene.all.end(invocation)
    scene.now += 29.9
    assert scene.all.detach(invocation, 600.0)
    scene.now += 0.1
    with pytest.raises(InvocationInvalid):
        scene.all.detach(invocation, 600.0)
    scene.all.sweep()
    with pytest.raises(InvocationInvalid):
        scene.all.detach(invocation, 600.0)


def test_one_invocation_has_so_many_detached_handles_and_no_more() -> None:
    scene = Scene(Lifetimes(detach=600.0))
    invocation, _ = scene.open()
    handles = [detached(scene, invocation, 10.0 + number) for number in range(Invocations.MOST_DETACHED)]
    with pytest.raises(RateLimited):
        scene.all.detach(invocation, 10.0)
    assert all(scene.all.find(handle) is invocation for handle in handles)
    detached(scene, scene.open()[0], 10.0)  # others have their own
    scene.now += 11  # two of them are dead
    scene.all.sweep()
    detached(scene, invocation, 10.0)
    detached(scene, invocation, 10.0)
    with pytest.raises(RateLimited):
        scene.all.detach(invocation, 10.0)


def test_all_together_have_so_many_and_no_more() -> None:
    scene = Scene(Lifetimes(detach=600.0), most_lingering=3)
    for _ in range(3):
        detached(scene, scene.open()[0], 10.0)
    with pytest.raises(RateLimited):
        scene.all.detach(scene.open()[0], 10.0)
    scene.now += 10
    scene.all.sweep()
    detached(scene, scene.open()[0], 10.0)


def test_an_invocation_that_lives_on_detached_is_neither_open_nor_lingering() -> None:
    scene = Scene(Lifetimes(linger=0.0, detach=600.0))
    invocation, _ = scene.open()
    detached(scene, invocation, 100.0)
    scene.all.end(invocation)
    assert (scene.all.open_count, scene.all.lingering_count) == (0, 0)
    scene.all.end(invocation)
    assert (scene.all.open_count, scene.all.lingering_count) == (0, 0)


def test_the_doomed_lose_their_detached_handles_as_well() -> None:
    scene = Scene(Lifetimes(linger=0.0, detach=600.0))
    handles = []
    for who in (ALICE, BOB, ALICE):
        invocation, handle = scene.open(who)
        handles.append((handle, detached(scene, invocation, 100.0)))
        stream = Opened()
        scene.all.hold(invocation, stream)
        if len(handles) < 3:
            scene.all.end(invocation)
    assert scene.all.end_all(lambda who: who == ALICE) == 2
    assert [scene.all.find(longer) is not None for _, longer in handles] == [False, True, False]
    assert scene.all.find(handles[2][0]) is None
    assert scene.all.end_all(lambda who: who == ALICE) == 0
    assert scene.all.end_all(lambda who: who == BOB) == 1
    assert scene.all.find(handles[1][1]) is None


# what is open


def test_what_is_held_is_stopped_once_when_its_invocation_dies() -> None:
    scene = Scene(Lifetimes(linger=30.0))
    invocation, _ = scene.open()
    kept, given_back = Opened(), Opened()
    scene.all.hold(invocation, kept)
    scene.all.hold(invocation, given_back)
    scene.all.release(invocation, given_back)
    scene.all.end(invocation)
    scene.now += 29.9
    scene.all.sweep()
    assert kept.stopped == 0
    scene.now += 0.1
    scene.all.sweep()
    scene.all.sweep()
    assert (kept.stopped, given_back.stopped) == (1, 0)
    scene.all.release(invocation, kept)
    scene.all.release(invocation, given_back)


def test_an_invocation_that_never_ends_takes_what_it_holds_with_it() -> None:
    scene = Scene(Lifetimes(most=100.0))
    invocation, _ = scene.open()
    stream = Opened()
    scene.all.hold(invocation, stream)
    scene.now += 100
    scene.all.sweep()
    assert stream.stopped == 1


def test_without_linger_what_is_held_is_stopped_as_the_response_ends() -> None:
    scene = Scene(Lifetimes(linger=0.0))
    invocation, _ = scene.open()
    stream = Opened()
    scene.all.hold(invocation, stream)
    scene.all.end(invocation)
    assert stream.stopped == 1


def test_the_doomed_and_those_that_are_too_many_take_what_they_hold_with_them() -> None:
    scene = Scene(most_lingering=1)
    streams = [Opened(), Opened(), Opened()]
    for stream, who in zip(streams, (ALICE, ALICE, BOB), strict=True):
        invocation, _ = scene.open(who)
        scene.all.hold(invocation, stream)
        if who is ALICE:
            scene.all.end(invocation)
    assert [stream.stopped for stream in streams] == [1, 0, 0]
    scene.all.end_all(lambda who: who == ALICE)
    assert [stream.stopped for stream in streams] == [1, 1, 0]


def test_what_is_held_by_a_detached_invocation_lives_until_its_last_handle_dies() -> None:
    scene = Scene(Lifetimes(linger=0.0, detach=600.0))
    invocation, _ = scene.open()
    stream = Opened()
    scene.all.hold(invocation, stream)
    detached(scene, invocation, 100.0)
    detached(scene, invocation, 50.0)
    scene.all.end(invocation)
    for seconds, stopped in ((50, 0), (49.9, 0), (0.1, 1)):
        scene.now += seconds
        scene.all.sweep()
        assert stream.stopped == stopped


def test_what_is_opened_for_the_dead_is_stopped_at_once() -> None:
    scene = Scene(Lifetimes(linger=30.0))
    invocation, _ = scene.open()
    scene.all.end(invocation)
    scene.now += 30  # nobody has swept
    stream = Opened()
    scene.all.hold(invocation, stream)
    assert stream.stopped == 1
    scene.all.sweep()
    scene.all.release(invocation, stream)
    assert stream.stopped == 1


def test_the_doomed_can_not_open_anything_more() -> None:
    scene = Scene()
    invocation, _ = scene.open()
    scene.all.end_all(lambda who: True)
    assert not scene.all.living(invocation)
    stream = Opened()
    scene.all.hold(invocation, stream)
    assert stream.stopped == 1


def test_what_is_held_twice_is_held_until_it_is_released_twice_and_stopped_once() -> None:
    scene = Scene(Lifetimes(linger=0.0))
    first, second = Opened(), Opened()
    invocation, _ = scene.open()
    for stream in (first, first, second, second):
        scene.all.hold(invocation, stream)
    scene.all.release(invocation, first)
    scene.all.release(invocation, second)
    scene.all.release(invocation, second)
    scene.all.release(invocation, second)  # once too often
    scene.all.end(invocation)
    assert (first.stopped, second.stopped) == (1, 0)


def test_what_is_stopped_may_release_and_end_in_turn() -> None:
    scene = Scene(Lifetimes(linger=0.0))
    invocation, _ = scene.open()
    other, _ = scene.open(BOB)
    streams: list[Opened] = []

    def then() -> None:
        for stream in streams:
            scene.all.release(invocation, stream)
        scene.all.end(invocation)
        scene.all.end(other)

    streams += (Opened(then), Opened(then))
    for stream in streams:
        scene.all.hold(invocation, stream)
    last = Opened()
    scene.all.hold(other, last)
    scene.now += 3600
    scene.all.sweep()
    assert [stream.stopped for stream in (*streams, last)] == [1, 1, 1]
    assert (scene.all.open_count, scene.all.lingering_count) == (0, 0)


def test_who_dies_out_of_turn_is_not_waited_for() -> None:
    """One lingers for long, from before a reload, and one behind it for a short while."""
    scene = Scene(Lifetimes(linger=300.0))
    first, _ = scene.open()
    scene.all.end(first)
    scene.all.lifetimes = Lifetimes(linger=1.0)
    second, _ = scene.open()
    stream = Opened()
    scene.all.hold(second, stream)
    scene.all.end(second)
    scene.now += 1
    scene.all.sweep()
    assert stream.stopped == 1
    assert (scene.all.open_count, scene.all.lingering_count) == (0, 1)
    scene.all.lifetimes = Lifetimes(linger=0.0)
    third, _ = scene.open()
    scene.all.hold(third, stream)
    scene.all.end(third)
    assert stream.stopped == 2
    assert (scene.all.open_count, scene.all.lingering_count) == (0, 1)


# one at a time


def test_the_only_one_that_is_alive_is_found_and_several_are_ambiguous() -> None:
    scene = Scene(Lifetimes(linger=30.0))
    assert scene.all.only() is None
    first, _ = scene.open()
    assert scene.all.only() is first
    second, _ = scene.open()
    with pytest.raises(InvocationAmbiguous):
        scene.all.only()
    scene.all.end(first)
    with pytest.raises(InvocationAmbiguous):
        scene.all.only()
    scene.now += 30  # nobody has swept
    assert scene.all.only() is second
    scene.all.end(second)
    scene.now += 30
    assert scene.all.only() is None


# whatever happens

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


_NUMBERS = st.integers(0, 30)
_more_steps = st.one_of(
    st.tuples(st.just("open"), st.sampled_from([ALICE, BOB])),
    st.tuples(st.just("end"), _NUMBERS),
    st.tuples(st.just("detach"), _NUMBERS),
    st.tuples(st.just("hold"), _NUMBERS),
    st.tuples(st.just("release"), _NUMBERS),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 29.0, 31.0, 90.0])),
    st.tuples(st.just("doom"), st.sampled_from([ALICE, BOB])),
    st.tuples(st.just("sweep"), st.none()),
)


@examples(200)
@given(st.sampled_from([0.0, 30.0]), st.lists(_more_steps, max_size=40))
def test_whatever_happens_a_handle_is_good_until_its_time_and_what_it_holds_ends_with_the_last(
    linger: float, steps: list[tuple[str, object]]
) -> None:
    model = Model(linger)
    for step, argument in steps:
        if model.made or step in ("open", "wait", "doom", "sweep"):
            getattr(model, step)(argument)
        model.agrees()
    model.sweep()
    model.scene.now += 200
    model.sweep()
    assert (model.scene.all.open_count, model.scene.all.lingering_count) == (0, 0)


@pytest.mark.parametrize("count", [1000])
def test_sweeping_many_is_cheap_enough_to_do_every_second(count: int) -> None:
    scene = Scene()
    for _ in range(count):
        scene.all.end(scene.open()[0])
    scene.now += 31
    scene.all.sweep()
    assert scene.all.lingering_count == 0
