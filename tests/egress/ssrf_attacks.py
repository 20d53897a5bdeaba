"""Destinations by which a call would end where no call may end, by family, and beside them good ones they resemble.

``host`` stands in the request as it is, in its brackets. A name is looked up and has the addresses that it *finds*;
whoever asks again is told the next ones of *then*.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address

API = "api.example.com"
"""A host that a route leads to."""
PUBLIC, PUBLIC_6 = "93.184.216.34", "2606:2800:21f:cb07::1"
HERE, HERE_6 = "10.88.0.2", "fd88::2"
"""This machine's own addresses, besides loopback."""
OWN_PORTS = (8080, 8181, 9090)
"""Where the sidecar listens."""


@dataclass(frozen=True, slots=True)
class Attack:
    family: str
    host: str
    port: str = "80"
    code: str = "destination_denied"
    finds: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    never: bool = True
    """Refused though the route says ``private: true``; else by one that doesn't."""

    @property
    def id(self) -> str:
        return f"{self.family}: {self.host!r}:{self.port}{' ' + ','.join(self.finds) if self.finds else ''}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """What is to be refused, where it is an address."""
        if self.finds or self.code == "bad_request":
            return self.finds
        return (str(ip_address(self.host.strip("[]"))),)


def literal(family: str, hosts: Iterable[str], *, never: bool = True) -> list[Attack]:
    return [Attack(family, host, never=never) for host in hosts]


def misspelt(family: str, hosts: Iterable[str], port: str = "80") -> list[Attack]:
    """What no reading is made of: two that read it would make different ones."""
    return [Attack(family, host, port, "bad_request") for host in hosts]


def named(family: str, found: Iterable[tuple[str, ...]], *, never: bool = True) -> list[Attack]:
    """Names of an attacker's that resolve to these."""
    stem = family.replace(" ", "-")
    return [Attack(family, f"{stem}-{index}.evil.example", finds=each, never=never) for index, each in enumerate(found)]


def digits(text: str, zero: int) -> str:
    """*text* in the digits of another script, or of another width; ``int`` and IDNA know them all."""
    return text.translate({ord("0") + digit: zero + digit for digit in range(10)})


