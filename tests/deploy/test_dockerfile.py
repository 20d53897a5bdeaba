"""The Dockerfiles as they are written; what comes of the first is tested in ``test_image``."""

import tempfile
from pathlib import Path

import pytest

from tests.child import ROOT
from tests.deploy.dockerfile import context, stages
from tests.deploy.pod import pod_and_world
from tests.deploy.replay import BUILD_SECONDS, LONG, RELEASE, Bootstrapped, replay
from tests.deploy.tool import printed, tool

FILES = (ROOT / "Dockerfile", ROOT / "deploy" / "egress" / "Dockerfile")


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


@pytest.mark.slow
@pytest.mark.timeout(BUILD_SECONDS)
@pytest.mark.skipif(not LONG, reason="the long form: make test-long")
def test_the_egress_image_loads_its_rules() -> None:
    (stage,) = stages(FILES[1])
    command = [*stage.last("ENTRYPOINT").exec_form, *stage.last("CMD").exec_form]
    with tempfile.TemporaryDirectory(prefix="egress-") as name, pod_and_world() as (pod, _):
        debian = Bootstrapped.make(Path(name, "debian"), RELEASE, [])
        built = replay([stage], FILES[1].parent, debian, Path(name))
        pod.run("unshare", "--mount", *built.inside(command, {}, debian.seal(built.root)))
        assert pod.counters().keys() >= {"refused_metadata", "refused_out", "refused_in"}
        assert pod.tries(10001, [("tcp", "10.88.0.1", 80)]) == ["ECONNREFUSED"]
