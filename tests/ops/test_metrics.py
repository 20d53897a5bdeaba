"""The exposition, read back by the format's own grammar."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.ops import metrics
from sidecar.ops.metrics import METRICS, Metric, Sample, Type, render

LINE = re.compile(
    r"# HELP (?P<helped>[a-z_]+) (?P<help>[^\n]+)"
    r"|# TYPE (?P<typed>[a-z_]+) (?P<type>counter|gauge)"
    r"|(?P<name>[a-z_]+)(?:\{(?P<labels>[a-z_]+=\"(?:[^\"\\\n]|\\[\\\"n])*\"(?:,[a-z_]+=\"(?:[^\"\\\n]|\\[\\\"n])*\")*)\})?"
    r" (?P<value>[-+0-9.e]+)"
)


def read(text: str) -> list[re.Match[str]]:
    """Every line of an exposition, each of which the grammar must match whole."""
    assert text.endswith("\n")
    return [well_formed(line) for line in text[:-1].split("\n")]


def well_formed(line: str) -> re.Match[str]:
    matched = LINE.fullmatch(line)
    assert matched, f"not in the format: {line!r}"
    return matched


def test_a_family_is_introduced_once_and_holds_all_its_samples() -> None:
    lines = read(
        render(
            [
                metrics.REQUESTS(3, "inbound", "done"),
                metrics.IN_FLIGHT(1, "inbound"),
                metrics.REQUESTS(2, "inbound", "agent_gone"),
            ]
        )
    )
    assert [line["helped"] or line["typed"] or line["name"] for line in lines] == [
        *["sidecar_requests_total"] * 4,
        *["sidecar_requests_in_flight"] * 3,
    ]
    assert [line["labels"] for line in lines if line["name"]] == [
        'listener="inbound",outcome="done"',
        'listener="inbound",outcome="agent_gone"',
        'listener="inbound"',
    ]


def test_whole_numbers_stay_whole_and_fractions_keep_their_digits() -> None:
    text = render([metrics.JOURNAL_LOST(12345678901234), metrics.JOURNAL_FILL(0.1)])
    assert "sidecar_journal_lost_total 12345678901234\n" in text
    assert "sidecar_journal_fill_ratio 0.1\n" in text


@given(st.text())
def test_no_label_value_breaks_out_of_its_quotes(value: str) -> None:
    *_, line = render([metrics.ISSUER_KEYS(1, value)]).removesuffix("\n").split("\n")
    matched = LINE.fullmatch(line)
    assert matched
    quoted = matched["labels"].removeprefix('issuer="').removesuffix('"')
    assert re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), quoted) == value


@pytest.mark.parametrize("labels", [(), ("inbound",), ("inbound", "passed", "more")])
def test_a_sample_has_a_value_for_each_label_of_its_family(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="sidecar_requests_total takes the labels"):
        Sample(metrics.REQUESTS, 1, labels)


def test_a_metric_of_no_known_family_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        render([Metric("sidecar_unheard_of", Type.GAUGE, "Nothing.")(1)])


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_name_says_its_unit_and_a_counter_that_it_counts(metric: Metric) -> None:
    assert re.fullmatch(r"(sidecar|process)_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.type is Type.COUNTER)
    assert metric.help.endswith(".")
    assert "\n" not in metric.help
