from sidecar.mcp.methods import LISTS, NOTIFICATIONS, REQUESTS, Need


def test_a_tool_is_the_only_thing_that_needs_one() -> None:
    assert [name for name, method in REQUESTS.items() if method.need is Need.TOOL] == ["tools/call"]


def test_what_a_server_shows_or_does_besides_needs_the_whole_route() -> None:
    whole = {name.partition("/")[0] for name, method in REQUESTS.items() if method.need is Need.ROUTE}
    assert whole == {"prompts", "resources", "completion", "tasks"}


def test_every_list_is_known_by_the_method_that_asks_for_it() -> None:
    assert {"tools", "prompts", "resources", "resourceTemplates"} == LISTS
    assert all(method.need is Need.CONVERSE for method in REQUESTS.values() if method.lists)


def test_tasks_of_others_are_not_listed() -> None:
    assert "tasks/list" not in REQUESTS


def test_nothing_is_both() -> None:
    assert not NOTIFICATIONS & REQUESTS.keys()
    assert all(name.startswith("notifications/") for name in NOTIFICATIONS)
