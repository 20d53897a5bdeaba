"""Whatever is tried, nobody gets at a tool that isn't theirs: all that readers of names and of JSON may disagree on."""

import gzip
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from tests.clients.mcp.raw import (
    LEGACY,
    META,
    MODERN,
    Fields,
    Heard,
    Line,
    call,
    encoded,
    mirrored,
    request,
)
from tests.clients.mcp.stage import DESKS, Stage

MINE, OTHERS = "find_trips", "pay"
"""A tool of erin's, and one that isn't: of these two the tricks are made."""
SPOILS = re.compile(r'paid|this is (?!book_trip"|list_trips"|list_hotels")|welcome!|Wonderland')
"""What only comes of a tool that isn't hers, a prompt or a resource."""


class Said(NamedTuple):
    body: bytes
    fields: Fields = ()
    """Instead of those that say again what the body says."""
    method: str = "POST"


Trick = Callable[[str], Said]
"""Version of the protocol → what is said."""


def named(name: object) -> Trick:
    """Call a tool by another name, which the headers say as well."""

    def say(version: str) -> Said:
        message = call(name, {MINE: {"city": "Rome"}, OTHERS: {"amount": 3}}.get(str(name), {}), version)
        return Said(json.dumps(message).encode(), mirrored(message, version))

    return say


def written(text: str | bytes, name: str = MINE, method: str = "tools/call") -> Trick:
    """A body as it stands, ``META`` in the place of ``@``; the headers say *name* and *method*."""

    def say(version: str) -> Said:
        body = text.encode() if isinstance(text, str) else text
        meta = f'"_meta":{json.dumps(META)}' if version == MODERN else '"x":0'
        fields = [("Mcp-Method", method), ("Mcp-Name", encoded(name))] if version == MODERN else []
        return Said(body.replace(b"@", meta.encode()), fields)

    return say


def head(*fields: tuple[str, str], tool: str = OTHERS, method: str = "POST", change: Any = None) -> Trick:
    """A body that is as it should be, with the headers *fields*."""

    def say(version: str) -> Said:
        body = json.dumps(call(tool, {"amount": 3}, version)).encode()
        return Said(change(body) if change else body, fields, method)

    return say


def asked(method: str, **params: Any) -> Trick:
    def say(version: str) -> Said:
        message = request(method, version, **params)
        return Said(json.dumps(message).encode(), mirrored(message, version))

    return say


