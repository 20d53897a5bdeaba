"""The whole pod as it is deployed: the rules, the image with its settings, the sample agent; and the world round it.

Everything is real but the cluster: network namespaces for the pod and the world, users for the containers, an issuer
out there behind TLS, whose keys only the sidecar can fetch.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.child import ROOT, child
from tests.deploy.agent_variables import fixed
from tests.deploy.container import Container, Running
from tests.deploy.dockerfile import Stage
from tests.deploy.pod import GATEWAY, Namespace, pod_and_world
from tests.deploy.replay import Image
from tests.minting import Signer, signer

DEPLOY = ROOT / "deploy"
ISSUER, AUDIENCE, AGENT = "https://id.example.com", "api://travel", 10001
RUN = "/run/sidecar"
IN_THE_WORLD = f"""
resolve: {{id.example.com: {GATEWAY[0]}}}
tls: {{ca_file: /etc/sidecar/ca.pem}}
"""
ASK = """
import http.client, json, sys
host, port, path, token = sys.argv[1:]
connection = http.client.HTTPConnection(host, int(port), timeout=10)
connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
answer = connection.getresponse()
print(json.dumps([answer.status, answer.read().decode()]))
"""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The pod, the world, the containers."""

    pod: Namespace
    world: Namespace
    sidecar: Running
    agent: Running
    signer: Signer

    def token(self) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300}
        return self.signer.mint(claims).decode()

    def ask(self, host: str, port: int, path: str = "/", token: str = "") -> tuple[int, str]:
        """From the world."""
        status, body = json.loads(self.world.run(sys.executable, "-c", ASK, host, str(port), path, token))
        return status, body


def lay_out(folder: Path, keys: Signer) -> None:
    """The issuer's documents and certificate, and the sidecar's settings."""
    authority = trustme.CA()
    authority.issue_cert("id.example.com").private_key_and_cert_chain_pem.write_to_path(str(folder / "issuer.pem"))
    known = folder / "issuer" / ".well-known"
    known.mkdir(parents=True)
    (known / "openid-configuration").write_text(json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks.json"}))
    (folder / "issuer" / "jwks.json").write_text(json.dumps({"keys": [keys.jwk()]}))
    config = folder / "config"
    config.mkdir()
    (config / "sidecar.yaml").write_text((DEPLOY / "sidecar" / "sidecar.yaml").read_text() + IN_THE_WORLD)
    authority.cert_pem.write_to_path(str(config / "ca.pem"))


@contextmanager
def deploy(last: Stage, image: Image, folder: Path) -> Iterator[Deployed]:
    """In the order of the manifests: rules, sidecar, agent."""
    keys = signer("ES256")
    lay_out(folder, keys)
    with ExitStack() as running:
        pod, world = running.enter_context(pod_and_world())
        script = str(Path(__file__).with_name("issuer.py"))
        serves = [*world.enter, sys.executable, script, GATEWAY[0], str(folder / "issuer.pem"), str(folder / "issuer")]
        running.enter_context(child(serves, folder, "issuer")).said("^up$")
        pod.run("nft", "-f", str(DEPLOY / "egress" / "egress.nft"))

        environ = {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE}
        of_image = Container.of(last, image, folder / "config", folder, environ)
        in_pod = Container(image, of_image.command, of_image.uid, of_image.mounts, environ, pod.enter)
        sidecar = running.enter_context(in_pod.run(folder, "sidecar"))
        sidecar.waits_until_healthy(last)
        mounts = {DEPLOY / "agent": "/mnt", **{source: at for source, at in in_pod.mounts.items() if at == RUN}}
        variables = {name: value for name, value in fixed().items() if value is not None}
        command = ["/usr/local/bin/python", "/mnt/agent.py"]
        started = Container(image, command, AGENT, mounts, variables, pod.enter, of_image.uid)
        agent = running.enter_context(started.run(folder, "agent"))
        yield Deployed(pod, world, sidecar, agent, keys)
