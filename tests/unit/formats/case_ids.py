"""Names of parametrised cases: the codes differ in every run and are far too long to name anything."""

from __future__ import annotations

from gateway.errors import Reason


def case_id(value: object) -> str:
    """Return the reason's name for a reason, one word for anything else."""
    return value.name if isinstance(value, Reason) else "code"
