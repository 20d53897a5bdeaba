"""What comes of the Dockerfile: replayed in a clean root, run without privileges, deployed in a pod.

The short form borrows this machine's system and Python; the long one makes a Debian of the base image's release.
"""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.child import ROOT
from tests.deploy.container import Container, Running
from tests.deploy.deployed import AGENT, ASK, Deployed, deploy
from tests.deploy.dockerfile import Stage
from tests.deploy.pod import GATEWAY, METADATA, POD
from tests.deploy.replay import BUILD_SECONDS, LONG, Bootstrapped, Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(BUILD_SECONDS)]
ENVIRON = {"ISSUER": "https://id.example.com", "AUDIENCE": "api://travel"}
MIB = 1 << 20


@pytest.fixture(scope="module")
def running(last: Stage, image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The image, running and healthy."""
    folder = tmp_path_factory.mktemp("container")
    with Container.of(last, image, ROOT / "deploy" / "sidecar", folder, ENVIRON).run(folder, "sidecar") as started:
        started.waits_until_healthy(last)
        yield started


def test_it_runs_as_nobody_with_no_capability(running: Running) -> None:
    status = running.status()
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65532"}
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


def test_it_answers_callers(running: Running) -> None:
    assert running.exec("python", "-c", ASK, "127.0.0.1", "8080", "/", "").stdout.startswith("[401, ")


@pytest.mark.parametrize("place", ["/", "/etc/sidecar", "/opt/sidecar", "/usr/local", "/tmp", "/var"])
def test_it_can_write_nowhere_but_in_its_volumes(running: Running, place: str) -> None:
    done = running.exec("touch", f"{place}/x")
    assert done.returncode != 0
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr


def test_it_can_write_in_its_volumes(running: Running, last: Stage) -> None:
    for volume in last.last("VOLUME").exec_form:
        assert running.exec("touch", f"{volume}/x").returncode == 0


SIGNS = """
from botocore.session import Session
from sidecar.aws.signing import load
load()
for service in ("sts", "sso", "sso-oidc", "signin"):
    Session().create_client(service, region_name="eu-central-1")
"""


def test_it_knows_of_aws_what_it_needs_and_no_more(running: Running, image: Image) -> None:
    done = running.exec("python", "-c", SIGNS)
    assert done.returncode == 0, done.stderr
    (described,) = (image.written / "opt/sidecar/lib").glob("python3.*/site-packages/botocore/data")
    size = sum(path.stat().st_size for path in described.rglob("*") if path.is_file())
    assert size < 3 * MIB


def test_it_holds_the_locked_packages_and_no_tool_to_change_them(image: Image) -> None:
    (packages,) = (image.written / "opt/sidecar/lib").glob("python3.*/site-packages")
    held = {path.name.split("-")[0].lower().replace("_", "-") for path in packages.glob("*.dist-info")}
    locked = {
        line.split("==")[0].lower()
        for line in (ROOT / "requirements/runtime.lock").read_text().splitlines()
        if "==" in line
    }
    assert held == locked | {"agent-identity-sidecar"}
    assert not {path.name for path in (image.written / "opt/sidecar/bin").iterdir()} & {"pip", "pip3"}


def test_all_bytecode_is_there(image: Image) -> None:
    sources = [path for path in (image.written / "opt/sidecar/lib").rglob("*.py") if "__pycache__" not in path.parts]
    tag = next((image.written / "opt/sidecar/lib").rglob("*.pyc")).name.split(".")[-2]
    without = [path for path in sources if not (path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc").exists()]
    assert not without
    assert len(sources) > 500


def test_it_is_small(image: Image) -> None:
    size = sum(path.lstat().st_size for path in (image.written / "opt/sidecar").rglob("*"))
    assert size < 150 * MIB


@pytest.mark.skipif(not LONG, reason="the long form: make test-long")
def test_no_stage_had_a_compiler(image: Image) -> None:
    if isinstance(image.base, Bootstrapped):
        there = {path.name for path in (image.base.lower / "usr/bin").iterdir()}
        assert not there & {"cc", "gcc", "g++", "ld", "make"}


def test_sigterm_ends_it_well_and_then_it_is_not_healthy(running: Running) -> None:
    running.child.send(signal.SIGTERM)
    assert running.child.wait(15) == 0


# in a pod


@pytest.fixture(scope="module")
def deployed(last: Stage, image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The pod with the image in it, up."""
    with deploy(last, image, tmp_path_factory.mktemp("pod")) as up:
        yield up


def test_it_becomes_ready_once_the_agent_is_up_and_the_keys_are_there(deployed: Deployed) -> None:
    deadline = time.monotonic() + 15
    while deployed.ask(POD[0], 9090, "/readyz")[0] != 200:
        assert time.monotonic() < deadline, deployed.sidecar.child.stderr
        time.sleep(0.2)
    assert deployed.ask(POD[0], 9090, "/livez")[0] == 200


def test_callers_reach_the_agent_with_a_token_and_not_without(deployed: Deployed) -> None:
    assert deployed.ask(POD[0], 8080)[0] == 401
    status, body = deployed.ask(POD[0], 8080, token=deployed.token())
    assert status == 200, body
    told = json.loads(body)
    assert told["hello"] == "alice"
    assert told["who"]["X-Identity-Issuer"] == "staff"


def test_nobody_reaches_the_agent_round_the_sidecar(deployed: Deployed) -> None:
    places = [("tcp", host, port) for host in POD for port in (8000, 8181)]
    assert deployed.world.tries(0, places) == ["ECONNREFUSED"] * 4


def test_the_agent_gets_nowhere_but_to_the_sidecar(deployed: Deployed) -> None:
    before = deployed.pod.counters()
    tried = [("tcp", GATEWAY[0], 443), *(("tcp", host, 80) for host in METADATA)]
    assert deployed.pod.tries(AGENT, tried) == ["ECONNREFUSED"] * len(tried)
    counters = deployed.pod.counters()
    assert counters["refused_metadata"] - before["refused_metadata"] == len(METADATA)
    assert counters["refused_out"] - before["refused_out"] == 1
    assert deployed.agent.exec("python", "-c", ASK, "127.0.0.1", "8080", "/", "").stdout.startswith("[401, ")


def test_nothing_of_the_sidecars_was_refused(deployed: Deployed) -> None:
    """Its fetches, its answers and its last words all left."""
    assert deployed.pod.counters()["left_by_sidecar"] > 0
    before = deployed.pod.counters()["refused_out"]
    for _ in range(3):
        deployed.ask(POD[0], 8080, token=deployed.token())
    assert deployed.pod.counters()["refused_out"] == before


def test_the_agent_cannot_read_what_is_the_sidecars(deployed: Deployed) -> None:
    state = next(source for source, place in deployed.sidecar.container.mounts.items() if place == "/var/lib/sidecar")
    assert [*state.iterdir()]
    assert state.stat().st_mode & 0o077 == 0
    assert deployed.agent.exec("ls", f"/proc/{deployed.sidecar.child.pid}/root/").returncode != 0


READ = """
import json, os, ssl, urllib.error, urllib.request
def read(path):
    try:
        return open(path).read()
    except PermissionError:
        return ""
handle, ca = read("/run/sidecar/token"), read(os.environ["NODE_EXTRA_CA_CERTS"])
try:
    urllib.request.urlopen(urllib.request.Request("http://nowhere.example/", headers={"X-Identity-Invocation": handle}))
    answered = ""
except urllib.error.HTTPError as error:
    answered = error.headers["Sidecar-Error"]
print(json.dumps([handle[:3], ca in read(os.environ["SSL_CERT_FILE"]), ca[:27], answered]))
"""
"""What is to be found by the agent's variables; the proxy's answer comes from the sidecar's way out."""
CA = "-----BEGIN CERTIFICATE-----"


def test_the_agent_finds_what_is_left_for_it_and_its_way_out(deployed: Deployed) -> None:
    done = deployed.agent.exec("python", "-c", READ)
    assert (done.stderr, json.loads(done.stdout)) == ("", ["ag_", True, CA, "destination_denied"])


def test_whoever_is_not_in_its_group_cannot_read_the_agents_handle(deployed: Deployed) -> None:
    stranger = Running(replace(deployed.agent.container, uid=10002, group=None), deployed.agent.child)
    handle, _, ca, _ = json.loads(stranger.exec("python", "-c", READ).stdout)
    assert (handle, ca) == ("", ""), "nor does it enter the folder"
