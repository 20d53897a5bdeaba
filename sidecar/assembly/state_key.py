"""The state key, from wherever the configuration says that it is."""

import asyncio
import time
from collections.abc import Mapping
from functools import cache

from sidecar.agent.environment import AWS_CREDENTIALS
from sidecar.keyring import transit
from sidecar.keyring.root import KeyUnusable, Root, given, kept
from sidecar.settings import Settings
from sidecar.wire.http import Fetch


async def state_key(settings: Settings, environ: Mapping[str, str]) -> Root:
    """*environ* is the sidecar's own. Raise ``KeyUnusable`` or ``OSError``."""
    key, directory = settings.state.key, settings.state.dir
    await asyncio.to_thread(directory.mkdir, mode=0o700, parents=True, exist_ok=True)
    if key is None:
        return await asyncio.to_thread(kept, directory)
    text = key.reveal()
    if text.startswith(transit.SCHEME):
        return await transit.held(text, environ, _fetch(settings))
    if text.startswith("awskms:"):
        return await _kms(text, environ, _fetch(settings), settings.agent.name)
    return given(key)


def variables(settings: Settings) -> frozenset[str]:
    """By which of its own variables the sidecar is known to a key service: nobody else's business."""
    text = settings.state.key.reveal() if settings.state.key is not None else ""
    if text.startswith(transit.SCHEME):
        return frozenset({"VAULT_TOKEN"})
    return frozenset(AWS_CREDENTIALS) if text.startswith("awskms:") else frozenset()


def _fetch(settings: Settings) -> Fetch:
    from sidecar.relay.fetch import fetcher, trust

    ca_file = settings.tls.ca_file
    return fetcher(tls=cache(lambda: trust(str(ca_file) if ca_file else None)), resolve=settings.resolve)


async def _kms(text: str, environ: Mapping[str, str], fetch: Fetch, agent: str) -> Root:
    """By what the sidecar is at AWS, found where AWS's own SDKs look for it."""
    from sidecar.aws import kms, profile, session, signing
    from sidecar.aws.ambient import Ambient
    from sidecar.aws.session import AGENT
    from sidecar.aws.token_service import TokenService
    from sidecar.errors import Refusal

    _, region = kms.named(text, environ)
    service = TokenService(lambda: region, environ=environ, fetch=fetch, clock=time.time)
    name = session.name(AGENT, agent)
    ambient = Ambient(environ, fetch, with_web_identity=service.with_web_identity, profile=profile.found, session=name)
    try:
        keys = await ambient.keys()
    except Refusal as refusal:
        raise KeyUnusable(
            f"the state key is held by KMS, and the sidecar has no identity at AWS: {refusal.reason}"
        ) from refusal
    await asyncio.to_thread(signing.load)
    return await kms.held(text, environ, keys, fetch, time.time)
