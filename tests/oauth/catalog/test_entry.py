"""What is known of a provider."""

import pytest

from sidecar.oauth.catalog import MAKERS, Entry, discovered_at, entry
from sidecar.oauth.catalog.entry import as_it_is, plain
from sidecar.oauth.provider import CATALOGUE, Provider


def known(type: str, **settings: object) -> Entry:  # noqa: A002 - the configuration's word
    return entry(Provider("one", type, "principal", client_id="c", **settings))  # type: ignore[arg-type]


def test_every_provider_of_the_catalogue_has_an_entry() -> None:
    assert set(MAKERS) == set(CATALOGUE)


@pytest.mark.parametrize("type", sorted(MAKERS))
def test_an_entry_can_be_used(type: str) -> None:  # noqa: A002 - the configuration's word
    one = known(type)
    assert one.type == type
    urls = [one.authorize_url, one.token_url, one.refresh_url, one.server, one.revocation and one.revocation.url]
    urls.append(one.whose.url if one.whose is not None else "")
    assert all(url.startswith("https://") for url in urls if url)
    assert one.whose is not None
    assert one.renewal.dies.endswith(".")
    assert "{" not in one.renewal.dies
    assert one.domains


@pytest.mark.parametrize("type", sorted(MAKERS))
def test_scopes_are_explained_in_words_that_go_on_a_sentence(type: str) -> None:  # noqa: A002 - as above
    for short, scope in known(type).scopes.items():
        assert scope.name.endswith(short) or short == "mail"
        assert scope.words[0].islower() or scope.words.startswith("YouTube")
        assert not scope.words.endswith(".")


def test_grants_belong_to_the_issuer_or_to_where_tokens_are_given() -> None:
    assert known("google").server == "https://accounts.google.com"
    assert known("dropbox").server == "https://api.dropboxapi.com"
    assert known("gitlab", domain="git.acme.example").server == "https://git.acme.example"


def test_metadata_is_needed_of_those_that_nobody_knows() -> None:
    assert discovered_at(Provider("one", "google", "principal", discovery="https://x.example")) is None
    assert discovered_at(Provider("one", "oauth2", "principal", discovery="https://x.example")) == "https://x.example"
    assert discovered_at(Provider("one", "oauth2", "principal", token_url="https://x.example/token")) is None
    assert discovered_at(Provider("one", "sandbox", "principal", url="https://x.example")) == "https://x.example"


def test_scopes_of_the_same_prefix_are_written_once() -> None:
    assert plain({"a": "see a"}, "https://x.example/")["a"].name == "https://x.example/a"
    assert as_it_is({"a": 1}) == {"a": 1}
