"""Signatures over what the agent sends, verified by what AWS describes and shares no code with what signs."""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from sidecar.aws.keys import keys
from sidecar.aws.signing import Signature, Unsignable
from sidecar.errors import Refusal
from sidecar.oauth.credential import Outgoing
from tests.aws.sigv4 import Received, verify

ID, SECRET, TOKEN = "ASIAEXAMPLE123456789", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjEExample/+=="
KEYS = keys(ID, SECRET, TOKEN, "2026-11-24T14:00:00Z")
NOW = 1795525200.0
EMPTY = hashlib.sha256(b"").hexdigest()
PLACEHOLDER = (
    "AWS4-HMAC-SHA256 Credential=placeholder/20261124/{}/{}/aws4_request, SignedHeaders=host;x-amz-date, "
    "Signature=" + "0" * 64
)


def signature(region: str | None = "eu-central-1", service: str | None = "s3") -> Signature:
    return Signature(KEYS, region=region, service=service, clock=lambda: NOW)


def outgoing(
    target: str = "/",
    *headers: tuple[str, str],
    method: str = "GET",
    scheme: str = "https",
    authority: str = "bucket.s3.eu-central-1.amazonaws.com",
    placeholder: str = "",
) -> Outgoing:
    return Outgoing(method, scheme, authority, target, headers, placeholder)


def received(asked: Outgoing, lines: bytes, body: bytes = b"") -> Received:
    """What arrives of it."""
    assert lines.endswith(b"\r\n")
    fields = [line.partition(": ") for line in lines.decode().removesuffix("\r\n").split("\r\n")]
    headers = [("Host", asked.authority), *((name, value) for name, _, value in fields)]
    return Received(asked.method, asked.target, headers, body, tls=asked.scheme == "https")


def signed(asked: Outgoing, by: Signature | None = None, body: bytes = b"") -> Received:
    """Signed as the relay does it: the body is gathered where the signature needs it. The signature is verified."""
    by = by or signature()
    lines = by.sign(asked, body if by.needs_body(asked) else None)
    arrived = received(asked, lines, body)
    verify(arrived, ID, SECRET, TOKEN)
    return arrived


# The signature holds, whatever is sent

PATHS = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?#"), max_size=40)
QUERIES = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=60)
VALUES = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40).map(str.strip)
NAMES = st.from_regex(
    r"(x-amz-[a-z0-9-]{1,20}|x-[a-z]{1,9}|content-type|content-md5|range|accept|date)", fullmatch=True
)
TAKEN = ("x-amz-content-sha256", "x-amz-region-set", "x-amz-s3session-token", "x-amz-date", "x-amz-security-token")
HEADERS = st.lists(st.tuples(NAMES.filter(lambda name: name not in TAKEN), VALUES), max_size=8)
SERVICES = st.sampled_from(["s3", "s3-object-lambda", "sqs", "execute-api", "bedrock"])


@given(PATHS, QUERIES, HEADERS, SERVICES, st.sampled_from(["GET", "PUT", "POST", "DELETE"]), st.binary(max_size=50))
def test_any_request_is_signed_so_that_aws_takes_it(
    path: str, query: str, headers: list[tuple[str, str]], service: str, method: str, body: bytes
) -> None:
    asked = outgoing(f"/{path}?{query}" if query else f"/{path}", *headers, method=method)
    if re.search(r"[?&]x-amz-(signature|credential|algorithm)=", asked.target, re.IGNORECASE):
        return
    arrived = signed(asked, signature(service=service), body)
    assert verify(arrived, ID, SECRET, TOKEN) == ("eu-central-1", service)
    kept = [(name, value) for name, value in arrived.headers if (name, value) in headers]
    assert kept == headers


