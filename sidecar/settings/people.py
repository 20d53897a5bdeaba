"""Whether there can be anybody who has what is declared, given the issuers that there are."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from sidecar.identity.idps import IDPS
from sidecar.identity.issuer import SIDECAR, Issuer, TokenUse
from sidecar.identity.places import WORKFLOWS
from sidecar.identity.principal import Kind
from sidecar.policy.capability import Who
from sidecar.policy.possible import Source, both, hindrance
from sidecar.settings.finding import Finding
from sidecar.settings.settings import Settings

_GROUPLESS = WORKFLOWS | {"https://accounts.google.com"}
"""Issuers whose tokens name neither groups nor roles."""
_Words = Callable[[Mapping[str, Issuer], Settings], tuple[str, str]]
"""What is wrong, of the issuers that a condition may mean, and how to mend it."""
_TELLING = ("type", "kind", "claims", "tenant", "tenants", "client_ids", "clients", "token_use")
"""The keys of an issuer by which it is known what its principals can be."""
_KINDS = frozenset(str(kind) for kind in Kind)
_USUAL = frozenset({str(Kind.USER), str(Kind.SERVICE)})
"""Whom an issuer's own marks tell apart."""


def somebody(settings: Settings) -> Iterator[Finding]:
    """Every condition can be met by somebody, and by somebody who is let in."""
    known = sources(settings)
    if not known:
        return
    inbound = settings.inbound.who
    inbound_fails = hindrance(inbound, known)
    if inbound_fails is not None:
        yield _finding("inbound.who", inbound, inbound_fails, settings)
    for name, capability in settings.capabilities.items():
        path = f"capabilities.{name}.who"
        fails = hindrance(capability.who, known)
        if fails is not None:
            yield _finding(path, capability.who, fails, settings)
        elif inbound_fails is None and _shut_out(capability.who, inbound, known):
            mend = "Change one of the two: who may call the agent at all is decided first."
            yield Finding(path, "is met by nobody whom inbound.who lets in", mend, ("inbound.who",))


def _shut_out(who: Who, inbound: Who, known: tuple[Source, ...]) -> bool:
    return not who.met(None) and hindrance(both(inbound, who), known) is not None


def unnamed(settings: Settings) -> Iterator[Finding]:
    """What only a claim under a namespace can hold, and nobody has said which."""
    known = sources(settings)
    plain = tuple(_without_namespaced(source, settings.issuers[source.issuer]) for source in known)
    if plain == known:
        return
    for path, who in _conditions(settings):
        key = hindrance(who, plain)
        if key in ("groups", "roles") and hindrance(who, known) is None:
            name = next(name for name, issuer in settings.issuers.items() if issuer.type == "auth0")
            yield Finding(
                _at(path, who, key),
                f"is asked for, and Auth0's tokens name {key} under a namespace alone",
                f"Set  issuers.{name}.claims: {{{key}: https://…/{key}}}",
            )


def sources(settings: Settings) -> tuple[Source, ...]:
    """What is known of each issuer's principals. A sidecar has none of its own; whom it speaks for may have been told
    apart by other rules than ours."""
    return tuple(
        _source(issuer, [each for each in settings.issuers.values() if issuer.name in each.trusted_for])
        for issuer in settings.issuers.values()
        if issuer.type != SIDECAR
    )


def _source(issuer: Issuer, speakers: list[Issuer]) -> Source:
    if issuer.kind is not None:
        kinds = frozenset({str(issuer.kind)})
    else:
        kinds = frozenset({str(Kind.USER)}) if issuer.token_use is TokenUse.ID else _USUAL
    for speaker in speakers:
        kinds |= _KINDS if speaker.kind is None else {str(speaker.kind)}
    tenants = frozenset(issuer.tenants.values())
    named = issuer.urls[0] not in _GROUPLESS
    return Source(
        issuer.name,
        kinds,
        tenants=None if not tenants and (issuer.claims.tenant or speakers) else tenants,
        clients=issuer.clients if issuer.clients and not speakers else None,
        groups=bool(speakers) or _told(issuer, "groups", named=named),
        roles=bool(speakers) or _told(issuer, "roles", named=named),
    )


