"""What Cedar is asked about a principal, a tool and a request."""

import json

from sidecar.identity.principal import Kind, Principal
from sidecar.policy import asking
from sidecar.policy.decision import Access, Act, Toolbox

ALICE = Principal(
    "https://id.example.com",
    "acme",
    "alice",
    "okta",
    Kind.USER,
    name="Alice",
    email="alice@acme.example",
    groups=frozenset({"sales"}),
    claims={"department": ["east", 1, None, {}], "org": {"unit": True}, "secret": "s3cret"},
)


def test_a_principal_is_told_with_the_claims_that_are_named_and_no_others() -> None:
    (entity,) = json.loads(asking.principal(ALICE, ["department", "org/unit", "absent"]))
    assert entity["uid"] == {"type": "Principal", "id": ALICE.id}
    assert entity["attrs"] == {
        "id": ALICE.id,
        "subject": "alice",
        "issuer": "okta",
        "kind": "user",
        "tenant": "acme",
        "groups": ["sales"],
        "roles": [],
        "scopes": [],
        "actors": [],
    }
    assert entity["tags"] == {"department": ["east", "1"], "org/unit": ["true"]}


def test_groups_that_nobody_knows_are_not_told_as_none() -> None:
    unknown = Principal("https://id.example.com", "", "a", "okta", Kind.USER, client="c", groups=None)
    (entity,) = json.loads(asking.principal(unknown, []))
    assert "groups" not in entity["attrs"]
    assert entity["attrs"]["client"] == "c"


def test_a_tool_is_told_with_its_place_and_its_arguments() -> None:
    access = Access(
        None,
        act=Act.TOOL,
        tool="travel/a/b",
        arguments={"city": "Berlin", "days": 2, "tags": ["x", None], "none": None, "empty": [], "deep": {"a": 1}},
    )
    tool, arguments = json.loads(asking.tool(access, {"travel": Toolbox()}, argued=True))
    assert tool == {
        "uid": {"type": "Tool", "id": "travel/a/b"},
        "attrs": {"name": "a/b"},
        "parents": [{"type": "Route", "id": "travel"}],
    }
    assert arguments["tags"] == {"city": ["Berlin"], "days": ["2"], "tags": ["x", "\0"], "none": ["\0"], "deep": ["\0"]}
    boxes = {"travel": Toolbox(tools=frozenset({"a/b"}))}
    (tool,) = json.loads(asking.tool(access, boxes, argued=False))
    assert tool["parents"] == [{"type": "Toolset", "id": "travel"}]
    assert json.loads(asking.tool(access, {}, argued=False))[0]["parents"] == []


def test_a_request_is_told_with_what_its_act_has() -> None:
    def asked(access: Access, now: float | None = None, *, argued: bool = False) -> tuple[object, object, object]:
        request = asking.request(access, ["mon 09:00-10:00 UTC"], now, argued=argued)
        return request["principal"], request["resource"], json.loads(request["context"])

    call = Access(ALICE, "api", "google", frozenset({"read"}), "GET", "/x")
    who, resource, context = asked(call, 90.0)
    assert who == {"type": "Principal", "id": ALICE.id}
    assert resource == {"type": "Route", "id": "api"}
    assert context == {
        "hours": ["mon 09:00-10:00 UTC"],
        "now": {"__extn": {"fn": "datetime", "arg": "1970-01-01T00:01:00Z"}},
        "provider": "google",
        "scopes": ["read"],
        "method": "GET",
        "path": "/x",
    }
    who, resource, context = asked(Access(None, provider="google"))
    assert (who, resource) == (asking.AGENT, {"type": "Provider", "id": "google"})
    assert context == {"hours": ["mon 09:00-10:00 UTC"], "provider": "google", "scopes": []}
    assert asked(Access(ALICE, act=Act.ENTER))[1:] == (asking.AGENT, {"hours": ["mon 09:00-10:00 UTC"]})
    tool = Access(ALICE, act=Act.TOOL, tool="travel/x", arguments={})
    assert "arguments" in str(asked(tool, argued=True)[2])
    assert "arguments" not in str(asked(tool)[2])
