"""Opaque codes: whose an id looks like, by the shapes that the provinces' profiles describe.

A shape is a template of literals and placeholders, compiled to a pattern without nested repetition:

- `{hex:32}`, `{digits:6}`, `{base64:64}`, `{token:1-64}`   letters of a kind, so many (token: A-Z a-z 0-9 _ -)
- `{division}`   six digits that must lie within the issuer's own division
- what stands between `<` and `>` is the id that the issuer resolves; without them it is the whole text

A shape of kind `url` looks at one parameter of one page, a shape of kind `text` at all that was scanned.

Rules:

- ASCII without white space, at most MAX_OPAQUE_BYTES; work is linear in the text whatever it is. A placeholder of
  varying length takes all it can, so that what follows it must begin with a letter that it cannot take.
- A page is host and path, exactly (a host in any case, as in any URL); a text with a fragment is no page's. The
  parameter must stand there exactly once, its name and value percent-decoded strictly.
- Several shapes of one issuer: the first that matches. Of several issuers: see `_of_one`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from gateway.divisions import is_division, lies_within, shared_digits
from gateway.errors import CodeUnreadable, Reason
from gateway.values import DivisionCode, IssuerId, OpaqueCode

from . import MAX_CODE_BYTES
from .opaque_template import Template, TemplateInvalid, compile_template

MAX_OPAQUE_BYTES: Final = 512
"""What access controllers reserve for the text of a code."""

_PRINTABLE: Final = re.compile(rb"[!-~]++")
_NATIONAL: Final = re.compile(r"[0-9A-Za-z]{16,64}")
_ESCAPED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_STRICTLY_ESCAPED: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*+")

_PAGE: Final = re.compile(r"[a-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~%+/-]*)?")
_PARAMETER: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class ShapeInvalid(ValueError):
    """A shape that cannot be used. `member` of it is at fault; `why` is for the operator."""

    def __init__(self, member: str, why: str) -> None:
        super().__init__(f"{member}: {why}")
        self.member = member
        self.why = why


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


@dataclass(frozen=True, slots=True)
class _Claim:
    """One issuer's claim to a code."""

    rank: int
    issuer: IssuerId
    division: DivisionCode
    """The issuer's own."""
    embedded: str | None
    """The one inside the code."""
    identifier: str = field(repr=False)
    national: str | None = field(repr=False)


class _Compiled(NamedTuple):
    """A shape, ready to look."""

    rank: int
    """Its place among all shapes."""
    shape: CodeShape
    pattern: re.Pattern[str]

    def claim(self, value: str, national: str | None = None) -> _Claim | None:
        """Return what the shape makes of `value`, if it matches."""
        found = self.pattern.fullmatch(value)
        if found is None:
            return None
        named = found.groupdict()
        embedded = named.get("division")
        if embedded is not None and not lies_within(embedded, self.shape.division):
            return None
        if national is not None and not _NATIONAL.fullmatch(national):
            national = None
        return _Claim(self.rank, self.shape.issuer, self.shape.division, embedded, named["id"], national)


