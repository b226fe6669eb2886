"""Numbers of trains and flights, carriages and communities, as people type them and as lists print them.

Rules:

- Full-width letters and digits are their usual selves (NFKC), case does not count, white space does not count.
- What is commonly added is left away: a train's trailing counter word, a carriage's ordinal and noun.
- A train that changes its number under way has both: `G1234/1231` and `G1234/1` name two numbers.
- A flight's leading zeros do not count; an operator's code of letters and digits does.
- What is left must be letters, digits or Han characters. Nothing is guessed beyond that: two spellings either meet here
  or are two names.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum
from typing import Final

MAX_NUMBER: Final = 32
MAX_NAME: Final = 64


class Mode(IntEnum):
    """How a journey was made. Numbers are those of the wire."""

    TRAIN = 1
    FLIGHT = 2
    COACH = 3
    SHIP = 4
    CITY = 5


class NameInvalid(ValueError):
    """What was typed is no number or name of this kind. Never quotes it."""


_IGNORED: Final = re.compile(r"[\s\-_.'\u00b7\u2022\u30fb\u2010-\u2015\u2212\u2018\u2019]+")
_ADDED: Final = {
    Mode.TRAIN: re.compile(r"(?:次列车|次火车|次车|次|列车|火车|高铁|动车)"),
    Mode.FLIGHT: re.compile(r"(?:次航班|号航班|航班|次)"),
    Mode.COACH: re.compile(r"(?:次大巴|大巴|客车|次|班车|班次)"),
    Mode.SHIP: re.compile(r"(?:次轮渡|轮渡|客轮|号轮|航次|次|号)"),
    Mode.CITY: re.compile(r"(?:路公交车|路公交|公交车|公交|地铁|号线|路|出租车|出租|次)"),
}
_NUMBER: Final = re.compile(r"[0-9A-Z\u4e00-\u9fff]{1,32}")
_TRAIN: Final = re.compile(r"([A-Z]{0,2})0*([0-9]{1,5})")
_FLIGHT: Final = re.compile(r"([A-Z][A-Z0-9]|[0-9][A-Z]|[A-Z]{3})0*([0-9]{1,4})([A-Z]?)")
_CARRIAGE_ADDED: Final = re.compile(r"(?:车厢|号车|号|车|厢|第)")
_CARRIAGE: Final = re.compile(r"0*([0-9]{1,2}[A-Z]?)")
_NAME: Final = re.compile(r"[0-9A-Z\u3400-\u9fff()#]{1,64}")
_HAN_DIGITS: Final = {digit: number for number, digit in enumerate("零一二三四五六七八九")} | {"\u3007": 0, "两": 2}


def journey_numbers(typed: str, mode: Mode) -> tuple[str, ...]:
    """Return the numbers that `typed` names, each in its one spelling; of a train that changes its number, both.

    Raises: NameInvalid.
    """
    text = _plain(typed, MAX_NUMBER)
    parts = text.split("/")
    if len(parts) > 3:
        raise NameInvalid("too many numbers")
    first = _one_number(parts[0], mode)
    return (first, *(_one_number(_completed(part, first), mode) for part in parts[1:]))


def carriage(typed: str) -> str:
    """Return a carriage's number in its one spelling: `第03车厢`, `3号车` and `三` are 3.

    Raises: NameInvalid.
    """
    text = _CARRIAGE_ADDED.sub("", _plain(typed, MAX_NUMBER))
    text = _han_number(text) or text
    found = _CARRIAGE.fullmatch(text)
    if found is None:
        raise NameInvalid("no carriage")
    return found[1]


def community(typed: str) -> str:
    """Return a community's name in its one spelling. Raises: NameInvalid."""
    text = _plain(typed, MAX_NAME)
    if not _NAME.fullmatch(text):
        raise NameInvalid("no name")
    return text


def _plain(typed: str, most: int) -> str:
    if not typed or len(typed) > most:
        raise NameInvalid("nothing, or too long")
    return _IGNORED.sub("", unicodedata.normalize("NFKC", typed)).upper()


def _one_number(text: str, mode: Mode) -> str:
    text = _ADDED[mode].sub("", text)
    if not _NUMBER.fullmatch(text):
        raise NameInvalid("no number")
    if mode is Mode.TRAIN:
        found = _TRAIN.fullmatch(text)
        if found is None:
            raise NameInvalid("no train number")
        return found[1] + found[2]
    if mode is Mode.FLIGHT:
        found = _FLIGHT.fullmatch(text)
        if found is None:
            raise NameInvalid("no flight number")
        return found[1] + found[2] + found[3]
    return text


def _completed(part: str, first: str) -> str:
    """Return a second number in full: of `G1234/1` the 1 stands for the last digit of G1231."""
    if not part.isdigit():
        return part
    letters = first.rstrip("0123456789")
    digits = first[len(letters) :]
    return letters + (digits[: -len(part)] + part if len(part) < len(digits) else part)


def _han_number(text: str) -> str | None:
    """Return a number of 1 to 99 in Han digits as usual ones, None if it is none."""
    tens, ten, ones = text.partition("十")
    if not text or any(letter not in _HAN_DIGITS for letter in tens + ones) or len(tens) > 1 or len(ones) > 1:
        return None
    if not ten:
        return str(_HAN_DIGITS[tens])
    return str((_HAN_DIGITS[tens] if tens else 1) * 10 + (_HAN_DIGITS[ones] if ones else 0))
