"""A small authorization server, as an issuer or a provider: it checks what RFC 6749, RFC 7636 and OpenID Connect make
it check, so that what gets past it here gets past a real one."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from sidecar.wire.http import Request, Response
from tests.minting import Signer, signer

CLIENT, SECRET = "the-client", "the client's secret: with a colon"


@dataclass
class Account:
    id: str
    email: str


@dataclass
class Server:
    """``authorize`` is what its pages do; ``answer`` is every other endpoint."""

    url: str
    clock: Callable[[], float]
    redirect_uris: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=lambda: ["client_secret_post"])
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    """Of ID tokens, over the usual ones; ``None`` leaves one out."""
    grants: frozenset[str] | None = None
    """The scopes that users tick; ``None``: all."""
    fault: Response | None = None
    """What the token endpoint says instead."""
    signer: Signer = field(default_factory=lambda: signer("RS256"))
    codes: dict[str, tuple[Account, dict[str, str]]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    """Every authorization request."""
    spent: list[dict[str, str]] = field(default_factory=list)
    """Every token request."""
    revoked: list[str] = field(default_factory=list)
    says_iss: bool = True

    def authorize(self, url: str, account: Account | None, *, error: str = "access_denied") -> str:
        """Where the browser is sent back to; *account*: ``None`` says no."""
        at, _, query = url.partition("?")
        assert at == f"{self.url}/authorize"
        asked = {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}
        self.asked.append(asked)
        assert asked["client_id"] == CLIENT
        assert asked["redirect_uri"] in self.redirect_uris
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        back = {"state": asked["state"], **({"iss": self.url} if self.says_iss else {})}
        if account is None:
            return f"{asked['redirect_uri']}?{urlencode({**back, 'error': error})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = account, asked
        return f"{asked['redirect_uri']}?{urlencode({**back, 'code': code})}"

    def answer(self, request: Request) -> Response:
        path = urlsplit(request.url).path
        if path.endswith("/.well-known/openid-configuration"):
            return self._json(200, self._document())
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if path == "/revoke":
            self.revoked.append(form["token"])
            return self._json(200, {})
        if path == "/token":
            return self._token(request, form)
        return self._json(404, {})

    def _document(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            "jwks_uri": f"{self.url}/jwks",
            "scopes_supported": ["openid", "email", "offline_access", "calendar.read", "calendar.write"],
            "authorization_response_iss_parameter_supported": self.says_iss,
            "token_endpoint_auth_methods_supported": self.methods,
            **self.metadata,
        }

    def _token(self, request: Request, form: dict[str, str]) -> Response:
        self.spent.append(form)
        if self.fault is not None:
            return self.fault
        if not self._is_client(request, form):
            return self._json(401, {"error": "invalid_client"})
        account, asked = self.codes.pop(form.get("code", ""), (None, {}))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        whole = asked.get("redirect_uri") == form["redirect_uri"] and asked.get("code_challenge") == challenge.decode()
        if account is None or not whole:
            return self._json(400, {"error": "invalid_grant"})
        scopes = frozenset(asked["scope"].split(" "))
        ticked = scopes if self.grants is None else (scopes & (self.grants | {"openid", "email", "offline_access"}))
        return self._json(
            200,
            {
                "access_token": f"at-{secrets.token_hex(8)}",
                "refresh_token": f"rt-{secrets.token_hex(8)}",
                "token_type": "Bearer",
                "expires_in": 3600,
                "scope": " ".join(sorted(ticked)),
                "id_token": self.id_token(account, asked.get("nonce")),
            },
        )

    def id_token(self, account: Account, nonce: str | None, **claims: Any) -> str:
        now = int(self.clock())
        usual = {"iss": self.url, "sub": account.id, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        usual |= {"email": account.email, "email_verified": True, **self.claims, **claims}
        return self.signer.mint({name: value for name, value in usual.items() if value is not None}).decode()

    def _is_client(self, request: Request, form: dict[str, str]) -> bool:
        authorization = request.headers.get("Authorization", "")
        if "client_secret_basic" in self.methods[:1]:
            pair = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
            return [unquote_plus(part) for part in pair] == [CLIENT, SECRET]
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)

    @staticmethod
    def _json(status: int, body: dict[str, Any]) -> Response:
        return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())
