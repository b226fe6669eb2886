"""What stands on people's screens: codes as one province draws them, and how its system knows them again.

A province's template (its profile's `[[recognise]]`) is filled here; it is read by the gateway. Neither side uses the
other's reading of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from urllib.parse import quote

from .population import Population, Shown

_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\d+)(?:-(\d+))?)?\}")
_LETTERS = {
    "hex": "0123456789abcdef",
    "digits": "0123456789",
    "base64": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "token": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A code on a screen."""

    shown: Shown
    text: str = field(repr=False)
    """All that a scanner reads."""
    identifier: str = field(repr=False)
    """The id inside, as the issuer takes it."""


class Screens:
    """The screens of one province's people."""

    def __init__(self, population: Population, division: str, shape: Mapping[str, object]) -> None:
        """Take one `[[recognise]]` row of the province's profile."""
        self.population = population
        self._division = division
        self._shape = {name: str(value) for name, value in shape.items()}
        self._known: dict[str, Shown] = {}

    def draw(self, number: int, *, national: str = "", age_s: float = 0.0) -> Drawn:
        """Return what person `number` showed `age_s` seconds ago; `national` is the national id of the same code."""
        shown = self.population.show(number, age_s=age_s)
        whole, identifier = fill(self._shape["template"], shown.identifier, self._division)
        if self._shape["kind"] == "url":
            whole = f"https://{self._shape['page']}?{self._shape['parameter']}={quote(whole, safe='')}"
            beside = self._shape.get("national_parameter")
            if beside and national:
                whole += f"&{beside}={quote(national, safe='')}"
        self._known[identifier] = self._known[whole] = shown
        return Drawn(shown, whole, identifier)

    def find(self, presented: str) -> Shown | None:
        """Return the code behind an id or a whole text; None if it is none of this province's."""
        return self._known.get(presented)


def fill(template: str, seed: str, division: str) -> tuple[str, str]:
    """Return the text of a template and the id in it; both follow from `seed`, 32 hex digits."""
    pieces = iter(_pieces(template, seed, division))
    text = "".join(pieces)
    before, opens, rest = text.partition("<")
    identifier, _, after = rest.partition(">")
    return (before + identifier + after, identifier) if opens else (text, text)


def _pieces(template: str, seed: str, division: str) -> Iterator[str]:
    end = 0
    for place, found in enumerate(_PLACEHOLDER.finditer(template)):
        yield template[end : found.start()]
        end = found.end()
        kind, least = found[1], int(found[2] or 0)
        if kind == "division":
            yield division
        elif kind == "hex" and least == len(seed) and place == 0:
            yield seed
        else:
            many = max(least, min(int(found[3] or least), 32))
            letters = _LETTERS[kind]
            raw = blake2b(f"{seed}/{place}".encode(), digest_size=64).digest() * (many // 64 + 1)
            yield "".join(letters[byte % len(letters)] for byte in raw[:many])
    yield template[end:]
