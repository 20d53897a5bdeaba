"""A running sidecar's answers in words, for a terminal. The JSON of ``Status`` and ``Reloaded`` in, lines out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

_ENDED = {
    "tokens": "verified token",
    "invocations": "invocation",
    "calls": "open call",
    "credentials": "credential",
    "sign_ins": "sign-in",
}
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def status(document: dict[str, Any]) -> Iterator[str]:
    ready = "ready" if document["ready"] else "not ready"
    yield f"sidecar {document['version']}, up {duration(document['uptime'])}, {ready}"
    yield from (f"    {reason}" for reason in document["unready"])
    yield from _section("listeners", ((name, address) for name, address in document["listeners"].items()))
    yield from _section("issuers", ((name, _issuer(state)) for name, state in document["issuers"].items()))
    yield from _section("journal", (("", line) for line in _journal(document["journal"])))
    yield from _section("configuration", [("", document["config"]), ("", f"sha256:{document['digest']}")])
    yield from _section("waits for a restart", (("", key) for key in document["restart"]))
    yield from _section("notes", (("", note) for note in document["notes"]))


def reloaded(document: dict[str, Any]) -> Iterator[str]:
    """What became of a reload that was taken; a refused one is shown by its problems."""
    yield f"{'reloaded' if document['changed'] else 'nothing has changed'}: sha256:{document['digest'][:12]}"
    yield from (f"    {key} changed: it takes effect at the next start" for key in document["restart"])
    yield from (f"note: {note}" for note in document["notes"])


def grants(document: dict[str, Any], now: float) -> Iterator[str]:
    """What the vault keeps, at *now* (epoch seconds), each with the id by which it is revoked."""
    for one in document["grants"]:
        used = f"used {duration(now - one['used'])} ago by {one['used_by']}" if one["used"] else "not used yet"
        yield f"{one['id']}  {one['subject']} at {one['issuer']} ({one['principal']})"
        yield f"    {one['account']} at {one['server']}: {' '.join(one['scopes'])}"
        state = f"dead: {one['dead']}" if one["dead"] else used
        yield f"    since {duration(now - one['since'])}, {state}"
    yield _count(len(document["grants"]), "grant")


def revoked(document: dict[str, Any]) -> Iterator[str]:
    for one in document["revoked"]:
        where = "its provider has revoked it" if one["revoked"] else "its provider has not been told, or doesn't revoke"
        yield f"{one['id']}  {one['subject']}, {one['account']} at {one['server']}: forgotten; {where}"
    yield f"{_count(len(document['revoked']), 'grant')} revoked"


def ended(document: dict[str, Any]) -> Iterator[str]:
    """What there was of a principal and is no more, and what that doesn't do."""
    counts = document["ended"]
    told = ", ".join(_count(counts[name], noun) for name, noun in _ENDED.items() if counts[name])
    yield f"{document['principal']}: {f'ended {told}' if told else 'nothing of theirs was open'}"
    if document["revoked"]:
        yield from revoked(document)
    if document["blocked_until"] is not None:
        until = datetime.fromtimestamp(document["blocked_until"], UTC).isoformat(timespec="seconds")
        yield f"kept out until {until}: whatever token they bring is refused"
    else:
        yield "A token that their issuer still honours lets them in again: end it there, or keep them out:  --block 1h"


def rotation(document: dict[str, Any]) -> str:
    """How far a rotation of keys is."""
    begun = "goes on" if document["resumed"] else "begun"
    told = f"key {document['key'] or '…'} ({begun}): {document['done']} of {document['total']} rows"
    if document["failure"]:
        return f"{told}; not finished: {document['failure']}"
    return f"{told}; finished" if document["finished"] else told


def duration(seconds: float) -> str:
    """The two largest units that say something: ``3 h 20 min``."""
    rest, words = int(seconds), []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words[:2]) or "0 s"


def _section(title: str, rows: Any) -> Iterator[str]:
    rows = list(rows)
    if not rows:
        return
    width = max(len(name) for name, _ in rows)
    yield f"{title}:"
    yield from (f"    {name:{width}}  {text}" if name else f"    {text}" for name, text in rows)


def _issuer(state: dict[str, Any]) -> str:
    held = "no keys yet"
    if state["age"] is not None:
        held = f"{_count(state['keys'], 'key')}, fetched {duration(state['age'])} ago"
    return f"{held}; the last fetch failed: {state['failure']}" if state["failure"] else held


def _journal(journal: dict[str, Any]) -> Iterator[str]:
    lost, rejected = _count(journal["lost"], "event"), _count(journal["rejected"], "rejection")
    yield f"{journal['fill']:.0%} full, {lost} lost, {rejected}"
    if journal["failure"]:
        yield f"takes no events: {journal['failure']}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
