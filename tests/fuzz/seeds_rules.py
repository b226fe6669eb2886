"""Rules with data to evaluate them on, for the fuzz target `certlogic`: `{"logic": ..., "data": ...}`."""

from __future__ import annotations

import json
from typing import Any

_DATA = {
    "payload": {
        "v": [{"mp": "EU/1/20/1528", "dn": 2, "sd": 2, "dt": "2021-05-18"}],
        "dob": "2004-01",
        "r": None,
        "ci": "URN:UVCI:01:NL:187/37512422923#A",
    },
    "external": {
        "validationClock": "2021-07-01T12:00:00.5+02:00",
        "valueSets": {"vaccines": ["EU/1/20/1528", "EU/1/20/1507"]},
    },
}


def _var(path: str) -> dict[str, str]:
    return {"var": path}


def _moment(path: str, amount: int = 0, unit: str = "day") -> dict[str, Any]:
    return {"plusTime": [_var(path), amount, unit]}


_CLOCK = _moment("external.validationClock")
_COUNT = {
    "reduce": [
        [_var("payload.r"), _var("payload.t"), _var("payload.v")],
        {"+": [_var("accumulator"), {"if": [_var("current.0"), 1, 0]}]},
        0,
    ]
}


def rules() -> list[bytes]:
    """Return rules of every operator."""
    logics: list[Any] = [
        {"if": [_var("payload.v.0"), {"in": [_var("payload.v.0.mp"), _var("external.valueSets.vaccines")]}, True]},
        {"and": [{"===": [_COUNT, 1]}, {"!": [_var("payload.v.1")]}]},
        {"not-after": [_moment("payload.v.0.dt", 14), _CLOCK, _moment("payload.v.0.dt", 12, "month")]},
        {"before": [_moment("payload.v.0.dt", -40, "hour"), {"plusTime": ["2022", 1, "year"]}]},
        {"after": [{"dccDateOfBirth": [_var("payload.dob")]}, _moment("external.validationClock", -18, "year")]},
        {">=": [_var("payload.v.0.dn"), _var("payload.v.0.sd"), 1]},
        {"in": [{"extractFromUVCI": [_var("payload.ci"), 1]}, ["NL", "AT"]]},
    ]
    return [json.dumps({"logic": logic, "data": _DATA}).encode() for logic in logics]
