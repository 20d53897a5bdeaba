"""What is known of providers, held against the routes that their credentials go out on, and the scopes asked of
them."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sidecar.oauth.provider import CATALOGUE, Provider
from sidecar.settings import addresses
from sidecar.settings.finding import Finding
from sidecar.settings.problem import nearest, quoted
from sidecar.settings.settings import Settings

if TYPE_CHECKING:
    from sidecar.oauth.catalog import Entry


_OIDC = frozenset({"openid", "profile", "email", "offline_access"})
_MOST_NAMED = 6


def remarks(settings: Settings) -> Iterator[str]:
    for name, route in settings.egress.routes.items():
        provider = settings.providers.get(route.provider or "")
        if provider is None or provider.type not in CATALOGUE:
            continue
        from sidecar.oauth.catalog import entry
        from sidecar.oauth.catalog.scopes import apart

        one, host = entry(provider), addresses.taken(route.url).host
        there = any(host == domain or host.endswith(f".{domain}") for domain in one.domains)
        if not there and not route.private:
            yield f"egress.routes.{name} takes what {provider.name} gives to {host}, which isn't {one.type}'s"
        if len(apart(one, route.scopes)) > 1:
            yield f"egress.routes.{name} needs scopes of several resources, and a token of {provider.name} is for one"


def refused(settings: Settings) -> Iterator[Finding]:
    """Scopes that a provider is certain not to have: all that it has are URLs, and this is none."""
    for path, provider, scope, one in _strange(settings):
        if all("://" in known for known in _own(one)) and "://" not in scope:
            what = f"holds {quoted(scope)}, which is no scope of {one.type}"
            yield Finding(path, what, _meant(scope, one), _about(provider))


def unheard(settings: Settings) -> Iterator[Finding]:
    """Scopes of which nobody here has heard: a provider may have them all the same."""
    for path, provider, scope, one in _strange(settings):
        if not all("://" in known for known in _own(one)) or "://" in scope:
            yield Finding(
                path,
                f"holds {quoted(scope)}, which is not known of {one.type}, and is asked for as it is",
                _meant(scope, one),
                _about(provider),
            )


def _strange(settings: Settings) -> Iterator[tuple[str, Provider, str, "Entry"]]:
    """Where a scope stands that the catalogue doesn't list, whose it would be, and what is known of that."""
    for path, named, scopes in _asked(settings):
        provider = settings.providers.get(named or "")
        if provider is None or provider.type not in CATALOGUE or not scopes:
            continue
        from sidecar.oauth.catalog import entry

        one = entry(provider)
        if one.scopes:
            known = _own(one) | one.always | _OIDC
            yield from ((f"{path}.scopes", provider, scope, one) for scope in sorted(scopes - known))


def _asked(settings: Settings) -> Iterator[tuple[str, str | None, frozenset[str]]]:
    for name, route in settings.egress.routes.items():
        yield f"egress.routes.{name}", route.provider, route.scopes
    for name, capability in settings.capabilities.items():
        yield f"capabilities.{name}", capability.provider, capability.scopes


def _own(one: "Entry") -> frozenset[str]:
    """The scopes that are known, by the provider's names for them; OpenID Connect's aside."""
    own = {scope.name for scope in one.scopes.values()} | one.implies.keys() | set[str]().union(*one.implies.values())
    return frozenset(own) - _OIDC


def _meant(scope: str, one: "Entry") -> str:
    names: Iterable[str] = {*one.scopes, *_own(one)}
    close = nearest(scope.rpartition("/")[2] if one.resource else scope, sorted(names))
    some = sorted(one.scopes)[:_MOST_NAMED]
    more = ", …" if len(one.scopes) > _MOST_NAMED else ""
    return f'Did you mean "{close}"?' if close else f"Known: {', '.join(some)}{more}; or write the provider's own name."


def _about(provider: Provider) -> tuple[str, ...]:
    return (f"providers.{provider.name}.type",)


CHECKS = (refused,)
REMARKS = (unheard,)