class OpaqueShapes:
    """All shapes of all issuers, compiled. Immutable."""

    __slots__ = ("_pages", "_texts")

    def __init__(self, shapes: Iterable[CodeShape] = ()) -> None:
        """Compile. Raises: ShapeInvalid."""
        pages: dict[str, dict[str, tuple[_Compiled, ...]]] = {}
        texts: dict[str, tuple[_Compiled, ...]] = {}
        for rank, shape in enumerate(shapes):
            template = _template(shape)
            compiled = _Compiled(rank, shape, template.pattern)
            if shape.page is not None and shape.parameter is not None:
                page = pages.setdefault(shape.page, {})
                page[shape.parameter] = (*page.get(shape.parameter, ()), compiled)
                continue
            for letter in template.begins:
                texts[letter] = (*texts.get(letter, ()), compiled)
        self._pages: Mapping[str, Mapping[str, tuple[_Compiled, ...]]] = pages
        self._texts: Mapping[str, tuple[_Compiled, ...]] = texts

    def read(self, code: bytes) -> OpaqueCode:
        """Return whose code it looks like and what to ask.

        1. something, and not too much of it; printable ASCII
        2. the claims of the page's shapes, and of the shapes of texts that begin with this letter
        3. one issuer

        The division is the one inside the code where there is one, else its issuer's.

        Raises: CodeUnreadable with EMPTY_CODE, TOO_LARGE (as `read_code`), UNRECOGNISED (nobody's, also if longer than
        MAX_OPAQUE_BYTES) or ISSUER_AMBIGUOUS (of two issuers).
        """
        # 1
        if not code:
            raise CodeUnreadable(Reason.EMPTY_CODE)
        if len(code) > MAX_OPAQUE_BYTES:
            raise CodeUnreadable(Reason.TOO_LARGE if len(code) > MAX_CODE_BYTES else Reason.UNRECOGNISED)
        if not _PRINTABLE.fullmatch(code):
            raise CodeUnreadable(Reason.UNRECOGNISED)
        text = code.decode("ascii")
        # 2
        claims = self._claims_by_page(text) if self._pages else []
        claims += [claim for compiled in self._texts.get(text[0], ()) if (claim := compiled.claim(text)) is not None]
        # 3
        if not claims:
            raise CodeUnreadable(Reason.UNRECOGNISED)
        claim = claims[0] if len(claims) == 1 else _of_one(claims)
        division = claim.division if claim.embedded is None else DivisionCode(claim.embedded)
        return OpaqueCode(claim.issuer, division, text, claim.identifier, claim.national)

    def _claims_by_page(self, text: str) -> list[_Claim]:
        scheme, colon, rest = text.partition("://")
        if not colon or scheme.lower() not in ("https", "http") or "#" in rest:
            return []
        place, _, query = rest.partition("?")
        host, slash, path = place.partition("/")
        page = self._pages.get(host.lower() + slash + path)
        if page is None:
            return []
        given = _parameters(query)
        claims = []
        for parameter, shapes in page.items():
            value = given.get(parameter)
            if value is None:
                continue
            for compiled in shapes:
                national = compiled.shape.national_parameter
                claim = compiled.claim(value, None if national is None else given.get(national))
                if claim is not None:
                    claims.append(claim)
        return claims


def _parameters(query: str) -> dict[str, str | None]:
    """Return the parameters by name; None for one that stands there twice or whose value is not decodable.

    A name that is not decodable could be any name, a second one of those that count too: then there are none at all.
    """
    given: dict[str, str | None] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        decoded = _unescaped(name)
        if decoded is None:
            return {}
        given[decoded] = None if decoded in given else _unescaped(value)
    return given


def _unescaped(text: str) -> str | None:
    if "%" not in text:
        return text
    if not _STRICTLY_ESCAPED.fullmatch(text):
        return None
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _of_one(claims: list[_Claim]) -> _Claim:
    """Return the claim that counts.

    1. Of each issuer, that of its first shape. One issuer: that is it.
    2. A city may run codes of its own inside a province that does too. If the divisions of all issuers lie in one
       another and the code names a division, the narrowest issuer that contains it wins.
    3. Anything else is nobody's to decide.

    Raises: CodeUnreadable with ISSUER_AMBIGUOUS.
    """
    # 1
    by_issuer: dict[IssuerId, _Claim] = {}
    for claim in sorted(claims, key=lambda one: one.rank):
        by_issuer.setdefault(claim.issuer, claim)
    if len(by_issuer) == 1:
        return next(iter(by_issuer.values()))
    # 2
    named = {claim.embedded for claim in by_issuer.values() if claim.embedded is not None}
    chain = sorted(by_issuer.values(), key=lambda one: len(shared_digits(one.division)))
    nested = all(
        outer.division != inner.division and lies_within(inner.division, outer.division)
        for outer, inner in pairwise(chain)
    )
    if nested and len(named) == 1:
        embedded = named.pop()
        return next(claim for claim in reversed(chain) if lies_within(embedded, claim.division))
    # 3
    raise CodeUnreadable(Reason.ISSUER_AMBIGUOUS)


def _template(shape: CodeShape) -> Template:
    """Return the compiled template of a shape whose other members have their forms. Raises: ShapeInvalid."""
    if not is_division(shape.division):
        raise ShapeInvalid("division", "six digits of GB/T 2260 are required")
    if (shape.page is None) != (shape.parameter is None):
        raise ShapeInvalid("parameter", "page and parameter belong together")
    if shape.page is not None and not _PAGE.fullmatch(shape.page):
        raise ShapeInvalid("page", "host and path are required, as in code.example/qr")
    for member, name in (("parameter", shape.parameter), ("national_parameter", shape.national_parameter)):
        if name is not None and not _PARAMETER.fullmatch(name):
            raise ShapeInvalid(member, "1 to 64 of A-Z a-z 0-9 _ . - are required")
    if shape.national_parameter is not None and (shape.page is None or shape.national_parameter == shape.parameter):
        raise ShapeInvalid("national_parameter", "is a parameter of the page beside the other one")
    try:
        return compile_template(shape.template)
    except TemplateInvalid as invalid:
        raise ShapeInvalid("template", str(invalid)) from None
