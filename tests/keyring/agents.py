"""Two sidecars that speak for their callers, the issuers of those, and the agent that is called: what assertions
between agents are tried on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.identity import call
from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import Issuer, introduced
from sidecar.identity.principal import Kind, Principal
from sidecar.wire.http import Request, Response
from tests.minting import Signer, signer

NOW = 1795515001.0
AGENT = "travel"
"""The agent that is called."""
OKTA, STAFF, UNLISTED = (
    "https://acme.okta.com/oauth2/default",
    "https://login.microsoftonline.com/{}/v2.0",
    "https://u.example",
)
PLANNER, WRITER = "https://planner.example.com", "https://writer.example.com/base"
TENANT, OTHER_TENANT = "4f2d0000-0000-4000-8000-00000000000a", "4f2d0000-0000-4000-8000-00000000000b"


class Missing:
    """Stands for a claim that is left out; ``None`` is JSON's null."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


def person(**changes: Any) -> Principal:
    usual: dict[str, Any] = {
        "issuer_url": OKTA,
        "tenant": "",
        "subject": "alice",
        "issuer": "corporate",  # planner's own name for it
        "kind": Kind.USER,
        "client": "app",
        "groups": frozenset({"sales", "Domain Admins"}),
        "roles": frozenset({"buyer"}),
        "scopes": frozenset({"read"}),
    }
    return Principal(**{**usual, **changes})


@dataclass
class Agents:
    """Mints assertions; ``fetch`` serves everybody's keys."""

    planner: Signer = field(default_factory=lambda: signer("ES256", "planner-1"))
    writer: Signer = field(default_factory=lambda: signer("ES256", "writer-1"))
    okta: Signer = field(default_factory=lambda: signer("RS256", "okta-1"))
    stranger: Signer = field(default_factory=lambda: signer("ES256", "planner-1"))
    made: int = 0

    def issuers(self, **planner: Any) -> dict[str, Issuer]:
        """As the called agent is configured; *planner* is more that is said of that issuer."""

        def jwks(name: str) -> Common:
            return Common(jwks_url=f"https://keys.example/{name}")

        sidecars = {
            "planner": issuer("planner", "sidecar", {"url": PLANNER, "issuers": ("okta", "staff")}, Common(**planner)),
            "writer": issuer("writer", "sidecar", {"url": WRITER, "issuers": ("staff",)}, Common()),
        }
        people = {
            "okta": issuer("okta", "okta", {"domain": "acme.okta.com", "audience": (AGENT,)}, jwks("okta")),
            "staff": issuer("staff", "entra", {"tenant": (TENANT,), "audience": (AGENT,)}, jwks("staff")),
            "unlisted": issuer("unlisted", "oidc", {"issuer": UNLISTED, "audience": (AGENT,)}, jwks("unlisted")),
        }
        return introduced({**sidecars, **people}, AGENT)

    async def fetch(self, request: Request) -> Response:
        keys = {
            f"{PLANNER}/.well-known/identity-sidecar/jwks.json": self.planner,
            f"{WRITER}/.well-known/identity-sidecar/jwks.json": self.writer,
        }
        keys |= {f"https://keys.example/{name}": self.okta for name in ("okta", "staff", "unlisted")}
        found = keys.get(request.url)
        body = json.dumps({"keys": [found.jwk()] if found else []}).encode()
        return Response(200 if found else 404, {}, body)

    def claims(self, who: Principal | None = None, **changes: Any) -> dict[str, Any]:
        """A good assertion's of planner, for alice; *changes* are of its own claims, and ``principal`` of what it says
        of her."""
        self.made += 1
        usual = call.assertion(
            who or person(), issuer=PLANNER, audience=AGENT, agent="planner", actors=(), jti=f"j{self.made}", now=NOW
        )
        described = changes.pop("principal", {})
        if isinstance(described, Mapping):
            described = _changed(usual["principal"], described)
        return _changed(usual, {"principal": described, **changes})

    def token(
        self,
        *,
        by: Signer | None = None,
        header: Mapping[str, Any] | None = None,
        who: Principal | None = None,
        **changes: Any,
    ) -> bytes:
        usual = {"typ": call.TYP, **(header or {})}
        return (by or self.planner).mint(self.claims(who, **changes), usual)


def _changed(usual: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**usual, **changes}.items() if value is not MISSING}


def chained(*agents: str) -> dict[str, Any]:
    act: dict[str, Any] = {}
    for agent in reversed(agents):
        act = {"sub": agent, "act": act} if act else {"sub": agent}
    return act
