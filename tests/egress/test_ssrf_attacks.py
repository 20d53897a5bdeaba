"""No spelling, form or name of an address that a route doesn't admit gets by what is decided before dialling."""

from collections.abc import Mapping
from ipaddress import ip_address

import pytest

from sidecar.egress.address import Own, refused
from sidecar.egress.destination import Destination, authority
from sidecar.errors import BadRequest
from tests.egress.ssrf_attacks import API, ATTACKS, CONTROLS, HERE, HERE_6, OWN_PORTS, REBOUND, RESEMBLING, Attack

OURS = Own(lambda address: str(address) in (HERE, HERE_6))
for each in OWN_PORTS:
    OURS.add(each)


def outcome(attack: Attack, *, private: bool = False) -> str | None:
    """The code with which it is refused, as the door would, or ``None``."""
    try:
        host, port = authority(f"{attack.host}:{attack.port}".encode(), None)
    except BadRequest as refusal:
        return refusal.code
    found = attack.finds or (host,)
    denied = any(refused(ip_address(address), port, private=private, own=OURS) for address in found)
    return "destination_denied" if denied else None


def test_the_table_is_as_long_as_it_was() -> None:
    assert len({attack.id for attack in ATTACKS}) == len(ATTACKS) >= 290


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.id)
def test_no_attack_gets_as_far_as_a_connection(attack: Attack) -> None:
    assert outcome(attack) == attack.code
    if attack.never:
        assert outcome(attack, private=True) == attack.code


@pytest.mark.parametrize(
    "attack", [attack for attack in ATTACKS if not attack.never and attack.port == "80"], ids=lambda attack: attack.id
)
def test_what_is_private_is_admitted_by_a_route_that_says_so(attack: Attack) -> None:
    assert outcome(attack, private=True) is None


@pytest.mark.parametrize("attack", REBOUND, ids=lambda attack: attack.id)
def test_what_a_name_finds_later_is_refused_as_well(attack: Attack) -> None:
    assert outcome(attack) is None
    assert {refused(ip_address(address), 80, private=False, own=OURS) is None for address in attack.then} == {False}


@pytest.mark.parametrize("control", CONTROLS)
def test_what_resembles_an_attack_and_is_none_passes(control: str) -> None:
    assert outcome(CONTROLS[control]) is None


@pytest.mark.parametrize("host", RESEMBLING)
def test_no_host_is_taken_for_a_routes_host_that_it_resembles(host: str) -> None:
    try:
        found = Destination("https", *authority(f"{host}:443".encode(), None))
    except BadRequest:
        return
    assert found != Destination.of_url(f"https://{API}")


SAME: Mapping[str, bool] = {
    API: True,
    f"{API}:443": True,
    API.upper(): True,
    f"{API}:444": False,
    f"{API}:80": False,
    f"{API}:8443": False,
}


@pytest.mark.parametrize("text", SAME)
def test_a_routes_host_is_known_in_capitals_and_with_its_port_and_on_no_other(text: str) -> None:
    found = Destination("https", *authority(text.encode(), 443))
    assert (found == Destination.of_url(f"https://{API}")) is SAME[text]
    assert Destination("http", found.host, found.port) != Destination.of_url(f"https://{API}")
