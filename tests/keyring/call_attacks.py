"""A table of assertions between agents that must be refused, by family, and beside each family its siblings that must
pass.

A row makes the tokens that are sent, one after the other: all but the last are let in, and the row says what becomes of
that one. A row differs from a good assertion in one thing; its siblings show that this thing is what is refused.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sidecar.identity import call
from sidecar.identity.principal import Kind
from sidecar.oauth.messages import client_assertion
from sidecar.wire.strict import base64url, base64url_encode
from tests.keyring.agents import (
    AGENT,
    MISSING,
    NOW,
    OKTA,
    OTHER_TENANT,
    PLANNER,
    STAFF,
    TENANT,
    UNLISTED,
    WRITER,
    Agents,
    chained,
    person,
)
from tests.minting import encoded, signer

Made = bytes | Sequence[bytes]
Make = Callable[[Agents], Made]
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Row:
    family: str
    name: str
    code: str
    """The refusal's, or ``""`` for a sibling that has to pass."""
    make: Make
    planner: Mapping[str, Any] = field(default_factory=dict)
    """What more is configured of the caller's sidecar."""


def rows(family: str, code: str, makers: Mapping[str, Make], **planner: Any) -> list[Row]:
    return [Row(family, name, code, make, planner) for name, make in makers.items()]


def each(family: str, code: str, label: str, values: Iterable[Any], make: Callable[[Agents, Any], Made]) -> list[Row]:
    def bound(value: Any) -> Make:
        return lambda agents: make(agents, value)

    return [Row(family, f"{label} {value!r}"[:80], code, bound(value)) for value in values]


def claim(family: str, code: str, name: str, values: Iterable[Any]) -> list[Row]:
    return each(family, code, name, values, lambda a, value: a.token(**{name: value}))


def described(family: str, code: str, name: str, values: Iterable[Any]) -> list[Row]:
    """Of what is said of the principal."""
    return each(family, code, f"principal.{name}", values, lambda a, value: a.token(principal={name: value}))


KINDS = [
    *each(
        "kind",
        "token_kind_invalid",
        "typ",
        (
            MISSING, "", "JWT", "jwt", "at+jwt", "principal+jwt", "agent-call", "AGENT-CALL+JWT", "Agent-Call+jwt",
            "application/agent-call+jwt", "agent-call+jwt ", " agent-call+jwt", "agent-call+jwt;v=1",
            "agent-call+jwt\0", "agent\u2010call+jwt", "dpop+jwt", "logout+jwt",
        ),
        lambda a, typ: a.planner.mint(a.claims(), {"typ": None if typ is MISSING else typ}),
    ),
    *each("kind", "token_malformed", "typ", (["agent-call+jwt"], 7, True), lambda a, typ: a.token(header={"typ": typ})),
    *rows(
        "kind",
        "token_kind_invalid",
        {
            "the agent's own assertion of the principal": lambda a: a.planner.mint(
                a.claims() | {"exp": int(NOW) + 300}, {"typ": "principal+jwt"}
            ),
            "a client's assertion, made out to the agent": lambda a: a.planner.mint(
                client_assertion(PLANNER, AGENT, "j", NOW), {"typ": "JWT"}
            ),
            "as an access token of okta": lambda a: a.okta.mint(a.claims(iss=OKTA), {"typ": call.TYP}),
            "okta's own access token in its clothes": lambda a: a.okta.mint(
                {"iss": OKTA, "aud": AGENT, "cid": "app", "uid": "00u1", "exp": int(NOW) + 60}, {"typ": call.TYP}
            ),
        },
    ),
    *rows(
        "kind",
        "",
        {
            "an assertion between agents": lambda a: a.token(),
            "okta's own access token": lambda a: a.okta.mint(
                {"iss": OKTA, "aud": AGENT, "cid": "app", "uid": "00u1", "exp": int(NOW) + 60}
            ),
        },
    ),
]  # fmt: skip

AUDIENCE = [
    *claim(
        "audience",
        "audience_invalid",
        "aud",
        (
            MISSING, None, "", "other", "Travel", "travel ", " travel", "travel,other", ["travel"], ["travel", "other"],
            [], {"travel": 1}, 7, True, PLANNER, "https://travel.example.com", "travel\0",
        ),
    ),
    *rows("audience", "", {"the agent's name, alone": lambda a: a.token(aud="travel")}),
]  # fmt: skip

