"""Synthetic people, plainly so: every datum carries a mark that occurs nowhere else, so that a search finds any leak.

- No datum can be a real person's: division 999999 does not exist, nobody born in 1899 is alive, 199 0099 009x is one
  block of ten numbers, and no street is called Kanarienweg in a province of China.
- ID numbers are sound in form (GB 11643-1999, check character included): a check of the form does not give them away.
- Person number n is the same person in every run and every province.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

NAME_MARK: Final = "Kanarienvogel"
NAME_MARK_HAN: Final = "金丝雀先生女士"
ID_MARK: Final = "99999918990101"
PHONE_MARK: Final = "1990099009"
ADDRESS_MARK: Final = "Kanarienweg"

MARKS: Final = (NAME_MARK, NAME_MARK_HAN, ID_MARK, PHONE_MARK, ADDRESS_MARK)
"""What to search for: each person's name, ID number, phone and address holds its mark whole."""

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist."""

    number: int
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    phone: str = field(repr=False)
    address: str = field(repr=False)

    @property
    def story(self) -> str:
        """Return a sentence such as clerks type into free text, with all of it inside."""
        return f"{self.name} ({self.id_number}, {self.phone}) stayed at {self.address}"


def person(number: int) -> Person:
    """Return person number `number`, 0 or more."""
    return Person(
        number,
        f"{NAME_MARK_HAN} {NAME_MARK}-{number}",
        id_number(number % 1000),
        f"{PHONE_MARK}{number % 10}",
        f"金丝雀路 {ADDRESS_MARK} {number}",
    )


def id_number(sequence: int) -> str:
    """Return a sound ID number with a sequence of 0 to 999. Source: GB 11643-1999."""
    digits = f"{ID_MARK}{sequence:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True))
    return digits + _CHECKS[total % 11]
