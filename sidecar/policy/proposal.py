"""The fewest capabilities that cover what the audit log shows. Pure; the same log gives the same text.

Whoever did something gets it, by the weakest condition that keeps out whom it was refused. Where nobody had decided
about it (the shadow mode), all who were seen and didn't do it are kept out: nothing else says whom it is for.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.policy.separating import Separated, separate
from sidecar.policy.traffic import AGENT, Thing, Traffic, Use

_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[A-Za-z][A-Za-z0-9_./-]*", re.IGNORECASE)
"""What YAML 1.1 takes for a text without quotes, in a list as well."""
_WIDTH = 110
Who = str | dict[str, list[str]]


@dataclass(slots=True)
class Proposal:
    name: str
    who: Who
    provider: str | None = None
    scopes: set[str] = field(default_factory=set)
    routes: set[str] = field(default_factory=set)
    tools: set[str] = field(default_factory=set)
    principals: set[str] = field(default_factory=set)
    calls: int = 0
    besides: int = 0
    """Principals who were refused some of it, and whom no condition tells from those who weren't."""
    capabilities: set[str] = field(default_factory=set)
    """Those that allowed it so far."""

    def as_json(self) -> dict[str, Any]:
        """As a configuration has it."""
        said: dict[str, Any] = {"who": self.who if isinstance(self.who, str) else _short(self.who)}
        if self.provider is not None:
            said["provider"] = self.provider
        return said | {key: sorted(values) for key in ("scopes", "routes", "tools") if (values := getattr(self, key))}

    @property
    def seen(self) -> str:
        people = len(self.principals - {AGENT})
        who = [f"{people} principal{'' if people == 1 else 's'}"] if people else []
        who += ["the agent itself"] if AGENT in self.principals else []
        return f"{self.calls} call{'' if self.calls == 1 else 's'} by {' and '.join(who)}"


def propose(traffic: Traffic) -> tuple[Proposal, ...]:
    """In the order of their names."""
    by_who: dict[str, list[tuple[Thing, Use, Who, int]]] = {}
    for thing, use in sorted(traffic.uses.items()):
        if use.did:
            who, besides = _who(traffic, use)
            by_who.setdefault(json.dumps(who), []).append((thing, use, who, besides))
    found = [proposal for things in by_who.values() for proposal in _together(things)]
    _name(found)
    return tuple(sorted(found, key=lambda proposal: proposal.name))


def _who(traffic: Traffic, use: Use) -> tuple[Who, int]:
    if AGENT in use.did:  # which holds whoever the agent works for
        return AGENT, 0
    everybody = [person for _, person in sorted(traffic.people.items())]
    some = [person for person in everybody if person.id in use.did]
    kept_out = frozenset(traffic.people) if use.shadowed else use.refused
    others = [person for person in everybody if person.id in kept_out - use.did]
    found = separate(some, others, everybody)
    return (found.condition or "any"), _refused(found, use)


def _refused(found: Separated, use: Use) -> int:
    return found.besides if not use.shadowed else min(found.besides, len(use.refused - use.did))


def _together(things: Iterable[tuple[Thing, Use, Who, int]]) -> Iterator[Proposal]:
    """What the same people do, in as few capabilities as go: one for each provider that has to be named."""
    bundles: dict[str | None, Proposal] = {}

    def put(provider: str | None, thing: Thing, use: Use, who: Who, besides: int) -> None:
        bundle = bundles.setdefault(provider, Proposal("", who, provider))
        if thing.sort == "credential":
            bundle.scopes |= {thing.scope} - {""}
        else:
            (bundle.routes if thing.sort == "routes" else bundle.tools).add(thing.name)
            bundle.scopes |= use.scopes if provider is not None else set()
        bundle.principals |= use.did
        bundle.calls += use.calls
        bundle.besides = max(bundle.besides, besides)
        bundle.capabilities |= use.capabilities

    loose = []
    for thing, use, who, besides in things:
        provider = thing.name if thing.sort == "credential" else next(iter(use.providers), None) if use.scopes else None
        if provider is None or len(use.providers) > 1:
            loose.append((thing, use, who, besides))
        else:
            put(provider, thing, use, who, besides)
    # A capability that names no provider goes with any route; so what names none joins one that does where it can.
    named = sorted(name for name in bundles if name is not None)
    for thing, use, who, besides in sorted(loose, key=lambda each: not each[1].providers):
        fitting = [name for name in named if use.providers <= {name}]
        put(None if None in bundles or not fitting else fitting[0], thing, use, who, besides)
    yield from bundles.values()


def _name(proposals: list[Proposal]) -> None:
    """Each by the one capability that allowed all of it, if no other's was; else by what it opens."""
    counts: dict[str, int] = {}
    for proposal in proposals:
        for name in proposal.capabilities:
            counts[name] = counts.get(name, 0) + 1
    taken: set[str] = set()
    for proposal in sorted(proposals, key=lambda each: json.dumps(each.as_json())):
        own = [name for name in sorted(proposal.capabilities) if counts[name] == 1]
        proposal.name = _free(own[0] if own else _made(proposal), taken)
        taken.add(proposal.name)


def _made(proposal: Proposal) -> str:
    first = sorted(proposal.routes) or sorted(proposal.tools) or [proposal.provider or "all"]
    base = re.sub("[^A-Za-z0-9._-]", "-", first[0]).strip("-._")[:48] or "all"
    who = proposal.who if isinstance(proposal.who, str) else next(iter([*proposal.who.values()][-1]))
    return base if who == "any" else f"{base}-{re.sub('[^A-Za-z0-9]+', '-', who).strip('-').lower()[:12] or 'some'}"


def _free(name: str, taken: set[str]) -> str:
    return name if name not in taken else next(free for n in range(2, 9999) if (free := f"{name}-{n}") not in taken)


def document(proposals: Iterable[Proposal]) -> Iterator[str]:
    """The proposals as lines of YAML, ready to be pasted, each below what it rests on."""
    yield "capabilities:"
    for proposal in proposals:
        yield f"  # {proposal.seen}"
        if proposal.besides:
            were = f"{proposal.besides} principals were" if proposal.besides > 1 else "1 principal was"
            yield f"  # {were} refused some of it, and nothing in the record tells who may from who may not: narrow who"
        yield from _lines(proposal.name, proposal.as_json())


def _lines(name: str, said: Mapping[str, Any]) -> Iterator[str]:
    line = f"  {_text(name)}: {{{', '.join(f'{key}: {_flow(value)}' for key, value in said.items())}}}"
    if len(line) <= _WIDTH:
        yield line
        return
    yield f"  {_text(name)}:"
    yield from (f"    {key}: {_flow(value)}" for key, value in said.items())


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return _text(value)


def _text(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _short(condition: dict[str, list[str]]) -> dict[str, Any]:
    """One issuer or kind without brackets, as people write it."""
    single = ("issuer", "kind")
    return {key: values[0] if key in single and len(values) == 1 else values for key, values in condition.items()}
