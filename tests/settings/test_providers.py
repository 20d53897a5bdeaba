"""Providers as they stand in a file."""

import pytest

from sidecar.oauth.provider import TYPES, Provider
from sidecar.secret import Secret
from sidecar.settings.providers import PROVIDER_KEYS, PROVIDER_TYPES
from tests.settings.conftest import Read, Wrong

SECRETS = {"SECRET": "hunter2", "ODD": "schlüssel", "PAIR": "user:hunter2"}
S = "{env: SECRET}"


@pytest.mark.parametrize(
    ("text", "provider"),
    [
        (
            f"type: google, client_id: a, client_secret: {S}",
            Provider("p", "google", "principal", client_id="a", client_secret=Secret("hunter2")),
        ),
        (
            f"type: gitlab, client_id: a, client_secret: {S}, domain: git.acme.example, hand_out: true",
            Provider(
                "p",
                "gitlab",
                "principal",
                hand_out=True,
                client_id="a",
                client_secret=Secret("hunter2"),
                domain="git.acme.example",
            ),
        ),
        (
            f"type: oauth2, client_id: a, client_secret: {S}, token_url: 'https://a.example/t', "
            "grant: client_credentials",
            Provider(
                "p",
                "oauth2",
                "agent",
                client_id="a",
                client_secret=Secret("hunter2"),
                token_url="https://a.example/t",
                grant="client_credentials",
            ),
        ),
        (
            "type: oauth2, client_id: a, client_auth: private_key_jwt, discovery: 'https://a.example'",
            Provider(
                "p", "oauth2", "principal", client_id="a", client_auth="private_key_jwt", discovery="https://a.example"
            ),
        ),
        (
            f"type: api_key, key: {S}, header: X-Api-Key, prefix: 'Token '",
            Provider("p", "api_key", "agent", key=Secret("hunter2"), header="X-Api-Key", prefix="Token "),
        ),
        (f"type: api_key, key: {S}, basic: true", Provider("p", "api_key", "agent", key=Secret("hunter2"), basic=True)),
        (f"type: api_key, key: {S}, basic: me", Provider("p", "api_key", "agent", key=Secret("hunter2"), basic="me")),
        (f"type: bearer, token: {S}", Provider("p", "bearer", "agent", token=Secret("hunter2"))),
        (
            "type: aws, role_arn: 'arn:aws:iam::123456789012:role/x/y', source: web_identity, region: eu-central-1, "
            "service: s3",
            Provider(
                "p",
                "aws",
                "agent",
                role_arn="arn:aws:iam::123456789012:role/x/y",
                source="web_identity",
                region="eu-central-1",
                service="s3",
            ),
        ),
        ("type: aws, source: ambient", Provider("p", "aws", "agent", source="ambient")),
        ("type: agent, audience: next", Provider("p", "agent", "principal", audience="next")),
        (
            f"type: exchange, standard: rfc8693, client_id: a, client_secret: {S}, token_url: 'https://a.example/t', "
            "audience: b",
            Provider(
                "p",
                "exchange",
                "principal",
                standard="rfc8693",
                client_id="a",
                client_secret=Secret("hunter2"),
                token_url="https://a.example/t",
                audience="b",
            ),
        ),
        (
            "type: exchange, standard: entra_obo, client_id: a, client_auth: private_key_jwt, tenant: t",
            Provider(
                "p",
                "exchange",
                "principal",
                standard="entra_obo",
                client_id="a",
                client_auth="private_key_jwt",
                tenant="t",
            ),
        ),
    ],
)
def test_a_provider_is_read(read: Read, text: str, provider: Provider) -> None:
    text = f"inbound: {{public_url: 'https://agent.example.com'}}\nproviders: {{p: {{{text}}}}}"
    assert read(text, SECRETS).providers["p"] == provider


def test_every_type_has_the_keys_that_it_says() -> None:
    for name, spec in TYPES.items():
        assert PROVIDER_TYPES[name].keys.keys() == {"type", *spec.required, *spec.allowed, "acts_as", "hand_out"}
        assert spec.required | spec.allowed <= PROVIDER_KEYS.keys()


