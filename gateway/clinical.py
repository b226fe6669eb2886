"""The words of clinical items: what a clinic may ask for, on what basis in law, and how an item travels.

Rules:

- One item, of the one disease that codes are about. It holds codes of value sets, dates and numbers: never a text that
  somebody wrote.
- From where it is read to where it is told it is sealed: it shows in no repr, no comparison and no file. Only the
  CLINIC disclosure opens it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

from keys.values import Instant


class ClinicalItem(IntEnum):
    """What may be asked for, one in a call. Numbers are those of the wire; unset is refused."""

    LATEST_VACCINATION = 1
    LATEST_TEST = 2
    RECOVERY = 3


class LawfulBasis(IntEnum):
    """What the caller relies on, as she states it. Nothing checks that it is true: it is audited.

    Source: Personal Information Protection Law of the PRC, articles 13 and 29; Law of the PRC on the Prevention and
    Treatment of Infectious Diseases (2013), articles 12, 30 and 52. Modelled on them, not a legal reading of them.
    """

    SEPARATE_CONSENT = 1
    """The person's separate consent (PIPL 13(1), 29)."""
    MEDICAL_TREATMENT = 2
    """Reception, triage and treatment by a medical institution (PIPL 13(3); infectious diseases 52)."""
    EMERGENCY_LIFE_SAFETY = 3
    """An emergency of public health, or to protect life and health in one (PIPL 13(4))."""
    STATUTORY_DUTY = 4
    """Investigation or report of an infectious disease, as the law obliges (PIPL 13(3); infectious diseases 12, 30)."""


class EntryState(IntEnum):
    """What became of the item that was asked for. Numbers are those of the wire."""

    SHOWN = 1
    NOT_IN_CODE = 2
    """The code is genuine and valid, and holds no such item that can be told in codes."""
    NOT_PROVEN = 3
    """The code is not proven genuine and valid: nothing of it is told."""


class ProductSystem(IntEnum):
    """Which value set a product's code is of. Numbers are those of the wire."""

    EU_MEDICINAL_PRODUCT = 1
    CVX = 2
    ICD_11 = 3
    SNOMED_CT = 4
    ATC = 5


class Assay(IntEnum):
    """What was tested with. Numbers are those of the wire."""

    NUCLEIC_ACID = 1
    ANTIGEN = 2
    ANTIBODY = 3


class AssayResult(IntEnum):
    """What it showed. Numbers are those of the wire."""

    NOT_DETECTED = 1
    DETECTED = 2


@dataclass(frozen=True, slots=True, repr=False)
class Vaccination:
    """A dose against the disease. What the code does not say in a form that is known is None."""

    date: str
    """YYYY-MM-DD, YYYY-MM or YYYY: as exact as the code has it."""
    product_system: ProductSystem | None = None
    product: str | None = None
    dose: int | None = None
    """Which dose it was."""
    doses: int | None = None
    """Of how many."""


@dataclass(frozen=True, slots=True, repr=False)
class LaboratoryTest:
    """A test for the disease."""

    date: str
    """YYYY-MM-DD, as it was where the sample was taken."""
    sample_time: Instant | None = None
    """None if only the day is known."""
    kind: Assay | None = None
    result: AssayResult | None = None
    """None if it was not understood: it may have been positive."""


@dataclass(frozen=True, slots=True, repr=False)
class Recovery:
    """A recovery from the disease."""

    first_positive: str
    """YYYY-MM-DD."""
    valid_from: str | None = None
    valid_until: str | None = None


ClinicalEntry = Vaccination | LaboratoryTest | Recovery


@dataclass(frozen=True, slots=True)
class ClinicalQuestion:
    """What a call asks for beside the verdict, and by what right. Holds nothing of the person: it may be audited."""

    item: ClinicalItem
    basis: LawfulBasis


class SealedEntry:
    """One clinical item on its way. Shows nothing, equals nothing but itself, and goes into no file."""

    __slots__ = ("_entry",)

    def __init__(self, entry: ClinicalEntry) -> None:
        self._entry = entry

    def __repr__(self) -> str:
        """Show nothing."""
        return "<sealed>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be written down."""
        raise TypeError("a sealed item is not written down")

    def open(self) -> ClinicalEntry:
        """Return the item, to tell it to whom it was granted."""
        return self._entry
