"""Room 5: who may see what.

`Decision -> Disclosure`: one frozen type per profile. A field that a profile may not show does not exist on its type,
so nothing downstream can send it by mistake. Unset means the least.

- `profiles.py`  the types, and what each takes of a decision
"""

from __future__ import annotations

from .profiles import (
    ClinicDisclosure,
    Disclosure,
    GateDisclosure,
    ProvinceDisclosure,
    StaffDisclosure,
    disclose,
)

__all__ = [
    "ClinicDisclosure",
    "Disclosure",
    "GateDisclosure",
    "ProvinceDisclosure",
    "StaffDisclosure",
    "disclose",
]
