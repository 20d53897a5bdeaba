"""A principal as a JWT of the sidecar's own: what it says, who can check it, and that it fits into a header."""

import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.principal import Kind, Principal
from sidecar.inbound.assertion import SECONDS, Signer
from sidecar.inbound.headers import MOST_ADDED, principal_lines
from sidecar.keyring.signing import SEED_BYTES, SigningKey
from tests.fuzzing import examples

NOW = 1_790_000_000.0
KEY, OTHER_KEY = SigningKey(bytes(range(SEED_BYTES))), SigningKey(bytes(SEED_BYTES))


def signer(key: SigningKey = KEY) -> Signer:
    return Signer(
        key,
        issuer="https://agent.example",
        audience="travel-agent",
        clock=lambda: NOW,
        random=lambda size: b"r" * size,
    )


def principal(**more: Any) -> Principal:
    usual: dict[str, Any] = {"issuer_url": "https://idp.example", "tenant": "", "subject": "alice", "issuer": "shop"}
    return Principal(**{**usual, "kind": Kind.USER, **more})


def read(token: str) -> dict[str, Any]:
    """Verify *token* as someone who has only the published keys."""
    key = jwt.PyJWKSet.from_dict(KEY.jwks())[jwt.get_unverified_header(token)["kid"]]
    options = {"verify_exp": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(token, key, ["ES256"], audience="travel-agent", options=options)  # type: ignore[arg-type]  # PyJWT's own mapping type
    return claims


def test_an_assertion_says_who_the_principal_is_to_anyone_who_has_the_keys() -> None:
    alice = principal(
        tenant="acme", client="app", groups=frozenset("ba"), roles=frozenset({"r"}), scopes=frozenset({"read"})
    )
    token = signer().sign(alice)
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "principal+jwt", "kid": KEY.kid}
    claims = read(token)
    assert {name: claims[name] for name in ("iss", "aud", "sub", "iat", "exp")} == {
        "iss": "https://agent.example",
        "aud": "travel-agent",
        "sub": alice.id,
        "iat": int(NOW),
        "exp": int(NOW) + SECONDS,
    }
    assert SECONDS <= 300
    assert claims["jti"]
    assert claims["principal"] == {
        "issuer": "https://idp.example",
        "subject": "alice",
        "kind": "user",
        "tenant": "acme",
        "client": "app",
        "groups": ["a", "b"],
        "roles": ["r"],
        "scopes": ["read"],
    }


def test_little_is_said_of_whom_little_is_known() -> None:
    assert read(signer().sign(principal(groups=None)))["principal"] == {
        "issuer": "https://idp.example",
        "subject": "alice",
        "kind": "user",
        "groups_unknown": True,
    }


def test_an_assertion_of_another_key_does_not_verify() -> None:
    token = signer(OTHER_KEY).sign(principal())
    with pytest.raises(KeyError):
        read(token)


def test_a_list_that_is_too_long_is_left_out_whole_and_named() -> None:
    many = frozenset(f"group-{number}" for number in range(500))
    said = read(signer().sign(principal(groups=many, roles=frozenset({"r"}))))
    assert said["principal"]["truncated"] == ["groups"]
    assert "groups" not in said["principal"]
    assert said["principal"]["roles"] == ["r"]


_long = st.sampled_from(["", "x" * 900, "\U0001f600" * 255]) | st.text(max_size=40)
_several = st.frozensets(st.text(max_size=40), max_size=5) | st.integers(0, 2000).map(
    lambda count: frozenset(f"group {number}" for number in range(count))
)


@examples(50)
@given(
    st.builds(
        principal,
        subject=_long.filter(bool),
        tenant=_long,
        client=_long,
        name=_long,
        groups=st.none() | _several,
        roles=_several,
        scopes=_several,
    )
)
def test_an_assertion_of_anyone_fits_beside_the_other_lines(who: Principal) -> None:
    token = signer().sign(who)
    assert len(principal_lines(who, extra=[f"X-Identity-Assertion: {token}"])) <= MOST_ADDED - 1024
    said = read(token)["principal"]
    for name in ("subject", "tenant", "client"):
        assert said.get(name, "") == getattr(who, name) or name in said["truncated"]
    for name in ("groups", "roles", "scopes"):
        assert said.get(name, []) == sorted(getattr(who, name) or ()) or name in said["truncated"]
    assert json.dumps(said)
