"""Attacks by form: what is not a token that can be read in just one way."""

import json
from collections.abc import Mapping
from typing import Any

from tests.identity.attacks.mint import Mint
from tests.identity.attacks.row import each, rows
from tests.minting import encoded


def _padded(token: bytes, part: int) -> bytes:
    parts = token.split(b".")
    parts[part] += b"=" * (-len(parts[part]) % 4 or 4)
    return b".".join(parts)


def _stray(mint: Mint, part: int) -> bytes:
    """Bits beyond the last byte set to one: another spelling of the same bytes."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    filled = (mint.token(x="1" * length).split(b".") for length in range(3))
    parts = next(parts for parts in filled if len(parts[part]) % 4)
    last = alphabet.index(parts[part][-1:]) | 1
    parts[part] = parts[part][:-1] + alphabet[last : last + 1]
    return b".".join(parts)


def _deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


STRUCTURE = [
    *rows(
        "structure",
        "token_malformed",
        {
            "nothing": lambda m: b"",
            "an opaque token": lambda m: b"2YotnFZFEjr1zCsicMWpAA",
            "a UUID": lambda m: b"9f6e1f5c-0000-4000-8000-000000000000",
            "two dots": lambda m: b"..",
            "a header alone": lambda m: m.parts()[0],
            "no signature part": lambda m: b".".join(m.parts()[:2]),
            "four parts": lambda m: m.token() + b"." + m.parts()[1],
            "five parts (JWE)": lambda m: m.token() + b".AA.AA",
            "six parts": lambda m: m.token() + b"." + m.token(),
            "a dot in front": lambda m: b"." + m.token(),
            "a dot behind": lambda m: m.token() + b".",
            "a space in front": lambda m: b" " + m.token(),
            "a space behind": lambda m: m.token() + b" ",
            "a line break behind": lambda m: m.token() + b"\n",
            "a NUL behind": lambda m: m.token() + b"\0",
            "two tokens": lambda m: m.token() + b"," + m.token(),
            "the scheme inside": lambda m: b"Bearer " + m.token(),
            "quoted": lambda m: b'"' + m.token() + b'"',
            "percent-encoded dots": lambda m: m.token().replace(b".", b"%2E"),
            "full-width dots": lambda m: m.token().replace(b".", "\uff0e".encode()),
            "JSON serialization": lambda m: json.dumps(
                dict(zip(("protected", "payload", "signature"), map(bytes.decode, m.parts()), strict=True))
            ).encode(),
            "UTF-16": lambda m: m.token().decode().encode("utf-16"),
        },
    ),
    *each("structure", "token_malformed", "padded part {}", range(3), lambda m, part: _padded(m.token(x="12"), part)),
    *each("structure", "token_malformed", "stray bits in part {}", (1, 2), _stray),
    *rows(
        "structure",
        "token_malformed",
        {
            "the other base64 alphabet": lambda m: m.unsigned("RS256", b"ab+/"),
            "a length that base64 can't have": lambda m: m.unsigned("RS256", b"abcde"),
            "white space in the signature": lambda m: m.unsigned("RS256", b"ab\ncd"),
            "letters beyond ASCII": lambda m: m.unsigned("RS256", "ümlaut__".encode()),
            "a header of nothing": lambda m: b"." + b".".join(m.parts()[1:]),
            "claims of nothing": lambda m: m.claiming(b""),
        },
    ),
    *rows(
        "structure",
        "",
        {
            "as it was minted": lambda m: m.token(),
            "another length of the last group": lambda m: m.token(x="12"),
            "signed with ES256": lambda m: m.token(by=m.ec),
            "signed with PS256": lambda m: m.token(by=m.pss),
            "signed with EdDSA": lambda m: m.token(by=m.ed),
        },
    ),
]

_HEADERS: Mapping[str, bytes] = {
    "an array": b'["alg","RS256"]',
    "a text": b'"RS256"',
    "null": b"null",
    "a number": b"1",
    "empty": b"{}",
    "no JSON": b"alg:RS256",
    "single quotes": b"{'alg':'RS256','kid':'rsa'}",
    "a trailing comma": b'{"alg":"RS256","kid":"rsa",}',
    "a comment": b'{"alg":"RS256"/**/,"kid":"rsa"}',
    "something behind": b'{"alg":"RS256","kid":"rsa"}x',
    "two objects": b'{"alg":"RS256","kid":"rsa"}{}',
    "a byte order mark": b'\xef\xbb\xbf{"alg":"RS256","kid":"rsa"}',
    "not UTF-8": b'{"alg":"RS256","kid":"rsa","x":"\xff"}',
    "UTF-16": '{"alg":"RS256","kid":"rsa"}'.encode("utf-16"),
    "alg twice": b'{"alg":"RS256","kid":"rsa","alg":"RS256"}',
    "alg twice, once none": b'{"alg":"none","alg":"RS256","kid":"rsa"}',
    "alg twice, once escaped": b'{"alg":"RS256","kid":"rsa","\\u0061lg":"none"}',
    "kid twice": b'{"alg":"RS256","kid":"rsa","kid":"ec"}',
    "a member twice further in": b'{"alg":"RS256","kid":"rsa","jwk":{"n":"1","n":"2"}}',
    "NaN": b'{"alg":"RS256","kid":"rsa","x":NaN}',
    "too deep": b'{"alg":"RS256","kid":"rsa","x":' + b"[" * 32 + b"]" * 32 + b"}",
    "far too deep": b'{"alg":"RS256","x":' + b"[" * 4000 + b"]" * 4000 + b"}",
    "no alg": b'{"kid":"rsa"}',
    "alg null": b'{"alg":null,"kid":"rsa"}',
    "alg a number": b'{"alg":256,"kid":"rsa"}',
    "alg a list": b'{"alg":["RS256"],"kid":"rsa"}',
    "typ null": b'{"alg":"RS256","kid":"rsa","typ":null}',
    "typ a list": b'{"alg":"RS256","kid":"rsa","typ":["JWT"]}',
    "kid null": b'{"alg":"RS256","kid":null}',
    "kid a number": b'{"alg":"RS256","kid":1}',
    "kid an object": b'{"alg":"RS256","kid":{"rsa":1}}',
    "crit of an extension": b'{"alg":"RS256","kid":"rsa","crit":["exp"],"exp":1}',
    "crit of b64": b'{"alg":"RS256","kid":"rsa","crit":["b64"],"b64":true}',
    "crit empty": b'{"alg":"RS256","kid":"rsa","crit":[]}',
    "crit null": b'{"alg":"RS256","kid":"rsa","crit":null}',
    "b64 false": b'{"alg":"RS256","kid":"rsa","b64":false}',
    "b64 a text": b'{"alg":"RS256","kid":"rsa","b64":"true"}',
    "b64 one": b'{"alg":"RS256","kid":"rsa","b64":1}',
}
HEADER = [
    *each("header", "token_malformed", "{}", _HEADERS, lambda m, header: m.headed(header)),
    *rows(
        "header",
        "",
        {
            "the least": lambda m: m.headed(b'{"alg":"RS256","kid":"rsa"}'),
            "white space": lambda m: m.headed(b' { "alg" : "RS256" , "kid" : "rsa" } '),
            "an escaped name": lambda m: m.headed(b'{"\\u0061lg":"RS256","kid":"rsa"}'),
            "b64 true is the rule": lambda m: m.headed(b'{"alg":"RS256","kid":"rsa","b64":true}'),
            "32 deep": lambda m: m.headed(b'{"alg":"RS256","kid":"rsa","x":' + b"[" * 31 + b"]" * 31 + b"}"),
            "certificates are there, and never read": lambda m: m.token({"x5t": "abc", "x5c": ["MII"]}),
        },
    ),
]


def _filled(mint: Mint, size: int) -> bytes:
    """A good token of just that many bytes."""
    for filling in range(size // 2, size):
        for header in ({}, {"x": "y"}, {"x": "yz"}):
            token = (
                mint.token({**header, "typ": "JWT"}, x="a" * filling) if _length(mint, header, filling) == size else b""
            )
            if len(token) == size:
                return token
    raise AssertionError("no filling gives that size")


def _length(mint: Mint, header: Mapping[str, str], filling: int) -> int:
    head = len(encoded({"alg": "RS256", "kid": "rsa", "typ": "JWT", **header}))
    claims = len(encoded(mint.claims(x=""))) + filling
    return -(-head * 4 // 3) + -(-claims * 4 // 3) + 342 + 2


_CLAIMS: Mapping[str, bytes] = {
    "an array": b"[]",
    "a text": b'"alice"',
    "null": b"null",
    "no JSON": b"iss=x",
    "not UTF-8": b'{"iss":"\xff"}',
    "a nested token": b"eyJhbGciOiJub25lIn0.e30.",
    "NaN": b'{"x":NaN}',
    "a trailing comma": b'{"iss":"x",}',
}
LIMITS = [
    *each("limits", "token_malformed", "claims are {}", _CLAIMS, lambda m, claims: m.claiming(claims)),
    *rows(
        "limits",
        "token_malformed",
        {
            "iss twice": lambda m: m.claiming(encoded(m.claims())[:-1] + b',"iss":"https://op.example.com"}'),
            "sub twice": lambda m: m.claiming(encoded(m.claims())[:-1] + b',"sub":"bob"}'),
            "sub twice, once escaped": lambda m: m.claiming(encoded(m.claims())[:-1] + b',"s\\u0075b":"bob"}'),
            "a member twice further in": lambda m: m.claiming(encoded(m.claims())[:-1] + b',"x":[{"a":1,"a":2}]}'),
            "something behind": lambda m: m.claiming(encoded(m.claims()) + b"{}"),
            "33 deep": lambda m: m.token(x=_deep(32)),
            "900 deep": lambda m: m.token(x=_deep(900)),
        },
    ),
    *rows(
        "limits",
        "too_large",
        {
            "one byte too long": lambda m: _filled(m, 16 * 1024 + 1),
            "a megabyte": lambda m: b"a" * (1 << 20),
        },
    ),
    *rows(
        "limits",
        "token_malformed",
        {
            "roles are an object": lambda m: m.entra(roles={"admin": True}),
        },
        "entra",
    ),
    *rows(
        "limits",
        "token_malformed",
        {
            "scopes hold a number": lambda m: m.token(scope=["a", 1]),
        },
    ),
    *rows(
        "limits",
        "",
        {
            "32 deep": lambda m: m.token(x=_deep(31)),
            "16 KiB": lambda m: _filled(m, 16 * 1024),
            "a member twice in different objects": lambda m: m.token(x=[{"a": 1}, {"a": 2}]),
            "brackets in a text": lambda m: m.token(x="[" * 100),
        },
    ),
]
