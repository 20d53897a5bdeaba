"""The messages to and from AWS's Security Token Service."""

import contextlib
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.aws import sts
from sidecar.aws.keys import Keys
from sidecar.aws.sts import Fault, Unreadable, endpoint, lent
from sidecar.wire.http import Response

ROLE = "arn:aws:iam::123456789012:role/travel"
LENT = b"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>system:serviceaccount:default:travel</SubjectFromWebIdentityToken>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/travel/p_1</Arn>
      <AssumedRoleId>AROACLKWSDQRAOEXAMPLE:p_1</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <SessionToken>AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE</SessionToken>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <Expiration>2026-11-24T14:00:00Z</Expiration>
      <AccessKeyId>ASgeIAIOSFODNN7EXAMPLE</AccessKeyId>
    </Credentials>
    <Provider>arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE</Provider>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"""


def refusal(code: str, message: str = "no") -> bytes:
    return (
        f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    ).encode()


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-central-1", "https://sts.eu-central-1.amazonaws.com/"),
        ("us-east-1", "https://sts.us-east-1.amazonaws.com/"),
        ("us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com/"),
        ("cn-northwest-1", "https://sts.cn-northwest-1.amazonaws.com.cn/"),
        ("us-iso-east-1", "https://sts.us-iso-east-1.c2s.ic.gov/"),
        ("us-isob-east-1", "https://sts.us-isob-east-1.sc2s.sgov.gov/"),
        ("eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu/"),
    ],
)
def test_a_region_has_an_endpoint_of_its_own(region: str, url: str) -> None:
    assert endpoint(region, {}) == url


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"AWS_ENDPOINT_URL_STS": "https://vpce-1.sts.eu-central-1.vpce.amazonaws.com"}, None),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:5000/"}, "http://127.0.0.1:5000/"),
        ({"AWS_ENDPOINT_URL": "https://a.example", "AWS_ENDPOINT_URL_STS": "https://b.example"}, "https://b.example/"),
    ],
)
def test_the_variables_of_awss_sdks_name_another_one(environ: dict[str, str], url: str | None) -> None:
    assert endpoint("eu-central-1", environ) == url or f"{environ['AWS_ENDPOINT_URL_STS']}/"


def test_no_keys_come_over_plain_http_from_another_machine() -> None:
    with pytest.raises(ValueError, match="neither https"):
        endpoint("eu-central-1", {"AWS_ENDPOINT_URL_STS": "http://sts.example.com"})


def test_a_web_identity_is_sent_with_the_sessions_name() -> None:
    assert parse_qs(sts.with_web_identity(ROLE, "p_1.2", "a.b.c=").decode()) == {
        "Action": ["AssumeRoleWithWebIdentity"],
        "Version": ["2011-06-15"],
        "DurationSeconds": ["3600"],
        "RoleArn": [ROLE],
        "RoleSessionName": ["p_1.2"],
        "WebIdentityToken": ["a.b.c="],
    }


def test_tags_go_with_assume_role_and_are_transitive() -> None:
    form = parse_qs(sts.with_keys(ROLE, "p_1.2", {"identity.principal": "p_1", "identity.agent": "a b"}).decode())
    assert form == {
        "Action": ["AssumeRole"],
        "Version": ["2011-06-15"],
        "DurationSeconds": ["3600"],
        "RoleArn": [ROLE],
        "RoleSessionName": ["p_1.2"],
        "Tags.member.1.Key": ["identity.principal"],
        "Tags.member.1.Value": ["p_1"],
        "TransitiveTagKeys.member.1": ["identity.principal"],
        "Tags.member.2.Key": ["identity.agent"],
        "Tags.member.2.Value": ["a b"],
        "TransitiveTagKeys.member.2": ["identity.agent"],
    }


def test_keys_are_read() -> None:
    read = lent(Response(200, {}, LENT))
    assert isinstance(read, Keys)
    assert read.id == "ASgeIAIOSFODNN7EXAMPLE"
    assert read.secret.reveal() == "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY"
    assert read.token is not None
    assert read.token.reveal() == "AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE"
    assert read.expires == 1795528800.0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<html><p>not found</html>",
        b"<a/>",
        LENT.replace(b"<Expiration>2026-11-24T14:00:00Z</Expiration>", b""),
        LENT.replace(b"2026-11-24T14:00:00Z", b"tomorrow"),
        LENT.replace(b"ASgeIAIOSFODNN7EXAMPLE", b"A\nB: C"),
        LENT.replace(b"ASgeIAIOSFODNN7EXAMPLE", b""),
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + LENT,
        LENT + b" " * sts.MOST_ANSWER,
        LENT[:-1],
    ],
)
def test_what_is_no_such_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable) as unreadable:
        lent(Response(200, {}, body))
    assert "wJalrXUtnFEMI" not in str(unreadable.value)


@given(st.sampled_from([200, 400, 403, 500, 503]), st.binary(max_size=300))
def test_whatever_answers_is_keys_a_fault_or_unreadable(status: int, body: bytes) -> None:
    with contextlib.suppress(Unreadable):
        assert isinstance(lent(Response(status, {}, body)), Keys | Fault)


@pytest.mark.parametrize(
    ("status", "code", "passes", "throttled"),
    [
        (403, "AccessDenied", False, False),
        (400, "InvalidIdentityToken", False, False),
        (400, "IDPCommunicationError", True, False),
        (400, "Throttling", False, True),
        (400, "ThrottlingException", False, True),
        (503, "SlowDown", True, True),
        (429, "", False, True),
        (500, "InternalFailure", True, False),
        (503, "ServiceUnavailable", True, False),
    ],
)
def test_a_fault_says_whether_it_passes(status: int, code: str, passes: bool, throttled: bool) -> None:
    fault = lent(Response(status, {}, refusal(code)))
    assert fault == Fault(status, code, "no")
    assert (fault.passes, fault.throttled) == (passes, throttled)


def test_what_aws_says_is_kept_without_credentials() -> None:
    message = (
        "User: arn:aws:iam::1:user/x with ASIAEXAMPLE123456789\n sent eyJhbGciOi.eyJzdWIi.c2ln \x1b and more "
        + "x" * 600
    )
    fault = lent(Response(403, {}, refusal("AccessDenied", message.replace("\x1b", "é"))))
    assert isinstance(fault, Fault)
    assert "arn:aws:iam::1:user/x" in fault.message
    assert not [part for part in ("ASIAEXAMPLE", "eyJ", "\n", "é") if part in fault.message]
    assert len(fault.message) <= 512
