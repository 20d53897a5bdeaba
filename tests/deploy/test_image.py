"""The Dockerfiles: linted, replayed step by step in clean roots, and the result run without privileges.

The short form borrows this machine's system and Python; the long one makes a Debian of the base image's release.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.child import ROOT
from tests.counterparts import missing
from tests.deploy.container import Container, container
from tests.deploy.dockerfile import Stage, context, stages
from tests.deploy.pod import pod_and_world
from tests.deploy.replay import Base, Bootstrapped, Borrowed, Image, replay
from tests.deploy.tool import printed, tool

LONG = os.environ.get("LONG") == "1"
# One worker builds the image, once.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("image"), pytest.mark.timeout(400 if LONG else 150)]
FILES = (ROOT / "Dockerfile", ROOT / "deploy" / "egress" / "Dockerfile")
ENVIRON = {"ISSUER": "https://id.example.com", "AUDIENCE": "api://travel"}
ASK = """
import http.client
inbound = http.client.HTTPConnection("127.0.0.1", 8080, timeout=5)
inbound.request("GET", "/")
print(inbound.getresponse().status)
"""
RELEASE = "trixie"
MIB = 1 << 20


@pytest.mark.parametrize("file", FILES, ids=["sidecar", "egress"])
def test_the_linter_finds_nothing(file: Path) -> None:
    assert printed(tool("hadolint"), "--no-color", str(file)) == ""


def test_the_build_is_given_what_it_needs_and_nothing_else() -> None:
    given = {path.relative_to(ROOT) for path in context(ROOT)}
    folders = {path.parts[0] for path in given}
    assert folders == {"LICENSE", "README.md", "pyproject.toml", "requirements", "sidecar"}
    assert Path("sidecar/cli.py") in given
    assert not any(path.suffix == ".pyc" for path in given)


def test_each_base_is_one_release_and_the_same_in_both_stages() -> None:
    build, last = stages(FILES[0])
    assert build.base == last.base
    assert last.base.endswith(f"-slim-{RELEASE}")
    assert [stage.base for stage in stages(FILES[1])] == [f"debian:{RELEASE}-slim"]


@pytest.fixture(scope="module")
def last() -> Stage:
    return stages(FILES[0])[-1]


@pytest.fixture(scope="module", params=["borrowed", "bootstrapped"] if LONG else ["borrowed"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image, built."""
    if os.geteuid() != 0:
        missing("root, to replay a Dockerfile in a root of its own")
    folder = tmp_path_factory.mktemp("image")
    return replay(stages(FILES[0]), ROOT, base(request.param, folder), folder)


def base(name: str, folder: Path) -> Base:
    if name == "borrowed":
        return Borrowed()
    return Bootstrapped.make(folder / "debian", RELEASE, ["python3", "python3-pip", "python3-venv"])


@pytest.fixture(scope="module")
def running(last: Stage, image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """The image, running and healthy."""
    folder = tmp_path_factory.mktemp("container")
    with container(last, image, folder, ROOT / "deploy" / "sidecar", ENVIRON) as started:
        started.waits_until_healthy(15)
        yield started


def test_it_runs_as_nobody_with_no_capability(running: Container) -> None:
    status = running.status()
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65532"}
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


def test_it_answers_callers(running: Container) -> None:
    assert running.exec("python", "-c", ASK).stdout == "401\n"


@pytest.mark.parametrize("place", ["/", "/etc/sidecar", "/opt/sidecar", "/usr/local", "/tmp", "/var"])
def test_it_can_write_nowhere_but_in_its_volumes(running: Container, place: str) -> None:
    done = running.exec("touch", f"{place}/x")
    assert done.returncode != 0
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr


def test_it_can_write_in_its_volumes(running: Container, last: Stage) -> None:
    for volume in last.last("VOLUME").exec_form:
        assert running.exec("touch", f"{volume}/x").returncode == 0


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


def test_sigterm_ends_it_well_and_then_it_is_not_healthy(running: Container) -> None:
    running.child.send(signal.SIGTERM)
    assert running.child.wait(15) == 0


@pytest.mark.skipif(not LONG, reason="the long form: make test-long")
def test_the_egress_image_loads_its_rules(tmp_path: Path) -> None:
    (stage,) = stages(FILES[1])
    debian = Bootstrapped.make(tmp_path / "debian", RELEASE, [])
    built = replay([stage], FILES[1].parent, debian, tmp_path)
    command = [*stage.last("ENTRYPOINT").exec_form, *stage.last("CMD").exec_form]
    with pod_and_world() as (pod, _):
        pod.run("unshare", "--mount", *built.inside(command, {}, debian.seal(built.root)))
        assert pod.counters().keys() >= {"refused_metadata", "refused_out", "refused_in"}
        assert pod.tries(10001, [("tcp", "10.88.0.1", 80)]) == ["ECONNREFUSED"]
