"""The property of `targets.py` on a few hundred inputs per target, by hypothesis. `make fuzz` runs millions."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .mutate_values import read_cbor, write_cbor
from .targets import TARGETS, Target

BOUNDED = settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ALL = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())


@ALL
def test_every_seed_is_accepted_or_fuzzing_starts_nowhere(target: Target) -> None:
    accepted = [target.check(seed) for seed in target.seeds]
    assert all(accepted)


@ALL
@BOUNDED
@given(data=st.binary(max_size=600))
def test_arbitrary_bytes(target: Target, data: bytes) -> None:
    target.check(data)


@ALL
@BOUNDED
@given(place=st.integers(0, 10**6), entropy=st.integers(0, 2**64))
def test_mutated_codes(target: Target, place: int, entropy: int) -> None:
    found = target.seeds
    target.check(target.shape.mutate(random.Random(entropy), found[place % len(found)]))


@ALL
def test_mutations_reach_deep(target: Target) -> None:
    """A mutator that breaks every code on its way back would try the outermost check only, and nobody would notice."""
    rng = random.Random(7)
    accepted = sum(target.check(target.shape.mutate(rng, rng.choice(target.seeds))) for _ in range(500))
    assert 15 <= accepted <= 485


@pytest.mark.parametrize("name", ["hcert", "native_qr"])
def test_a_code_opened_and_closed_again_says_the_same(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds[:2]:
        for layer in (*target.shape.texts, *target.shape.cbor):
            assert target.check(layer.close(seed, layer.open(seed)))
            again = layer.close(seed, write_cbor(read_cbor(layer.open(seed)))) if layer in target.shape.cbor else seed
            assert target.check(again)