PROVIDER_PROBLEMS = [
    ("{client_id: a}", ".type", "is missing", None),
    ("{type: googel}", ".type", None, 'Did you mean "google"?'),
    (f"{{type: google, client_secret: {S}}}", ".client_id", "is missing", "Set  client_id: my-agent"),
    ("{type: google, client_id: a}", ".client_secret", "is missing", "Set  client_secret: {env: NAME}"),
    (f"{{type: google, client_id: a, client_secret: {S}, key: {S}}}", ".key", "is not a key here", None),
    (
        "{type: oauth2, client_id: a, client_auth: private_key_jwt}",
        "",
        "doesn't say where the authorization server is",
        "Set  discovery, or  authorize_url and token_url.",
    ),
    (
        "{type: oauth2, client_id: a, client_auth: private_key_jwt, grant: client_credentials}",
        "",
        "doesn't say where the authorization server is",
        "Set  discovery, or  token_url.",
    ),
    (
        "{type: oauth2, client_id: a, client_auth: private_key_jwt, token_url: 'https://a.example'}",
        "",
        "doesn't say where the authorization server is",
        "Set  discovery, or  authorize_url and token_url.",
    ),
    (
        "{type: oauth2, client_id: a, client_auth: private_key_jwt, discovery: 'http://a.example'}",
        ".discovery",
        "is not https",
        "Use https.",
    ),
    (
        "{type: oauth2, client_id: a, discovery: 'https://a.example'}",
        ".client_secret",
        "is missing",
        "Set  client_secret: {env: NAME}, or  client_auth: private_key_jwt",
    ),
    (
        "{type: oauth2, client_id: a, discovery: 'https://a.example', client_auth: jwt}",
        ".client_auth",
        "is not one of basic, post, private_key_jwt",
        None,
    ),
    (
        f"{{type: oauth2, client_id: a, client_secret: {S}, discovery: 'https://a.example', grant: client_credentials, "
        "acts_as: principal}",
        ".acts_as",
        "is principal, but client credentials are the agent's",
        "Remove it: it is agent.",
    ),
    (
        f"{{type: oauth2, client_id: a, client_secret: {S}, discovery: 'https://a.example', "
        "client_auth: private_key_jwt}",
        ".client_secret",
        "has no use with private_key_jwt",
        "Remove it: the sidecar's own key signs; the provider gets its public half.",
    ),
    (
        "{type: agent, audience: next, acts_as: agent}",
        ".acts_as",
        "is agent, but the next agent is called for a principal",
        "Remove it: it is principal.",
    ),
    ("{type: agent}", ".audience", "is missing", "Set  audience: my-agent"),
    *[
        (text, ".acts_as", "is agent, but it is users who grant it", "Remove it: it is principal.")
        for text in (
            f"{{type: google, client_id: a, client_secret: {S}, acts_as: agent}}",
            f"{{type: oauth2, client_id: a, client_secret: {S}, discovery: 'https://a', acts_as: agent}}",
        )
    ],
    (
        "{type: exchange, standard: rfc8693, client_auth: private_key_jwt, discovery: 'https://a'}",
        ".client_id",
        "is missing",
        None,
    ),
    (
        f"{{type: exchange, standard: rfc8693, client_id: a, client_secret: {S}}}",
        "",
        "doesn't say where the authorization server is",
        "Set  discovery, or  token_url.",
    ),
    (
        f"{{type: exchange, standard: entra_obo, client_id: a, client_secret: {S}}}",
        "",
        "doesn't say where the authorization server is",
        "Set  tenant, or  token_url.",
    ),
    (
        "{type: exchange, standard: rfc7523, client_id: a, discovery: 'https://a.example'}",
        ".client_secret",
        "is missing",
        "Set  client_secret: {env: NAME}, or  client_auth: private_key_jwt",
    ),
    (
        f"{{type: exchange, standard: rfc8693, client_id: a, client_secret: {S}, discovery: 'https://a', "
        "acts_as: agent}",
        ".acts_as",
        "is agent, but it is a caller's token that is exchanged",
        "Remove it: it is principal.",
    ),
    (
        f"{{type: exchange, standard: id_jag, client_id: a, client_secret: {S}, discovery: 'https://a', "
        "resource_token_url: 'https://b/t'}",
        ".audience",
        "is missing",
        "Set  audience: the issuer URL of the resource's authorization server.",
    ),
    (
        f"{{type: exchange, standard: id_jag, client_id: a, client_secret: {S}, discovery: 'https://a', audience: b}}",
        ".resource_token_url",
        "is missing",
        "Set it: audience isn't a URL where it could be learned.",
    ),
    (
        f"{{type: exchange, standard: rfc8693, client_id: a, client_secret: {S}, discovery: 'https://a', "
        "resource_client_id: b}",
        ".resource_client_id",
        "has no use without id_jag",
        "Remove it.",
    ),
    (
        f"{{type: exchange, standard: id_jag, client_id: a, client_secret: {S}, discovery: 'https://a', "
        f"audience: 'https://b', resource_client_secret: {S}}}",
        ".resource_client_id",
        "is missing",
        "Set  resource_client_id: it is that client's secret.",
    ),
    (
        "{type: api_key, key: {env: ODD}}",
        ".key",
        "holds a character that a header can't carry",
        "Give it in plain ASCII.",
    ),
    (
        "{type: bearer, token: {env: ODD}}",
        ".token",
        "holds a character that a header can't carry",
        "Give it in plain ASCII.",
    ),
    (
        "{type: api_key, key: {env: PAIR}, basic: true}",
        ".key",
        "holds a colon, which no user name has",
        "Give the password alone, and the user name as  basic: NAME",
    ),
    (
        f"{{type: api_key, key: {S}, basic: 'a:b'}}",
        ".basic",
        "holds a colon, which no user name has",
        "Give the user name alone; the key is its password.",
    ),
    (
        f"{{type: api_key, key: {S}, acts_as: principal}}",
        ".acts_as",
        "is principal, but the credential is the same for all",
        "Remove it: it is agent.",
    ),
    (
        f"{{type: api_key, key: {S}, header: X-Key, query: key}}",
        "",
        "fills header and query",
        "Keep one of header, query and basic.",
    ),
    (
        f"{{type: api_key, key: {S}, basic: true, prefix: x}}",
        ".prefix",
        "stands before a header's value alone",
        "Remove it.",
    ),
    (
        f"{{type: api_key, key: {S}, header: Host}}",
        ".header",
        "is a header of HTTP's or the sidecar's own",
        None,
    ),
    (
        "{type: api_key, key: 12345}",
        ".key",
        "what is given is to YAML an integer, not a secret on one line",
        "Put it in quotes.",
    ),
    ("{type: aws}", ".role_arn", "is missing", "Set  role_arn: arn:aws:iam::…, or  source: ambient"),
    (
        "{type: aws, source: ambient, role_arn: 'arn:aws:iam::123456789012:role/x'}",
        ".role_arn",
        "belongs to sessions, and ambient keys sign as they are",
        "Remove it, or set  source: assume_role",
    ),
    (
        "{type: aws, source: ambient, session_tags: true}",
        ".session_tags",
        "belongs to sessions, and ambient keys sign as they are",
        "Remove it, or set  source: assume_role",
    ),
    ("{type: aws, source: web}", ".source", "is not one of web_identity, assume_role, ambient", None),
    ("{type: aws, role_arn: 'arn:aws:s3:::x'}", ".role_arn", "is not the ARN of a role", None),
    (
        "{type: sandbox}",
        ".type",
        "is sandbox, whose tokens anybody can make",
        "Use a real provider, or set  development: true",
    ),
]


