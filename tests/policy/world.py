"""Random capabilities, principals and accesses: small names, so that they meet, and odd ones, so that they are told
apart."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from sidecar.identity.principal import Kind, Principal
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Access, Act, Toolbox
from sidecar.policy.hours import Hours

MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
TIMES = (0.0, MONDAY_NOON, MONDAY_NOON + 61, MONDAY_NOON + 3600 * 12)

TOOLBOXES: Mapping[str, Toolbox] = {
    "travel": Toolbox(),
    "mail": Toolbox("google", frozenset({"read"})),
    "desk": Toolbox(tools=frozenset({"book", "open door"})),
}
ROUTES = ("travel", "mail", "calendar", "weather")

_odd = ["sales", "Sales", "säles", 'sa"les', "sa\\les", "*", "${x}", "a\ud800", "a\0", "\U0001f600", "''", "--\n"]
_texts = st.sampled_from(["sales", "eng", *_odd])
_identifiers = st.sampled_from(["sales", "eng", 'sa"les', "säles", "*"])
_sets = st.frozensets(_texts, max_size=3)
_some = st.frozensets(_texts, min_size=1, max_size=3)
_maybe = st.none() | _some
_providers = st.sampled_from(["google", "github"])
_scopes = st.frozensets(st.sampled_from(["read", "write"]), max_size=2)

_kinds = st.frozensets(st.sampled_from([str(kind) for kind in Kind]), min_size=1, max_size=2)
_paths = st.sampled_from(["department", "org/unit", "sales", 'o"dd*'])
_written = st.sampled_from(["true", "false", "1", "-7", "east", 'we"st', "1.5", "null", "\ufffd"])


def _whos(inner: st.SearchStrategy[Who]) -> st.SearchStrategy[Who]:
    several = st.lists(inner, max_size=2).map(tuple)
    return st.builds(
        Who,
        principal=st.booleans(),
        issuer=st.none() | st.frozensets(st.sampled_from(["okta", "entra"]), min_size=1),
        subject=_maybe,
        kind=st.none() | _kinds,
        tenant=_maybe,
        client=_maybe,
        groups=_maybe,
        roles=_maybe,
        scopes=_maybe,
        claims=st.dictionaries(_paths, st.frozensets(_written, min_size=1, max_size=2), max_size=1),
        any_of=several,
        all_of=several,
        none_of=several,
    )


_plain = st.sampled_from(
    [
        Who(),
        Who(principal=False),
        Who(principal=False, groups=frozenset({"sales"})),
        Who(principal=False, none_of=(Who(principal=False, groups=frozenset({"sales"})),)),
        Who(principal=False, none_of=(Who(principal=False, claims={"department": frozenset({"east"})}),)),
        Who(principal=False, any_of=(Who(principal=False), Who(principal=False, roles=frozenset({"eng"})))),
        Who(principal=False, none_of=(Who(),)),
    ]
)
whos = _plain | _plain | st.recursive(_plain, _whos, max_leaves=4)

names = ["list", "list_events", "book", "open door", "LIST", "l\nst", "*", "a*b", "a/b", "lïst", "list\ud800"]
_patterns = st.sampled_from([*names, "list*", "*st", "l*s*", "*", "a*b*", "*\n*"])
tools = st.builds("{}/{}".format, st.sampled_from(["travel", "mail", "desk"]), _patterns)
_hours = st.sampled_from(
    [(), (Hours.parse("12:00-12:01"),), (Hours.parse("13:00-12:00"), Hours.parse("mon 09:00-12:01 Europe/Berlin"))]
)
_narrow = {
    "methods": st.none() | st.frozensets(st.sampled_from(["GET", "POST"]), max_size=2),
    "paths": st.sampled_from([None, None, ("/",), ("/x",), ("/x/",), ("/x/y", "/z*/"), ()]),
}
capabilities = st.lists(
    st.builds(
        Capability,
        st.sampled_from(["c1", "c2", "c3", "c4"]),
        whos,
        provider=st.none() | st.just("google") | _providers,
        scopes=st.just(frozenset({"read", "write"})) | _scopes,
        routes=st.frozensets(st.sampled_from([*ROUTES, "desk"]), max_size=2),
        tools=st.frozensets(tools, max_size=3),
        arguments=st.just({})
        | st.dictionaries(st.sampled_from(["city", "n"]), st.frozensets(_written, max_size=4), max_size=2),
        hours=_hours,
        **_narrow,
    ),
    max_size=4,
    unique_by=lambda capability: capability.name,
)

_values: st.SearchStrategy[object] = st.sampled_from(
    ["east", 'we"st', True, False, 1, -7, 1.5, None, {}, [], ["east"], ["east", None], [1, "1"]]
)
principals = st.none() | st.builds(
    Principal,
    st.just("https://id.example.com"),
    _identifiers,
    _identifiers,
    st.sampled_from(["okta", "entra"]),
    st.sampled_from(list(Kind)),
    client=st.none() | _texts,
    groups=st.none() | _sets,
    roles=_sets,
    scopes=_sets,
    claims=st.dictionaries(st.sampled_from(["department", "sales", 'o"dd*']), _values, max_size=2)
    | st.just({"org": {"unit": "east"}, "department": ["east", 1]}),
    actors=st.sampled_from([(), ("planner",)]),
)
_CALLS = [
    Access(None, route, provider, scopes, method, path, act)
    for route, provider, scopes in [
        ("travel", None, frozenset[str]()),
        ("mail", "google", frozenset({"read"})),
        ("calendar", "google", frozenset[str]()),
    ]
    for act in (None, Act.CALL)
    for method in ("GET", "POST", "get")
    for path in ("/x", "/x/y", "/z*/1", "/zz/1", "")
]
_CONVERSATIONS = [Access(None, route, act=Act.CONVERSE) for route in ROUTES]
_CREDENTIALS = [
    Access(None, provider=provider, scopes=frozenset(scopes))
    for provider in ("google", "github")
    for scopes in ([], ["read"], ["read", "write"])
]
_VALUES: list[object] = ["east", 'we"st', True, 1, 1.5, None, {}, [], ["east"], ["east", None], [1, "1"]]
_ARGUMENTS: list[dict[str, object] | None] = [None, {}, {"n": 1}, {"x\ud800": 1, "city": "east", "n": "1"}]
_TOOLS = [
    Access(None, act=Act.TOOL, tool=tool, arguments=arguments)
    for tool in ("travel/list_events", "mail/list", "desk/book", "desk/", "nowhere/book", "travel", "mail/l\nst")
    for arguments in [*_ARGUMENTS, *({"city": value} for value in _VALUES)]
]
QUESTIONS = [*_CALLS, *_CONVERSATIONS, *_CREDENTIALS, *_TOOLS, Access(None, act=Act.ENTER)]
SHOWN = [f"{of}/{name}" for of in ("travel", "mail", "desk", "nowhere") for name in ["", *names]]


def of(principal: Principal | None, access: Access) -> Access:
    return replace(access, principal=principal)
