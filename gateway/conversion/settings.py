"""What can be chosen about conversion, and the bounds that cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.values import IssuerId

MAX_PER_ORIGINAL: Final = 64
"""Live codes made from one original for one division: nobody needs more, and each costs a place."""


LOOKS_PER_S: Final = 1_000
"""Signed originals that are looked at again in a second, beside everything else that a worker does."""


class ConversionRefused(ValueError):
    """Conversion cannot be set up like this. The text is for the operator; it names an option."""


@dataclass(frozen=True, slots=True)
class ConversionSettings:
    """How to convert."""

    issuer: IssuerId
    """The name in which converted codes are issued, as other gateways' trust lists have it (with `converts`)."""
    status_uri: str
    """https address below which the gateway's status lists are named."""
    max_lifetime_s: float = 14_400.0
    """Seconds that a converted code lives at most."""
    recheck_s: float = 60.0
    """Seconds between two looks at an original."""
    stale_after_s: float = 300.0
    """Seconds without news of an original after which its converted codes are MANUAL."""
    capacity: int = 100_000
    """Converted codes that live at one time; beyond, the verdict is given and no code."""
    questions_per_s: int = 50
    """Questions that looking again may put to one province in a second."""
    ask_s: float = 2.0
    """Seconds that one of them may take."""

    def __post_init__(self) -> None:
        """Check what would make a promise of the module's untrue. Raises: ConversionRefused."""
        if not 1 <= self.max_lifetime_s <= 86_400:
            raise ConversionRefused("conversion.max_lifetime_s: 1 to 86400 seconds are required")
        if not 1 <= self.recheck_s <= self.stale_after_s / 2:
            raise ConversionRefused("conversion.recheck_s: at least 1 s and at most half of stale_after_s is required")
        if not 1 <= self.capacity <= 10_000_000:
            raise ConversionRefused("conversion.capacity: 1 to 10000000 is required")
        if self.questions_per_s < 1 or not 0 < self.ask_s <= self.recheck_s:
            raise ConversionRefused("conversion: at least one question a second, of at most recheck_s, is required")

    @property
    def online_capacity(self) -> int:
        """Originals of one province that can be asked about again in good time; beyond, no code is made."""
        return max(1, int(self.questions_per_s * self.stale_after_s / 2))

    @property
    def signed_capacity(self) -> int:
        """Signed originals that can be looked at again in good time; beyond, no code is made."""
        return max(1, int(LOOKS_PER_S * self.stale_after_s / 2))
