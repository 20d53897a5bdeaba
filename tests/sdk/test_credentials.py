"""A function is given a token or a key of whoever is being answered, and nobody else ever is."""

import asyncio
import inspect
import typing
from typing import Any

import pytest

from sidecar import sdk
from tests.sdk.answering import Api
from tests.sdk.handles import HANDLES

ALICE, BOB = HANDLES[:2]
READ = ("calendar.readonly",)


@pytest.fixture(autouse=True)
def vending(api: Api) -> Api:
    api.say("/v1/token", lambda said: {"access_token": f"token of {said['provider']} for {' '.join(said['scopes'])}"})
    api.say("/v1/api-key", lambda said: {"api_key": f"key of {said['provider']}"})
    return api


def test_a_function_gets_the_token_of_the_call_each_time(api: Api) -> None:
    @sdk.with_access_token("google", READ)
    def agenda(day: str, *, access_token: str) -> str:
        """What there is to do."""
        return f"{day}: {access_token}"

    for handle in (ALICE, BOB):
        with sdk.invocation(handle):
            assert agenda("monday") == "monday: token of google for calendar.readonly"
    body = {"provider": "google", "scopes": ["calendar.readonly"]}
    assert api.asked == [("POST", "/v1/token", handle, body) for handle in (ALICE, BOB)]
    assert (agenda.__name__, agenda.__doc__) == ("agenda", "What there is to do.")


async def test_a_coroutine_function_gets_it_while_others_go_on(api: Api) -> None:
    @sdk.with_api_key("maps", into="key")
    @sdk.with_access_token("google", scopes=["a", "b"], into="token")
    async def agenda(day: str, token: str, key: str) -> tuple[str, str, str]:
        await asyncio.sleep(0)
        return day, token, key

    async def answered(handle: str) -> tuple[str, str, str]:
        with sdk.invocation(handle):
            return await agenda(day=handle[-4:])

    found = await asyncio.gather(*map(answered, (ALICE, BOB)))
    assert [day for day, *_ in found] == [ALICE[-4:], BOB[-4:]]
    assert {(token, key) for _, token, key in found} == {("token of google for a b", "key of maps")}
    assert sorted((path, handle) for _, path, handle, _ in api.asked) == sorted(
        (path, handle) for path in ("/v1/token", "/v1/api-key") for handle in (ALICE, BOB)
    )
    assert inspect.iscoroutinefunction(agenda)


def test_outside_of_a_call_it_is_the_agents_own(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    @sdk.with_api_key("model")
    def key(*, api_key: str) -> str:
        return api_key

    with pytest.raises(sdk.NoInvocation):
        key()
    assert api.asked == []
    monkeypatch.setenv("HTTPS_PROXY", f"http://ag_mine:x@127.0.0.1:{api.server_port}")
    assert key() == "key of model"
    with sdk.invocation(ALICE):
        key()
    assert [handle for _, _, handle, _ in api.asked] == ["ag_mine", ALICE]


@pytest.mark.parametrize("given", [{"access_token": "mine"}, {"access_token": None}])
async def test_nobody_but_the_sidecar_gives_it(api: Api, given: dict[str, Any]) -> None:
    @sdk.with_access_token("google")
    def agenda(day: str = "", *, access_token: str = "") -> str:
        return access_token

    @sdk.with_access_token("google")
    async def later(access_token: str) -> str:
        return access_token

    with sdk.invocation(ALICE):
        with pytest.raises(TypeError, match="by the sidecar alone"):
            agenda(**given)
        with pytest.raises(TypeError, match="by the sidecar alone"):
            await later(**given)
        assert api.asked == []
        with pytest.raises(TypeError, match="access_token"):
            await later("mine")


def test_what_a_model_is_told_of_the_function_has_no_such_parameter() -> None:
    @sdk.with_access_token("google")
    async def agenda(day: "Api", access_token: str, *, limit: int = 3) -> "list[Api]":
        raise AssertionError

    assert str(inspect.signature(agenda)) == "(day: 'Api', *, limit: int = 3) -> 'list[Api]'"
    assert typing.get_type_hints(agenda) == {"day": Api, "limit": int, "return": list[Api]}

    @sdk.with_access_token("google")
    def anything(**kwargs: object) -> object:
        return kwargs

    with sdk.invocation(ALICE):
        assert anything(a=1) == {"a": 1, "access_token": "token of google for "}


def test_a_method_and_a_generator_are_functions_too() -> None:
    class Calendar:
        @sdk.with_access_token("google")
        def days(self, *, access_token: str) -> Any:
            yield self
            yield access_token

    with sdk.invocation(ALICE):
        calendar = Calendar()
        assert [*calendar.days()] == [calendar, "token of google for "]


def test_what_cannot_be_given_it_is_said_at_once() -> None:
    def none(day: str) -> None: ...
    def positional(access_token: str, /) -> None: ...
    async def streaming(access_token: str) -> Any:
        yield access_token

    @sdk.require_tool("desk/book")
    def checked(access_token: str) -> None: ...

    for work, why in (
        (none, "takes no access_token"),
        (positional, "by keyword"),
        (streaming, "generator"),
        (checked, "put @require_tool above"),
    ):
        with pytest.raises(TypeError, match=why):
            sdk.with_access_token("google")(work)
    with pytest.raises(TypeError, match="list of scopes"):
        sdk.with_access_token("google", "calendar.readonly")


async def test_a_refusal_is_told_before_the_function_begins(api: Api) -> None:
    session = "s" * 43
    url = f"https://accounts.example.com/connect/{session}"
    api.refuse("/v1/token", 403, "consent_required", authorization_url=url, session=session)
    api.refuse("/v1/api-key", 403, "not_permitted")
    begun = []

    @sdk.with_access_token("google")
    async def token(access_token: str) -> None:
        begun.append(1)

    @sdk.with_api_key("model")
    def key(api_key: str) -> None:
        begun.append(1)

    with sdk.invocation(ALICE):
        with pytest.raises(sdk.ConsentRequired) as required:
            await token()
        assert (required.value.url, required.value.session) == (url, session)
        with pytest.raises(sdk.Refused) as refused:
            key()
        assert (refused.value.code, refused.value.detail) == ("not_permitted", "Do something else.")
    assert begun == []
