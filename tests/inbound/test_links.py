"""Where users have to agree is told on the answer to their own call."""

from dataclasses import dataclass

from sidecar.inbound.links import MOST, Links
from tests.inbound.front import front
from tests.invocation.scene import Scene
from tests.relay.agents import Link, Request, own
from tests.relay.callers import caller

URL = "https://accounts.example/connect/abc"


@dataclass
class Visit:
    mark: bytes = b""


def test_each_link_is_told_once_and_only_so_many() -> None:
    scene, visit = Scene(), Visit()
    links = Links()
    invocation, _ = scene.open()
    links.keep(invocation, visit)
    links.offer(b"another", URL)
    assert visit.mark == b""
    for _ in range(3):
        links.offer(invocation.id, URL)
    assert visit.mark == b'Link: <https://accounts.example/connect/abc>; rel="urn:identity-sidecar:consent"\r\n'
    for number in range(10):
        links.offer(invocation.id, f"{URL}{number}")
    assert visit.mark.count(b"Link: ") == MOST


def test_what_is_over_is_told_nothing() -> None:
    scene, visit = Scene(), Visit()
    links = Links()
    invocation, _ = scene.open()
    links.keep(invocation, visit)
    links.over(invocation)
    links.offer(invocation.id, URL)
    assert (visit.mark, len(links)) == (b"", 0)


async def test_the_answer_to_the_users_own_call_carries_it() -> None:
    async def answering(request: Request, link: Link) -> None:
        invocation = served.invocations.find(request.values(b"x-identity-invocation")[0])
        assert invocation is not None
        links.offer(invocation.id, URL)
        await own(request, link)

    async with front(answer=answering) as served, caller(served.endpoint) as one:
        links = served.door.links = Links()
        request = b"GET / HTTP/1.1\r\nHost: agent\r\nAuthorization: Bearer @TOKEN@\r\n\r\n"
        answer = await one.ask(served.filled(request))
        assert answer.status == 200
        assert answer.value(b"link") == b'<https://accounts.example/connect/abc>; rel="urn:identity-sidecar:consent"'
        assert len(links) == 0
        served.door.links = None
        answer = await one.ask(served.filled(request))
        assert (answer.status, answer.value(b"link")) == (200, None)
