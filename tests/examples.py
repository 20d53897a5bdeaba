"""Examples out of the documents, to be run as they are written."""

import re

from tests.child import ROOT


def example(page: str, words: str, language: str = "python") -> str:
    """The one block of *language* on *page* (below ``docs/``) that has *words* in it."""
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = [block for block in blocks if words in block]
    assert len(found) == 1, words
    return str(found[0])
