"""Who may do what: conditions on a principal, and the capabilities that rest on them. Pure.

Conditions are three-valued (Kleene): a condition on groups that the issuer didn't name (``Principal.groups`` is
``None``), or on the principal of a call that has none, is neither met nor unmet but unknown. Unknown lets nobody in,
and neither does its negation.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sidecar.identity import claims
from sidecar.identity.principal import Principal
from sidecar.policy.hours import Hours

Truth = bool | None
"""Whether something holds; ``None``: it cannot be told."""

_MOST_LISTED = 8
_SETS = ("issuer", "subject", "kind", "tenant", "client", "groups", "roles", "scopes")


@dataclass(frozen=True, slots=True)
class Who:
    """A condition on a principal. All that is given must hold, of a set one member; what is ``None`` asks nothing."""

    principal: bool = True
    """Whether a principal is needed at all. ``who: agent`` holds whoever the agent works for, or if for nobody."""
    issuer: frozenset[str] | None = None
    """Configured names."""
    subject: frozenset[str] | None = None
    kind: frozenset[str] | None = None
    tenant: frozenset[str] | None = None
    client: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    roles: frozenset[str] | None = None
    scopes: frozenset[str] | None = None
    claims: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Claim, or path to it, → the values of which it has to be, or to hold, one."""
    any_of: tuple["Who", ...] = ()
    all_of: tuple["Who", ...] = ()
    none_of: tuple["Who", ...] = ()
    _asked: tuple[tuple[str, frozenset[str]], ...] = field(init=False, repr=False, compare=False)
    """What of the principal's own is asked for: in the midst of a decision nobody has the time to look for it."""
    _nests: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asked = tuple((key, named) for key in _SETS if (named := getattr(self, key)) is not None)
        object.__setattr__(self, "_asked", asked)
        object.__setattr__(self, "_nests", bool(self._below()))

    def met(self, principal: Principal | None) -> bool:
        """Whether *principal* meets the condition; ``None``: the agent works for itself."""
        return self._value(principal) is True

    def unmet(self, principal: Principal | None) -> str | None:
        """``None`` if *principal* meets the condition (``None``: the agent works for itself); else what isn't met.

        The text names what the configuration asks for, by key and, but for subjects and emails, by value, and nothing
        that is the principal's.
        """
        return next(self.all_unmet(principal), None)

    def all_unmet(self, principal: Principal | None) -> Iterator[str]:
        """Everything that isn't met, in the same words."""
        for key, says, value in self._parts(principal):
            if not value:
                yield f"{key}: {'it cannot be told' if value is None else _said(says)}"

    def groups_named(self) -> frozenset[str]:
        """Every group that is named in it, at any depth."""
        return (self.groups or frozenset()).union(*(who.groups_named() for who in self._below()))

    def roles_named(self) -> frozenset[str]:
        return (self.roles or frozenset()).union(*(who.roles_named() for who in self._below()))

    def claims_named(self) -> frozenset[str]:
        """Every claim, or path to one, that is named in it, at any depth."""
        return frozenset(self.claims).union(*(who.claims_named() for who in self._below()))

    def _below(self) -> tuple["Who", ...]:
        return self.any_of + self.all_of + self.none_of

    def _value(self, principal: Principal | None) -> Truth:
        unknown = False
        for _, _, value in self._parts(principal):
            if value is False:
                return False
            unknown = unknown or value is None
        return None if unknown else True

    def _parts(self, principal: Principal | None) -> Iterator[tuple[str, str | frozenset[str], Truth]]:
        """All that must hold: its key, what is said when it doesn't (of a set: none of them), and whether it does."""
        if self.principal:
            yield "principal", "there is none", principal is not None
        for key, named in self._asked:
            yield key, "none of those named" if key == "subject" else named, _holds(key, named, principal)
        for path, values in self.claims.items():
            yield f"claims.{path}", values, _says(path, values, principal)
        if self._nests:
            yield from self._nested(principal)

    def _nested(self, principal: Principal | None) -> Iterator[tuple[str, str | frozenset[str], Truth]]:
        if self.any_of:
            yield "any", "none holds", _any(who._value(principal) for who in self.any_of)
        for index, who in enumerate(self.all_of):
            for key, says, truth in who._parts(principal):
                yield f"all[{index}].{key}", says, truth
        for index, who in enumerate(self.none_of):
            value = who._value(principal)
            yield f"not[{index}]", "it holds", None if value is None else not value


def narrowed(principal: Principal, paths: Iterable[str]) -> Principal:
    """*principal* with no other claims than those of *paths*: conditions that name only these see no difference."""
    return replace(principal, claims={path: claims.find(principal.claims, path) for path in paths})


def _said(says: str | frozenset[str]) -> str:
    return says if isinstance(says, str) else f"none of {listed(says)}"


def listed(names: Collection[str]) -> str:
    """*names* for the record: the first few, and none of them where one may be an email address."""
    if any("@" in name for name in names):
        return "those named"
    more = len(names) - _MOST_LISTED
    return ", ".join(sorted(names)[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _holds(key: str, named: frozenset[str], principal: Principal | None) -> Truth:
    if principal is None:
        return None
    value: str | frozenset[str] | None = getattr(principal, key)
    if key == "groups" and value is None:
        return None
    return value in named if value is None or isinstance(value, str) else not named.isdisjoint(value)


def _says(path: str, values: frozenset[str], principal: Principal | None) -> Truth:
    """Whether the claim is one of *values*. Of whom another sidecar speaks not all claims have come along."""
    if principal is None:
        return None
    if claims.holds(principal.claims, path, values):
        return True
    return None if principal.actors and claims.find(principal.claims, path) is None else False


def _any(values: Iterable[Truth]) -> Truth:
    unknown = False
    for value in values:
        if value is True:
            return True
        unknown = unknown or value is None
    return None if unknown else False


@dataclass(frozen=True, slots=True)
class Capability:
    """What some principals may have: a provider's scopes, routes, tools. What is ``None`` restricts nothing."""

    name: str
    who: Who
    provider: str | None = None
    scopes: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()
    methods: frozenset[str] | None = None
    paths: tuple[str, ...] | None = None
    tools: frozenset[str] = frozenset()
    """``route/tool``, always."""
    arguments: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Argument → the values that it may have."""
    hours: tuple[Hours, ...] = ()
    """Of which one must be; none: always."""
    consent_text: str | None = None
