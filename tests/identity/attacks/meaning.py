"""Attacks with a good signature: another issuer, another audience, another tenant, a subject that is none."""

from tests.identity.attacks.mint import COGNITO, ENTRA, MISSING, OURS, STRANGER, TENANT
from tests.identity.attacks.row import by_value, rows

ISSUER = [
    *by_value(
        "issuer",
        "issuer_unknown",
        "iss",
        {
            "missing": MISSING,
            "null": None,
            "empty": "",
            "a number": 1,
            "true": True,
            "a list of ours": [OURS],
            "an object": {OURS: True},
            "a stranger": "https://evil.example",
            "with a slash": OURS + "/",
            "with two slashes": "https://op.example.com//",
            "with a port": "https://op.example.com:443",
            "without its scheme": "op.example.com",
            "over http": "http://op.example.com",
            "in capitals": OURS.upper(),
            "with a capital host": "https://OP.example.com",
            "with a space in front": " " + OURS,
            "with a space behind": OURS + " ",
            "with a line break behind": OURS + "\n",
            "with a NUL behind": OURS + "\0",
            "with a path": OURS + "/realms/evil",
            "with a query": OURS + "?a",
            "with a fragment": OURS + "#a",
            "with a user": "https://op.example.com@evil.example",
            "as a sub-domain": "https://op.example.com.evil.example",
            "cut": OURS[:-1],
            "percent-encoded": "https://op%2Eexample.com",
            "with a look-alike": "https://оp.example.com",  # noqa: RUF001 - a Cyrillic letter is the point
            "two in one": f"{OURS} https://evil.example",
            "a dot at its end": "https://op.example.com.",
        },
    ),
    *rows(
        "issuer",
        "issuer_unknown",
        {
            "Okta's org server": lambda m: m.okta(iss="https://acme.okta.com"),
            "another server of the Okta domain": lambda m: m.okta(iss="https://acme.okta.com/oauth2/aus1"),
        },
        "okta",
    ),
    *rows(
        "issuer",
        "issuer_unknown",
        {
            "another pool": lambda m: m.cognito(iss=COGNITO[:-1] + "d"),
            "a pool of the same name in another region": lambda m: m.cognito(iss=COGNITO.replace("-1.", "-2.")),
        },
        "cognito",
    ),
    *rows(
        "issuer",
        "issuer_unknown",
        {
            "another tenant": lambda m: m.entra(iss=ENTRA.replace(TENANT, STRANGER), tid=STRANGER),
            "Entra's template": lambda m: m.entra(iss=ENTRA.replace(TENANT, "{tenantid}")),
            "Entra's common": lambda m: m.entra(iss=ENTRA.replace(TENANT, "common")),
            "the tenant in capitals": lambda m: m.entra(iss=ENTRA.replace(TENANT, TENANT.upper())),
            "v1 without its slash": lambda m: m.entra(iss=f"https://sts.windows.net/{TENANT}", ver="1.0"),
        },
        "entra",
    ),
    *rows(
        "issuer",
        "",
        {
            "ours": lambda m: m.token(iss=OURS),
        },
    ),
    *rows(
        "issuer",
        "",
        {
            "Okta's custom server": lambda m: m.okta(),
        },
        "okta",
    ),
    *rows(
        "issuer",
        "",
        {
            "the pool": lambda m: m.cognito(),
            "the pool's other form": lambda m: m.cognito(iss=COGNITO.replace("//", "//issuer.")),
        },
        "cognito",
    ),
    *rows(
        "issuer",
        "",
        {
            "the tenant": lambda m: m.entra(),
            "the tenant, v1": lambda m: m.entra(iss=f"https://sts.windows.net/{TENANT}/", ver="1.0"),
        },
        "entra",
    ),
]

AUDIENCE = [
    *by_value(
        "audience",
        "audience_invalid",
        "aud",
        {
            "missing": MISSING,
            "null": None,
            "empty": "",
            "another": "theirs",
            "ours and theirs in one text": "travel theirs",
            "theirs and ours in one text": "theirs travel",
            "ours and theirs with a comma": "travel,theirs",
            "in capitals": "TRAVEL",
            "with a space": "travel ",
            "cut": "trave",
            "longer": "travels",
            "an empty list": [],
            "a list of others": ["theirs", "others"],
            "a list with a number": ["travel", 1],
            "a list with null": ["travel", None],
            "a list in a list": [["travel"]],
            "an object": {"travel": True},
            "a number": 1,
            "true": True,
            "a pattern": "*",
        },
    ),
    *rows(
        "audience",
        "audience_invalid",
        {
            "no client where one is due": lambda m: m.token(azp=MISSING),
            "another client": lambda m: m.token(azp="evil"),
            "ours as audience, another client": lambda m: m.token(azp="evil", aud="app"),
            "two clients in one text": lambda m: m.token(azp="app evil"),
            "two claims, two clients": lambda m: m.token(client_id="evil"),
        },
        "clients",
    ),
    *rows(
        "audience",
        "audience_invalid",
        {"two claims, two clients, where any client will do": lambda m: m.token(client_id="evil")},
    ),
    *rows(
        "audience",
        "audience_invalid",
        {
            "the right client, another audience": lambda m: m.token(aud="theirs"),
            "the right audience, another client": lambda m: m.token(azp="evil"),
            "the right audience, no client": lambda m: m.token(azp=MISSING),
        },
        "both",
    ),
    *rows("audience", "", {"audience and client": lambda m: m.token()}, "both"),
    *rows(
        "audience",
        "audience_invalid",
        {
            "another app client": lambda m: m.cognito(client_id="evil"),
            "no app client": lambda m: m.cognito(client_id=MISSING),
            "ours in aud, where client_id decides": lambda m: m.cognito(client_id=MISSING, aud="client"),
            "ours in aud, another app client": lambda m: m.cognito(client_id="evil", aud=["client"]),
            "aud is a number beside the right client": lambda m: m.cognito(aud=1),
        },
        "cognito",
    ),
    *rows(
        "audience",
        "audience_invalid",
        {
            "Graph's": lambda m: m.entra(aud="00000003-0000-0000-c000-000000000000"),
        },
        "entra",
    ),
    *rows(
        "audience",
        "",
        {
            "a text": lambda m: m.token(aud="travel"),
            "a list": lambda m: m.token(aud=["theirs", "travel"]),
        },
    ),
    *rows(
        "audience",
        "",
        {
            "a client": lambda m: m.token(aud="theirs"),
            "two claims, one client": lambda m: m.token(client_id="app"),
        },
        "clients",
    ),
    *rows(
        "audience",
        "",
        {
            "an app client": lambda m: m.cognito(),
            "an app client with resource binding": lambda m: m.cognito(aud=["https://x.example"]),
        },
        "cognito",
    ),
]