METADATA = [
    *literal("metadata", ["169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.169.253", "169.254.0.23"]),
    *literal("metadata", ["100.100.100.200", "168.63.129.16", "192.0.0.192", "169.254.42.42"]),
    *literal("metadata", ["[fd00:ec2::254]", "[fd00:ec2::23]", "[fd20:ce::254]", "[fd00:42::42]", "[fe80::a9fe:a9fe]"]),
    *literal("metadata", ["[FD00:EC2:0:0:0:0:0:254]", "[fd00:0ec2:0000:0000:0000:0000:0000:0254]"]),
]
SPELT = [
    *misspelt("metadata in decimal", ["2852039166", "169.16689662", "169.254.43518", "2852039166.", "02852039166"]),
    *misspelt("metadata in octal", ["0251.0376.0251.0376", "025177524776", "0251.254.169.254", "169.254.0251.0376"]),
    *misspelt("metadata in octal", ["0000000251.0000000376.0000000251.0000000376", "0251.0376.0124776"]),
    *misspelt(
        "metadata in hex", ["0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0xa9.254.0xa9fe", "0XA9FEA9FE", "0xa9.0xfea9fe"]
    ),
    *misspelt("metadata in hex", ["169.254.169.0xfe", "0x00000000a9.0xfe.169.254", "0xa9.0376.43518"]),
    *misspelt("metadata beyond its octets", ["425.510.425.510", "169.254.169.510", "7147006462", "0x1a9fea9fe"]),
    *misspelt("metadata with a dot", ["169.254.169.254.", "169.254.169.254..", ".169.254.169.254", "169.254.169..254"]),
    *misspelt(
        "metadata encoded", ["169%2e254%2e169%2e254", "%31%36%39.254.169.254", "169.254.169.254%00", "%5b::1%5d"]
    ),
    *misspelt(
        "metadata encoded", ["169.254.169.254%20", "169.254.169.254%2f", "169.254.169.254%0d%0a", "%2531%2536%2539"]
    ),
    *misspelt("metadata in other digits", [digits("169.254.169.254", zero) for zero in (0xFF10, 0x0660, 0x1D7CE)]),
    *misspelt("metadata in other digits", ["①⑥⑨.②⑤④.①⑥⑨.②⑤④", "169.254.169.25\u2074", digits("127.1", 0x0966)]),
    *misspelt("metadata with other dots", [f"169{dot}254{dot}169{dot}254" for dot in "\u3002\uff0e\uff61\u2024"]),
    *misspelt(
        "loopback spelt", ["127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001"]
    ),
    *misspelt(
        "loopback spelt", ["0", "0x0", "00", "0.0", "127.0.0.1.", "127.000.000.001", "127.0.0.0x1", "[127.0.0.1]"]
    ),
    *misspelt(
        "private spelt", ["167772161", "10.1", "012.0.0.1", "0xc0a80001", "192.168.1", "172.1048577", "0xac.0x10.1"]
    ),
    *misspelt("name with a dot", ["localhost.", "metadata.google.internal.", f"{API}.", ".", "localhost.."]),
    *misspelt(
        "name in unicode",
        [f"{letter}ocalhost" for letter in "\uff4c\u24db\u217c\u04cf"]
        + ["loc\u0430lhost", "localhost\u200b", "lo\u00adcalhost"],
    ),
]
EMBEDDED = [
    *literal("mapped", ["[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[0:0:0:0:0:ffff:a9fe:a9fe]"]),
    *literal(
        "mapped", ["[::FFFF:100.100.100.200]", "[::ffff:0.0.0.0]", "[::ffff:224.0.0.1]", "[::ffff:168.63.129.16]"]
    ),
    *literal("mapped private", ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]"], never=False),
    *literal(
        "compatible", ["[::169.254.169.254]", "[::a9fe:a9fe]", "[::127.0.0.1]", "[::10.0.0.1]", "[::93.184.216.34]"]
    ),
    *literal("translated", ["[::ffff:0:a9fe:a9fe]", "[::ffff:0:127.0.0.1]"]),
    *literal(
        "NAT64", ["[64:ff9b::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::0.0.0.0]", "[64:ff9b::c000:c0]"]
    ),
    *literal("NAT64 local", ["[64:ff9b:1::a9fe:a9fe]", "[64:ff9b:1:a9fe:a9:fe00::]", "[64:ff9b:1:0:a9:fea9:fe00:0]"]),
    *literal("NAT64 private", ["[64:ff9b::127.0.0.1]", "[64:ff9b::10.0.0.1]", "[64:ff9b::5db8:d822]"], never=False),
    *literal("6to4", ["[2002:a9fe:a9fe::]", "[2002:a9fe:a9fe::1]", "[2002:6464:64c8::1]", "[2002:0:0::1]"]),
    *literal("6to4 private", ["[2002:7f00:1::]", "[2002:c0a8:1::1]", "[2002:5db8:d822::1]"], never=False),
    *literal("Teredo", ["[2001::a9fe:a9fe]", "[2001:0:5db8:d822::5601:5601]", "[2001:0:a9fe:a9fe::]"]),
    *literal(
        "ISATAP", ["[2606:2800::5efe:a9fe:a9fe]", "[2606:2800::200:5efe:169.254.169.254]", "[fe80::5efe:8.8.8.8]"]
    ),
    *literal("ISATAP private", ["[2606:2800::5efe:7f00:1]", "[2606:2800::200:5efe:10.0.0.1]"], never=False),
    *misspelt(
        "zone", ["[fe80::1%25eth0]", "[fe80::1%eth0]", "[fe80::1%251]", "[::1%25lo]", "[::ffff:169.254.169.254%25lo]"]
    ),
    *misspelt("zone", ["[fe80::a9fe:a9fe%25en0]", "[fd00:ec2::254%25eth0]", "[::1%]"]),
    *misspelt(
        "brackets", ["[::1", "::1]", "[[::1]]", "[::1]x", "[v1.fe80::a+en1]", "[::1/128]", "[::ffff:0x7f.1]", "[]"]
    ),
]
PRIVATE = [
    *literal("loopback", ["127.0.0.1", "127.0.0.2", "127.127.127.127", "127.255.255.254", "[::1]"], never=False),
    *literal("loopback", ["[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]"], never=False),
    *literal("private", ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1"], never=False),
    *literal("private", ["100.64.0.1", "100.127.255.255", "198.18.0.1", "192.88.99.1"], never=False),
    *literal("private", ["[fc00::1]", "[fd00::1]", "[fdff::1]", "[fec0::1]", f"[{HERE_6}]", HERE], never=False),
    *literal("unspecified", ["0.0.0.0", "0.0.0.1", "[::]", "[0:0:0:0:0:0:0:0]"]),
    *literal("not one machine", ["224.0.0.1", "239.255.255.250", "255.255.255.255", "[ff02::1]", "[ff0e::1]"]),
    *literal("reserved", ["240.0.0.1", "192.0.0.8", "[100::1]", "[5f00::1]", "[4000::1]", "[fe80::1]"]),
]
TRICKS = [
    *misspelt(
        "user", [f"{API}@169.254.169.254", f"{API}:80@169.254.169.254", "a:b@127.0.0.1", "@127.0.0.1", "127.0.0.1@"]
    ),
    *misspelt("user", [f"169.254.169.254@{API}", f"{API}%40169.254.169.254", f"{API}\\@169.254.169.254", f"a@b@{API}"]),
    *misspelt(
        "end", [f"169.254.169.254\\.{API}", "127.0.0.1;x", "127.0.0.1,x", "127.0.0.1&x", "127.0.0.1|x", "127.0.0.1'"]
    ),
    *misspelt(
        "end",
        [f"127.0.0.1%09.{API}", f"127.0.0.1%23.{API}", f"127.0.0.1%3f.{API}", f"127.0.0.1%2f.{API}", "*", "{a,b}"],
    ),
    *misspelt("port", ["127.0.0.1:80", "169.254.169.254:443", "[::1]:80", f"{API}:80"]),
    *(
        Attack("port", "127.0.0.1", port, "bad_request")
        for port in ("0", "00", "080", "65616", "+80", "-1", "8181a", "0x50")
    ),
    *(
        Attack("port", "169.254.169.254", port, "bad_request")
        for port in ("", " 80", "80 ", "80@80", "\uff14\uff14\uff13", "80#", "80%20")
    ),
]
NAMES = [
    *named("metadata", [("169.254.169.254",), ("169.254.170.2",), ("100.100.100.200",), ("fd00:ec2::254",)]),
    *named(
        "metadata in six",
        [("::ffff:169.254.169.254",), ("64:ff9b::a9fe:a9fe",), ("2002:a9fe:a9fe::1",), ("::a9fe:a9fe",)],
    ),
    *named("nowhere", [("0.0.0.0",), ("::",), ("fe80::1",), ("255.255.255.255",), ("224.0.0.1",), ("240.0.0.1",)]),
    *named("private", [("127.0.0.1",), ("::1",), ("10.0.0.1",), ("192.168.0.1",), ("172.16.0.1",)], never=False),
    *named(
        "private in six", [("fd00::1",), ("::ffff:10.0.0.1",), ("100.64.0.1",), ("64:ff9b::10.0.0.1",)], never=False
    ),
    *named(
        "mixed", [(PUBLIC, "169.254.169.254"), ("169.254.169.254", PUBLIC), (PUBLIC, "fe80::1"), (PUBLIC_6, "0.0.0.0")]
    ),
    *named(
        "mixed private",
        [(PUBLIC, "10.0.0.1"), (PUBLIC, "::1"), ("127.0.0.1", PUBLIC_6), (PUBLIC_6, "fd00::1")],
        never=False,
    ),
    *named("mixed in the last", [(*(f"93.184.216.{each}" for each in range(34, 42)), "169.254.169.254")]),
    *named("alias", [("169.254.169.254",), ("fd00:ec2::254",), (PUBLIC, "169.254.169.254")]),
    *named("alias private", [("127.0.0.1",), ("10.0.0.1",)], never=False),
    Attack("by its name", "localhost", finds=("127.0.0.1", "::1"), never=False),
    Attack("by its name", "LocalHost", finds=("127.0.0.1", "::1"), never=False),
    Attack("by its name", "metadata.google.internal", finds=("169.254.169.254",)),
    Attack("by its name", "instance-data", finds=("169.254.169.254",)),
    Attack("by its name", "kubernetes.default.svc", finds=("10.96.0.1",), never=False),
    Attack("service that answers any address", "169.254.169.254.nip.example", finds=("169.254.169.254",)),
    Attack("service that answers any address", "a9fea9fe.nip.example", finds=("169.254.169.254",)),
    Attack("service that answers any address", f"{API}.127-0-0-1.nip.example", finds=("127.0.0.1",), never=False),
]
OWN = [
    Attack("the sidecar's own", f"own-{index}-{port}.evil.example", str(port), finds=(address,))
    for port in OWN_PORTS
    for index, address in enumerate(
        ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "0.0.0.0", "::", HERE, HERE_6, "::ffff:127.0.0.1"]
    )
]
REBOUND = [
    replace(attack, family="rebound", host=f"rebound-{index}.evil.example", then=attack.finds, finds=(PUBLIC,))
    for index, attack in enumerate(
        [NAMES[0], *(each for each in NAMES if each.family in ("private", "private in six"))]
    )
]
"""Good when they are looked up first, bad when they are looked up again."""

