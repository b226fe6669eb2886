"""One hostile code: which good one it is made from, how, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import Reason
from gateway.values import Measure

from .world import World, world

Mutation = Callable[[World, bytes], bytes]
Ends = tuple[Reason, Measure]

ALGORITHM_MISMATCH: Ends = (Reason.ALGORITHM_MISMATCH, Measure.DENY)
BAD_SIGNATURE: Ends = (Reason.BAD_SIGNATURE, Measure.DENY)
DIVISION_MISMATCH: Ends = (Reason.DIVISION_MISMATCH, Measure.DENY)
EXPIRED: Ends = (Reason.EXPIRED, Measure.DENY)
NOT_YET_VALID: Ends = (Reason.NOT_YET_VALID, Measure.DENY)
BAD_CBOR: Ends = (Reason.BAD_CBOR, Measure.MANUAL)
BAD_CLAIM: Ends = (Reason.BAD_CLAIM, Measure.MANUAL)
BAD_COMPRESSION: Ends = (Reason.BAD_COMPRESSION, Measure.MANUAL)
BAD_ENVELOPE: Ends = (Reason.BAD_ENVELOPE, Measure.MANUAL)
BAD_JSON: Ends = (Reason.BAD_JSON, Measure.MANUAL)
BAD_TEXT_ENCODING: Ends = (Reason.BAD_TEXT_ENCODING, Measure.MANUAL)
CHUNKS_MISSING: Ends = (Reason.CHUNKS_MISSING, Measure.MANUAL)
CRITICAL_HEADER: Ends = (Reason.CRITICAL_HEADER, Measure.MANUAL)
DECOMPRESSION_BOMB: Ends = (Reason.DECOMPRESSION_BOMB, Measure.MANUAL)
DUPLICATE_KEY: Ends = (Reason.DUPLICATE_KEY, Measure.MANUAL)
EMPTY_CODE: Ends = (Reason.EMPTY_CODE, Measure.MANUAL)
FORMAT_NOT_TRUSTED: Ends = (Reason.FORMAT_NOT_TRUSTED, Measure.MANUAL)
MISSING_CLAIM: Ends = (Reason.MISSING_CLAIM, Measure.MANUAL)
NOT_FINITE: Ends = (Reason.NOT_FINITE, Measure.MANUAL)
NOT_UTF8: Ends = (Reason.NOT_UTF8, Measure.MANUAL)
STATUS_UNAVAILABLE: Ends = (Reason.STATUS_UNAVAILABLE, Measure.MANUAL)
TIME_OUT_OF_RANGE: Ends = (Reason.TIME_OUT_OF_RANGE, Measure.MANUAL)
TOO_DEEP: Ends = (Reason.TOO_DEEP, Measure.MANUAL)
TOO_LARGE: Ends = (Reason.TOO_LARGE, Measure.MANUAL)
TRAILING_BYTES: Ends = (Reason.TRAILING_BYTES, Measure.MANUAL)
UNKNOWN_ISSUER: Ends = (Reason.UNKNOWN_ISSUER, Measure.MANUAL)
UNKNOWN_KEY: Ends = (Reason.UNKNOWN_KEY, Measure.MANUAL)
UNRECOGNISED: Ends = (Reason.UNRECOGNISED, Measure.MANUAL)
UNSUPPORTED_ALGORITHM: Ends = (Reason.UNSUPPORTED_ALGORITHM, Measure.MANUAL)
WRONG_TYPE: Ends = (Reason.WRONG_TYPE, Measure.MANUAL)


@dataclass(frozen=True, slots=True)
class Case:
    """Made from `world().codes[origin]`, which passes. `measure` is never PASS nor LIMITED."""

    attack: str
    """The class, as the attack checklist names it."""
    name: str
    origin: str
    mutate: Mutation
    reason: Reason
    measure: Measure

    def __str__(self) -> str:
        return f"{self.attack}: {self.name} ({self.origin})"

    def hostile(self) -> bytes:
        """Return the mutated code."""
        return self.mutate(world(), world().codes[self.origin])
