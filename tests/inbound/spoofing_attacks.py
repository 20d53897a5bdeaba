"""Fields by which a caller, or the agent, would pass for someone else, each beside an innocent one that it resembles.

Whatever is false says ``mallory`` in a way that survives no stripping; whatever must pass says ``honest``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spoof:
    name: str
    sent: bytes
    """Field lines without the last CRLF."""
    control: bytes
    """Field lines that must reach the other side as they are."""
    left: bytes = b""
    """What may be left of those that were sent, as one line in lower case."""
    places: tuple[str, ...] = ("head", "trailers")


def named(name: str, control: str) -> Spoof:
    return Spoof(name, f"{name}: mallory".encode(), f"{control}: honest".encode())


def baggage(name: str, sent: str, left: str = "") -> Spoof:
    """*sent* is the value, of several lines where it has a line feed."""
    lines = "\r\n".join(f"Baggage: {value}" for value in sent.split("\n")).encode()
    return Spoof(
        f"baggage: {name}", lines, b"baggage: honest=1", f"baggage: {left}".encode() if left else b"", ("head",)
    )


def connection(name: str, control: str) -> Spoof:
    """Connection takes away what the caller names, and never what the sidecar adds."""
    return Spoof(f"connection: {name}", f"Connection: {name}".encode(), f"{control}: honest".encode(), places=("head",))


SPOOFS: tuple[Spoof, ...] = (
    # the sidecar's own
    named("X-Identity-Principal", "X-Identit-Principal"),
    named("x-identity-principal", "x-identity"),
    named("X-IDENTITY-PRINCIPAL", "X-IDENTITIES"),
    named("X_Identity_Principal", "X_Identit_Principal"),
    named("X-Identity_Principal", "X-Identity.Principal"),
    named("x_identity-principal", "xx_identity-principal"),
    named("X__Identity-Principal".replace("__", "_"), "X__Identity-Principal"),
    named("X-Identity-Subject", "Identity-Subject"),
    named("X-Identity-Issuer", "X-Issuer"),
    named("X-Identity-Kind", "X-Kind"),
    named("X-Identity-Tenant", "X-Tenant"),
    named("X-Identity-Client", "X-Client"),
    named("X-Identity-Name", "X-Name"),
    named("X-Identity-Email", "X-Email"),
    named("X-Identity-Groups", "X-Groups"),
    named("X-Identity-Groups-Unknown", "X-Groups-Unknown"),
    named("X-Identity-Scopes", "X-Scopes"),
    named("X-Identity-Roles", "X-Roles"),
    named("X-Identity-Tools", "X-Tools"),
    named("X-Identity-Invocation", "X-Invocation"),
    named("X-Identity-Assertion", "X-Assertion"),
    named("X-Identity-Truncated", "X-Truncated"),
    named("X-Identity-Of-Tomorrow", "X-Identify-Of-Tomorrow"),
    named("X-Identity-", "X-Identity"),
    named("X-Identity--Principal", "X--Identity-Principal"),
    Spoof("twice", b"X-Identity-Subject: mallory\r\nx-identity-subject: mallory", b"X-Subject: honest"),
    Spoof(
        "thrice, in three spellings",
        b"X-Identity-Groups: mallory\r\nX_IDENTITY_GROUPS: mallory\r\nx-Identity_groups: mallory",
        b"X-Groups: honest",
    ),
    Spoof("without a space", b"X-Identity-Subject:mallory", b"X-Subject:honest"),
    Spoof("with white space", b"X-Identity-Subject: \t mallory \t ", b"X-Subject: honest"),
    Spoof("empty", b"X-Identity-Subject:\r\nX-Identity-Name: mallory", b"X-Subject:"),
    # framing, host and credentials, as CGI and WSGI would read them
    named("Content_Length", "Content-Lengths"),
    named("transfer_encoding", "transfer-encodings"),
    named("Proxy_Authorization", "Proxy-Authorizations"),
    # other proxies'
    named("X-Forwarded-User", "X-Forwarded-Uses"),
    named("X-Forwarded-Email", "X-Forwarded-Emails"),
    named("X-Forwarded-Groups", "X-Forwarded-Group"),
    named("X-Forwarded-Preferred-Username", "X-Forwarded-Username"),
    named("X_Forwarded_User", "X_Forwarded_Uses"),
    named("x-forwarded_email", "x-forwarded_emails"),
    named("X-FORWARDED-GROUPS", "X-FORWARDED-GROUP"),
    named("X-Auth-Request-User", "X-Auth-User"),
    named("X-Auth-Request-Email", "X-Auth-Email"),
    named("X-Auth-Request-Access-Token", "X-Auth-Request"),
    named("X_Auth_Request_Groups", "X_Auth_Groups"),
    named("Remote-User", "Remote-Users"),
    named("Remote_User", "Remote_Users"),
    named("REMOTE_USER", "REMOTE_USERS"),
    named("X-Remote-User", "X-Remote-Users"),
    named("x_remote_user", "x_remote_users"),
    named("X-Amzn-Oidc-Data", "X-Amzn-Trace-Id"),
    named("X-Amzn-Oidc-Identity", "X-Amzn-Identity"),
    named("X_Amzn_Oidc_Accesstoken", "X_Amzn_Accesstoken"),
    named("X-Goog-Authenticated-User-Email", "X-Goog-User-Email"),
    named("X-Goog-Authenticated-User-Id", "X-Goog-Authenticated"),
    named("X-Goog-Authenticated-User-Jwt", "X-Goog-Jwt"),
    named("X-Ms-Client-Principal", "X-Ms-Client"),
    named("X-MS-CLIENT-PRINCIPAL-ID", "X-MS-CLIENT-ID"),
    named("X-Ms-Client-Principal-Name", "X-Ms-Client-Name"),
    named("X_Ms_Client_Principal_Idp", "X_Ms_Client_Idp"),
    named("X-Ms-Client-Principals", "X-Ms-Client-Principled"),
    named("X-Pomerium-Claim-Email", "Pomerium-Claim-Email"),
    named("X-Pomerium-Jwt-Assertion", "X-Pomeranian-Jwt-Assertion"),
    named("X_Pomerium_Claim_Groups", "X_Pomeranian_Groups"),
    # whom the request came from, and by which way
    named("X-Forwarded-For", "X-Forward-For"),
    named("X-Forwarded-Proto", "X-Forward-Proto"),
    named("X-Forwarded-Host", "X-Forward-Host"),
    named("Forwarded", "Forward"),
    named("X-Forwarded-Port", "X-Forward-Port"),
    named("X-Forwarded-Server", "X-Forward-Server"),
    named("X-Forwarded-Prefix", "X-Forward-Prefix"),
    named("X-Real-IP", "X-Unreal-IP"),
    named("X_Forwarded_For", "X_Forward_For"),
    named("X-Forwarded_Host", "X-Forward_Host"),
    named("x_real_ip", "x_unreal_ip"),
    named("Traceparent", "Traceparents"),
    named("TraceState", "TraceStates"),
    # credentials that are not the caller's to pass on
    Spoof("authorization in a trailer", b"Authorization: Bearer mallory", b"Authorized: honest", places=("trailers",)),
    Spoof("Host in a trailer", b"Host: mallory", b"Hostess: honest", places=("trailers",)),
    Spoof("a length in a trailer", b"Content-Length: mallory", b"Content-Lengths: honest", places=("trailers",)),
    Spoof("a coding in a trailer", b"Transfer-Encoding: mallory", b"Transfer-Encodings: honest", places=("trailers",)),
    named("Proxy-Authorization", "Proxy-Authorized"),
    named("Keep-Alive", "Kept-Alive"),
    named("TE", "TEA"),
    named("Proxy-Connection", "Proxy-Connections"),
    # Connection
    connection("x-identity-principal", "X-Kept"),
    connection("X-Identity-Subject, X-Identity-Invocation", "X-Kept"),
    connection("authorization", "X-Kept"),
    connection("close, x-identity-kind, keep-alive", "X-Kept"),
    connection("traceparent", "X-Kept"),
    connection("x-forwarded-for, forwarded", "X-Kept"),
    # baggage
    baggage("alone", "identity.invocation=mallory"),
    baggage("beside another", "a=1,identity.invocation=mallory", "a=1"),
    baggage("before another", "identity.invocation=mallory,a=1", "a=1"),
    baggage("with white space", "a=1 , identity.invocation = mallory ,b=2", "a=1,b=2"),
    baggage("in upper case", "IDENTITY.INVOCATION=mallory"),
    baggage("in mixed case", "Identity.user=mallory,a=1", "a=1"),
    baggage("percent-encoded", "%69dentity.invocation=mallory"),
    baggage("percent-encoded dot", "identity%2einvocation=mallory"),
    baggage("percent-encoded twice", "%2569dentity.invocation=mallory"),
    baggage("percent-encoded white space", "%20identity.invocation=mallory"),
    baggage("a plus for a space", "+identity.invocation=mallory"),
    baggage("on a second line", "a=1\nidentity.invocation=mallory", "a=1"),
    baggage("on a line between", "a=1\nidentity.invocation=mallory\nb=2", "a=1,b=2"),
    baggage("with properties", "identity.invocation=mallory;a=1;b", ""),
    baggage("without a value", "identity.mallory,a=1", "a=1"),
    baggage("a tab before", "a=1,\tidentity.invocation=mallory", "a=1"),
    baggage("behind empty members", "a=1,,,identity.invocation=mallory,", "a=1"),
    baggage("another name of ours", "identity.principal=mallory,identity=2", "identity=2"),
)

ANSWERS: tuple[Spoof, ...] = (
    named("X-Identity-Principal", "X-Identities"),
    named("X_Identity_Subject", "X_Identities"),
    named("x-identity-invocation", "x-invocation"),
    named("X-Identity-", "X-Identity"),
    named("Sidecar-Error", "Sidecar-Errors"),
    named("sidecar_error", "sidecar_errors"),
    named("SIDECAR-ERROR", "SIDECAR-ERRATA"),
    named("X-Trace-Id", "X-Trace"),
    named("X_Trace_Id", "X_Trace"),
    Spoof("two errors", b"Sidecar-Error: mallory\r\nSidecar-Error: mallory", b"X-Error: honest"),
    Spoof(
        "error named by Connection",
        b"Connection: sidecar-error\r\nSidecar-Error: mallory",
        b"X-Error: honest",
        places=("head",),
    ),
    Spoof("trace named by Connection", b"Connection: x-trace-id", b"X-Error: honest", places=("head",)),
)
