import json

from sidecar.api import answer
from sidecar.api.asked import Asked
from tests.api.around import Around

TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"


def asked() -> Asked:
    return Asked(Around().surroundings, "GET", b"/", "", (), b"", TRACE, b"00f067aa0ba902b7")


def test_the_lines_of_an_answer_are_its_headers_its_type_and_its_time() -> None:
    lines = answer.lines(asked(), b"Sun, 06 Nov 1994 08:49:37 GMT").decode().split("\r\n")
    said = [f"{name}: {value}" for name, value in answer.headers(asked()).items()]
    assert said == ["Cache-Control: no-store", "X-Content-Type-Options: nosniff", f"X-Trace-Id: {TRACE.decode()}"]
    assert lines == [*said, "Content-Type: application/json", "Date: Sun, 06 Nov 1994 08:49:37 GMT", ""]


def test_a_document_is_ascii_whatever_it_says() -> None:
    document = answer.document({"name": "Núñez \ud800"})
    assert document.isascii()
    assert json.loads(document) == {"name": "Núñez \ud800"}
