"""Who is kept out for a while, by whatever name, and through a restart."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.identity.principal import Kind, Principal
from sidecar.inbound.blocked import Blocked, KeptOut

START = 1_795_000_000.0


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


ALICE = Principal("https://idp.example", "", "alice", "shop", Kind.USER)
BOB = Principal("https://idp.example", "", "bob", "shop", Kind.USER)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "blocked.json"


@pytest.fixture
def opened(path: Path, clock: Clock) -> Callable[[], Blocked]:
    return lambda: Blocked(path, clock=clock, name=lambda principal: "h_" + principal[2:])


def out(blocked: Blocked, principal: Principal) -> bool:
    if blocked.until(principal.id) is None:
        blocked.require(principal)
        return False
    with pytest.raises(KeptOut) as refused:
        blocked.require(principal)
    assert (refused.value.status, refused.value.code) == (403, "not_permitted")
    return True


@pytest.mark.parametrize("name", [ALICE.id, "h_" + ALICE.id[2:]])
def test_one_is_kept_out_for_a_while_and_nobody_else(opened: Callable[[], Blocked], clock: Clock, name: str) -> None:
    blocked = opened()
    assert not out(blocked, ALICE)
    assert blocked.keep_out(name, 3600.0) == clock() + 3600
    assert out(blocked, ALICE)
    assert not out(blocked, BOB)
    assert out(opened(), ALICE), "a restart knows of it"
    clock.now += 3599
    assert out(blocked, ALICE)
    clock.now += 1
    assert not out(blocked, ALICE)
    assert (len(blocked), len(opened())) == (0, 0)


def test_they_may_be_let_in_again(opened: Callable[[], Blocked]) -> None:
    blocked = opened()
    blocked.keep_out(ALICE.id, 3600.0)
    blocked.keep_out(BOB.id, 3600.0)
    blocked.keep_out(ALICE.id, 0.0)
    for each in (blocked, opened()):
        assert (out(each, ALICE), out(each, BOB), len(each)) == (False, True, 1)


def test_the_file_is_private_and_holds_what_counts_alone(
    opened: Callable[[], Blocked], path: Path, clock: Clock
) -> None:
    blocked = opened()
    blocked.keep_out(ALICE.id, 60.0)
    clock.now += 61
    blocked.keep_out(BOB.id, 60.0)
    assert json.loads(path.read_text()) == {BOB.id: clock() + 60}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_where_it_can_not_be_written_it_holds_until_the_end(opened: Callable[[], Blocked], path: Path) -> None:
    blocked = opened()
    path.with_suffix(".new").mkdir()
    with pytest.raises(OSError, match="directory"):
        blocked.keep_out(ALICE.id, 60.0)
    assert out(blocked, ALICE)


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"p_a": "later"}'])
def test_a_file_that_is_not_ours_is_not_guessed_at(opened: Callable[[], Blocked], path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011 - json's own among them
        opened()
