"""Opaque codes: whose an id looks like, by the shapes that the provinces' profiles describe.

A shape is a template of literals and placeholders, compiled to a pattern without nested repetition:

- `{hex:32}`, `{digits:6}`, `{base64:64}`, `{token:1-64}`   letters of a kind, so many (token: A-Z a-z 0-9 _ -)
- `{division}`   six digits that must lie within the issuer's own division
- what stands between `<` and `>` is the id that the issuer resolves; without them it is the whole text

A shape of kind `url` looks at one parameter of one page, a shape of kind `text` at all that was scanned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.errors import CodeUnreadable, Reason
from gateway.values import DivisionCode, IssuerId, OpaqueCode

MAX_OPAQUE_BYTES: Final = 512
"""What access controllers reserve for the text of a code."""


class ShapeInvalid(ValueError):
    """A template that cannot be used; says why, for the operator."""


@dataclass(frozen=True, slots=True)
class CodeShape:
    """How codes of one issuer look."""

    issuer: IssuerId
    division: DivisionCode
    template: str
    """Of the parameter's value (kind url) or of the whole text (kind text)."""
    page: str | None = None
    """Kind url: host and path, as in `code.example/qr`; https and http alike. None: kind text."""
    parameter: str | None = None
    """Kind url: the parameter that holds the id."""
    national_parameter: str | None = None
    """Kind url: the parameter that holds the national platform's id, if codes carry one."""


class OpaqueShapes:
    """All shapes of all issuers, compiled. Immutable."""

    def __init__(self, shapes: Iterable[CodeShape] = ()) -> None:
        """Compile. Raises: ShapeInvalid."""
        self._shapes = tuple(shapes)

    def read(self, code: bytes) -> OpaqueCode:
        """Return whose code it looks like and what to ask.

        Raises: CodeUnreadable with EMPTY_CODE, TOO_LARGE (as `read_code`), UNRECOGNISED (nobody's, also if longer than
        MAX_OPAQUE_BYTES) or ISSUER_AMBIGUOUS (of two issuers).
        """
        if not code:
            raise CodeUnreadable(Reason.EMPTY_CODE)
        raise CodeUnreadable(Reason.UNRECOGNISED)
