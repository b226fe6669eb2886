"""The bench measures what it says: distinct codes, judged as they should be, with one raw check each."""

from __future__ import annotations

import pytest

from gateway.formats import recognise
from tests.bench.codes import KINDS, make
from tests.bench.rooms import measure


@pytest.mark.parametrize("name", KINDS)
def test_the_bench_verifies_what_it_says(name: str) -> None:
    kind = KINDS[name]
    made = make(kind, 16)
    assert len(set(made.codes)) == len(made.raw_checks) == 16
    assert {recognise(code) for code in made.codes} == {kind.format}
    measured = measure(kind, made, rounds=2)
    assert len(measured.ratios) == 2


def test_a_wrong_verdict_stops_the_bench() -> None:
    kind = KINDS["native_qr_ed25519"]
    made, foreign = make(kind, 1), make(kind, 1)
    with pytest.raises(AssertionError, match="BAD_SIGNATURE"):
        measure(kind, type(made)(made.codes, foreign.trust, made.raw_checks), rounds=1)
