"""The members of a JSON object that a format requires: there, and of their type."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import CodeUnreadable, Reason


def text_member(members: Mapping[str, object], name: str) -> str:
    """Return a text that is not empty. Raises: CodeUnreadable with MISSING_CLAIM or BAD_CLAIM."""
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise CodeUnreadable(Reason.BAD_CLAIM if name in members else Reason.MISSING_CLAIM, name)
    return value


def object_member(
    members: Mapping[str, object], name: str, *, otherwise: Reason = Reason.BAD_CLAIM
) -> Mapping[str, object]:
    """Return an object. Raises: CodeUnreadable with MISSING_CLAIM, or with `otherwise` if it is none."""
    value = members.get(name)
    if not isinstance(value, dict):
        raise CodeUnreadable(otherwise if name in members else Reason.MISSING_CLAIM, name)
    return value
