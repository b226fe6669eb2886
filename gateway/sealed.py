"""Bytes that must not be seen: a code that is kept so that it can be judged again."""

from __future__ import annotations

from typing import NoReturn


class Sealed:
    """Bytes that show in no repr and go into no file."""

    __slots__ = ("_code",)

    def __init__(self, code: bytes) -> None:
        self._code = code

    def __repr__(self) -> str:
        """Show nothing."""
        return "<sealed>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be written down."""
        raise TypeError("a sealed code is not written down")

    def __len__(self) -> int:
        return len(self._code)

    def open(self) -> bytes:
        """Return the code, to look at it again."""
        return self._code
