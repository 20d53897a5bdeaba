"""Which route a call takes: the one of the longest path that takes it, and only by one reading of the path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.egress.destination import Destination
from sidecar.egress.route import Route
from sidecar.egress.routes import Leg, Routes
from sidecar.errors import DestinationDenied, PathAmbiguous, Refusal, RouteUnknown

HOST = Destination("https", "api.example.com", 443)
ROUTES = Routes(
    [
        Route("all", "https://api.example.com"),
        Route("calendar", "https://api.example.com/calendar/"),
        Route("deep", "https://api.example.com/calendar/v3", methods=frozenset({"GET"})),
        Route("files", "https://files.example.com/f", paths=("/one", "/some/")),
        Route("local", "http://127.0.0.1:9000/mcp"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "name", "below"),
    [
        (b"GET", b"/", "all", b"/"),
        (b"GET", b"/calendar", "calendar", b"/"),
        (b"GET", b"/calendar/", "calendar", b"/"),
        (b"GET", b"/calendars", "all", b"/calendars"),
        (b"GET", b"/calendar/v3/x", "deep", b"/x"),
        (b"POST", b"/calendar/v3/x", "calendar", b"/v3/x"),
        (b"GET", b"/calendar/v3x", "calendar", b"/v3x"),
        (b"GET", b"/Calendar/v3", "all", b"/Calendar/v3"),
    ],
)
def test_the_longest_path_that_takes_it_is_taken(method: bytes, path: bytes, name: str, below: bytes) -> None:
    leg, rest = ROUTES.towards(HOST, method, path)
    assert (leg.route.name, rest) == (name, below)


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        (b"/f/one", None),
        (b"/f/some/x", None),
        (b"/f/some/", None),
        (b"/f/one/", DestinationDenied),
        (b"/f/some", DestinationDenied),
        (b"/f", DestinationDenied),
        (b"/g/one", DestinationDenied),
        (b"/f/%6fne", PathAmbiguous),
        (b"/f/some/../one", PathAmbiguous),
        (b"//f/one", PathAmbiguous),
        (b"/f;x/one", PathAmbiguous),
        (b"/f/some/a%2Fb", None),
    ],
)
def test_paths_narrow_and_are_compared_as_they_came(path: bytes, refusal: type[Refusal] | None) -> None:
    where = Destination("https", "files.example.com", 443)
    if refusal is None:
        assert ROUTES.towards(where, b"GET", path)[0].route.name == "files"
    else:
        with pytest.raises(refusal):
            ROUTES.towards(where, b"GET", path)


def test_a_route_is_found_by_its_very_name() -> None:
    assert ROUTES.named(b"files", b"GET", b"/one").route.name == "files"
    for name in (b"File", b"files ", b"", b"%66iles"):
        with pytest.raises(RouteUnknown):
            ROUTES.named(name, b"GET", b"/one")
    with pytest.raises(DestinationDenied):
        ROUTES.named(b"files", b"GET", b"/two")
    with pytest.raises(PathAmbiguous):
        ROUTES.named(b"files", b"GET", b"/some/..%2fone")


@pytest.mark.parametrize(
    "where",
    [
        Destination("http", "api.example.com", 443),
        Destination("https", "api.example.com", 444),
        Destination("https", "www.api.example.com", 443),
        Destination("https", "127.0.0.1", 9000),
    ],
)
def test_scheme_host_and_port_are_matched_exactly(where: Destination) -> None:
    assert not ROUTES.lead_to(where)
    with pytest.raises(DestinationDenied):
        ROUTES.towards(where, b"GET", b"/")


def test_certificates_are_needed_for_the_https_hosts_alone() -> None:
    assert ROUTES.intercepted == {"api.example.com", "files.example.com"}


def test_all_routes_are_there() -> None:
    assert [leg.route.name for leg in ROUTES] == ["all", "calendar", "deep", "files", "local"]


@given(st.binary(max_size=30).map(lambda rest: b"/" + rest))
def test_what_is_below_a_route_is_put_together_again(path: bytes) -> None:
    leg = Leg.of(Route("deep", "https://api.example.com/calendar/v3"))
    below = leg.below(b"/calendar/v3" + path)
    assert below == path
    assert leg.below(b"/calendar/v3x" + path) is None
