"""Every key of the configuration: its shape, its default, what it means, and whether it has an effect yet.

Reading, the JSON Schema and the reference page are all made of this table.
"""

from collections.abc import Mapping
from typing import Any

from sidecar.settings.issuers import ISSUERS
from sidecar.settings.outward import CAPABILITIES, PROVIDERS, ROUTES
from sidecar.settings.settings import (
    Admin,
    Agent,
    AgentCore,
    Audit,
    Consent,
    Egress,
    Health,
    Inbound,
    Jwks,
    Lifetimes,
    Limits,
    PolicyMode,
    Run,
    State,
    Telemetry,
    Timeouts,
    Tls,
    Trust,
    Vault,
)
from sidecar.settings.shapes import Count, Either, Flag, Fraction, Off, Word
from sidecar.settings.shelves import REQUIRED, Key, List, Named, Section
from sidecar.settings.who import WhoShape
from sidecar.settings.words import (
    ADDRESS,
    AGENT_TOKEN,
    AGENT_URL,
    AUDIENCE,
    DURATION,
    FILE,
    FOLDER,
    HEADER,
    HOST,
    HTTPS,
    HTTPS_QUERY,
    ISSUER,
    LISTEN,
    NAME,
    NETWORK,
    PATH,
    POSITIVE,
    SECRET,
    SIZE,
    STATE_KEY,
    VAULT_URL,
    WEB,
)

