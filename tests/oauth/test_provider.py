"""Providers as data."""

import dataclasses

import pytest

from sidecar.oauth.provider import CATALOGUE, TYPES, Provider
from sidecar.secret import Secret

FIELDS = {field.name for field in dataclasses.fields(Provider)}


@pytest.mark.parametrize("name", TYPES)
def test_every_key_of_a_type_is_a_field_of_a_provider(name: str) -> None:
    spec = TYPES[name]
    assert spec.required | spec.allowed <= FIELDS
    assert not spec.required & spec.allowed
    assert spec.acts_as in ("principal", "agent")


def test_the_catalogue_names_the_providers_that_users_know() -> None:
    named = "google slack github microsoft atlassian salesforce notion linear gitlab zoom dropbox hubspot spotify x"
    assert list(CATALOGUE) == [*named.split(), "discord", "figma", "box"]
    assert all({"client_id", "client_secret"} <= spec.required for spec in CATALOGUE.values())


def test_what_is_the_same_for_all_is_the_agents() -> None:
    assert {name for name, spec in TYPES.items() if spec.acts_as == "agent"} == {"api_key", "bearer", "aws"}


def test_a_provider_never_shows_its_secrets() -> None:
    secret = Secret("hunter2")
    provider = Provider("p", "api_key", "agent", client_secret=secret, key=secret, token=secret)
    assert "hunter2" not in repr(provider) + str(provider)
