"""Decisions: what is declared is allowed, nothing else is, and a denial names what came nearest."""

import gc
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.principal import Kind, Principal
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Access, Act, Decision
from sidecar.policy.declared import Declared
from sidecar.policy.hours import Hours
from tests.fuzzing import examples

ALICE = Principal(
    "https://id.example.com",
    "acme",
    "alice",
    "okta",
    Kind.USER,
    groups=frozenset({"sales"}),
    roles=frozenset({"admin"}),
    claims={"email": "alice@acme.example", "department": "east"},
)
BOB = replace(ALICE, subject="bob", issuer="entra", groups=frozenset({"guests"}), roles=frozenset(), claims={})
NOBODY: Principal | None = None

ANY, AGENT = Who(), Who(principal=False)
MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()


def among(*names: str) -> frozenset[str]:
    return frozenset(names)


def who(**conditions: object) -> Who:
    return Who(principal=False, **conditions)  # type: ignore[arg-type]  # a table's cell may hold any of them


SALES = who(groups=among("sales"))
CALL = Access(ALICE, "calendar", "google", among("read"), "GET", "/v3/events")
"""Of ``calendar``, a route with provider and scopes."""
TOKEN = Access(ALICE, None, "google", among("read"))
PLAIN = Access(ALICE, "weather", method="GET", path="/today")
"""Of a route without a provider."""


def can(name: str = "c", who: Who = ANY, **given: object) -> Capability:
    return Capability(name, who, **given)  # type: ignore[arg-type]  # as above


def decide(access: Access, *capabilities: Capability, now: float = MONDAY_NOON) -> Decision:
    policy = Declared(capabilities)
    first = policy.decide(access, now)
    assert policy.decide(access, now) == first  # remembered or not
    return first


CALENDAR, WEATHER = among("calendar"), among("weather")

ALLOWED = [
    (CALL, can(routes=CALENDAR)),
    (CALL, can(routes=among("mail", "calendar"))),
    (CALL, can(routes=CALENDAR, provider="google", scopes=among("read"))),
    (CALL, can(routes=CALENDAR, provider="google", scopes=among("read", "write"))),
    (CALL, can(routes=CALENDAR, methods=among("GET", "HEAD"))),
    (CALL, can(routes=CALENDAR, paths=("/v3/",))),
    (CALL, can(routes=CALENDAR, paths=("/v3/events",))),
    (CALL, can(routes=CALENDAR, paths=("/other", "/"))),
    (CALL, can(routes=CALENDAR, hours=(Hours.parse("12:00-13:00"),))),
    (CALL, can(routes=CALENDAR, hours=(Hours.parse("sat 12:00-13:00"), Hours.parse("mon 12:00-13:00")))),
    (CALL, can(who=SALES, routes=CALENDAR)),
    (CALL, can(who=who(claims={"department": among("east")}), routes=CALENDAR)),
    (CALL, can(who=AGENT, routes=CALENDAR)),
    (replace(CALL, principal=NOBODY), can(who=AGENT, routes=CALENDAR)),
    (replace(CALL, principal=NOBODY), can(who=who(any_of=(AGENT, SALES)), routes=CALENDAR)),
    (replace(CALL, scopes=among()), can(routes=CALENDAR, provider="google")),
    (PLAIN, can(routes=WEATHER)),
    (PLAIN, can(routes=among("calendar", "weather"), provider="google", scopes=among("read"))),
    (TOKEN, can(provider="google", scopes=among("read"))),
    (TOKEN, can(provider="google", scopes=among("read", "write"), routes=CALENDAR, tools=among("travel/list"))),
    (TOKEN, can(provider="google", scopes=among("read"), hours=(Hours.parse("12:00-13:00"),))),
    (replace(TOKEN, scopes=among()), can(provider="google")),
    (replace(TOKEN, principal=NOBODY, scopes=among()), can(who=AGENT, provider="google")),
]


@pytest.mark.parametrize(("access", "capability"), ALLOWED)
def test_what_is_declared_is_allowed(access: Access, capability: Capability) -> None:
    decision = decide(access, capability)
    assert (decision.capability, decision.nearest, decision.failed) == ("c", None, "")
    assert decision.allowed


