"""Signing a browser's user in at the principal's own issuer (OpenID Connect Core, section 3.1; PKCE, RFC 7636). Pure.

What is proved is the principal's whole key, read from the ID token by the same code that reads callers' tokens. Which
claims it comes from differs by issuer, and so does what has to be asked for so that they are there.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

from sidecar.errors import ClaimMissing, IssuerUnreachable, TokenMalformed
from sidecar.identity import token as jwt
from sidecar.identity.issuer import Issuer, TokenUse
from sidecar.identity.key import Key
from sidecar.identity.principal import Kind, Principal
from sidecar.secret import Secret
from sidecar.wire.http import Request, Response
from sidecar.wire.strict import base64url_encode, json_object

MOST_BYTES = 1 << 18
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_OK = 200


class Proof(NamedTuple):
    """What of an ID token is the principal's key."""

    claims: tuple[str, ...]
    """Beside ``iss``: tenant, subject."""
    scopes: tuple[str, ...] = ()
    """Without which the issuer leaves them out."""


PROOFS: Mapping[str, Proof] = {
    "cognito": Proof(("sub",)),
    # In access tokens sub is the login and uid the user; in ID tokens sub is the user.
    "okta": Proof(("sub",)),
    "auth0": Proof(("sub",)),
    # sub is another one for every application; oid comes with the scope profile alone.
    "entra": Proof(("tid", "oid"), ("profile",)),
    # Or what the issuer's claims mapping names as the subject.
    "oidc": Proof(("sub",)),
}
"""By the issuer's type. Another agent's sidecar has no users who could sign in."""


def able(issuer: Issuer) -> bool:
    """Whether the issuer's users can be signed in."""
    return issuer.login is not None and issuer.type in PROOFS


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What an issuer's discovery document says of where users sign in."""

    authorize: str
    token: str
    issuer: str
    """As it calls itself."""
    says_iss: bool
    """Every answer carries ``iss`` (RFC 9207, section 3)."""
    methods: tuple[str, ...]
    """How clients with a secret may prove themselves, the likeliest first."""


def endpoints(body: bytes, issuer: Issuer) -> Endpoints:
    """Raise ``IssuerUnreachable`` unless the document is *issuer*'s own and its endpoints are as safe as it is."""
    try:
        document = json_object(body)
    except ValueError:
        raise _unusable(issuer, "the discovery document is no JSON object") from None
    named = document.get("issuer")
    if not isinstance(named, str) or named not in (*issuer.urls, issuer.metadata_issuer):
        raise _unusable(issuer, "the discovery document is another issuer's")
    found = [document.get(name) for name in ("authorization_endpoint", "token_endpoint")]
    authorize, token = (url if isinstance(url, str) and _as_safe(url, named) else "" for url in found)
    if not authorize or not token:
        raise _unusable(issuer, "the discovery document names no endpoint to sign in at, or an unsafe one")
    methods = document.get("token_endpoint_auth_methods_supported")
    known = methods if isinstance(methods, list) else ["client_secret_basic"]
    says_iss = document.get("authorization_response_iss_parameter_supported") is True
    return Endpoints(
        authorize,
        token,
        named,
        says_iss,
        tuple(method for method in ("client_secret_post", "client_secret_basic") if method in known)
        or ("client_secret_basic",),
    )