ATTACKS = (*METADATA, *SPELT, *EMBEDDED, *PRIVATE, *TRICKS, *NAMES, *OWN)

RESEMBLING = (
    *(
        f"{API}.evil.example",
        f"evil{API}",
        f"evil-{API}",
        f"{API}-evil.example",
        "api.example.co",
        "example.com",
        "com",
    ),
    *("api.example.com.", "api-example.com", "apiexample.com", "api.example.comm", "www.api.example.com", "api"),
    *(
        "xn--pi-7lc.example.com",
        "xn--api-example-com.com",
        "api.xn--exmple-cua.com",
        "\u0430pi.example.com",
        "\uff41pi.example.com",
    ),
    *("api。example.com", "api%2eexample.com", "api.example.com%00.evil.example", "api.example.com%2eevil.example"),
    *(
        f"{API}@evil.example",
        f"evil.example@{API}",
        f"{API}\\.evil.example",
        f"evil.example\\{API}",
        PUBLIC,
        f"[{PUBLIC_6}]",
    ),
)
"""Hosts that are taken for a route's by who compares loosely; all of them are public."""

TARGETS = (
    *("ftp://169.254.169.254/", "gopher://127.0.0.1:80/_x", "file:///etc/passwd", "unix:/run/sidecar/control.sock"),
    *("dict://127.0.0.1:80/", "data:,x", "//169.254.169.254/", "http:169.254.169.254/", "http:/169.254.169.254/"),
    *("http:///169.254.169.254/", "http://", "http:///", "http://?@169.254.169.254", "http://#@169.254.169.254/", "*"),
    *("169.254.169.254", "169.254.169.254:80", "169.254.169.254/latest", "@169.254.169.254", "\\\\169.254.169.254\\x"),
    *("http:\\\\169.254.169.254\\", "http://169.254.169.254\\@93.184.216.34/", "http://[::ffff:169.254.169.254/"),
    *("http://93.184.216.34:80:80/", "http://93.184.216.34 .evil/", "http://93.184.216.34\t/", "http+unix://%2frun/"),
    *("/to/", "/to/metadata/", "/to/..", "/to//169.254.169.254/", "/to/http://169.254.169.254/", "/169.254.169.254/"),
    *("/to/plain@169.254.169.254/", "/to/plain:80@169.254.169.254/", "/to/plain.evil.example/", "/to/plain%2f..%2fx"),
    *(
        "/to/plain/../../169.254.169.254/",
        "/to/plain/%2e%2e/x",
        "/to/plain\\@169.254.169.254/",
        "/to/PLAIN/",
        "/to/%70lain/",
    ),
    *(
        "/to/plain/..",
        "/to/plain#@169.254.169.254/",
        "/v1/../to/plain/",
        "/to/./plain/",
    ),
)
"""Request targets that lead nowhere; ``plain`` is a route."""

CONTROLS = {
    "a public name": Attack("control", "good-4.example", finds=(PUBLIC,)),
    "a public name in six": Attack("control", "good-6.example", finds=(PUBLIC_6,)),
    "a name of two": Attack("control", "good.example", finds=(PUBLIC, PUBLIC_6)),
    "capitals": Attack("control", "GOOD.Example", finds=(PUBLIC, PUBLIC_6)),
    "a public address": Attack("control", PUBLIC),
    "a public address in six": Attack("control", f"[{PUBLIC_6}]"),
    "a public address, mapped": Attack("control", "[::ffff:93.184.216.34]"),
    "a name like an address": Attack("control", "169.254.169.254.example", finds=(PUBLIC,)),
    "a port like the sidecar's": Attack("control", "good-4.example", "8181", finds=(PUBLIC,)),
}
