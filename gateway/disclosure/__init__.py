"""Room 5: who may see what.

`Decision -> Disclosure`: one frozen type per profile. A field that a profile may not show does not exist on its type,
so nothing downstream can send it by mistake. Unset means the least.

- `profiles.py`  the types, and what each takes of a decision
"""

from .profiles import Disclosure, GateDisclosure, StaffDisclosure, disclose

__all__ = ["Disclosure", "GateDisclosure", "StaffDisclosure", "disclose"]