DENIED = [
    (CALL, can(routes=WEATHER), "routes: none of weather"),
    (CALL, can(provider="google", scopes=among("read")), "routes: none of "),
    (CALL, can(who=SALES, routes=among("a", "b", "c")), "routes: none of a, b, c"),
    (CALL, can(routes=CALENDAR, provider="github", scopes=among("read")), "provider: not github"),
    (CALL, can(routes=CALENDAR, provider="google"), "scopes: more than none"),
    (CALL, can(routes=CALENDAR, provider="google", scopes=among("write")), "scopes: more than write"),
    (
        replace(CALL, scopes=among("read", "x")),
        can(routes=CALENDAR, provider="google", scopes=among("read")),
        "scopes:",
    ),
    (CALL, can(routes=CALENDAR, methods=among("POST", "PUT")), "methods: none of POST, PUT"),
    (replace(CALL, method="get"), can(routes=CALENDAR, methods=among("GET")), "methods: none of GET"),
    (CALL, can(routes=CALENDAR, methods=among()), "methods: none of "),
    (CALL, can(routes=CALENDAR, paths=("/v3",)), "paths: none of /v3"),
    (CALL, can(routes=CALENDAR, paths=("/v3/events/",)), "paths: none of /v3/events/"),
    (CALL, can(routes=CALENDAR, paths=("/v3/even", "/v2/")), "paths: none of /v2/, /v3/even"),
    (CALL, can(routes=CALENDAR, paths=()), "paths: none of "),
    (replace(CALL, path="/%76%33/events"), can(routes=CALENDAR, paths=("/v3/",)), "paths:"),
    (replace(CALL, path="/V3/events"), can(routes=CALENDAR, paths=("/v3/",)), "paths:"),
    (replace(CALL, path=""), can(routes=CALENDAR, paths=("/",)), "paths:"),
    (CALL, can(routes=CALENDAR, hours=(Hours.parse("13:00-12:00"),)), "hours: none of mon,tue,wed,thu,fri,sat,sun 13"),
    (CALL, can(routes=CALENDAR, hours=(Hours.parse("sat 12:00-13:00"),)), "hours: none of sat 12:00-13:00 UTC"),
    (replace(CALL, principal=BOB), can(who=SALES, routes=CALENDAR), "who.groups: none of sales"),
    (replace(CALL, principal=replace(BOB, groups=None)), can(who=SALES, routes=CALENDAR), "who.groups: it cannot be"),
    (replace(CALL, principal=NOBODY), can(who=ANY, routes=CALENDAR), "who.principal: there is none"),
    (replace(CALL, principal=NOBODY), can(who=SALES, routes=CALENDAR), "who.groups: it cannot be told"),
    (TOKEN, can(routes=CALENDAR), "provider: none is named"),
    (TOKEN, can(provider="github", scopes=among("read")), "provider: not github"),
    (TOKEN, can(provider="google", scopes=among("write")), "scopes: more than write"),
    (TOKEN, can(provider="google", scopes=among("read"), hours=(Hours.parse("13:00-12:00"),)), "hours: none of"),
    (TOKEN, can(provider="google", scopes=among("read"), routes=CALENDAR, methods=among("GET")), "methods and paths: "),
    (TOKEN, can(provider="google", scopes=among("read"), routes=CALENDAR, paths=("/",)), "methods and paths: "),
    (replace(TOKEN, principal=BOB), can(who=SALES, provider="google", scopes=among("read")), "who.groups: none of sal"),
    (replace(TOKEN, principal=NOBODY), can(provider="google", scopes=among("read")), "who.principal: there is none"),
    (Access(ALICE), can(routes=CALENDAR), "provider: none is named"),
    (Access(ALICE), can(provider="google"), "provider: not google"),
]


@pytest.mark.parametrize(("access", "capability", "failed"), DENIED)
def test_what_is_not_declared_is_denied_and_the_condition_named(
    access: Access, capability: Capability, failed: str
) -> None:
    decision = decide(access, capability)
    assert (decision.capability, decision.nearest, decision.allowed) == (None, "c", False)
    assert decision.failed.startswith(failed)


def test_nothing_declared_nothing_allowed() -> None:
    for access in (CALL, PLAIN, TOKEN, Access(None)):
        assert decide(access) == Decision(None)


def test_of_several_that_allow_it_the_first_declared_is_named() -> None:
    assert decide(CALL, can("a", SALES, routes=CALENDAR), can("b", routes=CALENDAR)).capability == "a"
    assert decide(replace(CALL, principal=BOB), can("a", SALES, routes=CALENDAR), can("b", routes=CALENDAR)).allowed
    late = can("a", routes=CALENDAR, hours=(Hours.parse("13:00-14:00"),))
    assert decide(CALL, late, can("b", routes=CALENDAR)).capability == "b"


