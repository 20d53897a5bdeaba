"""What attacks are made of: the keys of our issuers and of strangers, good claims, and ways of spoiling them."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization

from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import Issuer, TokenUse, by_url
from sidecar.keyring.jwks import Keys
from sidecar.wire.strict import base64url_encode
from tests.minting import Signer, encoded, signer

NOW = 1795515001.0
OURS = "https://op.example.com"
TENANT, STRANGER = "4f2d0000-0000-4000-8000-00000000000a", "4f2d0000-0000-4000-8000-00000000000b"
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
COGNITO = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc"
OKTA = "https://acme.okta.com/oauth2/default"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Mint:
    """What tokens are made of: our issuers' keys, and strangers' keys under the same names."""

    rsa: Signer = field(default_factory=lambda: signer("RS256", "rsa"))
    pss: Signer = field(default_factory=lambda: signer("PS256", "pss"))
    ec: Signer = field(default_factory=lambda: signer("ES256", "ec"))
    ed: Signer = field(default_factory=lambda: signer("EdDSA", "ed"))
    stranger: Signer = field(default_factory=lambda: signer("RS256", "rsa"))
    strange_ec: Signer = field(default_factory=lambda: signer("ES256", "ec"))
    neighbour: Signer = field(default_factory=lambda: signer("RS256", "neighbour"))
    confined: Signer = field(default_factory=lambda: signer("RS256", "confined"))

    def issuers(self) -> Mapping[str, Issuer]:
        entra: dict[str, Any] = {"tenant": (TENANT,), "audience": ("api",)}
        cognito: dict[str, Any] = {
            "region": "eu-central-1",
            "user_pool_id": "eu-central-1_abc",
            "client_ids": ("client",),
        }
        okta: dict[str, Any] = {"domain": "acme.okta.com", "audience": ("api",)}
        ours: dict[str, Any] = {"issuer": OURS, "audience": ("travel",)}
        return {
            "oidc": issuer("oidc", "oidc", ours, Common()),
            "ids": issuer("ids", "oidc", ours, Common(token_use=TokenUse.ID)),
            "any": issuer("any", "oidc", ours, Common(token_use=TokenUse.ANY)),
            "clients": issuer("clients", "oidc", {"issuer": OURS}, Common(clients=("app",))),
            "both": issuer("both", "oidc", ours, Common(clients=("app",))),
            "required": issuer(
                "required", "oidc", ours, Common(require={"org": frozenset({"acme"}), "a/b": frozenset({"c"})})
            ),
            "typed": issuer("typed", "oidc", ours, Common(require={"typ": frozenset({"person"})})),
            "tenanted": issuer("tenanted", "oidc", {**ours, "claims": {"tenant": "org"}}, Common()),
            "neighbour": issuer(
                "neighbour", "oidc", {"issuer": "https://n.example", "audience": ("travel",)}, Common()
            ),
            "cognito": issuer("cognito", "cognito", cognito, Common()),
            "cognito-ids": issuer("cognito-ids", "cognito", cognito, Common(token_use=TokenUse.ID)),
            "okta": issuer("okta", "okta", okta, Common()),
            "entra": issuer("entra", "entra", entra, Common()),
        }

    def keys(self, name: str) -> Keys:
        """The key set of the issuer of that name."""
        if name == "neighbour":
            return Keys(frozenset({self.neighbour.key()}))
        shared = {self.rsa.key(), self.pss.key(), self.ec.key(), self.ed.key()}
        elsewhere = f"https://login.microsoftonline.com/{STRANGER}/v2.0"
        return Keys(frozenset(shared | {self.confined.key(issuer=elsewhere)}))

    def claims(self, **changes: Any) -> dict[str, Any]:
        usual = {"iss": OURS, "sub": "alice", "aud": "travel", "iat": NOW - 1, "exp": NOW + 300, "azp": "app"}
        return {name: value for name, value in {**usual, **changes}.items() if value is not MISSING}

    def token(self, header: dict[str, Any] | None = None, by: Signer | None = None, **changes: Any) -> bytes:
        return (by or self.rsa).mint(self.claims(**changes), header)

    def claim(self, name: str, value: Any) -> bytes:
        """A token in which one claim, of any name, is changed."""
        changes = {name: value}
        return self.rsa.mint(
            {key: value for key, value in {**self.claims(), **changes}.items() if value is not MISSING}
        )

    def parts(self) -> list[bytes]:
        return self.token().split(b".")

    def headed(self, header: bytes) -> bytes:
        return self.rsa.mint(self.claims(), header)

    def claiming(self, claims: bytes) -> bytes:
        return self.rsa.mint(claims)

    def spliced(self, **changes: Any) -> bytes:
        """The claims changed after signing."""
        head, _, signature = self.parts()
        return b".".join((head, base64url_encode(encoded(self.claims(**changes))), signature))

    def resigned(self, change: Callable[[bytes], bytes], by: Signer | None = None) -> bytes:
        """The signature changed."""
        one = by or self.rsa
        head, payload, _ = one.mint(self.claims()).split(b".")
        return b".".join((head, payload, base64url_encode(change(one.sign(head + b"." + payload)))))

    def unsigned(self, alg: str, signature: bytes = b"") -> bytes:
        head = base64url_encode(encoded({"alg": alg, "kid": "rsa", "typ": "JWT"}))
        return b".".join((head, base64url_encode(encoded(self.claims())), signature))

    def hmacked(self, secret: bytes, alg: str = "HS256") -> bytes:
        """The public key as the secret of a symmetric signature."""
        signing_input = self.unsigned(alg).rpartition(b".")[0]
        digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[alg]
        return signing_input + b"." + base64url_encode(hmac.new(secret, signing_input, digest).digest())

    def pem(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return bytes(self.rsa.private.public_key().public_bytes(serialization.Encoding.PEM, form))

    def okta(self, **changes: Any) -> bytes:
        usual = {"iss": OKTA, "aud": "api", "cid": "app", "uid": "00u1", "azp": MISSING, "scp": ["a"]}
        return self.token(**{**usual, **changes})

    def entra(self, header: dict[str, Any] | None = None, by: Signer | None = None, **changes: Any) -> bytes:
        usual = {"iss": ENTRA, "aud": "api", "tid": TENANT, "oid": "o1", "sub": "pairwise", "scp": "a", "ver": "2.0"}
        return self.token(header, by, **{**usual, **changes})

    def cognito(self, **changes: Any) -> bytes:
        usual = {"iss": COGNITO, "client_id": "client", "token_use": "access", "username": "alice"}
        return self.token(**{"aud": MISSING, "azp": MISSING, **usual, **changes})


class _Missing:
    """Stands for a claim that is left out; ``None`` is JSON's null."""


MISSING = _Missing()


def fit(mint: Mint, name: str) -> tuple[Issuer, Mapping[str, Issuer]]:
    """The one configured issuer, and the map that tokens select it from."""
    one = mint.issuers()[name]
    return one, by_url([one])
