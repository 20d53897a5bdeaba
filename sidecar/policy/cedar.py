"""The policy that decides where something is declared: capabilities compiled to Cedar, beside them a team's policies.

What forbids wins, and whatever can't be evaluated forbids. Cedar answers once; then its answer is remembered by who
asks for what where, and by the facts that the policies concerned look at (``sidecar.policy.facts``). Each question is
put to the policies of its place only: no other could apply. Why something is refused is told by ``Declared``, which
means the same. So it also answers what is asked at once of every new token, or of hundreds of tools: who may enter, and
what may be seen; unless a team's own policies have a say in that.
"""

import logging
import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sidecar.identity.principal import Principal
from sidecar.policy import asking
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Access, Act, Decision, Toolbox
from sidecar.policy.declared import ENTER, Declared, placed
from sidecar.policy.facts import NEVER, Facts, facts
from sidecar.policy.tool import Likeness

if TYPE_CHECKING:
    from cedarpy import Entities, PolicySet

    from sidecar.policy.compiled import Compiled
    from sidecar.policy.own import Own

log = logging.getLogger(__name__)

FORBIDS = "it forbids this"
_ERROR = re.compile("policy `([^`]*)`")
_Slot = tuple[Act, str | None]
_Question = tuple[int, Act | None, str | None, str | None, frozenset[str], Hashable]


@dataclass(slots=True)
class _Slice:
    """The policies of one act on one place, and what they look at."""

    policies: "tuple[Compiled, ...]"
    own: "Own | None"
    facts: Facts
    argued: bool
    _handle: "PolicySet | None" = None

    @property
    def handle(self) -> "PolicySet":
        if self._handle is None:
            from cedarpy import PolicySet

            self._handle = PolicySet.from_str("".join(policy.text for policy in self.policies))
        return self._handle

    def named(self, policy: str) -> str:
        """What decisions call the policy of that id."""
        own = self.own.policies.get(policy) if self.own is not None else None
        return own.name if own is not None else "a policy"


@dataclass(slots=True)
class _Remembered:
    principal: Principal | None
    """Kept, so that no other object can have its ``id``."""
    slice: _Slice
    decisions: dict[Hashable, Decision] = field(default_factory=dict)


@dataclass(slots=True)
class _Answer:
    permitting: tuple[str, ...] = ()
    forbidding: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    """Ids of policies."""