ISSUER = [
    *claim(
        "issuer", "issuer_unknown", "iss", (MISSING, None, "", "https://evil.example", f"{PLANNER}/x", [PLANNER], 7)
    ),
    *rows(
        "issuer",
        "signature_invalid",
        {
            "another sidecar's, by the caller's key": lambda a: a.token(iss=WRITER),
            "the caller's, by another sidecar's key": lambda a: a.token(by=a.writer),
            "okta's, by the caller's key": lambda a: a.token(iss=OKTA),
            "the caller's, by okta's key": lambda a: a.token(by=a.okta),
        },
    ),
    *rows(
        "issuer",
        "",
        {
            "with a slash at its end": lambda a: a.token(iss=f"{PLANNER}/"),
            "another sidecar for whom it may speak": lambda a: a.token(
                by=a.writer, iss=WRITER, who=person(issuer_url=STAFF.format(TENANT), tenant=TENANT)
            ),
        },
    ),
]

SPOKEN_FOR = [
    *described(
        "spoken for",
        "issuer_unknown",
        "issuer",
        (
            MISSING, None, "", UNLISTED, "https://evil.example", f"{OKTA}/", OKTA.upper(), "okta", PLANNER, WRITER,
            [OKTA], 7, STAFF.format(OTHER_TENANT), f"https://sts.windows.net/{TENANT}/",
        ),
    ),
    *rows(
        "spoken for",
        "issuer_unknown",
        {
            "okta's user, by a sidecar that may speak for the staff alone": lambda a: a.token(by=a.writer, iss=WRITER),
            "an unlisted issuer's user, id and all": lambda a: a.token(who=person(issuer_url=UNLISTED)),
            "the calling sidecar's own": lambda a: a.token(who=person(issuer_url=PLANNER)),
        },
    ),
    *rows(
        "spoken for",
        "claim_missing",
        {
            "of another tenant": lambda a: a.token(who=person(issuer_url=STAFF.format(TENANT), tenant=OTHER_TENANT)),
            "without the tenant": lambda a: a.token(who=person(issuer_url=STAFF.format(TENANT))),
        },
    ),
    *rows(
        "spoken for",
        "token_malformed",
        {
            "another's id": lambda a: a.token(sub=person(subject="bob").id),
            "the subject instead of the id": lambda a: a.token(sub="alice"),
            "no id": lambda a: a.token(sub=MISSING),
            "an id in a list": lambda a: a.token(sub=[person().id]),
            "another's subject below the id": lambda a: a.token(principal={"subject": "bob"}),
            "a tenant that the id hasn't": lambda a: a.token(principal={"tenant": "acme"}),
        },
    ),
    *rows(
        "spoken for",
        "",
        {
            "okta's user": lambda a: a.token(),
            "the tenant's user": lambda a: a.token(who=person(issuer_url=STAFF.format(TENANT), tenant=TENANT)),
            "a service": lambda a: a.token(who=person(kind=Kind.SERVICE, subject="0oa1")),
        },
    ),
]  # fmt: skip

PRINCIPAL = [
    *claim("principal", "claim_missing", "principal", (MISSING, None, "alice", ["alice"], 7)),
    *described("principal", "claim_missing", "subject", (MISSING, None)),
    *described(
        "principal", "token_malformed", "subject", ("", " alice", "al\nice", "a" * 256, 7, ["alice"], "a\u0000lice")
    ),
    *described("principal", "token_malformed", "kind", (MISSING, None, "", "admin", "USER", ["user"], 7)),
    *described("principal", "token_malformed", "tenant", (7, [""], "a\0b")),
    *described("principal", "token_malformed", "client", (7, "", ["app"], "a\0")),
    *described("principal", "token_malformed", "groups", ("sales", [1], [None], {"sales": 1}, [""], None, [["a"]])),
    *described("principal", "token_malformed", "roles", ("buyer", [1])),
    *described("principal", "token_malformed", "scopes", ("read write", [1])),
    *described("principal", "", "groups", (MISSING, [], ["a"])),
    *described("principal", "", "groups_unknown", (True,)),
    *described("principal", "", "more", ({"of": "it"},)),
]

