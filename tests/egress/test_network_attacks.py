"""The whole table through the real binary, in a network of its own that counts: nothing leaves for what is refused.

The pod's whole network is one cable, and behind it every address of the internet answers. So what the sidecar dialled
would leave, and arrive: what a client that checks nothing sends to the same places shows that it does.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.certificates import Certificates
from tests.child import child
from tests.deploy.pod import Namespace, pod_and_world
from tests.egress.ssrf_attacks import (
    API,
    ATTACKS,
    CONTROLS,
    PUBLIC,
    PUBLIC_6,
    REBOUND,
    RESEMBLING,
    TARGETS,
)

OUTSIDE = Path(__file__).with_name("outside.py")
SIDECAR, AGENT, NAIVE, NOBODY = 0, 10001, 10002, 65534
PORT = 8181
TOKEN = "the-agents-own-handle-in-these-tests"
KERNELS = ("fe80::", "255.255.255.255", "::ffff:e000:1")
"""No connection is made to these by anybody, as they name no machine, or one of several."""
HEARD = f"X-Identity-Invocation: {TOKEN}\r\nConnection: close\r\n\r\n"
COUNT = f"""
table inet proof {{
  counter dialled {{ comment "connections that the sidecar began, to wherever" }}
  counter left {{ comment "whatever else it sent to another machine" }}
  counter naive {{ comment "connections that a client began which checks nothing" }}
  chain out {{
    type filter hook output priority filter
    meta skuid {NAIVE} tcp flags & (syn | ack) == syn counter name naive
    meta skuid {SIDECAR} tcp flags & (syn | ack) == syn counter name dialled
    meta skuid {SIDECAR} oifname != "lo" meta l4proto != tcp counter name left
  }}
}}
"""
Says = dict[str, Any]
Answers = list[dict[str, Any]]


def script(uid: int, *arguments: str) -> list[str]:
    return [sys.executable, "-IS", str(OUTSIDE), str(uid), *arguments]


@dataclass(slots=True)
class Ground:
    pod: Namespace
    world: Namespace
    folder: Path
    ca_file: Path

    @contextmanager
    def counted(self) -> Iterator[Callable[[], tuple[int, int]]]:
        """How many connections the sidecar began meanwhile, and how many packets crossed the cable."""
        before = self._now()
        yield lambda: (self._now()[0] - before[0], self._now()[1] - before[1])

    def _now(self) -> tuple[int, int]:
        mine = self.pod.counters()
        return mine["dialled"] + mine["left"], self.world.counters()["arrived"]

    def ask(self, requests: Sequence[Says]) -> Answers:
        answers: Answers = json.loads(self.pod.run(*script(AGENT, "ask"), given=json.dumps(requests)))
        return answers

    def dial(self, places: Sequence[tuple[str, int]]) -> list[str]:
        found: list[str] = json.loads(self.pod.run(*script(NAIVE, "dial"), given=json.dumps(places)))
        return found

    @contextmanager
    def sidecar(self, name: str, **egress: Any) -> Iterator[None]:
        """The real binary in the pod, with every listener where it is by default."""
        own = self.folder / name
        own.mkdir()
        given = {
            "agent": {"name": "travel-agent", "url": "http://127.0.0.1:8000", "token": TOKEN},
            "egress": egress,
            "state": {"dir": str(own / "state")},
            "run": {"dir": str(own / "run")},
            "tls": {"ca_file": str(self.ca_file)},
        }
        if routes := egress.get("routes"):
            given["capabilities"] = {"all": {"who": "agent", "routes": [*routes]}}
        config = own / "sidecar.yaml"
        config.write_text(yaml.safe_dump(given))
        argv = [*self.pod.enter, sys.executable, "-m", "sidecar", "serve", "--config", str(config)]
        with child(argv, own, "sidecar") as running:
            running.said(r"^sidecar: health on (\S+)")
            yield
            assert running.running, running.stderr
            assert "Traceback" not in running.stderr


def addressed() -> Mapping[str, list[list[str]]]:
    """What names resolve to: the attackers', one for every address of the table, and good ones."""
    table = {route_host(index): [[*attack.addresses]] for index, attack in enumerate(ATTACKS)}
    table |= {attack.host.lower(): [[*attack.finds]] for attack in (*ATTACKS, *CONTROLS.values()) if attack.finds}
    for attack in REBOUND:
        for host in (attack.host, f"routed-{attack.host}"):
            table[host] = [[*attack.finds], [*attack.then]]
    table |= {host: [[PUBLIC, PUBLIC_6]] for host in (*RESEMBLING, API, "plain.example.com")}
    return table