def test_where_no_scopes_are_asked_for_those_are_said_that_all_who_allow_it_name() -> None:
    read, write = can("a", routes=CALENDAR, provider="google", scopes=among("read")), among("write")
    none = can("b", routes=CALENDAR, provider="google")
    sales = can("c", SALES, routes=CALENDAR, provider="google", scopes=write)
    later = can("d", routes=CALENDAR, provider="google", scopes=write, hours=(Hours.parse("13:00-14:00"),))
    other = can("e", routes=CALENDAR, provider="github", scopes=write)
    free = can("f", routes=CALENDAR)
    for asked in (replace(CALL, scopes=among()), replace(TOKEN, scopes=among())):
        assert decide(asked, none).scopes == among()
        assert decide(asked, read).scopes == among("read")
        assert decide(asked, none, read, later, other).scopes == among("read")
        assert decide(asked, read, sales).scopes == among("read", "write")
        assert decide(replace(asked, principal=BOB), read, sales).scopes == among("read")
        assert decide(asked, read, later, now=MONDAY_NOON + 3600).scopes == among("read", "write")
        assert decide(asked, sales, read).capability == "c"
    assert decide(replace(CALL, scopes=among()), free, read).scopes == among("read")


@pytest.mark.parametrize(
    ("access", "capabilities", "nearest", "failed"),
    [
        (  # fewer failures are nearer
            replace(CALL, principal=BOB),
            [
                can("far", who(issuer=among("okta"), groups=among("sales")), routes=CALENDAR),
                can("a", SALES, routes=CALENDAR),
            ],
            "a",
            "who.groups: none of sales",
        ),
        (  # among equals the first declared
            replace(CALL, principal=BOB),
            [can("a", SALES, routes=CALENDAR), can("b", who(roles=among("admin")), routes=CALENDAR)],
            "a",
            "who.groups: none of sales",
        ),
        (  # what speaks of the route is nearer than what doesn't
            replace(CALL, principal=BOB),
            [
                can("think", AGENT, routes=among("model")),
                can("a", who(issuer=among("x"), groups=among("y")), routes=CALENDAR),
            ],
            "a",
            "who.issuer: none of x",
        ),
        (  # and of the provider
            replace(TOKEN, principal=BOB),
            [can("think", AGENT, routes=among("model")), can("a", SALES, provider="google", scopes=among("read"))],
            "a",
            "who.groups: none of sales",
        ),
        (  # where none does, any
            CALL,
            [can("a", who(groups=among("x")), routes=WEATHER), can("think", AGENT, routes=among("model"))],
            "think",
            "routes: none of model",
        ),
        (  # a token isn't held to methods and paths, so that they are one failure and not three
            TOKEN,
            [can("a", provider="google", scopes=among("read"), methods=among(), paths=()), can("b", provider="google")],
            "a",
            "methods and paths: a token that is handed out cannot be held to them",
        ),
        (  # the first condition that it fails is named
            replace(CALL, principal=BOB, method="POST"),
            [can("a", SALES, routes=CALENDAR, methods=among("GET"), paths=("/x",))],
            "a",
            "who.groups: none of sales",
        ),
        (
            replace(CALL, method="POST"),
            [
                can("far", routes=CALENDAR, methods=among("GET"), paths=("/x",)),
                can("a", routes=CALENDAR, methods=among("GET")),
            ],
            "a",
            "methods: none of GET",
        ),
    ],
)
def test_the_nearest_failed_the_fewest_conditions(
    access: Access, capabilities: list[Capability], nearest: str, failed: str
) -> None:
    decision = decide(access, *capabilities)
    assert (decision.nearest, decision.failed) == (nearest, failed)


def test_what_failed_is_said_with_nothing_of_the_principal_or_of_what_was_asked() -> None:
    asked = replace(CALL, principal=BOB, scopes=among("ih_secret"), method="PURGE", path="/alice@acme.example")
    capability = can(
        who=who(
            subject=among("carol"), claims={"email": among("carol@acme.example")}, groups=among("eng@acme.example")
        ),
        provider="google",
        scopes=among("read"),
        routes=CALENDAR,
        methods=among("GET"),
        paths=("/users/carol@acme.example/",),
    )
    for access in (asked, replace(asked, route=None), replace(asked, principal=None)):
        for condition in (capability, replace(capability, who=ANY)):
            failed = decide(access, condition).failed
            assert failed
            assert not any(word in failed for word in ("@", "carol", "bob", "alice", "ih_", "PURGE"))


