"""Two open invocations, a dead one and the agent, every place in which a handle can be sent, and who is then meant."""

import base64
from collections.abc import Callable, Mapping
from urllib.parse import quote

from sidecar.errors import InvocationAmbiguous, InvocationInvalid
from sidecar.invocation.caller import AGENT, Callers
from sidecar.invocation.carrier import Carried, carried, elsewhere
from sidecar.invocation.invocation import Lifetimes
from tests.invocation.scene import BOB, Scene

AGENT_HANDLE = b"ag_" + b"Ag9-_" * 8 + b"xyz"
FILLED = frozenset({b"x-api-key"})
"""What a provider might fill."""


class World:
    """What the handles are good for is known here by name: ``one``, ``two``, ``agent``."""

    def __init__(self, agent: bytes | None = AGENT_HANDLE) -> None:
        self.scene = Scene(Lifetimes(detach=600.0))
        self.agent = agent
        self.callers = Callers(self.scene.all, agent, concurrency_one=False)
        gone, self.dead = self.scene.open()
        self.dead_attach = self.scene.all.attach(gone)
        self.scene.now += 3600
        self.one, self.one_handle = self.scene.open()
        self.one_attach = self.scene.all.attach(self.one)
        self.one_detached = self.scene.all.detach(self.one, 60.0) or b""
        self.two, self.two_handle = self.scene.open(BOB)
        self.two_attach = self.scene.all.attach(self.two)
        self.names: Mapping[object, str] = {self.one: "one", self.two: "two", AGENT: "agent", None: "nobody"}
        self.live: Mapping[bytes, str] = {
            self.one_handle: "one",
            self.one_attach: "one",
            self.one_detached: "one",
            self.two_handle: "two",
            self.two_attach: "two",
            **({agent: "agent"} if agent is not None else {}),
        }

    def read(self, lines: list[bytes], filled: frozenset[bytes] = FILLED) -> Carried:
        return carried(lines, at(lines), filled, self.agent)

    def meant(self, lines: list[bytes], target: bytes = b"/", filled: frozenset[bytes] = FILLED) -> str:
        """Whose call it is, or why that is refused: ``astray``, ``invalid`` or ``ambiguous``."""
        found = self.read(lines, filled)
        if self.callers.live(elsewhere(lines, found, target, self.agent)):
            return "astray"
        try:
            return self.names[self.callers.of(found)]
        except InvocationInvalid:
            return "invalid"
        except InvocationAmbiguous:
            return "ambiguous"


def at(lines: list[bytes]) -> Mapping[bytes, tuple[int, ...]]:
    found: dict[bytes, tuple[int, ...]] = {}
    for index, line in enumerate(lines):
        name = line.partition(b":")[0].lower()
        found[name] = (*found.get(name, ()), index)
    return found


def basic(pair: bytes) -> bytes:
    return b"Basic " + base64.b64encode(pair)


Carrier = Callable[[bytes], bytes]

SURE: Mapping[str, Carrier] = {
    "X-Identity-Invocation": lambda handle: b"X-Identity-Invocation: " + handle,
    "in lower case": lambda handle: b"x-identity-invocation:" + handle,
    "with underscores": lambda handle: b"X_Identity_Invocation: " + handle,
    "with one underscore": lambda handle: b"X-Identity_Invocation: " + handle,
    "white space around": lambda handle: b"X-Identity-Invocation: \t" + handle + b" \t",
    "Proxy-Authorization: Bearer": lambda handle: b"Proxy-Authorization: Bearer " + handle,
    "Proxy-Authorization: bearer, two spaces": lambda handle: b"proxy-authorization: bearer  " + handle,
    "Proxy-Authorization: Basic": lambda handle: b"Proxy-Authorization: " + basic(handle + b":"),
    "Proxy-Authorization: Basic, no colon": lambda handle: b"Proxy-Authorization: " + basic(handle),
    "Proxy-Authorization: Basic, a password": lambda handle: b"Proxy-Authorization: " + basic(handle + b":x:y"),
    "Proxy-Authorization: BASIC": lambda handle: b"Proxy-Authorization: BASIC " + base64.b64encode(handle + b":"),
}
"""Whatever stands there is meant as a handle."""

PLACEHOLDERS: Mapping[str, Carrier] = {
    "Authorization: Bearer": lambda handle: b"Authorization: Bearer " + handle,
    "Authorization: Bearer, two spaces": lambda handle: b"Authorization: Bearer  " + handle,
    "Authorization: token": lambda handle: b"authorization: token " + handle,
    "Authorization": lambda handle: b"Authorization: " + handle,
    "Authorization: Basic": lambda handle: b"Authorization: " + basic(handle + b":"),
    "Authorization: Basic, no colon": lambda handle: b"Authorization: " + basic(handle),
    "Authorization: Basic, a password": lambda handle: b"Authorization: " + basic(handle + b":x-oauth-basic"),
    "Authorization: AWS4": lambda handle: (
        b"Authorization: AWS4-HMAC-SHA256 Credential=%b/20261124/us-east-1/s3/aws4_request, SignedHeaders=host" % handle
    ),
    "filled": lambda handle: b"X-Api-Key: " + handle,
    "filled, a prefix": lambda handle: b"x-api-key: Key " + handle,
}
"""Only what begins like a handle is one."""

