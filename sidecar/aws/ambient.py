"""The sidecar's own identity at AWS, found where AWS's own SDKs look for it.

In this order, the first that is there counts, as in AWS's chain:

1. ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``;
2. ``AWS_WEB_IDENTITY_TOKEN_FILE`` and ``AWS_ROLE_ARN`` (EKS, IAM roles for service accounts);
3. the shared files of a developer's machine (``AWS_PROFILE``, ``~/.aws``), by botocore;
4. ``AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`` or ``_FULL_URI`` (ECS, EKS Pod Identity), the token file read each time;
5. the instance's metadata, by IMDSv2 alone.

The calls are the sidecar's own ``Fetch``: a server's start needs three small exchanges, where botocore's chain brings
sessions, loaders and threads that outlive our time limits, asks IMDSv1 when v2 is late, and knows nothing of
``tls.ca_file`` and ``resolve``.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sidecar.aws.keys import Keys, keys
from sidecar.errors import ProviderRefused, ProviderUnreachable
from sidecar.wire.http import Fetch, Request, Unreachable
from sidecar.wire.strict import json_object

DOCUMENT_PATH = "/v1/aws/credentials"
"""Where the sidecar itself lends keys to the agent."""
_SECONDS = 2.0
_ECS = "http://169.254.170.2"
_AGENTS = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost"})
_INSTANCE = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}
_SIX_HOURS = "21600"
_LINE = re.compile(r"[\x20-\x7e]{1,20000}")
_ROLE = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)


class Ambient:
    def __init__(
        self,
        environ: Mapping[str, str],
        fetch: Fetch,
        *,
        with_web_identity: Callable[[str, str, str], Awaitable[Keys]],
        profile: Callable[[], Keys | None],
        session: str,
    ) -> None:
        """*profile* is asked in a thread, where there are shared files; *session* is what the agent's sessions are
        called."""
        self._environ, self._fetch = environ, fetch
        self._with_web_identity, self._profile, self._session = with_web_identity, profile, session

    async def keys(self) -> Keys:
        """Raise ``ProviderUnreachable``, or as ``with_web_identity`` does."""
        environ = self._environ
        if environ.get("AWS_ACCESS_KEY_ID"):
            return self._given()
        if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and (role_arn := environ.get("AWS_ROLE_ARN")):
            return await self._with_web_identity(role_arn, self._session, await self.web_identity())
        if self._has_files():
            found = await asyncio.to_thread(self._profile)
            if found is not None:
                return found
        if environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
            return await self._container()
        return await self._instance()

    async def web_identity(self) -> str:
        """The token in ``AWS_WEB_IDENTITY_TOKEN_FILE``, as it stands there now."""
        path = self._environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        if not path:
            raise ProviderRefused(
                "AWS_WEB_IDENTITY_TOKEN_FILE isn't set",
                mend="Set AWS_WEB_IDENTITY_TOKEN_FILE in the sidecar's environment, or the provider's source: ambient.",
            )
        return await self._read("AWS_WEB_IDENTITY_TOKEN_FILE", path)

    def _given(self) -> Keys:
        environ = self._environ
        secret = environ.get("AWS_SECRET_ACCESS_KEY", "")
        try:
            return keys(environ["AWS_ACCESS_KEY_ID"], secret, environ.get("AWS_SESSION_TOKEN"))
        except ValueError as error:
            raise ProviderRefused(
                f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: {error}", mend="Set both, or neither."
            ) from None

    def _has_files(self) -> bool:
        environ = self._environ
        home = Path(environ.get("HOME", "/nonexistent"), ".aws")
        files = (
            environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials",
            environ.get("AWS_CONFIG_FILE") or home / "config",
        )
        return bool(environ.get("AWS_PROFILE")) or any(Path(file).is_file() for file in files)

    async def _read(self, variable: str, path: str) -> str:
        try:
            text = (await asyncio.to_thread(Path(path).read_text)).strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "not text"
            raise ProviderRefused(
                f"{variable}: {why}", mend=f"Let the sidecar's user read the file that {variable} names."
            ) from error
        if not _LINE.fullmatch(text):
            raise ProviderRefused(f"{variable}: the file holds no token", mend=f"Check the file that {variable} names.")
        return text

    # ECS and EKS Pod Identity

    async def _container(self) -> Keys:
        url = self._container_url()
        token = ""
        if path := self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            token = await self._read("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path)
        token = token or self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        headers = {"Authorization": token} if token else {}
        return _lent("the container's credentials", await self._get(Request(url, headers=headers, seconds=_SECONDS)))

    def _container_url(self) -> str:
        relative = self._environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        if relative:
            return f"{_ECS}/{relative.removeprefix('/')}"
        variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
        url = self._environ[variable]
        parts = urlsplit(url)
        if parts.path == DOCUMENT_PATH:
            raise ProviderRefused(
                f"{variable} leads to the sidecar itself",
                mend=f"Set {variable} in the agent's environment alone: the sidecar has its keys from elsewhere.",
            )
        if parts.scheme != "https" and not _lends(parts.hostname or ""):
            raise ProviderRefused(
                f"{variable} is plain http to a host that isn't this machine's", mend=f"Set {variable} to https://…"
            )
        return url

    # EC2

    async def _instance(self) -> Keys:
        environ = self._environ
        if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise ProviderRefused("no identity at AWS was found", mend=_NOWHERE)
        mode = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "").lower()
        base = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _INSTANCE.get(mode, _INSTANCE["ipv4"])
        base = f"{base.rstrip('/')}/latest"
        wanted = {"X-aws-ec2-metadata-token-ttl-seconds": _SIX_HOURS}
        token = (await self._get(Request(f"{base}/api/token", "PUT", wanted, seconds=_SECONDS))).decode("latin-1")
        headers = {"X-aws-ec2-metadata-token": token.strip()}
        roles = f"{base}/meta-data/iam/security-credentials/"
        role = (await self._get(Request(roles, headers=headers, seconds=_SECONDS))).decode("latin-1").strip()
        if not _ROLE.fullmatch(role):
            raise ProviderRefused("the instance has no role", mend=_NOWHERE)
        answer = await self._get(Request(f"{roles}{role}", headers=headers, seconds=_SECONDS))
        return _lent("the instance's metadata", answer)

    async def _get(self, request: Request) -> bytes:
        host = urlsplit(request.url).hostname
        try:
            answer = await self._fetch(request)
        except Unreachable as error:
            raise ProviderUnreachable(f"AWS credentials from {host}: {error}", mend=_NOWHERE) from error
        if answer.status != HTTPStatus.OK:
            raise ProviderRefused(f"AWS credentials from {host}: status {answer.status}", mend=_NOWHERE)
        return answer.body


_NOWHERE = (
    "Give the sidecar an identity at AWS: a role of the task, the pod or the instance (IMDSv2, with a hop limit of 2 "
    "for containers), or AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN."
)


def _lends(host: str) -> bool:
    """Whether plain http to *host* is what AWS's SDKs allow: loopback and the agents of ECS and EKS."""
    try:
        return host in _AGENTS or ip_address(host).is_loopback
    except ValueError:
        return False


def _lent(where: str, body: bytes) -> Keys:
    """The container-credentials document, or that of an instance's metadata."""
    try:
        said: dict[str, Any] = json_object(body)
        given = [said[name] for name in ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")]
        if not all(isinstance(text, str) for text in given):
            raise ValueError("a member isn't a text")  # noqa: TRY301 - one reading, one failure
        return keys(*given)
    except KeyError as error:
        raise ProviderRefused(f"{where}: the answer has no {error.args[0]}", mend=_NOWHERE) from None
    except ValueError as error:
        raise ProviderRefused(f"{where}: {error}", mend=_NOWHERE) from None
