"""Ways out under test: how each is configured to put a real credential into an agent's requests, and how it is started.

The job: one core, HTTP/1.1 with keep-alive on both sides, the agent's ``Authorization`` replaced, no access log. The
sidecar does it for the invocation that the agent's handle names, by capability, with an event in its journal; the
others do it for whoever asks.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from systems import ROOT, Absent, Launch, envoy_program, free_port

REAL = "real-key"
HOST = "localhost"
"""The upstream's name: every resolver knows it."""
FIRST = tuple(f"host-{number}.example.com" for number in range(24))
"""Hosts that are called once; only the sidecar, and what knows its CA, can tell where they are."""
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
HTTP = "type.googleapis.com/envoy.extensions.filters.http"
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
FORWARD = "type.googleapis.com/envoy.extensions"


@dataclass(frozen=True, slots=True)
class World:
    """What stands around a way out."""

    agent: int
    issuer: str
    audience: str
    plain: int
    secure: int
    ca: Path
    """The upstream's CA."""
    own_ca: Path
    own_leaf: Path
    """A CA and a leaf for ``HOST``, for who makes none of its own."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A way out that is about to be started."""

    launch: Launch
    ca: Path
    """Whom the agent has to trust."""
    inbound: int = 0
    """Where a caller reaches the agent, and the agent gets its handle; 0: there are no handles."""
    prefix: bytes = b""
    """Its base URL's path for the upstream; empty: it takes absolute form."""


Prepare = Callable[[World, Path], Exit]


def sidecar(world: World, folder: Path) -> Exit:
    """``sidecar serve`` with its defaults: an event recorded before each request leaves."""
    inbound, egress = free_port(), free_port()
    route = {"provider": "api", "private": True}
    routes = {
        "plain": {"url": f"http://127.0.0.1:{world.plain}", **route},
        "secure": {"url": f"https://{HOST}:{world.secure}", **route},
        **{f"first-{number}": {"url": f"https://{host}:{world.secure}", **route} for number, host in enumerate(FIRST)},
    }
    issuer = {
        "type": "oidc",
        "issuer": world.issuer,
        "audience": world.audience,
        "jwks_url": f"{world.issuer}/jwks.json",
    }
    config = folder / "sidecar.yaml"
    config.write_text(  # JSON is YAML
        json.dumps(
            {
                "agent": {"name": "travel", "url": f"http://127.0.0.1:{world.agent}"},
                "inbound": {"listen": f"127.0.0.1:{inbound}"},
                "egress": {"listen": f"127.0.0.1:{egress}", "routes": routes},
                "health": {"listen": f"unix:{folder}/health.sock"},
                "issuers": {"bench": issuer},
                "providers": {"api": {"type": "api_key", "key": REAL, "prefix": "Bearer "}},
                "capabilities": {"call": {"who": {"issuer": "bench"}, "routes": [*routes]}},
                "invocation": {"linger": "1h"},
                "state": {"dir": f"{folder}/state"},
                "run": {"dir": f"{folder}/run"},
                "tls": {"ca_file": str(world.ca)},
                "resolve": dict.fromkeys(FIRST, "127.0.0.1"),
                "development": True,
            }
        )
    )
    for name in ("state", "run"):
        (folder / name).mkdir(mode=0o700)
    command = (sys.executable, "-m", "sidecar", "serve", "--config", str(config))
    return Exit(
        Launch(egress, command, {"PYTHONPATH": str(ROOT)}),
        folder / "run" / "ca.pem",
        inbound=inbound,
        prefix=b"/to/plain",
    )


def mitmproxy_program() -> str:
    """Raise ``Absent``."""
    found = Path(f"{sys.prefix}-mitmproxy", "bin", "mitmdump")
    if not found.exists():
        raise Absent("`make setup-bench`")
    return str(found)


def mitmproxy(world: World, folder: Path) -> Exit:
    """As a forward proxy, silent, with an addon of one line; it makes its own CA at start."""
    binary = mitmproxy_program()
    port = free_port()
    options = {
        "confdir": folder,
        "connection_strategy": "lazy",
        "flow_detail": 0,
        "termlog_verbosity": "error",
        "ssl_verify_upstream_trusted_ca": world.ca,
        "http2": "false",
    }
    words = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    command = (binary, "--listen-host", "127.0.0.1", "--listen-port", str(port), *words, "--quiet")
    swap = Path(__file__).with_name("swap.py")
    return Exit(Launch(port, (*command, "--scripts", str(swap)), {}), folder / "mitmproxy-ca-cert.pem")