def _as_safe(url: str, issuer: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    plain = parts.scheme == "http" and issuer.startswith("http:") and host in _LOOPBACK
    return (parts.scheme == "https" or plain) and bool(host) and "@" not in parts.netloc and not parts.fragment


def challenge(verifier: Secret) -> str:
    """S256 (RFC 7636, section 4.2)."""
    return base64url_encode(hashlib.sha256(verifier.reveal().encode()).digest()).decode()


def authorize(
    issuer: Issuer,
    at: Endpoints,
    *,
    redirect_uri: str,
    state: str,
    nonce: Secret,
    verifier: Secret,
    afresh: bool = False,
) -> str:
    """Where the browser is sent. *afresh*: the user is to sign in again, perhaps as another one."""
    login = issuer.login
    if login is None:
        raise ValueError("the issuer has no login")
    scopes = ("openid", *login.scopes, *PROOFS[issuer.type].scopes)
    asked = {
        "response_type": "code",
        "client_id": login.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(dict.fromkeys(scopes)),
        "state": state,
        "nonce": nonce.reveal(),
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    if afresh:
        asked["prompt"] = "login"
    return f"{at.authorize}{'&' if urlsplit(at.authorize).query else '?'}{urlencode(asked)}"


def answered_by(issuer: Issuer, at: Endpoints, iss: str | None) -> bool:
    """Whether the authorization response is the issuer's own, as far as it says so (RFC 9207, section 2.4)."""
    return not at.says_iss if iss is None else iss in (*issuer.urls, at.issuer)


def redeem(issuer: Issuer, at: Endpoints, method: str, *, code: str, redirect_uri: str, verifier: Secret) -> Request:
    """The code for an ID token; *method* is one of ``at.methods``, and is for clients that have a secret."""
    login = issuer.login
    if login is None:
        raise ValueError("the issuer has no login")
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier.reveal(),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if login.client_secret is not None and method == "client_secret_basic":
        # RFC 6749, section 2.3.1: both are form-encoded first.
        pair = f"{quote_plus(login.client_id)}:{quote_plus(login.client_secret.reveal())}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form["client_id"] = login.client_id
        if login.client_secret is not None:
            form["client_secret"] = login.client_secret.reveal()
    return Request(at.token, "POST", headers, urlencode(form).encode(), 10.0, MOST_BYTES)


def unproved(answer: Response) -> bool:
    """Whether the client isn't known, or not by this proof (RFC 6749, section 5.2)."""
    return answer.status != _OK and _member(answer, "error") == "invalid_client"


def id_token(answer: Response, issuer: Issuer) -> jwt.Unverified:
    """Raise a ``Refusal``; nothing of what the issuer says is in it."""
    found = _member(answer, "id_token") if answer.status == _OK else None
    if not isinstance(found, str) or not found.isascii():
        raise _unusable(issuer, f"the token endpoint gave no ID token (status {answer.status})")
    return jwt.unverified(found.encode())


def _member(answer: Response, name: str) -> Any:
    try:
        return json_object(answer.body).get(name)
    except ValueError:
        return None


def user(token: jwt.Unverified, issuer: Issuer, key: Key, nonce: Secret, now: float) -> Principal:
    """Who signed in. Raise a ``Refusal`` unless *issuer* signed *token* with *key*, for this client and this sign-in
    (OpenID Connect Core, section 3.1.3.7)."""
    said = token.claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "replace"), nonce.reveal().encode()):
        raise TokenMalformed("the ID token's nonce is not this sign-in's")
    found = jwt.verify(token, as_client(issuer), key, now)
    if "tid" in PROOFS[issuer.type].claims and not found.tenant:
        raise ClaimMissing("the claim tid is missing")
    return found


def as_client(issuer: Issuer) -> Issuer:
    """*issuer* as its ID tokens for the sign-in's client are read: that client is their audience, and what ``require``
    asks of access tokens they needn't have."""
    if issuer.login is None:
        raise ValueError("the issuer has no login")
    client = frozenset({issuer.login.client_id})
    return replace(
        issuer, token_use=TokenUse.ID, audiences=client, clients=client, require={}, kind=issuer.kind or Kind.USER
    )


def _unusable(issuer: Issuer, reason: str) -> IssuerUnreachable:
    return IssuerUnreachable(
        f"sign-in at {issuer.name}: {reason}",
        mend=f"Check issuers.{issuer.name}.login and that the issuer is reached; the reason is in the sidecar's log.",
    )
