"""The table of clients says of each what the tests of this folder show."""

import re

import pytest

from tests.child import ROOT
from tests.clients.cases import CLIENTS, Client

PAGE = ROOT / "docs" / "reference" / "clients.md"


def rows() -> dict[str, list[str]]:
    """The cells of each line, by its client."""
    table = re.search(r"^\| client \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE.read_text(), re.MULTILINE)
    assert table is not None
    lines = [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in table[1].splitlines()]
    return {name: cells for name, *cells in lines}


def test_every_line_has_a_client_that_is_tested_and_every_client_a_line() -> None:
    assert [*rows()] == [client.name for client in CLIENTS]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_a_line_says_what_its_client_does(client: Client) -> None:
    variables, credential, baggage = rows()[client.name]
    assert variables.startswith("enough" if client.obeys else "ignored")
    assert credential
    expected = "-" if not client.agent else "bound" if client.bound else "not bound"
    assert baggage.partition(":")[0] == expected