LIMITS = Section(
    Limits,
    {
        "head": Key(SIZE, "32KiB", "The largest request head."),
        "token": Key(SIZE, "16KiB", "The longest token."),
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


def _later(keys: Mapping[str, Key]) -> dict[str, Key]:
    """Keys whose room isn't built yet."""
    return {name: key._replace(now=False) for name, key in keys.items()}


def _whole(**values: Any) -> dict[str, Any]:
    return values


CONFIGURATION = Section(
    _whole,
    {
        "agent": Key(
            Section(
                Agent,
                {
                    "name": Key(AUDIENCE, REQUIRED, "The agent's name: the audience of assertions."),
                    "url": Key(AGENT_URL, REQUIRED, "Where the agent listens."),
                    "concurrency": Key(
                        Word("many", "one"),
                        "many",
                        "`one`: the agent serves one call at a time, and can carry no handle.",
                        now=False,
                    ),
                    "forward_authorization": Key(
                        Flag(), False, "Whether the agent gets the caller's `Authorization` header."
                    ),
                    "assertion": Key(
                        Flag(), False, "Whether the agent gets the principal as a signed JWT, `X-Identity-Assertion`."
                    ),
                    "token": Key(
                        Either(Off("off"), AGENT_TOKEN),
                        None,
                        "The agent handle, where a manifest shares it; `off` forbids it.",
                        now=False,
                        shown="made at start",
                    ),
                },
            ),
            {},
            "The agent behind the sidecar.",
        ),
        "agentcore": Key(
            Section(
                AgentCore,
                _later(
                    {
                        "enabled": Key(
                            Flag(),
                            False,
                            "Whether the agent gets AgentCore's headers, and egress serves AgentCore's Identity API.",
                        ),
                        "trust_user_ids": Key(Flag(), False, "Whether the agent's word is taken for who the user is."),
                        "session_uri_only": Key(
                            Flag(), False, "Whether consent may be completed without the one-time code."
                        ),
                    }
                ),
            ),
            {},
            "Compatibility with Amazon Bedrock AgentCore.",
        ),
        "inbound": Key(
            Section(
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
            ),
            {},
            "Callers to the agent.",
        ),
        "invocation": Key(
            Section(
                Lifetimes,
                {
                    "linger": Key(DURATION, "30s", "How long a handle lives on after its response has ended."),
                    "max": Key(POSITIVE, "1h", "How long a handle lives at most."),
                    "detach": Key(
                        Either(Off(), POSITIVE),
                        None,
                        "How long a handle that outlives its response may live.",
                        now=False,
                        shown="off",
                    ),
                    "baggage": Key(
                        Flag(),
                        False,
                        "Whether `baggage` carries an attach handle; only where egress can't go round the sidecar.",
                    ),
                    "end_with_token": Key(
                        Flag(), False, "Whether a handle dies with the token by which it was admitted."
                    ),
                },
            ),
            {},
            "How long an invocation's handle lives.",
        ),
        "egress": Key(
            Section(
                Egress,
                _later(
                    {
                        "listen": Key(
                            LISTEN, "127.0.0.1:8181", "Where the agent reaches the world and the identity API."
                        ),
                        "default": Key(Word("deny", "tunnel"), "deny", "What happens to destinations on no route."),
                        "routes": Key(ROUTES, {}, "The ways out, by name."),
                        "limits": Key(LIMITS, {}, "What is refused beyond."),
                        "timeouts": Key(_timeouts("10s"), {}, "Time limits."),
                    }
                ),
            ),
            {},
            "The agent to the world.",
        ),
        "issuers": Key(ISSUERS, {}, "Whose tokens are accepted, by name."),
        "providers": Key(PROVIDERS, {}, "Where outbound credentials come from, by name.", now=False),
        "capabilities": Key(CAPABILITIES, {}, "Who may do what outward, by name.", now=False),
        "jwks": Key(
            Section(
                Jwks,
                {
                    "max_stale": Key(DURATION, "24h", "How long known keys go on through an outage of their issuer."),
                    "refresh": Key(POSITIVE, "10m", "How often keys are fetched."),
                },
            ),
            {},
            "Issuers' keys.",
        ),
        "consent": Key(
            Section(
                Consent,
                _later(
                    {
                        "public_url": Key(
                            HTTPS, None, "The URL of the consent pages; its host must not be the agent's."
                        ),
                        "listen": Key(LISTEN, "0.0.0.0:8082", "Where browsers reach them, once `public_url` is set."),
                        "return_urls": Key(
                            List(HTTPS_QUERY, "a list of URLs"), [], "Where users may be sent after consent, exactly."
                        ),
                    }
                ),
            ),
            {},
            "Users' consent and connected accounts.",
        ),
        "vault": Key(
            Section(
                Vault,
                _later(
                    {
                        "url": Key(VAULT_URL, None, "The database of sealed grants.", shown="`sqlite:` in `state.dir`"),
                        "namespace": Key(NAME, None, "Keeps agents apart that share a vault and a provider's client."),
                    }
                ),
            ),
            {},
            "Where grants are kept.",
        ),
        "state": Key(
            Section(
                State,
                {
                    "dir": Key(FOLDER, "/var/lib/sidecar", "Journal, vault, sealed CA and control socket."),
                    "key": Key(
                        STATE_KEY,
                        None,
                        "The root key for sealing and keyed hashes; a fleet must give the same.",
                        shown="made at first start (0600)",
                    ),
                },
            ),
            {},
            "What the sidecar keeps.",
        ),
        "run": Key(
            Section(Run, _later({"dir": Key(FOLDER, "/run/sidecar", "The agent's files.")})),
            {},
            "What the agent reads.",
        ),
        "audit": Key(
            Section(
                Audit,
                {
                    "required": Key(Flag(), True, "Whether calls are refused whose event can't be written."),
                    "subjects": Key(Word("hashed", "plain"), "hashed", "How principals stand in events."),
                    "keep": Key(POSITIVE, "400d", "How long the audit log is kept."),
                    "journal": Key(SIZE, "64MiB", "The local journal's size, allocated at start."),
                    "stdout": Key(Flag(), False, "Whether each event is a JSON line on stdout as well."),
                },
            ),
            {},
            "The record of what happened to identities.",
        ),
        "telemetry": Key(
            Section(
                Telemetry,
                {
                    "otlp": Key(Either(WEB, Off()), None, "The OpenTelemetry collector's URL.", shown="off"),
                    "protocol": Key(Word("http", "grpc"), "http", "How it is spoken to."),
                    "headers": Key(Named(SECRET, "a table of headers", HEADER), {}, "Headers of requests to it."),
                    "sample": Key(Fraction(), 1.0, "The share of spans that are sent; events are never sampled."),
                },
            ),
            {},
            "OpenTelemetry.",
        ),
        "policy": Key(
            Section(
                PolicyMode,
                _later(
                    {
                        "mode": Key(Word("enforce", "shadow"), "enforce", "`shadow` refuses nothing and records all."),
                        "explain": Key(
                            Word("record", "agent"), "record", "Whether a denial's reason goes into the answer as well."
                        ),
                        "files": Key(List(FILE, "a list of files"), [], "Policies of your own."),
                    }
                ),
            ),
            {},
            "How decisions are taken.",
        ),
        "health": Key(
            Section(Health, {"listen": Key(LISTEN, "0.0.0.0:9090", "Where probes and Prometheus ask.")}),
            {},
            "Probes and metrics.",
        ),
        "admin": Key(
            Either(
                Section(
                    Admin,
                    {
                        "listen": Key(LISTEN, REQUIRED, "Where the audit pages are."),
                        "issuer": Key(
                            ISSUER, None, "Where operators sign in; without one, `listen` must be a unix socket."
                        ),
                        "who": Key(WhoShape(agent=False), "any", "Who may see them."),
                    },
                ),
                Off(),
            ),
            None,
            "Audit pages, and the reasons behind `/readyz`.",
            now=False,
            shown="off",
        ),
        "tls": Key(
            Section(Trust, {"ca_file": Key(FILE, None, "A CA of your own beside the system's, PEM.")}), {}, "Trust."
        ),
        "resolve": Key(
            Named(ADDRESS, "a table of host names and addresses", HOST),
            {},
            "Host names that are pinned to an address, everywhere.",
        ),
        "reload": Key(Word("sighup", "watch"), "sighup", "When the configuration is read again."),
        "development": Key(
            Flag(),
            False,
            "Allows http on loopback and the sandbox provider; refused unless every listener is on loopback.",
        ),
    },
)
