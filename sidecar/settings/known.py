"""What is known of providers, held against the routes that their credentials go out on."""

from collections.abc import Iterator

from sidecar.oauth.provider import CATALOGUE
from sidecar.settings import addresses
from sidecar.settings.settings import Settings


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
