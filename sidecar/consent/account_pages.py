"""The user's own page: what is connected, what may be done with it, what was asked for and not granted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.consent import icons
from sidecar.consent.frame import Page, Signed
from sidecar.consent.html import Html, html, joined, shown
from sidecar.consent.pages import Form, listed


@dataclass(frozen=True, slots=True)
class Connection:
    provider: str
    """As users know it."""
    account: str
    allows: tuple[str, ...]
    since: str
    used: str
    """When and by whom; empty: not yet."""
    disconnect: str
    """The path of the page that asks whether it is really meant."""
    ended: bool = False
    """The provider takes it no more: the user has to agree again."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an agent asked for and doesn't have."""

    provider: str
    agent: str
    allows: tuple[str, ...]
    when: str
    connect: Form


@dataclass(frozen=True, slots=True)
class Choice:
    """An issuer where users can sign in."""

    name: str
    form: Form


def sign_in(agent: str, choices: Sequence[Choice]) -> Page:
    if choices:
        lead = "Sign in to see which accounts are connected, and to change it."
        buttons = joined(
            choice.form.html(
                html(
                    '<button class="button {look}">Sign in{where}</button>',
                    look="" if number == 0 else "quiet",
                    where=f" with {shown(choice.name)}" if len(choices) > 1 else "",
                )
            )
            for number, choice in enumerate(choices)
        )
    else:
        lead = "Nobody can sign in here: no issuer has a login. Tell whoever runs the agent."
        buttons = Html()
    body = html(
        """<div class="card">
{tile}
<div><h1>Your connected accounts</h1>
<p class="lead">{lead}</p></div>
<div class="choices">{buttons}</div>
<p class="fine">Here you see what <bdi>{agent}</bdi> may do with accounts of yours, and end it whenever you like.</p>
</div>""",
        tile=html('<span class="tile" aria-hidden="true">{link}</span>', link=icons.LINK),
        lead=lead,
        buttons=buttons,
        agent=shown(agent),
    )
    return Page("Sign in", body)


def overview(
    agent: str, connections: Sequence[Connection], wishes: Sequence[Wish], signed: Signed, said: str | None = None
) -> Page:
    """*said*: what has just been done."""
    body = html(
        """<div class="intro"><h1>Connected accounts</h1>
<p class="lead">What <bdi>{agent}</bdi> may use when it works for you, and for nobody else.</p></div>
{said}
{connections}
{wishes}""",
        agent=shown(agent),
        said=html('<div class="note good" role="status">{tick}<span>{said}</span></div>', tick=icons.TICK, said=said)
        if said
        else None,
        connections=joined(map(_connection, connections)) if connections else _empty(agent),
        wishes=html(
            '<h2 class="section">Asked for, not granted</h2>{wishes}', wishes=joined(_wish(wish) for wish in wishes)
        )
        if wishes
        else None,
    )
    return Page("Connected accounts", body, wide=True, signed=signed)


def _connection(connection: Connection) -> Html:
    return html(
        """<section class="card connection" aria-label="{provider}">
<div class="head">{tile}<div><h2>{provider}</h2><p><bdi>{account}</bdi></p></div></div>
{ended}
<div><h3>It may</h3>{allows}</div>
<dl class="facts"><div><dt>Connected</dt><dd>{since}</dd></div>
<div><dt>Last used</dt><dd><bdi>{used}</bdi></dd></div></dl>
<p class="end"><a class="button quiet slim" href="{disconnect}">Disconnect<span class="hide"> {provider}</span></a></p>
</section>""",
        provider=connection.provider,
        tile=icons.tile(connection.provider, "small"),
        account=shown(connection.account) or "Your account",
        disconnect=connection.disconnect,
        ended=html(
            '<p class="note">{icon}<span>{provider} no longer accepts this connection. The agent will ask you again '
            "when it needs it.</span></p>",
            icon=icons.WARNING,
            provider=connection.provider,
        )
        if connection.ended
        else None,
        allows=listed(connection.allows or ("use your account",)),
        since=connection.since,
        used=shown(connection.used) or "Not yet",
    )


def _empty(agent: str) -> Html:
    return html(
        """<div class="card empty">{tile}
<div><h2>Nothing is connected</h2>
<p class="lead">When <bdi>{agent}</bdi> needs an account of yours, it asks you first. What you agree to appears
here.</p></div></div>""",
        tile=html('<span class="tile" aria-hidden="true">{link}</span>', link=icons.LINK),
        agent=shown(agent),
    )


def _wish(wish: Wish) -> Html:
    return html(
        """<section class="card connection" aria-label="{provider}, not granted">
<div class="head">{tile}<div><h3>{provider}</h3><p><bdi>{agent}</bdi> asked {when}</p></div></div>
{allows}
<div class="end">{connect}</div>
</section>""",
        provider=wish.provider,
        tile=icons.tile(wish.provider, "small"),
        agent=shown(wish.agent),
        when=wish.when,
        connect=wish.connect.html(
            html('<button class="button slim">Connect<span class="hide"> {name}</span></button>', name=wish.provider)
        ),
        allows=listed(wish.allows, icons.DASH, "can not") if wish.allows else None,
    )


def disconnect(agent: str, provider: str, accounts: Sequence[str], form: Form, back: str, signed: Signed) -> Page:
    body = html(
        """<div class="card">
{tile}
<div><h1>Disconnect {provider}?</h1>
<p class="lead"><bdi>{agent}</bdi> can’t use {accounts} any more, from the next second on. What it has done already
stays as it is.</p></div>
{form}
</div>""",
        tile=icons.tile(provider),
        provider=provider,
        agent=shown(agent),
        accounts=joined(
            html("{comma}<strong><bdi>{name}</bdi></strong>", comma=", " if number else "", name=shown(name))
            for number, name in enumerate(accounts)
        )
        if any(accounts)
        else "your account",
        form=form.html(
            html(
                '<div class="actions"><button class="button grave">Disconnect {provider}</button>'
                '<a class="button quiet" href="{back}">Keep it</a></div>',
                provider=provider,
                back=back,
            )
        ),
    )
    return Page(f"Disconnect {provider}?", body, signed=signed)