class Cedar:
    MOST_REMEMBERED = 2048
    """Answers, and principals."""

    def __init__(
        self,
        capabilities: Iterable[Capability],
        enter: Who,
        toolboxes: Mapping[str, Toolbox],
        own: "Own | None" = None,
    ) -> None:
        capabilities = tuple(capabilities)
        self._declared = Declared(capabilities, enter, toolboxes)
        self._toolboxes = toolboxes
        self._own = {act: own.of(act) if own is not None else None for act in Act}
        self._scopes = {capability.name: capability.scopes for capability in capabilities}
        self._capabilities, self._enter = capabilities, enter
        whos = [enter, *(capability.who for capability in capabilities)]
        claims = own.claims if own is not None else frozenset[str]()
        self._claims = claims.union(*(who.claims_named() for who in whos))
        self._likeness = Likeness(tool for capability in capabilities for tool in capability.tools)
        self._seen_alike = self._own[Act.TOOL] is None
        self._slices: dict[_Slot, _Slice] = {}
        self._entities: dict[int, tuple[Principal, Entities]] = {}
        self._nobody: Entities | None = None
        self._remembered: dict[_Question, _Remembered] = {}
        self._count = 0
        self._failed: set[str] = set()

    # the decision

    def decide(self, access: Access, now: float) -> Decision:
        tool = access.tool
        alike: Hashable = tool
        if tool is not None and self._seen_alike:
            alike = self._likeness.of(tool)
        question = (id(access.principal), access.act, access.route, access.provider, access.scopes, alike)
        found = self._remembered.get(question)
        if found is None:
            found = self._found(question, access)
        looked = None if found.slice.facts.none else found.slice.facts.of(access, now)
        decision = found.decisions.get(looked)
        return decision if decision is not None else self._decided(found, looked, access, now)

    def tools(self, principal: Principal | None, names: Iterable[str], now: float) -> list[bool]:
        if self._seen_alike:
            return self._declared.tools(principal, names, now)
        return [self.decide(Access(principal, act=Act.TOOL, tool=name), now).allowed for name in names]

    def declared(self, principal: Principal | None, now: float) -> tuple[str, ...]:
        shown = self.tools(principal, self.full, now)
        return tuple(name for name, seen in zip(self.full, shown, strict=True) if seen)

    @property
    def full(self) -> tuple[str, ...]:
        """Every tool that is declared by its whole name, sorted."""
        return self._declared.full

    # what is remembered

    def _found(self, question: _Question, access: Access) -> _Remembered:
        found = _Remembered(access.principal, self._slice(access))
        if access.act is not Act.ENTER:  # which is asked once for each token, whose principal is another each time
            self._make_room()
            self._remembered[question] = found
        return found

    def _decided(self, found: _Remembered, looked: Hashable, access: Access, now: float) -> Decision:
        decision = self._fresh(found.slice, access, now)
        if looked is NEVER:
            return decision
        self._make_room()
        found.decisions[looked] = decision
        return decision

    def _make_room(self) -> None:
        if self._count >= self.MOST_REMEMBERED:
            for question in list(self._remembered)[: (len(self._remembered) + 1) // 2]:
                del self._remembered[question]
            self._count = sum(1 + len(each.decisions) for each in self._remembered.values())
        self._count += 1

    # an answer of Cedar's

    def _fresh(self, part: _Slice, access: Access, now: float) -> Decision:
        if part.own is None and access.act is Act.ENTER:
            return self._declared.decide(access, now)
        if access.tool is not None and not access.tool.partition("/")[2]:
            return self._declared.denied(access, now)
        asked = placed(access, self._toolboxes) if access.act in (Act.TOOL, Act.CONVERSE) else access
        try:
            ours, own = self._asked(part, asked, now)
        except ValueError as error:  # Cedar can't take the question, whatever it is
            return self._failing("the policy", str(error))
        for each in (*ours.failing, *own.failing):
            return self._failing(part.named(each), "an operation in it fails")
        if own.forbidding:
            return Decision(None, nearest=part.named(own.forbidding[0]), failed=FORBIDS)
        allowing = sorted({int(each.removeprefix("policy")) for each in ours.permitting})
        if allowing:
            return self._allowed([part.policies[number].capability for number in allowing], access)
        if own.permitting:
            return Decision(part.named(own.permitting[0]))
        return self._declared.denied(access, now)

    def _allowed(self, names: list[str], access: Access) -> Decision:
        if names[0] == ENTER:
            return Decision(ENTER)
        several = [names[0]] if access.scopes else names
        return Decision(names[0], frozenset().union(*(self._scopes[name] for name in several)))

    def _asked(self, part: _Slice, asked: Access, now: float) -> tuple[_Answer, _Answer]:
        if not part.policies and part.own is None:
            return _Answer(), _Answer()
        entities = self._known(asked.principal)
        if asked.act is Act.TOOL:
            entities = entities.with_added_json_str(asking.tool(asked, self._toolboxes, argued=part.argued))
        minute = now if part.facts.minute else None
        request = asking.request(asked, part.facts.held(now), minute, argued=part.argued)
        ours = _answer(request, part.handle, entities) if part.policies else _Answer()
        own = _answer(request, part.own.handle, entities) if part.own is not None else _Answer()
        return ours, own

    def _failing(self, name: str, why: str) -> Decision:
        if name not in self._failed:
            self._failed.add(name)
            log.warning("%s can't be evaluated, so that what it speaks of is refused: %s", name, why)
        return Decision(None, nearest=name, failed="it cannot be evaluated")

    def _known(self, principal: Principal | None) -> "Entities":
        from cedarpy import Entities

        if principal is None:
            self._nobody = self._nobody or Entities.from_json_str("[]")
            return self._nobody
        found = self._entities.get(id(principal))
        if found is None:
            if len(self._entities) >= self.MOST_REMEMBERED:
                for key in list(self._entities)[: self.MOST_REMEMBERED // 2]:
                    del self._entities[key]
            found = principal, Entities.from_json_str(asking.principal(principal, self._claims))
            self._entities[id(principal)] = found
        return found[1]

    def _slice(self, access: Access) -> _Slice:
        act = access.wanted
        place = access.provider if act is Act.CREDENTIAL else access.place
        found = self._slices.get((act, place))
        if found is None:
            found = self._made(act, place, access)
            if found.policies:  # of other places there may be any number
                self._slices[act, place] = found
        return found

    @cached_property
    def _compiled(self) -> "tuple[Compiled, ...]":
        """Every policy that capabilities come to; no start waits for it, only the first that is asked."""
        from sidecar.policy.compiled import compiled

        return tuple(policy for each in self._capabilities for policy in compiled(each, self._toolboxes))

    def _made(self, act: Act, place: str | None, access: Access) -> _Slice:
        from sidecar.policy.compiled import entered

        if act is Act.ENTER:
            policies: tuple[Compiled, ...] = (entered(self._enter),)
        else:
            policies = tuple(each for each in self._compiled if act in each.acts and place in each.places)
        own = self._own[act]
        rules = () if act is Act.ENTER else self._declared.concerned(replace(access, act=act))
        mentions = own.mentions if own is not None else frozenset[str]()
        argued = act is Act.TOOL and ("arguments" in mentions or any(rule.capability.arguments for rule in rules))
        return _Slice(policies, own, facts(act, rules, mentions), argued)


def _answer(request: dict[str, object], policies: "PolicySet", entities: "Entities") -> _Answer:
    from cedarpy import Decision as Cedars
    from cedarpy import is_authorized

    result = is_authorized(request, policies, entities)
    said = result.diagnostics
    failing = tuple(found[1] if (found := _ERROR.search(error)) else "" for error in said.errors)
    if result.decision is Cedars.Allow:
        return _Answer(permitting=tuple(said.reasons), failing=failing)
    return _Answer(forbidding=tuple(said.reasons), failing=failing)
