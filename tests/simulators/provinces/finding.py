"""What a province's system finds behind what it is asked about, before its dialect puts it into words."""

from __future__ import annotations

from dataclasses import dataclass

from .faults import Fault, FaultKind
from .people import Person
from .population import Colour, Shown
from .screens import Screens


@dataclass(frozen=True, slots=True)
class Finding:
    """A code as the system knows it, or nothing."""

    about: Person
    """Whom the answer is about; somebody, also if nothing was found, for a careless system to talk about."""
    colour: Colour | None
    """None: there is no such code."""
    shown: Shown | None
    expired: bool = False
    lies_expired: bool = False
    """It is to be passed off as a success that has expired, whatever it is."""
    echo: str = ""
    """The code that the answer says it is about."""


def find(screens: Screens, presented: str, fault: Fault, now: float) -> Finding:
    """Return what is behind `presented`, an id or a whole text, as `fault` has it."""
    people = screens.population
    shown = screens.find(presented)
    if shown is None:
        return Finding(people.somebody_else(0), None, None, echo=presented)
    about, echo = shown.person, presented
    if fault.kind is FaultKind.OTHER_PERSON:
        about = people.somebody_else(about.number)
        drawn = screens.draw(about.number)
        echo = drawn.identifier if presented != drawn.text else drawn.text
    return Finding(
        about,
        people.colour(about.number),
        shown,
        expired=shown.expires <= now,
        lies_expired=fault.kind is FaultKind.EXPIRED_AS_SUCCESS,
        echo=echo,
    )
