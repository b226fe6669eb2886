"""`hcgw verify --jsonl`: a line in, a line out. The form is a contract (README, Many codes: JSON lines).

- One answer per line, in order, for an empty line too; no line, however hostile, ends the run.
- A line that is not a question of this form gets {"id": null, "error": ...} in its place.
- The same pipeline as over gRPC; nothing here judges a code.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO, Final, Never

from gateway.divisions import is_division
from gateway.errors import GatewayError
from gateway.instants import parse_instant
from gateway.pipeline import Pipeline, step_outcomes
from gateway.policy.book import PolicyBook
from gateway.values import Decision, DivisionCode, Instant

from .trust_sources import TrustSourceInvalid, from_line

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""A line may carry a whole key set beside a code; more than this is no question."""

_SMALL_TRUST: Final = 32_768
_SMALL_TRUSTS_KEPT: Final = 64
_LARGE_TRUSTS_KEPT: Final = 1
"""The keys of a line take some twenty times the room of their text: of large ones only the last is kept."""

_MEMBERS: Final = frozenset({"id", "code", "code_base64", "at", "division", "trust"})


class LineInvalid(ValueError):
    """The line is not a question of the contract's form."""


@dataclass(frozen=True, slots=True)
class Question:
    """One line, read."""

    question_id: object = field(repr=False)
    code: bytes = field(repr=False)
    at: Instant | None
    division: DivisionCode | None
    trust: str | None = field(repr=False)
    """The line's own trust as canonical JSON, or None if it has none."""


def answer_lines(
    lines: IO[bytes],
    *,
    default: Pipeline,
    policies: PolicyBook,
    clock: Callable[[], Instant],
    at: Instant | None,
    division: DivisionCode | None,
) -> Iterator[str]:
    """Yield one JSON text per line of `lines`.

    Args: default: answers lines without a trust of their own. clock: read once per line that names no `at`.
    at, division: for lines that name none.
    """

    def pipeline_of(trust: str) -> Pipeline:
        return Pipeline(from_line(json.loads(trust)).snapshot(), policies)

    small, large = lru_cache(_SMALL_TRUSTS_KEPT)(pipeline_of), lru_cache(_LARGE_TRUSTS_KEPT)(pipeline_of)

    def pipeline_trusting(trust: str | None) -> Pipeline:
        if trust is None:
            return default
        return small(trust) if len(trust) <= _SMALL_TRUST else large(trust)

    for line in _bounded(lines):
        try:
            asked = read_question(line)
            instant = asked.at if asked.at is not None else at if at is not None else clock()
            decision = pipeline_trusting(asked.trust).verify_offline(
                asked.code, at=instant, division=asked.division or division
            )
            yield json.dumps(answer(asked.question_id, decision))
        except (LineInvalid, TrustSourceInvalid, GatewayError) as invalid:
            yield json.dumps({"id": None, "error": str(invalid)})
        except Exception as unexpected:  # noqa: BLE001 - one bad line must not end the run, nor print what it held
            yield json.dumps({"id": None, "error": f"internal: {type(unexpected).__name__}"})


def answer(question_id: object, decision: Decision) -> dict[str, object]:
    """Return the members of one answer, as the contract names them."""
    return {
        "id": question_id,
        "format": decision.format.value,
        "measure": decision.measure.name,
        "state": decision.state.name,
        "reasons": [reason.name for reason in decision.reasons],
        "issuer": decision.issuer,
        "steps": {step.value: outcome.value for step, outcome in step_outcomes(decision).items()},
    }


def read_question(line: bytes | None) -> Question:
    """Return what one line asks.

    1. One JSON object, no key twice, no unknown member.
    2. The code, as text or as base64, not both.
    3. The instant, the division, and whom to trust, each optional.

    Raises: LineInvalid naming the member.
    """
    # 1
    if line is None:
        raise LineInvalid(f"the line is longer than {MAX_LINE_BYTES} bytes")
    try:
        asked = json.loads(
            line.decode("utf-8"), object_pairs_hook=_no_key_twice, parse_constant=_not_finite, parse_float=_finite
        )
    except (ValueError, RecursionError) as invalid:
        raise LineInvalid("the line is not JSON") from invalid
    if not isinstance(asked, dict):
        raise LineInvalid("the line is not a JSON object")
    unknown = asked.keys() - _MEMBERS
    if unknown or "id" not in asked:
        raise LineInvalid("the line lacks id" if "id" not in asked else "the line has an unknown member")
    # 2
    code = _code_of(asked)
    # 3
    at, division, trust = asked.get("at"), asked.get("division"), asked.get("trust")
    if division is not None and not (isinstance(division, str) and is_division(division)):
        raise LineInvalid("division must be six digits of GB/T 2260")
    return Question(
        asked["id"],
        code,
        None if at is None else _instant_of(at),
        None if division is None else DivisionCode(division),
        None if trust is None else json.dumps(trust, sort_keys=True),
    )


def _code_of(asked: dict[str, object]) -> bytes:
    text, encoded = asked.get("code"), asked.get("code_base64")
    if isinstance(text, str) and encoded is None:
        return text.encode("utf-8", "surrogatepass")
    if isinstance(encoded, str) and text is None:
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as invalid:
            raise LineInvalid("code_base64 is not base64") from invalid
    raise LineInvalid("either code or code_base64 must be given, as a string")


def _instant_of(at: object) -> Instant:
    if not isinstance(at, str):
        raise LineInvalid("at must be an RFC 3339 string")
    try:
        return parse_instant(at)
    except ValueError as invalid:
        raise LineInvalid("at is not RFC 3339") from invalid


def _bounded(lines: IO[bytes]) -> Iterator[bytes | None]:
    """Yield each line with its end, None for one that is too long."""
    while line := lines.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := lines.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield None
        else:
            yield line


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):  # 1e999 would come back as Infinity, which is no JSON
        raise ValueError("a number that is not finite")
    return number


def _not_finite(constant: str) -> Never:
    raise ValueError(constant)
