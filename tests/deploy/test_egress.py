"""The packet-filter rules of ``deploy/egress``, as they stand, against real users and real packets in a namespace."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.deploy.pod import GATEWAY, METADATA, POD, RESOLVERS, SERVERS, Namespace, pod_and_world

RULES = Path(__file__).parents[2] / "deploy" / "egress" / "egress.nft"
SIDECAR, AGENT, ROOT, NOBODY, WORLD = 65532, 10001, 0, 65534, 0
LOOPBACK = ("127.0.0.1", "::1")
INBOUND, HEALTH, EGRESS, AGENTS = 8080, 9090, 8181, 8000

Place = tuple[str, str, int]
OUTSIDE: Sequence[Place] = [
    *(("tcp", host, 443) for host in (*SERVERS, *GATEWAY)),
    *(("udp", host, 443) for host in SERVERS),
    *((protocol, host, 53) for protocol in ("udp", "tcp") for host in RESOLVERS),
]
CREDENTIALS: Sequence[Place] = [("tcp", host, 80) for host in METADATA]


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Namespace, Namespace]]:
    """The pod with the sidecar's and the agent's ports open, the world with all that it serves; no rules yet."""
    with pod_and_world() as (pod, world):
        world.listens(WORLD, 53, 80, 443)
        pod.listens(SIDECAR, INBOUND, HEALTH, EGRESS)
        pod.listens(AGENT, AGENTS)
        yield pod, world


@pytest.fixture
def pod(sides: tuple[Namespace, Namespace]) -> Namespace:
    """The pod, its rules freshly loaded: counters at nothing."""
    sides[0].run("nft", "-f", str(RULES))
    return sides[0]


@pytest.fixture
def world(sides: tuple[Namespace, Namespace]) -> Namespace:
    return sides[1]


def test_without_the_rules_everybody_reaches_everything(sides: tuple[Namespace, Namespace]) -> None:
    pod, world = sides
    pod.run("nft", "flush", "ruleset")
    places = [*OUTSIDE, *CREDENTIALS]
    assert pod.tries(AGENT, places) == ["hello from 0"] * len(places)
    assert world.tries(WORLD, [("tcp", host, AGENTS) for host in POD]) == [f"hello from {AGENT}"] * 2


@pytest.mark.parametrize("uid", [AGENT, ROOT, NOBODY])
def test_nobody_but_the_sidecar_leaves_the_pod(pod: Namespace, world: Namespace, uid: int) -> None:
    before = world.counters()["arrived"]
    places = [*OUTSIDE, *CREDENTIALS]
    answers = dict(zip(places, pod.tries(uid, places), strict=True))
    assert {answers[place] for place in places if place[0] == "tcp"} == {"ECONNREFUSED"}
    assert {answers[place] for place in places if place[0] == "udp"} <= {"EPERM", "EACCES", "EHOSTUNREACH"}
    assert world.counters()["arrived"] == before, "not one packet crossed the cable"
    counters = pod.counters()
    assert counters["refused_metadata"] == len(METADATA)
    assert counters["refused_out"] == len(OUTSIDE)
    assert counters["left_by_sidecar"] == 0


def test_the_agent_reaches_the_sidecar_and_itself_on_loopback(pod: Namespace) -> None:
    sidecars = [("tcp", host, port) for host in LOOPBACK for port in (EGRESS, INBOUND)]
    own = [(protocol, host, AGENTS) for host in LOOPBACK for protocol in ("tcp", "udp")]
    assert pod.tries(AGENT, sidecars) == [f"hello from {SIDECAR}"] * 4
    assert pod.tries(AGENT, own) == [f"hello from {AGENT}"] * 4


def test_the_sidecar_reaches_the_world_its_resolvers_and_its_credentials(pod: Namespace, world: Namespace) -> None:
    before = world.counters()["arrived"]
    places = [*OUTSIDE, *CREDENTIALS]
    assert pod.tries(SIDECAR, places) == ["hello from 0"] * len(places)
    assert pod.tries(SIDECAR, [("tcp", host, AGENTS) for host in LOOPBACK]) == [f"hello from {AGENT}"] * 2
    assert world.counters()["arrived"] - before >= len(places)
    counters = pod.counters()
    assert counters["left_by_sidecar"] >= len(places)
    assert counters["refused_out"] == counters["refused_metadata"] == 0


def test_callers_and_probes_reach_the_sidecars_listeners_from_outside(pod: Namespace, world: Namespace) -> None:
    places = [("tcp", host, port) for host in POD for port in (INBOUND, HEALTH)]
    assert world.tries(WORLD, places) == [f"hello from {SIDECAR}"] * 4
    assert pod.counters()["refused_in"] == 0


def test_the_agents_port_and_the_egress_listener_are_refused_from_outside(pod: Namespace, world: Namespace) -> None:
    places = [("tcp", host, port) for host in POD for port in (AGENTS, EGRESS)]
    assert world.tries(WORLD, places) == ["ECONNREFUSED"] * 4
    assert set(world.tries(WORLD, [("udp", host, AGENTS) for host in POD])) <= {"EACCES", "EHOSTUNREACH"}
    assert pod.counters()["refused_in"] == 6


@pytest.mark.parametrize("host", POD)
def test_an_agent_that_takes_over_a_free_port_of_the_sidecars_answers_nobody(
    pod: Namespace, world: Namespace, host: str
) -> None:
    usurper = pod.listens(AGENT, 8082)
    try:
        assert pod.tries(AGENT, [("tcp", "127.0.0.1", 8082)]) == [f"hello from {AGENT}"]
        assert world.tries(WORLD, [("tcp", host, 8082)])[0] in {"ETIMEDOUT", "ECONNREFUSED"}
    finally:
        usurper.kill()
        usurper.wait()


@pytest.mark.parametrize("host", SERVERS)
def test_what_the_sidecar_sent_before_it_closed_arrives_whole(pod: Namespace, world: Namespace, host: str) -> None:
    """A closed socket has no owner any more, and still has data to send."""
    size = 4_000_000
    sink = world.listens(WORLD, 8443)
    try:
        pod.sends(SIDECAR, host, 8443, size)
        assert sink.stdout is not None
        assert sink.stdout.readline() == f"received {size}\n"
    finally:
        sink.kill()
        sink.wait()
    assert pod.counters()["refused_out"] == 0


def test_loading_the_rules_again_replaces_them(pod: Namespace) -> None:
    once = pod.run("nft", "list", "ruleset")
    pod.run("nft", "-f", str(RULES))
    assert pod.run("nft", "list", "ruleset") == once
