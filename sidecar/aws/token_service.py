"""Asks AWS's Security Token Service for sessions."""

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from sidecar.aws import sts
from sidecar.aws.keys import Keys
from sidecar.aws.signing import Signature, load
from sidecar.errors import ProviderRefused, ProviderTimeout, ProviderUnreachable, RateLimited, Refusal
from sidecar.oauth.credential import Outgoing
from sidecar.wire.http import Fetch, Late, Request, Response, Unreachable, retry_after

CALL_SECONDS = 3.0
"""One call's time limit; there are two at most."""
_PAUSE_SECONDS = 0.2
_AGAIN_SECONDS = 2
"""When to ask again where STS throttles and doesn't say."""

_MENDS: Mapping[str, str] = {
    "AccessDenied": "Let the role's trust policy allow it: sts:AssumeRoleWithWebIdentity for the token's issuer and "
    "subject, or sts:AssumeRole and, with session_tags, sts:TagSession for the identity that the sidecar has.",
    "InvalidIdentityToken": "Check that the token in AWS_WEB_IDENTITY_TOKEN_FILE is of the issuer, and for the "
    "audience, that the account's IAM OIDC provider names.",
    "ExpiredToken": "Check that whatever lends the sidecar its keys renews them.",
    "ExpiredTokenException": "Check that whatever writes AWS_WEB_IDENTITY_TOKEN_FILE renews it.",
    "RegionDisabledException": "Activate STS for that region in the account, or set the provider's region to another.",
    "SignatureDoesNotMatch": "Check the keys that the sidecar was given, and its clock.",
    "InvalidClientTokenId": "Check the keys that the sidecar was given: AWS doesn't know them.",
}


class TokenService:
    """One region's."""

    def __init__(
        self, region: Callable[[], str], *, environ: Mapping[str, str], fetch: Fetch, clock: Callable[[], float]
    ) -> None:
        """*region* is asked with each call, and may raise ``ProviderRefused``."""
        self._region, self._environ, self._fetch, self._clock = region, environ, fetch, clock

    async def with_web_identity(self, role_arn: str, session: str, token: str) -> Keys:
        """Raise ``RateLimited``, ``ProviderTimeout`` or ``ProviderUnreachable``, as ``with_keys`` does."""
        form = sts.with_web_identity(role_arn, session, token)
        return await self._lent("AssumeRoleWithWebIdentity", form, dict)

    async def with_keys(self, role_arn: str, session: str, tags: Mapping[str, str], own: Keys) -> Keys:
        await asyncio.to_thread(load)
        form = sts.with_keys(role_arn, session, tags)
        signature = Signature(own, region=self._region(), service="sts", clock=self._clock)
        parts = urlsplit(self._url())
        outgoing = Outgoing("POST", parts.scheme, parts.netloc, parts.path, tuple(sts.FORM.items()))
        return await self._lent("AssumeRole", form, lambda: dict(signature.headers(outgoing, form)))

    def _url(self) -> str:
        try:
            return sts.endpoint(self._region(), self._environ)
        except ValueError as error:
            mend = "Set AWS_ENDPOINT_URL_STS in the sidecar's environment to an https:// URL, or unset it."
            raise ProviderRefused(str(error), mend=mend) from None

    async def _lent(self, action: str, form: bytes, headers: Callable[[], Mapping[str, str]]) -> Keys:
        try:
            return await self._ask(action, form, headers())
        except (ProviderUnreachable, ProviderTimeout) as refusal:
            if isinstance(refusal, ProviderRefused):
                raise
        await asyncio.sleep(_PAUSE_SECONDS)
        return await self._ask(action, form, headers())

    async def _ask(self, action: str, form: bytes, headers: Mapping[str, str]) -> Keys:
        url = self._url()
        request = Request(url, "POST", {**sts.FORM, **headers}, form, CALL_SECONDS, sts.MOST_ANSWER)
        host = urlsplit(url).hostname
        mend = f"Let the sidecar reach https://{host}: through the network, or by a VPC endpoint for STS."
        try:
            answer = await self._fetch(request)
            lent = sts.lent(answer)
        except Late as error:
            raise ProviderTimeout(f"{action} at {host}: {error}", mend=mend) from error
        except (Unreachable, sts.Unreadable) as error:
            raise ProviderUnreachable(f"{action} at {host}: {error}", mend=mend) from error
        if isinstance(lent, sts.Fault):
            raise self._refusal(action, lent, answer)
        return lent

    def _refusal(self, action: str, fault: sts.Fault, answer: Response) -> Refusal:
        reason = f"{action} was refused by AWS: {fault.status} {fault.code}: {fault.message}"
        if fault.throttled:
            seconds = retry_after(answer.headers.get("retry-after"), self._clock()) or _AGAIN_SECONDS
            mend = "Wait as Retry-After says: AWS limits how often sessions are begun."
            return RateLimited(reason, mend=mend, retry_after=seconds)
        if fault.passes:
            return ProviderUnreachable(reason)
        return ProviderRefused(reason, mend=_MENDS.get(fault.code))
