"""Calls that must not be let out: their handles are dead, guessed, another's, in the wrong place, or missing."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.journeys.calling import LINGER, Call, Calling
from tests.journeys.crowd import AGENT, Invocation
from tests.journeys.judge import NEXT, PLAIN

_INVALID = frozenset({"invocation_invalid"})
_AMBIGUOUS = frozenset({"invocation_ambiguous"})
_ASTRAY = frozenset({"ambiguous_credentials"})
_MISSING = frozenset({"invocation_missing"})


@dataclass(slots=True)
class Handles:
    """What an attacker may have in hand."""

    mine: Invocation
    other: Invocation
    """Another one that is open."""
    gone: Invocation
    dice: random.Random

    @property
    def own(self) -> str:
        return f"X-Identity-Invocation: {self.mine.handle}"


Misuse = Callable[[Call, Handles], frozenset[str]]
"""Puts a call's fields so, and says by which codes it must be refused."""


def replayed(call: Call, at: Handles) -> frozenset[str]:
    call.fields = [f"Authorization: Bearer {at.gone.handle}"]
    return _INVALID


def dead_beside_alive(call: Call, at: Handles) -> frozenset[str]:
    call.fields = [at.own, f"baggage: identity.invocation={at.gone.attach}"]
    return _INVALID


def altered(call: Call, at: Handles) -> frozenset[str]:
    handle, place = at.mine.handle, at.dice.randrange(3, 45)
    other = "x" if handle[place] != "x" else "y"
    call.fields = [f"Proxy-Authorization: Bearer {handle[:place]}{other}{handle[place + 1 :]}"]
    return _INVALID


def guessed(call: Call, at: Handles) -> frozenset[str]:
    call.fields = [f"X-Identity-Invocation: ih_{at.dice.getrandbits(256):043x}"]
    return _INVALID


def two(call: Call, at: Handles) -> frozenset[str]:
    ways = ("Authorization: Bearer {0}", "baggage: identity.invocation={1}", "X_Identity_Invocation: {0}")
    call.other = at.other
    call.fields = [at.own, at.dice.choice(ways).format(at.other.handle, at.other.attach)]
    return _AMBIGUOUS


def elsewhere(call: Call, at: Handles) -> frozenset[str]:
    call.other = at.other
    call.fields = [at.own, at.dice.choice(("Cookie: a=", "X-Other: ", "X-Api_Key: ")) + at.other.handle]
    return _ASTRAY


def in_the_query(call: Call, at: Handles) -> frozenset[str]:
    call.query = f"?a=%69h_{at.other.handle[3:]}"
    call.fields, call.other = [at.own], at.other
    return _ASTRAY


def for_attaching_alone(call: Call, at: Handles) -> frozenset[str]:
    call.fields = [f"X-Identity-Invocation: {at.mine.attach}"]
    return _INVALID


def full_in_baggage(call: Call, at: Handles) -> frozenset[str]:
    call.fields = [f"baggage: identity.invocation={at.mine.handle}"]
    return _INVALID


def the_agents(call: Call, at: Handles) -> frozenset[str]:
    """It is good, but not for what acts for principals."""
    call.fields = [f"Authorization: Bearer {AGENT}"]
    if call.route in (NEXT, PLAIN):
        return frozenset({"not_permitted"})
    call.caller = None
    return frozenset()


def word(call: Call, at: Handles) -> frozenset[str]:
    """The agent says who the user is, and names the trace."""
    call.fields = [f"X-Identity-Subject: {at.mine.subject}", f"traceparent: 00-{'1' * 32}-{at.mine.id}-01"]
    return _MISSING


def nothing(call: Call, at: Handles) -> frozenset[str]:
    call.fields = []
    return _MISSING


MISUSES: tuple[Misuse, ...] = (
    replayed,
    dead_beside_alive,
    altered,
    guessed,
    two,
    elsewhere,
    in_the_query,
    for_attaching_alone,
    full_in_baggage,
    the_agents,
    word,
    nothing,
)


def misuse(calling: Calling, call: Call, *, agents: bool) -> None:
    """Have *call* carry what it must not; *agents*: it is made in a tunnel of the agent's."""
    mine, now = call.caller, asyncio.get_running_loop().time()
    assert mine is not None
    other = calling.dice.choice([each for each in calling.crowd.open if each is not mine] or [mine])
    gone = [each for each in calling.crowd.dead[-500:] if each.left + LINGER + 0.1 < now]
    made = calling.dice.choice(MISUSES)
    if (made in (replayed, dead_beside_alive) and not gone) or other is mine:
        made = altered
    call.refused = made(call, Handles(mine, other, calling.dice.choice(gone or [mine]), calling.dice))
    if agents and call.refused == _MISSING:  # it is the agent's then
        call.refused = the_agents(call, Handles(mine, other, mine, calling.dice))