REQUIRED = [
    *rows(
        "required",
        "claim_missing",
        {
            "missing": lambda m: m.token(a={"b": "c"}),
            "another value": lambda m: m.token(org="evil", a={"b": "c"}),
            "in capitals": lambda m: m.token(org="ACME", a={"b": "c"}),
            "longer": lambda m: m.token(org="acme2", a={"b": "c"}),
            "two in one text": lambda m: m.token(org="acme evil", a={"b": "c"}),
            "a list without it": lambda m: m.token(org=["evil"], a={"b": "c"}),
            "an empty list": lambda m: m.token(org=[], a={"b": "c"}),
            "a list in a list": lambda m: m.token(org=[["acme"]], a={"b": "c"}),
            "the key of an object": lambda m: m.token(org={"acme": True}, a={"b": "c"}),
            "true": lambda m: m.token(org=True, a={"b": "c"}),
            "null": lambda m: m.token(org=None, a={"b": "c"}),
            "a step short": lambda m: m.token(org="acme", a="c"),
            "a step missing": lambda m: m.token(org="acme", b="c"),
            "the first of two alone": lambda m: m.token(org="acme"),
        },
        "required",
    ),
    *rows(
        "required",
        "claim_missing",
        {
            "another tenant in tid": lambda m: m.entra(tid=STRANGER),
            "no tid": lambda m: m.entra(tid=MISSING),
            "tid in capitals": lambda m: m.entra(tid=TENANT.upper()),
        },
        "entra",
    ),
    *rows(
        "required",
        "",
        {
            "both": lambda m: m.token(org="acme", a={"b": "c"}),
            "one of a list": lambda m: m.token(org=["x", "acme"], a={"b": ["c"]}),
            "a literal name": lambda m: m.rsa.mint({**m.claims(org="acme"), "a/b": "c"}),
        },
        "required",
    ),
    *rows(
        "required",
        "",
        {
            "tid of the issuer": lambda m: m.entra(tid=TENANT),
        },
        "entra",
    ),
]

SUBJECT = [
    *by_value("subject", "claim_missing", "sub", {"missing": MISSING, "null": None}),
    *by_value(
        "subject",
        "token_malformed",
        "sub",
        {
            "empty": "",
            "a space": " ",
            "256 characters": "a" * 256,
            "a number": 1,
            "true": True,
            "a list": ["alice"],
            "an object": {"id": "alice"},
            "a space in front": " alice",
            "a space behind": "alice ",
            "a line break behind": "alice\n",
            "a no-break space behind": "alice\u00a0",
            "an ideographic space in front": "\u3000alice",
            "a NUL": "alice\0admin",
            "a tab": "alice\tadmin",
            "a line break": "alice\r\nX-Identity-Roles: admin",
            "a delete": "alice\x7f",
            "a C1 control": "alice\x85admin",
            "half a surrogate pair": "alice\ud800",
        },
    ),
    *rows(
        "subject",
        "token_malformed",
        {
            "half a surrogate pair in a name": lambda m: m.token(name="\udc00"),
            "half a surrogate pair in a claim's name": lambda m: m.claim("x\ud800", 1),
        },
    ),
    *rows(
        "subject",
        "token_malformed",
        {
            "a NUL in the tenant": lambda m: m.token(org="a\0b"),
            "a tenant that is a number": lambda m: m.token(org=7),
        },
        "tenanted",
    ),
    *rows(
        "subject",
        "token_malformed",
        {
            "a line break in the client": lambda m: m.token(azp="app\r\nx: y"),
            "a client that is a list": lambda m: m.token(azp=["app"]),
        },
    ),
    *rows(
        "subject",
        "claim_missing",
        {
            "no oid": lambda m: m.entra(oid=MISSING),
        },
        "entra",
    ),
    *rows(
        "subject",
        "token_malformed",
        {
            "an empty oid": lambda m: m.entra(oid=""),
        },
        "entra",
    ),
    *rows(
        "subject",
        "token_malformed",
        {
            "an uid that is a number": lambda m: m.okta(uid=1),
        },
        "okta",
    ),
    *by_value(
        "subject",
        "",
        "sub",
        {
            "one character": "a",
            "255 characters": "a" * 255,
            "255 characters beyond ASCII": "😀" * 255,
            "a space inside": "Alice Liddell",
            "a bar": "auth0|64f0",
            "a path": "repo:acme/travel:ref:refs/heads/main",
            "an address": "alice@example.com",
        },
    ),
    *rows(
        "subject",
        "",
        {
            "a tenant": lambda m: m.token(org="acme"),
            "no tenant": lambda m: m.token(),
        },
        "tenanted",
    ),
]
