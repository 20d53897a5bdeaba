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
from tests.fuzzing import examples

NOW = 1_790_000_000.0
SEED = bytes(range(48))


def signer(seed: bytes = SEED) -> Signer:
    return Signer(
        seed,
        issuer="https://agent.example",
        audience="travel-agent",
        clock=lambda: NOW,
        random=lambda size: b"r" * size,
    )


def principal(**more: Any) -> Principal:
    usual: dict[str, Any] = {"issuer_url": "https://idp.example", "tenant": "", "subject": "alice", "issuer": "shop"}
    return Principal(**{**usual, "kind": Kind.USER, **more})


def read(token: str, by: Signer) -> dict[str, Any]:
    """Verify *token* as someone who has only the published keys."""
    key = jwt.PyJWKSet.from_dict(dict(by.jwks()))[jwt.get_unverified_header(token)["kid"]]
    options = {"verify_exp": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(token, key, ["ES256"], audience="travel-agent", options=options)  # type: ignore[arg-type]  # PyJWT's own mapping type
    return claims


def test_an_assertion_says_who_the_principal_is_to_anyone_who_has_the_keys() -> None:
    alice = principal(
        tenant="acme", client="app", groups=frozenset("ba"), roles=frozenset({"r"}), scopes=frozenset({"read"})
    )
    by = signer()
    token = by.sign(alice)
    assert jwt.get_unverified_header(token) == {
        "alg": "ES256",
        "typ": "principal+jwt",
        "kid": by.jwks()["keys"][0]["kid"],
    }
    claims = read(token, by)
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
    by = signer()
    assert read(by.sign(principal(groups=None)), by)["principal"] == {
        "issuer": "https://idp.example",
        "subject": "alice",
        "kind": "user",
        "groups_unknown": True,
    }


def test_only_the_public_key_is_published() -> None:
    (key,) = signer().jwks()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")


def test_the_same_seed_yields_the_same_key_and_another_seed_another() -> None:
    assert signer().jwks() == signer().jwks()
    assert signer().jwks() != signer(bytes(48)).jwks()
    assert signer(b"\xff" * 48).jwks()["keys"]  # above the curve's order


def test_an_assertion_of_another_key_does_not_verify() -> None:
    token = signer(bytes(48)).sign(principal())
    with pytest.raises(KeyError):
        read(token, signer())


def test_a_list_that_is_too_long_is_left_out_whole_and_named() -> None:
    by = signer()
    said = read(
        by.sign(principal(groups=frozenset(f"group-{number}" for number in range(500)), roles=frozenset({"r"}))), by
    )
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
    by = signer()
    token = by.sign(who)
    assert len(principal_lines(who, extra=[f"X-Identity-Assertion: {token}"])) <= MOST_ADDED - 1024
    said = read(token, by)["principal"]
    for name in ("subject", "tenant", "client"):
        assert said.get(name, "") == getattr(who, name) or name in said["truncated"]
    for name in ("groups", "roles", "scopes"):
        assert said.get(name, []) == sorted(getattr(who, name) or ()) or name in said["truncated"]
    assert json.dumps(said)