def envoy(world: World, folder: Path) -> Exit:
    """A dynamic forward proxy with ``credential_injector``. It opens a CONNECT itself, into a listener inside of it
    that ends TLS with a certificate it was given: it makes none.
    """
    binary = envoy_program()
    port = free_port()
    config = folder / "envoy.json"
    connect = {
        "match": {"connect_matcher": {}},
        "route": {"cluster": "inside", "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}]},
    }
    outside = {
        "name": "outside",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [_manager("plain", [connect], upgrade_configs=[{"upgrade_type": "CONNECT"}])]}],
    }
    leaf = {"certificate_chain": {"filename": str(world.own_leaf)}, "private_key": {"filename": str(world.own_leaf)}}
    ending = {"common_tls_context": {"tls_certificates": [leaf], "alpn_protocols": ["http/1.1"]}}
    inside = {
        "name": "inside",
        "internal_listener": {},
        "filter_chains": [
            {
                "transport_socket": _typed("tls", f"{TLS}.DownstreamTlsContext", **ending),
                "filters": [_manager("secure", [])],
            }
        ],
    }
    trusting = {"common_tls_context": {"validation_context": {"trusted_ca": {"filename": str(world.ca)}}}}
    config.write_text(
        json.dumps(
            {
                "bootstrap_extensions": [
                    _typed("inside", f"{FORWARD}.bootstrap.internal_listener.v3.InternalListener")
                ],
                "static_resources": {
                    "listeners": [outside, inside],
                    "clusters": [
                        _anywhere("plain"),
                        _anywhere("secure", transport_socket=_typed("tls", f"{TLS}.UpstreamTlsContext", **trusting)),
                        _inside(),
                    ],
                    "secrets": [{"name": "real", "generic_secret": {"secret": {"inline_string": f"Bearer {REAL}"}}}],
                },
            }
        )
    )
    # The inbound bench's Envoy may run at the same time, by its own number.
    options = ("--base-id", str(port), "--concurrency", "1", "--log-level", "error", "-c", str(config))
    return Exit(Launch(port, (binary, *options), {}), world.own_ca)


def _typed(name: str, kind: str, **given: object) -> dict[str, object]:
    return {"name": name, "typed_config": {"@type": kind, **given}}


def _manager(cluster: str, routes: list[object], **more: object) -> dict[str, object]:
    """Requests to whatever host they name, by *cluster*, with the real credential."""
    generic = f"{FORWARD}.http.injected_credentials.generic.v3.Generic"
    credential = _typed("envoy.http.injected_credentials.generic", generic, credential={"name": "real"})
    injector = {"overwrite": True, "credential": credential}
    cache = {"dns_cache_config": _cache(cluster)}
    everything = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}
    return _typed(
        "http",
        HCM,
        stat_prefix=cluster,
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [*routes, everything]}]},
        http_filters=[
            _typed("credential", f"{HTTP}.credential_injector.v3.CredentialInjector", **injector),
            _typed("forward", f"{HTTP}.dynamic_forward_proxy.v3.FilterConfig", **cache),
            _typed("router", f"{HTTP}.router.v3.Router"),
        ],
        **more,
    )


def _cache(name: str) -> dict[str, object]:
    resolver = _typed("system", f"{FORWARD}.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig")
    return {"name": name, "dns_lookup_family": "V4_ONLY", "typed_dns_resolver_config": resolver}


def _anywhere(name: str, **more: object) -> dict[str, object]:
    dynamic = f"{FORWARD}.clusters.dynamic_forward_proxy.v3.ClusterConfig"
    options = {
        "upstream_http_protocol_options": {"auto_sni": True, "auto_san_validation": True},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    http = f"{FORWARD}.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": name,
        "connect_timeout": "5s",
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": _typed("dynamic", dynamic, dns_cache_config=_cache(name)),
        "typed_extension_protocol_options": {http.partition("/")[2]: {"@type": http, **options}},
        **more,
    }


def _inside() -> dict[str, object]:
    """The listener that ends the agent's TLS, reached without a socket."""
    sockets = f"{FORWARD}.transport_sockets"
    raw = _typed("raw", f"{sockets}.raw_buffer.v3.RawBuffer")
    address = {"envoy_internal_address": {"server_listener_name": "inside"}}
    return {
        "name": "inside",
        "transport_socket": _typed(
            "inside", f"{sockets}.internal_upstream.v3.InternalUpstreamTransport", transport_socket=raw
        ),
        "load_assignment": {
            "cluster_name": "inside",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


EXITS: Mapping[str, Prepare] = {"sidecar": sidecar, "mitmproxy": mitmproxy, "Envoy": envoy}