def test_all_hours_that_might_have_been_are_said() -> None:
    hours = (Hours.parse("sat 12:00-13:00"), Hours.parse("14:00-15:00 Europe/Berlin"))
    assert decide(CALL, can(routes=CALENDAR, hours=hours)).failed == (
        "hours: none of sat 12:00-13:00 UTC, mon,tue,wed,thu,fri,sat,sun 14:00-15:00 Europe/Berlin"
    )


def test_a_long_list_is_said_in_short() -> None:
    many = among(*(f"g{number}" for number in range(20)))
    assert decide(replace(CALL, principal=BOB), can(who=who(groups=many), routes=CALENDAR)).failed == (
        "who.groups: none of g0, g1, g10, g11, g12, g13, g14, g15 and 12 more"
    )
    eight = among(*(f"g{number}" for number in range(8)))
    assert decide(replace(CALL, principal=BOB), can(who=who(groups=eight), routes=CALENDAR)).failed.endswith("g6, g7")


def test_the_hours_are_looked_at_every_time() -> None:
    policy = Declared([can(routes=CALENDAR, hours=(Hours.parse("12:00-13:00"),))])
    assert [policy.decide(CALL, MONDAY_NOON + 3600 * hour).allowed for hour in (0, 1, 0, 24, 23)] == [
        *(True, False, True, True, False)
    ]


def test_what_is_remembered_is_of_one_principal_route_provider_and_set_of_scopes() -> None:
    capabilities = [can(who=SALES, routes=CALENDAR, provider="google", scopes=among("read"))]
    policy = Declared(capabilities)
    changes: list[dict[str, object]] = [
        {},
        {"principal": BOB},
        {"principal": None},
        {"route": "weather"},
        {"path": "/x"},
    ]
    changes += [{"route": None}, {"provider": "github"}, {"provider": None}, {"scopes": among("write")}]
    for change in [*changes, *changes[::-1]]:
        access = replace(CALL, **change)  # type: ignore[arg-type]  # one of its fields, each of its own type
        assert policy.decide(access, MONDAY_NOON) == Declared(capabilities).decide(access, MONDAY_NOON)


def test_another_principal_is_never_taken_for_one_that_is_gone() -> None:
    """Python gives a new object the ``id`` of one that is gone."""
    policy = Declared([can(who=who(subject=among("alice")), routes=CALENDAR)])
    for number in range(2000):
        subject = "alice" if number % 2 else f"mallory-{number}"
        assert policy.decide(replace(CALL, principal=replace(ALICE, subject=subject)), 0.0).allowed == (number % 2 == 1)
    gc.collect()


def test_two_principals_that_are_equal_but_for_their_claims_are_two() -> None:
    policy = Declared([can(who=who(claims={"department": among("east")}), routes=CALENDAR)])
    west = replace(ALICE, claims={"department": "west"})
    assert west == ALICE
    assert policy.decide(CALL, 0.0).allowed
    assert not policy.decide(replace(CALL, principal=west), 0.0).allowed
    assert policy.decide(CALL, 0.0).allowed


def test_a_condition_is_looked_at_once_for_a_principal() -> None:
    class Claims(dict[str, str]):
        looked_at = 0

        def __contains__(self, key: object) -> bool:
            self.looked_at += 1
            return super().__contains__(key)

    theirs = Claims(department="east")
    policy = Declared([can(who=who(claims={"department": among("east")}), routes=CALENDAR)])
    access = replace(CALL, principal=replace(ALICE, claims=theirs))
    assert [policy.decide(access, 0.0).allowed for _ in range(3)] == [True] * 3
    assert theirs.looked_at == 1


def test_what_is_remembered_is_bounded() -> None:
    policy = Declared([can(routes=CALENDAR, provider="google", scopes=among("read"))])
    policy.MOST_REMEMBERED = 10
    for number in range(9):
        policy.decide(replace(CALL, scopes=among(str(number))), 0.0)
        assert len(policy._remembered) == number + 1
    for number in range(100):
        assert not policy.decide(replace(CALL, scopes=among(str(number))), 0.0).allowed
        assert policy.decide(CALL, 0.0).allowed
        assert len(policy._remembered) <= 10


# whatever is declared and asked