def route_host(index: int) -> str:
    return f"route-{index}.example"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("network")
    certificates = Certificates()
    chain = folder / "chain.pem"
    chain.write_bytes(certificates.chain(API))
    with pod_and_world() as (pod, world):
        for family in ("-4", "-6"):
            world.run("ip", family, "route", "add", "local", "default", "dev", "lo", "table", "main")
        pod.run("nft", "-f", "-", given=COUNT)
        etc = Path("/etc/netns", pod.name)
        etc.mkdir(parents=True)
        try:
            (etc / "resolv.conf").write_text("nameserver 127.0.0.53\noptions timeout:1 attempts:1\n")
            (etc / "hosts").write_text("")
            with (
                serving([*pod.enter, *script(NOBODY, "names")], json.dumps(addressed())),
                serving([*world.enter, *script(SIDECAR, "web", str(chain))]),
            ):
                yield Ground(pod, world, folder, certificates.write(folder / "ca.pem"))
        finally:
            for file in etc.iterdir():
                file.unlink()
            etc.rmdir()


@contextmanager
def serving(argv: Sequence[str], given: str = "") -> Iterator[None]:
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(given + "\n")
        server.stdin.flush()
        try:
            assert server.stdout.readline() == "up\n"
            yield
        finally:
            server.kill()


# The ways in. What is beyond ASCII goes as UTF-8.


def absolute(authority: str, *, host: str | None = None, scheme: str = "http") -> Says:
    said = f"GET {scheme}://{authority}/ HTTP/1.1\r\nHost: {authority if host is None else host}\r\n{HEARD}"
    return {"to": PORT, "says": said.encode().decode("latin-1")}


def connect(authority: str, *, host: str | None = None, sni: str | None = None, inside: str | None = None) -> Says:
    """And a request inside, over TLS where there is an *sni*."""
    said = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority if host is None else host}\r\n{HEARD}"
    within = f"GET / HTTP/1.1\r\nHost: {authority if inside is None else inside}\r\n{HEARD}"
    return {"to": PORT, "says": said.encode().decode("latin-1"), "sni": sni, "inside": within}


def prefixed(route: str, path: str = "/") -> Says:
    return target(f"/to/{route}{path}")


def target(text: str) -> Says:
    said = f"GET {text} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n{HEARD}"
    return {"to": PORT, "says": said.encode().decode("latin-1")}


def codes(answers: Answers) -> list[str]:
    """The refusals' codes, or the statuses of what was passed on."""
    return [each.get("fields", {}).get("sidecar-error") or str(each["status"]) for each in answers]


def wrong(labels: Sequence[str], expected: Sequence[str], answers: Answers) -> dict[str, str]:
    """What came out otherwise, by what was asked."""
    found = codes(answers)
    assert len(found) == len(labels) == len(expected)
    return {label: code for label, want, code in zip(labels, expected, found, strict=True) if code != want}


