"""The page's parts."""

import runpy

import pytest

from sidecar.settings import reference
from sidecar.settings.reference import page


def test_a_row_says_key_value_default_and_meaning() -> None:
    rows = page().splitlines()
    assert "| `agent.name` | a name without spaces | required | The agent's name: the audience of assertions. |" in rows
    assert "| `audit.subjects` | `hashed`, `plain` | `hashed` | How principals stand in events. |" in rows
    assert "| `inbound.tls` | a table | none | Serve TLS with this certificate. |" in rows
    assert "| `inbound.limits` | a table | as below | What is refused beyond. |" in rows
    assert "| `agentcore.enabled` ○ | true or false | `false` | " in page()


def test_types_with_the_same_keys_share_a_table() -> None:
    assert "### `google`, `atlassian`, " in page()
    assert page().count("| `issuers.*.login` |") == 1
    assert "### `exchange`\n" in page()
    assert "### `sidecar`\n" in page()


def test_it_is_written_by_running_the_module(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(reference.__file__, run_name="__main__")
    assert capsys.readouterr().out == page()