@pytest.mark.parametrize(("text", "path", "what", "mend"), PROVIDER_PROBLEMS)
def test_a_provider_that_does_not_fit_is_reported(
    wrong: Wrong, text: str, path: str, what: str | None, mend: str | None
) -> None:
    public = "inbound: {public_url: 'https://agent.example.com'}\n"
    (problem,) = wrong(f"{public}providers:\n  p: {text}", SECRETS)
    assert (problem.path, problem.line) == (f"providers.p{path}", 4)
    assert what in (None, problem.what)
    assert mend in (None, problem.mend)
    assert not any(secret in problem.what + problem.mend for secret in SECRETS.values())


@pytest.mark.parametrize(
    "text", ["key: {env: ODD}, query: k", "key: {env: ODD}, basic: me", "key: {env: PAIR}, basic: me"]
)
def test_what_no_header_carries_as_it_is_may_be_encoded(read: Read, text: str) -> None:
    assert read(f"providers: {{p: {{type: api_key, {text}}}}}", SECRETS).providers["p"].key


def test_who_calls_other_agents_has_a_public_url(wrong: Wrong) -> None:
    (problem,) = wrong("providers:\n  next: {type: agent, audience: next}")
    assert (problem.path, problem.line) == ("providers.next.type", 3)
    assert problem.what == "is agent, and this one has no public URL"
    assert "inbound.public_url" in problem.mend


def test_the_sandbox_is_for_development(read: Read) -> None:
    local = "inbound: {listen: 'unix:a'}\nhealth: {listen: '127.0.0.1:0'}\ndevelopment: true\n"
    assert read(local + "providers: {p: {type: sandbox}}").providers["p"] == Provider("p", "sandbox", "principal")
