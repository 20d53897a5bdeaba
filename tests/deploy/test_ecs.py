"""The ECS task definitions: true to the service's own model, to the image, and to what they promise."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

from tests.child import ROOT
from tests.deploy.agent_variables import SETTINGS, fixed
from tests.deploy.dockerfile import stages
from tests.deploy.tool import printed, tool

FOLDER = ROOT / "deploy" / "ecs"
IMAGE = stages(ROOT / "Dockerfile")[-1]
UID = IMAGE.last("USER").rest.split(":")[0]
Definition = Mapping[str, Any]
BOTH = pytest.mark.parametrize("name", ["fargate", "ec2"])


def task(name: str) -> Definition:
    read: Definition = json.loads((FOLDER / f"{name}.json").read_text())
    return read


def containers(name: str) -> Mapping[str, Definition]:
    """By name, in the order in which they start."""
    return {container["name"]: container for container in task(name)["containerDefinitions"]}


def model() -> Shape:
    """What RegisterTaskDefinition takes."""
    service = botocore.session.get_session().get_service_model("ecs")
    return service.operation_model("RegisterTaskDefinition").input_shape


def words(value: Any, shape: Shape, place: str = "") -> Iterator[str]:
    """The places whose word is none of those that the model knows, which botocore leaves to the service."""
    if isinstance(shape, StructureShape):
        for key, below in value.items():
            yield from words(below, shape.members[key], f"{place}.{key}")
    elif isinstance(shape, ListShape):
        for index, below in enumerate(value):
            yield from words(below, shape.member, f"{place}[{index}]")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield place


@BOTH
def test_it_is_true_to_the_services_model(name: str) -> None:
    report = ParamValidator().validate(task(name), model())
    assert not report.has_errors(), report.generate_report()
    assert list(words(task(name), model())) == []


def test_an_unknown_key_or_word_would_be_seen() -> None:
    agent = {**containers("fargate")["agent"], "dependson": []}
    assert ParamValidator().validate({**task("fargate"), "containerDefinitions": [agent]}, model()).has_errors()
    assert list(words({**task("fargate"), "networkMode": "awsvcp"}, model())) == [".networkMode"]


@BOTH
def test_agent_and_sidecar_share_loopback_and_the_run_folder(name: str) -> None:
    assert task(name)["networkMode"] == "awsvpc"
    run = {"sourceVolume": "run", "containerPath": "/run/sidecar"}
    assert run in containers(name)["sidecar"]["mountPoints"]
    assert containers(name)["agent"]["mountPoints"] == [{**run, "readOnly": True}]


@BOTH
def test_the_agent_starts_once_the_sidecar_is_healthy_by_the_images_own_check(name: str) -> None:
    agent, sidecar = containers(name)["agent"], containers(name)["sidecar"]
    assert agent["dependsOn"] == [{"containerName": "sidecar", "condition": "HEALTHY"}]
    assert sidecar["healthCheck"]["command"] == ["CMD", *IMAGE.last("HEALTHCHECK").exec_form]
    assert agent["essential"] is sidecar["essential"] is True
    assert sidecar["stopTimeout"] > 30, "inbound.timeouts.drain, and then some"


@BOTH
def test_the_agent_has_the_variables_that_are_fixed_by_convention(name: str) -> None:
    agent = containers(name)["agent"]
    assert {entry["name"]: entry["value"] for entry in agent["environment"]} == fixed()
    # ECS gives it to every container of a task that has a role; it would win over what the sidecar hands out.
    assert agent["command"][:3] == ["env", "-u", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]


@BOTH
def test_users_are_the_images_and_one_that_is_let_read_what_is_left_for_it(name: str) -> None:
    assert containers(name)["sidecar"]["user"] == f"{UID}:{UID}"
    user, group = containers(name)["agent"]["user"].split(":")
    assert user not in {"0", UID}
    assert group == UID


@BOTH
def test_every_container_is_hardened(name: str) -> None:
    for container in containers(name).values():
        assert container["readonlyRootFilesystem"] is True
        assert container["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
        assert not container.get("privileged", False)
        assert ("dockerSecurityOptions" in container) is (name == "ec2"), "not valid on Fargate"


@BOTH
def test_volumes_that_are_mounted_are_there_and_those_of_the_image_are_mounted(name: str) -> None:
    volumes = {volume["name"] for volume in task(name)["volumes"]}
    mounts = containers(name)["sidecar"]["mountPoints"]
    assert {mount["sourceVolume"] for mount in mounts} == volumes
    assert {mount["containerPath"] for mount in mounts} == set(IMAGE.last("VOLUME").exec_form)


def test_on_ec2_the_rules_come_first_and_all_else_is_the_same() -> None:
    assert list(containers("ec2")) == ["egress", "sidecar", "agent"]
    egress = containers("ec2")["egress"]
    assert egress["linuxParameters"]["capabilities"]["add"] == ["NET_ADMIN"]
    assert (egress["essential"], egress["user"]) == (False, "0:0")
    assert containers("ec2")["sidecar"]["dependsOn"] == [{"containerName": "egress", "condition": "SUCCESS"}]
    for name in ("sidecar", "agent"):
        own = {"dockerSecurityOptions", *({"dependsOn"} if name == "sidecar" else ())}
        same = {key: value for key, value in containers("ec2")[name].items() if key not in own}
        assert same.items() <= containers("fargate")[name].items()
    assert not [key for name in ("sidecar", "agent") for key in _capabilities(name)]


def _capabilities(name: str) -> list[str]:
    added: list[str] = containers("ec2")[name]["linuxParameters"]["capabilities"].get("add", [])
    return added


def test_the_settings_go_into_an_image_of_their_own() -> None:
    (stage,) = stages(FOLDER / "Dockerfile")
    assert stage.last("COPY").words == ["sidecar.yaml", "/etc/sidecar/sidecar.yaml"]
    assert IMAGE.last("CMD").exec_form[-1] == "/etc/sidecar/sidecar.yaml"
    assert printed(tool("hadolint"), "--no-color", str(FOLDER / "Dockerfile")) == ""
    needed = set(re.findall(r"\{env: (\w+)\}", SETTINGS.read_text()))
    assert {entry["name"] for entry in containers("fargate")["sidecar"]["environment"]} == needed


def test_what_is_in_the_folder_is_tested() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {"Dockerfile", "ec2.json", "fargate.json"}