TARGETS = [
    "/",
    "/a%20b/c%2Bd",
    "/a+b(c)'d'!*~$&,;=:@",
    "/%e4%F6/%2F/%2f",
    "/a//b/",
    "/?acl",
    "/?prefix=a%2Fb&list-type=2&delimiter=/",
    "/?b=2&a=1&a=0&A=3&a",
    "/?x=a+b&y=a%20b&z=%2b",
    "/?=v&&==&a=b=c",
    "/?marker=%zz&q=100%",
    "/x?versionId=null&partNumber=1&uploadId=a~b_c-d.e",
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("service", ["s3", "execute-api"])
def test_the_target_is_signed_in_the_form_that_aws_makes_of_it(target: str, service: str) -> None:
    signed(outgoing(target), signature(service=service))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("?max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_amazon_s3s_published_examples_come_out(query: str, expected: str) -> None:
    """ "Examples: Signature calculations", Amazon S3's API reference."""
    example = keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    by = Signature(example, region="us-east-1", service="s3", clock=lambda: 1369353600.0)
    asked = outgoing(f"/{query}", authority="examplebucket.s3.amazonaws.com")
    assert by.sign(asked, b"").decode().rstrip().endswith(f"Signature={expected}")


PUBLISHED = [
    (
        Received(
            "GET",
            "/test.txt",
            [
                ("Host", "examplebucket.s3.amazonaws.com"),
                ("Range", "bytes=0-9"),
                ("x-amz-content-sha256", EMPTY),
                ("x-amz-date", "20130524T000000Z"),
                (
                    "Authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                    "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                ),
            ],
        ),
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    (
        Received(
            "GET",
            "/",
            [
                ("Host", "example.amazonaws.com"),
                ("X-Amz-Date", "20150830T123600Z"),
                (
                    "Authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                    "SignedHeaders=host;x-amz-date, "
                    "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
                ),
            ],
        ),
        "AKIDEXAMPLE",
        SECRET,
    ),
    (
        Received(
            "GET",
            "/?Action=ListUsers&Version=2010-05-08",
            [
                ("Host", "iam.amazonaws.com"),
                ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("X-Amz-Date", "20150830T123600Z"),
                (
                    "Authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                    "SignedHeaders=content-type;host;x-amz-date, "
                    "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
                ),
            ],
        ),
        "AKIDEXAMPLE",
        SECRET,
    ),
]


@pytest.mark.parametrize(("published", "key", "secret"), PUBLISHED, ids=["s3-range", "get-vanilla", "iam-list-users"])
def test_the_verifier_takes_awss_published_signatures(published: Received, key: str, secret: str) -> None:
    verify(published, key, secret, None)


@pytest.mark.parametrize(("published", "key", "secret"), PUBLISHED, ids=["s3-range", "get-vanilla", "iam-list-users"])
def test_the_verifier_takes_nothing_else(published: Received, key: str, secret: str) -> None:
    for changed in (
        Received("POST", published.target, published.headers),
        Received("GET", "/other", published.headers),
        Received("GET", published.target, [("Host", "other"), *published.headers[1:]]),
        Received("GET", published.target, published.headers, b"a body"),
    ):
        with pytest.raises(AssertionError):
            verify(changed, key, secret, None)


# What AWS's own client sends, under its placeholder keys


def sent(service: str, call: Callable[[Any], object], **config: Any) -> AWSPreparedRequest:
    """What botocore would send."""
    requests: list[AWSPreparedRequest] = []

    def keep(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        requests.append(request)
        raise InterruptedError

    session = botocore.session.Session()
    client = session.create_client(
        service,
        region_name="eu-central-1",
        aws_access_key_id="placeholder-key",
        aws_secret_access_key="placeholder",
        aws_session_token="placeholder-token",
        **config,
    )
    client.meta.events.register("before-send", keep)
    with pytest.raises(InterruptedError):
        call(client)
    return requests[0]


CALLS: list[tuple[str, Callable[[Any], object]]] = [
    ("sts", lambda sts: sts.get_caller_identity()),
    ("s3", lambda s3: s3.list_objects_v2(Bucket="bucket", Prefix="a b/ü", Delimiter="/")),
    ("s3", lambda s3: s3.put_object(Bucket="bucket", Key="a b/c+d (1)~*'!", Body=b"data", Metadata={"who": "alice"})),
    ("s3", lambda s3: s3.put_object_tagging(Bucket="b", Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})),
    ("s3", lambda s3: s3.get_object(Bucket="bucket", Key="//a/../b", Range="bytes=0-9")),
    ("dynamodb", lambda db: db.get_item(TableName="t", Key={"id": {"S": "1"}})),
    ("lambda", lambda fn: fn.invoke(FunctionName="arn:aws:lambda:eu-central-1:1:function:f", Payload=b"{}")),
    ("bedrock-runtime", lambda br: br.invoke_model(modelId="anthropic.claude:0", body=b"{}")),
    ("sqs", lambda sqs: sqs.list_queues(QueueNamePrefix="a")),
]


@pytest.mark.parametrize("scope", ["of the placeholder", "of the host"])
@pytest.mark.parametrize(("service", "call"), CALLS, ids=[f"{service}-{at}" for at, (service, _) in enumerate(CALLS)])
def test_what_botocore_signed_with_a_placeholder_is_signed_anew(
    service: str, call: Callable[[Any], object], scope: str
) -> None:
    request = sent(service, call)
    host, _, rest = request.url.removeprefix("https://").partition("/")
    headers = {
        name: value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
        if name.lower() not in ("content-length", "transfer-encoding", "expect")
    }
    body = request.body.read() if hasattr(request.body, "read") else request.body or b""
    body = body.encode() if isinstance(body, str) else body
    theirs = Received(request.method, f"/{rest}", [("Host", host), *headers.items()], body)
    meant = verify(theirs, "placeholder-key", "placeholder", "placeholder-token")
    placeholder = headers.pop("Authorization")
    asked = Outgoing(
        request.method, "https", host, f"/{rest}", tuple(headers.items()), placeholder if "host" not in scope else ""
    )
    arrived = signed(asked, signature(None, None), body)
    assert verify(arrived, ID, SECRET, TOKEN) == meant
    assert "placeholder" not in str(arrived.headers)
    had = theirs.value("x-amz-content-sha256")
    assert had is None or arrived.value("x-amz-content-sha256") == had


# What it replaces, and for what it signs


def test_the_placeholders_signature_is_taken_away() -> None:
    arrived = signed(
        outgoing(
            "/",
            ("Authorization", PLACEHOLDER.format("us-east-1", "s3")),
            ("x-amz-date", "20200101T000000Z"),
            ("X-AMZ-Security-Token", "theirs"),
            ("x-amz-content-sha256", EMPTY),
            ("X-Other", "stays"),
        )
    )
    names = [name.lower() for name, _ in arrived.headers]
    assert sorted(names) == sorted(set(names))
    assert arrived.value("x-amz-date") == "20261124T130000Z"
    assert arrived.value("x-amz-security-token") == TOKEN
    assert arrived.value("x-other") == "stays"


def test_long_lived_keys_send_no_session_token() -> None:
    by = Signature(keys(ID, SECRET), region="eu-central-1", service="s3", clock=lambda: NOW)
    asked = outgoing("/", ("X-Amz-Security-Token", "theirs"))
    verify(received(asked, by.sign(asked, b"")), ID, SECRET, None)


@pytest.mark.parametrize(
    ("region", "service", "placeholder", "authority", "expected"),
    [
        ("eu-west-1", "sqs", PLACEHOLDER.format("us-east-1", "s3"), "s3.us-west-2.amazonaws.com", ("eu-west-1", "sqs")),
        ("eu-west-1", None, PLACEHOLDER.format("us-east-1", "s3"), "sqs.us-west-2.amazonaws.com", ("eu-west-1", "s3")),
        (None, "sqs", PLACEHOLDER.format("us-east-1", "s3"), "s3.us-west-2.amazonaws.com", ("us-east-1", "sqs")),
        (None, None, PLACEHOLDER.format("us-east-1", "s3"), "sqs.us-west-2.amazonaws.com", ("us-east-1", "s3")),
        (None, None, "Bearer something", "sqs.us-west-2.amazonaws.com", ("us-west-2", "sqs")),
        (None, None, "", "sqs.us-west-2.amazonaws.com:8443", ("us-west-2", "sqs")),
    ],
)
def test_it_signs_for_what_the_provider_says_else_the_placeholder_else_the_host(
    region: str | None, service: str | None, placeholder: str, authority: str, expected: tuple[str, str]
) -> None:
    arrived = signed(outgoing("/", authority=authority, placeholder=placeholder), signature(region, service))
    assert verify(arrived, ID, SECRET, TOKEN) == expected


@pytest.mark.parametrize("authority", ["api.example.com", "127.0.0.1:9000", "[::1]:9000"])
def test_where_nothing_says_it_the_refusal_does(authority: str) -> None:
    with pytest.raises(Unsignable) as refused:
        signature(None, None).sign(outgoing("/", authority=authority), b"")
    assert "Set region and service" in refused.value.detail


# The body


@pytest.mark.parametrize(
    ("service", "scheme", "said", "needs"),
    [
        ("s3", "https", None, False),
        ("s3", "http", None, True),
        ("s3", "https", "UNSIGNED-PAYLOAD", False),
        ("s3", "http", "UNSIGNED-PAYLOAD", True),
        ("s3", "https", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", False),
        ("s3", "https", hashlib.sha256(b"data").hexdigest(), False),
        ("s3", "http", hashlib.sha256(b"data").hexdigest(), False),
        ("sqs", "https", None, True),
        ("sqs", "https", "UNSIGNED-PAYLOAD", False),
        ("sqs", "https", hashlib.sha256(b"data").hexdigest(), False),
    ],
)
def test_the_body_is_gathered_only_where_the_signature_needs_it(
    service: str, scheme: str, said: str | None, needs: bool
) -> None:
    headers = [("X-Amz-Content-Sha256", said)] if said else []
    asked = outgoing("/", *headers, method="PUT", scheme=scheme)
    by = signature(service=service)
    assert by.needs_body(asked) is needs
    arrived = signed(asked, by, b"data")
    stands = arrived.value("x-amz-content-sha256")
    assert stands == hashlib.sha256(b"data").hexdigest() if needs else stands == said or "UNSIGNED-PAYLOAD"


def test_what_has_no_body_is_signed_as_that() -> None:
    asked = outgoing("/")
    assert received(asked, signature().sign(asked, b"")).value("x-amz-content-sha256") == EMPTY


STREAMED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def unsignable() -> Iterator[Any]:
    for said in (STREAMED, f"{STREAMED}-TRAILER", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"):
        yield pytest.param(outgoing("/", ("x-amz-content-sha256", said), method="PUT"), "signed chunks", id=said)
    events = outgoing("/", ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-EVENTS"), method="POST")
    yield pytest.param(events, "signed chunks", id="events")
    yield pytest.param(outgoing("/", ("x-amz-content-sha256", "0" * 63)), "Send no X-Amz-Content-Sha256", id="hash")
    presigned = "/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Signature=00"
    yield pytest.param(outgoing(presigned), "presigned URL", id="presigned")
    yield pytest.param(outgoing("/key?a=b&x-amz-signature=00"), "presigned URL", id="presigned-lower")
    ecdsa = PLACEHOLDER.format("us-east-1", "s3").replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")
    yield pytest.param(outgoing("/", placeholder=ecdsa), "SigV4A", id="sigv4a")
    yield pytest.param(outgoing("/", ("X-Amz-Region-Set", "*")), "SigV4A", id="region-set")
    yield pytest.param(outgoing("/", ("x-amz-s3session-token", "t")), "S3 Express", id="express")


@pytest.mark.parametrize(("asked", "mend"), [*unsignable()])
def test_what_it_cannot_sign_is_refused_and_says_what_to_do(asked: Outgoing, mend: str) -> None:
    for attempt in (lambda: signature().needs_body(asked), lambda: signature().sign(asked, b"")):
        with pytest.raises(Unsignable) as refused:
            attempt()
        assert mend in refused.value.detail
        assert (refused.value.status, refused.value.code) == (400, "bad_request")


@given(st.text(max_size=100))
def test_whatever_a_client_says_of_its_body_is_signed_or_refused(said: str) -> None:
    try:
        lines = signature().sign(outgoing("/", ("x-amz-content-sha256", said), method="PUT"), b"data")
    except Refusal:
        return
    assert said.strip() in ("", "UNSIGNED-PAYLOAD") or said.strip().encode() in lines


def test_no_secret_is_in_what_a_request_shows_of_itself() -> None:
    shown = repr(outgoing("/", ("X-Api-Key", "their-secret"), placeholder="Bearer their-handle")) + repr(signature())
    assert not [secret for secret in ("their-secret", "their-handle", SECRET, TOKEN) if secret in shown]
