"""The manifests as ``kubectl apply --kustomize`` would send them: true to the schemas and to their promises."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no stubs
import pytest
import yaml

from sidecar.settings import load
from tests.child import ROOT
from tests.deploy.agent_variables import fixed
from tests.deploy.tool import printed, tool

DEPLOY = ROOT / "deploy"
RULES = (DEPLOY / "egress" / "egress.nft").read_text()
ENVIRON = {"ISSUER": "https://id.example.com", "AUDIENCE": "api://travel"}
Manifest = Mapping[str, Any]


@pytest.fixture(scope="module")
def manifests() -> Sequence[Manifest]:
    return list(yaml.safe_load_all(printed(tool("kubectl"), "kustomize", str(DEPLOY / "kubernetes"))))


def one(manifests: Sequence[Manifest], kind: str) -> Manifest:
    (found,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return found


@pytest.fixture
def pod(manifests: Sequence[Manifest]) -> Manifest:
    spec: Manifest = one(manifests, "Deployment")["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def containers(pod: Manifest) -> Mapping[str, Manifest]:
    """By name, in the order in which they start."""
    return {container["name"]: container for container in (*pod["initContainers"], *pod["containers"])}


def generated(manifests: Sequence[Manifest], volume: str, pod: Manifest) -> Mapping[str, str]:
    """The ConfigMap behind a volume of the pod."""
    (name,) = (entry["configMap"]["name"] for entry in pod["volumes"] if entry["name"] == volume)
    (data,) = (manifest["data"] for manifest in manifests if manifest["metadata"]["name"] == name)
    return dict(data)


def test_every_manifest_is_true_to_its_schema(manifests: Sequence[Manifest]) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    assert {manifest["kind"] for manifest in manifests} == {
        "Namespace",
        "ConfigMap",
        "Deployment",
        "Service",
        "NetworkPolicy",
    }


def test_an_unknown_field_would_be_seen(manifests: Sequence[Manifest]) -> None:
    service = one(manifests, "Service")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**service, "sepc": {}}, kubernetes_validate.latest_version(), strict=True)


def test_the_rules_come_first_then_the_sidecar_then_the_agent(containers: Mapping[str, Manifest]) -> None:
    assert list(containers) == ["egress", "sidecar", "agent"]
    assert "restartPolicy" not in containers["egress"], "it must have ended before the others start"
    assert containers["sidecar"]["restartPolicy"] == "Always", "a native sidecar"


def test_the_rules_that_are_loaded_are_those_that_the_tests_prove(
    manifests: Sequence[Manifest], pod: Manifest, containers: Mapping[str, Manifest]
) -> None:
    egress = containers["egress"]
    (mount,) = (mount for mount in egress["volumeMounts"] if mount["name"] == "egress")
    assert egress["args"] == [f"{mount['mountPath']}/egress.nft"]
    assert generated(manifests, "egress", pod) == {"egress.nft": RULES}


def test_users_and_ports_are_those_of_the_rules(containers: Mapping[str, Manifest]) -> None:
    uid = containers["sidecar"]["securityContext"]["runAsUser"]
    assert f"define sidecar = {{ {uid} }}" in RULES
    assert containers["agent"]["securityContext"]["runAsUser"] not in {0, uid}
    (listeners,) = re.findall(r"^define listeners = \{ (.*) \}", RULES, re.MULTILINE)
    open_ports = {port["containerPort"] for port in containers["sidecar"]["ports"]}
    assert open_ports <= {int(port) for port in listeners.split(", ")}
    assert not any("ports" in containers[name] for name in ("egress", "agent"))


@pytest.mark.parametrize("name", ["egress", "sidecar", "agent"])
def test_every_container_is_hardened(pod: Manifest, containers: Mapping[str, Manifest], name: str) -> None:
    context = containers[name]["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"]["drop"] == ["ALL"]
    assert context["capabilities"].get("add", []) == (["NET_ADMIN"] if name == "egress" else [])
    assert context.get("runAsNonRoot", pod["securityContext"]["runAsNonRoot"]) is (name != "egress")
    assert containers[name]["resources"].keys() == {"requests", "limits"}


def test_the_pod_shares_nothing_with_its_node_nor_processes_inside(pod: Manifest) -> None:
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    shared = {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"}
    assert not shared & pod.keys(), "with the node's network, the rules would be the node's"
    assert not any("hostPath" in volume for volume in pod["volumes"])


def test_the_agent_sees_the_run_folder_and_nothing_else_of_the_sidecars(containers: Mapping[str, Manifest]) -> None:
    mounts = {mount["name"]: mount.get("readOnly", False) for mount in containers["agent"]["volumeMounts"]}
    assert mounts == {"agent": True, "run": True}


def test_the_agent_has_the_variables_that_are_fixed_by_convention(containers: Mapping[str, Manifest]) -> None:
    assert {entry["name"]: entry["value"] for entry in containers["agent"]["env"]} == fixed()


def test_probes_ask_the_health_listener(containers: Mapping[str, Manifest]) -> None:
    sidecar = containers["sidecar"]
    asked = {kind: sidecar[kind]["httpGet"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {(kind, probe["path"], probe["port"]) for kind, probe in asked.items()} == {
        ("startupProbe", "/livez", "health"),  # readyz needs the agent, which starts after this probe has passed
        ("readinessProbe", "/readyz", "health"),
        ("livenessProbe", "/livez", "health"),
    }
    assert {port["name"]: port["containerPort"] for port in sidecar["ports"]} == {"inbound": 8080, "health": 9090}


def test_the_network_policy_admits_callers_to_inbound_and_prometheus_to_health(manifests: Sequence[Manifest]) -> None:
    policy = one(manifests, "NetworkPolicy")["spec"]
    labels = one(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["policyTypes"] == ["Ingress"]
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert policy["ingress"] == [
        {"ports": [{"port": 8080, "protocol": "TCP"}]},
        {"from": [monitoring], "ports": [{"port": 9090, "protocol": "TCP"}]},
    ]


def test_the_service_leads_to_inbound(manifests: Sequence[Manifest]) -> None:
    service = one(manifests, "Service")["spec"]
    labels = one(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    assert [port["targetPort"] for port in service["ports"]] == [8080]


def test_its_settings_have_no_problem(manifests: Sequence[Manifest], pod: Manifest, tmp_path: Path) -> None:
    data = generated(manifests, "sidecar", pod)
    file = tmp_path / "sidecar.yaml"
    file.write_text(data["sidecar.yaml"])
    sidecar = next(container for container in pod["initContainers"] if container["name"] == "sidecar")
    settings = load(file, {entry["name"]: entry["value"] for entry in sidecar["env"]})
    assert settings.environ == ENVIRON.keys()
    assert sidecar["args"] == ["serve", "--config", "/etc/sidecar/sidecar.yaml"]
    assert {str(settings.state.dir), str(settings.run.dir)} <= {m["mountPath"] for m in sidecar["volumeMounts"]}
