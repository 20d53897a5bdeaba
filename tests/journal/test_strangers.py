"""Rejections: a few as they are, the rest as numbers, and nothing that strangers could stop or fill."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.journal.ring import LEAST, Ring
from sidecar.journal.strangers import Strangers
from tests.fuzzing import examples
from tests.journal.recorded import NOW, event, read, unread


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    ring = Ring.create(tmp_path / "ring", LEAST)
    yield ring
    ring.close()


def sums(ring: Ring) -> dict[str, int]:
    """The counts in the ring, by code."""
    found: dict[str, int] = {}
    for record in unread(ring):
        attributes: dict[str, Any] = json.loads(record.payload).get("attributes", {})
        if "identity.count" in attributes:
            code = attributes["error.type"]
            found[code] = found.get(code, 0) + attributes["identity.count"]
    return found


def kept(ring: Ring) -> list[int]:
    """The numbers of the rejections that are in the ring one by one."""
    events = [json.loads(record.payload) for record in unread(ring)]
    return [each["number"] for each in events if "number" in each]


def test_the_first_of_each_second_are_kept_and_the_rest_counted_by_code(ring: Ring) -> None:
    clock = Clock()
    strangers = Strangers(ring, clock=clock, each_second=3)
    for number in range(8):
        strangers.take(event(number), "token_expired" if number % 2 else "token_missing")
    assert (kept(ring), sums(ring)) == ([0, 1, 2], {})
    clock.now += 1
    for number in range(8, 10):
        strangers.take(event(number), "token_missing")
    assert kept(ring) == [0, 1, 2, 8, 9]
    assert sums(ring) == {"token_expired": 3, "token_missing": 2}
    assert strangers.summed_up == 5


def test_a_sum_is_an_event_like_others(ring: Ring) -> None:
    strangers = Strangers(ring, clock=Clock(), each_second=0)
    strangers.take(event(1), "token_expired")
    strangers.sum_up()
    strangers.sum_up()
    (record,) = unread(ring)
    assert json.loads(record.payload) == {
        "time_ns": int(NOW * 1e9),
        "name": "identity.rejected",
        "trace_id": "",
        "span_id": "",
        "attributes": {"identity.outcome": "refused", "error.type": "token_expired", "identity.count": 1},
    }


def test_a_second_that_is_over_is_summed_up_without_another_rejection(ring: Ring) -> None:
    clock = Clock()
    strangers = Strangers(ring, clock=clock, each_second=0)
    strangers.take(event(1), "token_expired")
    strangers.tick()
    assert sums(ring) == {}
    clock.now += 1
    strangers.tick()
    assert sums(ring) == {"token_expired": 1}


def test_a_full_ring_is_counted_and_said_when_there_is_room(ring: Ring) -> None:
    strangers = Strangers(ring, clock=Clock(), each_second=10**9)
    for number in range(2000):
        strangers.take(event(number, 200), "token_expired")
    for _ in range(50):
        strangers.take(event(0), "token_missing")  # smaller, some still fit
    strangers.sum_up()
    assert sums(ring) == {}
    whole = len(kept(ring))
    assert strangers.summed_up == 2050 - whole
    read(ring, 100)
    strangers.sum_up()
    assert sum(sums(ring).values()) == 2050 - whole
    assert len(kept(ring)) == whole - 100


def test_codes_are_bounded(ring: Ring) -> None:
    strangers = Strangers(ring, clock=Clock(), each_second=0)
    for number in range(150):
        strangers.take(event(number), f"code_{number}")
    strangers.sum_up()
    assert len(sums(ring)) == 101
    assert sums(ring)["other"] == 50


@examples(60)
@given(st.lists(st.tuples(st.floats(0, 0.5), st.sampled_from("abc")), max_size=60), st.integers(0, 4))
def test_every_rejection_is_kept_or_counted(
    tmp_path_factory: pytest.TempPathFactory, rejections: list[tuple[float, str]], each_second: int
) -> None:
    ring = Ring.create(tmp_path_factory.mktemp("ring") / "ring", LEAST)
    clock = Clock()
    strangers = Strangers(ring, clock=clock, each_second=each_second)
    for pause, code in rejections:
        clock.now += pause
        strangers.take(event(1), code)
    strangers.sum_up()
    assert len(kept(ring)) + sum(sums(ring).values()) == len(rejections)
    ring.close()
