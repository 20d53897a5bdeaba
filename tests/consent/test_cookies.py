"""The two cookies."""

import pytest

from sidecar.consent.cookies import BROWSER, SIGNED_IN, read, written

VALUE = "A" * 43


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ([], None),
        ([f"__Host-browser={VALUE}"], VALUE),
        ([f"a=b; __Host-browser={VALUE}; c=d"], VALUE),
        (["a=b", f"__Host-browser={VALUE}"], VALUE),
        ([f"__Host-browser={VALUE}; __Host-browser={VALUE}"], VALUE),
        ([f"__Host-browser={VALUE}; __Host-browser={'B' * 43}"], None),
        ([f"browser={VALUE}"], None),
        ([f"__host-browser={VALUE}"], None),
        (["__Host-browser=short"], None),
        ([f"__Host-browser={VALUE}A"], None),
        ([f'__Host-browser="{VALUE}"'], None),
        (["__Host-browser"], None),
        (["\udcff;;=;"], None),
    ],
)
def test_it_is_read_strictly(fields: list[str], value: str | None) -> None:
    assert read(fields, BROWSER, secure=True) == value


def test_it_is_for_this_host_alone() -> None:
    assert written(SIGNED_IN, VALUE, secure=True) == (
        f"__Host-signed-in={VALUE}; Path=/; Secure; HttpOnly; SameSite=Lax"
    )
    assert written(SIGNED_IN, "", secure=True).endswith("; Max-Age=0")


def test_on_plain_http_it_is_named_otherwise() -> None:
    assert written(BROWSER, VALUE, secure=False) == f"consent-browser={VALUE}; Path=/; HttpOnly; SameSite=Lax"
    assert read([f"consent-browser={VALUE}"], BROWSER, secure=False) == VALUE
    assert read([f"__Host-browser={VALUE}"], BROWSER, secure=False) is None
