"""The catalogue of refusals: every code once, every text for whoever asked."""

from collections.abc import Iterator

import pytest

from sidecar import errors
from sidecar.errors import Refusal, Unauthenticated

CODES = {
    400: {"bad_request", "ambiguous_credentials", "path_ambiguous"},
    401: {
        "token_missing", "token_malformed", "token_expired", "token_not_yet_valid", "signature_invalid",
        "issuer_unknown", "audience_invalid", "claim_missing", "token_kind_invalid", "invocation_missing",
        "invocation_invalid",
    },
    403: {"not_permitted", "consent_required", "tool_denied", "destination_denied", "origin_refused"},
    404: {"provider_unknown", "route_unknown", "session_unknown"},
    407: {"invocation_missing", "invocation_invalid"},
    409: {"invocation_ambiguous"},
    413: {"too_large"},
    421: {"invocation_mismatch"},
    429: {"rate_limited"},
    431: {"too_large"},
    500: {"internal"},
    502: {"agent_unreachable", "provider_unreachable"},
    503: {"issuer_unreachable", "vault_unavailable", "audit_unavailable", "overloaded"},
    504: {"timeout"},
}  # fmt: skip


def kinds(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        yield from (each, *kinds(each))


CONCRETE = [kind for kind in kinds() if kind is not Unauthenticated]


def test_the_catalogue_has_every_code_under_its_status() -> None:
    found: dict[int, set[str]] = {}
    for kind in CONCRETE:
        found.setdefault(kind.status, set()).add(kind.code)
    assert found == CODES


def test_a_code_is_one_class_and_its_variants() -> None:
    first: dict[str, type[Refusal]] = {}
    for kind in CONCRETE:
        assert issubclass(kind, first.setdefault(kind.code, kind)), kind.code


@pytest.mark.parametrize("kind", CONCRETE, ids=lambda kind: kind.__name__)
def test_a_refusal_says_what_happened_and_what_to_do(kind: type[Refusal]) -> None:
    refusal = kind()
    assert refusal.title.endswith(".")
    assert refusal.detail.endswith(".")
    assert refusal.detail == kind.mend
    assert str(refusal) == refusal.reason == kind.title
    assert refusal.retry_after is None


def test_the_reason_is_for_the_record_and_the_mend_for_whoever_asked() -> None:
    refusal = errors.ClaimMissing("org isn't acme", mend="Ask for org.", retry_after=3)
    assert (refusal.reason, refusal.detail, refusal.retry_after) == ("org isn't acme", "Ask for org.", 3)
    assert "acme" not in refusal.title + refusal.detail


def test_who_sent_no_credential_gets_no_error_word() -> None:
    words = {kind.code: kind.error for kind in CONCRETE if issubclass(kind, Unauthenticated)}
    assert {code for code, word in words.items() if word is None} == {"token_missing", "invocation_missing"}
    assert set(words.values()) == {None, "invalid_token"}