CHAIN = [
    *claim("chain", "claim_missing", "act", (MISSING, None, {}, {"act": {"sub": "a"}}, {"sub": None})),
    *claim(
        "chain",
        "token_malformed",
        "act",
        (
            [], [{"sub": "a"}], "planner", 7, True,
            {"sub": ""}, {"sub": 7}, {"sub": ["a"]}, {"sub": "a\n"}, {"sub": " a"}, {"sub": "a" * 256},
            {"sub": "a", "act": []}, {"sub": "a", "act": None}, {"sub": "a", "act": "b"}, {"sub": "a", "act": 0},
        ),
    ),
    *each("chain", "claim_missing", "act", ({"sub": "a", "act": {}},), lambda a, act: a.token(act=act)),
    *each(
        "chain",
        "token_malformed",
        "act of so many:",
        (9, 10, 20),
        lambda a, count: a.token(act=chained(*(f"a{number}" for number in range(count)))),
    ),
    *rows(
        "chain",
        "token_malformed",
        {
            "a loop that has gone round to nine": lambda a: a.token(act=chained(*["planner", AGENT, "writer"] * 3)),
            "deeper than JSON may be": lambda a: a.token(act=chained(*["a"] * 40)),
        },
    ),
    *rows(
        "chain",
        "",
        {
            "of eight": lambda a: a.token(act=chained(*(f"a{number}" for number in range(8)))),
            "an agent that is called back": lambda a: a.token(act=chained("planner", AGENT, "planner")),
            "with whose name it is": lambda a: a.token(act={"sub": "planner", "iss": PLANNER}),
        },
    ),
]  # fmt: skip

TIME = [
    *claim("time", "token_expired", "exp", (int(NOW) - 30, int(NOW) - 31)),
    *claim("time", "claim_missing", "exp", (MISSING, None, int(NOW) + 61, int(NOW) + 3600, int(NOW), 253402300799)),
    *claim("time", "token_malformed", "exp", ("soon", str(int(NOW) + 30), True, -1, 1e30)),
    *claim("time", "claim_missing", "iat", (MISSING, None, int(NOW) - 31, int(NOW) - 3600, 0)),
    *claim("time", "token_not_yet_valid", "iat", (int(NOW) + 31, int(NOW) + 3600)),
    *claim("time", "token_not_yet_valid", "nbf", (int(NOW) + 31,)),
    *claim("time", "", "exp", (int(NOW) + 60, int(NOW) + 1)),
    *rows(
        "time",
        "",
        {
            "expired within the leeway": lambda a: a.token(iat=int(NOW) - 59, exp=int(NOW) - 29),
            "made ahead, within the leeway": lambda a: a.token(iat=int(NOW) + 30, exp=int(NOW) + 60),
        },
    ),
    *rows(
        "time",
        "token_expired",
        {"expired, without leeway": lambda a: a.token(iat=int(NOW) - 30, exp=int(NOW))},
        leeway=0,
    ),
]


def _twice(make: Callable[[Agents], bytes]) -> Make:
    def both(agents: Agents) -> Made:
        token = make(agents)
        return token, token

    return both


