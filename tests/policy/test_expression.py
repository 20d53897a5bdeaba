"""Cedar's expressions: literals that mean what they were made of, and logic worked out as far as it is known."""

import json

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.policy.expression import (
    FALSE,
    TRUE,
    Expression,
    any_of,
    both,
    choice,
    either,
    entity,
    like,
    listed,
    negated,
    one_of,
    plain,
    string,
    within,
)
from tests.fuzzing import examples

A, B = Expression("a", 3), Expression("b == c", 2)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (both([]), "true"),
        (both([TRUE, A]), "a"),
        (both([A, B, TRUE]), "a && b == c"),
        (both([A, FALSE]), "false"),
        (either([]), "false"),
        (either([A, FALSE]), "a"),
        (either([A, TRUE]), "true"),
        (either([both([A, B]), A]), "a && b == c || a"),
        (both([either([A, B]), A]), "(a || b == c) && a"),
        (negated(A), "!a"),
        (negated(B), "!(b == c)"),
        (negated(both([A, B])), "!(a && b == c)"),
        (negated(TRUE), "false"),
        (negated(FALSE), "true"),
        (both([choice("x", A, TRUE), B]), "(if x then a else true) && b == c"),
        (one_of("x", []), "false"),
        (one_of("x", ["a"]), 'x == "a"'),
        (one_of("x", ["b", "a"]), '["a", "b"].contains(x)'),
        (any_of("x", []), "false"),
        (any_of("x", ["a"]), 'x.contains("a")'),
        (any_of("x", ["b", "a"]), 'x.containsAny(["a", "b"])'),
        (within("x", []), "x.isEmpty()"),
        (within("x", ["b", "a"]), '["a", "b"].containsAll(x)'),
    ],
)
def test_expressions_are_put_together_and_what_is_known_is_left_out(made: Expression, text: str) -> None:
    assert made.text == text


def holds(expression: str, **context: object) -> bool:
    """What Cedar makes of it."""
    request = {"principal": 'P::"p"', "action": 'Action::"a"', "resource": 'R::"r"', "context": context}
    result = cedarpy.is_authorized(
        request, f"permit (principal, action, resource) when {{ {expression} }};", json.dumps([])
    )
    assert not result.diagnostics.errors
    return result.allowed


_TEXTS = st.text(st.characters(codec=None), max_size=6) | st.text('ab*"\\\n\r\t\0{}u\u2028\ud800\U0001f600', max_size=6)


@examples(150)
@given(_TEXTS, _TEXTS)
def test_a_literal_is_that_text_and_no_other(text: str, other: str) -> None:
    assert holds(f"context.x == {string(text)}", x=plain(text))
    assert (plain(text) == plain(other)) == (text == other)
    assert holds(f"{listed([text])}.contains(context.x)", x=plain(other)) == (text == other)
    assert holds(f"{entity('T', text)} == {entity('T', other)}") == (text == other)


@examples(150)
@given(_TEXTS, _TEXTS, _TEXTS)
def test_a_pattern_stands_for_its_texts_with_anything_between_them(before: str, between: str, behind: str) -> None:
    pattern = like((before, behind))
    assert holds(f"context.x like {pattern}", x=plain(before + between + behind))
    assert holds(f"context.x like {pattern}", x=plain(before)) == (
        plain(before).endswith(plain(behind)) and len(plain(behind)) == 0
    )
