"""A signature in compact serialization (RFC 7515), read strictly and checked with one given key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.errors import SignatureInvalid, TokenMalformed
from sidecar.identity.key import Key
from sidecar.wire.strict import base64url, json_object


@dataclass(frozen=True, slots=True)
class Jws:
    """A token taken apart; nothing in it has been proved. ``alg`` is a text, as are ``typ`` and ``kid`` where they are
    there.

    ``jku``, ``jwk``, ``x5u`` and ``x5c`` may stand in the header and are never looked at: a key comes from the issuer's
    own set.
    """

    header: Mapping[str, Any] = field(repr=False)
    payload: bytes = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def read(token: bytes) -> Jws:
    """Raise ``TokenMalformed`` unless *token* is three parts of strict base64url whose first is a header that can be
    honoured in full."""
    parts = token.split(b".")
    if len(parts) == 5:  # RFC 7516, section 3.1
        raise TokenMalformed(
            "the token is encrypted (JWE)", mend="Send a signed token (JWS); encrypted ones cannot be read here."
        )
    if len(parts) != 3:  # RFC 7515, section 3.1
        raise TokenMalformed("the token is not a JWS of three parts")
    try:
        header = json_object(base64url(parts[0]))
        payload, signature = base64url(parts[1]), base64url(parts[2])
    except ValueError as error:
        raise TokenMalformed(
            f"the token cannot be read: {fault(error)}"
        ) from None  # a JSON error holds the text that it read
    _honour(header)
    return Jws(header, payload, token[: len(parts[0]) + 1 + len(parts[1])], signature)


def check(jws: Jws, key: Key, allowed: frozenset[str]) -> None:
    """Raise ``SignatureInvalid`` unless *key* made the signature, with an algorithm that is allowed and the key's
    own."""
    from sidecar.identity.signature import holds

    alg = algorithm(jws.header, allowed)
    if alg not in key.algorithms:
        raise SignatureInvalid("the token's alg is not one of its key")
    if not holds(alg, key.material, jws.signing_input, jws.signature):
        raise SignatureInvalid("the signature does not hold")


def algorithm(header: Mapping[str, Any], allowed: frozenset[str]) -> str:
    """The header's algorithm. Raise ``SignatureInvalid`` unless it is one of *allowed*, letter by letter."""
    alg: str = header["alg"]
    if alg not in allowed:
        raise SignatureInvalid("the token's alg is not allowed for its issuer")
    return alg


def _honour(header: Mapping[str, Any]) -> None:
    """RFC 7515, sections 4.1 and 5.2: what a header demands is understood or the token is refused."""
    if "crit" in header:
        raise TokenMalformed("the token's header demands an extension (crit)")
    if header.get("b64", True) is not True:
        raise TokenMalformed("the token's payload is unencoded (b64, RFC 7797)")
    if not isinstance(header.get("alg"), str):
        raise TokenMalformed("the token's header has no alg")
    for member in ("typ", "kid"):
        if member in header and not isinstance(header[member], str):
            raise TokenMalformed(f"the token's {member} is not a text")


def fault(error: ValueError) -> str:
    """What was wrong with a text, in words that never quote it."""
    own = type(error) is ValueError and not isinstance(error, UnicodeError)
    return str(error) if own else "not JSON in UTF-8"