def _multicast(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is, or stands for, a group's (what ``is_multicast`` says of the latter differs between Pythons)."""
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (inner or address).is_multicast


LABELS = [attack.id for attack in ATTACKS]
CODES = [attack.code for attack in ATTACKS]


# The controls


def test_what_a_client_dials_that_checks_nothing_leaves_and_is_counted(ground: Ground) -> None:
    """Of each address in the table, and of most hosts as they are spelt: the network itself stops nearly nothing."""
    numbered = [(attack, int(attack.port)) for attack in ATTACKS if attack.port.isascii() and attack.port.isdecimal()]
    spelt = [(attack.host.strip("[]"), port) for attack, port in numbered if 0 < port < 65536]
    plain = sorted({(address, port) for attack, port in numbered for address in attack.addresses})
    before, arrived = ground.pod.counters()["naive"], ground.world.counters()["arrived"]
    found = dict(zip([*spelt, *plain], ground.dial([*spelt, *plain]), strict=True))
    went = [place for place, outcome in found.items() if outcome in ("reached", "ECONNREFUSED", "ETIMEDOUT")]
    stayed = {address: found[address, port] for address, port in plain if (address, port) not in went}
    assert ground.pod.counters()["naive"] - before >= len(went) > 200
    assert ground.world.counters()["arrived"] - arrived > 150
    assert {*stayed.values()} == {"ENETUNREACH", "EINVAL"}
    nobodys = [address for address in stayed if not address.startswith(KERNELS)]
    assert all(_multicast(ip_address(address)) for address in nobodys), stayed


def test_what_may_leave_does(ground: Ground) -> None:
    with ground.sidecar("controls", default="tunnel", routes=routes()):
        for name, control in CONTROLS.items():
            place = f"{control.host}:{control.port}"
            for request in (absolute(place), connect(place)):
                with ground.counted() as counts:
                    (answer,) = ground.ask([request])
                    assert answer["status"] == 200, (name, answer)
                    assert json.loads(answer["body"])["at"] in (PUBLIC, PUBLIC_6), name
                    assert counts()[0] in (1, 2), name
                    assert counts()[1] > 3
        tls = {"sni": API, "inside": API}
        for request in (
            prefixed("api"),
            prefixed("plain"),
            absolute("plain.example.com"),
            connect(f"{API}:443", **tls),
        ):
            with ground.counted() as counts:
                (answer,) = ground.ask([request])
                assert answer["status"] == 200, (request, answer)
                assert counts()[0] in (1, 2)


# The attacks


@pytest.mark.parametrize("way", [absolute, connect])
def test_nothing_leaves_for_what_is_refused_past_all_routes(ground: Ground, way: Callable[[str], Says]) -> None:
    with ground.sidecar(f"past-{way.__name__}", default="tunnel"), ground.counted() as counts:
        answers = ground.ask([way(f"{attack.host}:{attack.port}") for attack in ATTACKS])
        assert wrong(LABELS, CODES, answers) == {}
        assert counts() == (0, 0)


def test_nothing_leaves_for_what_a_routes_own_host_may_not_resolve_to(ground: Ground) -> None:
    """By all three ways; routes say ``private: true`` where that must not help."""
    meant = [(f"r{index}", route_host(index), attack) for index, attack in enumerate(ATTACKS) if attack.addresses]
    ways: list[Says] = []
    declared: dict[str, Any] = {}
    for name, host, attack in meant:
        scheme = "https" if len(declared) % 2 else "http"
        place = f"{host}:{attack.port}"
        declared[name] = {"url": f"{scheme}://{place}", "private": attack.never}
        sni = host if scheme == "https" else None
        ways += [prefixed(name), absolute(place, scheme=scheme), connect(place, sni=sni)]
    with ground.sidecar("routed", routes=declared), ground.counted() as counts:
        answers = ground.ask(ways)
        labels = [f"{attack.id} {index}" for _, _, attack in meant for index in range(3)]
        assert wrong(labels, ["destination_denied"] * len(labels), answers) == {}
        assert len(labels) > 500
        assert counts() == (0, 0)


def routes() -> Mapping[str, Any]:
    return {"api": {"url": f"https://{API}"}, "plain": {"url": "http://plain.example.com"}}


def test_nothing_leaves_for_a_host_that_resembles_a_routes(ground: Ground) -> None:
    ways = [
        way(f"{host}:{port}", **more)
        for host in RESEMBLING
        for way, port, more in ((connect, 443, {}), (absolute, 80, {}), (absolute, 443, {"scheme": "https"}))
    ]
    elsewhere = [
        *(connect(f"{API}:{port}") for port in (80, 444, 8443)),
        *(absolute(f"{API}:{port}") for port in (80, 443)),
        *(absolute(f"{API}:{port}", scheme="https") for port in (80, 444)),
        *(connect(f"plain.example.com:{port}") for port in (443, 8080)),
        *(absolute(f"plain.example.com:{port}") for port in (443, 8181)),
    ]
    with ground.sidecar("resembling", routes=routes()), ground.counted() as counts:
        answers = ground.ask([*ways, *elsewhere])
        assert set(codes(answers)) == {"bad_request", "destination_denied"}
        assert set(codes(answers[-len(elsewhere) :])) == {"destination_denied"}
        assert counts() == (0, 0)


def test_nothing_leaves_for_a_target_that_leads_nowhere(ground: Ground) -> None:
    with ground.sidecar("targets", default="tunnel", routes=routes()), ground.counted() as counts:
        answers = ground.ask([target(text) for text in TARGETS])
        allowed = {"bad_request", "route_unknown", "path_ambiguous", "destination_denied"}
        found = dict(zip(TARGETS, codes(answers), strict=True))
        assert {text: code for text, code in found.items() if code not in allowed} == {}
        assert counts() == (0, 0)


def test_nothing_leaves_where_a_request_names_two_destinations(ground: Ground) -> None:
    """CONNECT's authority, the TLS server name and Host; the target and Host."""
    good, evil = f"{API}:443", "evil.example.com"
    others = (evil, f"{API}:444", f"{API}.{evil}", "169.254.169.254", "plain.example.com", f"{API}:80", f"{API}@{evil}")
    named_wrong = [
        *(absolute("plain.example.com", host=host) for host in (evil, API, "169.254.169.254", "plain.example.com:81")),
        *(absolute(API, host=host, scheme="https") for host in (evil, f"{API}:80", "169.254.169.254")),
        *(connect(good, host=host) for host in (evil, f"{API}:444", "169.254.169.254:443")),
        *(connect(good, sni=API, inside=host) for host in others),
        *(
            connect("plain.example.com:80", inside=host)
            for host in (evil, API, "169.254.169.254", "plain.example.com:81")
        ),
    ]
    server_wrong = [connect(good, sni=name, inside=API) for name in (evil, f"{API}.{evil}", "plain.example.com")]
    proxied = connect(good, sni=API)
    proxied["inside"] = f"GET http://169.254.169.254/ HTTP/1.1\r\nHost: 169.254.169.254\r\n{HEARD}"
    nested = connect(good, sni=API)
    nested["inside"] = f"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n{HEARD}"
    with ground.sidecar("disagreeing", default="tunnel", routes=routes()), ground.counted() as counts:
        answers = ground.ask([*named_wrong, proxied, nested])
        assert set(codes(answers)) == {"bad_request", "destination_denied"}
        assert codes(answers[-2:]) == ["bad_request"] * 2
        alerts = ground.ask(server_wrong)
        assert [answer["status"] for answer in alerts] == [0] * len(server_wrong)
        assert all("SSL" in answer["error"] for answer in alerts), alerts
        assert counts() == (0, 0)


@pytest.mark.parametrize("way", ["past", "prefix"])
def test_nothing_leaves_for_a_name_that_is_rebound_after_it_was_checked(ground: Ground, way: str) -> None:
    """What was looked up once is dialled; what is looked up later is checked as well."""
    host = {"past": "{}", "prefix": "routed-{}"}[way]
    declared = {f"r{index}": {"url": f"http://{host.format(each.host)}"} for index, each in enumerate(REBOUND)}
    asked = [absolute(each.host) if way == "past" else prefixed(f"r{index}") for index, each in enumerate(REBOUND)]
    routed = {"routes": declared} if way == "prefix" else {"default": "tunnel"}
    with ground.sidecar(f"rebound-{way}", **routed):
        with ground.counted() as counts:
            first = ground.ask(asked)
            assert [json.loads(answer["body"])["at"] for answer in first] == [PUBLIC] * len(asked)
            assert counts()[0] == len(asked)
        with ground.counted() as counts:
            assert set(codes(ground.ask(asked))) == {"destination_denied"}
            assert counts() == (0, 0)


def test_a_redirect_is_handed_back(ground: Ground) -> None:
    with ground.sidecar("redirect", routes=routes()), ground.counted() as counts:
        for request in (prefixed("plain", "/redirect"), prefixed("api", "/redirect")):
            (answer,) = ground.ask([request])
            assert answer["status"] == 302
            assert answer["fields"]["location"] == "http://169.254.169.254/latest/meta-data/"
        assert counts()[0] == 2
