"""For which region and service a request is signed."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import botocore
import pytest

from sidecar.aws.scope import Scope, host, placeholder

BOTO = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261124/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def test_the_placeholders_signature_says_it() -> None:
    assert placeholder(BOTO) == Scope("eu-central-1", "s3")


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer something",
        "AWS AKIAEXAMPLE:c2lnbmF0dXJl",
        BOTO.replace("eu-central-1", "EU"),
        BOTO.replace("/s3/", "/s3;x/"),
        BOTO.replace("/s3/", f"/{'s' * 65}/"),
        BOTO.replace("20261124", "today"),
        BOTO.replace("aws4_request", "aws5_request"),
        "AWS4-ECDSA-P256-SHA256 Credential=AKIAEXAMPLE/20261124/s3/aws4_request, SignedHeaders=host, Signature=0",
    ],
)
def test_what_is_no_such_signature_says_nothing(authorization: str) -> None:
    assert placeholder(authorization) is None


@pytest.mark.parametrize(
    ("name", "region", "service"),
    [
        ("sqs.eu-central-1.amazonaws.com", "eu-central-1", "sqs"),
        ("sts.us-gov-west-1.amazonaws.com", "us-gov-west-1", "sts"),
        ("sts.cn-north-1.amazonaws.com.cn", "cn-north-1", "sts"),
        ("dynamodb.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "dynamodb"),
        ("sqs-fips.us-east-1.amazonaws.com", "us-east-1", "sqs"),
        ("fips.sqs.us-east-1.amazonaws.com", "us-east-1", "sqs"),
        ("lambda.eu-west-1.api.aws", "eu-west-1", "lambda"),
        ("iam.amazonaws.com", "us-east-1", "iam"),
        ("sts.amazonaws.com", "us-east-1", "sts"),
        ("iam.cn-north-1.amazonaws.com.cn", "cn-north-1", "iam"),
        ("cloudfront.amazonaws.com", "us-east-1", "cloudfront"),
        ("s3.amazonaws.com", "us-east-1", "s3"),
        ("my.bucket.s3.amazonaws.com", "us-east-1", "s3"),
        ("bucket.s3.eu-central-1.amazonaws.com", "eu-central-1", "s3"),
        ("bucket.s3.dualstack.eu-central-1.amazonaws.com", "eu-central-1", "s3"),
        ("bucket.s3-eu-west-1.amazonaws.com", "eu-west-1", "s3"),
        ("s3-external-1.amazonaws.com", "us-east-1", "s3"),
        ("s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", "s3"),
        ("123456789012.s3-control.us-west-2.amazonaws.com", "us-west-2", "s3"),
        ("point-123456789012.s3-accesspoint.us-west-2.amazonaws.com", "us-west-2", "s3"),
        ("point-123456789012.s3-object-lambda.us-west-2.amazonaws.com", "us-west-2", "s3-object-lambda"),
        ("abcdef1234.execute-api.us-east-1.amazonaws.com", "us-east-1", "execute-api"),
        ("abcdef.lambda-url.eu-west-1.on.aws", "eu-west-1", "lambda"),
        ("search-logs-abc.eu-west-1.es.amazonaws.com", "eu-west-1", "es"),
        ("abc123.eu-west-1.aoss.amazonaws.com", "eu-west-1", "aoss"),
        ("vpce-0a1b2c-3d4e.sqs.us-east-1.vpce.amazonaws.com", "us-east-1", "sqs"),
        ("bucket.vpce-0a1b2c-3d4e.s3.us-east-1.vpce.amazonaws.com", "us-east-1", "s3"),
        ("a1b2c3-ats.iot.eu-west-1.amazonaws.com", "eu-west-1", "iotdata"),
        ("iot.eu-west-1.amazonaws.com", "eu-west-1", "iot"),
        ("123456789012.ddb.us-east-1.amazonaws.com", "us-east-1", "dynamodb"),
        ("bedrock-runtime.us-west-2.amazonaws.com", "us-west-2", "bedrock"),
        ("email.eu-west-1.amazonaws.com", "eu-west-1", "ses"),
    ],
)
def test_a_host_of_awss_says_it(name: str, region: str, service: str) -> None:
    assert host(name) == Scope(region, service)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "127.0.0.1",
        "s3.example.com",
        "amazonaws.com",
        ".amazonaws.com",
        "s3.eu-central-1.amazonaws.com.example.com",
        "s3.eu-central-1.notamazonaws.com",
        "eu-central-1.amazonaws.com",
        "dualstack.amazonaws.com",
    ],
)
def test_another_host_says_nothing(name: str) -> None:
    assert host(name) is None


def described() -> Iterator[tuple[str, str]]:
    """The host's and the signing name of every service that botocore knows and that signs with SigV4 in a region."""
    for folder in sorted((Path(str(botocore.__file__)).parent / "data").iterdir()):
        found = sorted(folder.glob("*/service-2.json.gz")) if folder.is_dir() else []
        if found:
            metadata = json.loads(gzip.decompress(found[-1].read_bytes()))["metadata"]
            if metadata["signatureVersion"] in ("v4", "s3", "s3v4"):
                yield metadata["endpointPrefix"], metadata.get("signingName", metadata["endpointPrefix"])


OTHERWISE = {
    "IoTSecuredTunneling", "account-access", "agent-registry", "cloudsearch", "cloudwatch", "events", "iam",
    "iot-jobs-data", "iotmanagedintegrations", "partnercentral", "sagemaker", "signer", "wickr",
}  # fmt: skip
"""Services of which one host, and no more, is signed for another name: a client without a placeholder's signature needs
the provider's ``service`` there."""


def test_services_that_sign_by_another_name_are_known() -> None:
    missed = {
        service
        for prefix, service in described()
        if (found := host(f"{prefix}.eu-west-1.amazonaws.com")) is None or found.service != service
    }
    assert missed <= OTHERWISE
