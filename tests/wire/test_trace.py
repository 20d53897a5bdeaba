"""Trace context: continued if it can be read strictly, begun anew if not; nobody speaks about identity in baggage."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from sidecar.wire.trace import Ids, Parent, Tracer, baggage_key, parse, strip_identity, tracestate
from tests.fuzzing import examples

TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
ZEROS = b"0" * 32


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (b"00-%b-%b-01" % (TRACE, SPAN), b"01"),
        (b"00-%b-%b-00" % (TRACE, SPAN), b"00"),
        (b"00-%b-%b-03" % (TRACE, SPAN), b"03"),
        (b"00-%b-%b-ff" % (TRACE, SPAN), b"03"),
        (b"01-%b-%b-01" % (TRACE, SPAN), b"01"),
        (b"cc-%b-%b-09" % (TRACE, SPAN), b"01"),
        (b"cc-%b-%b-01-what-the-future-will-be-like" % (TRACE, SPAN), b"01"),
        (b"fe-%b-%b-01-" % (TRACE, SPAN), b"01"),
    ],
)
def test_a_readable_traceparent_is_continued(value: bytes, flags: bytes) -> None:
    assert parse(value) == Parent(TRACE, SPAN, flags)
    trace = Tracer(Ids(), 0.0).enter(value)
    assert (trace.trace_id, trace.parent, trace.flags) == (TRACE, SPAN, flags)
    assert trace.sampled == (flags in (b"01", b"03"))
    assert trace.traceparent == b"00-%b-%b-%b" % (TRACE, trace.span_id, flags)
    assert trace.span_id != SPAN


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"00",
        b"00-%b-%b" % (TRACE, SPAN),
        b"00-%b-%b-1" % (TRACE, SPAN),
        b"00-%b-%b-01-" % (TRACE, SPAN),
        b"00-%b-%b-01-more" % (TRACE, SPAN),
        b"00-%b-%b-01 " % (TRACE, SPAN),
        b" 00-%b-%b-01" % (TRACE, SPAN),
        b"00-%b-%b-01\n" % (TRACE, SPAN),
        b"00-%b-%b-01" % (TRACE.upper(), SPAN),
        b"00-%b-%b-0A" % (TRACE, SPAN),
        b"00-%b-%b-0g" % (TRACE, SPAN),
        b"00_%b_%b_01" % (TRACE, SPAN),
        b"00-%b-%b-01" % (TRACE[:31], SPAN),
        b"00-%b-%b-01" % (TRACE + b"0", SPAN),
        b"00-%b-%b-01" % (TRACE, SPAN + b"0"),
        b"00-%b-%b-01" % (ZEROS, SPAN),
        b"00-%b-%b-01" % (TRACE, ZEROS[:16]),
        b"ff-%b-%b-01" % (TRACE, SPAN),
        b"0-%b-%b-01" % (TRACE, SPAN),
        b"AA-%b-%b-01" % (TRACE, SPAN),
        b"cc-%b-%b-01." % (TRACE, SPAN),
        b"cc-%b-%b-011" % (TRACE, SPAN),
        b"00-%b-%b-01,00-%b-%b-01" % (TRACE, SPAN, TRACE, SPAN),
    ],
)
def test_any_other_traceparent_begins_a_new_trace(value: bytes) -> None:
    assert parse(value) is None
    trace = Tracer(Ids()).enter(value)
    assert trace.parent == b""
    assert trace.trace_id not in (TRACE, ZEROS)
    assert parse(trace.traceparent) == Parent(trace.trace_id, trace.span_id, b"01")


@examples(60)
@given(st.binary(max_size=80))
def test_whatever_arrives_a_valid_trace_goes_on(value: bytes) -> None:
    trace = Tracer(Ids()).enter(value)
    assert parse(trace.traceparent) == Parent(trace.trace_id, trace.span_id, trace.flags)
    assert trace.parent in value
    assert (trace.trace_id in value) == (trace.parent != b"")


@examples(60)
@given(st.integers(1, 255), st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_a_version_above_ours_is_read_by_its_first_fields(version: int, trace: int, span: int, flags: int) -> None:
    found = parse(b"%02x-%032x-%016x-%02x-later" % (version, trace, span, flags))
    assert found == (None if version == 255 else Parent(b"%032x" % trace, b"%016x" % span, b"%02x" % (flags & 3)))


@pytest.mark.parametrize("ratio", [0.0, 1e-20, 0.1, 0.5, 0.999, 1.0])
def test_new_traces_are_sampled_as_opentelemetry_would(ratio: float) -> None:
    tracer, oracle = Tracer(Ids(), ratio), TraceIdRatioBased(ratio)
    traces = [tracer.enter(None) for _ in range(400)]
    for trace in traces:
        decision = oracle.should_sample(None, int(trace.trace_id, 16), "").decision
        assert trace.sampled == (decision is Decision.RECORD_AND_SAMPLE)
    if ratio == 0.5:
        assert 100 < sum(trace.sampled for trace in traces) < 300


def test_ids_are_drawn_in_batches_and_never_twice() -> None:
    draws: list[int] = []

    def random(size: int) -> bytes:
        draws.append(size)
        return os.urandom(size)

    ids = Ids(random, batch=64)
    traces, spans = [ids.trace() for _ in range(40)], [ids.span() for _ in range(41)]
    assert (len(set(traces)), len(set(spans))) == (40, 41)
    assert {len(trace) for trace in traces} == {32}
    assert {len(span) for span in spans} == {16}
    assert set(draws) == {64}
    assert len(draws) == (40 * 16 + 41 * 8) // 64 + 1


def test_an_id_of_zeros_is_never_given() -> None:
    batches = iter([bytes(32), os.urandom(16) + bytes(8) + os.urandom(8), bytes(range(1, 33))])
    ids = Ids(lambda _: next(batches), batch=32)
    assert ids.trace() == bytes(range(1, 17)).hex().encode()
    assert ids.span() == bytes(range(17, 25)).hex().encode()


@pytest.mark.parametrize(
    "value",
    [
        b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        b"rojo=1 , congo=2",
        b"a=1,,b=2,",
        b"tenant@system=x",
        b"0tenant_-*/@v-*/=x",
        b"a=" + b" " * 255 + b"!",
        b"a" * 256 + b"=1",
        b",".join(b"k%d=v" % number for number in range(32)),
        b"a=" + b"x" * 256 + b",b=" + b"x" * 251,
    ],
)
def test_a_valid_tracestate_goes_on_unchanged(value: bytes) -> None:
    assert tracestate(value) == value


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" , ",
        b"a",
        b"=1",
        b"a=",
        b"A=1",
        b"a=1=2",
        b"a=x\x7f",
        b"a=x\xc3\xa9",
        b"a=1,a=2",
        b"a@=1",
        b"@a=1",
        b"a@0=1",
        b"a@b@c=1",
        b"a" * 257 + b"=1",
        b"a@" + b"b" * 15 + b"=1",
        b"a=" + b"x" * 257,
        b",".join(b"k%d=v" % number for number in range(33)),
        b"a=" + b"x" * 256 + b",b=" + b"x" * 252,
    ],
)
def test_any_other_tracestate_is_dropped(value: bytes) -> None:
    assert tracestate(value) == b""


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"", b""),
        (b"user=alice", b"user=alice"),
        (b" user=alice , tier=gold;ttl=1 ", b"user=alice , tier=gold;ttl=1"),
        (b"identity.invocation=ih_x", b""),
        (b"a=1,identity.invocation=ih_x,b=2", b"a=1,b=2"),
        (b"a=1, identity.invocation = ih_x ;p=1,b=2", b"a=1,b=2"),
        (b"IDENTITY.x=1,Identity.y=2,a=3", b"a=3"),
        (b"%69dentity.x=1,identity%2Ex=2,%49DENTITY%2ey=3,a=%41", b"a=%41"),
        (b"%2569dentity.x=1,%25252569dentity.x=2,a=1", b"a=1"),
        (b"+identity.x=1,%20identity.x=2,%C2%A0identity.x=3,%09identity.x=4,a=1", b"a=1"),
        (b"\tidentity.x=1\t,\ta=1\t", b"a=1"),
        (b"identity.x,a=1", b"a=1"),
        (b"identity.x;p=1,a=1", b"a=1"),
        (b"identity=1,identityx.y=2,my.identity.x=3", b"identity=1,identityx.y=2,my.identity.x=3"),
        (b"a=identity.x,b=%", b"a=identity.x,b=%"),
        (b"a=1,,,b=%31", b"a=1,b=%31"),
    ],
)
def test_members_that_speak_of_identity_are_taken_out_of_baggage(value: bytes, kept: bytes) -> None:
    assert strip_identity(value) == kept


def test_baggage_is_cut_to_whole_members() -> None:
    many = [b"k%d=v" % number for number in range(65)]
    assert strip_identity(b",".join(many)) == b",".join(many[:64])
    assert strip_identity(b",".join(many[:64])) == b",".join(many[:64])
    long = [b"a=" + b"x" * 4094, b"b=" + b"x" * 4093, b"c=1"]
    assert strip_identity(b",".join(long)) == b",".join(long[:2])
    assert strip_identity(b"a=" + b"x" * 8191) == b""
    assert len(strip_identity(b"a=" + b"x" * 8190)) == 8192


KEYS = st.text("identy.I%2E69e4D +\t\xa0", max_size=30)


@pytest.mark.parametrize(
    ("member", "key"),
    [
        (b"a=1", "a"),
        (b"a", "a"),
        (b"a;p=1", "a"),
        (b"a;b=1=2", "a"),
        (b"=1", ""),
        (b" Identity.Invocation =1", "identity.invocation"),
        (b"identity%2Einvocation=1", "identity.invocation"),
        (b"%2569dentity%252einvocation=1", "identity.invocation"),
        (b"+identity.invocation=1", "identity.invocation"),
        (b"a%3Db=1", "a=b"),
        (b"%zz=1", "%zz"),
    ],
)
def test_the_key_of_a_member_is_read_as_the_most_obliging_would(member: bytes, key: str) -> None:
    assert baggage_key(member) == key


@examples(60)
@given(st.lists(st.tuples(KEYS, st.text("abc=;%2C", max_size=5)), max_size=70))
def test_no_reader_finds_identity_in_what_is_left(members: list[tuple[str, str]]) -> None:
    value = ",".join(f"{key}={value}" for key, value in members).encode("latin-1")
    kept = strip_identity(value)
    assert strip_identity(kept) == kept
    assert len(kept) <= 8192
    assert kept.count(b",") < 64
    carrier = {"baggage": kept.decode("latin-1")}
    context = W3CBaggagePropagator().extract(carrier, Context())
    for entries in context.values():
        assert isinstance(entries, dict)
        assert not any(key.lower().startswith("identity.") for key in entries)
