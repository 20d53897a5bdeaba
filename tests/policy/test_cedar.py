"""Cedar's decisions: what the declaration means, beside what a team's own policies say, remembered and bounded."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.principal import Principal
from sidecar.policy.capability import Capability, Who
from sidecar.policy.cedar import Cedar
from sidecar.policy.declared import Declared
from sidecar.policy.own import Own, read
from tests.fuzzing import examples
from tests.policy import world

IDLE = 'forbid (principal, action, resource) when { context.hours.contains("never") };'
"""A policy of one's own that says nothing: with it, Cedar is asked about everything."""


@examples(80)
@given(
    world.capabilities,
    world.whos,
    st.lists(world.principals, min_size=1, max_size=2),
    st.lists(st.sampled_from(world.TIMES), min_size=1, max_size=2, unique=True),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_cedar_and_the_declaration_agree_on_everything(
    capabilities: list[Capability],
    enter: Who,
    principals: list[Principal | None],
    times: list[float],
    random: Random,
    own: bool,
) -> None:
    cedar = Cedar(capabilities, enter, world.TOOLBOXES, Own(read("idle.cedar", IDLE)) if own else None)
    declared = Declared(capabilities, enter, world.TOOLBOXES)
    questions = random.sample(world.QUESTIONS, len(world.QUESTIONS))
    for now in times:
        for principal in principals:
            for question in questions:
                access = world.of(principal, question)
                assert cedar.decide(access, now) == declared.decide(access, now), access
            assert cedar.tools(principal, world.SHOWN, now) == declared.tools(principal, world.SHOWN, now)
            assert cedar.declared(principal, now) == declared.declared(principal, now)
