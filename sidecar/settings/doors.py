"""The keys of what requests pass through: the agent, inbound, invocations, egress."""

from sidecar.settings.outward import ROUTES
from sidecar.settings.sections import REQUIRED, Key, List, Section
from sidecar.settings.settings import Agent, Egress, Inbound, Lifetimes, Limits, Timeouts, Tls
from sidecar.settings.shapes import Count, Either, Flag, Off, Word
from sidecar.settings.who import WhoShape
from sidecar.settings.words import (
    AGENT_TOKEN,
    AGENT_URL,
    DURATION,
    FILE,
    IDENTIFIER,
    LISTEN,
    NETWORK,
    PATH,
    POSITIVE,
    WEB,
    size_between,
)

LIMITS = Section(
    Limits,
    {
        "head": Key(size_between("1KiB", "1MiB"), "32KiB", "The largest request head."),
        "token": Key(size_between("256B", "1MiB"), "16KiB", "The longest token."),
        "connections": Key(Count(1, 1_000_000), 10_000, "The most connections at the same time."),
        "requests": Key(Count(1, 1_000_000), 1000, "The most requests at the same time."),
    },
)


def _timeouts(connect: str) -> Section:
    return Section(
        Timeouts,
        {
            "head": Key(POSITIVE, "10s", "Until a request's head is complete."),
            "connect": Key(POSITIVE, connect, "Until a connection is made."),
            "first_byte": Key(POSITIVE, "120s", "Until an answer begins."),
            "idle": Key(POSITIVE, "1h", "How long nothing may move on an open connection."),
            "turn": Key(DURATION, "30s", "With `agent.concurrency: one`: how long a caller waits for its turn."),
            "drain": Key(DURATION, "30s", "How long open requests may run on after SIGTERM."),
        },
    )


AGENT = Section(
    Agent,
    {
        "name": Key(IDENTIFIER, REQUIRED, "The agent's name: the audience of assertions."),
        "url": Key(AGENT_URL, REQUIRED, "Where the agent listens."),
        "concurrency": Key(
            Word("many", "one"),
            "many",
            "`one`: the agent serves one call at a time, and can carry no handle.",
        ),
        "forward_authorization": Key(Flag(), False, "Whether the agent gets the caller's `Authorization` header."),
        "assertion": Key(
            Flag(), False, "Whether the agent gets the principal as a signed JWT, `X-Identity-Assertion`."
        ),
        "token": Key(
            Either(Off("off"), AGENT_TOKEN),
            None,
            "The agent handle, where a manifest shares it; `off` forbids it.",
            shown="made at start",
        ),
    },
)
INBOUND = Section(
    Inbound,
    {
        "listen": Key(LISTEN, "0.0.0.0:8080", "Where callers reach the agent."),
        "public_url": Key(WEB, None, "The URL by which callers know the agent."),
        "public": Key(
            List(PATH, "a list of paths"),
            [],
            "Paths that pass without a token, exact, or prefixes where they end with `/`.",
        ),
        "who": Key(WhoShape(agent=False), "any", "Who may call the agent at all."),
        "preflight": Key(Word("refuse", "pass"), "refuse", "Whether CORS preflights pass without a token."),
        "groups": Key(
            Word("all", "named"),
            "all",
            "Which groups and roles the agent is told: all, or those that the configuration names.",
        ),
        "trusted_proxies": Key(
            List(NETWORK, "a list of networks"),
            [],
            "Peers whose `X-Forwarded-*` and `Forwarded` are continued.",
        ),
        "tls": Key(
            Section(
                Tls,
                {
                    "cert": Key(FILE, REQUIRED, "The certificate chain, PEM."),
                    "key": Key(FILE, REQUIRED, "Its private key, PEM."),
                },
            ),
            None,
            "Serve TLS with this certificate.",
        ),
        "limits": Key(LIMITS, {}, "What is refused beyond."),
        "timeouts": Key(_timeouts("1s"), {}, "Time limits."),
    },
)
INVOCATION = Section(
    Lifetimes,
    {
        "linger": Key(DURATION, "30s", "How long a handle lives on after its response has ended."),
        "max": Key(POSITIVE, "1h", "How long a handle lives at most."),
        "detach": Key(
            Either(Off(), POSITIVE),
            None,
            "How long a handle that outlives its response may live.",
            shown="off",
        ),
        "baggage": Key(
            Flag(),
            False,
            "Whether `baggage` carries an attach handle; only where egress can't go round the sidecar.",
        ),
        "end_with_token": Key(Flag(), False, "Whether a handle dies with the token by which it was admitted."),
    },
)
EGRESS = Section(
    Egress,
    {
        "listen": Key(LISTEN, "127.0.0.1:8181", "Where the agent reaches the world and the identity API."),
        "default": Key(Word("deny", "tunnel"), "deny", "What happens to destinations on no route."),
        "routes": Key(ROUTES, {}, "The ways out, by name."),
        "limits": Key(LIMITS, {}, "What is refused beyond."),
        "timeouts": Key(_timeouts("10s"), {}, "Time limits."),
    },
)
