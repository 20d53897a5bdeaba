import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.mcp.listing import sifted


class Someone:
    """Sees the tools of *shown*, and prompts and resources or not."""

    def __init__(self, *shown: str, others: bool = False) -> None:
        self.shown, self._others = frozenset(shown), others
        self.told: list[tuple[int, int]] = []

    def tools(self, names: Sequence[str]) -> Sequence[bool]:
        return [name in self.shown for name in names]

    def others(self) -> bool:
        return self._others

    def listed(self, names: Sequence[str], shown: int, hidden: int) -> None:
        self.told.append((shown, hidden))


def listing(*names: object, **more: Any) -> dict[str, Any]:
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in names]
    return {"jsonrpc": "2.0", "id": 1, "result": {"tools": tools, **more}}


def seen(message: object, who: Someone, **layout: Any) -> Any:
    data = json.dumps(message, **layout).encode()
    found = sifted(data, who, due=True)
    return json.loads(data if found is None else found)


@pytest.mark.parametrize("layout", [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": "\t"}])
def test_only_what_may_be_called_is_listed_in_the_servers_order(layout: dict[str, Any]) -> None:
    who = Someone("z", "a", "m")
    result = seen(listing("z", "b", "a", "c", "m", nextCursor="n", ttlMs=5), who, **layout)["result"]
    assert [tool["name"] for tool in result["tools"]] == ["z", "a", "m"]
    assert result["nextCursor"] == "n"
    assert result["ttlMs"] == 5
    assert result["cacheScope"] == "private"
    assert who.told == [(3, 2)]


def test_commas_may_stand_apart() -> None:
    text = b'{"result":{"tools":[{"name":"a"} , {"name":"b"}\n,{"name":"c"} ]}}'
    found = sifted(text, Someone("a", "c"), due=True)
    assert found is not None
    assert [tool["name"] for tool in json.loads(found)["result"]["tools"]] == ["a", "c"]


def test_the_scope_of_a_cache_is_the_principals_own() -> None:
    scopes: tuple[object, ...] = ("public", "private", None, {})
    for scope in scopes:
        assert seen(listing("a", cacheScope=scope), Someone("a"))["result"]["cacheScope"] == "private"


def test_nothing_else_of_a_list_is_touched() -> None:
    text = '{"jsonrpc" : "2.0","id":1, "result":{"x":1.50,"tools":[{"name":"a","n":1e999, "t":"\\u00e9"} ], "y": [ ]}}'
    found = sifted(text.encode(), Someone("a"), due=True)
    assert found == text.replace(" ], ", "], ").replace("[ ]}", '[ ],"cacheScope":"private"}').encode()


def test_prompts_and_resources_are_there_or_not() -> None:
    for member in ("prompts", "resources", "resourceTemplates"):
        message = {"jsonrpc": "2.0", "id": 1, "result": {member: [{"name": "x"}], "nextCursor": "n"}}
        assert seen(message, Someone())["result"] == {member: [], "nextCursor": "n", "cacheScope": "private"}
        assert seen(message, Someone(others=True))["result"][member] == [{"name": "x"}]


def test_a_tool_without_a_name_that_could_be_called_is_hidden() -> None:
    class Everything(Someone):
        def tools(self, names: Sequence[str]) -> Sequence[bool]:
            return [True] * len(names)

    who = Everything()
    message = listing("a", None, 1, ["a"], "a\0", "", "\ud800", "x" * 257)
    message["result"]["tools"] += ["a", None, {}, ["name", "a"]]
    assert [tool["name"] for tool in seen(message, who)["result"]["tools"]] == ["a"]
    assert who.told == [(1, 11)]


@pytest.mark.parametrize(
    "text",
    [
        '{"id":1,"result":{}}',
        '{"id":1,"error":{"code":-1,"message":"tools"}}',
        '{"method":"notifications/message","params":{"tools":[1]}}',
        "{}",
        '{"result":null}',
        '{"result":[{"tools":[]}]}',
    ],
)
def test_what_has_no_list_passes_as_it_is(text: str) -> None:
    assert sifted(text.encode(), Someone(), due=True) is None


UNREADABLE = {
    "nothing": "",
    "a page": "<html>",
    "a batch": '[{"result":{"tools":[]}}]',
    "a string": '"tools"',
    "half of it": '{"result":{"tools":[{"name":"a"},',
    "half a name": '{"result":{"too',
    "no colon": '{"result" {"tools":[]}}',
    "no comma": '{"result":{"tools":[{} {}]}}',
    "a comma too many": '{"result":{"tools":[{},]}}',
    "no end": '{"result":{"tools":[]}',
    "something behind it": '{"result":{"tools":[]}}{}',
    "a list that is none": '{"result":{"tools":{"a":{}}}}',
    "another that is none": '{"result":{"prompts":"all"}}',
    "a member twice": '{"result":{"tools":[]},"result":{}}',
    "a list twice": '{"result":{"tools":[],"tools":[]}}',
    "a name that is none": '{"result":{1:2}}',
    "a byte order mark": '\ufeff{"result":{"tools":[]}}',
    "too deep": '{"result":{"tools":' + "[" * 100_000,
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_refused_where_a_list_is_due(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several texts
        sifted(text.encode(), Someone("a"), due=True)


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-32"])
def test_so_is_what_is_not_utf_8(charset: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several texts
        sifted(json.dumps(listing("a")).encode(charset), Someone("a"), due=True)


def test_a_list_that_nobody_asked_for_here_is_sifted_all_the_same() -> None:
    data = json.dumps(listing("a", "b")).encode()
    for hidden in (data, data.replace(b'"tools"', b'"t\\u006fols"')):
        found = sifted(hidden, Someone("a"), due=False)
        assert found is not None
        assert json.loads(found)["result"]["tools"] == listing("a")["result"]["tools"]


def test_what_can_hold_no_list_is_not_read_at_all() -> None:
    for data in (b"anything", b'{"result":{"content":[{"text":"\\"tools\\": [1]"}]}}', b'{"result":{"tool":1}}'):
        assert sifted(data, Someone(), due=False) is None


def test_a_tools_own_result_is_not_taken_for_a_list() -> None:
    for result in ({"structuredContent": {"tools": [1, 2]}}, {"content": [{"tools": ["x"]}]}, {"tools": "many"}):
        assert sifted(json.dumps({"id": 1, "result": result}).encode(), Someone(), due=False) is None


def test_whoever_must_know_may_stop_it() -> None:
    class Full(Someone):
        def listed(self, names: Sequence[str], shown: int, hidden: int) -> None:
            raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        sifted(json.dumps(listing("a")).encode(), Full("a"), due=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["tools", "prompts", "name", "result", "cacheScope"]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=20,
)
NAMES = st.sampled_from("abcdefg")


@given(
    names=st.lists(NAMES),
    shown=st.sets(NAMES),
    before=st.dictionaries(st.text(), JSON, max_size=3),
    behind=st.dictionaries(st.text(), JSON, max_size=3),
    escaped=st.booleans(),
    indent=st.none() | st.integers(0, 3),
)
def test_what_is_listed_is_exactly_what_may_be_seen(
    names: list[str], shown: set[str], before: dict[str, Any], behind: dict[str, Any], escaped: bool, indent: int | None
) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "result": {**before, **listing(*names)["result"], **behind}}
    found = seen(message, Someone(*shown), ensure_ascii=escaped, indent=indent)
    expected = {**before, **listing(*[name for name in names if name in shown])["result"], **behind}
    assert found["result"] == {**expected, "cacheScope": "private"}


@given(JSON, st.booleans())
def test_no_list_gets_past(value: Any, due: bool) -> None:
    data = json.dumps(value).encode()
    try:
        found = sifted(data, Someone(), due=due)
    except ValueError:
        return
    said = json.loads(data if found is None else found)
    result = said.get("result") if isinstance(said, dict) else None
    if isinstance(result, dict):
        assert not any(result.get(name) for name in ("tools", "prompts") if isinstance(result.get(name), list))


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_whatever_comes_is_passed_or_refused(text: str) -> None:
    try:
        assert sifted(text.encode("utf-8", "surrogatepass"), Someone(), due=True) is None
    except ValueError:
        return
    json.loads(text)
