"""A pod and the world outside it: two network namespaces joined by a cable, and to nothing else."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.counterparts import missing

REACH = Path(__file__).with_name("reach.py")
POD = ("10.88.0.2", "fd88::2")
# What stands in the world: its own end of the cable, two servers, two resolvers, and where clouds hand out credentials.
METADATA = (
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
)
SERVERS = ("203.0.113.7", "2001:db8::7")
RESOLVERS = ("10.96.0.10", "fd96::a")
GATEWAY = ("10.88.0.1", "fd88::1")
COUNT = """
table inet world {
  counter arrived {}
  chain in {
    type filter hook input priority filter
    iifname "cable" meta l4proto { tcp, udp } counter name arrived
  }
}
"""


@dataclass(slots=True)
class Namespace:
    """A network namespace, entered by running something in it."""

    name: str
    _running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def enter(self) -> list[str]:
        """The words before a command that is to run in it."""
        return ["ip", "netns", "exec", self.name]

    def run(self, *command: str, given: str | None = None) -> str:
        """What the command prints."""
        whole = [*self.enter, *command]
        done = subprocess.run(whole, input=given, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def tries(self, uid: int, places: Sequence[tuple[str, str, int]]) -> list[str]:
        """What becomes of each of the places when *uid* tries to reach it."""
        answers: list[str] = json.loads(self.run(*_reach(uid, "try", json.dumps(places))))
        return answers

    def listens(self, uid: int, *ports: int) -> subprocess.Popen[str]:
        """A server of *uid*'s on the ports, up."""
        command = [*self.enter, *_reach(uid, "listen", *map(str, ports))]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._running.append(server)
        assert server.stdout is not None
        assert server.stdout.readline() == "up\n"
        return server

    def sends(self, uid: int, host: str, port: int, size: int) -> None:
        """*uid* sends so many bytes there, and closes at once."""
        self.run(*_reach(uid, "send", host, str(port), str(size)))

    def counters(self) -> Mapping[str, int]:
        """Packets by the name of the counter."""
        listed = json.loads(self.run("nft", "--json", "list", "counters"))["nftables"]
        return {item["counter"]["name"]: item["counter"]["packets"] for item in listed if "counter" in item}

    def waits_for(self, link: str) -> None:
        """Until the kernel has seen both ends of the cable, without which IPv6 doesn't use it."""
        for _ in range(100):
            if json.loads(self.run("ip", "-json", "link", "show", link))[0]["operstate"] == "UP":
                return
            time.sleep(0.05)
        raise TimeoutError(link)

    def end(self) -> None:
        for server in self._running:
            server.kill()
            server.communicate()
        subprocess.run(["ip", "netns", "delete", self.name], check=True, timeout=30)


def _reach(uid: int, *arguments: str) -> list[str]:
    return [sys.executable, "-IS", str(REACH), str(uid), *arguments]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=30)


@contextlib.contextmanager
def pod_and_world() -> Iterator[tuple[Namespace, Namespace]]:
    """Both namespaces, addressed and joined; the world counts what arrives from the pod."""
    if os.geteuid() != 0:
        missing("root, to make network namespaces")
    for tool in ("ip", "nft"):
        if shutil.which(tool) is None:
            missing(f"{tool}: on Debian, apt-get install iproute2 nftables")
    pod, world = (Namespace(f"{side}-{os.getpid()}") for side in ("pod", "world"))
    with contextlib.ExitStack() as ending:
        for side in (pod, world):
            _ip("netns", "add", side.name)
            ending.callback(side.end)
            # Link-local addresses serve at once, instead of after a second of listening for another owner.
            for scope in ("all", "default"):
                side.run("sh", "-c", f"echo 0 >/proc/sys/net/ipv6/conf/{scope}/accept_dad")
        _ip("link", "add", "cable", "netns", world.name, "type", "veth", "peer", "name", "eth0", "netns", pod.name)
        _address(pod, "eth0", *POD)
        _address(world, "cable", *GATEWAY)
        _address(world, "lo", *SERVERS, *RESOLVERS, *METADATA)
        for family, gateway in zip(("-4", "-6"), GATEWAY, strict=True):
            _ip("-n", pod.name, family, "route", "add", "default", "via", gateway)
        for side, link in ((pod, "eth0"), (world, "cable")):
            side.waits_for(link)
        world.run("nft", "-f", "-", given=COUNT)
        yield pod, world


def _address(side: Namespace, link: str, *addresses: str) -> None:
    for address in addresses:
        width = ("64" if link != "lo" else "128") if ":" in address else ("24" if link != "lo" else "32")
        flags = ["nodad"] if ":" in address else []
        _ip("-n", side.name, "address", "add", f"{address}/{width}", "dev", link, *flags)
    _ip("-n", side.name, "link", "set", "lo", "up")
    _ip("-n", side.name, "link", "set", link, "up")