_CALL = '"jsonrpc":"2.0","id":1,"method":"tools/call"'
_PAY = f'{{{_CALL},"params":{{"name":"pay","arguments":{{"amount":3}},@}}}}'
_FIND = f'{{{_CALL},"params":{{"name":"find_trips","arguments":{{"city":"Rome"}},@}}}}'
_BOTH = '"arguments":{"amount":3},@'
NAMES: Mapping[str, object] = {
    "another's": "pay",
    "capitals": "Pay",
    "one capital": "Book_trip",
    "all capitals": "BOOK_TRIP",
    "begins as one of hers": "book_trip_now",
    "a space behind": "pay ",
    "a space before": " pay",
    "a tab": "pay\t",
    "a newline": "book_trip\n",
    "a NUL behind": "book_trip\0_now",
    "a NUL before": "\0pay",
    "a zero width space": "pay\u200b",
    "a byte order mark": "\ufeffpay",
    "full width": "\uff50\uff41\uff59",
    "Cyrillic": "p\u0430y",
    "a long s": "li\u017ft_trips",
    "a dotless i": "l\u0131st_trips",
    "a Kelvin sign": "loo\u212a_up",
    "combining, composed": unicodedata.normalize("NFC", "pay\u0301"),
    "combining, decomposed": unicodedata.normalize("NFD", "pa\u00fd"),
    "half a surrogate pair": "pay\ud800",
    "with its route": "native/pay",
    "with a way back": "find_trips/../pay",
    "a wildcard": "*",
    "a wildcard of hers": "list_*",
    "a wildcard filled in": "list_trips/../pay",
    "escaped twice": "p\\u0061y",
    "percent-encoded": "p%61y",
    "long": "list_" + "x" * 5000,
    "nothing": "",
    "null": None,
    "a number": 1,
    "yes": True,
    "a list": ["pay"],
    "a list of both": ["find_trips", "pay"],
    "an object": {"name": "pay"},
}
WRITTEN: Mapping[str, Trick] = {
    "name twice": written(f'{{{_CALL},"params":{{"name":"find_trips","name":"pay",{_BOTH}}}}}'),
    "name twice, hers behind": written(f'{{{_CALL},"params":{{"name":"pay","name":"find_trips",{_BOTH}}}}}'),
    "name twice, one escaped": written(f'{{{_CALL},"params":{{"name":"find_trips","n\\u0061me":"pay",{_BOTH}}}}}'),
    "name in capitals": written(f'{{{_CALL},"params":{{"name":"find_trips","NAME":"pay",{_BOTH}}}}}'),
    "name in capitals before": written(f'{{{_CALL},"params":{{"Name":"pay","name":"find_trips",{_BOTH}}}}}'),
    "name and a NUL": written(f'{{{_CALL},"params":{{"name":"find_trips","name\\u0000":"pay",{_BOTH}}}}}'),
    "params twice": written(
        f'{{{_CALL},"params":{{"name":"find_trips",{_BOTH}}},"params":{{"name":"pay",{_BOTH}}}}}',
    ),
    "params in capitals": written(
        f'{{{_CALL},"params":{{"name":"find_trips",{_BOTH}}},"Params":{{"name":"pay",{_BOTH}}}}}',
    ),
    "method twice": written(
        f'{{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{{"name":"pay",{_BOTH}}}}}',
        method="ping",
    ),
    "method twice, the call first": written(f'{{{_CALL},"method":"ping","params":{{"name":"pay",{_BOTH}}}}}'),
    "arguments twice": written(
        f'{{{_CALL},"params":{{"name":"pay","arguments":{{"amount":4}},"arguments":{{"amount":3}},@}}}}', OTHERS
    ),
    "name outside of params": written(f'{{{_CALL},"name":"pay","params":{{"name":"find_trips",{_BOTH}}}}}'),
    "a list of params": written(f'{{{_CALL},"params":["pay",{{"amount":3}}]}}'),
    "params as text": written(f'{{{_CALL},"params":"{{\\"name\\":\\"pay\\"}}"}}'),
    "a batch": written(f"[{_FIND},{_PAY}]"),
    "a batch of one": written(f"[{_PAY}]"),
    "a batch in a batch": written(f"[[{_PAY}]]"),
    "another message behind": written(_FIND + _PAY),
    "another message in the next line": written(f"{_FIND}\n{_PAY}"),
    "another message before, an empty one": written("{}" + _PAY),
    "a comment": written(f"/*{_FIND}*/{_PAY}"),
    "a record separator": written(f"\x1e{_PAY}\n"),
    "a NUL behind": written(f"{_FIND}\0{_PAY}"),
    "a byte order mark": written(b"\xef\xbb\xbf" + _PAY.encode(), OTHERS),
    "UTF-16": written(_PAY.replace("@", '"x":0').encode("utf-16")),
    "UTF-16 without a mark": written(_PAY.replace("@", '"x":0').encode("utf-16-be")),
    "UTF-7": written(_PAY.replace("pay", "+AHAAYQB5-")),
    "an overlong character": written(_PAY.encode().replace(b"pay", b"p\xc1\xa1y"), OTHERS),
    "no JSON": written("name=pay"),
    "empty": written(""),
    "NaN": written(_PAY.replace("3", "NaN"), OTHERS),
    "single quotes": written(_PAY.replace('"pay"', "'pay'"), OTHERS),
    "deep": written(f'{{{_CALL},"params":{{"name":"pay","arguments":{"[" * 5000}{"]" * 5000},@}}}}', OTHERS),
    "a notification that calls": written(_PAY.replace('"id":1,', ""), OTHERS),
    "an id that is null": written(_PAY.replace('"id":1', '"id":null'), OTHERS),
    "two ids": written(_PAY.replace('"id":1', '"id":1,"id":2'), OTHERS),
    "another version of JSON-RPC": written(_PAY.replace('"2.0"', '"1.0"'), OTHERS),
    "an answer that is a call": written(_PAY.replace('"id":1', '"id":1,"result":{}'), OTHERS),
    "a call in capitals": written(_PAY.replace("tools/call", "tools/CALL"), OTHERS, "tools/CALL"),
    "a call and a space": written(_PAY.replace("tools/call", "tools/call "), OTHERS, "tools/call "),
    "a call, escaped": written(_PAY.replace("tools/call", "tools\\u002fcall"), OTHERS),
    "a method that nobody knows": written(_PAY.replace("tools/call", "tools/run"), OTHERS, "tools/run"),
}
HEADS: Mapping[str, Trick] = {
    "headers that say hers": head(("Mcp-Method", "tools/call"), ("Mcp-Name", MINE)),
    "headers that say both": head(("Mcp-Method", "tools/call"), ("Mcp-Name", MINE), ("Mcp-Name", OTHERS)),
    "headers that say another's": head(("Mcp-Method", "tools/call"), ("Mcp-Name", OTHERS), tool=MINE),
    "headers that say another method": head(("Mcp-Method", "ping")),
    "two methods": head(("Mcp-Method", "ping"), ("Mcp-Method", "tools/call"), ("Mcp-Name", OTHERS)),
    "an underscore": head(("Mcp-Method", "tools/call"), ("Mcp_Name", MINE)),
    "a name in two encodings": head(("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?ZmluZF90cmlwcw?=")),
    "no headers": head(),
    "another version": head(("MCP-Protocol-Version", "2024-11-05"), ("Mcp-Method", "tools/call"), ("Mcp-Name", MINE)),
    "gzip": head(
        ("Content-Encoding", "gzip"), ("Mcp-Method", "tools/call"), ("Mcp-Name", OTHERS), change=gzip.compress
    ),
    "gzip that isn't": head(("Content-Encoding", "gzip"), ("Mcp-Method", "tools/call"), ("Mcp-Name", OTHERS)),
    "another charset": head(
        ("Content-Type", "application/json; charset=utf-16"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", OTHERS),
        change=lambda body: body.decode().encode("utf-16"),
    ),
    "another method of HTTP": head(("Mcp-Method", "tools/call"), ("Mcp-Name", OTHERS), method="PUT"),
    "a method that HTTP doesn't know": head(("Mcp-Method", "tools/call"), ("Mcp-Name", OTHERS), method="CALL"),
    "a method to be taken for another": head(("X-HTTP-Method-Override", "GET"), ("Mcp-Name", OTHERS)),
}
ASKED: Mapping[str, Trick] = {
    "a prompt": asked("prompts/get", name="welcome"),
    "a resource": asked("resources/read", uri="trip://all"),
    "a templated resource": asked("resources/read", uri="trip://Wonderland"),
    "word of a resource": asked("resources/subscribe", uri="trip://all"),
    "a completion": asked("completion/complete", ref={"type": "ref/prompt", "name": "welcome"}, argument={}),
    "somebody's tasks": asked("tasks/list"),
    "the result of a task": asked("tasks/result", taskId="1"),
    "a call as a task": asked("tools/call", name="pay", arguments={"amount": 3}, task={"ttl": 1000}),
    "a prompt of a tool's name": asked("prompts/get", name="find_trips"),
    "a resource as a tool": asked("tools/call", name="trip://all", arguments={}),
    "a name beside another": asked(
        "tools/call", name="find_trips", tool="pay", uri="trip://all", arguments={"city": "x"}
    ),
}
TRICKS: Mapping[str, Trick] = {
    **{f"a name: {what}": named(name) for what, name in NAMES.items()},
    **{f"a body: {what}": trick for what, trick in WRITTEN.items()},
    **{f"a head: {what}": trick for what, trick in HEADS.items()},
    **{f"asked for: {what}": trick for what, trick in ASKED.items()},
}


class Lines:
    """Somebody's, to every desk in both eras; one is opened anew once it is closed."""

    def __init__(self, stage: Stage, subject: str) -> None:
        self.handle = stage.handle(subject)
        self.lines = {(desk, version): Line(stage, desk, version) for desk in DESKS for version in (MODERN, LEGACY)}
        self.sessions = {key: line.begin(self.handle) for key, line in self.lines.items()}

    def say(self, desk: str, version: str, said: Said) -> Heard:
        line = self.lines[desk, version]
        own = {name.lower() for name, _ in said.fields}
        fields = [
            field for field in line.fields(self.handle, self.sessions[desk, version]) if field[0].lower() not in own
        ]
        try:
            return line.say(said.method, said.body, [*fields, *said.fields])
        finally:
            line.close()


@pytest.fixture(scope="module")
def lines(mcp: Stage) -> Iterator[Lines]:
    """Whose record says at the end that of all that was tried nothing but hers was called."""
    opened = Lines(mcp, "erin")
    yield opened
    assert opened.say("native", MODERN, named(MINE)(MODERN)).status == 200
    called = {tool.partition("/")[2] for tool in mcp.tools("identity.tool_called", "erin", f"native/{MINE}")}
    assert {tool for tool in called if not tool.startswith("list_")} == {MINE}


@pytest.fixture(scope="module")
def daves(mcp: Stage) -> Lines:
    return Lines(mcp, "dave")


@pytest.mark.parametrize("version", [MODERN, LEGACY])
@pytest.mark.parametrize("what", TRICKS)
def test_nothing_is_got_by(lines: Lines, what: str, version: str) -> None:
    for desk in DESKS:
        heard = lines.say(desk, version, TRICKS[what](version))
        assert not SPOILS.search(heard.body.decode("utf-8", "replace")), f"{desk}: {heard.body!r}"
        assert heard.status < 500, desk


def test_what_is_hers_is_got_all_the_same(lines: Lines) -> None:
    """No session was lost of what was tried."""
    for desk, version in lines.lines:
        heard = lines.say(desk, version, named(MINE)(version))
        assert "trips to Rome" in heard.body.decode()


PAID = re.compile(r'paid\\*": *([^,}\\]+)')
"""What was paid, as an answer has it, and as text in it."""
AMOUNTS = (
    *(
        '"amount":4',
        '"amount":"4"',
        '"amount":4.0',
        '"amount":3.5',
        '"amount":-3',
        '"amount":true',
        '"amount":null',
        "",
    ),
    *('"amount":[3]', '"amount":[3,4]', '"amount":[]', '"amount":[[3]]', '"amount":{"value":3}', '"amount":{"3":4}'),
    *('"amount":3,"amount":4', '"amount":4,"amount":3', '"amount":3,"am\\u006funt":4', '"Amount":3,"amount":4'),
    *('"amount":3,"AMOUNT":4', '"amount\\u0000":3,"amount":4', '"amount":"3 4"', '"amount":"03"', '"amount":4e0'),
    *('"amount":3,"_meta":{"amount":4}', '"amount":3,"arguments":{"amount":4}', '"amount":3e0', '"amount":"3"'),
)


@pytest.mark.parametrize("version", [MODERN, LEGACY])
@pytest.mark.parametrize("amount", AMOUNTS)
def test_no_other_amount_is_paid_than_may_be(daves: Lines, amount: str, version: str) -> None:
    """Dave may pay 3 or 5; servers turn into a number what isn't one."""
    text = f'{{{_CALL},"params":{{"name":"pay","arguments":{{{amount}}},@}}}}'
    for desk in DESKS:
        heard = daves.say(desk, version, written(text, OTHERS)(version))
        assert {paid.strip() for paid in PAID.findall(heard.body.decode())} <= {"3", "5"}, f"{desk}: {heard.body!r}"


def test_what_may_be_paid_is(daves: Lines) -> None:
    for desk, version in daves.lines:
        message = call("pay", {"amount": 5}, version)
        heard = daves.say(desk, version, Said(json.dumps(message).encode(), mirrored(message, version)))
        assert "5" in PAID.findall(heard.body.decode())