_names = st.sampled_from(["a", "b", "c"])
_sets = st.frozensets(_names, max_size=2)
_whos = st.sampled_from([ANY, AGENT, SALES, who(issuer=among("okta")), who(none_of=(SALES,)), who(any_of=(AGENT, ANY))])
_hours = st.sampled_from(
    [(), (Hours.parse("12:00-13:00"),), (Hours.parse("13:00-14:00"), Hours.parse("mon 09:00-10:00"))]
)
_paths = st.sampled_from([None, ("/",), ("/x",), ("/x/",), ("/x/y", "/z/")])
_capabilities = st.builds(
    Capability,
    st.sampled_from(["c1", "c2", "c3"]),
    _whos,
    provider=st.none() | _names,
    scopes=_sets,
    routes=_sets,
    methods=st.none() | st.frozensets(st.sampled_from(["GET", "POST"])),
    paths=_paths,
    hours=_hours,
)
_accesses = st.builds(
    Access,
    st.sampled_from([ALICE, BOB, NOBODY]),
    st.none() | _names,
    st.none() | _names,
    _sets,
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/", "/x", "/x/", "/x/y", "/xy", "/z/1"]),
)


def allows(capability: Capability, access: Access, now: float) -> bool:
    """The rule, as the documentation has it."""
    if capability.who.unmet(access.principal) is not None:
        return False
    if capability.hours and not any(hours.hold(now) for hours in capability.hours):
        return False
    if access.route is None:
        narrow = capability.methods is not None or capability.paths is not None
        return (
            access.provider is not None
            and capability.provider == access.provider
            and not narrow
            and (capability.scopes >= access.scopes)
        )
    if access.route not in capability.routes:
        return False
    if capability.methods is not None and access.method not in capability.methods:
        return False
    paths = capability.paths
    if paths is not None and not any(
        access.path.startswith(path) if path.endswith("/") else access.path == path for path in paths
    ):
        return False
    if capability.provider is None:
        return True
    return access.provider in (None, capability.provider) and capability.scopes >= access.scopes


@examples(300)
@given(st.lists(_capabilities, max_size=4), st.lists(_accesses, max_size=6), st.sampled_from([0.0, MONDAY_NOON]))
def test_whatever_is_declared_and_asked_the_first_that_allows_it_is_named_or_the_nearest(
    capabilities: list[Capability], accesses: list[Access], now: float
) -> None:
    policy = Declared(capabilities)
    for access in accesses:
        decision = policy.decide(access, now)
        first = next((each.name for each in capabilities if allows(each, access, now)), None)
        assert decision.capability == first
        if first is not None or not capabilities:
            assert (decision.nearest, decision.failed) == (None, "")
        else:
            assert decision.nearest in [each.name for each in capabilities]
            assert decision.failed


@examples(100)
@given(st.lists(_capabilities, max_size=3), _capabilities, _accesses)
def test_one_more_capability_takes_nothing_away(
    capabilities: list[Capability], more: Capability, access: Access
) -> None:
    if Declared(capabilities).decide(access, MONDAY_NOON).allowed:
        assert Declared([*capabilities, more]).decide(access, MONDAY_NOON).allowed
        assert Declared([more, *capabilities]).decide(access, MONDAY_NOON).allowed


def test_the_nearest_tells_every_condition_that_it_fails() -> None:
    sales = Capability("sales", Who(groups=frozenset({"sales"})), routes=frozenset({"crm"}), methods=frozenset({"GET"}))
    policy = Declared([sales])
    outsider = Principal("https://id.example", "", "mallory", "own", Kind.USER)
    rule, failed = policy.nearest(Access(outsider, "crm", method="PUT"), 0.0)
    assert rule is not None
    assert (rule.capability, failed) == (sales, ("who.groups: none of sales", "methods: none of GET"))
    assert policy.open_to(Access(outsider, "crm")) == ()
    insider = Principal("https://id.example", "", "alice", "own", Kind.USER, groups=frozenset({"sales"}))
    assert policy.open_to(Access(insider, "crm", method="PUT")) == (sales,)
    assert Declared([]).nearest(Access(insider, "crm"), 0.0) == (None, ())


def test_of_a_tool_who_names_it_comes_nearer_than_who_names_another() -> None:
    other = Capability("other", Who(), tools=frozenset({"desk/close"}))
    own = Capability(
        "own", Who(principal=False, groups=frozenset({"a"}), kind=frozenset({"service"})), tools=frozenset({"desk/*"})
    )
    outsider = Principal("https://id.example", "", "mallory", "own", Kind.USER)
    wanted = Access(outsider, tool="desk/open", act=Act.TOOL)
    assert Declared([other, own]).decide(wanted, 0.0).nearest == "own"
    assert Declared([other]).decide(wanted, 0.0).nearest == "other"
