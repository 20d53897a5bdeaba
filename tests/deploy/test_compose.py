"""The Compose file: true to the Compose schema, and holding what it promises."""

import json
import re
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
import yaml

from sidecar.settings import load
from tests.child import ROOT
from tests.counterparts import NODE_FOLDER, node
from tests.deploy.agent_variables import fixed
from tests.deploy.tool import printed

DEPLOY = ROOT / "deploy"
FILE = DEPLOY / "compose.yaml"
DCLINT = NODE_FOLDER / "node_modules" / "dclint"
Service = Mapping[str, Any]


@pytest.fixture(scope="module")
def compose() -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.safe_load(FILE.read_text())
    return read


@pytest.fixture
def services(compose: Mapping[str, Any]) -> Mapping[str, Service]:
    return dict(compose["services"])


def schema() -> jsonschema.Draft7Validator:
    node("dclint")  # it carries the schema
    return jsonschema.Draft7Validator(json.loads((DCLINT / "schemas" / "compose.schema.json").read_text()))


def test_it_is_true_to_the_schema(compose: Mapping[str, Any]) -> None:
    schema().validate(compose)


def test_an_unknown_key_would_be_seen(compose: Mapping[str, Any]) -> None:
    wrong = {**compose, "services": {"agent": {"image": "x", "capdrop": ["ALL"]}}}
    with pytest.raises(jsonschema.ValidationError):
        schema().validate(wrong)


def test_the_linter_finds_no_error() -> None:
    # An image that is built here and named, so that `make image` and `docker compose build` make the same one.
    rule = "no-build-and-image"
    printed(node("dclint"), str(DCLINT / "bin" / "dclint.cjs"), str(FILE), "--quiet", "--disable-rule", rule)


def test_agent_and_sidecar_share_the_network_namespace_of_a_third(services: Mapping[str, Service]) -> None:
    assert set(services) == {"pod", "sidecar", "agent"}
    assert services["sidecar"]["network_mode"] == services["agent"]["network_mode"] == "service:pod"
    assert [name for name, service in services.items() if "ports" in service] == ["pod"]


def test_ports_are_published_on_loopback_and_never_the_agents(services: Mapping[str, Service]) -> None:
    assert services["pod"]["ports"] == ["127.0.0.1:8080:8080", "127.0.0.1:9090:9090"]


def test_nothing_runs_before_the_rules_are_loaded(services: Mapping[str, Service]) -> None:
    pod = services["pod"]
    assert pod["entrypoint"][-1].startswith("nft -f /etc/egress/egress.nft && ")
    assert pod["volumes"] == ["./egress/egress.nft:/etc/egress/egress.nft:ro"]
    rules = (DEPLOY / "egress" / "egress.nft").read_text()
    assert pod["healthcheck"]["test"][-1] in re.findall(r"^table inet (\w+) \{", rules, re.MULTILINE)
    assert services["sidecar"]["depends_on"] == {"pod": {"condition": "service_healthy"}}
    assert services["agent"]["depends_on"] == {"sidecar": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", ["pod", "sidecar", "agent"])
def test_every_container_is_hardened(services: Mapping[str, Service], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_ADMIN"] if name == "pod" else [])
    assert "privileged" not in service
    assert {"mem_limit", "pids_limit"} <= service.keys()


def test_users_are_those_of_the_rules(services: Mapping[str, Service]) -> None:
    (uid,) = re.findall(r"^USER (\d+):", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert f"define sidecar = {{ {uid} }}" in (DEPLOY / "egress" / "egress.nft").read_text()
    assert "user" not in services["sidecar"], "the image's own"
    assert services["agent"]["user"].split(":")[0] not in {"0", uid}
    assert services["agent"]["group_add"] == [uid]


def test_the_agent_sees_the_run_folder_and_nothing_else_of_the_sidecars(services: Mapping[str, Service]) -> None:
    assert services["agent"]["volumes"] == ["./agent:/agent:ro", "run:/run/sidecar:ro"]


def test_the_agent_has_the_variables_that_are_fixed_by_convention(services: Mapping[str, Service]) -> None:
    assert services["agent"]["environment"] == fixed()


def test_its_settings_have_no_problem(services: Mapping[str, Service]) -> None:
    environ = dict.fromkeys(services["sidecar"]["environment"], "https://id.example.com")
    settings = load(DEPLOY / "sidecar" / "sidecar.yaml", environ)
    assert settings.environ == environ.keys()
