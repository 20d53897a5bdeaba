"""What providers, scopes and times are called before users. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sidecar.oauth.catalog.entry import Entry
from sidecar.oauth.catalog.scopes import words
from sidecar.oauth.provider import Provider

NAMES: Mapping[str, str] = {
    "google": "Google",
    "slack": "Slack",
    "github": "GitHub",
    "microsoft": "Microsoft",
    "atlassian": "Atlassian",
    "salesforce": "Salesforce",
    "notion": "Notion",
    "linear": "Linear",
    "gitlab": "GitLab",
    "zoom": "Zoom",
    "dropbox": "Dropbox",
    "hubspot": "HubSpot",
    "spotify": "Spotify",
    "x": "X",
    "discord": "Discord",
    "figma": "Figma",
    "box": "Box",
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def named(provider: Provider) -> str:
    """As users know it; where the configuration calls it otherwise, that too: there may be two of a type."""
    known = NAMES.get(provider.type)
    if known is None:
        return provider.name.replace("-", " ").replace("_", " ").title()
    return known if provider.name == provider.type else f"{known} ({provider.name})"


def allowed(scopes: Iterable[str], entry: Entry) -> tuple[str, ...]:
    """What *scopes* let an agent do, each as goes on from "This lets the agent …"; what only serves the sign-in is left
    out. A scope that the catalogue doesn't know speaks for itself."""
    asked = sorted(frozenset(scopes) - entry.always)
    return tuple(dict.fromkeys(words(entry, scope) or scope for scope in asked))


def when(then: float, now: float) -> str:
    """How long ago; both are epoch seconds."""
    ago = now - then
    if ago < _MINUTE:
        return "just now"
    if ago < _HOUR:
        return _counted(int(ago // _MINUTE), "minute")
    if ago < _DAY:
        return _counted(int(ago // _HOUR), "hour")
    if ago < 7 * _DAY:
        return _counted(int(ago // _DAY), "day")
    return "on " + day(then)


def day(then: float) -> str:
    """UTC."""
    date = datetime.fromtimestamp(then, UTC)
    return f"{date.day} {date:%B %Y}"


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'} ago"