def _other_form(token: bytes) -> bytes:
    """The other signature that holds for the same bytes: (r, n - s) beside (r, s)."""
    head, _, signature = token.rpartition(b".")
    raw = base64url(signature)
    other = (_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    return head + b"." + base64url_encode(raw[:32] + other)


def _respelled(agents: Agents) -> Made:
    claims = agents.claims()
    spaced = json.dumps(claims, indent=1).encode()
    return agents.planner.mint(claims, {"typ": call.TYP}), agents.planner.mint(spaced, {"typ": call.TYP})


def _resigned(agents: Agents) -> Made:
    claims = agents.claims()
    return [agents.planner.mint(claims, {"typ": call.TYP}) for _ in range(2)]


ONCE = [
    *claim("once", "claim_missing", "jti", (MISSING, None)),
    *claim("once", "token_malformed", "jti", ("", 7, ["j"], "a" * 256, "a\n", " a", "a\ud800")),
    *rows(
        "once",
        "token_expired",
        {
            "sent again": _twice(lambda a: a.token()),
            "sent again with the signature's other form": lambda a: (token := a.token(), _other_form(token)),
            "signed again": _resigned,
            "spelled otherwise": _respelled,
            "the same jti with another exp": lambda a: (a.token(jti="x"), a.token(jti="x", exp=int(NOW) + 60)),
            "the same jti for another user": lambda a: (a.token(jti="x"), a.token(jti="x", who=person(subject="bob"))),
            "the same jti under the issuer's other spelling": lambda a: (
                a.token(jti="x"),
                a.token(jti="x", iss=f"{PLANNER}/"),
            ),
        },
    ),
    *rows(
        "once",
        "",
        {
            "the first time": lambda a: a.token(),
            "another one for the same user": lambda a: (a.token(), a.token()),
            "jti that another sidecar has used": lambda a: (
                a.token(jti="x"),
                a.token(jti="x", by=a.writer, iss=WRITER, who=person(issuer_url=STAFF.format(TENANT), tenant=TENANT)),
            ),
            "the longest jti": lambda a: a.token(jti="a" * 255),
        },
    ),
]


def _hmacked(agents: Agents, secret: bytes) -> bytes:
    header = {"alg": "HS256", "kid": "planner-1", "typ": call.TYP}
    signing_input = b".".join(map(base64url_encode, (encoded(header), encoded(agents.claims()))))
    return signing_input + b"." + base64url_encode(hmac.new(secret, signing_input, hashlib.sha256).digest())


def _unsigned(agents: Agents, alg: str) -> bytes:
    header = {"alg": alg, "kid": "planner-1", "typ": call.TYP}
    return b".".join((*map(base64url_encode, (encoded(header), encoded(agents.claims()))), b""))


PROOF = [
    *each(
        "proof",
        "signature_invalid",
        "no signature, alg",
        ("none", "None", "ES256", "HS256", "RS256", "ES384", "EdDSA"),
        _unsigned,
    ),
    *rows(
        "proof",
        "signature_invalid",
        {
            "HS256 over the public JWK": lambda a: _hmacked(a, encoded(a.planner.jwk())),
            "HS256 over nothing": lambda a: _hmacked(a, b""),
            "a stranger's key of the same kid": lambda a: a.token(by=a.stranger),
            "a stranger who sends the key along": lambda a: a.token(by=a.stranger, header={"jwk": a.stranger.jwk()}),
            "a stranger who says where the key is": lambda a: a.token(
                by=a.stranger, header={"jku": "https://evil.example/jwks"}
            ),
            "a kid that nobody has": lambda a: a.token(header={"kid": "planner-2"}),
            "another sidecar's kid": lambda a: a.token(header={"kid": "writer-1"}),
            "a path as kid": lambda a: a.token(header={"kid": "../../writer-1"}),
            "RS256 with the caller's kid": lambda a: a.okta.mint(a.claims(), {"typ": call.TYP, "kid": "planner-1"}),
            "ES384 with the caller's kid": lambda a: signer("ES384", "planner-1").mint(a.claims(), {"typ": call.TYP}),
            "ES256 called RS256": lambda a: a.planner.mint(
                a.claims(), {"typ": call.TYP, "alg": "RS256"}, signed_as="ES256"
            ),
            "a signature of zeros": lambda a: a.token().rpartition(b".")[0] + b"." + base64url_encode(bytes(64)),
            "cut": lambda a: a.token()[:-2],
            "another assertion's signature": lambda a: (
                a.token().rpartition(b".")[0] + b"." + a.token().rpartition(b".")[2]
            ),
        },
    ),
    *rows(
        "proof",
        "token_malformed",
        {
            "an extension that is demanded": lambda a: a.token(header={"crit": ["x"], "x": 1}),
            "a claim that appears twice": lambda a: a.planner.mint(
                encoded(a.claims())[:-1] + b',"aud":"travel"}', {"typ": call.TYP}
            ),
            "encrypted": lambda a: a.token() + b".AA.AA",
        },
    ),
    *rows("proof", "too_large", {"17 KiB": lambda a: a.token(more="a" * 17_000)}),
    *rows(
        "proof",
        "",
        {
            "the caller's own": lambda a: a.token(),
            "without a kid, where there is one key": lambda a: a.token(header={"kid": None}),
        },
    ),
]

_PLANNERS = {"act/sub": frozenset({"planner"})}
CONFIGURED = [
    *rows(
        "configured",
        "claim_missing",
        {"another agent than is required": lambda a: a.token(act=chained("writer"))},
        require={"act/sub": frozenset({"planner"})},
    ),
    *rows(
        "configured",
        "",
        {"the agent that is required": lambda a: a.token()},
        require={"act/sub": frozenset({"planner"})},
    ),
    *rows(
        "configured",
        "audience_invalid",
        {
            "another client than is named": lambda a: a.token(who=person(client="other")),
            "no client, where one is named": lambda a: a.token(who=person(client=None)),
        },
        clients=("app",),
    ),
    *rows("configured", "", {"the client that is named": lambda a: a.token()}, clients=("app",)),
    *rows("configured", "signature_invalid", {"an algorithm less": lambda a: a.token()}, algorithms=("ES384",)),
]

ROWS = [*KINDS, *AUDIENCE, *ISSUER, *SPOKEN_FOR, *PRINCIPAL, *CHAIN, *TIME, *ONCE, *PROOF, *CONFIGURED]
