"""Reading what lies at the end of a path: `var`, the operator that rules use most.

- An integer reads an array, or a member of an object that is called so; any other name reads an object.
- Reading beyond what is there gives null.
- A reader is written once for each shape of path (name, name, index, name), where each step is spelled out: half the
  time of a loop. Only the shape becomes code; the names and indices of a rule are handed to it as values.

Source: CertLogic specification 1.3.3, "Data access".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from .terms import Evaluate

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_MOST_STEPS: Final = 12
"""Longer paths than certificates have are read step by step."""


def reader(path: str) -> Evaluate:
    """Return the closure that reads the value at `path`, names and indices parted by dots; "" is the data itself."""
    if path == "":
        return lambda data: data
    names = path.split(".")
    if len(names) > _MOST_STEPS:
        return _in_two(reader(".".join(names[:_MOST_STEPS])), reader(".".join(names[_MOST_STEPS:])))
    indices = [int(name) if _INDEX.fullmatch(name) else None for name in names]
    return _maker(tuple(index is not None for index in indices))(names, indices)


def _in_two(first: Evaluate, second: Evaluate) -> Evaluate:
    return lambda data: second(first(data))


@cache
def _maker(shape: tuple[bool, ...]) -> Callable[[list[str], list[int | None]], Evaluate]:
    """Return what makes readers of one shape: for each step, whether it is an index."""
    places = range(len(shape))
    lines = ["def make(names, indices):"]
    lines += [f" name{place} = names[{place}]; index{place} = indices[{place}]" for place in places]
    lines += [" def read(data):"]
    for place in places:
        if shape[place]:
            lines += [
                "  if type(data) is list:",
                f"   if len(data) <= index{place}: return None",
                f"   data = data[index{place}]",
                f"  elif type(data) is dict: data = data.get(name{place})",
                "  else: return None",
            ]
        else:
            lines += ["  if type(data) is not dict: return None", f"  data = data.get(name{place})"]
    lines += ["  return data", " return read"]
    made: dict[str, Callable[[list[str], list[int | None]], Evaluate]] = {}
    exec("\n".join(lines), {}, made)  # noqa: S102 nothing of a rule is in it but the shape
    return made["make"]
