"""Every key of the configuration: its shape, its default, what it means, and whether it has an effect yet.

Reading, the JSON Schema and the reference page are all made of this table.
"""

from typing import Any

from sidecar.settings.doors import AGENT, EGRESS, INBOUND, INVOCATION
from sidecar.settings.issuers import ISSUERS
from sidecar.settings.outward import CAPABILITIES, TOOLS
from sidecar.settings.providers import PROVIDERS
from sidecar.settings.sections import REQUIRED, Key, List, Named, Section, later
from sidecar.settings.settings import (
    Admin,
    AgentCore,
    Audit,
    Consent,
    Health,
    Jwks,
    PolicyMode,
    Run,
    State,
    Telemetry,
    Trust,
    Vault,
)
from sidecar.settings.shapes import Either, Flag, Fraction, Off, Word
from sidecar.settings.who import WhoShape
from sidecar.settings.words import (
    ADDRESS,
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
    POLICY,
    POSITIVE,
    SECRET,
    STATE_KEY,
    VAULT_URL,
    WEB,
    size_between,
)


def _whole(**values: Any) -> dict[str, Any]:
    return values


CONFIGURATION = Section(
    _whole,
    {
        "agent": Key(
            AGENT,
            {},
            "The agent behind the sidecar.",
        ),
        "agentcore": Key(
            Section(
                AgentCore,
                later(
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
            INBOUND,
            {},
            "Callers to the agent.",
        ),
        "invocation": Key(
            INVOCATION,
            {},
            "How long an invocation's handle lives.",
        ),
        "egress": Key(
            EGRESS,
            {},
            "The agent to the world.",
        ),
        "issuers": Key(ISSUERS, {}, "Whose tokens are accepted, by name."),
        "providers": Key(PROVIDERS, {}, "Where outbound credentials come from, by name."),
        "tools": Key(TOOLS, {}, "Sets of tools that no MCP route serves, the agent's own functions: `set/tool`."),
        "capabilities": Key(CAPABILITIES, {}, "Who may do what outward, by name."),
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
                {
                    "public_url": Key(HTTPS, None, "The URL of the consent pages; its host must not be the agent's."),
                    "listen": Key(LISTEN, "0.0.0.0:8082", "Where browsers reach them, once `public_url` is set."),
                    "return_urls": Key(
                        List(HTTPS_QUERY, "a list of URLs"), [], "Where users may be sent after consent, exactly."
                    ),
                },
            ),
            {},
            "Users' consent and connected accounts.",
        ),
        "vault": Key(
            Section(
                Vault,
                {
                    "url": Key(VAULT_URL, None, "The database of sealed grants.", shown="`sqlite:` in `state.dir`"),
                    "namespace": Key(NAME, None, "Keeps agents apart that share a vault and a provider's client."),
                },
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
            Section(Run, {"dir": Key(FOLDER, "/run/sidecar", "The agent's files.")}),
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
                    "journal": Key(
                        size_between("64KiB", "64GiB"), "64MiB", "The local journal's size, allocated at start."
                    ),
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
                    "otlp": Key(Either(Off(), WEB), None, "The OpenTelemetry collector's URL.", shown="off"),
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
                {
                    "mode": Key(Word("enforce", "shadow"), "enforce", "`shadow` refuses nothing, and records all."),
                    "explain": Key(
                        Word("record", "agent"), "record", "Whether a denial's reason goes into the answer as well."
                    ),
                    "files": Key(
                        List(POLICY, "a list of files"), [], "Cedar policies of your own, beside those of capabilities."
                    ),
                },
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