PREFIXED: Mapping[str, Carrier] = {
    "filled, a prefix without a space": lambda handle: b"X-Api-Key: token=" + handle,
    "filled, a prefix of the handle's alphabet": lambda handle: b"X-Api-Key: key-" + handle,
}
"""Only what is shaped like a handle, to its end, is one."""

FULL: Mapping[str, Carrier] = {**SURE, **PLACEHOLDERS, **PREFIXED}
"""Every way to send a handle that names a caller."""

ATTACHING: Mapping[str, Carrier] = {
    "baggage": lambda handle: b"baggage: identity.invocation=" + handle,
    "baggage, beside others": lambda handle: b"Baggage: a=1, identity.invocation = %b ,b=2" % handle,
    "baggage, with properties": lambda handle: b"baggage: identity.invocation=%b;ttl=1;x" % handle,
    "baggage, an encoded value": lambda handle: b"baggage: identity.invocation=" + handle.replace(b"_", b"%5F"),
    "baggage, an encoded key": lambda handle: b"baggage: identity%2Einvocation=" + handle,
    "baggage, encoded to the last": lambda handle: b"baggage: %69dentity.invocation=" + encoded(handle),
    "baggage, in upper case": lambda handle: b"BAGGAGE: Identity.Invocation=" + handle,
}
"""Every way to send a handle that is good for attaching."""


def encoded(text: bytes) -> bytes:
    return b"".join(b"%%%02X" % each for each in text)


ELSEWHERE: Mapping[str, Carrier] = {
    "Cookie": lambda handle: b"Cookie: a=1; session=%b; b=2" % handle,
    "Cookie, encoded": lambda handle: b"Cookie: session=" + encoded(handle),
    "User-Agent": lambda handle: b"User-Agent: agent/1.0 (%b)" % handle,
    "Referer": lambda handle: b"Referer: https://a.example/?key=" + quote(handle).encode(),
    "X-Identity-Subject": lambda handle: b"X-Identity-Subject: " + handle,
    "another header": lambda handle: b"X-Other-Key: " + handle,
    "the header of another provider": lambda handle: b"X-Goog-Api-Key: " + handle,
    "the filled one with an underscore": lambda handle: b"X_Api_Key: " + handle,
    "Proxy_Authorization": lambda handle: b"Proxy_Authorization: Bearer " + handle,
    "tracestate": lambda handle: b"tracestate: a=" + handle,
    "Connection": lambda handle: b"Connection: close, " + handle,
    "a name": lambda handle: handle + b": 1",
    "extended": lambda handle: b"X-Other: %bzzz" % handle,
    "behind a false start": lambda handle: b"X-Other: ih_" + handle,
    "behind several": lambda handle: b"X-Other: " + b"ag_ih_" * 9 + handle,
    "a member of baggage": lambda handle: b"baggage: user=" + handle,
    "a key of baggage": lambda handle: b"baggage: %b=1" % handle,
    "another identity member": lambda handle: b"baggage: identity.principal=" + handle,
    "a property in baggage": lambda handle: b"baggage: a=1;b=" + handle,
    "a quoted value": lambda handle: b'Authorization: Bearer "%b"' % handle,
    "Authorization, a later word": lambda handle: b"Authorization: Bearer key " + handle,
    "Authorization, a parameter": lambda handle: b"Authorization: Digest username=" + handle,
    "Authorization, the password": lambda handle: b"Authorization: " + basic(b"x-access-token:" + handle),
    "Authorization, the password, unpadded": lambda handle: b"Authorization: " + basic(b"u:" + handle).rstrip(b"="),
    "Basic elsewhere": lambda handle: b"X-Upstream-Auth: " + basic(b"user:" + handle),
    "Basic elsewhere, of the other alphabet": lambda handle: (
        b"X-Auth: Basic " + base64.urlsafe_b64encode(b"\xff\xfe\xfb" + handle)
    ),
    "a filled header, not at its end": lambda handle: b"X-Api-Key: token=%b;v=1" % handle,
}
"""Where no handle may stand."""

TARGETS: Mapping[str, Carrier] = {
    "the query": lambda handle: b"/path?key=%b&b=2" % handle,
    "the query, encoded": lambda handle: b"/path?key=" + handle.replace(b"_", b"%5f"),
    "the query, encoded to the last": lambda handle: b"/path?key=" + encoded(handle),
    "a name in the query": lambda handle: b"/path?%b" % handle,
    "the path": lambda handle: b"/users/%b/x" % handle,
    "the path, encoded": lambda handle: b"/users/" + encoded(handle),
    "a signed url": lambda handle: b"/?X-Amz-Credential=%b%%2F20261124%%2Fus-east-1" % handle,
    "Basic in the query": lambda handle: b"/?auth=Basic%20" + base64.b64encode(b"u:" + handle).rstrip(b"="),
}
