"""Everything that an object holds on to, directly or through others: what its memory could still tell.

- Followed: attributes, containers, closures, caches of `functools`, the frames of tasks that are under way, and the
  module-level variables of the packages that are named.
- Not followed: other modules, since everything is reachable through those, the search's own words too.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType

TEXTS = (str, bytes, bytearray, memoryview)


def texts_reachable(root: object, *packages: str) -> Iterator[bytes]:
    """Yield every text and byte string that can be reached from `root` and from the variables of `packages`."""
    modules = dict(sys.modules)
    ours = [vars(module) for name, module in modules.items() if name.split(".")[0] in packages]
    followed = {id(variables) for variables in ours}
    seen = {id(vars(module)) for module in modules.values()} - followed
    waiting: list[object] = [root, *ours]
    # Kept, so that no id is given to another object during the walk.
    kept: list[object] = [seen, waiting]
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, ModuleType):
            continue
        seen.add(id(found))
        if isinstance(found, TEXTS):
            yield found.encode("utf-8", "surrogatepass") if isinstance(found, str) else bytes(found)
            continue
        kept.append(found)
        if isinstance(found, FunctionType):
            waiting += [found.__closure__, found.__defaults__, found.__kwdefaults__, found.__dict__]
        else:
            waiting += gc.get_referents(found)
