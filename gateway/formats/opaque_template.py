"""The templates of opaque codes, and the patterns that they become.

Rules:

- A template is literals, `{hex:32}` `{digits:6}` `{base64:64}` `{token:1-64}`, at most one `{division}`, and at most
  one pair of `<` `>` around the id.
- A pattern never goes back over what it read: a placeholder of varying length takes all it can, so what follows it
  must begin with a letter that it cannot take. Matching is linear in the text.
- An id without a placeholder is refused: one fixed text is nobody's code.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple

MAX_LENGTH: Final = 512
"""Of a template, and of what one placeholder may take."""

_PART: Final = re.compile(
    r"\{(?P<kind>hex|digits|base64|token):(?P<least>[0-9]{1,3})(?:-(?P<most>[0-9]{1,3}))?\}"
    r"|(?P<division>\{division\})"
    r"|(?P<mark>[<>])"
    r"|(?P<literal>[!-;=?-z|~])"
)
_LETTERS: Final = {
    "hex": "[0-9A-Fa-f]",
    "digits": "[0-9]",
    "base64": "[A-Za-z0-9+/=]",
    "token": "[A-Za-z0-9_-]",
}
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))


class TemplateInvalid(ValueError):
    """A template that cannot be used; says why, for the operator."""


class Template(NamedTuple):
    """A compiled template."""

    pattern: re.Pattern[str]
    """With the groups `id` (always) and `division` (if the template has one)."""
    begins: frozenset[str]
    """The letters that a matching text may begin with."""


class _Part(NamedTuple):
    position: int
    word: str
    """As it stands in the template."""
    pattern: str
    first: str
    """The letters that it may begin with, as a class."""
    varies: bool = False
    """Whether it is a placeholder of varying length; its letters are then `first`."""
    resolves: bool = False
    """Whether an id may be made of it: a placeholder that is not the division."""


def compile_template(template: str) -> Template:
    """Compile.

    1. Known parts only, at most MAX_LENGTH.
    2. One id with a placeholder in it, one division at most.
    3. What follows a part of varying length begins with a letter that it cannot take.

    Raises: TemplateInvalid.
    """
    # 1
    parts = _parts(template)
    # 2
    words = [part.word for part in parts]
    if (words.count("<"), words.count(">")) == (0, 0):
        parts = [_mark(0, "<"), *parts, _mark(len(template), ">")]
    elif (words.count("<"), words.count(">")) != (1, 1) or words.index("<") > words.index(">"):
        raise TemplateInvalid("one pair of < and > is allowed, around the id")
    if words.count("{division}") > 1:
        raise TemplateInvalid("{division} is allowed once")
    words = [part.word for part in parts]
    if not any(part.resolves for part in parts[words.index("<") : words.index(">")]):
        raise TemplateInvalid("the id needs a placeholder beside {division}: one fixed text is nobody's code")
    # 3
    matched = [part for part in parts if part.word not in ("<", ">")]
    for before, after in pairwise(matched):
        if before.varies and _letters(before.first) & _letters(after.first):
            raise TemplateInvalid(
                f"at position {after.position + 1}: may begin with a letter that {before.word} could take"
            )
    return Template(re.compile("".join(part.pattern for part in parts)), _letters(matched[0].first))


def _parts(template: str) -> list[_Part]:
    if len(template) > MAX_LENGTH:
        raise TemplateInvalid(f"is longer than {MAX_LENGTH} letters")
    parts = []
    position = 0
    while position < len(template):
        found = _PART.match(template, position)
        if found is None:
            raise TemplateInvalid(f"no placeholder and no letter that is allowed at position {position + 1}")
        parts.append(_part(found))
        position = found.end()
    return parts


def _part(found: re.Match[str]) -> _Part:
    position, word = found.start(), found[0]
    if found["mark"]:
        return _mark(position, word)
    if found["literal"]:
        return _Part(position, word, re.escape(word), f"[{re.escape(word)}]")
    if found["division"]:
        return _Part(position, word, "(?P<division>[1-9][0-9]{5})", "[1-9]")
    letters, least = _LETTERS[found["kind"]], int(found["least"])
    most = int(found["most"] or least)
    if not 1 <= least <= most <= MAX_LENGTH:
        raise TemplateInvalid(f"at position {position + 1}: counts run from 1 to {MAX_LENGTH}, the lower one first")
    # Possessive: what it took is never tried again.
    return _Part(position, word, f"{letters}{{{least},{most}}}+", letters, varies=least != most, resolves=True)


def _mark(position: int, word: str) -> _Part:
    return _Part(position, word, "(?P<id>" if word == "<" else ")", "")


def _letters(letters: str) -> frozenset[str]:
    return frozenset(re.findall(letters, _PRINTABLE))
