"""Verifications per second through the six rooms, beside the raw signature checks that they contain.

- one core, CPU time of this process, garbage collection as in service
- raw checks and rooms alternate every SLICE codes, so that whatever else the machine does falls on both
- every code is verified once a round; nothing of a code or its signature is kept from round to round (what is read once
  per key, as in service, stays read: the key itself, the JWS header that names it, the rule for its issuer)
- receipts are not asked for: signing one is a choice of the caller and costs a signature
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

from gateway.disclosure import disclose
from gateway.pipeline import Pipeline
from gateway.policy.book import SHIPPED, PolicyBook
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Profile

from .codes import AT, RECEIVING, CodeSet, Kind


def pipeline_of(trust: TrustSnapshot) -> Pipeline:
    """Return the pipeline that serves, with the rules that ship."""
    return Pipeline(trust, PolicyBook.load(SHIPPED))


SLICE = 250


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU seconds of each round, and of the quickest turn of every slice: what an undisturbed machine takes."""

    raw: tuple[float, ...]
    rooms: tuple[float, ...]
    quickest_raw: float
    quickest_rooms: float

    @property
    def ratios(self) -> list[float]:
        """Raw over rooms, round by round, in order of size."""
        return sorted(raw / rooms for raw, rooms in zip(self.raw, self.rooms, strict=True))


def measure(kind: Kind, made: CodeSet, rounds: int) -> Measured:
    """Return the CPU time of `rounds` rounds over all codes. Raises: AssertionError if a code is judged wrongly."""
    verify = pipeline_of(made.trust).verify_offline
    for code in made.codes:
        decision = verify(code, at=AT, division=RECEIVING)
        if decision.measure is not kind.expected:
            raise AssertionError(f"judged {decision.measure.name}: {[reason.name for reason in decision.reasons]}")

    def rooms(part: slice) -> float:
        codes = made.codes[part]
        start = process_time()
        for code in codes:
            disclose(verify(code, at=AT, division=RECEIVING), Profile.STAFF)
        return process_time() - start

    def raw(part: slice) -> float:
        checks = made.raw_checks[part]
        start = process_time()
        for check in checks:
            check()
        return process_time() - start

    parts = [slice(at, at + SLICE) for at in range(0, len(made.codes), SLICE)]
    gc.collect()
    gc.freeze()
    times = [[(raw(part), rooms(part)) for part in parts] for _ in range(rounds)]
    gc.unfreeze()
    return Measured(
        tuple(sum(raw for raw, _ in round_) for round_ in times),
        tuple(sum(rooms for _, rooms in round_) for round_ in times),
        sum(min(raw for raw, _ in turns) for turns in zip(*times, strict=True)),
        sum(min(rooms for _, rooms in turns) for turns in zip(*times, strict=True)),
    )


def cpu(work: Callable[[], None]) -> float:
    """Return the CPU seconds that `work` takes."""
    start = process_time()
    work()
    return process_time() - start
