"""``docs/reference/providers.md``, written from the catalogue: ``python -m sidecar.oauth.catalog.reference``."""

import sys
from collections.abc import Iterator

from sidecar.oauth.catalog import MAKERS, Entry, entry
from sidecar.oauth.provider import TYPES, Provider

_HEAD = """\
# Known providers

<!-- Written by `python -m sidecar.oauth.catalog.reference`. Don't edit. -->

OAuth providers that are known by name: `type` is enough for their endpoints and for what they do differently. How the
client is registered: [Google](../how-to/google.md), [Slack](../how-to/slack.md), [GitHub](../how-to/github.md),
[Microsoft](../how-to/microsoft.md). Its redirect URI is always
`https://<host of consent.public_url>/callback/<the provider's name in the configuration>`. Any other provider is
[`oauth2`](../how-to/client-credentials.md): by `discovery`, or with `authorize_url` and `token_url`.

| `type` | keys beside `client_id`, `client_secret` | renewed | asked for with every grant | revoked on disconnect |
|---|---|---|---|---|
"""
_KEPT = """\
What ends for want of use is renewed once a quarter of that time is over, whether an agent asks or not; so is a grant of
which the provider says when its refresh token ends. What ended one all the same is told in `identity.grant_dead`.

"""
_DAY = 86400.0


def reference() -> str:
    entries = {name: entry(Provider(name, name, "principal", client_id="")) for name in sorted(MAKERS)}
    rows = "".join(f"{_row(one)}\n" for one in entries.values())
    ends = "".join(f"- **`{name}`**: {one.renewal.dies}\n" for name, one in entries.items())
    scopes = "\n".join(block for one in entries.values() for block in _scopes(one))
    return f"{_HEAD}{rows}\n## What ends a grant\n\n{_KEPT}{ends}\n## Short names of scopes\n\n{scopes}"


def _row(one: Entry) -> str:
    keys = ", ".join(f"`{key}`" for key in sorted(TYPES[one.type].allowed)) or "-"
    always = ", ".join(f"`{scope}`" for scope in sorted(one.always)) or "-"
    back = "yes" if one.revocation is not None else "no: the user ends it there"
    return f"| `{one.type}` | {keys} | {_renewal(one)} | {always} | {back} |"


def _renewal(one: Entry) -> str:
    rule = one.renewal
    said = ["by a new refresh token each time" if rule.rotates else "by the same refresh token"]
    if rule.grace:
        said.append(f"the old one does for {_time(rule.grace)} more")
    if rule.idle is not None:
        said.append(f"used within {_time(rule.idle)}")
    return "; ".join(said)


def _time(seconds: float) -> str:
    return f"{seconds / _DAY:.0f} days" if seconds >= _DAY else f"{seconds / 60:.0f} minutes"


def _scopes(one: Entry) -> Iterator[str]:
    """Others go by the provider's own names alone."""
    if not one.scopes:
        return
    prefixed = [(short, scope) for short, scope in one.scopes.items() if scope.name != short]
    yield f"### {one.type}\n"
    if prefixed:
        yield "| short name | the provider's | it lets the agent |\n|---|---|---|"
        yield from (f"| `{short}` | `{scope.name}` | {scope.words} |" for short, scope in one.scopes.items())
    else:
        yield "| scope | it lets the agent |\n|---|---|"
        yield from (f"| `{short}` | {scope.words} |" for short, scope in one.scopes.items())
    yield ""


if __name__ == "__main__":
    sys.stdout.write(reference())
