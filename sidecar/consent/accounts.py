"""``/accounts``: the user's own page."""

from collections.abc import Sequence
from dataclasses import replace

from sidecar.consent import account_pages, connect, login, record, sign_in
from sidecar.consent.account_pages import Choice, Connection, Wish
from sidecar.consent.html import shown
from sidecar.consent.question import provider_failed
from sidecar.consent.sessions import Origin
from sidecar.consent.surroundings import Surroundings
from sidecar.consent.visit import Answer, Failed, Redirect, Visit
from sidecar.consent.visitors import Visitor
from sidecar.consent.words import allowed, day, named, when
from sidecar.errors import Refusal
from sidecar.oauth.provider import Provider
from sidecar.vault.grant import Grant, Owner


async def show(visit: Visit) -> Answer:
    """``GET /accounts``."""
    surroundings, visitor = visit.surroundings, visit.visitor
    if visitor is None or (signed := visit.signed) is None:
        able = [issuer.name for issuer in surroundings.issuers.values() if login.able(issuer)]
        choices = [Choice(name, visit.a_form("accounts", "sign-in", issuer=name)) for name in able]
        return account_pages.sign_in(surroundings.place.agent, choices)
    owner = Owner.of_principal(visitor.principal)
    try:
        held = await surroundings.grants.held(owner)
        connections = [
            await _connection(surroundings, provider, grant)
            for name, grants in held.items()
            if (provider := surroundings.providers.get(name)) is not None
            for grant in _shown(grants)
        ]
        wishes = await _wishes(visit, owner)
    except Refusal as refusal:
        raise provider_failed(refusal, surroundings.place.path("accounts")) from refusal
    said = "Disconnected." if visit.query.get("done") == "disconnected" else None
    return account_pages.overview(surroundings.place.agent, connections, wishes, signed, said)


async def begin_sign_in(visit: Visit) -> Answer:
    """``POST /accounts/sign-in``."""
    visit.require_own_form(again=visit.surroundings.place.path("accounts"))
    issuer = visit.surroundings.issuers.get(visit.form.get("issuer", ""))
    if issuer is None or not login.able(issuer):
        raise Failed("unknown", "an issuer without sign-in")
    return await sign_in.send(visit, issuer, None)


async def sign_out(visit: Visit) -> Answer:
    """``POST /accounts/sign-out``."""
    accounts = visit.surroundings.place.path("accounts")
    visit.require_own_form(again=accounts)
    visit.signs_out()
    return Redirect(accounts)


async def ask_disconnect(visit: Visit, name: str) -> Answer:
    """``GET /accounts/disconnect/{provider}``: is it meant?"""
    surroundings, visitor, signed = visit.surroundings, visit.visitor, visit.signed
    accounts = surroundings.place.path("accounts")
    if visitor is None or signed is None:
        return Redirect(accounts)
    provider = _provider(surroundings, name)
    grants = await _held(surroundings, visitor, name)
    if not grants:
        return Redirect(accounts)
    form = visit.a_form("accounts", "disconnect", name)
    labels = list(dict.fromkeys(grant.label for grant in grants if grant.label))
    return account_pages.disconnect(surroundings.place.agent, named(provider), labels, form, accounts, signed)


async def disconnect(visit: Visit, name: str) -> Answer:
    """``POST /accounts/disconnect/{provider}``."""
    surroundings, accounts = visit.surroundings, visit.surroundings.place.path("accounts")
    visit.require_own_form(again=accounts)
    visitor = _visitor(visit)
    provider = _provider(surroundings, name)
    grants = await _held(surroundings, visitor, name)
    if not grants:
        return Redirect(accounts)
    scopes = frozenset[str]().union(*(grant.place.scopes for grant in grants))
    try:
        record.disconnected(surroundings, visitor.principal, name, scopes, visit.trace_id, visit.span_id)
        await surroundings.grants.disconnect(Owner.of_principal(visitor.principal), provider)
    except Refusal as refusal:
        raise provider_failed(refusal, accounts) from refusal
    return Redirect(f"{accounts}?done=disconnected")


async def grant_wish(visit: Visit) -> Answer:
    """``POST /accounts/connect``: what an agent asked for, now."""
    surroundings, accounts = visit.surroundings, visit.surroundings.place.path("accounts")
    visit.require_own_form(again=accounts)
    visitor = _visitor(visit)
    name = visit.form.get("provider", "")
    wish = surroundings.wishes.of(Owner.of_principal(visitor.principal)).get(name)
    if wish is None or name not in surroundings.providers:
        return Redirect(accounts)
    try:
        origin = Origin(b"", visit.trace_id.encode(), visit.span_id.encode())
        session = surroundings.sessions.begin(visitor.principal, name, wish.scopes, origin)
    except Refusal as refusal:
        raise provider_failed(refusal, accounts) from refusal
    return await connect.to_provider(visit, session, None, proved=True)


def _visitor(visit: Visit) -> Visitor:
    if visit.visitor is None:
        raise Failed("form", "nobody is signed in", again=visit.surroundings.place.path("accounts"))
    return visit.visitor


def _provider(surroundings: Surroundings, name: str) -> Provider:
    provider = surroundings.providers.get(name)
    if provider is None:
        raise Failed("unknown", "no such provider")
    return provider


async def _held(surroundings: Surroundings, visitor: Visitor, name: str) -> Sequence[Grant]:
    try:
        held = await surroundings.grants.held(Owner.of_principal(visitor.principal))
    except Refusal as refusal:
        raise provider_failed(refusal, surroundings.place.path("accounts")) from refusal
    return held.get(name, ())


def _shown(grants: Sequence[Grant]) -> list[Grant]:
    """One for each account: its grants as if they were one. Those that are dead count where no other is left."""
    by_account: dict[str, list[Grant]] = {}
    for grant in grants:
        by_account.setdefault(grant.account, []).append(grant)
    return [_as_one([grant for grant in each if grant.alive] or each) for each in by_account.values()]


def _as_one(grants: Sequence[Grant]) -> Grant:
    latest = max(grants, key=lambda grant: grant.used or 0.0)
    scopes = frozenset[str]().union(*(grant.place.scopes for grant in grants))
    since = min(grant.since for grant in grants)
    return replace(latest, place=replace(latest.place, scopes=scopes), since=since)


async def _connection(surroundings: Surroundings, provider: Provider, grant: Grant) -> Connection:
    entry = await surroundings.grants.entry(provider)
    used = f"{when(grant.used, surroundings.clock())} by {shown(grant.used_by)}" if grant.used is not None else ""
    return Connection(
        provider=named(provider),
        account=grant.label,
        allows=allowed(grant.place.scopes, entry),
        since=day(grant.since),
        used=used,
        disconnect=surroundings.place.path("accounts", "disconnect", provider.name),
        ended=not grant.alive,
    )


async def _wishes(visit: Visit, owner: Owner) -> list[Wish]:
    surroundings = visit.surroundings
    found = []
    for name, wish in surroundings.wishes.of(owner).items():
        if (provider := surroundings.providers.get(name)) is None:
            continue
        entry = await surroundings.grants.entry(provider)
        found.append(
            Wish(
                provider=named(provider),
                agent=surroundings.place.agent,
                allows=allowed(wish.scopes, entry),
                when=when(wish.asked, surroundings.clock()),
                connect=visit.a_form("accounts", "connect", provider=name),
            )
        )
    return found
