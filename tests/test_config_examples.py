"""Every configuration in ``config/`` is a good one, and teaches."""

from pathlib import Path

import pytest

from sidecar.identity.idps import IDPS
from sidecar.settings import Settings, load

CONFIG = Path(__file__).parents[1] / "config"
FILES = sorted(CONFIG.glob("*.yaml"))


def checked(path: Path) -> Settings:
    return load(path, {}, strict=False)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_wrong_with_it(path: Path) -> None:
    settings = checked(path)
    assert settings.issuers
    assert settings.agent.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_secret_stands_in_it(path: Path) -> None:
    assert not any("stands in the file itself" in note for note in checked(path).notes)


@pytest.mark.parametrize("path", [path for path in FILES if path.name != "travel.yaml"], ids=lambda path: path.name)
def test_it_has_an_effect_already_and_says_what_it_is_for(path: Path) -> None:
    assert not any("has no effect yet" in note for note in checked(path).notes)
    text = path.read_text()
    assert text.startswith("# ")
    assert max(map(len, text.splitlines())) <= 120


def test_there_is_one_for_each_type_of_issuer() -> None:
    assert {issuer.type for path in FILES for issuer in checked(path).issuers.values()} == set(IDPS)


def test_the_travel_agent_is_whole_where_its_variables_and_files_are(tmp_path: Path) -> None:
    (tmp_path / "github").write_text("hunter2\n")
    text = (CONFIG / "travel.yaml").read_text()
    (tmp_path / "travel.yaml").write_text(text.replace("/run/secrets/github", "github"))
    names = ("OKTA_SECRET", "ENTRA_SECRET", "GOOGLE_CLIENT_SECRET", "MODEL_KEY")
    settings = load(tmp_path / "travel.yaml", dict.fromkeys(names, "hunter2"))
    assert set(settings.issuers) == {"okta", "staff", "nightly"}
    assert set(settings.providers) == {"google", "github", "model", "cloud"}
    assert set(settings.egress.routes) == {"model", "calendar", "github", "travel"}
    assert set(settings.capabilities) == {"think", "use-cloud", "read-calendar", "code"}
    assert settings.environ == set(names)
    assert settings.named_groups == {"sales"}


def test_what_the_travel_agent_needs_elsewhere_is_noted_here() -> None:
    notes = [note for note in checked(CONFIG / "travel.yaml").notes if "yet" not in note]
    assert [note.split()[0] for note in notes if "/run/secrets" not in note] == [
        "issuers.okta.login.client_secret",
        "issuers.staff.login.client_secret",
        "providers.google.client_secret",
        "providers.model.key",
    ]
