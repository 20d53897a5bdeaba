from typing import Any

from sidecar.egress.conversations import Conversations
from sidecar.policy.declared import Declared


class Heard:
    def __init__(self) -> None:
        self.heard: list[tuple[Any, float]] = []

    def changed(self, policy: Any, now: float) -> None:
        self.heard.append((policy, now))


def test_who_listens_hears_of_another_policy_until_they_go() -> None:
    conversations, one, two = Conversations(), Heard(), Heard()
    conversations.begin(one)
    conversations.begin(two)
    conversations.end(two)
    conversations.end(two)
    policy = Declared([])
    conversations.changed(policy, 5.0)
    assert (one.heard, two.heard) == ([(policy, 5.0)], [])


def test_who_goes_meanwhile_is_no_hindrance() -> None:
    conversations = Conversations()

    class Leaving(Heard):
        def changed(self, policy: Any, now: float) -> None:
            super().changed(policy, now)
            conversations.end(self)

    both = [Leaving(), Leaving()]
    for each in both:
        conversations.begin(each)
    conversations.changed(Declared([]), 0.0)
    conversations.changed(Declared([]), 1.0)
    assert [len(each.heard) for each in both] == [1, 1]


def test_the_tools_that_a_server_has_are_remembered_by_route_and_bounded() -> None:
    conversations = Conversations()
    conversations.saw("a", ["x", "y"])
    conversations.saw("a", ["y", "z"])
    conversations.saw("b", ["w"])
    assert (conversations.tools("a"), conversations.tools("b"), conversations.tools("c")) == (
        ("x", "y", "z"),
        ("w",),
        (),
    )
    conversations.saw("a", [str(number) for number in range(conversations.MOST_TOOLS)])
    assert len(conversations.tools("a")) == conversations.MOST_TOOLS
    assert "x" not in conversations.tools("a")