def _told(issuer: Issuer, key: str, *, named: bool) -> bool:
    """Whether its tokens may hold *key*; unless *named*, only by a mapping of its own."""
    paths, usual = getattr(issuer.claims, key), getattr(IDPS[issuer.type].claims, key)
    return bool(paths) and (named or paths != usual)


def _without_namespaced(source: Source, issuer: Issuer) -> Source:
    if issuer.type != "auth0":
        return source
    lacking = {key: False for key in ("groups", "roles") if not _told(issuer, key, named=False)}
    return replace(source, **lacking)  # type: ignore[arg-type]  # both are flags


def _conditions(settings: Settings) -> Iterator[tuple[str, Who]]:
    yield "inbound.who", settings.inbound.who
    for name, capability in settings.capabilities.items():
        yield f"capabilities.{name}.who", capability.who


def _at(path: str, who: Who, key: str) -> str:
    return f"{path}.{key}" if getattr(who, key, None) is not None else path


def _finding(path: str, who: Who, key: str, settings: Settings) -> Finding:
    named = {name: issuer for name, issuer in settings.issuers.items() if who.issuer is None or name in who.issuer}
    about = tuple(
        f"issuers.{name}.{each}" for name in named for each in ("type", "kind", "claims", "tenant", "tenants")
    )
    what, mend = _WORDS[key](named, settings) if key else (_CONTRADICTS, _LOOK)
    return Finding(_at(path, who, key), what, mend, about)


_CONTRADICTS = "is met by nobody: what it asks for excludes itself"
_LOOK = "Look at not: it may take away what the other keys ask for; and at keys that no issuer has together."


def _says(key: str) -> _Words:
    def words(named: Mapping[str, Issuer], _settings: Settings) -> tuple[str, str]:
        mapped = next((issuer.name for issuer in named.values() if "claims" in IDPS[issuer.type].keys), None)
        other = "groups" if key == "roles" else "roles"
        mend = f"Set  issuers.{mapped}.claims: {{{key}: …}}  if some claim holds them, or use" if mapped else "Use"
        return f"asks for {key}, which tokens of {_or(named)} don't name", f"{mend} {other} or claims instead."

    return words


def _kind(named: Mapping[str, Issuer], settings: Settings) -> tuple[str, str]:
    kinds = {source.issuer: sorted(source.kinds) for source in sources(settings) if source.issuer in named}
    told = "; ".join(f"{name}: {', '.join(each)}" for name, each in kinds.items())
    return (
        "names a kind that none of the issuers' principals is",
        f"Use one that there is ({told}), or set the issuer's.",
    )


def _tenant(named: Mapping[str, Issuer], _settings: Settings) -> tuple[str, str]:
    tenants = sorted({tenant for issuer in named.values() for tenant in issuer.tenants.values()})
    mend = f"Tenants that there are: {', '.join(tenants)}." if tenants else "Remove it."
    return f"names a tenant that {_or(named)} doesn't have", mend


def _client(named: Mapping[str, Issuer], _settings: Settings) -> tuple[str, str]:
    clients = sorted({client for issuer in named.values() for client in issuer.clients})
    return "names a client whose tokens are not accepted", f"Clients that are: {', '.join(clients)}."


def _issuer(named: Mapping[str, Issuer], _settings: Settings) -> tuple[str, str]:
    spoken = sorted({name for issuer in named.values() for name in issuer.trusted_for})
    return "names a sidecar, which has no principals of its own", f"Name whom it speaks for: {', '.join(spoken)}."


def _or(named: Mapping[str, Issuer]) -> str:
    return " or ".join(named) or "any issuer"


_WORDS: Mapping[str, _Words] = {
    "groups": _says("groups"),
    "roles": _says("roles"),
    "kind": _kind,
    "tenant": _tenant,
    "client": _client,
    "issuer": _issuer,
}

CHECKS = (somebody,)
REMARKS = (unnamed,)
