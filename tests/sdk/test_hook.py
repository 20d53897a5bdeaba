"""Where the handle stands in a request."""

import pytest

from sidecar import sdk
from sidecar.sdk.hook import Hook, Sent
from sidecar.sdk.place import Place
from tests.sdk.handles import HANDLES

ALICE, BOB = HANDLES[:2]
PROXY = "http://127.0.0.1:8181"
PLACE = Place("127.0.0.1", 8181, past=("127.0.0.1",))


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        (("http", "127.0.0.1", 8181), Sent(None, None, ALICE)),
        (("http", "api.example.com", None), Sent(PROXY, None, ALICE)),
        (("ws", "api.example.com", None), Sent(PROXY, None, ALICE)),
        (("https", "api.example.com", None), Sent(PROXY, ALICE, None)),
        (("wss", "api.example.com", 8443), Sent(PROXY, ALICE, None)),
        (("https", "127.0.0.1", 8443), Sent(None, None, None)),
        (("http", "127.0.0.1", 9000), Sent(None, None, None)),
    ],
)
def test_the_handle_is_where_only_the_sidecar_sees_it(target: tuple[str, str, int | None], sent: Sent) -> None:
    with sdk.invocation(ALICE):
        assert Hook(PLACE).sent(*target, None) == sent


def test_the_handle_that_the_request_itself_brings_wins_and_stands_there_too() -> None:
    with sdk.invocation(ALICE):
        hook = Hook(PLACE)
        assert hook.sent("https", "api.example.com", None, BOB) == Sent(PROXY, BOB, None)
        assert hook.sent("http", "127.0.0.1", 8181, BOB) == Sent(None, None, BOB)
        assert hook.sent("https", "127.0.0.1", 8443, BOB) == Sent(None, None, None)


def test_outside_of_a_call_the_agent_calls_for_itself() -> None:
    as_agent = Hook(Place("127.0.0.1", 8181, agent="ag_secret"))
    assert as_agent.sent("https", "api.example.com", None, None) == Sent(PROXY, "ag_secret", None)
    with sdk.invocation(ALICE):
        assert as_agent.sent("https", "api.example.com", None, None) == Sent(PROXY, ALICE, None)
    assert Hook(PLACE).sent("https", "api.example.com", None, None) == Sent(PROXY, None, None)


def test_a_proxys_url_carries_the_handle_and_is_not_shown() -> None:
    assert Sent(PROXY, ALICE, None).proxy_with_user == f"http://{ALICE}:@127.0.0.1:8181"
    assert Sent(PROXY, None, ALICE).proxy_with_user == PROXY
    assert Sent(None, None, ALICE).proxy_with_user is None
    assert ALICE not in repr(Sent(PROXY, ALICE, ALICE))


def test_no_client_goes_through_a_unix_socket() -> None:
    with pytest.raises(ValueError, match=r"egress\.listen"):
        Hook(Place.found({"SIDECAR_URL": "unix:/run/sidecar/egress.sock"}))
