"""Our own requests never print what they carry."""

from sidecar.wire.http import Request, Response


def test_bodies_are_not_printed() -> None:
    assert "s3cret" not in repr(Request("https://x.example", "POST", body=b"s3cret"))
    assert "s3cret" not in repr(Response(200, {}, b"s3cret"))
