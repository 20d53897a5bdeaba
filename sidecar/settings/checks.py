"""What must hold between a configuration's issuers, hosts, sizes and times."""

from collections.abc import Iterator

from sidecar.identity.issuer import SIDECAR
from sidecar.settings import addresses
from sidecar.settings.finding import Finding
from sidecar.settings.settings import Limits, Settings


def issuers(settings: Settings) -> Iterator[Finding]:
    """An ``iss`` belongs to one issuer."""
    seen: dict[str, str] = {}
    for name, issuer in settings.issuers.items():
        clash = next((url for url in issuer.urls if url in seen), None)
        if clash is not None:
            other = f"issuers.{seen[clash]}"
            mend = "Keep one of the two; several audiences, clients or tenants go in lists."
            yield Finding(f"issuers.{name}", f"accepts the same iss as {other}", mend, (other,))
        seen |= dict.fromkeys(issuer.urls, name)


def directories(settings: Settings) -> Iterator[Finding]:
    """Who asks Microsoft Graph for groups has a client to ask it with."""
    for name, issuer in settings.issuers.items():
        login = issuer.login
        if issuer.groups == "graph" and (login is None or login.client_secret is None):
            mend = "Give login a client_id and its client_secret: that client asks Microsoft Graph."
            about = (f"issuers.{name}.login", f"issuers.{name}.login.client_secret")
            yield Finding(f"issuers.{name}.groups", "is graph, and there is nobody to ask it", mend, about)


def sidecars(settings: Settings) -> Iterator[Finding]:
    """Who speaks for others speaks for issuers, and who calls others has an address by which they know it."""
    for name, issuer in settings.issuers.items():
        for index, other in enumerate(issuer.trusted_for):
            if other in settings.issuers and settings.issuers[other].type == SIDECAR:
                mend = "Name the issuers whose users come through it, wherever they were first let in."
                path = f"issuers.{name}.issuers[{index}]"
                yield Finding(path, f"names {other}, which is a sidecar and has no users", mend, (f"issuers.{other}",))
    for name, provider in settings.providers.items():
        if provider.type == "agent" and settings.inbound.public_url is None:
            mend = "Set  inbound.public_url: the next agent's sidecar finds this one's keys there."
            yield Finding(f"providers.{name}.type", "is agent, and this one has no public URL", mend, ("inbound",))


def consent(settings: Settings) -> Iterator[Finding]:
    """Pages of the agent, which a model writes, never share an origin with those on which users agree."""
    if settings.development or settings.inbound.public_url is None:
        return
    agent = _host(settings.inbound.public_url)
    about = ("inbound.public_url", "development")
    if settings.consent.public_url is not None and _host(settings.consent.public_url) == agent:
        mend = "Give the consent pages a host name of their own, such as accounts.example.com."
        yield Finding("consent.public_url", "is on the agent's own host", mend, about)
    for index, url in enumerate(settings.consent.return_urls):
        if _host(url) == agent:
            mend = "Send users back to the application, not to the agent."
            yield Finding(f"consent.return_urls[{index}]", "is on the agent's own host", mend, about)


def _host(url: str) -> str:
    """Of a host, with the dot of the root at its end or without."""
    return addresses.taken(url).host.removesuffix(".")


def sandbox(settings: Settings) -> Iterator[Finding]:
    for name, provider in settings.providers.items():
        if provider.type == "sandbox" and not settings.development:
            mend = "Use a real provider, or set  development: true"
            yield Finding(f"providers.{name}.type", "is sandbox, whose tokens anybody can make", mend, ("development",))


def limits(settings: Settings) -> Iterator[Finding]:
    yield from _limits("inbound.limits", settings.inbound.limits)
    yield from _limits("egress.limits", settings.egress.limits)


def _limits(path: str, given: Limits) -> Iterator[Finding]:
    if given.token >= given.head:
        mend = "Make head larger than token: a token comes in the head, beside other headers."
        yield Finding(f"{path}.token", "doesn't fit in head", mend, (f"{path}.head",))


def times(settings: Settings) -> Iterator[Finding]:
    if settings.invocation.linger > settings.invocation.max:
        mend = "Make linger shorter, or max longer."
        yield Finding("invocation.linger", "is longer than max, at which every handle ends", mend, ("invocation.max",))
    if settings.jwks.refresh > settings.jwks.max_stale:
        mend = "Make refresh shorter, or max_stale longer."
        yield Finding(
            "jwks.refresh", "is longer than max_stale: keys would be too old in between", mend, ("jwks.max_stale",)
        )


def folders(settings: Settings) -> Iterator[Finding]:
    """What the agent reads isn't where the sidecar's keys are."""
    run, state = settings.run.dir, settings.state.dir
    if run == state or run in state.parents or state in run.parents:
        mend = "Choose folders that aren't one in the other: the agent reads run.dir, and must not read state.dir."
        yield Finding("run.dir", "overlaps with state.dir", mend, ("state.dir",))


CHECKS = (issuers, directories, sidecars, consent, sandbox, limits, times, folders)
