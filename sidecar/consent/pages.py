"""The pages on the way to consent: who asks for what, on to somewhere else, done, another account. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.consent import icons
from sidecar.consent.frame import Page, Place, Signed, hidden
from sidecar.consent.html import Html, html, joined, shown


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, in words."""

    agent: str
    provider: str
    allows: tuple[str, ...]
    """Each goes on from "This lets the agent …"."""
    told: tuple[str, ...] = ()
    """What those who run the agent say about it."""


@dataclass(frozen=True, slots=True)
class Form:
    """Where a form goes, and what it carries so as to be ours."""

    action: str
    token: str
    fields: tuple[tuple[str, str], ...] = ()

    def html(self, inside: Html) -> Html:
        carried = joined(hidden(name, value) for name, value in (("form", self.token), *self.fields))
        return html(
            '<form method="post" action="{action}">{carried}{inside}</form>',
            action=self.action,
            carried=carried,
            inside=inside,
        )


def listed(items: Sequence[str], drawing: Html = icons.TICK, look: str = "can") -> Html:
    rows = joined(html("<li>{drawing}<bdi>{item}</bdi></li>", drawing=drawing, item=shown(item)) for item in items)
    return html('<ul class="{look}">{rows}</ul>', look=look, rows=rows)


def start(question: Question, form: Form, *, sign_in: str | None, signed: Signed | None = None) -> Page:
    """*sign_in*: the issuer where the user signs in first, ``None`` where that needn't be."""
    steps = [
        *(["You sign in, so that we know it is you."] if sign_in else []),
        f"{question.provider} shows you what is asked for. You decide there.",
        f"You come back here. {question.agent} never sees your password.",
    ]
    body = html(
        """<div class="card">
{pair}
<div>
<h1><bdi>{agent}</bdi> would like to use your {provider} account</h1>
<p class="lead">It asks on your behalf, and only works for you.</p>
</div>
{told}
<section aria-labelledby="can">
<h2 id="can">{heading}</h2>
{allows}
</section>
<section aria-labelledby="next">
<h2 id="next">What happens next</h2>
<ol class="next">{steps}</ol>
</section>
{form}
<p class="fine">You can take this back at any time under <a href="{accounts}">Connected accounts</a>. If you didn’t
expect this question, close the page: nothing has happened.</p>
</div>""",
        pair=icons.pair(question.agent, question.provider),
        agent=shown(question.agent),
        provider=question.provider,
        told=joined(html('<p class="said">{text}</p>', text=text) for text in question.told),
        heading="This lets it" if question.allows else "This lets it use your account",
        allows=listed(question.allows) if question.allows else None,
        steps=joined(html("<li><span>{step}</span></li>", step=step) for step in steps),
        form=form.html(
            html(
                '<div class="actions"><button class="button">Continue to {where}</button></div>',
                where="sign-in" if sign_in else question.provider,
            )
        ),
        accounts=form.action.partition("/connect/")[0] + "/accounts",
    )
    return Page(f"Use your {question.provider} account?", body, signed=signed)


def onward(where: str, url: str) -> Page:
    """On to *url*. Not a redirect: what answers a form may lead only where the page's own policy says, and an issuer
    may send its users through others."""
    body = html(
        """<div class="card">
<div role="status"><h1>Taking you to {where}</h1>
<p class="lead">This takes a moment. If nothing happens, use the button.</p></div>
<div class="actions"><a class="button" href="{url}" rel="noreferrer">Go to {where}</a></div>
</div>""",
        where=where,
        url=url,
    )
    return Page(f"On to {where}", body, refresh=url)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question."""

    question: Question
    account: str
    """How the user's account there is shown."""
    missing: tuple[str, ...] = ()
    """What was asked for and not granted."""


def done(outcome: Outcome, place: Place, *, back: str | None, signed: Signed | None) -> Page:
    question = outcome.question
    if outcome.missing:
        drawing, heading = icons.mark(icons.WARNING, "warn"), f"{question.provider} is connected, in part"
        lead = f"{question.agent} asked for more than was granted, and may ask again."
    else:
        drawing, heading = icons.mark(icons.TICK, "good"), f"{question.provider} is connected"
        lead = f"You can go back to {question.agent} now."
    missing = html(
        '<section aria-labelledby="not"><h2 id="not">Not granted</h2>{items}</section>',
        items=listed(outcome.missing, icons.DASH, "can not"),
    )
    body = html(
        """<div class="card">
{drawing}
<div role="status"><h1>{heading}</h1>
<p class="lead">{lead}</p></div>
{account}
{can}
{missing}
<div class="actions">{back}<a class="button {look}" href="{accounts}">See connected accounts</a></div>
</div>""",
        drawing=drawing,
        heading=heading,
        lead=lead,
        account=html(
            '<p class="said">Account: <strong><bdi>{account}</bdi></strong></p>', account=shown(outcome.account)
        )
        if outcome.account
        else None,
        can=html(
            '<section aria-labelledby="can"><h2 id="can">{agent} can now</h2>{items}</section>',
            agent=shown(question.agent),
            items=listed(question.allows),
        )
        if question.allows
        else None,
        missing=missing if outcome.missing else None,
        back=html('<a class="button" href="{back}">Go back</a>', back=back) if back else None,
        look="quiet" if back else "",
        accounts=place.path("accounts"),
    )
    return Page(heading, body, signed=signed)


def other_account(question: Question, before: str, now: str, form: Form, signed: Signed | None = None) -> Page:
    body = html(
        """<div class="card">
{drawing}
<div><h1>Use another {provider} account?</h1>
<p class="lead">Until now <bdi>{agent}</bdi> used another one. It can use one at a time.</p></div>
<dl class="swap"><div><dt>Until now</dt><dd><bdi>{before}</bdi></dd></div>
<div class="new"><dt>You have just chosen</dt><dd><bdi>{now}</bdi></dd></div></dl>
{form}
<p class="fine">The account that you don’t use is disconnected.</p>
</div>""",
        drawing=icons.mark(icons.WARNING, "warn"),
        provider=question.provider,
        agent=shown(question.agent),
        before=shown(before) or "another account",
        now=shown(now) or "this account",
        form=form.html(
            Html(
                '<div class="actions"><button class="button" name="use" value="new">Use the new account</button>'
                '<button class="button quiet" name="use" value="old">Keep the old one</button></div>'
            )
        ),
    )
    return Page(f"Another {question.provider} account", body, signed=signed)
