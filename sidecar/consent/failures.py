"""What can go wrong before a user's eyes: what happened, and what to do. Nothing that was sent stands in it. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from sidecar.consent import icons
from sidecar.consent.frame import Page, Signed
from sidecar.consent.html import Html, html
from sidecar.consent.pages import Form


class Failure(NamedTuple):
    status: int
    title: str
    happened: str
    do: str
    grave: bool = False
    """It is no everyday matter: who sees it is given a reference, with which the log has the reason."""


FAILURES: Mapping[str, Failure] = {
    "gone": Failure(
        404,
        "This link is no longer valid",
        "It was used already, has expired, or was never one of ours. Links are good for ten minutes.",
        "Go back to the agent and ask again: it will give you a new link.",
    ),
    "over": Failure(
        409,
        "This has been answered already",
        "The question behind this link is closed, perhaps in another tab.",
        "Look at your connected accounts to see what came of it.",
    ),
    "astray": Failure(
        400,
        "We couldn’t match this answer",
        "It belongs to a sign-in that was finished already, has expired, or was begun in another browser.",
        "Open the link again, and stay in one browser until the end. Nothing was connected.",
    ),
    "form": Failure(
        403,
        "This page was out of date",
        "The form didn’t come from a page that we showed to this browser.",
        "Open the page again and repeat what you did. Check that your browser accepts cookies.",
    ),
    "someone_else": Failure(
        403,
        "This link is for someone else",
        "You are signed in as another person than the one whom the agent is working for. Nothing was connected.",
        "If someone sent you this link, you can close the page: only they can use it. If it is yours, sign in with the "
        "account that you use with the agent.",
        grave=True,
    ),
    "denied": Failure(
        200,
        "Nothing was connected",
        "You said no, or closed the question. The agent has been told.",
        "You needn’t do anything. If you change your mind, ask the agent again.",
    ),
    "kept": Failure(
        200,
        "Nothing has changed",
        "The account that was connected before stays connected. The other one was not kept.",
        "You can close this page.",
    ),
    "not_signed_in": Failure(
        403,
        "You weren’t signed in",
        "The sign-in was stopped, or your organization doesn’t let you sign in here.",
        "Try again. If it happens again, ask whoever runs the agent.",
    ),
    "issuer": Failure(
        502,
        "Signing in didn’t work",
        "The sign-in service gave an answer that we can’t use, or none.",
        "Try again in a moment. If it happens again, tell whoever runs the agent.",
        grave=True,
    ),
    "provider": Failure(
        502,
        "The connection didn’t work",
        "The other service gave an answer that we can’t use, or none. Nothing was connected.",
        "Try again in a moment. If it happens again, tell whoever runs the agent.",
        grave=True,
    ),
    "busy": Failure(
        503,
        "We can’t do this right now",
        "A part of the system isn’t available. Nothing was changed.",
        "Try again in a minute.",
    ),
    "unable": Failure(
        403,
        "Nobody can be asked here",
        "There is no way to prove who you are: no sign-in and no application is set up for it.",
        "Tell whoever runs the agent: its configuration needs a login for your issuer, or a return URL.",
        grave=True,
    ),
    "return_url": Failure(
        400,
        "This link was put together wrongly",
        "It would lead to an application that isn’t known here.",
        "Open the link as the agent gave it to you. If an application made it, tell whoever runs that.",
        grave=True,
    ),
    "method": Failure(
        405, "That isn’t possible here", "The page isn’t asked for in that way.", "Open the link again in your browser."
    ),
    "unknown": Failure(
        404, "There is no such page", "The address leads nowhere.", "Check the link, or see your connected accounts."
    ),
    "broken": Failure(
        500,
        "Something went wrong",
        "It is our fault, not yours. Nothing was connected.",
        "Try again in a moment. If it happens again, tell whoever runs the agent.",
        grave=True,
    ),
}


def page(
    what: str,
    accounts: str,
    *,
    again: Form | str | None = None,
    back: str | None = None,
    trace_id: str = "",
    signed: Signed | None = None,
) -> Page:
    """*again*: what to try once more, a form or a page; *back*: the application's return URL."""
    failure = FAILURES[what]
    look = "bad" if failure.grave else "warn"
    retry: Html | None = None
    if isinstance(again, Form):
        retry = again.html(Html('<button class="button">Sign in as someone else</button>'))
    elif again is not None:
        retry = html('<a class="button" href="{again}">Try again</a>', again=again)
    elif back is not None:
        retry = html('<a class="button" href="{back}">Go back</a>', back=back)
    body = html(
        """<div class="card">
{drawing}
<div role="status"><h1>{title}</h1>
<p class="lead">{happened}</p></div>
<p>{do}</p>
<div class="actions">{retry}<a class="button quiet" href="{accounts}">Connected accounts</a></div>
{reference}
</div>""",
        drawing=icons.mark(icons.CROSS if failure.grave else icons.WARNING, look),
        title=failure.title,
        happened=failure.happened,
        do=failure.do,
        retry=retry,
        accounts=accounts,
        reference=html('<p class="fine">Reference: <code>{trace_id}</code></p>', trace_id=trace_id)
        if failure.grave and trace_id
        else None,
    )
    return Page(failure.title, body, status=failure.status, signed=signed)
