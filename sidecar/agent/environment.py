"""The variables by which unmodified clients find the sidecar and trust its CA. Pure.

Every name is one that some client reads by itself; docs/reference/variables.md says which, and what those need that
read none.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from sidecar.oauth.provider import Provider
from sidecar.wire.endpoint import Endpoint, Unix

CA, BUNDLE, TOKEN = "ca.pem", "ca-bundle.pem", "token"
"""The files in ``run.dir``: our CA, public roots and our CA, the agent handle."""

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
"""In both cases: curl reads ``http_proxy`` in lower case alone, others the upper one first."""
_DIRECT = ("NO_PROXY", "no_proxy")
_NEAR = ("127.0.0.1", "localhost", "169.254.170.2")
"""What isn't sent to the proxy: what listens beside the agent, and the address where ECS hands out credentials."""
_BUNDLES = (
    "SSL_CERT_FILE",  # OpenSSL, and so Python's ssl, httpx, aiohttp, Ruby, PHP, .NET; Go; curl where it is OpenSSL's
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTPLIB2_CA_CERTS",
    "AWS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
)
_ADDED = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")
"""These add to what their programs trust."""

AWS_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
"""All by which AWS SDKs are told who they are: one of them may win over what the sidecar hands out, or be its own."""


def url(listen: Endpoint) -> str:
    """Where the sidecar is for its agent: ``http://host:port``, or ``unix:/path``."""
    return str(listen) if isinstance(listen, Unix) else f"http://{listen}"


PLACEHOLDER = "placeholder"
"""What AWS's clients sign with, so that they sign at all; the sidecar signs anew."""


def variables(
    *,
    listen: Endpoint,
    run: Path,
    handle: str | None,
    aws: bool,
    signs: bool = False,
    one: bool = False,
    consent: str | None = None,
) -> Mapping[str, str | None]:
    """The agent's variables; ``None``: it must not be set.

    *listen* is egress's, *run* the folder ``run.dir``; *handle* is the agent's, if it is to be had; *aws*: whether AWS
    credentials are handed out; *signs*: whether calls of AWS are signed on the way; *one*: whether the agent serves one
    call at a time (``agent.concurrency``), so that a call without a handle is that one's: then the proxy's URL carries
    none. *consent* is ``consent.public_url``. No client knows a variable for a proxy on a unix socket: then there is
    none.
    """
    found: dict[str, str | None] = {"SIDECAR_URL": url(listen)}
    if consent is not None:
        found["SIDECAR_CONSENT_URL"] = consent
    if not isinstance(listen, Unix):
        # With an empty password urllib, httplib2, botocore and Node's fetch send no user name either.
        proxy = f"http://{handle}:x@{listen}" if handle and not one else f"http://{listen}"
        near = _NEAR if listen.host in _NEAR else (*_NEAR, listen.host)
        found |= dict.fromkeys(PROXIES, proxy)
        found |= dict.fromkeys(_DIRECT, ",".join(near))
        found["NODE_USE_ENV_PROXY"] = "1"
        found["GIT_HTTP_PROXY_AUTHMETHOD"] = "basic"  # else git sends the user name only after it was refused
    found |= dict.fromkeys(_BUNDLES, str(run / BUNDLE))
    found |= dict.fromkeys(_ADDED, str(run / CA))
    if aws or signs:
        found |= dict.fromkeys(AWS_CREDENTIALS)
    if signs and not aws:
        found |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), PLACEHOLDER)
    if aws and not isinstance(listen, Unix):
        found["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{url(listen)}/v1/aws/credentials"
        found["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(run / TOKEN)
    return found


def hands_out_aws(providers: Iterable[Provider]) -> bool:
    """Whether the agent may have AWS credentials itself."""
    return any(provider.type == "aws" and provider.hand_out for provider in providers)


def signs_aws(providers: Iterable[Provider]) -> bool:
    """Whether there is a provider that signs calls of AWS."""
    return any(provider.type == "aws" for provider in providers)


def inherited(
    environ: Mapping[str, str],
    variables: Mapping[str, str | None],
    *,
    read: Collection[str],
    providers: Iterable[Provider],
) -> dict[str, str]:
    """What a child of the sidecar gets: *environ* with *variables*, without those that the configuration has *read*,
    and without the sidecar's own AWS credentials where a provider uses them."""
    kept_back = set(read)
    if signs_aws(providers):
        kept_back |= set(AWS_CREDENTIALS)
    given = {name: value for name, value in environ.items() if name not in kept_back} | dict(variables)
    return {name: value for name, value in given.items() if value is not None}
