"""Sessions asked for at AWS's Security Token Service, and what becomes of its refusals."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from sidecar.aws.keys import keys
from sidecar.aws.token_service import TokenService
from sidecar.errors import ProviderRefused, ProviderTimeout, ProviderUnreachable, RateLimited, Refusal
from sidecar.wire.http import Late, Request, Response, Unreachable
from tests.aws.sigv4 import Received, verify
from tests.aws.test_sts import LENT, ROLE, refusal

ID, SECRET, TOKEN = "ASIAEXAMPLE123456789", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjEExample/+=="
OWN = keys(ID, SECRET, TOKEN)
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0cmF2ZWwifQ.c2lnbmF0dXJl"
GOOD = Response(200, {}, LENT)


class Sts:
    """Answers one after the other, and keeps what it was asked."""

    def __init__(self, *says: Response | Unreachable, environ: dict[str, str] | None = None) -> None:
        self.says, self.requests = list(says), list[Request]()
        self.service = TokenService(
            lambda: "eu-central-1", environ=environ or {}, fetch=self._fetch, clock=lambda: 1795525200.0
        )

    async def _fetch(self, request: Request) -> Response:
        self.requests.append(request)
        said = self.says.pop(0)
        if isinstance(said, Unreachable):
            raise said
        return said


async def test_a_web_identity_is_proof_enough_and_nothing_is_signed() -> None:
    sts = Sts(GOOD)
    lent = await sts.service.with_web_identity(ROLE, "p_1.2", JWT)
    (request,) = sts.requests
    assert lent.id == "ASgeIAIOSFODNN7EXAMPLE"
    assert (request.url, request.method) == ("https://sts.eu-central-1.amazonaws.com/", "POST")
    assert parse_qs(request.body.decode())["WebIdentityToken"] == [JWT]
    assert "Authorization" not in request.headers
    assert request.seconds <= 3.0
    assert JWT not in repr(request)


async def test_assume_role_is_signed_for_the_regions_sts() -> None:
    sts = Sts(GOOD)
    await sts.service.with_keys(ROLE, "p_1.2", {"identity.principal": "p_1"}, OWN)
    (request,) = sts.requests
    parts = urlsplit(request.url)
    arrived = Received(request.method, parts.path, [("Host", parts.netloc), *request.headers.items()], request.body)
    assert verify(arrived, ID, SECRET, TOKEN) == ("eu-central-1", "sts")
    assert parse_qs(request.body.decode())["TransitiveTagKeys.member.1"] == ["identity.principal"]


@pytest.mark.parametrize(
    "first",
    [
        Unreachable("refused"),
        Late("no answer within 3 s"),
        Response(503, {}, b"<html>"),
        Response(500, {}, refusal("InternalFailure")),
        Response(400, {}, refusal("IDPCommunicationError")),
    ],
)
async def test_what_may_pass_is_asked_once_more(first: Response | Unreachable) -> None:
    sts = Sts(first, GOOD)
    await sts.service.with_web_identity(ROLE, "p_1", JWT)
    assert len(sts.requests) == 2


@pytest.mark.parametrize(
    ("says", "kind", "calls"),
    [
        (lambda: Unreachable("refused"), ProviderUnreachable, 2),
        (lambda: Late("no answer within 3 s"), ProviderTimeout, 2),
        (lambda: Response(200, {}, b"nonsense"), ProviderUnreachable, 2),
        (lambda: Response(503, {}, refusal("ServiceUnavailable")), ProviderUnreachable, 2),
        (lambda: Response(403, {}, refusal("AccessDenied")), ProviderRefused, 1),
        (lambda: Response(400, {}, refusal("SomethingNew")), ProviderRefused, 1),
        (lambda: Response(400, {}, refusal("Throttling")), RateLimited, 1),
    ],
)
async def test_what_does_not_pass_is_refused(
    says: Callable[[], Response | Unreachable], kind: type[Refusal], calls: int
) -> None:
    sts = Sts(says(), says())
    with pytest.raises(kind) as refused:
        await sts.service.with_web_identity(ROLE, "p_1", JWT)
    assert type(refused.value) is kind
    assert len(sts.requests) == calls
    assert "AssumeRoleWithWebIdentity" in refused.value.reason


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        ("AccessDenied", "sts:TagSession"),
        ("InvalidIdentityToken", "OIDC provider"),
        ("ExpiredTokenException", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ("RegionDisabledException", "Activate STS"),
        ("InvalidClientTokenId", "AWS doesn't know them"),
    ],
)
async def test_a_refusal_says_what_to_do_and_its_record_what_aws_said(code: str, mend: str) -> None:
    sts = Sts(Response(403, {}, refusal(code, f"because of {ROLE}")))
    with pytest.raises(ProviderRefused) as refused:
        await sts.service.with_keys(ROLE, "p_1", {}, OWN)
    assert mend in refused.value.detail
    assert ROLE not in refused.value.detail
    assert refused.value.reason == f"AssumeRole was refused by AWS: 403 {code}: because of {ROLE}"


@pytest.mark.parametrize(("headers", "seconds"), [({}, 2), ({"retry-after": "7"}, 7)])
async def test_throttling_is_passed_on_with_when_to_ask_again(headers: dict[str, str], seconds: int) -> None:
    sts = Sts(Response(400, headers, refusal("Throttling", "Rate exceeded")))
    with pytest.raises(RateLimited) as refused:
        await sts.service.with_web_identity(ROLE, "p_1", JWT)
    assert refused.value.retry_after == seconds


async def test_where_it_cannot_be_reached_the_refusal_names_the_host() -> None:
    sts = Sts(Unreachable("a"), Unreachable("b"))
    with pytest.raises(ProviderUnreachable) as refused:
        await sts.service.with_web_identity(ROLE, "p_1", JWT)
    assert "sts.eu-central-1.amazonaws.com" in refused.value.detail


async def test_an_endpoint_in_the_clear_is_refused_before_anything_is_sent() -> None:
    sts = Sts(GOOD, environ={"AWS_ENDPOINT_URL_STS": "http://sts.example.com"})
    with pytest.raises(ProviderRefused) as refused:
        await sts.service.with_web_identity(ROLE, "p_1", JWT)
    assert "AWS_ENDPOINT_URL_STS" in refused.value.detail
    assert not sts.requests
