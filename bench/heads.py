"""What callers send: one caller's head, twenty different callers' heads, and heads nobody has sent before.

The twenty are the header names, their order and their case as real clients, and the proxies in front of them, send
them; values are made up. What differs from one request to the next in real traffic (ids of traces and requests) does so
here: ``<16>`` and ``<32>`` stand for as many random hex digits.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from secrets import token_hex

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/152.0.0.0 Safari/537.36"
TRACE = "00-<32>-<16>-01"

# Name and value; the token is filled in where `Authorization` stands.
ONE = (
    ("Host", "agent.example.com"),
    ("User-Agent", "python-httpx/0.28.1"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
    ("Authorization", ""),
)
BROWSER = (
    ("Host", "agent.example.com"),
    ("Connection", "keep-alive"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("Authorization", ""),
    ("User-Agent", USER_AGENT),
    ("sec-ch-ua", '"Chromium";v="152", "Not_A Brand";v="24"'),
    ("sec-ch-ua-mobile", "?0"),
    ("Accept", "application/json, text/plain, */*"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Dest", "empty"),
    ("Referer", "https://agent.example.com/chat"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
)
BEHIND_ALB = (
    ("X-Forwarded-For", "198.51.100.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Port", "443"),
    ("Host", "agent.example.com"),
    ("X-Amzn-Trace-Id", "Root=1-67a1b2c3-00000000<16>"),
)
BEHIND_INGRESS = (
    ("Host", "agent.example.org"),
    ("X-Request-ID", "<32>"),
    ("X-Real-IP", "198.51.100.8"),
    ("X-Forwarded-For", "198.51.100.8"),
    ("X-Forwarded-Host", "agent.example.org"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Scheme", "https"),
    ("X-Scheme", "https"),
)
Shape = tuple[tuple[str, str], ...]
MIX: tuple[Shape, ...] = (
    ONE,
    BROWSER,
    (*BROWSER, ("Cookie", "theme=dark; session-hint=1; _ga=GA1.1.1234567890.1700000000")),
    (*BROWSER, ("If-None-Match", 'W/"3f80f-1b6"'), ("Cache-Control", "max-age=0")),
    # curl
    (("Host", "agent.example.com"), ("User-Agent", "curl/8.16.0"), ("Accept", "*/*"), ("Authorization", "")),
    # Go net/http
    (
        ("Host", "agent.example.com"),
        ("User-Agent", "Go-http-client/1.1"),
        ("Authorization", ""),
        ("Accept-Encoding", "gzip"),
    ),
    # Node fetch (undici)
    (
        ("host", "agent.example.com"),
        ("connection", "keep-alive"),
        ("authorization", ""),
        ("accept", "*/*"),
        ("accept-language", "*"),
        ("sec-fetch-mode", "cors"),
        ("user-agent", "node"),
        ("accept-encoding", "gzip, deflate"),
    ),
    # axios on Node
    (
        ("Accept", "application/json, text/plain, */*"),
        ("Authorization", ""),
        ("User-Agent", "axios/1.12.2"),
        ("Accept-Encoding", "gzip, compress, deflate, br"),
        ("Host", "agent.example.com"),
        ("Connection", "keep-alive"),
    ),
    # Java HttpClient
    (
        ("Connection", "Keep-Alive"),
        ("Host", "agent.example.com"),
        ("User-Agent", "Java-http-client/21.0.8"),
        ("Authorization", ""),
    ),
    # OkHttp
    (
        ("authorization", ""),
        ("Host", "agent.example.com"),
        ("Connection", "Keep-Alive"),
        ("Accept-Encoding", "gzip"),
        ("User-Agent", "okhttp/5.1.0"),
    ),
    # aiohttp
    (
        ("Host", "agent.example.com"),
        ("Authorization", ""),
        ("Accept", "*/*"),
        ("Accept-Encoding", "gzip, deflate"),
        ("User-Agent", "Python/3.13 aiohttp/3.14.5"),
    ),
    # requests, with a trace
    (
        ("Host", "agent.example.com"),
        ("User-Agent", "python-requests/2.34.2"),
        ("Accept-Encoding", "gzip, deflate, zstd"),
        ("Accept", "*/*"),
        ("Connection", "keep-alive"),
        ("Authorization", ""),
        ("traceparent", TRACE),
    ),
    # the same from OpenTelemetry's SDK, with state and baggage
    (
        *ONE,
        ("traceparent", TRACE),
        ("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        ("baggage", "tenant=acme,tier=gold"),
    ),
    # an SDK for agents
    (
        ("Host", "agent.example.com"),
        ("Accept", "application/json"),
        ("Content-Type", "application/json"),
        ("User-Agent", "Agents/Python 1.102.0"),
        ("X-Stainless-Lang", "python"),
        ("X-Stainless-Package-Version", "1.102.0"),
        ("X-Stainless-OS", "Linux"),
        ("X-Stainless-Arch", "x64"),
        ("X-Stainless-Runtime", "CPython"),
        ("X-Stainless-Runtime-Version", "3.13.7"),
        ("Authorization", ""),
        ("X-Stainless-Async", "async:asyncio"),
        ("x-stainless-retry-count", "0"),
        ("x-stainless-read-timeout", "600"),
    ),
    # an MCP client
    (
        ("host", "agent.example.com"),
        ("accept", "application/json, text/event-stream"),
        ("accept-encoding", "gzip, deflate"),
        ("connection", "keep-alive"),
        ("user-agent", "python-httpx/0.28.1"),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-session-id", "1868a90c-7f3e-4b0a-9d2c-5e6f7a8b9c0d"),
        ("authorization", ""),
    ),
    # behind AWS's load balancer, an ingress, a CDN
    (*BEHIND_ALB, ("Authorization", ""), ("User-Agent", "okhttp/5.1.0"), ("Accept-Encoding", "gzip")),
    (*BEHIND_ALB, *BROWSER[3:]),
    (*BEHIND_INGRESS, *BROWSER[3:]),
    (*BEHIND_INGRESS, ("authorization", ""), ("accept", "*/*"), ("user-agent", "node"), ("traceparent", TRACE)),
    (
        ("Host", "agent.example.net"),
        ("CDN-Loop", "cdn.example; loops=1"),
        ("CF-Connecting-IP", "198.51.100.9"),
        ("CF-Ray", "<16>-FRA"),
        ("CF-Visitor", '{"scheme":"https"}'),
        ("X-Forwarded-For", "198.51.100.9"),
        ("X-Forwarded-Proto", "https"),
        ("Authorization", ""),
        ("Accept", "application/json"),
        ("Accept-Encoding", "gzip, br"),
        ("User-Agent", USER_AGENT),
    ),
)


def head(shape: Shape, token: bytes, path: str = "/v1/trips/42?currency=EUR") -> bytes:
    """One request head, ready to send."""
    bearer = f"Bearer {token.decode()}"
    lines = (f"{name}: {bearer if name.lower() == 'authorization' else _fresh(value)}\r\n" for name, value in shape)
    return f"GET {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()


def _fresh(value: str) -> str:
    return value.replace("<32>", token_hex(16)).replace("<16>", token_hex(8)) if "<" in value else value


def mixed(tokens: Sequence[bytes]) -> list[bytes]:
    """Every one of 20 shapes with every one of 100 tokens once; neither is the one before.

    Each hundred has every token once, so that a warm-up of more than that has met them all.
    """
    turns = range(len(MIX) * len(tokens))
    return [head(MIX[(7 * turn + turn // len(tokens)) % len(MIX)], tokens[37 * turn % len(tokens)]) for turn in turns]


def unseen(token: bytes, serial: "count[int]", how_many: int) -> Iterator[bytes]:
    """Heads with three header names that no head had before, among a caller's usual ones.

    *serial* goes on for the whole run.
    """
    for number in (next(serial) for _ in range(how_many)):
        news = tuple((f"X-Tenant-{number:x}-{part}", "acme") for part in ("Region", "Tier", "Flags"))
        yield head((*ONE[:2], *news, *ONE[2:]), token)
